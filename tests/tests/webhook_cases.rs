//! `docs/webhook-cases.md` names tests that are there.

use std::collections::HashSet;
use std::path::Path;

use porthole_tests::program;

/// The names of all functions of the Rust files below a directory.
fn functions(directory: &Path, found: &mut HashSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                rest.split_once('(').map(|(name, _)| name.to_owned())
            });
            found.extend(names);
        }
    }
}

#[test]
fn each_case_of_the_existing_webhook_has_a_test() {
    let checkout = program::checkout();
    let mut known = HashSet::new();
    for directory in ["crates", "tests/tests"] {
        functions(&checkout.join(directory), &mut known);
    }
    let text = std::fs::read_to_string(checkout.join("docs/webhook-cases.md")).unwrap();
    let mut cases = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let tested = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        let names = tested.split('`').skip(1).step_by(2);
        let tests: Vec<&str> = names
            .filter(|name| name.contains('_') && !name.contains(['/', '.', '\\']))
            .collect();
        for test in &tests {
            assert!(known.contains(*test), "there is no test {test}: {row}");
        }
        let says_why = ["tested by", "the same", "none: "]
            .iter()
            .any(|text| tested.starts_with(text));
        assert!(says_why || !tests.is_empty(), "no test is named: {row}");
        cases += 1;
    }
    assert!(cases > 40, "{cases}");
}
