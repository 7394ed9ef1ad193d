//! The system calls that no safe crate offers, and the life of a new process between `clone3` and `execve`.
//!
//! This is the only module of porthole on Linux with `unsafe`. Its rules: everything that a new process needs is made
//! before it exists; the new process allocates nothing, locks nothing and returns nowhere; it calls the kernel directly,
//! because the C library's wrappers of `setuid` and the like would signal threads that do not exist in it.

#![expect(unsafe_code, reason = "clone3, execve and mount_setattr have no safe wrapper")]

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use libc::{c_char, c_long, syscall};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::steps::Step;

mod namespaces;
mod program;
mod ranges;
mod shepherd;
mod signals;

pub(super) use namespaces::own_namespaces;
pub(super) use program::unmap_program;
pub(super) use ranges::{is_byte_locked, lock_byte};
pub(super) use signals::receive;

/// A process that was started.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) pid: Pid,
    pub(super) handle: OwnedFd,
}

/// Why no process was started.
#[derive(Debug)]
pub(super) enum SpawnError {
    /// None was made.
    Clone(io::Error),
    /// It ended at a step.
    Step {
        /// Which of the list.
        index: usize,
        /// Of an `Execute`: which candidate.
        candidate: usize,
        source: io::Error,
    },
}

/// The C library's binding has it too narrow.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The report of a new process: step, candidate, `errno`. Nothing is reported by a process that became its program.
const REPORT: usize = 12;

/// Starts a process that takes the steps which `steps` makes for the descriptor over which it reports. Returns when
/// the program itself runs, or when a step failed and the process is gone.
///
/// The process is the child of the calling thread, which must outlive it where `Step::DieWithParent` is among the steps.
pub(super) fn spawn(
    steps: impl FnOnce(i32) -> Vec<Step>,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<(Spawned, Vec<Step>), (SpawnError, Vec<Step>)> {
    let (read, write) = match pipe_with(PipeFlags::CLOEXEC) {
        Ok(pipe) => pipe,
        Err(error) => return Err((SpawnError::Clone(error.into()), Vec::new())),
    };
    let steps = steps(write.as_raw_fd());
    let vectors = Vectors::of(&steps);
    let spawned = clone_into(cgroup, || child(&steps, &vectors, write.as_raw_fd()));
    drop(write);
    let spawned = match spawned {
        Ok(spawned) => spawned,
        Err(error) => return Err((SpawnError::Clone(error), steps)),
    };
    let mut report = [0; REPORT];
    if std::fs::File::from(read).read_exact(&mut report).is_err() {
        // The pipe was closed by `execve`, or by the death of a process that was killed: then waiting tells.
        return Ok((spawned, steps));
    }
    let word = |at: usize| u32::from_ne_bytes([report[at], report[at + 1], report[at + 2], report[at + 3]]);
    let _ = rustix::process::waitid(
        rustix::process::WaitId::Pid(spawned.pid),
        rustix::process::WaitIdOptions::EXITED,
    );
    Err((
        SpawnError::Step {
            index: word(0) as usize,
            candidate: word(4) as usize,
            source: io::Error::from_raw_os_error(word(8).cast_signed()),
        },
        steps,
    ))
}

/// The pointer arrays of the `Execute` steps, by step.
struct Vectors(Vec<Option<(Vec<*const c_char>, Vec<*const c_char>)>>);

impl Vectors {
    fn of(steps: &[Step]) -> Self {
        let pointers = |strings: &[CString]| {
            strings
                .iter()
                .map(|string| string.as_ptr())
                .chain([ptr::null()])
                .collect::<Vec<_>>()
        };
        Self(
            steps
                .iter()
                .map(|step| match step {
                    Step::Execute(program) => {
                        Some((pointers(&program.arguments), pointers(&program.environment)))
                    }
                    _ => None,
                })
                .collect(),
        )
    }
}

/// Makes a process that runs `child` with all signals blocked.
fn clone_into(cgroup: Option<BorrowedFd<'_>>, child: impl FnOnce() -> Infallible) -> io::Result<Spawned> {
    let mut handle: i32 = -1;
    // SAFETY: the structure is plain integers, for which all zeros are valid.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = libc::CLONE_PIDFD as u64;
    arguments.pidfd = ptr::from_mut(&mut handle) as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    let mut before: u64 = 0;
    // A handler of porthole's must not run in the new process: it would act on porthole's own pipes.
    set_mask(libc::SIG_BLOCK, !0, Some(&mut before));
    // SAFETY: without CLONE_VM this is `fork`: the new process has a copy of this thread's stack and returns here with 0.
    // `arguments` is the kernel's structure of the size given, and `handle` lives across the call.
    let pid = unsafe {
        syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    if pid == 0 {
        child();
    }
    let error = io::Error::last_os_error();
    set_mask(libc::SIG_SETMASK, before, None);
    // -1 is an error, and never a process: as one, it would stand for all of them.
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
    let pid = pid.and_then(Pid::from_raw).ok_or(error)?;
    // SAFETY: the kernel has just opened this descriptor for us, and nothing else knows it.
    let handle = unsafe { OwnedFd::from_raw_fd(handle) };
    Ok(Spawned { pid, handle })
}

/// The life of the new process.
fn child(steps: &[Step], vectors: &Vectors, report: i32) -> Infallible {
    for (index, step) in steps.iter().enumerate() {
        let mut candidate = 0;
        let done = if let (Step::Execute(program), Some(Some((arguments, environment)))) =
            (step, vectors.0.get(index))
        {
            execute(&program.candidates, arguments, environment, &mut candidate)
        } else {
            take(step)
        };
        if let Err(Errno(errno)) = done {
            let mut bytes = [0; REPORT];
            bytes[..4].copy_from_slice(&u32::try_from(index).unwrap_or(u32::MAX).to_ne_bytes());
            bytes[4..8].copy_from_slice(&u32::try_from(candidate).unwrap_or(u32::MAX).to_ne_bytes());
            bytes[8..].copy_from_slice(&errno.to_ne_bytes());
            // SAFETY: the buffer is valid for its length. A short write is impossible below PIPE_BUF.
            unsafe { syscall(libc::SYS_write, report, bytes.as_ptr(), bytes.len()) };
            break;
        }
    }
    loop {
        // SAFETY: ends the process, without running anything of the parent's.
        unsafe { syscall(libc::SYS_exit_group, 127) };
    }
}

/// `errno`, without the allocation that `io::Error` may make.
struct Errno(i32);

fn check(result: c_long) -> Result<c_long, Errno> {
    if result == -1 {
        // SAFETY: the C library's `errno` of this thread, always valid.
        Err(Errno(unsafe { *libc::__errno_location() }))
    } else {
        Ok(result)
    }
}

/// The kernel's `struct sigaction` without a mask: handler, flags, restorer, mask, on all architectures with a 64-bit mask.
#[repr(C)]
struct Action {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

fn default_signals() -> Result<(), Errno> {
    let action = Action {
        handler: libc::SIG_DFL,
        flags: 0,
        restorer: 0,
        mask: 0,
    };
    for signal in 1..=64 {
        // SIGKILL and SIGSTOP are refused: they cannot be anything but default.
        // SAFETY: `action` is the kernel's structure whose handler is SIG_DFL.
        unsafe {
            syscall(
                libc::SYS_rt_sigaction,
                signal,
                &raw const action,
                ptr::null::<u8>(),
                8,
            )
        };
    }
    check(set_mask(libc::SIG_SETMASK, 0, None)).map(|_| ())
}

/// Changes the mask of blocked signals, and says what it was.
fn set_mask(how: i32, mask: u64, before: Option<&mut u64>) -> c_long {
    let before = before.map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: both masks are of the kernel's size, eight bytes, and live across the call; null is "do not tell".
    unsafe { syscall(libc::SYS_rt_sigprocmask, how, &raw const mask, before, 8) }
}

/// Takes one step. Every pointer passed to the kernel is to data of `step` or of this frame, which live across the call.
fn take(step: &Step) -> Result<(), Errno> {
    let none = ptr::null::<c_char>();
    let root = c"/".as_ptr();
    match step {
        Step::EnterCgroup(fd) => {
            // SAFETY: "0" is the writing thread, the only one of its process (cgroups-v1 documentation, "tasks").
            check(unsafe { syscall(libc::SYS_write, *fd, c"0".as_ptr(), 1_usize) })?;
        }
        Step::Session => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_setsid) })?;
        }
        Step::Terminal => {
            // SAFETY: the argument is a number: 0 takes no terminal away from anybody (TIOCSCTTY(2const)).
            check(unsafe { syscall(libc::SYS_ioctl, 0, libc::TIOCSCTTY, 0) })?;
        }
        Step::DefaultSignals => default_signals()?,
        Step::Stream { from, to } => {
            // SAFETY: no pointers; the standard streams are nobody's `OwnedFd`.
            check(unsafe { syscall(libc::SYS_dup3, *from, *to, 0) })?;
        }
        Step::Close(ranges) => {
            for (first, last) in ranges {
                close_range(*first, *last)?;
            }
        }
        Step::PrivateMounts | Step::CutOffMounts => {
            if *step == Step::PrivateMounts {
                // SAFETY: no pointers.
                check(unsafe { syscall(libc::SYS_unshare, libc::CLONE_NEWNS) })?;
            }
            // SAFETY: static strings.
            check(unsafe {
                syscall(
                    libc::SYS_mount,
                    none,
                    root,
                    none,
                    libc::MS_REC | libc::MS_SLAVE,
                    none,
                )
            })?;
        }
        Step::Shepherd(step) => shepherd::divide(step)?,
        Step::EnterUser(namespace) | Step::EnterMounts(namespace) => {
            // SAFETY: no pointers. Root and working directory become those of a mount namespace (setns(2)).
            check(unsafe { syscall(libc::SYS_setns, *namespace, 0) })?;
        }
        Step::Attach { mount, target } => attach(*mount, target)?,
        Step::ReadOnly { target } => {
            let flags = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY;
            // SAFETY: C strings of `step`.
            check(unsafe { syscall(libc::SYS_mount, none, target.as_ptr(), none, flags, none) })?;
        }
        Step::WorkingDirectory(directory) => {
            // SAFETY: a C string of `step`.
            check(unsafe { syscall(libc::SYS_chdir, directory.as_ptr()) })?;
        }
        Step::Umask(mask) => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_umask, *mask) })?;
        }
        Step::EmptyBoundingSet => {
            for capability in 0..64 {
                // SAFETY: no pointers. Beyond the last capability of this kernel the answer is EINVAL.
                if unsafe { syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } == -1 {
                    break;
                }
            }
        }
        Step::Groups(groups) => {
            // SAFETY: the list is valid for the length given.
            check(unsafe { syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })?;
        }
        Step::Gid(gid) => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_setresgid, *gid, *gid, *gid) })?;
        }
        Step::Uid(uid) => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_setresuid, *uid, *uid, *uid) })?;
        }
        Step::NoCapabilities => {
            // _LINUX_CAPABILITY_VERSION_3, this process; effective, permitted, inheritable, twice 32 bits: all empty.
            let header: [u32; 2] = [0x2008_0522, 0];
            let sets = [0_u32; 6];
            // SAFETY: both are the kernel's structures as plain words.
            check(unsafe { syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) })?;
        }
        Step::NoNewPrivileges => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        }
        Step::DieWithParent { parent } => {
            // SAFETY: no pointers.
            check(unsafe { syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
            // SAFETY: no pointers.
            if unsafe { syscall(libc::SYS_getppid) } != c_long::from(*parent) {
                return Err(Errno(libc::ESRCH));
            }
        }
        Step::Name(name) => {
            // SAFETY: a C string of `step`.
            check(unsafe { syscall(libc::SYS_prctl, libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) })?;
        }
        Step::OutliveHolder { report } => outlive_holder(*report)?,
        // Only ever reached without its pointer arrays, which `spawn` always makes.
        Step::Execute(_) => return Err(Errno(libc::EINVAL)),
    }
    Ok(())
}

fn outlive_holder(report: i32) -> Result<(), Errno> {
    // SAFETY: no pointers; the descriptor is this process's copy, which nothing uses any more.
    unsafe { syscall(libc::SYS_close, report) };
    loop {
        let mut holder = libc::pollfd {
            fd: 0,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one structure of the kernel's, no time limit, no signal mask.
        let ended = check(unsafe {
            syscall(
                libc::SYS_ppoll,
                &raw mut holder,
                1,
                ptr::null::<u8>(),
                ptr::null::<u8>(),
                8,
            )
        });
        match ended {
            Ok(0) | Err(Errno(libc::EINTR)) => {}
            ended => return ended.map(|_| ()),
        }
    }
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: no pointers. The descriptors are copies of the parent's; nothing here uses them any more.
    match check(unsafe { syscall(libc::SYS_close_range, first, last, 0) }) {
        Err(Errno(libc::ENOSYS)) => {
            // Before Linux 5.9. Porthole's own descriptors are low ones; higher ones of an embedder are close-on-exec.
            for fd in first..=last.min(65_535) {
                // SAFETY: as above; EBADF is what most of them answer.
                unsafe { syscall(libc::SYS_close, fd) };
            }
            Ok(())
        }
        closed => closed.map(|_| ()),
    }
}

/// `struct open_how` of openat2(2).
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

fn attach(mount: i32, target: &CStr) -> Result<(), Errno> {
    let how = OpenHow {
        flags: (libc::O_PATH | libc::O_CLOEXEC) as u64,
        mode: 0,
        resolve: libc::RESOLVE_NO_SYMLINKS,
    };
    // SAFETY: a C string of the step, and the kernel's structure of the size given.
    let place = check(unsafe {
        syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            target.as_ptr(),
            &raw const how,
            size_of::<OpenHow>(),
        )
    })?;
    let empty = c"".as_ptr();
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: static strings; both descriptors are open.
    let moved = check(unsafe { syscall(libc::SYS_move_mount, mount, empty, place, empty, flags) });
    // SAFETY: opened above and not used any more.
    unsafe { syscall(libc::SYS_close, place) };
    moved.map(|_| ())
}

/// Tries the candidates as `execvp` does: one that is missing is passed over, one that is refused is remembered.
fn execute(
    candidates: &[CString],
    arguments: &[*const c_char],
    environment: &[*const c_char],
    candidate: &mut usize,
) -> Result<(), Errno> {
    let mut refused = None;
    for (index, path) in candidates.iter().enumerate() {
        // SAFETY: a C string, and two arrays that end in null and whose strings live in the step.
        let Err(Errno(errno)) = check(unsafe {
            syscall(
                libc::SYS_execve,
                path.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        }) else {
            continue;
        };
        match errno {
            libc::ENOENT | libc::ENOTDIR => {
                // SAFETY: a C string. A file that is there and "not found" lacks its interpreter.
                if unsafe { syscall(libc::SYS_faccessat, libc::AT_FDCWD, path.as_ptr(), libc::F_OK) } == 0 {
                    *candidate = index;
                    return Err(Errno(errno));
                }
            }
            libc::EACCES => {
                if refused.is_none() {
                    refused = Some((index, errno));
                }
            }
            _ => {
                *candidate = index;
                return Err(Errno(errno));
            }
        }
    }
    let (index, errno) = refused.unwrap_or((candidates.len(), libc::ENOENT));
    *candidate = index;
    Err(Errno(errno))
}

/// Makes a detached mount, and every mount below it, private and where it is wished for read-only. `Ok(false)` where the
/// kernel cannot (before 5.12).
pub(super) fn set_up(mount: BorrowedFd<'_>, read_only: bool) -> io::Result<bool> {
    let set = if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 };
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    let attributes: [u64; 4] = [set, 0, libc::MS_PRIVATE, 0];
    // SAFETY: a static string, and the kernel's structure as plain words of the size given.
    let result = unsafe {
        syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if result == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOSYS) => Ok(false),
        error => Err(error),
    }
}
