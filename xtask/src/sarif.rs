//! The tier `sarif`: what `porthole check -o sarif` prints is held against the schema of SARIF 2.1.0.

use std::path::PathBuf;

use porthole_tests::program;

use crate::command::{self, Doing, Failure, Result, command};
use crate::report::Outcome;
use crate::{cargo::Target, go, place};

/// What is checked, as a user would: paths from the checkout, and options.
const RUNS: [&[&str]; 5] = [
    &["examples"],
    &["fuzz/seeds", "--pod-security", "restricted"],
    &["fuzz/regressions", "--kubernetes-version", "1.22"],
    // A file that is named itself.
    &["examples/seeds/windows-pods/2.4-with-creds-pod.yaml"],
    &["BROKEN"],
];

/// Files that are no manifests, with a name that is no URI as it stands.
const BROKEN: [(&str, &[u8]); 3] = [
    ("not text é.yaml", b"a: \xff\xfe\n"),
    ("syntax [1].yaml", b"a: {\nb: \xf0\x9f\x98\x80 ]\n"),
    ("empty.yaml", b""),
];

/// Runs them all, and has their logs validated.
pub(crate) fn tier() -> Result<Outcome> {
    let go = go::program()?;
    Target::Host.build()?;
    let logs = place::fresh("sarif")?;
    let broken = logs.join("broken");
    std::fs::create_dir(&broken).doing(format!("make `{}`", broken.display()))?;
    for (name, bytes) in BROKEN {
        let file = broken.join(name);
        std::fs::write(&file, bytes).doing(format!("write `{}`", file.display()))?;
    }
    let mut validate = Vec::new();
    for (number, words) in RUNS.iter().enumerate() {
        let words = words.iter().map(|word| match *word {
            "BROKEN" => broken.clone(),
            word => PathBuf::from(word),
        });
        let log = logs.join(format!("{number}.sarif"));
        let mut porthole = command(program::host("porthole")?, ["check", "-o", "sarif"]);
        porthole.args(words).current_dir(place::root());
        command::show(&porthole);
        let said = porthole.output().doing("run porthole")?;
        // Findings are no failure here; a question that cannot be asked is.
        if said.status.code().is_none_or(|code| code > 1) {
            let text = String::from_utf8_lossy(&said.stderr).into_owned();
            return Err(Failure::new(command::words(&porthole), text));
        }
        std::fs::write(&log, said.stdout).doing(format!("write `{}`", log.display()))?;
        validate.push(log.display().to_string());
    }
    let mut arguments = vec!["run", "."];
    arguments.extend(validate.iter().map(String::as_str));
    let directory = place::root().join("xtask").join("sarif-schema");
    let said = command::output(&mut go::go(&go, &directory, &arguments))?;
    Ok(Outcome::Passed(said.trim().to_owned()))
}
