//! What is proposed leaves a manifest that can be read, that the API server takes, and in which the finding is gone: in
//! block style, in flow style and as JSON.

use porthole_check::{File, Settings, World, fix, judge};
use porthole_pod::{Enforcer, Finding};

fn judged(text: &str) -> Vec<Finding> {
    let settings = Settings::default();
    let files = [File::parse("pod.yaml", text)];
    assert!(
        files[0].stream.errors.is_empty(),
        "{:?}\n{text}",
        files[0].stream.errors
    );
    let world = World::of(&files, &settings);
    judge(&files[0], &world, &settings)
        .into_iter()
        .flat_map(|verdict| verdict.findings)
        .collect()
}

/// The text after the change that the finding of `rule` proposes.
#[track_caller]
fn fixed(text: &str, rule: &str) -> String {
    let before = judged(text);
    let finding = before
        .iter()
        .find(|finding| finding.rule.name == rule)
        .unwrap_or_else(|| panic!("nothing of {rule} in {before:?}"));
    assert!(finding.fix.is_some(), "{rule} proposes nothing for\n{text}");
    let changed = fix::apply(text, [finding], true);
    let after = judged(&changed.text);
    assert!(
        after.iter().all(|finding| finding.rule.name != rule),
        "{rule} is still there:\n{}",
        changed.text
    );
    let errors = |findings: &[Finding]| {
        let of_server = findings
            .iter()
            .filter(|finding| finding.rule.enforcer == Enforcer::ApiServer);
        of_server.count()
    };
    assert!(
        errors(&after) <= errors(&before),
        "{rule} breaks something else:\n{}",
        changed.text
    );
    changed.text
}

const BLOCK: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: p
spec:
  # who runs it
  securityContext:
    windowsOptions:
      hostProcess: true
  containers:
  - name: c
    image: i
";

#[test]
fn what_is_missing_is_put_before_the_other_fields() {
    let mut text = BLOCK.to_owned();
    for rule in [
        "host-network-required",
        "node-selector-missing",
        "os-name-missing",
        "host-process-without-account",
    ] {
        text = fixed(&text, rule);
    }
    let expected = BLOCK
        .replace(
            "  securityContext:\n",
            "  os:\n    name: windows\n  nodeSelector:\n    kubernetes.io/os: windows\n  hostNetwork: true\n  securityContext:\n",
        )
        .replace(
            "      hostProcess",
            "      runAsUserName: NT AUTHORITY\\SYSTEM\n      hostProcess",
        );
    assert_eq!(text, expected);
}

#[test]
fn flow_style_and_json_are_kept() {
    let flow = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {securityContext: {windowsOptions: {hostProcess: true}}, \
                containers: [{name: c, image: i}]}}\n";
    let json = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
  "securityContext": {"windowsOptions": {"hostProcess": true}}, "containers": [{"name": "c", "image": "i"}]}}"#;
    for start in [flow, json] {
        let mut text = start.to_owned();
        for rule in [
            "host-network-required",
            "node-selector-missing",
            "os-name-missing",
            "host-process-without-account",
        ] {
            text = fixed(&text, rule);
        }
        if start == json {
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON stays JSON");
            assert_eq!(
                value["spec"]["securityContext"]["windowsOptions"]["runAsUserName"],
                r"NT AUTHORITY\SYSTEM"
            );
        } else {
            assert!(
                text.contains(r"{runAsUserName: NT AUTHORITY\SYSTEM, hostProcess: true}"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_mapping_in_a_list_and_line_ends_of_windows_are_kept() {
    let text = BLOCK
        .replace("spec:\n", "spec:\n  hostNetwork: true\n")
        .replace(
            "  # who runs it\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n",
            "",
        )
        .replace(
            "  - name: c\n",
            "  - name: c\n    securityContext:\n      windowsOptions:\n        hostProcess: true\n",
        )
        .replace('\n', "\r\n");
    let text = fixed(&text, "host-process-without-account");
    assert!(
        text.contains("        runAsUserName: NT AUTHORITY\\SYSTEM\r\n        hostProcess: true\r\n"),
        "{text}"
    );
    let text = fixed(&text, "os-name-missing");
    assert!(
        text.contains("spec:\r\n  os:\r\n    name: windows\r\n  hostNetwork"),
        "{text}"
    );
}

#[test]
fn spellings_of_accounts_and_names_are_put_right() {
    let with = |options: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  os: {{name: windows}}\n  \
             nodeSelector: {{kubernetes.io/os: windows}}\n  securityContext:\n    windowsOptions:\n      {options}\n  \
             containers: [{{name: c, image: i}}]\n"
        )
    };
    for (rule, before, after) in [
        (
            "account-user-characters",
            "runAsUserName: CORP/user",
            r"runAsUserName: CORP\user",
        ),
        (
            "account-user-characters",
            "runAsUserName: user@corp.example",
            r"runAsUserName: corp.example\user",
        ),
        (
            "account-user-characters",
            "runAsUserName: \"CORP/user\"",
            r#"runAsUserName: "CORP\\user""#,
        ),
        (
            "account-backslashes",
            r"runAsUserName: 'CORP\\user'",
            r"runAsUserName: 'CORP\user'",
        ),
        (
            "account-backslashes",
            r"runAsUserName: CORP\\user",
            r"runAsUserName: CORP\user",
        ),
        (
            "account-control-character",
            r#"runAsUserName: "CORP\new""#,
            r"runAsUserName: 'CORP\new'",
        ),
        (
            "account-domain-format",
            r"runAsUserName: .\user",
            "runAsUserName: user",
        ),
        (
            "credential-spec-name-format",
            "gmsaCredentialSpecName: gmsa-WebApp1",
            "gmsaCredentialSpecName: gmsa-webapp1",
        ),
    ] {
        assert_eq!(fixed(&with(before), rule), with(after), "{before}");
    }
    let text = with("runAsUserName: ContainerUser").replace("{name: windows}", "{name: Windows}");
    assert_eq!(
        fixed(&text, "os-name-unknown"),
        text.replace("Windows}", "windows}")
    );
}

#[test]
fn accounts_of_host_process_containers_are_put_right() {
    let with = |account: &str| {
        BLOCK.replace("spec:\n", "spec:\n  hostNetwork: true\n").replace(
            "hostProcess: true\n",
            &format!("hostProcess: true\n      runAsUserName: {account}\n"),
        )
    };
    for (rule, before, after) in [
        ("account-without-nt-authority", "SYSTEM", r"NT AUTHORITY\SYSTEM"),
        (
            "account-without-nt-authority",
            r#""nt authority\\LocalService""#,
            r#""NT AUTHORITY\\LOCAL SERVICE""#,
        ),
        ("account-not-on-host", "ContainerUser", r"NT AUTHORITY\SYSTEM"),
    ] {
        assert_eq!(fixed(&with(before), rule), with(after), "{before}");
    }
}

#[test]
fn typographic_characters_become_ascii_in_every_style() {
    let with = |argument: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  os: {{name: windows}}\n  \
             nodeSelector: {{kubernetes.io/os: windows}}\n  containers:\n  - name: c\n    image: i\n    args:\n    - {argument}\n"
        )
    };
    for (before, after) in [
        ("\u{2013}Verbose", "-Verbose"),
        ("say \u{201c}x\u{201d} \u{2014}now", "say \"x\" -now"),
        ("\"say \u{201c}x\u{201d}\"", r#""say \"x\"""#),
        ("'say \u{2018}x\u{2019}\u{a0}y'", "'say ''x'' y'"),
    ] {
        assert_eq!(
            fixed(&with(before), "typographic-character"),
            with(after),
            "{before}"
        );
    }
}

#[test]
fn a_dash_in_a_name_becomes_one_that_names_may_have() {
    let text = BLOCK.replace("name: c\n", "name: my\u{2013}app\n");
    let after = fixed(&text, "typographic-character");
    assert!(after.contains("name: my-app\n"), "{after}");
    assert!(
        judged(&after)
            .iter()
            .all(|finding| finding.field != "spec.containers[0].name"),
        "{after}"
    );
}

#[test]
fn what_is_not_evident_is_not_changed_unseen() {
    for (text, rule, safe) in [
        (BLOCK.to_owned(), "os-name-missing", Some(true)),
        (BLOCK.to_owned(), "host-network-required", Some(true)),
        (BLOCK.to_owned(), "host-process-without-account", Some(false)),
        // The API server would refuse the pod then.
        (
            BLOCK.replace("    windowsOptions", "    fsGroup: 1\n    windowsOptions"),
            "os-name-missing",
            None,
        ),
        (
            BLOCK.replace("spec:\n", "spec:\n  shareProcessNamespace: false\n"),
            "os-name-missing",
            None,
        ),
        (
            BLOCK.replace(
                "metadata:\n",
                "metadata:\n  annotations: {seccomp.security.alpha.kubernetes.io/pod: unconfined}\n",
            ),
            "os-name-missing",
            None,
        ),
    ] {
        let findings = judged(&text);
        let finding = findings.iter().find(|finding| finding.rule.name == rule);
        assert!(finding.is_some(), "nothing of {rule} in {findings:?}");
        let fix = finding.and_then(|finding| finding.fix.as_ref());
        assert_eq!(fix.map(|fix| fix.safe), safe, "{rule}\n{text}");
    }
}

#[test]
fn an_anchored_mapping_is_changed_once_for_all_its_aliases() {
    let text = BLOCK.replace("spec:\n", "spec:\n  hostNetwork: true\n").replace(
        "  # who runs it\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n",
        "",
    ) + "    securityContext:\n      windowsOptions: &options {hostProcess: true}\n  - name: d\n    image: i\n    \
           securityContext:\n      windowsOptions: *options\n";
    let after = fixed(&text, "host-process-without-account");
    assert!(
        after.contains(r"&options {runAsUserName: NT AUTHORITY\SYSTEM, hostProcess: true}"),
        "{after}"
    );
    assert!(after.ends_with("windowsOptions: *options\n"), "{after}");
}
