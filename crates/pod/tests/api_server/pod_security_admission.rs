//! Pod Security: the whole verdict on pods and workloads, and the plugin's configuration.

#![expect(clippy::expect_used, reason = "what a test stands on fails by panicking")]

use porthole_pod::Options;
use porthole_pod::pod_security::{
    Configuration, ConfigurationError, Exemption, Level, NamespacePolicy, Verdict, is_significant_update,
};

use crate::pods::{document, options_of, pod, with_template};

/// A Namespace `ns` with these labels, without their common beginning.
pub(crate) fn namespace(labels: &str) -> String {
    let labels: Vec<String> = labels
        .split_whitespace()
        .map(|label| label.split_once('=').expect("a label and a value"))
        .map(|(label, value)| format!("pod-security.kubernetes.io/{label}: '{value}'"))
        .collect();
    let labels = labels.join(", ");
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: ns, labels: {{{labels}}}}}")
}

fn policy(labels: &str, configuration: &Configuration, options: &Options) -> NamespacePolicy {
    NamespacePolicy::of(
        document(&namespace(labels)).root(),
        configuration.defaults,
        options,
    )
}

#[track_caller]
fn verdict_under(text: &str, labels: &str, configuration: &Configuration, options: &Options) -> Verdict {
    let policy = policy(labels, configuration, options);
    with_template(text, |template| {
        configuration.admit(template, "ns", &policy, Some("somebody"), options)
    })
}

#[track_caller]
fn verdict(text: &str, labels: &str) -> Verdict {
    verdict_under(text, labels, &Configuration::default(), &Options::default())
}

#[track_caller]
fn configured(text: &str) -> Result<Configuration, ConfigurationError> {
    Configuration::read(document(text).root(), &Options::default())
}

const HOST_PROCESS: &str = "hostNetwork: true\nsecurityContext: {windowsOptions: {hostProcess: true}}\ncontainers: \
    [{name: c}]";
const FOUND: &str = "host namespaces (hostNetwork=true), hostProcess (pod must not set \
    securityContext.windowsOptions.hostProcess=true)";

fn deployment() -> String {
    let spec = HOST_PROCESS.replace('\n', "\n      ");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec:\n  template:\n    spec:\n      {spec}"
    )
}

#[test]
fn a_pod_is_refused_as_the_server_refuses_it() {
    let verdict = verdict(
        &pod(HOST_PROCESS),
        "enforce=baseline enforce-version=v1.28 warn=restricted",
    );
    let status = serde_json::to_value(verdict.denied.as_ref().expect("refused")).expect("JSON");
    assert_eq!(
        status,
        serde_json::json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": format!("pods \"x\" is forbidden: violates PodSecurity \"baseline:v1.28\": {FOUND}"),
            "reason": "Forbidden",
            "details": {"name": "x", "kind": "pods"},
            "code": 403,
        })
    );
    assert_eq!(verdict.warnings(), [""; 0], "a refused pod is not warned of");
    let annotations: Vec<_> = verdict.audit_annotations().into_iter().collect();
    assert_eq!(
        annotations,
        [(
            "pod-security.kubernetes.io/enforce-policy".to_owned(),
            "baseline:v1.28".to_owned()
        )]
    );
}

#[test]
fn a_pod_without_a_name_is_named_by_its_beginning_or_not_at_all() {
    let message = |metadata: &str| {
        let text = pod(HOST_PROCESS).replace("{name: x}", metadata);
        verdict(&text, "enforce=baseline")
            .denied
            .expect("refused")
            .message
    };
    let rest = format!("is forbidden: violates PodSecurity \"baseline:latest\": {FOUND}");
    assert_eq!(message("{}"), format!("pods {rest}"));
    assert_eq!(message("{generateName: x-}"), format!("pods \"x-\" {rest}"));
}

#[test]
fn workloads_are_warned_of_and_audited_for_their_template() {
    let verdict = verdict(
        &deployment(),
        "enforce=baseline audit=baseline audit-version=v1.99",
    );
    assert_eq!(verdict.denied, None);
    // What is enforced is warned of, where nothing else is said.
    assert_eq!(
        verdict.warnings(),
        [format!("would violate PodSecurity \"baseline:latest\": {FOUND}")]
    );
    let annotations: Vec<_> = verdict.audit_annotations().into_iter().collect();
    assert_eq!(
        annotations,
        [(
            "pod-security.kubernetes.io/audit-violations".to_owned(),
            format!("would violate PodSecurity \"baseline:v1.99\": {FOUND}")
        )]
    );
}

#[test]
fn warn_follows_enforce_since_1_26() {
    for (minor, labels, warn) in [
        (25, "enforce=baseline", "privileged:latest"),
        (26, "enforce=baseline enforce-version=v1.20", "baseline:v1.20"),
        (
            26,
            "enforce=baseline enforce-version=v1.20 warn-version=v1.21",
            "baseline:v1.21",
        ),
        (26, "enforce=baseline warn=privileged", "privileged:latest"),
        (26, "enforce=nonsense", "privileged:latest"),
    ] {
        let read = policy(labels, &Configuration::default(), &options_of(minor));
        assert_eq!(read.policy.warn.to_string(), warn, "1.{minor} {labels}");
    }
}

#[test]
fn stored_labels_that_are_wrong_fail_closed_for_pods_and_open_for_the_rest() {
    let read = policy(
        "enforce=x audit=x warn=x warn-version=1.2",
        &Configuration::default(),
        &Options::default(),
    );
    let levels = [read.policy.enforce, read.policy.audit, read.policy.warn].map(|mode| mode.to_string());
    assert_eq!(
        levels,
        ["restricted:latest", "privileged:latest", "privileged:latest"]
    );
    let verdict = verdict(&pod("containers: [{name: c}]"), "enforce=x audit=baseline");
    let message = verdict.denied.as_ref().map(|status| status.message.as_str());
    let message = message.expect("refused");
    assert!(
        message.starts_with(
            "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation"
        ),
        "{message}"
    );
    assert_eq!(
        verdict.audit_annotations()["pod-security.kubernetes.io/error"],
        "Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"x\": must be one of \
         privileged, baseline, restricted"
    );
}

#[test]
fn a_privileged_namespace_asks_nothing() {
    let verdict = verdict(&pod(HOST_PROCESS), "enforce=privileged enforce-version=v1.20");
    assert_eq!((verdict.denied.as_ref(), verdict.judgements.len()), (None, 0));
    assert_eq!(
        verdict.audit_annotations()["pod-security.kubernetes.io/enforce-policy"],
        "privileged:latest"
    );
}

#[test]
fn the_alpha_of_1_22_has_other_words_and_is_off() {
    let off = verdict_under(
        &pod(HOST_PROCESS),
        "enforce=baseline",
        &Configuration::default(),
        &options_of(22),
    );
    assert_eq!(off.denied, None);
    let mut options = options_of(22);
    options.gates = options.gates.with("PodSecurity", true);
    let verdict = verdict_under(
        &pod(HOST_PROCESS),
        "enforce=baseline",
        &Configuration::default(),
        &options,
    );
    let status = verdict.denied.expect("refused");
    assert_eq!((status.message.as_str(), status.reason), (FOUND, "Failure"));
    let verdict = verdict_under(
        &deployment(),
        "warn=baseline",
        &Configuration::default(),
        &options,
    );
    assert_eq!(
        verdict.warnings(),
        [format!(
            "would violate \"latest\" version of \"baseline\" PodSecurity profile: {FOUND}"
        )]
    );
}

#[test]
fn exempt_namespaces_users_and_runtime_classes_are_not_asked() {
    let with = |exemptions: &str| {
        let text = format!(
            "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {{enforce: \
             restricted}}\nexemptions: {exemptions}"
        );
        configured(&text).expect("a configuration")
    };
    let text = pod(&format!("runtimeClassName: trusted\n{HOST_PROCESS}"));
    for (exemptions, exemption, word) in [
        ("{namespaces: [ns]}", Exemption::Namespace, "namespace"),
        ("{usernames: [somebody]}", Exemption::User, "user"),
        (
            "{runtimeClasses: [trusted]}",
            Exemption::RuntimeClass,
            "runtimeClass",
        ),
    ] {
        let verdict = verdict_under(&text, "", &with(exemptions), &Options::default());
        assert_eq!(verdict.exemption, Some(exemption));
        assert_eq!(verdict.denied, None);
        assert_eq!(
            verdict.audit_annotations()["pod-security.kubernetes.io/exempt"],
            word
        );
    }
    let others = with("{namespaces: [m], usernames: [some*], runtimeClasses: [trusted.x]}");
    let verdict = verdict_under(&text, "", &others, &Options::default());
    assert!(verdict.denied.is_some(), "exemptions are exact");
}

#[test]
fn a_configuration_is_found_among_the_plugins() {
    let admission = |plugin: &str| {
        configured(&format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [{{name: Other}}{plugin}]"
        ))
    };
    let own = ", {name: PodSecurity, configuration: {apiVersion: pod-security.admission.config.k8s.io/v1beta1, kind: \
        PodSecurityConfiguration, defaults: {audit: baseline, warn: ''}}}";
    let read = admission(own).expect("a configuration");
    assert_eq!(read.defaults.audit.level, Level::Baseline);
    assert_eq!(read.defaults.warn.to_string(), "privileged:latest");
    assert_eq!(admission(""), Ok(Configuration::default()));
    assert_eq!(
        admission(", {name: PodSecurity, path: psa.yaml}"),
        Err(ConfigurationError::Elsewhere("psa.yaml".to_owned()))
    );
    let unknown =
        configured("apiVersion: pod-security.admission.config.k8s.io/v2\nkind: PodSecurityConfiguration");
    assert_eq!(
        unknown.expect_err("unknown").to_string(),
        "no kind \"PodSecurityConfiguration\" is registered for version \"pod-security.admission.config.k8s.io/v2\""
    );
    let v1 = document("apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration");
    assert!(
        Configuration::read(v1.root(), &options_of(24)).is_err(),
        "v1 came with 1.25"
    );
    assert_eq!(
        configured("apiVersion: v1\nkind: Pod")
            .expect_err("another kind")
            .to_string(),
        "read the configuration of Pod Security: this is a Pod, neither a PodSecurityConfiguration nor an \
         AdmissionConfiguration"
    );
}

#[test]
fn a_wrong_configuration_is_refused_in_the_servers_words() {
    let refused = |rest: &str| {
        let text = format!(
            "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n{rest}"
        );
        match configured(&text) {
            Err(ConfigurationError::Invalid { message, findings }) => (
                message,
                findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ),
            other => panic!("{other:?}"),
        }
    };
    let (message, findings) = refused("defaults: {enforce: x, audit-version: q, warn: z}");
    assert_eq!(
        message,
        "PodSecurity configuration error: [enforce: must be one of privileged, baseline, restricted, audit-version: must be \
         \"latest\" or \"v1.x\", warn: must be one of privileged, baseline, restricted]"
    );
    assert_eq!(
        findings,
        [
            "defaults.enforce: Invalid value: \"x\": must be one of privileged, baseline, restricted",
            "defaults.warn: Invalid value: \"z\": must be one of privileged, baseline, restricted",
            "defaults.audit-version: Invalid value: \"q\": must be \"latest\" or \"v1.x\"",
        ]
    );
    let (message, findings) = refused(
        "exemptions: {usernames: ['', a, a], namespaces: [a.b, A, m, m], runtimeClasses: [a.b, '-']}",
    );
    assert_eq!(
        findings,
        [
            "exemptions.namespaces[0]: Invalid value: \"a.b\": must not contain dots",
            "exemptions.namespaces[1]: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case \
             alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "exemptions.namespaces[3]: Duplicate value: \"m\"",
            "exemptions.runtimeClasses[1]: Invalid value: \"-\": a lowercase RFC 1123 subdomain must consist of lower case \
             alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            "exemptions.usernames[0]: Invalid value: \"\": username must not be empty",
            "exemptions.usernames[2]: Duplicate value: \"a\"",
        ]
    );
    assert_eq!(message, format!("PodSecurity invalid: [{}]", findings.join(", ")));
}

#[test]
fn only_containers_and_images_make_a_change_significant() {
    let old = pod("containers: [{name: a, image: i}]\nephemeralContainers: [{name: e, image: i}]");
    let key = "container.seccomp.security.alpha.kubernetes.io/a";
    let annotated = old.replace(
        "{name: x}",
        &format!("{{name: x, annotations: {{{key}: unconfined}}}}"),
    );
    for (new, minor, significant) in [
        (
            old.replace("spec:", "spec:\n  activeDeadlineSeconds: 1"),
            37,
            false,
        ),
        (old.replace("name: a, image: i", "name: a, image: j"), 37, true),
        (old.replace("name: e, image: i", "name: e, image: j"), 37, true),
        (old.replace("name: e", "name: f"), 37, true),
        (
            old.replace("[{name: a", "[{name: b, image: i}, {name: a"),
            37,
            true,
        ),
        (pod("containers: [{name: a, image: i}]"), 37, false),
        (annotated.clone(), 26, true),
        (annotated, 27, false),
    ] {
        let found = with_template(&old, |old| {
            with_template(&new, |new| is_significant_update(new, old, &options_of(minor)))
        });
        assert_eq!(found, significant, "1.{minor}: {new}");
    }
}
