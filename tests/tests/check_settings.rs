//! `.porthole.yaml`, as nobody would write it.

use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use porthole_fuzz::mutate;
use porthole_tests::fuzz::{seconds, seed};
use porthole_tests::program;

const SETTINGS: &str = "failOn: warning\nexclude: ['vendor/**', '*.tmpl.yaml']\nkubernetesVersion: '1.34'\nkubeletVersion: '1.33'\n\
                        containerd: '1.7'\nnamespace: team\nignore: [image-without-tag]\nfeatureGates: {PodLevelResources: true}\n\
                        podSecurity: baseline:v1.28\nhostAccounts: warn\npaths:\n- files: ['legacy/**']\n  kubernetesVersion: '1.24'\n  \
                        disallowPrivileged: true\n  ignore: []\n";
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'i:1'}]}\n";

/// No settings end the program but by its own codes, and whatever is refused is refused by name.
#[test]
fn fuzz_of_settings() {
    let directory = tempfile::tempdir().unwrap();
    let (settings, pod) = (
        directory.path().join("settings.yaml"),
        directory.path().join("pod.yaml"),
    );
    std::fs::write(&pod, POD).unwrap();
    let started = Instant::now();
    let mut random = Rng::with_seed(seed());
    let (mut tried, mut taken) = (0, 0);
    while started.elapsed() < Duration::from_secs(seconds()) || tried < 20 {
        let text = mutate(SETTINGS, &mut random);
        std::fs::write(&settings, &text).unwrap();
        let asked = Instant::now();
        let said = Command::new(program::host("porthole").unwrap())
            .args(["check", "--config"])
            .args([&settings, &pod])
            .output()
            .unwrap();
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "it takes too long:\n{text}"
        );
        let errors = String::from_utf8_lossy(&said.stderr);
        match said.status.code() {
            Some(0 | 1) => taken += 1,
            Some(2) => assert!(
                errors.starts_with("error: read the settings `")
                    || errors.starts_with("error: read the feature gates"),
                "{errors}\nof the settings:\n{text}"
            ),
            code => panic!("{code:?}: {errors}\nof the settings:\n{text}"),
        }
        tried += 1;
    }
    assert!(taken > 0, "none of {tried} settings was taken");
    println!("texts tried: {tried}");
}
