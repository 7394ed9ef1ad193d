//! Namespaces of this process's own.

use std::io;

use libc::syscall;

/// A user and a mount namespace of this process's own.
///
/// # Errors
/// It has more than one thread, or the system forbids it.
pub(in super::super) fn own_namespaces() -> io::Result<()> {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    // SAFETY: no pointers, and no descriptors become anybody else's. With a second thread the kernel refuses.
    match unsafe { syscall(libc::SYS_unshare, flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
