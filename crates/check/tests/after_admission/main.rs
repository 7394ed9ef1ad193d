//! What the node would say of a pod, and porthole's advice: each rule by a manifest that breaks it, and what is proposed.

mod advice;
mod fixes;
mod node;
mod quiet;

use porthole_check::{File, Settings, World, judge};
use porthole_pod::{Enforcer, Severity};

/// A Pod of these lines of a spec, written with two blanks less than they have there.
fn pod(spec: &str) -> String {
    [
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n",
        &indented(spec),
    ]
    .concat()
}

/// A HostProcess pod that nothing is to be said of, with further lines of its container.
fn host_process(container: &str) -> String {
    pod(&[HOST_PROCESS.trim_start(), &indented(container)].concat())
}

/// The lines with two blanks more.
fn indented(lines: &str) -> String {
    let lines = lines.trim_matches('\n').lines();
    lines.flat_map(|line| ["  ", line, "\n"]).collect()
}

const HOST_PROCESS: &str = r"
os: {name: windows}
nodeSelector: {kubernetes.io/os: windows}
hostNetwork: true
securityContext:
  windowsOptions: {hostProcess: true, runAsUserName: NT AUTHORITY\SYSTEM}
containers:
- name: c
  image: example.com/agent:1
";

/// What the node and advice say of a text, a line each: severity, rule, field and words.
fn said(text: &str, settings: &Settings) -> Vec<String> {
    findings(text, settings)
        .into_iter()
        .filter(|(enforcer, _)| matches!(enforcer, Enforcer::Node | Enforcer::Advice))
        .map(|(_, line)| line)
        .collect()
}

/// What everybody says of a text.
fn findings(text: &str, settings: &Settings) -> Vec<(Enforcer, String)> {
    let files = [File::parse("pod.yaml", text)];
    assert!(
        files[0].stream.errors.is_empty(),
        "{:?}\n{text}",
        files[0].stream.errors
    );
    let world = World::of(&files, settings);
    let verdicts = judge(&files[0], &world, settings);
    let all = verdicts.iter().flat_map(|verdict| &verdict.findings);
    all.map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        };
        let line = format!(
            "{severity} {} {}: {}",
            finding.rule,
            finding.field,
            finding.body()
        );
        (finding.rule.enforcer, line)
    })
    .collect()
}

/// Asserts what the node and advice say of a text.
#[track_caller]
fn says(text: &str, expected: &[&str]) {
    says_with(text, &Settings::default(), expected);
}

#[track_caller]
fn says_with(text: &str, settings: &Settings, expected: &[&str]) {
    assert_eq!(said(text, settings), expected, "{text}");
}

#[test]
fn each_rule_of_the_node_and_of_advice_is_broken_by_a_manifest() {
    let tests = [include_str!("node.rs"), include_str!("advice.rs")].concat();
    // What the kubelet refuses and the API server has refused before it; `porthole run` asks these (crates/pod/tests).
    let elsewhere = ["sandbox-refused", "node-selector-of-other-os"];
    let rules =
        porthole_pod::rules::all().filter(|rule| matches!(rule.enforcer, Enforcer::Node | Enforcer::Advice));
    let untested: Vec<&str> = rules
        .map(|rule| rule.name)
        .filter(|name| !elsewhere.contains(name) && !tests.contains(&format!(" {name} ")))
        .collect();
    assert_eq!(untested, [""; 0]);
}

#[test]
fn no_two_rules_have_one_name() {
    let mut names: Vec<&str> = porthole_check::rules().map(|rule| rule.name).collect();
    names.sort_unstable();
    let twice: Vec<&str> = names
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    assert_eq!(twice, [""; 0]);
}
