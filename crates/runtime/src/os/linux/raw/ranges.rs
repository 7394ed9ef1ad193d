//! Locks on single bytes of a file, which belong to an open file and go with it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// Locks a byte, which need not be in the file, for this open file alone (`F_OFD_SETLK`, `fcntl_locking(2)`). Never waits.
pub(in super::super) fn lock_byte(file: &File, at: i64) -> io::Result<()> {
    let wanted = exclusive(at);
    // SAFETY: the structure is valid, and only read.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const wanted) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Whether another open file has a byte locked (`F_OFD_GETLK`, `fcntl_locking(2)`).
pub(in super::super) fn is_byte_locked(file: &File, at: i64) -> io::Result<bool> {
    let mut found = exclusive(at);
    // SAFETY: the structure is valid, and is the kernel's to change during the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut found) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(i32::from(found.l_type) != libc::F_UNLCK),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two constants are 0 and 1")]
fn exclusive(at: i64) -> libc::flock {
    // SAFETY: the structure is plain integers, for which all zeros are valid; `l_pid` has to be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = at;
    lock.l_len = 1;
    lock
}
