//! Annotations that the API server looks at, and its warnings.

use porthole_manifest::{objects, pod_template};
use porthole_pod::{Options, validate, validate_object, warnings, warnings_of_invalid};

use crate::pods::{document, options_of, version, with_template};

/// What is found in a Pod of these annotations and lines of its spec.
#[track_caller]
fn texts(minor: u16, annotations: &str, spec: &str) -> Vec<String> {
    found(minor, annotations, spec, false)
}

#[track_caller]
fn found(minor: u16, annotations: &str, spec: &str, warned: bool) -> Vec<String> {
    let pod = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x, annotations: {{{annotations}}}}}, spec: {{{spec}, containers: [{{name: c, \
         image: i}}]}}}}"
    );
    with_template(&pod, |template| {
        let options = Options::of(version(minor));
        let findings = if warned {
            warnings(template, &options)
        } else {
            validate(template, &options)
        };
        findings.iter().map(ToString::to_string).collect()
    })
}

#[test]
fn annotations_with_a_meaning_are_validated() {
    for (annotations, expected) in [
        (
            "kubernetes.io/config.mirror: m",
            "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"m\": must set spec.nodeName if mirror pod \
             annotation is set",
        ),
        (
            "controller.kubernetes.io/pod-deletion-cost: '+1'",
            "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"+1\": must be a 32bit integer",
        ),
        (
            "scheduler.alpha.kubernetes.io/tolerations: '[{\"key\": \"a\", \"operator\": \"x\"}]'",
            "metadata.annotations.scheduler.alpha.kubernetes.io/tolerations[0].operator: Unsupported value: \"x\": supported \
             values: \"Equal\", \"Exists\"",
        ),
        (
            "scheduler.alpha.kubernetes.io/tolerations: '{'",
            "metadata.annotations: Invalid value: \"scheduler.alpha.kubernetes.io/tolerations\": unexpected end of JSON input",
        ),
        (
            "seccomp.security.alpha.kubernetes.io/pod: x",
            "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"x\": must be a valid seccomp profile",
        ),
        (
            "container.apparmor.security.beta.kubernetes.io/d: unconfined",
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/d]: Invalid value: \"d\": container not found",
        ),
    ] {
        assert_eq!(
            texts(37, annotations, "restartPolicy: Always"),
            [expected],
            "{annotations}"
        );
    }
}

#[test]
fn seccomp_annotations_become_fields_up_to_1_26() {
    let annotation = "seccomp.security.alpha.kubernetes.io/pod: runtime/default";
    let windows = "os: {name: windows}";
    assert_eq!(
        texts(26, annotation, windows),
        ["spec.securityContext.seccompProfile: Forbidden: cannot be set for a windows pod"]
    );
    assert_eq!(texts(27, annotation, windows), [""; 0]);
}

#[test]
fn annotations_say_what_fields_say() {
    let field = "securityContext: {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}}";
    let annotations = "seccomp.security.alpha.kubernetes.io/pod: runtime/default, \
                       container.apparmor.security.beta.kubernetes.io/c: foo";
    assert_eq!(
        texts(37, annotations, field),
        [
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: \"foo\": invalid AppArmor \
             profile name: \"foo\"",
            "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
            "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match",
        ]
    );
    // A good annotation becomes the container's field, and wins over the pod's.
    let good = "container.apparmor.security.beta.kubernetes.io/c: runtime/default";
    assert_eq!(
        texts(37, good, "securityContext: {appArmorProfile: {type: Unconfined}}"),
        [""; 0]
    );
}

#[test]
fn what_has_a_newer_form_is_warned_of_in_order() {
    let annotations =
        "security.alpha.kubernetes.io/sysctls: a, seccomp.security.alpha.kubernetes.io/pod: unconfined";
    let spec = "nodeSelector: {beta.kubernetes.io/os: windows}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, \
                whenUnsatisfiable: DoNotSchedule}], volumes: [{name: v, gitRepo: {repository: r}}, {name: w, configMap: {name: c, \
                items: [{key: a, path: p}, {key: b, path: p/q}]}}], hostAliases: [{ip: 1.1.1.1}, {ip: 1.1.1.1}], imagePullSecrets: \
                [{name: ''}], overhead: {memory: 1500m}, dnsConfig: {nameservers: ['FE80::1']}";
    let expected = [
        "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        "metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; use the \"sysctls\" field instead",
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        "volume \"w\" (ConfigMap \"c\"): overlapping paths: \"p/q\" with \"p\"",
        "spec.hostAliases[1].ip: duplicate ip \"1.1.1.1\"",
        "spec.imagePullSecrets[0].name: invalid empty name \"\"",
        "spec.overhead[memory]: fractional byte value \"1500m\" is invalid, must be an integer",
        "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the \"seccompProfile\" field \
         instead",
        "spec.dnsConfig.nameservers[0]: IPv6 address \"FE80::1\" should be in RFC 5952 canonical format (\"fe80::1\")",
    ];
    assert_eq!(found(37, annotations, spec, true), expected);
}

#[test]
fn a_container_of_the_same_name_has_the_annotation_that_was_made_of_the_first() {
    let pod = |of_pod: &str, first: &str, second: &str| {
        let context = |profile: &str| match profile {
            "" => String::new(),
            profile => format!(", securityContext: {{appArmorProfile: {{{profile}}}}}"),
        };
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{initContainers: [{{name: c, image: i{}}}], containers: \
             [{{name: c, image: i{}}}]{}}}}}",
            context(first),
            context(second),
            context(of_pod)
        )
    };
    let differs = "spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match";
    let warning = "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the \
                   \"appArmorProfile\" field instead";
    let duplicate = "spec.initContainers[0].name: Duplicate value: \"c\"";
    let (open, default) = ("type: Unconfined", "type: RuntimeDefault");
    for (minor, of_pod, first, second, mismatch, warns) in [
        (33, "", open, default, true, false),
        (33, default, "", open, true, false),
        (33, "", open, open, false, false),
        (33, "", open, "", false, true),
        (33, open, open, "", false, false),
        (33, "", "", open, false, false),
        (29, "", "", "", false, false),
        (34, "", open, default, false, false),
        (34, "", open, "", false, false),
    ] {
        let document = document(&pod(of_pod, first, second));
        let object = &objects(&document)[0];
        let options = options_of(minor);
        let found: Vec<_> = validate_object(object, &options)
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut expected = vec![duplicate];
        expected.extend(mismatch.then_some(differs));
        assert_eq!(found, expected, "1.{minor} {of_pod}, {first}, {second}");
        let template = pod_template(object).unwrap();
        let warned: Vec<_> = warnings_of_invalid(&template, &options)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            warned.iter().any(|text| text == warning),
            warns,
            "1.{minor} {of_pod}, {first}, {second}"
        );
    }
}
