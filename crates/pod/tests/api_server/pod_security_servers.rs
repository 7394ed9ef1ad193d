//! Pod Security: where the checks of one server differ from those of another, and what reaches them.

use porthole_pod::{Gates, Options};

use crate::pod_security_checks::{said, said_under, violations_under};
use crate::pods::{options_of, pod};

#[test]
fn a_server_knows_no_newer_standards_than_its_own() {
    let probe = "containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]";
    for (minor, level, fails) in [
        (33, "baseline:latest", false),
        (33, "baseline:v1.34", false),
        (34, "baseline:v1.34", true),
        (34, "baseline:v1.999", true),
        (37, "baseline:v1.33", false),
    ] {
        let text = said_under(probe, level, "hostProbesAndHostLifecycle", &options_of(minor));
        assert_eq!(!text.is_empty(), fails, "{minor} {level}: {text}");
    }
}

#[test]
fn servers_differ_in_words_and_fields() {
    let annotated = |annotations: &str, spec: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x, annotations: {annotations}}}\nspec: {{containers: [{{name: \
             a}}, {{name: b}}]{spec}}}"
        )
    };
    let check = |text: &str, level: &str, check: &str, minor: u16| {
        let violations = violations_under(text, level, &options_of(minor));
        let found = violations.iter().find(|violation| violation.check == check);
        found.map(ToString::to_string).unwrap_or_default()
    };
    let key = "container.apparmor.security.beta.kubernetes.io/a";
    let annotation = annotated(&format!("{{{key}: unconfined}}"), "");
    let app_armor = |text: &str, minor| check(text, "baseline:latest", "appArmorProfile", minor);
    assert_eq!(
        app_armor(&annotation, 29),
        format!("forbidden AppArmor profile ({key}=\"unconfined\")")
    );
    // Since 1.30 the annotation has become the container's field before admission, and stays.
    assert_eq!(
        app_armor(&annotation, 30),
        format!(
            "forbidden AppArmor profiles (container \"a\" and annotation must not set AppArmor profile type to \
             \"Unconfined\", \"{key}=\"unconfined\"\")"
        )
    );
    let mut gated = options_of(30);
    gated.gates = gated.gates.with("AppArmorFields", false);
    assert_eq!(
        violations_under(&annotation, "baseline:latest", &gated)[0].detail,
        format!("annotation must not set AppArmor profile type to \"{key}=\"unconfined\"\"")
    );
    // Up to 1.33 the field has become an annotation as well.
    let field = annotated("{}", ", securityContext: {appArmorProfile: {type: Unconfined}}");
    let keys = format!(
        "\"{key}=\"unconfined\"\", \"{}b=\"unconfined\"\"",
        key.trim_end_matches('a')
    );
    assert_eq!(app_armor(&field, 29), "");
    assert_eq!(
        app_armor(&field, 33),
        format!(
            "forbidden AppArmor profiles (pod and annotations must not set AppArmor profile type to \"Unconfined\", {keys})"
        )
    );
    assert_eq!(
        app_armor(&field, 34),
        "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\")"
    );
    let user = pod("securityContext: {seLinuxOptions: {user: u}}");
    let se_linux = |minor| check(&user, "baseline:latest", "seLinuxOptions", minor);
    assert_eq!(
        se_linux(25),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: )"
    );
    assert_eq!(
        se_linux(26),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set)"
    );
    let image = pod("volumes: [{name: v, image: {reference: r}}]");
    let volumes = |minor| check(&image, "restricted:latest", "restrictedVolumes", minor);
    let unknown = "restricted volume types (volume \"v\" uses restricted volume type \"unknown\")";
    assert_eq!(
        [volumes(30), volumes(31), volumes(32), volumes(33)],
        ["", unknown, unknown, ""]
    );
    // Up to 1.26 seccomp annotations of Pods have become fields, up to 1.24 fields annotations.
    let seccomp = annotated("{seccomp.security.alpha.kubernetes.io/pod: runtime/default}", "");
    let restricted = |minor| check(&seccomp, "restricted:v1.24", "seccompProfile_restricted", minor);
    assert_eq!(restricted(26), "");
    assert!(restricted(27).starts_with("seccompProfile (pod or containers \"a\", \"b\" must set"));
    let unconfined = annotated("{}", ", securityContext: {seccompProfile: {type: Unconfined}}");
    let old = |minor| check(&unconfined, "baseline:v1.18", "seccompProfile_baseline", minor);
    assert_eq!(
        old(24),
        "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")"
    );
    assert_eq!(old(25), "");
}

#[test]
fn up_to_1_23_the_level_restricted_asks_both_variants() {
    let spec = "volumes: [{name: v, hostPath: {}}]\ncontainers: [{name: a, securityContext: {capabilities: {add: [X]}, \
        seccompProfile: {type: Unconfined}}}]";
    let checks = |minor| -> Vec<&'static str> {
        violations_under(&pod(spec), "restricted:latest", &options_of(minor))
            .iter()
            .map(|violation| violation.check)
            .collect()
    };
    assert_eq!(
        checks(23),
        [
            "capabilities_baseline",
            "hostPathVolumes",
            "seccompProfile_baseline",
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "restrictedVolumes",
            "runAsNonRoot",
            "seccompProfile_restricted",
        ]
    );
    assert_eq!(
        checks(24),
        [
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "restrictedVolumes",
            "runAsNonRoot",
            "seccompProfile_restricted",
        ]
    );
}

#[test]
fn host_ports_are_those_of_the_defaulted_pod() {
    let spec = "hostNetwork: true\ninitContainers: [{name: i, ports: [{containerPort: 1}]}]\ncontainers: [{name: a, ports: \
        [{containerPort: 80}, {containerPort: 81, hostPort: 0}]}]";
    let of_pod = "hostPort (containers \"i\", \"a\" use hostPorts 1, 80, 81)";
    assert_eq!(said(spec, "baseline:latest", "hostPorts"), of_pod);
    assert_eq!(
        said(
            &spec.replace("hostNetwork: true", "hostNetwork: false"),
            "baseline:latest",
            "hostPorts"
        ),
        ""
    );
    let indented = spec.replace('\n', "\n      ");
    let deployment =
        format!("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      {indented}");
    let ports = |options: &Options| -> Vec<String> {
        violations_under(&deployment, "baseline:latest", options)
            .iter()
            .filter(|violation| violation.check == "hostPorts")
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(ports(&options_of(27)), [of_pod]);
    assert_eq!(ports(&options_of(28)), [""; 0]);
    let mut gated = options_of(28);
    gated.gates = Gates::default().with("DefaultHostNetworkHostPortsInPodTemplates", true);
    assert_eq!(ports(&gated), [of_pod]);
}

#[test]
fn gates_decide_what_reaches_the_checks() {
    let spec =
        "hostUsers: false\ncontainers: [{name: a, securityContext: {procMount: Unmasked, runAsUser: 0}}]";
    let check = |minor, gates: &[&str], check| {
        let mut options = options_of(minor);
        for gate in gates {
            options.gates = options.gates.with(*gate, true);
        }
        !said_under(spec, "restricted:v1.25", check, &options).is_empty()
    };
    let relaxed = ["UserNamespacesPodSecurityStandards", "UserNamespacesSupport"];
    assert!(!check(32, &[], "procMount"), "the field is dropped");
    assert!(check(32, &["ProcMountType"], "procMount"));
    assert!(check(33, &[], "procMount"));
    assert!(!check(33, &relaxed, "procMount"));
    assert!(!check(34, &relaxed, "runAsUser"));
    assert!(check(28, &relaxed, "runAsUser"), "the gate is of 1.29");
    assert!(check(29, &relaxed[..1], "runAsUser"), "hostUsers is dropped");
    assert!(check(35, &relaxed, "runAsUser"), "only from standards 1.35 on");
}
