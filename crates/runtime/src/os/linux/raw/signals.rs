//! Signals as something that is read.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::ptr;

/// From now on these signals do nothing to this thread, nor to threads that it starts: they are read from the descriptor
/// that is returned, without waiting, as `signalfd_siginfo`. A program that is started has all signals again.
pub(in super::super) fn receive(signals: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: a set of signals is plain integers, for which all zeros are valid; the call below makes it an empty one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: `set` is valid; a number that is no signal is refused.
        if unsafe { libc::sigaddset(&raw mut set, *signal) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: `set` is valid; null is "do not tell the former mask".
    let blocked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
    if blocked != 0 {
        return Err(io::Error::from_raw_os_error(blocked));
    }
    // SAFETY: `set` is valid; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for us, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
