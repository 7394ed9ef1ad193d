//! The shepherd: parent of a container's first process where no cgroup knows who belongs to the container.
//!
//! Whatever of the container loses its parent becomes the shepherd's child. When the first process has ended, one of those
//! that are watched has ended, or SIGTERM asks for it, everything below the shepherd is killed, again and again until the
//! kernel says that it has no child left; then it ends as the first process did. It is a copy of its maker that allocates
//! nothing.

use std::ptr;

use libc::{c_long, syscall};

use super::super::steps::Shepherd;
use super::{Errno, check, close_range};

/// Between two looks at what is still to be killed.
static ROUND: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 2_000_000,
};
/// Nobody's family is deeper.
const DEEPEST: usize = 4096;

/// Divides the process: returns in the first process, which ends with the shepherd, and never in the shepherd.
pub(super) fn divide(step: &Shepherd) -> Result<(), Errno> {
    // SAFETY: no pointers.
    check(unsafe { syscall(libc::SYS_setsid) })?;
    // SAFETY: no pointers.
    check(unsafe { syscall(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })?;
    // SAFETY: no pointers.
    let own = check(unsafe { syscall(libc::SYS_getpid) })?;
    let signals = signals()?;
    // SAFETY: the structure is plain integers, for which all zeros are valid.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: without CLONE_VM this is `fork`: the new process has a copy of the stack and returns here with 0.
    let first = check(unsafe {
        syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    })?;
    if first == 0 {
        // SAFETY: no pointers.
        check(unsafe { syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
        // SAFETY: no pointers.
        if unsafe { syscall(libc::SYS_getppid) } != own {
            return Err(Errno(libc::ESRCH));
        }
        return Ok(());
    }
    watch(step, number(own), number(first), signals)
}

fn number(value: c_long) -> i32 {
    i32::try_from(value).unwrap_or(0)
}

/// SIGCHLD and SIGTERM as something that is read. All signals are blocked here.
fn signals() -> Result<i32, Errno> {
    let mask: u64 = (1 << (libc::SIGCHLD - 1)) | (1 << (libc::SIGTERM - 1));
    let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
    // SAFETY: a mask of the kernel's size, eight bytes, that lives across the call.
    check(unsafe { syscall(libc::SYS_signalfd4, -1, &raw const mask, 8, flags) }).map(number)
}

fn watch(step: &Shepherd, own: i32, first: i32, signals: i32) -> ! {
    let name = c"porthole-herd";
    let told = first.to_ne_bytes();
    // SAFETY: a static string, and a buffer that is valid for its length. A maker that does not read is gone.
    unsafe {
        syscall(libc::SYS_prctl, libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0);
        syscall(libc::SYS_write, step.tell, told.as_ptr(), told.len());
        syscall(libc::SYS_chdir, c"/".as_ptr());
    }
    // Everything else is closed: the container's streams are not kept open, and the report ends.
    let mut polled = [signals, step.watched[0], step.watched[1]].map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let mut kept = polled.map(|one| one.fd);
    kept.sort_unstable();
    let mut next = 0;
    for fd in kept.into_iter().filter_map(|fd| u32::try_from(fd).ok()) {
        if fd > next {
            let _ = close_range(next, fd - 1);
        }
        next = next.max(fd + 1);
    }
    let _ = close_range(next, u32::MAX);

    let mut ended: Option<i32> = None;
    let mut killing = false;
    loop {
        loop {
            let mut status = 0;
            // SAFETY: a number of this frame; no statistics are asked for.
            let reaped = check(unsafe {
                syscall(
                    libc::SYS_wait4,
                    -1,
                    &raw mut status,
                    libc::WNOHANG | libc::__WALL,
                    ptr::null::<u8>(),
                )
            });
            match reaped {
                Ok(0) | Err(Errno(libc::EINTR)) => break,
                Ok(pid) if pid == c_long::from(first) => {
                    ended = Some(status);
                    killing = true;
                }
                Ok(_) => {}
                // No child is left.
                Err(_) => end_as(own, ended),
            }
        }
        if killing {
            if ended.is_none() {
                // Not waited for yet: the number is its own.
                // SAFETY: no pointers.
                unsafe { syscall(libc::SYS_kill, first, libc::SIGKILL) };
            }
            hunt(own);
        }
        let limit = if killing { &raw const ROUND } else { ptr::null() };
        // SAFETY: three structures of the kernel's, a time limit that lives for ever or none, no signal mask.
        unsafe {
            syscall(
                libc::SYS_ppoll,
                polled.as_mut_ptr(),
                3,
                limit,
                ptr::null::<u8>(),
                8,
            )
        };
        killing |= asked(signals);
        for one in &mut polled[1..] {
            if one.fd >= 0 && one.revents != 0 {
                killing = true;
                one.fd = -1;
            }
        }
    }
}

/// Reads what signals came, and says whether one asked for the end.
fn asked(signals: i32) -> bool {
    let mut asked = false;
    loop {
        // `struct signalfd_siginfo` begins with the signal's number.
        let mut info = [0_u32; 32];
        // SAFETY: the buffer is valid for its length.
        let read = unsafe { syscall(libc::SYS_read, signals, info.as_mut_ptr(), size_of_val(&info)) };
        if read <= 0 {
            return asked;
        }
        asked |= info[0] == libc::SIGTERM.unsigned_abs();
    }
}

/// Ends this process as the first one ended.
fn end_as(own: i32, status: Option<i32>) -> ! {
    let code = match status {
        Some(status) if libc::WIFSIGNALED(status) => {
            let signal = libc::WTERMSIG(status);
            // SAFETY: no pointers, but for a null that is "the default", and an empty mask of eight bytes. The first
            // process has left its core already, if it left one.
            unsafe {
                let nothing = 0_u64;
                syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
                let action = super::Action {
                    handler: libc::SIG_DFL,
                    flags: 0,
                    restorer: 0,
                    mask: 0,
                };
                syscall(
                    libc::SYS_rt_sigaction,
                    signal,
                    &raw const action,
                    ptr::null::<u8>(),
                    8,
                );
                syscall(libc::SYS_kill, own, signal);
                syscall(
                    libc::SYS_rt_sigprocmask,
                    libc::SIG_SETMASK,
                    &raw const nothing,
                    ptr::null::<u8>(),
                    8,
                );
            }
            128 + signal
        }
        Some(status) => libc::WEXITSTATUS(status),
        None => 255,
    };
    loop {
        // SAFETY: ends the process, without running anything of its maker's.
        unsafe { syscall(libc::SYS_exit_group, code) };
    }
}

/// Room for entries of a directory, aligned as the kernel writes them.
#[repr(align(8))]
struct Entries([u8; 8192]);

/// Kills every process that has `own` among its ancestors.
fn hunt(own: i32) {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    let Ok(directory) = open(c"/proc".to_bytes_with_nul(), flags) else {
        return;
    };
    let mut entries = Entries([0; 8192]);
    loop {
        let buffer = &mut entries.0;
        // SAFETY: the buffer is valid for its length.
        let read = unsafe { syscall(libc::SYS_getdents64, directory, buffer.as_mut_ptr(), buffer.len()) };
        let Some(read) = usize::try_from(read).ok().filter(|read| *read > 0) else {
            break;
        };
        let mut left = &entries.0[..read.min(entries.0.len())];
        // `struct linux_dirent64`: inode and offset of eight bytes each, length of two, type of one, name.
        while let Some(length) = left.get(16..18) {
            let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
            let (entry, rest) = left.split_at(length.max(19).min(left.len()));
            left = rest;
            if let Some(pid) = entry.get(19..).and_then(decimal)
                && pid != own
            {
                kill_if_below(pid, own);
            }
        }
    }
    // SAFETY: opened above and not used any more.
    unsafe { syscall(libc::SYS_close, directory) };
}

fn kill_if_below(pid: i32, own: i32) {
    // First the handle, then the look: a number that is used again meanwhile is looked at, and nothing happens to it.
    // SAFETY: no pointers.
    let Ok(handle) = check(unsafe { syscall(libc::SYS_pidfd_open, pid, 0) }) else {
        return;
    };
    if is_below(pid, own) {
        // SAFETY: no pointers but a null, which is "as kill does".
        unsafe {
            syscall(
                libc::SYS_pidfd_send_signal,
                handle,
                libc::SIGKILL,
                ptr::null::<u8>(),
                0,
            )
        };
    }
    // SAFETY: opened above and not used any more.
    unsafe { syscall(libc::SYS_close, handle) };
}

fn is_below(pid: i32, own: i32) -> bool {
    let mut pid = pid;
    for _ in 0..DEEPEST {
        match parent(pid) {
            Some(parent) if parent == own => return true,
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

/// The parent of a process, of `/proc/PID/stat`.
fn parent(pid: i32) -> Option<i32> {
    let mut path = [0_u8; 32];
    let digits = write_decimal(pid, path.get_mut(6..)?)?;
    path.get_mut(..6)?.copy_from_slice(b"/proc/");
    path.get_mut(6 + digits..6 + digits + 5)?
        .copy_from_slice(b"/stat");
    let file = open(&path, libc::O_RDONLY | libc::O_CLOEXEC).ok()?;
    let mut text = [0_u8; 512];
    // SAFETY: the buffer is valid for its length, and the descriptor is not used after it is closed.
    let read = unsafe {
        let read = syscall(libc::SYS_read, file, text.as_mut_ptr(), text.len());
        syscall(libc::SYS_close, file);
        read
    };
    parent_in(text.get(..usize::try_from(read).ok()?)?)
}

/// Field 4, counted after the name, which may contain anything (`proc_pid_stat(5)`).
fn parent_in(stat: &[u8]) -> Option<i32> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    // ") S 12 …"
    decimal(stat.get(name_ends + 4..)?)
}

/// The number at the beginning of a text, up to a NUL or a space.
fn decimal(text: &[u8]) -> Option<i32> {
    let mut value: i32 = 0;
    let mut digits = 0;
    for byte in text {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(i32::from(byte - b'0'))?,
            0 | b' ' => break,
            _ => return None,
        }
        digits += 1;
    }
    (digits > 0).then_some(value)
}

/// Writes a number that is not negative, and says how many digits it has.
fn write_decimal(value: i32, into: &mut [u8]) -> Option<usize> {
    let mut digits = [0_u8; 10];
    let mut left = value.unsigned_abs();
    let mut count = 0;
    loop {
        *digits.get_mut(count)? = b'0' + u8::try_from(left % 10).ok()?;
        count += 1;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    for index in 0..count {
        *into.get_mut(index)? = *digits.get(count - 1 - index)?;
    }
    Some(count)
}

/// Opens a path that ends in NUL.
fn open(path: &[u8], flags: i32) -> Result<i32, Errno> {
    if path.last() != Some(&0) {
        return Err(Errno(libc::EINVAL));
    }
    // SAFETY: the path ends in NUL, as was just seen.
    check(unsafe { syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) }).map(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_parent_of_a_process_of_any_name() {
        assert_eq!(parent_in(b"12 (sh) S 7 12 12"), Some(7));
        assert_eq!(parent_in(b"12 (a) Z 99 (b) S 7 12"), Some(7));
        assert_eq!(parent_in(b"12 (sh"), None);
        assert_eq!(parent_in(b"12 (sh)"), None);
        let own = i32::try_from(std::process::id()).unwrap();
        let above = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert_eq!(parent(own), Some(above));
        assert!(is_below(own, above) && !is_below(above, own));
    }

    #[test]
    fn reads_and_writes_numbers() {
        for value in [0, 7, 10, 4_194_304, i32::MAX] {
            let mut text = [0_u8; 16];
            let digits = write_decimal(value, &mut text).unwrap();
            assert_eq!(text[..digits], *value.to_string().as_bytes());
            assert_eq!(decimal(&text), Some(value));
        }
        for odd in ["", "self", "12a", "99999999999"] {
            assert_eq!(decimal(odd.as_bytes()), None, "{odd}");
        }
    }
}
