//! The floor: the least that a program can do to run a container as porthole's are run, for `cargo xtask bench run`.
//!
//! `floor ROOTFS PROGRAM…` makes a cgroup in every hierarchy that can kill or count, a mount namespace, and an overlay over
//! ROOTFS at a mount point of its own; runs the program in them, waits, removes everything, and ends with the program's
//! code. It checks nothing, undoes nothing that fails, guards against no death, and keeps no record.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
use linux::main;

/// There are cgroups and mount namespaces on Linux only.
#[cfg(not(target_os = "linux"))]
fn main() {}
