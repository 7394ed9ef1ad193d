//! Values of the wrong type: the object is not decoded, and validation is not reached.

use porthole_manifest::objects;
use porthole_pod::{ErrorKind, Finding, Options, Severity, Version, decode};

use crate::pods::{document, findings, message, pod};

#[test]
fn every_field_that_a_rule_reads_has_its_type() {
    for (spec, found, field, wanted) in [
        ("os: {name: 5}", "number", "PodOS.spec.os.name", "v1.OSName"),
        ("os: {name: yes}", "bool", "PodOS.spec.os.name", "v1.OSName"),
        ("os: {name: {}}", "object", "PodOS.spec.os.name", "v1.OSName"),
        ("os: windows", "string", "PodSpec.spec.os", "v1.PodOS"),
        (
            "resources: 5",
            "number",
            "PodSpec.spec.resources",
            "v1.ResourceRequirements",
        ),
        (
            "nodeSelector: [a]",
            "array",
            "PodSpec.spec.nodeSelector",
            "map[string]string",
        ),
        (
            "nodeSelector: {a: true}",
            "bool",
            "PodSpec.spec.nodeSelector",
            "string",
        ),
        (
            "containers: [x]",
            "string",
            "PodSpec.spec.containers",
            "v1.Container",
        ),
        (
            "containers: x",
            "string",
            "PodSpec.spec.containers",
            "[]v1.Container",
        ),
        (
            "initContainers: [null, {securityContext: {capabilities: []}}]",
            "array",
            "SecurityContext.spec.initContainers.securityContext.capabilities",
            "v1.Capabilities",
        ),
        (
            "ephemeralContainers: [{securityContext: {procMount: 1}}]",
            "number",
            "SecurityContext.spec.ephemeralContainers.EphemeralContainerCommon.securityContext.procMount",
            "v1.ProcMountType",
        ),
        (
            "securityContext: {supplementalGroups: ['1']}",
            "string",
            "PodSecurityContext.spec.securityContext.supplementalGroups",
            "int64",
        ),
        (
            "securityContext: {supplementalGroups: 1}",
            "number",
            "PodSecurityContext.spec.securityContext.supplementalGroups",
            "[]int64",
        ),
        (
            "securityContext: {sysctls: [x]}",
            "string",
            "PodSecurityContext.spec.securityContext.sysctls",
            "v1.Sysctl",
        ),
        (
            "securityContext: {windowsOptions: {runAsUserName: 5}}",
            "number",
            "WindowsSecurityContextOptions.spec.securityContext.windowsOptions.runAsUserName",
            "string",
        ),
        (
            "securityContext: {windowsOptions: []}",
            "array",
            "PodSecurityContext.spec.securityContext.windowsOptions",
            "v1.WindowsSecurityContextOptions",
        ),
        (
            "containers: [{ports: [{hostPort: 2147483648}]}]",
            "number 2147483648",
            "ContainerPort.spec.containers.ports.hostPort",
            "int32",
        ),
        (
            "containers: [{ports: [{containerPort: 80, protocol: 6}]}]",
            "number",
            "ContainerPort.spec.containers.ports.protocol",
            "v1.Protocol",
        ),
    ] {
        let expected = format!(
            "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal {found} into Go struct field \
             {field} of type {wanted}"
        );
        assert_eq!(message(&pod(spec)), expected, "{spec}");
    }
}

#[test]
fn the_way_to_the_pod_spec_is_made_of_objects() {
    for (text, kind, found, field, wanted) in [
        (
            "apiVersion: v1\nkind: Pod\nspec: x\n",
            "Pod",
            "string",
            "Pod.spec",
            "v1.PodSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec: []\n",
            "Deployment",
            "array",
            "Deployment.spec",
            "v1.DeploymentSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: [{spec: {}}]}\n",
            "DaemonSet",
            "array",
            "DaemonSetSpec.spec.template",
            "v1.PodTemplateSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: StatefulSet\nspec: {template: {spec: 1}}\n",
            "StatefulSet",
            "number",
            "PodTemplateSpec.spec.template.spec",
            "v1.PodSpec",
        ),
        (
            "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: true}\n",
            "CronJob",
            "bool",
            "CronJobSpec.spec.jobTemplate",
            "v1.JobTemplateSpec",
        ),
        (
            "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: x}}\n",
            "CronJob",
            "string",
            "JobTemplateSpec.spec.jobTemplate.spec",
            "v1.JobSpec",
        ),
        (
            "apiVersion: v1\nkind: PodTemplate\ntemplate: x\n",
            "PodTemplate",
            "string",
            "PodTemplate.template",
            "v1.PodTemplateSpec",
        ),
    ] {
        let expected = format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {found} into Go struct field \
             {field} of type {wanted}"
        );
        assert_eq!(message(text), expected, "{text}");
    }
    let unset = findings("apiVersion: v1\nkind: PodTemplate\nmetadata: {name: x}\ntemplate: {spec: null}\n");
    assert_eq!(unset[0].to_string(), "template.spec.containers: Required value");
}

/// What the server of `1.minor` says to the object of `text`.
fn answer(text: &str, minor: u16) -> String {
    decode::message(&found(text, minor))
}

fn found(text: &str, minor: u16) -> Vec<Finding> {
    let document = document(text);
    let objects = objects(&document);
    let Some((object, options)) = objects.first().zip(Version::new(minor).map(Options::of)) else {
        panic!("no object or version {minor}:\n{text}")
    };
    let (api_version, kind) = (
        object.api_version.unwrap_or_default(),
        object.kind.unwrap_or_default(),
    );
    decode::check(object.node, api_version, kind, &options)
}

/// The server's text behind `Pod in version "v1" cannot be handled as a Pod: `.
fn pod_answer(rest: &str, minor: u16) -> String {
    let text = format!("apiVersion: v1\nkind: Pod\n{rest}\n");
    let answer = answer(&text, minor);
    let prefix = "Pod in version \"v1\" cannot be handled as a Pod: ";
    answer.strip_prefix(prefix).map_or(answer.clone(), str::to_owned)
}

#[test]
fn unknown_and_repeated_fields_are_named_in_the_order_of_the_text() {
    for (rest, expected) in [
        (
            "spec: {containers: [{name: c, Image: x}]}",
            "unknown field \"spec.containers[0].Image\"",
        ),
        (
            "spec: {foo: {bar: 1}, hostNetwork: true, hostNetwork: false, foo: 2, containers: [{}, {x: 1, x: 1}]}",
            "unknown field \"spec.foo\", duplicate field \"spec.hostNetwork\", unknown field \"spec.containers[1].x\"",
        ),
        (
            "metadata: {labels: {a: b, a.b/c: d, a: c}, name: x, name: x}\nextra: 1",
            "duplicate field \"metadata.labels.a\", duplicate field \"metadata.name\", unknown field \"extra\"",
        ),
        ("spec: {\"a\\\"b\": 1}", "unknown field \"spec.a\\\"b\""),
        ("kind: Pod", "duplicate field \"kind\""),
        (
            "spec: {containers: [{livenessProbe: {exec: {cmd: []}}}]}",
            "unknown field \"spec.containers[0].livenessProbe.exec.cmd\"",
        ),
    ] {
        assert_eq!(
            pod_answer(rest, 37),
            format!("strict decoding error: {expected}"),
            "{rest}"
        );
        assert_eq!(pod_answer(rest, 25), pod_answer(rest, 37), "{rest}");
        assert_eq!(pod_answer(rest, 24), "", "older servers say nothing: {rest}");
        let kinds: Vec<_> = found(&format!("apiVersion: v1\nkind: Pod\n{rest}\n"), 24)
            .iter()
            .map(|finding| (finding.kind, finding.severity))
            .collect();
        assert!(!kinds.is_empty(), "they are found all the same: {rest}");
        assert!(
            kinds
                .iter()
                .all(|kind| *kind == (ErrorKind::Ignored, Severity::Warning)),
            "{kinds:?}"
        );
    }
}

#[test]
fn a_hundred_strict_errors_are_named_at_most() {
    let many: Vec<String> = (0..150).map(|number| format!("x{number}: 1")).collect();
    let text = format!("apiVersion: v1\nkind: Pod\n{}\n", many.join("\n"));
    assert_eq!(found(&text, 37).len(), 100);
    assert!(answer(&text, 37).ends_with("unknown field \"x99\""));
}

#[test]
fn every_strict_error_has_its_place_and_its_own_text() {
    let text = "apiVersion: v1\nkind: Pod\nspec: {hostNetwork: true, hostnetwork: true, hostNetwork: true}\n";
    let found = found(text, 37);
    let places: Vec<_> = found
        .iter()
        .map(|finding| {
            let span = finding.span.expect("it has a place");
            (
                finding.rule.name,
                finding.field.as_str(),
                span.start as usize - text.find("spec").expect("it is there"),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("unknown-field", "spec.hostnetwork", 26),
            ("duplicate-field", "spec.hostNetwork", 45)
        ]
    );
    assert_eq!(
        found[1].to_string(),
        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: duplicate field \"spec.hostNetwork\""
    );
    assert_eq!(
        found[0].help.as_deref(),
        Some("field names are case-sensitive: it is called hostNetwork")
    );
}

#[test]
fn the_first_wrong_type_is_the_answer_unless_a_type_reads_itself() {
    for (rest, expected) in [
        (
            "spec: {containers: [{command: sh, stdin: 'yes'}], foo: 1}",
            "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type []string",
        ),
        (
            "spec: {hostNetwork: 'true', containers: [{resources: {limits: {memory: 1GB}}}], os: 5}",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        ("spec: {overhead: {cpu: 1K}}", "unable to parse quantity's suffix"),
        (
            "spec: {containers: [{livenessProbe: {httpGet: {port: 99999999999}}}]}",
            "json: cannot unmarshal number 99999999999 into Go struct field \
             HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32",
        ),
        (
            "metadata: {creationTimestamp: 5}",
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
        ),
        (
            "metadata: {creationTimestamp: today}",
            "parsing time \"today\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"today\" as \"2006\"",
        ),
        (
            "spec: {terminationGracePeriodSeconds: 1.5}",
            "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64",
        ),
        (
            "spec: {containers: [{resources: {limits: [1]}}]}",
            "json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits \
             of type v1.ResourceList",
        ),
        (
            "metadata: {creationTimestamp: null}\nspec: {containers: null}\nstatus: {}",
            "",
        ),
        ("spec: {terminationGracePeriodSeconds: 1e1}", ""),
    ] {
        assert_eq!(pod_answer(rest, 37), expected, "{rest}");
    }
    let secret = "apiVersion: v1\nkind: Secret\ndata: {a: plain text}\n";
    assert_eq!(
        answer(secret, 37),
        "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 5"
    );
}

#[test]
fn versions_have_their_own_fields_and_texts() {
    let wrong = "spec: {containers: [{livenessProbe: {exec: x}}]}";
    assert_eq!(
        pod_answer(wrong, 34),
        "json: cannot unmarshal string into Go struct field Probe.spec.containers.livenessProbe.exec of type v1.ExecAction"
    );
    assert_eq!(
        pod_answer(wrong, 35),
        "json: cannot unmarshal string into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.exec \
         of type v1.ExecAction",
        "from 1.35 on what is embedded is named"
    );
    let sidecar = "spec: {initContainers: [{restartPolicy: Always}]}";
    assert_eq!(
        pod_answer(sidecar, 27),
        "strict decoding error: unknown field \"spec.initContainers[0].restartPolicy\""
    );
    assert_eq!(pod_answer(sidecar, 28), "");
    let found = found(&format!("apiVersion: v1\nkind: Pod\n{sidecar}\n"), 27);
    assert_eq!(
        found[0].help.as_deref(),
        Some("Kubernetes has it from 1.28 on; this is 1.27")
    );
}

#[test]
fn misplaced_and_misspelt_fields_are_told_where_they_belong() {
    for (rest, expected) in [
        (
            "spec: {containers: [{runAsUserName: x}]}",
            "it belongs to spec.containers.securityContext.windowsOptions",
        ),
        ("spec: {containers: [{hostNetwork: true}]}", "it belongs to spec"),
        (
            "spec: {securityContext: {hostProcess: true}}",
            "it belongs to spec.securityContext.windowsOptions",
        ),
        ("spec: {contianers: []}", "did you mean containers?"),
        ("hostNetwork: true", "it belongs to spec"),
        (
            "spec: {containers: [{args: 'x'}]}",
            "it is a list: write one word an item",
        ),
        ("spec: {hostNetwork: 'true'}", "write true without quotes"),
        (
            "spec: {containers: [{env: [{name: A, value: 5}]}]}",
            "put it in quotes: \"5\"",
        ),
        ("spec: {overhead: {memory: 1GB}}", "write 1G"),
    ] {
        let found = found(&format!("apiVersion: v1\nkind: Pod\n{rest}\n"), 37);
        assert_eq!(found[0].help.as_deref(), Some(expected), "{rest}");
        assert!(!found[0].detail.contains(expected), "the server does not say so");
    }
}

#[test]
fn schemas_of_custom_resources_are_read_as_their_own_code_reads_them() {
    for (schema, minor, expected) in [
        (
            "{properties: {a: {additionalProperties: {maximum: x}}}}",
            37,
            "json: cannot unmarshal string into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema\
             .properties.additionalProperties.maximum of type float64",
        ),
        (
            "{properties: {a: {additionalProperties: {maximum: x}}}}",
            34,
            "json: cannot unmarshal string into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema\
             .properties.additionalProperties of type float64",
        ),
        ("{additionalProperties: 5}", 37, "boolean or JSON schema expected"),
        (
            "{items: [{}, 5]}",
            37,
            "json: cannot unmarshal number into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema\
             .items of type v1.JSONSchemaProps",
        ),
        (
            "{items: {unknown: 1}, additionalProperties: true, default: [1]}",
            37,
            "",
        ),
    ] {
        let text = format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             spec: {{versions: [{{schema: {{openAPIV3Schema: {schema}}}}}]}}\n"
        );
        let answer = answer(&text, minor);
        let prefix =
            "CustomResourceDefinition in version \"v1\" cannot be handled as a CustomResourceDefinition: ";
        assert_eq!(
            answer.strip_prefix(prefix).unwrap_or(&answer),
            expected,
            "{schema}"
        );
    }
}

#[test]
fn a_kind_of_others_is_not_decoded() {
    assert_eq!(
        found(
            "apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\ncredspec: 5\n",
            37
        ),
        []
    );
    assert_eq!(found("apiVersion: batch/v2\nkind: Job\nspec: 5\n", 37), []);
}

#[test]
fn a_request_has_three_mebibytes() {
    let data = |length: usize| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\ndata: {{a: {}}}\n",
            "x".repeat(length)
        )
    };
    let limit = 3 << 20;
    let around = "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"\"},\"kind\":\"ConfigMap\"}".len();
    assert_eq!(found(&data(limit - around), 37), []);
    let found = found(&data(limit - around + 1), 37);
    assert_eq!(found[0].to_string(), "Request entity too large: limit is 3145728");
}
