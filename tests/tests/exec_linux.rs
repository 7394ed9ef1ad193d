//! Programs that a user starts in containers of detached pods: their surroundings, terminals, ends, and hardship.

#![cfg(target_os = "linux")]

#[path = "exec_linux/programs.rs"]
mod programs;
#[path = "pods_linux/room.rs"]
#[allow(dead_code, reason = "other tests use what these do not")]
mod room;
#[path = "exec_linux/screen.rs"]
mod screen;
#[path = "exec_linux/terminals.rs"]
mod terminals;
