//! Job containers: HostProcess containers from a [`Plan`] to an exit code, on Windows and on Linux.
//!
//! The way of the data: a pod becomes one [`Plan`] per container ([`plan`]); an [`Engine`] turns a plan into a
//! [`Created`] container, that into a [`Running`] one, and that into an [`Exit`]. The plan is the only thing an
//! engine reads, and the only module that calls the operating system's own interfaces is [`os`].
//!
//! ```text
//!  pod ─▶ spec ─▶ build (command, environment, expansion, path, volumes) ─▶ plan ─▶ engine, os ─▶ life ─▶ exit code
//! ```
//!
//! - [`spec`] reads a pod with the places where it is written, and refuses what porthole does not do by its name.
//! - [`plan`] is what a container needs. Pure rules make it, of both systems on every system: [`command`] (where a
//!   program is looked for), [`environment`], [`expansion`] (`$(VAR)`) and [`path`].
//! - [`volumes`] makes what a pod mounts; [`state`] is the directory where containers and volumes are noted, so that
//!   whatever a crash leaves is found.
//! - [`engine`] is the seam, [`os`] has an engine for each system.
//! - [`pods`] are on disk what they are: records, statuses, and who holds them.
//! - [`handler`] carries out what probes ask and hooks tell.
//! - [`logs`] keeps what containers say.
//! - [`job`] starts pods until enough of them have succeeded.
//! - [`life`] takes a pod from its first init container to its exit code, or to its end by Ctrl-C.

mod base64;
pub mod build;
mod causes;
pub mod clock;
pub mod command;
pub mod conduct;
pub mod engine;
pub mod environment;
pub mod expansion;
pub mod fault;
pub mod handler;
pub mod job;
pub mod life;
mod lock;
pub mod logs;
pub mod os;
pub mod path;
pub mod plan;
pub mod pods;
pub mod spec;
pub mod state;
pub mod status;
pub mod volumes;

pub use engine::{Created, Engine, Exit, Running, Signal, StartError, Stdio};
pub use life::{Life, LifeError, Outcome, PodPlan};
pub use plan::Plan;
