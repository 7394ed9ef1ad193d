//! The manifests that the repository shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Asked;

fn manifests(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

fn compare(asked: &Asked) {
    let mut found = Vec::new();
    manifests(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"),
        &mut found,
    );
    let mut pods = 0;
    let mut different = Vec::new();
    for path in found {
        let (count, differences) =
            asked.compare(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        pods += count;
        different.extend(differences);
    }
    assert!(pods >= 10, "{pods} pods and workloads are in the examples");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn the_examples_are_answered_as_the_newest_api_server_answers_them() {
    compare(Asked::newest());
}

#[test]
#[ignore = "needs kube-apiserver 1.24"]
fn the_examples_are_answered_as_the_oldest_api_server_answers_them() {
    compare(Asked::oldest());
}
