//! `cargo xtask oracle`: porthole's verdict and that of a real API server on the same objects.

use std::process::ExitCode;

use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};

use crate::cargo::Target;
use crate::command::{self, Failure, Result};
use crate::kubernetes;
use crate::place;
use crate::report::Outcome;

/// The gate without which servers of 1.24 know no HostProcess containers.
const WITHOUT: &str = "WindowsHostProcessContainers=false";

/// Runs the oracle with these options, whose list it prints itself. Builds the server where it is missing.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode> {
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
    // What it prints says it all; only that it failed is told on.
    Ok(command::run(&mut cargo).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
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

/// Asks all servers that the tests have, and says of which rules both sides were seen.
pub(crate) fn tier() -> Result<Outcome> {
    let counts = place::fresh("oracle-counts")?.join("rules");
    let report = counts.to_string_lossy();
    let mut asked = 0;
    for (version, gates, more, [same, fresh]) in RUNS {
        for (count, seed) in [(same, "1"), (fresh, "fresh")] {
            if *count == 0 {
                continue;
            }
            let number = count.to_string();
            let mut options = vec!["--kubernetes", *version, "--count", &number, "--seed", seed];
            options.extend(["--report", &*report]);
            options.extend(*more);
            if !gates.is_empty() {
                options.extend(["--feature-gates", gates]);
            }
            if run(&options)? != ExitCode::SUCCESS {
                let what = format!("compare answers of Kubernetes {version} {gates}");
                return Ok(Outcome::Failed(Failure::new(what, "see the disagreements above")));
            }
            asked += count;
        }
    }
    Ok(Outcome::Passed(format!("{asked} objects, no disagreement")))
}
