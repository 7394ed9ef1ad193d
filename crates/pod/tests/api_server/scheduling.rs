//! Where a pod may run: selectors, affinity, spread, tolerations, gates.

use crate::pods::{message, texts, texts_at};

#[test]
fn node_selectors_are_labels() {
    assert_eq!(
        texts("nodeSelector: {a/b/c: x}")[0],
        "spec.nodeSelector: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or \
         '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used \
         for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
         'example.com/MyName')"
    );
    let long = format!("nodeSelector: {{a: {}}}", "x".repeat(64));
    let expected = |unit: &str| {
        format!(
            "spec.nodeSelector: Invalid value: \"{}\": must be no more than 63 {unit}",
            "x".repeat(64)
        )
    };
    assert_eq!(texts_at(34, &long), [expected("characters")]);
    assert_eq!(texts_at(35, &long), [expected("bytes")]);
}

#[test]
fn node_affinity_has_terms_operators_and_weights() {
    let required = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: ";
    let path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    assert_eq!(
        texts(&format!("{required}{{}}}}}}")),
        [format!(
            "{path}: Required value: must have at least one node selector term"
        )]
    );
    let terms = format!(
        "{required}{{nodeSelectorTerms: [{{matchExpressions: [{{key: a, operator: Gt}}, {{key: a, operator: in, values: [x]}}], \
         matchFields: [{{key: a, operator: In, values: [x]}}]}}]}}}}}}"
    );
    assert_eq!(
        texts(&terms),
        [
            format!(
                "{path}[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or \
                 'Gt'"
            ),
            format!(
                "{path}[0].matchExpressions[1].operator: Invalid value: \"in\": not a valid selector operator"
            ),
            format!("{path}[0].matchFields[0].key: Invalid value: \"a\": not a valid field selector key"),
        ]
    );
    assert_eq!(
        texts("affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0}]}}"),
        [
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the \
          range 1-100"
        ]
    );
    // Values are looked at since 1.33, and only where they are required.
    let values = format!(
        "{required}{{nodeSelectorTerms: [{{matchExpressions: [{{key: a, operator: In, values: [-x]}}]}}]}}}}}}"
    );
    assert_eq!(texts_at(32, &values), [""; 0]);
    assert_eq!(texts_at(33, &values).len(), 1);
}

#[test]
fn pod_affinity_says_over_what() {
    let path = "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
    let found = texts(
        "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchExpressions: [{key: a, \
         operator: Exists, values: [x]}]}, namespaces: [A.b], matchLabelKeys: [a]}]}}",
    );
    assert_eq!(
        found[0],
        format!(
            "{path}.labelSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or \
             'DoesNotExist'"
        )
    );
    assert!(found[1].starts_with(&format!(
        "{path}.namespace: Invalid value: \"A.b\": a lowercase RFC 1123 label"
    )));
    assert_eq!(
        found[2],
        format!("{path}.topologyKey: Required value: can not be empty")
    );
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn keys_of_the_pods_own_labels_are_merged_into_the_selector() {
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: \
                  [app], labelSelector: {matchLabels: {app: x}}}]";
    assert_eq!(
        texts_at(33, spread),
        [
            "spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: \"app\": exists in both matchLabelKeys and \
          labelSelector"
        ]
    );
    // Since 1.34 it counts only where the pod has the label, and the path is the API server's own.
    assert_eq!(texts_at(34, spread), [""; 0]);
    let pod = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x, labels: {{app: 'y'}}}}, spec: {{{spread}, containers: [{{name: c, image: \
         i}}]}}}}"
    );
    assert_eq!(
        message(&pod),
        "Pod \"x\" is invalid: spec.topologySpreadConstraints[0][0]: Invalid value: \"app\": exists in both matchLabelKeys and \
         labelSelector"
    );
}

#[test]
fn spread_constraints_are_whole_and_different() {
    assert_eq!(
        texts(
            "topologySpreadConstraints: [{topologyKey: k, whenUnsatisfiable: X, minDomains: 0}, {maxSkew: 1, topologyKey: k, \
               whenUnsatisfiable: X, nodeTaintsPolicy: honor}]"
        ),
        [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"X\": supported values: \
             \"DoNotSchedule\", \"ScheduleAnyway\"",
            "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{k, X}\"",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if \
             whenUnsatisfiable=DoNotSchedule, not X",
            "spec.topologySpreadConstraints[1].whenUnsatisfiable: Unsupported value: \"X\": supported values: \
             \"DoNotSchedule\", \"ScheduleAnyway\"",
            "spec.topologySpreadConstraints[1].nodeTaintsPolicy: Unsupported value: \"honor\": supported values: \"Honor\", \
             \"Ignore\"",
        ]
    );
}

#[test]
fn tolerations_have_operators_effects_and_values() {
    let path = "spec.tolerations[0]";
    for (toleration, expected) in [
        ("{operator: Exists}", vec![]),
        ("{key: a, value: b, effect: NoSchedule}", vec![]),
        (
            "{value: b}",
            vec![format!(
                "{path}.operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values \
                 and all keys\""
            )],
        ),
        (
            "{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 1}",
            vec![format!(
                "{path}.effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"
            )],
        ),
        (
            "{key: a, operator: Gt, value: '5', effect: nay}",
            vec![
                format!(
                    "{path}.operator: Unsupported value: \"Gt\": supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\""
                ),
                format!(
                    "{path}.effect: Unsupported value: \"nay\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \
                     \"NoExecute\""
                ),
            ],
        ),
    ] {
        assert_eq!(
            texts(&format!("tolerations: [{toleration}]")),
            expected,
            "{toleration}"
        );
    }
    let value = "tolerations: [{key: a, operator: Exists, value: b}]";
    let detail = "value must be empty when `operator` is 'Exists'";
    assert_eq!(
        texts_at(32, value),
        [format!("{path}.operator: Invalid value: \"b\": {detail}")]
    );
    assert_eq!(
        texts_at(31, value),
        [format!(
            "{path}.operator: Invalid value: core.Toleration{{Key:\"a\", Operator:\"Exists\", Value:\"b\", Effect:\"\", \
             TolerationSeconds:(*int64)(nil)}}: {detail}"
        )]
    );
}

#[test]
fn a_pod_with_scheduling_gates_names_no_node() {
    let spec = "schedulingGates: [{name: a}, {name: a}]\nnodeName: node";
    let expected = [
        "spec.schedulingGates[1]: Duplicate value: \"a\"",
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
    ];
    assert_eq!(texts_at(27, spec), expected);
    // In 1.26 the gate is off, and the field dropped.
    assert_eq!(texts_at(26, spec), [""; 0]);
}
