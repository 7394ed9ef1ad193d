//! `cargo xtask oracle`: porthole's verdict and that of a real API server on the same objects.

use std::process::{Command, ExitCode, Stdio};

use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};

use crate::cargo::Target;
use crate::command::{self, Doing as _, Failure, Result};
use crate::kubernetes;
use crate::place;
use crate::report::Outcome;

/// The gate without which servers of 1.24 know no HostProcess containers.
const WITHOUT: &str = "WindowsHostProcessContainers=false";

/// How the oracle ends where there is a disagreement.
const DISAGREEMENT: i32 = 3;

/// Runs the oracle with these options, whose list it prints itself. Builds the server where it is missing.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode> {
    // What it prints says it all; only that it failed is told on.
    let mut oracle = oracle(options)?;
    command::show(&oracle);
    let status = oracle.status().doing("run the oracle")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the oracle with these options. Whether the answers agree; where there are none to compare, what the oracle said last
/// is the failure.
fn agrees(options: &[&str], what: &str) -> Result<bool> {
    let run = "run the oracle";
    let mut oracle = oracle(options)?;
    command::show(&oracle);
    let mut child = oracle.stderr(Stdio::piped()).spawn().doing(run)?;
    let mut last = "see above".to_owned();
    if let Some(errors) = child.stderr.take() {
        let mut keep = |line: &str| {
            if !line.is_empty() {
                line.clone_into(&mut last);
            }
        };
        command::pass_on(errors, &mut keep).doing(run)?;
    }
    match child.wait().doing(run)?.code() {
        Some(0) => Ok(true),
        Some(DISAGREEMENT) => Ok(false),
        _ => Err(Failure::new(what, last)),
    }
}

/// The command; its server is built where it is missing.
fn oracle(options: &[&str]) -> Result<Command> {
    let value = |name| {
        let place = options.iter().position(|option| *option == name)?;
        options.get(place + 1).copied()
    };
    if value("--server").is_none() {
        let version = value("--kubernetes").unwrap_or(NEWEST);
        kubernetes::provide_api_server(version.trim_start_matches('v'))?;
    }
    let mut cargo = Target::Host.cargo("run");
    cargo
        .args(["--quiet", "--locked", "--package", "porthole-oracle", "--"])
        .args(options);
    Ok(cargo)
}

/// What the tier asks a server: its version, its gates, further options, and how many objects that are the same each time
/// and how many that are not.
const RUNS: &[(&str, &str, &[&str], [u64; 2])] = &[
    (NEWEST, "", &[], [2000, 500]),
    (OLDEST, "", &[], [2000, 500]),
    (OLDEST, WITHOUT, &[], [2000, 500]),
    (NEWEST, "", &["--allow-privileged", "false"], [500, 0]),
    (NEWEST, "", &["--ask", "changes"], [2000, 500]),
    (OLDEST, "", &["--ask", "changes"], [2000, 500]),
];

/// Asks all servers that the tests have, and says of which rules both sides were seen. A disagreement over an object that is
/// the same each time is the fault of a change, and fails; one over a fresh one was there before: it is kept and told.
pub(crate) fn tier() -> Result<Outcome> {
    let directory = place::fresh("oracle")?;
    let (counts, found) = (directory.join("rules"), directory.join("fresh"));
    let (counts, found) = (counts.to_string_lossy(), found.to_string_lossy());
    let (mut asked, mut news) = (0, Vec::new());
    for (version, gates, more, [same, fresh]) in RUNS {
        let mut options = vec!["--kubernetes", *version, "--report", &*counts];
        options.extend(*more);
        if !gates.is_empty() {
            options.extend(["--feature-gates", gates]);
        }
        let what = format!("compare answers of Kubernetes {version} {gates}");
        let number = same.to_string();
        if !agrees(
            &[&options[..], &["--count", &number, "--seed", "1"]].concat(),
            &what,
        )? {
            return Err(Failure::new(what, "see the disagreements above"));
        }
        asked += same;
        if *fresh == 0 {
            continue;
        }
        let number = fresh.to_string();
        options.extend(["--count", &number, "--seed", "fresh", "--save", &*found]);
        if !agrees(&options, &what)? {
            news.push(format!("{version} {}", more.concat()));
        }
        asked += fresh;
    }
    Ok(Outcome::Passed(if news.is_empty() {
        format!("{asked} objects, no disagreement")
    } else {
        let servers = news.join(", ");
        format!("{asked} objects; NEW DISAGREEMENTS over fresh ones with {servers}: see above and {found}")
    }))
}
