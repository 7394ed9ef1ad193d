//! `examples/seeds` holds each manifest of the seeds, token for token: nothing but line breaks and indentation differs.

use std::path::{Path, PathBuf};

use porthole_tests::seeds::{Manifest, fenced, flattened, words};

/// File below `examples/seeds`, in the order of the tutorial.
const TUTORIAL: &[&str] = &[
    "tutorial/hostprocess-cluster.json",
    "tutorial/Dockerfile",
    "tutorial/hostprocesspod.yaml",
];

/// File below `examples/seeds`, in the order of the other document. The number is that of its section.
const WINDOWS_PODS: &[&str] = &[
    "windows-pods/1.3-ping.yaml",
    "windows-pods/2.1-gmsa-WebApp1.yaml",
    "windows-pods/2.2-webapp1-role.yaml",
    "windows-pods/2.3-allow-default-svc-account.yaml",
    "windows-pods/2.4-with-creds-pod.yaml",
    "windows-pods/2.4-with-creds-container.yaml",
    "windows-pods/2.6-netlogon-hook.yaml",
    "windows-pods/3-run-as-username-pod.yaml",
    "windows-pods/3.1-run-as-username-container.yaml",
];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/seeds")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

fn seed(name: &str) -> String {
    let seeds = std::env::var_os("PORTHOLE_SEEDS").expect("PORTHOLE_SEEDS names the directory of the seeds");
    read(&Path::new(&seeds).join(name))
}

/// Each manifest of the seed is one file, and each file is that manifest.
fn assert_same(seed: &str, manifests: &[Manifest], files: &[&str]) {
    for (manifest, file) in manifests.iter().zip(files) {
        let tokens = words(&read(&examples().join(file)));
        let at = manifest
            .words
            .iter()
            .zip(&tokens)
            .position(|(seed, file)| seed != file);
        assert_eq!(
            manifest.words, tokens,
            "{file} and line {} of {seed} differ at word {at:?}",
            manifest.line
        );
    }
    let lines: Vec<usize> = manifests.iter().map(|manifest| manifest.line).collect();
    assert_eq!(
        manifests.len(),
        files.len(),
        "{seed} has manifests at the lines {lines:?}"
    );
}

#[test]
#[ignore = "needs the seeds' documents (PORTHOLE_SEEDS)"]
fn the_tutorial_is_kept_token_for_token() {
    let name = "hostprocess-tutorial.md";
    assert_same(name, &fenced(&seed(name)), TUTORIAL);
}

#[test]
#[ignore = "needs the seeds' documents (PORTHOLE_SEEDS)"]
fn the_windows_pods_are_kept_token_for_token() {
    let name = "windows-pods.zh.md";
    assert_same(name, &flattened(&seed(name)), WINDOWS_PODS);
}

#[test]
fn every_file_is_a_seed_or_says_what_it_corrects() {
    for dir in ["tutorial", "windows-pods"] {
        for entry in std::fs::read_dir(examples().join(dir)).expect("list the examples") {
            let name = format!(
                "{dir}/{}",
                entry.expect("list the examples").file_name().display()
            );
            if !TUTORIAL.contains(&name.as_str()) && !WINDOWS_PODS.contains(&name.as_str()) {
                let text = read(&examples().join(&name));
                let first = text.lines().next().unwrap_or_default();
                let original =
                    |file: &&&str| first.contains(Path::new(file).file_name().unwrap().to_str().unwrap());
                let seeds = || TUTORIAL.iter().chain(WINDOWS_PODS);
                assert!(
                    first.starts_with("# "),
                    "{name} says nothing of itself in its first line"
                );
                assert!(
                    seeds().any(|file| original(&file)),
                    "{name} does not name its original: {first}"
                );
            }
        }
    }
}
