//! Where a container's command is found, and how its arguments become a Windows command line.
//!
//! Commands are looked for in the image before the system, and every place that was tried is kept, so that a missing
//! command is an error that says where it was looked for.

mod linux;
mod quote;
mod windows;

pub use linux::{candidates, working_directories};
pub use quote::{join, quote};
pub use windows::{FileKind, FileView, ResolveError, Resolved, Search, resolve};
