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

pub use host::{guard, host_engine, host_engine_with};

/// The hidden verb under which an engine starts its own executable again: the guardian on Linux, the launcher on
/// Windows. A program that embeds an engine calls [`guard`] with the arguments that follow it, before anything else.
pub const GUARD_VERB: &str = "guard";
