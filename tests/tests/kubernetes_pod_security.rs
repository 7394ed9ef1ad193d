//! The public fixtures of Pod Security: pods that pass and pods that fail, for every check at every version of the
//! standards, as the sources of several servers have them. They are fetched with Go's tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_manifest::{Limits, objects, parse, pod_template};
use porthole_pod::pod_security::{Level, LevelVersion, PolicyVersion, Violation, evaluate};
use porthole_pod::{Options, Version};

/// The reason of each check, by the beginning of its fixtures' names.
const REASONS: [(&str, &str); 19] = [
    ("allowprivilegeescalation", "allowPrivilegeEscalation != false"),
    ("apparmorprofile", "forbidden AppArmor profile"),
    ("capabilities_baseline", "non-default capabilities"),
    ("capabilities_restricted", "unrestricted capabilities"),
    ("hostnamespaces", "host namespaces"),
    ("hostpathvolumes", "hostPath volumes"),
    ("hostports", "hostPort"),
    ("hostprobesandhostlifecycle", "probe or lifecycle host"),
    ("privileged", "privileged"),
    ("procmount", "procMount"),
    ("procmount_restricted", "procMount"),
    ("restrictedvolumes", "restricted volume types"),
    ("runasnonroot", "runAsNonRoot != true"),
    ("runasuser", "runAsUser=0"),
    ("seccompprofile_baseline", "seccompProfile"),
    ("seccompprofile_restricted", "seccompProfile"),
    ("selinuxoptions", "seLinuxOptions"),
    ("sysctls", "forbidden sysctls"),
    ("windowshostprocess", "hostProcess"),
];

/// The directory of the fixtures that belong to that release.
fn fixtures(release: &str) -> PathBuf {
    let module = format!("k8s.io/pod-security-admission@{release}");
    let output = Command::new("go")
        .args(["mod", "download", "-json", &module])
        .output()
        .expect("run go: install golang-go");
    assert!(
        output.status.success(),
        "{module}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("go answers in JSON");
    Path::new(answer["Dir"].as_str().expect("the module's directory")).join("test/testdata")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).expect("a name")
}

fn judged(path: &Path, level: LevelVersion, options: &Options) -> Vec<Violation> {
    let text = fs::read_to_string(path).expect("a fixture");
    let stream = parse(&text, &Limits::default());
    assert_eq!(stream.errors, [], "{}", path.display());
    let objects = objects(&stream.documents[0]);
    let template = pod_template(&objects[0]).unwrap_or_else(|| panic!("{}: no pod", path.display()));
    evaluate(&template, level, options)
}

/// The reason that a fixture must fail for. The level `restricted` has stricter checks in the place of some.
fn expected_reason(check: &str, level: LevelVersion, options: &Options) -> &'static str {
    let PolicyVersion::Minor(policy) = level.version else {
        panic!("fixtures have a version")
    };
    let replaced = level.level == Level::Restricted && options.at_least(24);
    match check {
        "capabilities_baseline" if replaced && policy >= 22 => "unrestricted capabilities",
        "hostpathvolumes" if replaced => "restricted volume types",
        _ => {
            REASONS
                .iter()
                .find(|(known, _)| *known == check)
                .expect("a known check")
                .1
        }
    }
}

/// Asks every fixture of a release of the server of that release; how many there were, and which did not agree.
fn disagreements(release: &str, options: &Options) -> (usize, Vec<String>) {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for level_directory in entries(&fixtures(release)).iter().filter(|path| path.is_dir()) {
        let level = level_directory
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a level");
        let level: Level = level.parse().expect("a level");
        for directory in entries(level_directory) {
            let version = directory
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a version");
            let level = LevelVersion::new(level, version.parse().expect("a version"));
            for path in entries(&directory.join("pass")) {
                seen += 1;
                let violations = judged(&path, level, options);
                if !violations.is_empty() {
                    wrong.push(format!("{}: must pass: {violations:?}", path.display()));
                }
            }
            for path in entries(&directory.join("fail")) {
                seen += 1;
                let check = name(&path).trim_end_matches(|c: char| c.is_ascii_digit());
                let reason = expected_reason(check, level, options);
                let violations = judged(&path, level, options);
                let found = violations
                    .iter()
                    .find(|violation| violation.reason.starts_with(reason));
                match found {
                    None => wrong.push(format!("{}: {reason}: {violations:?}", path.display())),
                    Some(found) if found.places.is_empty() => {
                        wrong.push(format!("{}: no place", path.display()));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    (seen, wrong)
}

#[test]
#[ignore = "needs the public fixtures of Pod Security"]
fn agrees_with_every_public_fixture_of_pod_security() {
    let releases = [
        ("v0.22.17", 22),
        ("v0.23.17", 23),
        ("v0.24.17", 24),
        ("v0.25.16", 25),
        ("v0.28.15", 28),
        ("v0.30.14", 30),
        ("v0.34.4", 34),
        ("v0.37.0", 37),
    ];
    for (release, minor) in releases {
        let mut options = Options::of(Version::new(minor).expect("a known version"));
        // With these off the fields that the fixtures are about are dropped before admission.
        options.gates = options
            .gates
            .with("ProcMountType", true)
            .with("UserNamespacesSupport", true);
        let (seen, wrong) = disagreements(release, &options);
        assert!(wrong.is_empty(), "{release}: {}", wrong.join("\n"));
        println!("{release}: {seen} fixtures");
        let least = if minor == 37 { 4500 } else { 2000 };
        assert!(seen > least, "{release} has {seen} fixtures");
    }
}
