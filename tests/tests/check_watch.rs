//! `porthole check --watch`: what is said after each change.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use porthole_tests::program;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);
/// As long as several looks: what would be said of a change that there was not.
const SILENCE: Duration = Duration::from_secs(1);
const GOOD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'i:1'}]}\n";

struct Watch {
    porthole: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut porthole = Command::new(program::host("porthole").unwrap())
            .args(["check", "--watch"])
            .args(arguments)
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(porthole.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in out.lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self { porthole, lines }
    }

    /// The next run, of JSON.
    fn report(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// How many errors the next run has, and in how many files.
    fn count(&self) -> (usize, usize) {
        count(&self.report())
    }

    fn is_silent(&self) {
        let said = self.lines.recv_timeout(SILENCE);
        assert!(said.is_err(), "nothing has changed, and it says {said:?}");
    }
}

fn count(report: &Value) -> (usize, usize) {
    let files = report["files"].as_array().unwrap();
    let text = report.to_string();
    (text.matches("\"severity\":\"error\"").count(), files.len())
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.porthole.kill();
        let _ = self.porthole.wait();
    }
}

#[test]
fn every_way_of_changing_files_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("pod.yaml"), GOOD).unwrap();
    let watch = Watch::start(directory.path(), &[".", "-o", "json"]);
    assert_eq!(watch.count(), (0, 1));
    watch.is_silent();

    // In place.
    std::fs::write(path("pod.yaml"), GOOD.replace("image", "imag")).unwrap();
    assert_eq!(watch.count(), (1, 1));
    // By another file that takes its name, as editors do.
    std::fs::write(path(".pod.yaml.swp"), GOOD).unwrap();
    watch.is_silent();
    std::fs::rename(path(".pod.yaml.swp"), path("pod.yaml")).unwrap();
    assert_eq!(watch.count(), (0, 1));
    // Another file, in a new directory; then it goes.
    std::fs::create_dir(path("more")).unwrap();
    std::fs::write(path("more/other.yaml"), GOOD.replace("name: c", "name: C")).unwrap();
    assert_eq!(watch.count(), (1, 2));
    std::fs::remove_file(path("more/other.yaml")).unwrap();
    assert_eq!(watch.count(), (0, 1));
    // The settings; broken ones end nothing.
    std::fs::write(path(".porthole.yaml"), "kubernetesVersion: '1.30'\n").unwrap();
    assert_eq!(watch.report()["kubernetesVersion"], "1.30");
    std::fs::write(path(".porthole.yaml"), "kubernetesVersion: nonsense\n").unwrap();
    watch.is_silent();
    std::fs::remove_file(path(".porthole.yaml")).unwrap();
    assert_eq!(watch.report()["kubernetesVersion"], "1.37");
}

#[test]
fn the_levels_of_pod_security_are_seen_in_the_file_that_another_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let admission = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [{name: PodSecurity, path: \
                     levels.yaml}]\n";
    let levels = |level: &str| {
        format!(
            "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {{enforce: {level}}}\n"
        )
    };
    std::fs::create_dir(path("configuration")).unwrap();
    std::fs::write(path("configuration/admission.yaml"), admission).unwrap();
    std::fs::write(path("configuration/levels.yaml"), levels("privileged")).unwrap();
    std::fs::write(path("pod.yaml"), GOOD).unwrap();
    let watch = Watch::start(
        directory.path(),
        &[
            "pod.yaml",
            "--pod-security-config",
            "configuration/admission.yaml",
            "-o",
            "json",
        ],
    );
    assert_eq!(watch.count(), (0, 1));
    std::fs::write(path("configuration/levels.yaml"), levels("restricted")).unwrap();
    assert_eq!(watch.count(), (4, 1));
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_it_well() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pod.yaml"), GOOD.replace("image", "imag")).unwrap();
    let mut porthole = Command::new(program::host("porthole").unwrap());
    porthole.args(["check", "--watch", "pod.yaml", "-o", "json"]);
    let mut session =
        porthole_tests::session::Session::start(porthole.current_dir(directory.path())).unwrap();
    session.wait_for("\n", PATIENCE).unwrap();
    session.interrupt().unwrap();
    let (status, said) = session.end(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(count(&serde_json::from_str(&said).unwrap()), (1, 1));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pod.yaml"), GOOD).unwrap();
    for (arguments, reason) in [
        (&["-"][..], "watch `-`: it is no file of this machine"),
        (
            &["https://example.com/pod.yaml"],
            "watch `https://example.com/pod.yaml`: it is no file",
        ),
        (&["none.yaml"], "read `none.yaml`"),
        (
            &["pod.yaml", "-o", "sarif"],
            "--watch: this output has no place for more than one run",
        ),
        (&["pod.yaml", "--fix"], "cannot be used with"),
        (&["pod.yaml", "--kubectl"], "cannot be used with"),
    ] {
        let said = Command::new(program::host("porthole").unwrap())
            .args(["check", "--watch"])
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(errors.contains(reason), "{arguments:?}: {errors}");
        assert_eq!(said.status.code(), Some(2), "{arguments:?}");
    }
}
