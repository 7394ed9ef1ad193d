//! The only modules that ask an operating system anything. One directory per system, identical names, chosen here.
//!
//! Each directory exports:
//! - `host_engine(state)`: the engine of this host, which keeps its records under `state`.
//! - `host_engine_with(state, executable)`: the same for an embedder whose own executable does not call [`guard`].
//! - `pump` and its `Stop`: reading a container's outputs. `Watch`: waiting until files of a directory change.
//! - `Attachment`: this process's own terminal, lent to a program of a container.
//! - `guard(args)`: what the executable does when its first argument is [`GUARD_VERB`].
//! - `spawn_detached(executable, arguments)`: a process that outlives this one.
//! - `prepare_process()`: what a process that will hold containers does first where it is not root's.
//! - `rest()`: what it does when they run, and it waits.
//! - `Marks` and `Mark`: which numbers living processes have, where the system can be asked that of one file.
//! - `Listener` and `Stream`: the way to whoever holds a directory, for administrators and the holder's own account.

#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(windows, path = "windows/mod.rs")]
mod host;

pub(crate) mod memory;

/// The logic of the Windows engine, whose calls are asserted on every system.
#[cfg(all(test, not(windows)))]
mod windows;

#[cfg(test)]
mod channel_tests;

#[cfg(not(target_os = "linux"))]
mod unmarked;

#[cfg(all(debug_assertions, windows))]
pub(crate) use host::kill_own_process;
#[cfg(windows)]
pub use host::prepare_state;
pub use host::{
    Attachment, Listener, Stream, Watch, guard, host_engine, host_engine_with, spawn_detached, terminal_size,
};
#[cfg(target_os = "linux")]
pub(crate) use host::{Mark, Marks};
pub(crate) use host::{Stop, pump};
#[cfg(target_os = "linux")]
pub use host::{is_ordinary_user, lacks, prepare_process, rest};
#[cfg(not(target_os = "linux"))]
pub(crate) use unmarked::{Mark, Marks};

/// A process that was started by [`spawn_detached`].
#[derive(Debug)]
pub struct Detached {
    /// Its process id.
    pub pid: u32,
    /// The write end of its standard input.
    pub order: std::fs::File,
    /// The read end of its standard output. Its standard error is nowhere.
    pub answer: std::fs::File,
}

/// Makes the state directory with rights of its own, where one that is simply made would inherit rights that let others
/// change it. Called before anything is put into it, by whoever is the first to do so.
///
/// # Errors
/// None on this system, where a new directory belongs to whoever makes it.
#[cfg(not(windows))]
pub fn prepare_state(_state: &std::path::Path) -> Result<(), crate::engine::CreateError> {
    Ok(())
}

/// Makes this process one that can hold containers without being root. To be called before it has a second thread. On this
/// system there is nothing to do.
#[cfg(not(target_os = "linux"))]
pub fn prepare_process() {}

/// Gives back memory that a start needed and a wait does not: to be called by a process that has started its containers and has
/// little to do from now on. On this system there is nothing to do.
#[cfg(not(target_os = "linux"))]
pub fn rest() {}

/// What the engine's facts say that containers lack, without an engine.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn lacks() -> Vec<String> {
    Vec::new()
}

/// Whether whoever runs porthole can make containers of nobody but itself.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn is_ordinary_user() -> bool {
    false
}

/// The hidden verb under which an engine starts its own executable again: the guardian on Linux, the launcher on
/// Windows. A program that embeds an engine calls [`guard`] with the arguments that follow it, before anything else.
pub const GUARD_VERB: &str = "guard";
