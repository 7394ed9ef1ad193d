//! The checks: one subject of the standards a module.

pub(super) mod app_armor;
pub(super) mod capabilities;
pub(super) mod host;
pub(super) mod host_process;
pub(super) mod privilege;
pub(super) mod probes;
pub(super) mod proc_mount;
pub(super) mod run_as;
pub(super) mod se_linux;
pub(super) mod seccomp;
pub(super) mod sysctls;
pub(super) mod volumes;
