//! Names, labels, owners and finalizers of objects.

use porthole_manifest::objects;
use porthole_pod::{status, validate, validate_object};

use crate::pods::{document, findings_under, options_of, with_template};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
    must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// The texts about a Pod with this metadata, in Kubernetes 1.`minor`.
#[track_caller]
fn texts(minor: u16, metadata: &str) -> Vec<String> {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {metadata}, spec: {{containers: [{{name: c, image: i}}]}}}}"
    );
    findings_under(&text, &options_of(minor))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn an_object_has_a_name_or_what_one_is_generated_of() {
    let missing = "metadata.name: Required value: name or generateName is required";
    assert_eq!(texts(37, "{}"), [missing]);
    assert_eq!(texts(37, "{name: '', generateName: ''}"), [missing]);
    assert_eq!(texts(37, "{generateName: web-}"), [""; 0]);
    assert_eq!(
        texts(37, "{name: A}"),
        [format!("metadata.name: Invalid value: \"A\": {SUBDOMAIN}")]
    );
    assert_eq!(
        texts(37, "{generateName: A_b-}"),
        [
            format!("metadata.generateName: Invalid value: \"A_b-\": {SUBDOMAIN}"),
            format!("metadata.name: Invalid value: \"A_b-xxxxx\": {SUBDOMAIN}"),
        ]
    );
    let long = "a".repeat(80);
    let found = texts(37, &format!("{{generateName: {long}_}}"));
    assert_eq!(
        found,
        [format!(
            "metadata.generateName: Invalid value: \"{long}_\": {SUBDOMAIN}"
        )],
        "the name is generated of its first 58 bytes"
    );
    let text = "{apiVersion: v1, kind: Pod, metadata: {generateName: web-}, spec: {containers: []}}";
    let answer = with_template(text, |template| {
        status(template, &validate(template, &options_of(37)))
    });
    assert_eq!(
        answer.map(|answer| answer.message).as_deref(),
        Some("Pod \"web-xxxxx\" is invalid: spec.containers: Required value")
    );
}

#[test]
fn a_namespace_is_named_by_a_label() {
    assert_eq!(texts(37, "{name: a, namespace: a-b}"), [""; 0]);
    assert_eq!(
        texts(37, "{name: a, namespace: a.b}"),
        ["metadata.namespace: Invalid value: \"a.b\": must not contain dots"]
    );
}

#[test]
fn the_generation_of_a_pod_is_the_servers_since_1_33() {
    let metadata = "{name: a, generation: -1}";
    assert_eq!(
        texts(32, metadata),
        ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]
    );
    assert_eq!(texts(33, metadata), [""; 0]);
}

#[test]
fn an_owner_is_named_in_full() {
    let metadata = "{name: a, ownerReferences: [{apiVersion: a/b/c, kind: '', name: '', uid: ''}]}";
    assert_eq!(
        texts(33, metadata),
        [
            "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty",
            "metadata.ownerReferences.kind: Invalid value: \"\": kind must not be empty",
            "metadata.ownerReferences.name: Invalid value: \"\": name must not be empty",
            "metadata.ownerReferences.uid: Invalid value: \"\": uid must not be empty",
        ]
    );
    assert_eq!(
        texts(34, metadata)[1],
        "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty"
    );
    assert_eq!(
        texts(37, metadata),
        [
            "metadata.ownerReferences[0].apiVersion: Invalid value: \"a/b/c\": must be <group>/<version> or <version>",
            "metadata.ownerReferences[0].kind: Required value: must not be empty",
            "metadata.ownerReferences[0].name: Required value: must not be empty",
            "metadata.ownerReferences[0].uid: Required value: must not be empty",
        ]
    );
}

#[test]
fn an_event_owns_nothing() {
    let metadata = "{name: a, ownerReferences: [{apiVersion: v1, kind: Event, name: one, uid: u}]}";
    assert_eq!(
        texts(33, metadata),
        [
            "metadata.ownerReferences: Invalid value: v1.OwnerReference{APIVersion:\"v1\", Kind:\"Event\", Name:\"one\", \
          UID:\"u\", Controller:(*bool)(nil), BlockOwnerDeletion:(*bool)(nil)}: /v1, Kind=Event is disallowed from being \
          an owner"
        ]
    );
    assert_eq!(
        texts(37, metadata),
        [
            "metadata.ownerReferences[0]: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"one\",\"uid\":\
          \"u\"}: /v1, Kind=Event is disallowed from being an owner"
        ]
    );
}

#[test]
fn one_owner_is_the_controller() {
    let metadata = "{name: a, ownerReferences: [{apiVersion: v1, kind: K, name: one, uid: u, controller: true}, \
        {apiVersion: v1, kind: K, name: m, uid: v, controller: true}]}";
    let detail = "Only one reference can have Controller set to true. Found \"true\" in references for";
    assert!(texts(25, metadata)[0].ends_with(&format!("{detail} one and m")));
    assert_eq!(
        texts(36, metadata),
        [format!(
            "metadata.ownerReferences: Invalid value: [{{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"one\",\"uid\":\"u\",\
             \"controller\":true}},{{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"m\",\"uid\":\"v\",\"controller\":true}}]: \
             {detail} K/one and K/m"
        )]
    );
    let twice = "{name: a, ownerReferences: [{apiVersion: v1, kind: K, name: one, uid: u, controller: true}, \
        {apiVersion: v1, kind: K, name: one, uid: u, controller: true}]}";
    assert_eq!(texts(37, twice), [""; 0], "the server drops an equal owner");
}

#[test]
fn a_finalizer_has_a_domain() {
    assert_eq!(
        texts(37, "{name: a, finalizers: [x/y, kubernetes, orphan]}"),
        [""; 0]
    );
    let detail = "metadata.finalizers: Invalid value: \"/a\": prefix part must be non-empty";
    assert_eq!(
        texts(37, "{name: a, finalizers: [b, /a]}"),
        [
            detail,
            "metadata.finalizers[0]: Invalid value: \"b\": name is neither a standard finalizer name nor is it fully \
             qualified",
        ]
    );
    let both = "{name: a, finalizers: [orphan, foregroundDeletion]}";
    let detail = "finalizer orphan and foregroundDeletion cannot be both set";
    assert_eq!(
        texts(33, both),
        [format!(
            "metadata.finalizers: Invalid value: []string{{\"orphan\", \"foregroundDeletion\"}}: {detail}"
        )]
    );
    assert_eq!(
        texts(34, both),
        [format!(
            "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: {detail}"
        )]
    );
}

#[test]
fn managed_fields_are_dropped_where_items_cannot_be_told_apart() {
    let found = |minor, spec: &str| {
        let manager = "m".repeat(129);
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a, managedFields: [{{operation: Update, apiVersion: v1, fieldsType: \
             FieldsV1, manager: {manager}, fieldsV1: {{'f:spec': {{}}}}}}]}}, spec: {{containers: [{{name: c, image: i, {spec}}}]}}}}"
        );
        let found = findings_under(&text, &options_of(minor));
        found
            .iter()
            .any(|finding| finding.field == "metadata.managedFields[0].manager")
    };
    let repeated = [
        "env: [{name: A}, {name: A}]",
        "ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP}]",
    ];
    for spec in repeated {
        assert!(!found(28, spec), "{spec}");
        assert!(found(29, spec), "{spec}");
    }
    for unnamed in ["hostAliases: [{}]", "imagePullSecrets: [{name: ''}]"] {
        let spec = format!("env: []}}], {unnamed}, initContainers: [{{name: d, image: i");
        assert!(!found(29, &spec), "{unnamed}");
        assert!(found(30, &spec), "{unnamed}");
    }
    for unlike in [
        "env: [{name: A}, {name: B}]",
        "ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]",
        "args: [a, a]",
    ] {
        assert!(found(28, unlike), "{unlike}");
    }
}

#[test]
fn managed_fields_are_one_of_each_manager_and_in_order() {
    let entry = |manager: &str, more: &str| {
        format!("{{apiVersion: v1, fieldsType: FieldsV1, manager: {manager}, {more}}}")
    };
    let long = |letter: &str| letter.repeat(129);
    let fields = "fieldsV1: {'f:data': {}}";
    let update = |letter: &str, more: &str| entry(&long(letter), &format!("operation: Update, {more}"));
    let apply = |letter: &str, more: &str| entry(&long(letter), &format!("operation: Apply, {more}"));
    let found = |entries: &[String]| {
        texts(
            37,
            &format!("{{name: a, managedFields: [{}]}}", entries.join(", ")),
        )
    };
    let too_long = |places: &[usize]| -> Vec<String> {
        let text = |place| {
            format!("metadata.managedFields[{place}].manager: Too long: may not be more than 128 bytes")
        };
        places.iter().map(text).collect()
    };
    let with = |more: &str| format!("{more}, {fields}");
    // The last of a manager counts, with no fields as well; the time tells managers not apart, and the subresource does.
    let time = "time: '2020-01-01T00:00:00Z'";
    assert_eq!(found(&[update("a", fields), update("a", "")]), too_long(&[]));
    assert_eq!(found(&[update("a", fields), update("a", time)]), too_long(&[]));
    assert_eq!(found(&[update("a", ""), update("a", fields)]), too_long(&[0]));
    let status = update("a", "subresource: status");
    assert_eq!(found(&[update("a", fields), status]), too_long(&[0]));
    let versions =
        |one: String, other: &str| [one, other.to_owned()].map(|entry| entry.replacen("v1", "v9", 1));
    let [applied, again] = versions(apply("a", fields), &apply("a", ""));
    assert_eq!(found(&[apply("a", fields), again]), too_long(&[]));
    assert_eq!(found(&[applied, apply("a", fields)]), too_long(&[0]));
    // The short one stands behind: by its name, because it is no `Apply`, because it is later.
    let short = |more: &str| entry("b", &format!("operation: Update, {}", with(more)));
    let unset = "time: null";
    assert_eq!(found(&[short(unset), update("a", fields)]), too_long(&[0]));
    assert_eq!(found(&[short(unset), apply("z", fields)]), too_long(&[0]));
    assert_eq!(found(&[update("z", fields), short(time)]), too_long(&[0]));
    assert_eq!(found(&[update("z", fields), short(unset)]), too_long(&[1]));
    let earlier = "time: '2020-01-01T01:00:00+02:00'";
    assert_eq!(found(&[short(time), update("z", &with(earlier))]), too_long(&[0]));
}

#[test]
fn managed_fields_of_versions_that_the_kind_does_not_have_are_dropped() {
    let deployment = |version: &str| {
        let manager = "m".repeat(129);
        let text = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a, managedFields: [{{operation: Update, \
             apiVersion: {version}, fieldsType: FieldsV1, manager: {manager}, fieldsV1: {{'f:spec': {{}}}}}}]}}, \
             spec: {{selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, \
             spec: {{containers: [{{name: c, image: i}}]}}}}}}}}"
        );
        let found = with_template(&text, |template| validate(template, &options_of(37)));
        found
            .iter()
            .map(|finding| finding.field.clone())
            .collect::<Vec<_>>()
    };
    for known in ["apps/v1", "apps/v1beta2"] {
        assert_eq!(
            deployment(known),
            ["metadata.managedFields[0].manager"],
            "{known}"
        );
    }
    for unknown in ["v1", "'80'", "apps/v2"] {
        assert_eq!(deployment(unknown), [""; 0], "{unknown}");
    }
}

#[test]
fn managed_fields_that_cannot_be_read_are_dropped() {
    let entry = |operation: &str, fields: &str| {
        let manager = "m".repeat(129);
        format!(
            "{{name: a, managedFields: [{{operation: {operation}, apiVersion: v1, fieldsType: FieldsV1, manager: {manager}, \
             fieldsV1: {fields}}}]}}"
        )
    };
    assert_eq!(texts(37, &entry("Write", "{'f:data': {}}")), [""; 0]);
    for without in ["{}", "{'.': {}}", "null", "{'x:y': text}"] {
        assert_eq!(
            texts(37, &entry("Update", without)),
            [""; 0],
            "{without} has no fields"
        );
    }
    for broken in [
        "{'f:metadata': {'f:labels': text}}",
        "{'i:one': {}}",
        "{'v:x': {}}",
        "{'k:[1]': {}}",
        "{data: {}}",
    ] {
        assert_eq!(texts(37, &entry("Update", broken)), [""; 0], "{broken}");
    }
    for read in [
        "{'f:data': {}}",
        "{'f:data': null}",
        "{'f:data': {'.': {}, 'i:1': {}, 'v:\"x\"': {}, 'k:{\"name\":\"c\"}': {'f:image': {}}}}",
        "{'f:data': {}, 'x:y': text}",
    ] {
        assert_eq!(
            texts(37, &entry("Update", read)),
            ["metadata.managedFields[0].manager: Too long: may not be more than 128 bytes"],
            "{read}"
        );
    }
}

#[test]
fn what_an_object_sets_itself_is_nobody_elses() {
    let config = "kind: ConfigMap, data: {a: b}";
    let labels = "labels: {x: z}, finalizers: [a.b/c], ";
    let service = "kind: Service, spec: {ports: [{port: 80}], selector: {a: b}}";
    let pod = "kind: Pod, spec: {containers: [{name: c, image: i}]}";
    let resources = "'f:spec': {'f:containers': {'k:{\"name\":\"c\"}': {'f:resources': {}}}}";
    let key = "'k:{\"port\":80,\"protocol\":\"TCP\"}'";
    let is_left = |object: &str, metadata: &str, fields: &str| {
        let manager = "m".repeat(130);
        let version = if object.contains("DaemonSet") {
            "apps/v1"
        } else {
            "v1"
        };
        let text = format!(
            "{{apiVersion: {version}, {object}, metadata: {{name: a, {metadata}managedFields: [{{operation: Update, apiVersion: \
             {version}, fieldsType: FieldsV1, manager: {manager}, fieldsV1: {{{fields}}}}}]}}}}"
        );
        let document = document(&text);
        let found = validate_object(&objects(&document)[0], &options_of(37));
        found
            .iter()
            .any(|finding| finding.field == "metadata.managedFields[0].manager")
    };
    for (object, metadata, fields) in [
        (config, "", "'f:data': {'f:a': {}}"),
        (pod, "", resources),
        (
            "kind: DaemonSet, spec: {}",
            "",
            "'f:metadata': {'f:annotations': {}}",
        ),
        (config, "", "'f:data': {'.': {}, 'f:a': {}}"),
        (config, "", "'f:data': {}"),
        (config, "", "'f:metadata': {'f:name': {}}"),
        (config, labels, "'f:metadata': {'f:labels': {'f:x': {}}}"),
        (config, labels, "'f:metadata': {'f:labels': {}}"),
        (
            config,
            labels,
            "'f:metadata': {'f:finalizers': {'v:\"a.b/c\"': {}}}",
        ),
        (
            service,
            "",
            &format!("'f:spec': {{'f:ports': {{{key}: {{'.': {{}}, 'f:port': {{}}, 'f:protocol': {{}}}}}}}}"),
        ),
        (service, "", &format!("'f:spec': {{'f:ports': {{{key}: {{}}}}}}")),
        (
            service,
            "",
            "'f:spec': {'f:ports': {}, 'f:selector': {}, 'f:type': {}}",
        ),
    ] {
        assert!(!is_left(object, metadata, fields), "{fields}");
    }
    for (object, metadata, fields) in [
        (config, "", "'f:data': {'f:b': {}}"),
        (config, "", "'f:data': {'f:a': {}, 'f:b': {}}"),
        ("kind: ConfigMap, data: {}", "", "'f:data': {}"),
        (config, "", "'f:kind': {}"),
        (config, labels, "'f:metadata': {}"),
        (config, "", "'f:metadata': {'f:labels': {'f:x': {}}}"),
        (
            config,
            labels,
            "'f:metadata': {'f:finalizers': {'v:\"a.b/d\"': {}}}",
        ),
        (service, "", "'f:spec': {'f:ports': {'k:{\"port\":81}': {}}}"),
        (service, "", "'f:spec': {'f:externalName': {}}"),
    ] {
        assert!(is_left(object, metadata, fields), "{fields}");
    }
}
