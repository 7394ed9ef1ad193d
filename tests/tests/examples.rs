//! The examples on this machine: what `examples/README.md` says of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_tests::program;
use porthole_tests::session::Session;
use porthole_tests::traces::Traces;

const LIMIT: Duration = Duration::from_secs(30);

/// What a pod left on the machine can only be told while no other test runs one.
static ALONE: Mutex<()> = Mutex::new(());

/// A directory that stands for the image of the ping pods, and a state directory.
struct Place {
    dir: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    fn new(name: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = program::target()
            .unwrap()
            .join("xtask")
            .join("examples")
            .join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        let bin = dir.join("image/usr/local/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::copy(program::host("ping").unwrap(), bin.join("ping")).unwrap();
        Self { dir, _alone: alone }
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn porthole(&self, verb: &str, file: &str) -> Command {
        let mut porthole = Command::new(program::host("porthole").unwrap());
        porthole
            .arg(verb)
            .arg("--state")
            .arg(self.state())
            .arg(example(file))
            .env("NO_COLOR", "1");
        if verb == "run" {
            porthole.args(["--any-node", "--image"]);
            porthole.arg(format!("{}={}", image(file), self.dir.join("image").display()));
        }
        porthole
    }
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/seeds/windows-pods")
        .join(file)
}

/// The image that a manifest names.
fn image(file: &str) -> String {
    let text = std::fs::read_to_string(example(file)).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("image: "))
        .unwrap();
    line.to_owned()
}

/// Runs a ping pod until it has got an answer, ends it by Ctrl-C, and returns what it said.
fn run_until_ctrl_c(name: &str, file: &str, options: &[&str]) -> String {
    let place = Place::new(name);
    let before = Traces::read(&place.state(), "").unwrap();
    let mut session = Session::start(place.porthole("run", file).args(options)).unwrap();
    session.wait_for("Reply from ", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (_, said) = session.end(LIMIT).unwrap();
    Traces::read(&place.state(), "")
        .unwrap()
        .nothing_more_than(&before)
        .unwrap();
    said
}

fn explained(name: &str, file: &str) -> String {
    let place = Place::new(name);
    let output = place.porthole("explain", file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[test]
#[ignore = "needs root"]
fn the_ping_pod_runs_as_local_service_until_ctrl_c() {
    let said = run_until_ctrl_c("ping", "1.3-ping-pod.yaml", &[]);
    assert!(said.contains("Pinging 127.0.0.1 [127.0.0.1] as "), "{said}");
    assert!(!said.contains(" as root"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn the_user_name_of_the_pod_is_the_one_that_runs() {
    let said = run_until_ctrl_c("pod-user", "3-run-as-username-pod.yaml", &["--as-host-process"]);
    assert!(said.contains(" as ContainerUser,"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn the_user_name_of_the_container_wins_over_that_of_the_pod() {
    let file = "3.1-run-as-username-container.yaml";
    let said = run_until_ctrl_c("container-user", file, &["--as-host-process"]);
    assert!(said.contains(" as ContainerAdministrator,"), "{said}");
}

#[test]
fn explain_names_the_field_that_decided_who_runs() {
    let said = explained("explain-pod", "3-run-as-username-pod.yaml");
    assert!(said.contains("ContainerUser"), "{said}");
    assert!(
        said.contains("spec.securityContext.windowsOptions.runAsUserName"),
        "{said}"
    );

    let said = explained("explain-container", "3.1-run-as-username-container.yaml");
    assert!(said.contains("ContainerAdministrator"), "{said}");
    assert!(
        said.contains("spec.containers[0].securityContext.windowsOptions.runAsUserName"),
        "{said}"
    );
}

#[test]
fn a_pod_that_is_not_hostprocess_is_refused_with_the_remedy() {
    let place = Place::new("isolated");
    let output = place
        .porthole("run", "3-run-as-username-pod.yaml")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("--as-host-process"), "{said}");
}

#[test]
fn the_tutorials_dockerfile_builds_as_it_stands_once_its_stages_are_supplied() {
    let place = Place::new("dockerfile");
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/seeds/tutorial");
    let build = |stages: &[String]| {
        let mut build = Command::new(program::host("porthole").unwrap());
        build
            .args(["image", "build", "--platform", "windows/amd64", "--file"])
            .arg(seeds.join("Dockerfile"));
        build
            .arg("--state")
            .arg(place.state())
            .args(["--tag", "windowspodfilemount:v1.0.0"]);
        build.args(stages.iter().flat_map(|stage| ["--stage", stage]));
        build.arg(&seeds).output().unwrap()
    };

    let output = build(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Dockerfile:11: RUN is not supported"), "{said}");
    assert!(said.contains("--stage builder=DIR"), "{said}");

    let builder = place.dir.join("builder");
    std::fs::create_dir_all(builder.join("usr/local/app")).unwrap();
    std::fs::write(builder.join("usr/local/app/app.exe"), "MZ").unwrap();
    let base = place.dir.join("nothing");
    std::fs::create_dir_all(&base).unwrap();
    let output = build(&[
        format!("builder={}", builder.display()),
        format!("mcr.microsoft.com/windows/nanoserver:1809={}", base.display()),
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_a_cluster_refuses_is_refused_in_its_words_and_its_correction_is_not() {
    const REFUSED: &str = "the API server refuses it";
    let said = explained("refused", "2.4-with-creds-container.yaml");
    assert!(said.contains(REFUSED), "{said}");
    let field = "spec.template.spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpecName";
    let text =
        format!("{field}: Invalid value: \"gmsa-Webapp1\": a lowercase RFC 1123 subdomain must consist of");
    assert!(said.contains(&text), "{said}");

    let accepted = [
        "1.3-ping-pod.yaml",
        "2.4-with-creds-pod.yaml",
        "2.4-with-creds-container.corrected.yaml",
        "3-run-as-username-pod.yaml",
        "3.1-run-as-username-container.yaml",
    ];
    for file in accepted {
        let said = explained("accepted", file);
        assert!(
            said.starts_with("Pod ") || said.starts_with("Deployment "),
            "{said}"
        );
        assert!(!said.contains(REFUSED), "{said}");
    }
}
