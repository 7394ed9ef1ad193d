//! Job containers: HostProcess containers from a [`Plan`] to an exit code, on Windows and on Linux.
//!
//! The way of the data: a pod becomes one [`Plan`] per container ([`plan`]); an [`Engine`] turns a plan into a
//! [`Created`] container, that into a [`Running`] one, and that into an [`Exit`]. The plan is the only thing an
//! engine reads, and the only module that asks the operating system anything is `os`.

pub mod build;
pub mod command;
pub mod engine;
pub mod environment;
pub mod expansion;
pub mod life;
pub mod os;
pub mod path;
pub mod plan;
pub mod spec;
pub mod state;
pub mod volumes;

pub use engine::{Created, Engine, Exit, Running, Signal, StartError, Stdio};
pub use life::{Life, LifeError, Outcome, PodPlan};
pub use plan::Plan;
