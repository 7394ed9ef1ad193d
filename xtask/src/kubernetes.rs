//! The programs of Kubernetes, built from its Go module and kept in the user's cache by version.
//!
//! The module cannot be installed by its name: its go.mod replaces the modules that are published beside it by folders
//! that only its repository has. A module of our own requires it, and replaces them by what is published.

use std::fmt::Write as _;
use std::path::Path;

use porthole_tests::cache;
use porthole_tests::kubernetes::programs::{self, NEWEST, OLDEST};

use crate::command::{self, Doing, Failure, Result};
use crate::{debian, go, place};

/// The module that all of them are commands of.
const MODULE: &str = "k8s.io/kubernetes";

/// What leaves out the providers of clouds that Kubernetes had within it up to 1.30: no test asks them, and their
/// module cannot be had and verified in every version (1.27.16: the checksum database did not know it).
const TAGS: &str = "providerless";

/// What the tests start: names, and the version of each.
const WANTED: &[(&str, &[&str])] = &[
    (
        NEWEST,
        &[
            "kube-apiserver",
            "kubectl",
            "kubelet",
            "kube-controller-manager",
            "kube-scheduler",
        ],
    ),
    (OLDEST, &["kube-apiserver"]),
];

/// Provides all that the tests start.
pub(crate) fn provide() -> Result<()> {
    debian::install(debian::API_SERVER)?;
    if command::is_root() {
        debian::install(debian::NODE)?;
    }
    for (version, names) in WANTED {
        build(version, names)?;
    }
    Ok(())
}

/// Provides an API server of a version, and the client that asks it.
pub(crate) fn provide_api_server(version: &str) -> Result<()> {
    debian::install(debian::API_SERVER)?;
    build(version, &["kube-apiserver"])?;
    build(NEWEST, &["kubectl"])
}

/// Builds those of the programs of a version that are not on this machine.
fn build(version: &str, names: &[&str]) -> Result<()> {
    let mut missing = Vec::new();
    for name in names {
        if programs::look(name, version)?.is_none() {
            missing.push(*name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!(
        "building {} {version} once, for `{}`: this takes minutes",
        missing.join(", "),
        cache::base()?.display()
    );
    let program = go::program()?;
    let work = place::fresh(&format!("kubernetes-{version}-{}", std::process::id()))?;
    write_module(&program, &work, version)?;
    let flags = linker_flags(version)?;
    for name in missing {
        let package = format!("{MODULE}/cmd/{name}");
        let directory = programs::cached(name, version)?;
        let directory = directory.parent().unwrap_or(&directory);
        cache::fill(directory, |directory| {
            let out = directory.join(name).to_string_lossy().into_owned();
            command::run(&mut go::go(
                &program,
                &work,
                &build_arguments(&flags, &out, &package),
            ))
        })?;
    }
    std::fs::remove_dir_all(&work).doing(format!("remove `{}`", work.display()))
}

/// What builds a package of the module. What else it needs is added to the go.mod on the way: `go mod tidy` would ask for
/// more, all that its tests and all tags use.
fn build_arguments<'a>(flags: &'a str, out: &'a str, package: &'a str) -> [&'a str; 10] {
    [
        "build",
        "-mod=mod",
        "-tags",
        TAGS,
        "-trimpath",
        "-ldflags",
        flags,
        "-o",
        out,
        package,
    ]
}

/// Writes the module that requires Kubernetes of a version.
fn write_module(program: &Path, work: &Path, version: &str) -> Result<()> {
    let download = ["mod", "download", "-json", &format!("{MODULE}@v{version}")];
    let said = command::output(&mut go::go(program, work, &download))?;
    let theirs = go::read(Path::new(go::field(&said, "GoMod")?))?;
    let path = work.join("go.mod");
    std::fs::write(&path, module(&theirs, version)?).doing(format!("write `{}`", path.display()))
}

/// The go.mod that requires Kubernetes, made from Kubernetes' own: the same line `go`, and the same replacements, but for
/// the folders of its repository.
fn module(theirs: &str, version: &str) -> Result<String> {
    let what = "read the go.mod of Kubernetes";
    let go = theirs
        .lines()
        .find(|line| line.starts_with("go "))
        .ok_or_else(|| Failure::new(what, "it has no line `go`"))?;
    let (_, rest) = split(version)?;
    let mut text =
        format!("module porthole.test/programs\n\n{go}\n\nrequire {MODULE} v{version}\n\nreplace (\n");
    for line in theirs.lines().filter(|line| line.contains(" => ")) {
        let line = line.trim().trim_start_matches("replace ");
        let (name, target) = line.split_once(" => ").unwrap_or((line, ""));
        if target.starts_with("./staging/") {
            let _ = writeln!(text, "\t{name} => {name} v0.{rest}");
        } else {
            let _ = writeln!(text, "\t{line}");
        }
    }
    text.push_str(")\n");
    Ok(text)
}

/// What makes a program say its version: without it, it calls itself one that no client can read.
fn linker_flags(version: &str) -> Result<String> {
    let (major, rest) = split(version)?;
    let minor = rest.split('.').next().unwrap_or(rest);
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    Ok(format!(
        "-s -w {} {} {}",
        set("gitVersion", &format!("v{version}")),
        set("gitMajor", major),
        set("gitMinor", minor)
    ))
}

/// `1` and `N.P` of the version `1.N.P`.
fn split(version: &str) -> Result<(&str, &str)> {
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    version
        .split_once('.')
        .filter(|(major, rest)| {
            let parts: Vec<&str> = rest.split('.').collect();
            *major == "1" && parts.len() == 2 && parts.into_iter().all(numeric)
        })
        .ok_or_else(|| Failure::new(format!("read the version `{version}`"), "write it as 1.37.0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_repository_is_replaced_by_what_is_published() {
        let theirs = "module k8s.io/kubernetes\n\ngo 1.19\n\nrequire x v1\n\nreplace (\n\tx => x v2\n\
                      \tk8s.io/api => ./staging/src/k8s.io/api\n)\n\nreplace y => y v3\n";
        let ours = module(theirs, "1.24.17").unwrap_or_default();
        assert_eq!(
            ours,
            "module porthole.test/programs\n\ngo 1.19\n\nrequire k8s.io/kubernetes v1.24.17\n\nreplace (\n\tx => x v2\n\
             \tk8s.io/api => k8s.io/api v0.24.17\n\ty => y v3\n)\n"
        );
    }

    #[test]
    fn a_version_is_written_in_full() {
        assert_eq!(split("1.24.17").ok(), Some(("1", "24.17")));
        for text in [
            "1.37",
            "2.1.0",
            "1.37.0-beta.0",
            "v1.37.0",
            "",
            "1.37.0.1",
            "1..0",
        ] {
            let failure = split(text).err().map(|failure| failure.to_string());
            assert_eq!(
                failure,
                Some(format!("read the version `{text}`: write it as 1.37.0"))
            );
        }
    }
}
