//! `cargo xtask test`: every tier in order, and one table at the end.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::cargo::{self, Target, Toolchain};
use crate::command::{self, Doing, Failure, Result};
use crate::report::{self, Count, Line, Outcome};
use crate::{debian, decoder, demo, deny, fuzz, helm, image, kubernetes, oracle, place, reference, sarif};

/// One kind of test.
struct Tier {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<Outcome>,
}

/// In the order in which a mistake is found soonest.
const TIERS: &[Tier] = &[
    Tier {
        name: "fmt",
        what: "the sources are as rustfmt writes them",
        run: fmt,
    },
    Tier {
        name: "deny",
        what: "licences, banned and duplicate crates, sources",
        run: denied,
    },
    Tier {
        name: "clippy",
        what: "no warning, for this machine",
        run: clippy,
    },
    Tier {
        name: "clippy-windows",
        what: "no warning, for Windows",
        run: clippy_windows,
    },
    Tier {
        name: "build",
        what: "programs and tests for both systems",
        run: build,
    },
    Tier {
        name: "unit",
        what: "unit, table and property tests, doc tests",
        run: unit,
    },
    Tier {
        name: "doc",
        what: "the documentation has no broken link",
        run: doc,
    },
    Tier {
        name: "reference",
        what: "docs/cli.md, docs/rules.md and docs/pictures are what the program says",
        run: reference_tier,
    },
    Tier {
        name: "sarif",
        what: "what `check -o sarif` prints is what the schema of SARIF 2.1.0 takes",
        run: sarif::tier,
    },
    Tier {
        name: "seeds",
        what: "examples/seeds holds the seeds' manifests, token for token",
        run: seeds,
    },
    Tier {
        name: "linux",
        what: "whole system: this machine, as root",
        run: linux,
    },
    Tier {
        name: "kubernetes",
        what: "answers of real API servers, lives of pods by a real kubelet, the chart by real Helm, and porthole's",
        run: kubernetes_tier,
    },
    Tier {
        name: "oracle",
        what: "generated workloads, as real API servers and as porthole judge them",
        run: oracle::tier,
    },
    Tier {
        name: "fuzz",
        what: "every target of the crate `fuzz` for a minute",
        run: fuzz::tier,
    },
    Tier {
        name: "unit-windows",
        what: "unit and table tests of the Windows programs, under Wine",
        run: unit_windows,
    },
    Tier {
        name: "wine",
        what: "whole system: the Windows programs, under Wine",
        run: wine_tier,
    },
    Tier {
        name: "demo",
        what: "the demo",
        run: demo_linux,
    },
    Tier {
        name: "demo-windows",
        what: "the demo with porthole.exe, under Wine",
        run: demo_windows,
    },
];

/// Names the tiers.
pub(crate) fn list() {
    for tier in TIERS {
        println!("{:<15} {}", tier.name, tier.what);
    }
}

/// Runs all tiers, or those that are named; then shows what came of each.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    if let Some(unknown) = names
        .iter()
        .find(|name| TIERS.iter().all(|tier| tier.name != **name))
    {
        let known: Vec<&str> = TIERS.iter().map(|tier| tier.name).collect();
        return Err(Failure::new(
            format!("find the tier `{unknown}`"),
            format!("there are {}", known.join(", ")),
        ));
    }
    tell_space();
    let mut lines = Vec::new();
    for tier in TIERS
        .iter()
        .filter(|tier| names.is_empty() || names.contains(&tier.name))
    {
        println!("\n== {}: {}", tier.name, tier.what);
        let start = Instant::now();
        let outcome = (tier.run)().unwrap_or_else(Outcome::Failed);
        match &outcome {
            Outcome::Passed(_) => {}
            Outcome::Skipped(reason) => println!("skipped: {reason}"),
            Outcome::Failed(failure) => println!("failed: {failure}"),
        }
        lines.push(Line {
            tier: tier.name,
            outcome,
            took: start.elapsed(),
        });
    }
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let (table, good) = report::table(&lines, strict);
    print!("\n{table}");
    if !good {
        tell_space();
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Says what is free where all is built: a disk that is full fails one tier after another, each in words of its own.
fn tell_space() {
    let mut df = command::command("df", ["-h", "--output=avail"]);
    let free = command::output(df.arg(place::root())).ok();
    if let Some(free) = free.as_deref().and_then(|table| table.lines().last()) {
        println!(
            "free on this disk: {} (all tiers together take 9 GB of a fresh clone)",
            free.trim()
        );
    }
}

/// A tier that counts nothing.
const PASSED: Outcome = Outcome::Passed(String::new());

fn fmt() -> Result<Outcome> {
    component("rustfmt", "cargo-fmt")?;
    command::run(Target::Host.cargo("fmt").args(["--all", "--check"]))?;
    Ok(PASSED)
}

fn denied() -> Result<Outcome> {
    deny::check()?;
    Ok(PASSED)
}

fn clippy() -> Result<Outcome> {
    component("clippy", "cargo-clippy")?;
    lint(Target::Host)
}

fn clippy_windows() -> Result<Outcome> {
    match cargo::windows()? {
        Target::Windows(Toolchain::Debian) => Ok(Outcome::Skipped(
            "rustup could not add the Windows target, and Debian's Rust has no clippy".to_owned(),
        )),
        target => lint(target),
    }
}

fn lint(target: Target) -> Result<Outcome> {
    command::run(target.cargo("clippy").args([
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(PASSED)
}

fn build() -> Result<Outcome> {
    Target::Host.build_with_tests()?;
    cargo::windows()?.build_with_tests()?;
    Ok(PASSED)
}

fn unit() -> Result<Outcome> {
    count(&mut [
        &mut cargo_test(Target::Host, "--workspace --exclude porthole-tests"),
        &mut cargo_test(Target::Host, "--package porthole-tests --lib"),
    ])
}

fn doc() -> Result<Outcome> {
    let mut doc = Target::Host.cargo("doc");
    command::run(
        doc.args(["--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    Ok(PASSED)
}

fn reference_tier() -> Result<Outcome> {
    Target::Host.build()?;
    reference::compare()?;
    Ok(PASSED)
}

fn seeds() -> Result<Outcome> {
    let Some(seeds) = place::seeds() else {
        return Ok(Outcome::Skipped(
            "the seeds' documents are not here: set PORTHOLE_SEEDS, or put them in ../shared/seeds"
                .to_owned(),
        ));
    };
    let mut test = cargo_test(Target::Host, "--workspace --test seeds -- --include-ignored");
    count(&mut [test.env("PORTHOLE_SEEDS", seeds)])
}

fn linux() -> Result<Outcome> {
    if !command::is_root() {
        return Ok(Outcome::Skipped(
            "containers on Linux need root: run this as root".to_owned(),
        ));
    }
    debian::install(debian::LINUX)?;
    Target::Host.build_with_tests()?;
    let names =
        tests(|name| !name.starts_with("wine") && !name.starts_with("kubernetes") && name != "seeds")?;
    count(&mut [
        &mut cargo_test(Target::Host, &format!("--workspace {names} -- --include-ignored")),
        &mut cargo_test(
            Target::Host,
            "--workspace --exclude porthole-tests --lib --bins --tests -- --ignored",
        ),
    ])
}

fn kubernetes_tier() -> Result<Outcome> {
    kubernetes::provide()?;
    helm::provide()?;
    decoder::provide()?;
    Target::Host.build_with_tests()?;
    let root = command::is_root();
    if root {
        image::provide()?;
    }
    let of_root = ["kubernetes_life", "kubernetes_image", "kubernetes_node"];
    let names = tests(|name| name.starts_with("kubernetes") && (root || !of_root.contains(&name)))?;
    let options = format!("--workspace {names} -- --include-ignored");
    match count(&mut [&mut cargo_test(Target::Host, &options)])? {
        Outcome::Passed(counted) if !root => Ok(Outcome::Passed(format!(
            "{counted}; without the lives of pods, the image, and the webhook on a node: a kubelet and containerd need root"
        ))),
        outcome => Ok(outcome),
    }
}

fn unit_windows() -> Result<Outcome> {
    let prefix = demo::wine()?;
    let packages = "--workspace --exclude porthole-tests --exclude xtask --lib --bins --tests";
    let mut test = cargo_test(cargo::windows()?, packages);
    test.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
    count(&mut [prefix.enter(&mut test)])
}

fn wine_tier() -> Result<Outcome> {
    let prefix = demo::wine()?;
    Target::Host.build_with_tests()?;
    cargo::windows()?.build_with_tests()?;
    let names = tests(|name| name.starts_with("wine"))?;
    let mut test = cargo_test(Target::Host, &format!("--workspace {names} -- --include-ignored"));
    count(&mut [prefix.enter(&mut test)])
}

/// `cargo test`, with options as they would be typed.
fn cargo_test(target: Target, options: &str) -> Command {
    let mut test = target.cargo("test");
    test.args(["--locked", "--no-fail-fast"])
        .args(options.split_whitespace());
    test
}

/// The options that name the whole-system tests of a tier to Cargo.
fn tests(wanted: impl Fn(&str) -> bool) -> Result<String> {
    let dir = place::root().join("tests").join("tests");
    let what = format!("list `{}`", dir.display());
    let mut names = Vec::new();
    for file in std::fs::read_dir(&dir).doing(&what)? {
        let path = file.doing(&what)?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && wanted(&name) {
            names.push(format!("--test {name}"));
        }
    }
    if names.is_empty() {
        return Err(Failure::new(what, "there are no tests of this tier"));
    }
    names.sort();
    Ok(names.join(" "))
}

fn demo_linux() -> Result<Outcome> {
    if !command::is_root() {
        return Ok(Outcome::Skipped(
            "containers on Linux need root: run this as root".to_owned(),
        ));
    }
    demo::run(demo::Host::Linux)?;
    Ok(PASSED)
}

fn demo_windows() -> Result<Outcome> {
    demo::run(demo::Host::Wine)?;
    Ok(PASSED)
}

/// Runs `cargo test` as often as there are commands, and counts what the runners counted. A tier in which no test ran
/// has not passed.
fn count(commands: &mut [&mut Command]) -> Result<Outcome> {
    let mut count = Count::default();
    let mut failed = None;
    for test in &mut *commands {
        failed = failed.or(command::run_watched(test, |line| count.add(line)).err());
    }
    match failed {
        Some(_) if count.failed > 0 => Err(Failure::new("run the tests of this tier", count)),
        Some(failure) => Err(failure),
        None if count.passed == 0 => Err(Failure::new("run the tests of this tier", "there are none")),
        None => Ok(Outcome::Passed(count.to_string())),
    }
}

/// Adds a component of the Rust toolchain where its program is missing.
fn component(name: &str, program: &str) -> Result<()> {
    if command::find_program(program)
        .is_some_and(|program| command::output(&mut command::command(program, ["--version"])).is_ok())
    {
        return Ok(());
    }
    command::run(&mut command::command("rustup", ["component", "add", name]))
}
