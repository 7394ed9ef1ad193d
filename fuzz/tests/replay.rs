//! Every target on texts that are hard to read and on what was found in the past, on some of the seeds, and on mutations of others.

use std::panic;
use std::path::Path;

use porthole_fuzz::{TARGETS, mutate, seeds};

/// Every so many seeds are tried on every run of the tests: a build without optimisation is slow.
const STEP: usize = 40;

/// Tries every target on a text, which `what` tells.
fn all_hold(text: &str, what: &str) {
    for target in TARGETS {
        let held = panic::catch_unwind(|| (target.holds)(text));
        assert!(held.is_ok(), "`{}` does not hold of {what}", target.name);
    }
}

#[test]
fn hard_texts_and_what_was_found_are_no_trouble() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut replayed = 0;
    for file in std::fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Whatever broke one may break another.
        all_hold(&text, &path.display().to_string());
        replayed += 1;
    }
    assert!(replayed > 0, "there is nothing in {}", directory.display());
}

#[test]
fn every_target_holds_of_the_seeds() {
    assert!(seeds().len() > 100, "the recorded objects are among the seeds");
    for (index, seed) in seeds().iter().enumerate().step_by(STEP) {
        all_hold(seed, &format!("seed {index}:\n{seed}"));
    }
}

#[test]
fn every_target_holds_of_mutations() {
    for (index, seed) in (0_u64..).zip(seeds()).skip(STEP / 2).step_by(STEP) {
        let text = mutate(seed, &mut fastrand::Rng::with_seed(index));
        all_hold(&text, &format!("a mutation of seed {index}:\n{text}"));
    }
}

#[test]
fn mutations_follow_from_their_numbers_and_differ() {
    let seed = &seeds()[0];
    let of = |number| mutate(seed, &mut fastrand::Rng::with_seed(number));
    assert_eq!(of(1), of(1));
    let different = (0..100).filter(|number| of(*number) != *seed).count();
    assert!(
        different > 80,
        "only {different} of 100 mutations change anything"
    );
}

#[test]
fn every_target_is_driven_by_coverage() {
    let task = include_str!("../../xtask/src/fuzz.rs");
    let list = task
        .lines()
        .find(|line| line.starts_with("const GUIDED:"))
        .unwrap();
    let guided: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(guided, targets);
}
