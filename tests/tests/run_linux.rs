//! `porthole run` on this machine, as its user sees it: output, exit code, and nothing left behind.

#![cfg(target_os = "linux")]

#[path = "run_linux/bad_input.rs"]
mod bad_input;
#[path = "run_linux/pods.rs"]
mod pods;
#[path = "run_linux/room.rs"]
mod room;
