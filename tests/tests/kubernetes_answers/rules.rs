//! Both sides of each rule that a HostProcess pod meets, one small change of a good pod each.

use crate::answers::Asked;

/// What is put into a pod's spec, into its first container, and behind that container.
const CHANGES: &[(&str, &str, &str)] = &[
    ("", "", ""),
    ("hostNetwork: false", "", ""),
    ("os: {name: windows}", "", ""),
    ("os: {name: linux}", "", ""),
    ("os: {name: Windows}", "", ""),
    ("os: {name: ''}", "", ""),
    ("os: {}", "", ""),
    (
        "os: {name: windows}, hostPID: true, hostIPC: true, shareProcessNamespace: false",
        "",
        "",
    ),
    ("os: {name: windows}, hostUsers: true", "", ""),
    ("hostUsers: false", "", ""),
    ("", "securityContext: {windowsOptions: {hostProcess: false}}", ""),
    ("", "securityContext: {windowsOptions: {hostProcess: true}}", ""),
    (
        "",
        "",
        "- {name: d, image: x, securityContext: {windowsOptions: {hostProcess: false}}}",
    ),
    ("", "", "- {name: d, image: x}"),
    (
        "initContainers: [{name: i, image: x, securityContext: {windowsOptions: {hostProcess: false}}}]",
        "",
        "",
    ),
    ("ephemeralContainers: [{name: e, image: x}]", "", ""),
    (
        "",
        "ports: [{containerPort: 80}]",
        "- {name: d, image: x, ports: [{containerPort: 80}]}",
    ),
    ("", "ports: [{containerPort: 80, hostPort: 81}]", ""),
    (
        "",
        "ports: [{containerPort: 80, hostPort: 80, protocol: UDP}]",
        "",
    ),
    (
        "os: {name: windows}",
        "securityContext: {privileged: false, capabilities: {}, runAsUser: 0}",
        "",
    ),
    (
        "os: {name: windows}",
        "securityContext: {privileged: null, runAsNonRoot: true}",
        "",
    ),
    ("", "securityContext: {windowsOptions: {runAsUserName: ''}}", ""),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: 'CORP/user'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: 'CORP\\user'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: 'a\\b\\c'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: 'CORP\\'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: '.\\user'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: '<&>\\a<b'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: \"a\\x7fb\"}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {runAsUserName: '. .'}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {gmsaCredentialSpecName: Upper}}",
        "",
    ),
    (
        "",
        "securityContext: {windowsOptions: {gmsaCredentialSpec: ''}}",
        "",
    ),
    ("", "securityContext: {windowsOptions: {hostProcess: 'yes'}}", ""),
    ("", "securityContext: {windowsOptions: []}", ""),
];

fn pod((spec, container, more): (&str, &str, &str)) -> String {
    // A key that the change has too is the change's.
    let network = if spec.contains("hostNetwork") {
        ""
    } else {
        "hostNetwork: true,"
    };
    let more = more.trim_start_matches("- ");
    let comma = |text: &str| if text.is_empty() { "" } else { "," }.to_owned() + text;
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: hpc}}, spec: {{{network} \
         securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM'}}}}, \
         containers: [{{name: c, image: x{}}}{}]{}}}}}",
        comma(container),
        comma(more),
        comma(spec),
    )
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn each_rule_is_answered_as_the_newest_api_server_answers_it() {
    let mut different = Vec::new();
    for change in CHANGES {
        let (count, differences) = Asked::newest().compare(&format!("{change:?}"), &pod(*change));
        assert_eq!(count, 1, "{change:?}");
        different.extend(differences);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
