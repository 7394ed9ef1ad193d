//! What containers say, as it is read by others: while they run and afterwards, from detached pods.

#![cfg(target_os = "linux")]

#[path = "logs_linux/hardship.rs"]
mod hardship;
#[path = "logs_linux/reading.rs"]
mod reading;
#[path = "pods_linux/room.rs"]
#[allow(dead_code, reason = "other tests use what these do not")]
mod room;
#[path = "logs_linux/terminals.rs"]
mod terminals;
