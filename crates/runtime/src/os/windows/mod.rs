//! Job containers on Windows.
//!
//! ```text
//! host_engine   the engine: checks a plan, makes a container, sweeps up after dead holders
//! container     created and running containers
//!   job         the job object, signals         limits     its limits
//!   users       accounts and tokens             rootfs     the private copy of the image
//!   mounts      bind filter and links           workdir    the working directory
//!   sub_path    parts of volumes
//!   packets     what Windows says of the job    stats      what it uses
//!   program     from a command to a process     launcher   starting programs inside of a silo
//!   process     flags, environment              streams    standard streams and terminals
//!   outputs     reading what containers say     watch      waiting for files
//!   terminal    this process's own console, lent to a program
//!   relay       to and from porthole's own console
//!   exec        further programs
//!   belongings  what was made, and its removal  directories  directories shared by containers
//!   security    who may change them
//! detach        processes that outlive their maker    channel  the way to them
//! api           every call to Windows, in our own types (`structures`, `constants`): `win32` is the real one, `fake` records
//! ```
//!
//! All but `win32` builds on every system under test.

mod api;
mod belongings;
#[cfg_attr(not(windows), expect(unreachable_pub, reason = "exported on Windows alone"))]
mod channel;
mod constants;
mod container;
mod detach;
mod directories;
#[cfg(test)]
mod engine_tests;
#[cfg(windows)]
mod entry;
mod exec;
#[cfg(test)]
mod fake;
mod host_engine;
mod job;
mod launcher;
mod limits;
mod mounts;
#[cfg(windows)]
mod outputs;
mod packets;
mod process;
mod program;
mod relay;
mod rootfs;
mod security;
mod stats;
mod streams;
mod structures;
mod sub_path;
#[cfg(test)]
#[cfg(windows)]
mod system_tests;
#[cfg(windows)]
mod terminal;
mod users;
#[cfg(windows)]
mod watch;
#[cfg(windows)]
#[expect(unsafe_code, reason = "the calls to Windows")]
mod win32;
mod workdir;

#[cfg(windows)]
pub use channel::{Listener, Stream};
#[cfg(windows)]
pub use entry::{guard, host_engine, host_engine_with, prepare_state, spawn_detached};
#[cfg(windows)]
pub(crate) use outputs::{Stop, pump};
#[cfg(windows)]
pub use terminal::{Attachment, terminal_size};
#[cfg(windows)]
pub use watch::Watch;
#[cfg(all(debug_assertions, windows))]
pub(crate) use win32::kill_own_process;
