//! The kubelet's life of a pod, as the user of a detached one sees it on a whole machine.

#![cfg(target_os = "linux")]

#[path = "life_linux/ends.rs"]
mod ends;
#[path = "life_linux/probes.rs"]
mod probes;
#[path = "life_linux/restarts.rs"]
mod restarts;
#[path = "pods_linux/room.rs"]
#[allow(dead_code, reason = "other tests use what these do not")]
mod room;
#[path = "life_linux/seen.rs"]
mod seen;
