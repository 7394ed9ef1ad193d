//! The only modules that ask an operating system anything. One directory per system, identical names, chosen here.
//!
//! Each directory exports:
//! - `host_engine(state)`: the engine of this host, which keeps its records under `state`.
//! - `host_engine_with(state, executable)`: the same for an embedder whose own executable does not call [`guard`].
//! - `guard(args)`: what the executable does when its first argument is [`GUARD_VERB`].

#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(windows, path = "windows/mod.rs")]
mod host;

/// The logic of the Windows engine, whose calls are asserted on every system.
#[cfg(all(test, not(windows)))]
mod windows;

#[cfg(windows)]
pub use host::prepare_state;
pub use host::{guard, host_engine, host_engine_with};

/// Makes the state directory with rights of its own, where one that is simply made would inherit rights that let others
/// change it. Called before anything is put into it, by whoever is the first to do so.
///
/// # Errors
/// None on this system, where a new directory belongs to whoever makes it.
#[cfg(not(windows))]
pub fn prepare_state(_state: &std::path::Path) -> Result<(), crate::engine::CreateError> {
    Ok(())
}

/// The hidden verb under which an engine starts its own executable again: the guardian on Linux, the launcher on
/// Windows. A program that embeds an engine calls [`guard`] with the arguments that follow it, before anything else.
pub const GUARD_VERB: &str = "guard";
