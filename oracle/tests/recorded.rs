//! Answers of real servers that were kept are porthole's answers, without the servers.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use porthole_oracle::answer::difference;
use porthole_oracle::porthole;
use porthole_oracle::record;
use porthole_pod::{Gates, Options, Version};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/oracle")
}

/// What is different in the answers of a file, in words, and how many there are.
fn compare(path: &Path, options: &Options) -> (usize, Vec<String>) {
    let recorded = record::read(path).expect("the file is in the checkout");
    let mut different = Vec::new();
    for kept in &recorded {
        let ours = porthole::answer(&kept.object, &kept.namespace, options).expect("it can be read");
        if let Some(what) = difference(&kept.answer, &ours.answer) {
            different.push(format!(
                "{what}\n  {}\n  server    {:?}\n  porthole  {:?}",
                kept.object,
                kept.answer.lines(),
                ours.answer.lines()
            ));
        }
    }
    (recorded.len(), different)
}

/// The minor version that a name such as `recorded-1.24-WindowsHostProcessContainers=false.jsonl` begins with, and its
/// gates.
fn options(name: &str) -> Options {
    let (minor, gates) = name.split_once('-').unwrap_or((name, ""));
    let version = minor
        .parse()
        .ok()
        .and_then(Version::new)
        .expect("a version that is known");
    Options {
        gates: Gates::parse(gates, version).expect("gates that there are"),
        ..Options::of(version)
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is in the checkout");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn recorded_answers_are_porthole_s() {
    let mut files = 0;
    for name in names(&fixtures()) {
        let Some(rest) = name
            .strip_prefix("recorded-1.")
            .and_then(|name| name.strip_suffix(".jsonl"))
        else {
            continue;
        };
        let (count, different) = compare(&fixtures().join(&name), &options(rest));
        assert!(count >= 100, "{name} has only {count} answers");
        assert!(
            different.is_empty(),
            "{name}: {} of {count}\n{}",
            different.len(),
            different.join("\n")
        );
        files += 1;
    }
    assert!(files >= 2, "the newest and the oldest version are there");
}

#[test]
fn disagreements_that_were_mended_stay_so() {
    let mut count = 0;
    for version in names(&fixtures()) {
        let Some(rest) = version.strip_prefix("1.") else {
            continue;
        };
        let directory = fixtures().join(&version);
        for name in names(&directory) {
            let (_, different) = compare(&directory.join(&name), &options(rest));
            assert!(different.is_empty(), "{version}/{name}\n{}", different.join("\n"));
            count += 1;
        }
    }
    assert!(count > 0, "there are some");
}
