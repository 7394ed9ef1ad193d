//! Objects that stand beside pods.

use porthole_manifest::objects;
use porthole_pod::{Finding, has_rules, object_status, object_warnings, validate_object};

use crate::pods::{document, options_of};

/// The texts about an object, in Kubernetes 1.`minor`.
#[track_caller]
fn texts(minor: u16, text: &str) -> Vec<String> {
    let document = document(text);
    let found = validate_object(&objects(&document)[0], &options_of(minor));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_of_a_config_map_are_names_of_files() {
    let map = |rest: &str| {
        texts(
            37,
            &format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}, {rest}}}"),
        )
    };
    assert_eq!(map("data: {a.b: c}, binaryData: {d: YQ==}"), [""; 0]);
    assert_eq!(
        map("data: {..: c}"),
        ["data[..]: Invalid value: \"..\": must not be '..'"]
    );
    assert_eq!(
        map("data: {a: c}, binaryData: {a: YQ==}"),
        ["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"]
    );
    let large = "x".repeat(1024 * 1024);
    assert_eq!(map(&format!("data: {{a: {large}}}")), [""; 0]);
    assert_eq!(
        map(&format!("data: {{a: {large}, b: c}}")),
        ["[]: Too long: may not be more than 1048576 bytes"]
    );
}

#[test]
fn a_secret_has_the_keys_of_its_type() {
    let secret = |minor, kind: &str, data: &str| {
        texts(
            minor,
            &format!("{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, type: {kind}, {data}}}"),
        )
    };
    assert_eq!(
        secret(37, "kubernetes.io/tls", "data: {tls.crt: YQ==}"),
        ["data[tls.key]: Required value"]
    );
    assert_eq!(
        secret(37, "kubernetes.io/tls", "stringData: {tls.crt: a, tls.key: b}"),
        [""; 0]
    );
    let basic = "kubernetes.io/basic-auth";
    assert_eq!(
        secret(37, basic, "data: {}"),
        ["data[username]: Required value", "data[password]: Required value"]
    );
    assert_eq!(
        secret(23, basic, "data: {}")[0],
        "data[%s][username]: Required value",
        "a slip of the server"
    );
    assert_eq!(
        secret(
            37,
            "kubernetes.io/dockerconfigjson",
            "stringData: {.dockerconfigjson: auths}"
        ),
        [
            "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'a' looking for \
          beginning of value"
        ]
    );
    // `{"auths":{}}`
    let json = "data: {.dockerconfigjson: eyJhdXRocyI6e319}";
    assert_eq!(secret(37, "kubernetes.io/dockerconfigjson", json), [""; 0]);
    assert_eq!(
        secret(37, "kubernetes.io/service-account-token", "data: {}"),
        ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]
    );
    assert_eq!(secret(37, "anything", "data: {}"), [""; 0]);
}

#[test]
fn a_rule_of_a_role_has_verbs_and_resources() {
    let role = |minor, kind: &str, rule: &str| {
        let text = format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{name: 'system:x'}}, rules: [{rule}]}}"
        );
        texts(minor, &text)
    };
    assert_eq!(
        role(37, "Role", "{verbs: [get], apiGroups: [''], resources: [pods]}"),
        [""; 0]
    );
    let resources = [
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        "rules[0].resources: Required value: resource rules must supply at least one resource",
    ];
    let verbs = "rules[0].verbs: Required value: verbs must contain at least one value";
    assert_eq!(role(36, "Role", "{}"), [verbs, resources[0], resources[1]]);
    assert_eq!(
        role(37, "Role", "{}"),
        [resources[0], resources[1], "rules[0].verbs: Required value"]
    );
    assert_eq!(
        role(37, "ClusterRole", "{verbs: [get], nonResourceURLs: [/x]}"),
        [""; 0]
    );
    assert_eq!(
        role(37, "Role", "{verbs: [get], nonResourceURLs: [/x]}"),
        [
            "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs"
        ]
    );
}

#[test]
fn a_binding_names_a_role_and_subjects() {
    let binding = |kind: &str, rest: &str| {
        texts(
            37,
            &format!(
                "{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{name: x}}, {rest}}}"
            ),
        )
    };
    let good = "roleRef: {kind: ClusterRole, name: a}, subjects: [{kind: ServiceAccount, name: a, namespace: b}, \
        {kind: Group, name: 'system:nodes'}]";
    assert_eq!(binding("RoleBinding", good), [""; 0]);
    assert_eq!(binding("ClusterRoleBinding", good), [""; 0]);
    assert_eq!(
        binding(
            "ClusterRoleBinding",
            "roleRef: {kind: Role, name: a}, subjects: [{kind: ServiceAccount, name: a}, {kind: Pod}]"
        ),
        [
            "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
            "subjects[0].namespace: Required value",
            "subjects[1].kind: Unsupported value: \"Pod\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            "subjects[1].name: Required value",
        ]
    );
}

#[test]
fn a_service_has_ports() {
    let service = |minor, name: &str, spec: &str| {
        texts(
            minor,
            &format!("{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{spec}}}}}"),
        )
    };
    assert_eq!(service(37, "x", "ports: [{port: 80, targetPort: http}]"), [""; 0]);
    assert_eq!(
        service(37, "x", "selector: {a: b}"),
        ["spec.ports: Required value"]
    );
    assert_eq!(service(37, "x", "clusterIP: None"), [""; 0]);
    assert_eq!(
        service(37, "x", "ports: [{port: 80}, {name: a, port: 80}]"),
        [
            "spec.ports[0].name: Required value",
            "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\
             \"TargetPort\":0,\"NodePort\":0}",
        ]
    );
    assert_eq!(service(36, "1x", "ports: [{port: 80}]"), [""; 0]);
    assert_eq!(
        service(35, "1x", "ports: [{port: 80}]").len(),
        1,
        "the name begins with a letter up to 1.35"
    );
}

#[test]
fn a_client_is_sent_to_the_same_pod_for_a_day_at_most() {
    let affinity = |affinity: &str, config: &str| {
        let spec =
            format!("ports: [{{port: 80}}], sessionAffinity: {affinity}, sessionAffinityConfig: {config}");
        let service = format!("{{apiVersion: v1, kind: Service, metadata: {{name: x}}, spec: {{{spec}}}}}");
        let found = texts(24, &service);
        assert_eq!(found, texts(37, &service), "all versions say the same");
        found
    };
    let seconds = |seconds: i64| format!("{{clientIP: {{timeoutSeconds: {seconds}}}}}");
    for taken in [&*seconds(1), &seconds(86_400), "{clientIP: {}}", "{}", "null"] {
        assert_eq!(affinity("ClientIP", taken), [""; 0], "{taken}");
    }
    for wrong in [0, -1, 86_401] {
        assert_eq!(
            affinity("ClientIP", &seconds(wrong)),
            [format!(
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: {wrong}: \
                 must be greater than 0 and less than 86400"
            )]
        );
        // Of what is not read nothing is said.
        for other in ["None", "''"] {
            assert_eq!(affinity(other, &seconds(wrong)), [""; 0], "{other}");
        }
    }
}

#[test]
fn a_claim_is_warned_of_parts_of_bytes_and_of_its_old_class() {
    let warnings = |minor| {
        let document = document(
            "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, annotations: \
             {volume.beta.kubernetes.io/storage-class: fast}}, spec: {accessModes: [ReadWriteOnce], \
             resources: {limits: {storage: 1500m}, requests: {storage: 100m, other.io/x: 100m}}}}",
        );
        let found = object_warnings(&objects(&document)[0], &options_of(minor));
        found
            .into_iter()
            .map(|finding| finding.detail)
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(25), [""; 0]);
    let expected = [
        "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" \
         attribute instead",
        "spec.resources.requests[storage]: fractional byte value \"100m\" is invalid, must be an integer",
        "spec.resources.limits[storage]: fractional byte value \"1500m\" is invalid, must be an integer",
    ];
    assert_eq!(warnings(26), expected);
    assert_eq!(warnings(37), expected);
}

#[test]
fn classes_are_the_clusters() {
    let class = |text: &str| texts(37, &format!("{{{text}}}"));
    let priority = "apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: NAME}, value: ";
    assert_eq!(class(&(priority.replace("NAME", "x") + "1000000000")), [""; 0]);
    assert_eq!(
        class(&(priority.replace("NAME", "x") + "1000000001")),
        ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]
    );
    assert_eq!(
        class(&(priority.replace("NAME", "system-x") + "1")),
        [
            "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: \
          system-x is not a known system priority class"
        ]
    );
    let runtime = "apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: x}, handler: ";
    assert_eq!(class(&format!("{runtime}runhcs-wcow-hypervisor")), [""; 0]);
    assert_eq!(class(&format!("{runtime}''")), ["handler: Required value"]);
}

#[test]
fn a_namespace_has_its_name_for_a_label() {
    let name = "a_b";
    let found = texts(
        37,
        &format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"),
    );
    assert_eq!(found.len(), 1, "a label may have an underscore: {found:?}");
    let name = "-a";
    let found = texts(
        37,
        &format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"),
    );
    assert!(
        found[1].starts_with("metadata.labels: Invalid value: \"-a\""),
        "{found:?}"
    );
}

#[test]
fn the_answer_names_the_kind_and_the_group() {
    let document = document("{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: x}}");
    let object = &objects(&document)[0];
    let answer = object_status(object, &validate_object(object, &options_of(37)));
    let json = serde_json::to_string(&answer).expect("plain data");
    assert_eq!(
        json,
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\
         \"RuntimeClass.node.k8s.io \\\"x\\\" is invalid: handler: Required value\",\"reason\":\"Invalid\",\"details\":\
         {\"name\":\"x\",\"group\":\"node.k8s.io\",\"kind\":\"RuntimeClass\",\"causes\":[{\"reason\":\"FieldValueRequired\",\
         \"message\":\"Required value\",\"field\":\"handler\"}]},\"code\":422}"
    );
}

#[test]
fn kinds_without_rules_are_known_as_such() {
    for (text, expected) in [
        ("{apiVersion: v1, kind: Pod}", true),
        ("{apiVersion: v1, kind: Secret}", true),
        ("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy}", false),
        ("{apiVersion: example.com/v1, kind: Secret}", false),
    ] {
        let document = document(text);
        assert_eq!(has_rules(&objects(&document)[0]), expected, "{text}");
    }
}

/// The text that a finding is about.
fn told_at<'t>(text: &'t str, finding: &Finding) -> Option<&'t str> {
    let span = finding.span?;
    let [start, end] = [span.start, span.end].map(|at| at as usize);
    text.get(start..end)
}

#[test]
fn the_addresses_of_a_service_are_told_where_they_are_written() {
    for (version, spec, place) in [
        (
            37,
            "type: NodePort, clusterIPs: [None], clusterIP: None",
            "[None]",
        ),
        (
            37,
            "type: ExternalName, externalName: a.b, clusterIPs: [10.0.0.5]",
            "[10.0.0.5]",
        ),
        (
            37,
            "type: ExternalName, externalName: a.b, clusterIP: 10.0.0.5",
            "10.0.0.5",
        ),
        (
            37,
            "ports: [{port: 1}], clusterIPs: [10.0.0.300], clusterIP: 10.0.0.300",
            "[10.0.0.300]",
        ),
    ] {
        let text = format!("{{apiVersion: v1, kind: Service, metadata: {{name: x}}, spec: {{{spec}}}}}");
        let document = document(&text);
        let found = validate_object(&objects(&document)[0], &options_of(version));
        let of_addresses = found
            .iter()
            .filter(|finding| finding.field.starts_with("spec.clusterIP"));
        let told: Vec<&str> = of_addresses
            .filter_map(|finding| told_at(&text, finding))
            .collect();
        assert!(
            !told.is_empty() && told.iter().all(|told| *told == place),
            "{text}: {told:?}"
        );
    }
    let text = "{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {ports: [{port: 1}], clusterIP: 'fd00:0::5'}}";
    let document = document(text);
    let warned = object_warnings(&objects(&document)[0], &options_of(37));
    let told: Vec<&str> = warned
        .iter()
        .filter_map(|finding| told_at(text, finding))
        .collect();
    assert_eq!(told, ["'fd00:0::5'"]);
}

#[test]
fn what_types_declare_is_asked_as_before_where_its_gate_is_off() {
    let mut off = options_of(37);
    off.gates = off.gates.with("DeclarativeValidationBeta", false);
    let told = |options, text: &str| {
        let document = document(text);
        let found = validate_object(&objects(&document)[0], options);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (on, api) = (options_of(37), "apiVersion: rbac.authorization.k8s.io/v1");
    let role = format!("{{{api}, kind: Role, metadata: {{name: x}}, rules: [{{resources: [pods]}}]}}");
    let groups = "rules[0].apiGroups: Required value: resource rules must supply at least one api group";
    assert_eq!(told(&on, &role), [groups, "rules[0].verbs: Required value"]);
    assert_eq!(
        told(&off, &role),
        [
            "rules[0].verbs: Required value: verbs must contain at least one value",
            groups
        ]
    );
    let binding = format!("{{{api}, kind: RoleBinding, metadata: {{name: x}}, subjects: [{{kind: User}}]}}");
    let kind = "roleRef.kind: Unsupported value: \"\": supported values: \"Role\", \"ClusterRole\"";
    let (name, subject) = ("roleRef.name: Required value", "subjects[0].name: Required value");
    assert_eq!(told(&on, &binding), [kind, subject, name]);
    assert_eq!(told(&off, &binding), [kind, name, subject]);
    let class = format!(
        "{{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {{name: x}}, handler: {}}}",
        "a".repeat(64)
    );
    assert!(told(&on, &class)[0].ends_with("must be no more than 63 bytes"));
    assert!(told(&off, &class)[0].ends_with("must be no more than 63 characters"));
}
