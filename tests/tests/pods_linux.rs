//! Pods that outlive the command that runs them, as their user sees them: names, verbs, hardship, and nothing left behind.

#![cfg(target_os = "linux")]

#[path = "pods_linux/bad_input.rs"]
mod bad_input;
#[path = "pods_linux/death.rs"]
mod death;
#[path = "pods_linux/jobs.rs"]
mod jobs;
#[path = "pods_linux/life.rs"]
mod life;
#[path = "pods_linux/names.rs"]
mod names;
#[path = "pods_linux/play.rs"]
mod play;
#[path = "pods_linux/room.rs"]
mod room;
#[path = "pods_linux/steps.rs"]
mod steps;
