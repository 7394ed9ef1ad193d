//! The chart in `charts/porthole` is the one that is made of the objects of an installation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use porthole_install::chart;

/// What no object makes.
const BY_HAND: [&str; 4] = [
    "README.md",
    "templates/NOTES.txt",
    "templates/_helpers.tpl",
    "templates/credentialspec.yaml",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/porthole")
}

#[test]
fn the_chart_is_what_the_objects_make() {
    for file in chart::files().unwrap() {
        let path = directory().join(file.path);
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written.replace("\r\n", "\n") == file.text,
            "{} is not what is made now; run `cargo xtask reference`",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_in_it_that_nobody_makes() {
    let made = chart::files().unwrap();
    let mut known: BTreeSet<PathBuf> = made.iter().map(|file| PathBuf::from(file.path)).collect();
    known.extend(BY_HAND.map(PathBuf::from));
    let mut found = BTreeSet::new();
    let mut directories = vec![directory()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.strip_prefix(directory()).unwrap().to_owned());
            }
        }
    }
    assert_eq!(found, known);
}
