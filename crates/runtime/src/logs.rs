//! Logs: what containers say, kept in files of the CRI's format, rotated by size, and read from them.
//!
//! ```text
//! <pod>/logs/<container>/<attempt>.log      what is being written
//! <pod>/logs/<container>/<attempt>.log.7    what was before it: a higher number is younger
//! ```
//!
//! A record is `2026-11-22T09:00:00.000000000Z stdout F text`, or has `P` for a part of a line that goes on in the next
//! record of its stream: the format that the kubelet and log collectors read. Every record is whole in one file.
//!
//! - [`Follower`] writes: one thread a container, which sleeps while nothing is said.
//! - [`Reader`] reads one attempt across its files, [`Merge`] several containers by time, and [`Watch`] waits for more.
//! - Nothing but the files is shared by writers and readers. Numbers only grow, whatever the clock does, so a reader knows
//!   which file comes after the one that it has open.

mod file;
mod follower;
mod merge;
mod place;
mod reader;
mod record;
#[cfg(test)]
mod round_trip_tests;
mod tail;
mod timestamp;

pub use crate::os::Watch;
pub use file::Trouble;
pub(crate) use follower::Heard;
pub use follower::{Follower, LogError, Source};
pub use merge::Merge;
pub use place::{Place, Rotation, attempts};
pub use reader::{LONGEST, Line, Query, Reader};
pub use record::Stream;
pub use tail::log_tail;
pub use timestamp::{format as format_time, parse as parse_time};
