//! Names and images of containers, what each list of containers takes, ports and restart policies.

use crate::pods::{assert_containers, container_texts_at, findings, pod, texts, texts_at};

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
    end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

#[test]
fn containers_have_a_name_of_their_own_and_an_image() {
    assert_eq!(
        texts("containers: [{}, {name: a.b, image: i}, {name: A, image: ' '}, {name: A, image: i}]"),
        [
            "spec.containers[0].name: Required value",
            "spec.containers[0].image: Required value",
            "spec.containers[1].name: Invalid value: \"a.b\": must not contain dots",
            &format!("spec.containers[2].name: Invalid value: \"A\": {LABEL}"),
            &format!("spec.containers[3].name: Invalid value: \"A\": {LABEL}"),
            "spec.containers[3].name: Duplicate value: \"A\"",
            "spec.containers[2].image: Invalid value: \" \": must not have leading or trailing whitespace",
        ]
    );
    assert_eq!(
        texts_at(26, "containers: [{name: a.b, image: i}]"),
        [format!(
            "spec.containers[0].name: Invalid value: \"a.b\": {LABEL}"
        )]
    );
    for spec in [
        "containers: []",
        "containers: null",
        "initContainers: [{name: i, image: i}]",
    ] {
        let spec = spec.replace("initContainers", "containers: []\ninitContainers");
        assert_eq!(texts(&spec), ["spec.containers: Required value"], "{spec}");
    }
}

#[test]
fn names_are_unique_over_the_lists() {
    let spec = "containers: [{name: a, image: i}]\ninitContainers: [{name: a, image: i}, {name: b, image: i}, {name: b, image: i}]\n\
        ephemeralContainers: [{name: b, image: i, targetContainerName: e}, {name: e, image: i, targetContainerName: a}]";
    let init = "spec.initContainers[0].name: Duplicate value: \"a\"";
    let again = "spec.initContainers[2].name: Duplicate value: \"b\"";
    let ephemeral = "spec.ephemeralContainers[0].name: Duplicate value: \"b\"";
    let target = "spec.ephemeralContainers[0].targetContainerName: Not found: \"e\"";
    let create = "spec.ephemeralContainers: Forbidden: cannot be set on create";
    assert_eq!(texts(spec), [init, again, ephemeral, target, create]);
    // Up to 1.24 the list is asked first, then the names; the target comes before the name.
    assert_eq!(
        texts_at(24, spec),
        [again, init, again, target, ephemeral, create]
    );
}

#[test]
fn ephemeral_containers_have_no_more_than_a_look_needs() {
    let fields = "ports: [], resources: {limits: {}}, livenessProbe: {exec: {command: [a]}}, lifecycle: {}, \
        volumeMounts: [{name: v, mountPath: /v, subPath: s}]";
    let spec = format!(
        "volumes: [{{name: v, emptyDir: {{}}}}]\ncontainers: [{{name: a, image: i}}]\n\
         ephemeralContainers: [{{name: e, image: i, {fields}}}, {{name: f, image: i, resources: {{}}}}]"
    );
    let expected: Vec<_> = [
        "ports",
        "resources",
        "livenessProbe",
        "lifecycle",
        "volumeMounts[0].subPath",
    ]
    .iter()
    .map(|field| {
        format!("spec.ephemeralContainers[0].{field}: Forbidden: cannot be set for an Ephemeral Container")
    })
    .chain(["spec.ephemeralContainers: Forbidden: cannot be set on create".to_owned()])
    .collect();
    assert_eq!(texts(&spec), expected);
    // 1.22 drops them altogether.
    assert_eq!(texts_at(22, &spec), [""; 0]);
    let unnamed = "containers: [{name: a, image: i}]\nephemeralContainers: [{image: i}]";
    assert_eq!(
        texts_at(24, unnamed)[0],
        "spec.ephemeralContainers[0]: Required value: ephemeralContainer requires a name"
    );
    let unnamed = "containers: [{name: a, image: i}]\nephemeralContainers: [{name: A, image: i}]";
    assert!(
        texts_at(24, unnamed)[0].starts_with("spec.ephemeralContainers[0][0].name: Invalid value: \"A\"")
    );
    assert!(texts_at(25, unnamed)[0].starts_with("spec.ephemeralContainers[0].name: Invalid value: \"A\""));
}

#[test]
fn init_containers_have_probes_only_as_sidecars() {
    let spec = |policy: &str| {
        format!(
            "containers: [{{name: a, image: i}}]\ninitContainers: [{{name: b, image: i, {policy} lifecycle: {{}}, \
             readinessProbe: {{tcpSocket: {{port: 0}}}}}}]"
        )
    };
    let at = "spec.initContainers[0]";
    let port = format!(
        "{at}.readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"
    );
    let forbidden = |what: &str| {
        ["lifecycle", "readinessProbe"]
            .map(|field| format!("{at}.{field}: Forbidden: may not be set for init containers{what}"))
    };
    assert_eq!(texts(&spec("")), forbidden(" without restartPolicy=Always"));
    assert_eq!(texts_at(27, &spec("")), forbidden(""));
    assert_eq!(
        texts(&spec("restartPolicy: Always,")),
        std::slice::from_ref(&port)
    );
    // Where sidecars are gated, the policy is dropped.
    assert_eq!(
        texts_at(28, &spec("restartPolicy: Always,")),
        forbidden(" without restartPolicy=Always")
    );
    let mut before: Vec<_> = vec![port];
    before.push(format!(
        "{at}.lifecycle: Invalid value: core.Lifecycle{{PostStart:(*core.LifecycleHandler)(nil), \
         PreStop:(*core.LifecycleHandler)(nil)}}: must not be set for init containers"
    ));
    assert_eq!(texts_at(24, &spec(""))[..2], before);
}

#[test]
fn restart_policies_of_containers_came_by_and_by() {
    let unknown =
        "restartPolicy: Unsupported value: \"x\": supported values: \"Always\", \"Never\", \"OnFailure\"";
    let rules = "restartPolicyRules: [{action: RestartAllContainers}]";
    assert_containers(&[
        (
            28,
            "restartPolicy: Always",
            &["restartPolicy: Forbidden: may not be set for non-init containers"],
        ),
        (34, "restartPolicy: x", &[]),
        (35, "restartPolicy: x", &[unknown]),
        (
            35,
            rules,
            &[
                "restartPolicy: Required value: must specify restartPolicy when restart rules are used",
                "restartPolicyRules[0].action: Unsupported value: \"RestartAllContainers\": supported values: \"Restart\"",
                "restartPolicyRules[0].exitCodes: Required value: must be specified",
            ],
        ),
        (
            36,
            "restartPolicy: Never, restartPolicyRules: [{action: x, exitCodes: {operator: z}}]",
            &[
                "restartPolicyRules[0].action: Unsupported value: \"x\": supported values: \"Restart\", \"RestartAllContainers\"",
                "restartPolicyRules[0].exitCodes.operator: Unsupported value: \"z\": supported values: \"In\", \"NotIn\"",
            ],
        ),
    ]);
    let many = format!(
        "restartPolicy: Never, restartPolicyRules: [{}]",
        ["{}"; 21].join(", ")
    );
    assert_eq!(
        container_texts_at(35, &many)[0],
        "restartPolicyRules: Too long: may not be more than 20 bytes"
    );
    assert_eq!(
        container_texts_at(36, &many)[0],
        "restartPolicyRules: Too many: 21: must have at most 20 items"
    );
    let init = |policy: &str| {
        format!(
            "containers: [{{name: a, image: i}}]\ninitContainers: [{{name: b, image: i, restartPolicy: {policy}}}]"
        )
    };
    assert_eq!(
        texts_at(33, &init("Never")),
        ["spec.initContainers[0].restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""]
    );
    assert_eq!(texts_at(35, &init("Never")), [""; 0]);
}

#[test]
fn ports_have_a_number_and_a_name_of_few_characters() {
    let protocol =
        "ports[0].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\"";
    assert_containers(&[
        (37, "ports: [{}]", &["ports[0].containerPort: Required value"]),
        (
            37,
            "ports: [{containerPort: 65536, hostPort: -1}]",
            &[
                "ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
                "ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            37,
            "ports: [{containerPort: 1, protocol: tcp}, {containerPort: 1, protocol: ''}]",
            &[protocol],
        ),
        (
            37,
            "ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]",
            &["ports[1].name: Duplicate value: \"a\""],
        ),
        (
            37,
            "ports: [{containerPort: 1, name: HTTP}]",
            &[
                "ports[0].name: Invalid value: \"HTTP\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "ports[0].name: Invalid value: \"HTTP\": must contain at least one letter (a-z)",
            ],
        ),
        (
            24,
            "ports: [{containerPort: 1, name: '80'}]",
            &["ports[0].name: Invalid value: \"80\": must contain at least one letter or number (a-z, 0-9)"],
        ),
    ]);
}

#[test]
fn policies_are_words_of_a_list() {
    let policies = "supported values: \"File\", \"FallbackToLogsOnError\"";
    assert_containers(&[
        (
            37,
            "terminationMessagePolicy: file, imagePullPolicy: always",
            &[
                &format!("terminationMessagePolicy: Unsupported value: \"file\": {policies}"),
                "imagePullPolicy: Unsupported value: \"always\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        ),
        (
            24,
            "terminationMessagePolicy: a<b",
            &["terminationMessagePolicy: Invalid value: \"a<b\": must be 'File' or 'FallbackToLogsOnError'"],
        ),
        (
            33,
            "terminationMessagePolicy: a<b",
            &[&format!(
                "terminationMessagePolicy: Unsupported value: \"a<b\": {policies}"
            )],
        ),
        (
            34,
            "terminationMessagePolicy: a<b",
            &[&format!(
                "terminationMessagePolicy: Unsupported value: \"a\\u003cb\": {policies}"
            )],
        ),
        (37, "terminationMessagePolicy: '', imagePullPolicy: null", &[]),
    ]);
}

#[test]
fn a_finding_stands_where_the_container_is_wrong() {
    let text = pod("containers:\n- name: c\n  imagePullPolicy: sometimes");
    let found = findings(&text);
    let places: Vec<_> = found
        .iter()
        .map(|finding| {
            finding
                .span
                .and_then(|span| span.slice(&text))
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(places, ["name: c\n    imagePullPolicy: sometimes", "sometimes"]);
}

#[test]
fn a_values_of_the_wrong_type_is_no_reason_to_panic() {
    for value in [
        "5", "x", "true", "[]", "{}", "[5]", "[[]]", "[null]", "[{}]", "{a: {}}", "1.5",
    ] {
        for field in [
            "ports",
            "env",
            "envFrom",
            "volumeMounts",
            "volumeDevices",
            "resources",
            "resizePolicy",
            "restartPolicy",
            "restartPolicyRules",
            "livenessProbe",
            "lifecycle",
            "securityContext",
        ] {
            let _ = texts(&format!(
                "containers: [{{name: c, image: i, {field}: {value}}}]\nvolumes: {value}"
            ));
        }
    }
}
