//! The Linux engine on this machine: from a plan to an exit code, and nothing left behind.

#![cfg(target_os = "linux")]

#[path = "linux_engine/bench.rs"]
mod bench;
#[path = "linux_engine/death.rs"]
mod death;
#[path = "linux_engine/exec.rs"]
mod exec;
#[path = "linux_engine/failures.rs"]
mod failures;
#[path = "linux_engine/faults.rs"]
mod faults;
#[path = "linux_engine/limits.rs"]
mod limits;
#[path = "linux_engine/plans.rs"]
mod plans;
#[path = "linux_engine/starts.rs"]
mod starts;
#[path = "linux_engine/terminals.rs"]
mod terminals;
#[path = "linux_engine/volumes.rs"]
mod volumes;
