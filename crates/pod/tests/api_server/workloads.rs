//! Deployments, `ReplicaSets`, `DaemonSets`, `StatefulSets` and `ReplicationControllers`.

use crate::pods::{findings_under, options_of};

const POD: &str = "spec: {containers: [{name: c, image: i}]}";

/// The texts about a workload of `kind` with these lines for its spec, and a template with the label `a: b`.
#[track_caller]
fn texts(minor: u16, kind: &str, spec: &str) -> Vec<String> {
    let group = if kind == "ReplicationController" {
        "v1"
    } else {
        "apps/v1"
    };
    let template = format!("template: {{metadata: {{labels: {{a: b}}}}, {POD}}}");
    let text =
        format!("{{apiVersion: {group}, kind: {kind}, metadata: {{name: x}}, spec: {{{template}, {spec}}}}}");
    findings_under(&text, &options_of(minor))
        .iter()
        .map(ToString::to_string)
        .collect()
}

const SELECTOR: &str = "selector: {matchLabels: {a: b}}";

#[test]
fn a_workload_without_a_spec_lacks_a_selector_and_containers() {
    for kind in ["Deployment", "ReplicaSet", "StatefulSet"] {
        let text = format!("{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: x}}}}");
        let found: Vec<_> = findings_under(&text, &options_of(37))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
                "spec.template.spec.containers: Required value",
            ],
            "{kind}"
        );
    }
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}";
    assert_eq!(
        findings_under(text, &options_of(33))[1].to_string(),
        "spec.template.metadata.labels: Invalid value: map[string]string(nil): `selector` does not match template `labels`"
    );
}

#[test]
fn the_selector_selects_the_template() {
    let other = "selector: {matchLabels: {a: c}}";
    for kind in ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"] {
        assert_eq!(texts(37, kind, SELECTOR), [""; 0], "{kind}");
        assert_eq!(
            texts(37, kind, other),
            [
                "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"
            ],
            "{kind}"
        );
    }
    assert_eq!(
        texts(33, "DaemonSet", other),
        [
            "spec.template.metadata.labels: Invalid value: map[string]string{\"a\":\"b\"}: `selector` does not match \
          template `labels`"
        ]
    );
    for (expression, fits) in [
        ("{key: a, operator: In, values: [b, c]}", true),
        ("{key: a, operator: In, values: [c]}", false),
        ("{key: z, operator: In, values: [c]}", false),
        ("{key: a, operator: NotIn, values: [b]}", false),
        ("{key: z, operator: NotIn, values: [b]}", true),
        ("{key: a, operator: Exists}", true),
        ("{key: z, operator: Exists}", false),
        ("{key: z, operator: DoesNotExist}", true),
        ("{key: a, operator: DoesNotExist}", false),
    ] {
        let selector = format!("selector: {{matchExpressions: [{expression}]}}");
        assert_eq!(
            texts(37, "Deployment", &selector).is_empty(),
            fits,
            "{expression}"
        );
    }
}

#[test]
fn a_selector_that_cannot_be_read_hides_the_template() {
    let spec = "selector: {matchLabels: {a: c}, matchExpressions: [{key: x, operator: Is}]}";
    assert_eq!(
        texts(37, "Deployment", spec),
        [
            "spec.selector.matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator",
            "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"},\"matchExpressions\":[{\"key\":\"x\",\
             \"operator\":\"Is\"}]}: invalid label selector",
        ]
    );
    let empty = texts(37, "StatefulSet", "selector: {}");
    assert_eq!(
        empty,
        ["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"]
    );
    let empty = texts(33, "ReplicaSet", "selector: {}");
    assert_eq!(
        empty,
        [
            "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), \
          MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for deployment"
        ]
    );
}

#[test]
fn a_rolling_update_moves() {
    let texts = |kind: &str, key: &str, rolling: &str| {
        texts(
            37,
            kind,
            &format!("{SELECTOR}, {key}: {{rollingUpdate: {rolling}}}"),
        )
    };
    let strategy = "spec.strategy.rollingUpdate";
    assert_eq!(texts("Deployment", "strategy", "{maxSurge: 0}"), [""; 0]);
    assert_eq!(
        texts("Deployment", "strategy", "{maxSurge: 0, maxUnavailable: 0%}"),
        [format!(
            "{strategy}.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"
        )]
    );
    assert_eq!(
        texts("Deployment", "strategy", "{maxUnavailable: 101%}"),
        [format!(
            "{strategy}.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"
        )]
    );
    assert_eq!(
        texts("Deployment", "strategy", "{maxUnavailable: -1}"),
        [format!(
            "{strategy}.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"
        )]
    );
    let percent = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex \
        used for validation is '[0-9]+%')";
    assert_eq!(
        texts("Deployment", "strategy", "{maxSurge: '5'}"),
        [format!("{strategy}.maxSurge: Invalid value: \"5\": {percent}")]
    );
    let strategy = "spec.updateStrategy.rollingUpdate";
    assert_eq!(
        texts("DaemonSet", "updateStrategy", "{maxUnavailable: 0}"),
        [format!(
            "{strategy}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"
        )]
    );
    assert_eq!(
        texts("DaemonSet", "updateStrategy", "{maxSurge: 1}"),
        [format!(
            "{strategy}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
        )]
    );
    assert_eq!(
        texts(
            "StatefulSet",
            "updateStrategy",
            "{partition: -1, maxUnavailable: 0}"
        ),
        [
            format!("{strategy}.partition: Invalid value: -1: must be greater than or equal to 0"),
            format!("{strategy}.maxUnavailable: Invalid value: 0: cannot be 0"),
        ]
    );
}

#[test]
fn an_unknown_strategy_is_shown_whole() {
    let shown = |minor, kind: &str, key: &str| {
        texts(
            minor,
            kind,
            &format!("{SELECTOR}, {key}: {{type: Foo, rollingUpdate: {{maxUnavailable: 5%}}}}"),
        )
    };
    assert_eq!(
        shown(37, "Deployment", "strategy"),
        [
            "spec.strategy: Unsupported value: {\"Type\":\"Foo\",\"RollingUpdate\":{\"MaxUnavailable\":\"5%\",\"MaxSurge\":0}}: \
          supported values: \"Recreate\", \"RollingUpdate\""
        ]
    );
    assert_eq!(
        shown(37, "StatefulSet", "updateStrategy"),
        [
            "spec.updateStrategy: Invalid value: {\"Type\":\"Foo\",\"RollingUpdate\":{\"Partition\":0,\"MaxUnavailable\":\"5%\"}}: \
          must be 'RollingUpdate' or 'OnDelete'"
        ]
    );
    assert_eq!(
        texts(
            33,
            "DaemonSet",
            &format!("{SELECTOR}, updateStrategy: {{type: Foo}}")
        ),
        [
            "spec.updateStrategy: Unsupported value: apps.DaemonSetUpdateStrategy{Type:\"Foo\", \
          RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}: supported values: \"RollingUpdate\", \"OnDelete\""
        ]
    );
}

#[test]
fn a_deployment_has_time_to_make_progress() {
    assert_eq!(
        texts(37, "Deployment", &format!("{SELECTOR}, minReadySeconds: 600")),
        ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"]
    );
    assert_eq!(
        texts(
            37,
            "Deployment",
            &format!("{SELECTOR}, minReadySeconds: 600, progressDeadlineSeconds: 601")
        ),
        [""; 0]
    );
}

#[test]
fn pods_that_are_kept_running_are_restarted() {
    for kind in ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"] {
        let text = format!(
            "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: x}}, spec: {{{SELECTOR}, template: {{metadata: \
             {{labels: {{a: b}}}}, spec: {{restartPolicy: Never, activeDeadlineSeconds: 1, containers: [{{name: c, image: \
             i}}]}}}}}}}}"
        );
        let found: Vec<_> = findings_under(&text, &options_of(37))
            .iter()
            .map(ToString::to_string)
            .collect();
        let named = if kind == "Deployment" { "ReplicaSet" } else { kind };
        assert_eq!(
            found,
            [
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"".to_owned(),
                format!(
                    "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {named} is not Supported"
                ),
            ],
            "{kind}"
        );
    }
}

#[test]
fn the_template_of_a_stateful_set_is_looked_at_since_1_34() {
    let text = format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: x}}, spec: {{{SELECTOR}, serviceName: A, \
         volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: \
         {{storage: 1Gi}}}}}}}}], template: {{metadata: {{labels: {{a: b}}}}, spec: {{hostname: A, volumes: [{{name: data, \
         hostPath: {{}}}}, {{name: V}}], containers: [{{name: c, volumeMounts: [{{name: data, mountPath: /x}}]}}]}}}}}}}}"
    );
    let texts = |minor| {
        let found = findings_under(&text, &options_of(minor));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
        with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    assert_eq!(texts(32), [""; 0]);
    let service = format!("spec.serviceName: Invalid value: \"A\": {label}");
    assert_eq!(texts(33), std::slice::from_ref(&service));
    assert_eq!(
        texts(34),
        [
            service,
            // The claim takes the place of the volume of its name, before all others.
            format!("spec.template.spec.volumes[1].name: Invalid value: \"V\": {label}"),
            "spec.template.spec.containers[0].image: Required value".to_owned(),
        ]
    );
}

#[test]
fn a_replication_controller_takes_its_selector_from_the_template() {
    assert_eq!(texts(37, "ReplicationController", "replicas: 1"), [""; 0]);
    let spec = "replicas: -1, minReadySeconds: -1, selector: {a: c}";
    let mismatch = "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`";
    let replicas = "spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    let ready = "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!(
        texts(36, "ReplicationController", spec),
        [ready, replicas, mismatch]
    );
    assert_eq!(
        texts(37, "ReplicationController", spec),
        [mismatch, replicas, ready]
    );
    let text = "{apiVersion: v1, kind: ReplicationController, metadata: {name: x}}";
    let found: Vec<_> = findings_under(text, &options_of(37))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        ["spec.selector: Required value", "spec.template: Required value"]
    );
}
