//! Debian packages that the tasks use, all of them named here.

use std::process::Stdio;

use crate::command::{self, Failure, Result, command};

/// What builds and runs the Windows side.
pub(crate) const WINDOWS: &[&str] = &["gcc-mingw-w64-x86-64", "procps", "wine", "wine64"];
/// What porthole is compared with, what reads and keeps its images, and the `kill` that tests send signals with.
pub(crate) const LINUX: &[&str] = &[
    "runc",
    "skopeo",
    "umoci",
    "containerd",
    "docker-registry",
    "libhivex-bin",
    "procps",
];
/// What stands beside an API server: its store, and what makes a key.
pub(crate) const API_SERVER: &[&str] = &["etcd-server", "openssl"];
/// What stands beside a kubelet.
pub(crate) const NODE: &[&str] = &[
    "busybox-static",
    "containerd",
    "containernetworking-plugins",
    "iproute2",
    "runc",
    "util-linux",
];
/// What compiles the C of a static program.
pub(crate) const IMAGE: &[&str] = &["musl-tools"];
/// A Rust compiler that brings the standard library's source, for targets that rustup cannot fetch.
pub(crate) const RUST_WITH_SOURCE: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];

/// Installs those of the packages that are missing.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("install the Debian packages {}", missing.join(", "));
    if command::find_program("apt-get").is_none() {
        return Err(Failure::new(
            what,
            "there is no apt-get here; install them by this system's own means",
        ));
    }
    let privileged: &[&str] = match (command::is_root(), command::find_program("sudo")) {
        (true, _) => &[],
        (false, Some(_)) => &["sudo", "-n"],
        (false, None) => return Err(Failure::new(what, "only root can; try again as root")),
    };
    let apt = |arguments: &[&str]| {
        let line: Vec<&str> = privileged
            .iter()
            .chain(&["apt-get", "-q", "-y"])
            .chain(arguments)
            .copied()
            .collect();
        let mut apt = command(line[0], &line[1..]);
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        apt
    };
    println!("installing {}", missing.join(", "));
    command::run(&mut apt(&["update"]))?;
    command::run(apt(&["install", "--no-install-recommends"]).args(&missing))
}

fn is_installed(package: &str) -> bool {
    command::output(&mut command("dpkg-query", ["-W", "-f=${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}
