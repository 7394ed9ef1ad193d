//! What stays of an object that is changed: the API server applies the change to what it has stored.

use porthole_manifest::objects;
use porthole_pod::{change_warnings, validate_update};

use crate::pods::{document, options_of};
use crate::updates::{POD, check_places, documents, pod, texts, texts_under, workload};

/// A Job with these fields.
fn job_of(fields: &str) -> String {
    format!(
        "spec: {{template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}], restartPolicy: \
         Never}}}}{fields}}}"
    )
}

const JOB: &str = "apiVersion: batch/v1, kind: Job, metadata: {name: x}";

#[test]
fn an_account_stays_in_the_other_field() {
    let account = |fields| pod(&format!(", {fields}"));
    let named = account("serviceAccountName: a.b");
    for kept in [
        "serviceAccountName: ''",
        "serviceAccount: a.b",
        "enableServiceLinks: true",
    ] {
        assert_eq!(texts(37, POD, &named, &account(kept)), [""; 0], "{kept}");
    }
    let found = texts(37, POD, &named, &account("serviceAccountName: c"));
    assert!(
        found[0].contains("-spec.serviceAccountName: \"a.b\"\n+spec.serviceAccountName: \"c\""),
        "{found:?}"
    );
    let head = "apiVersion: v1, kind: ReplicationController, metadata: {name: x}";
    let controller = |account: &str| {
        format!(
            "spec: {{template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}], {account}}}}}}}"
        )
    };
    let old = controller("serviceAccount: sa");
    assert_eq!(texts(37, head, &old, &controller("serviceAccount: A")), [""; 0]);
    let found = texts(37, head, &old, &controller("serviceAccountName: A"));
    assert!(
        found[0].starts_with("spec.template.spec.serviceAccountName: Invalid value: \"A\""),
        "{found:?}"
    );
}

#[test]
fn the_data_of_a_secret_is_what_was_stored() {
    let head = "apiVersion: v1, kind: Secret, metadata: {name: x}";
    let old = "immutable: true, stringData: {a: b}";
    let detail = "Forbidden: field is immutable when `immutable` is set";
    for same in [
        "immutable: true",
        "immutable: true, stringData: {a: b}",
        "immutable: true, data: {a: Yg==}",
    ] {
        assert_eq!(texts(37, head, old, same), [""; 0], "{same}");
    }
    for other in [
        "immutable: true, stringData: {a: c}",
        "immutable: true, data: {c: Yg==}",
    ] {
        assert_eq!(
            texts(37, head, old, other),
            [format!("data: {detail}")],
            "{other}"
        );
    }
    let emptied = texts(
        37,
        head,
        "immutable: true, data: {}, stringData: {a: b}",
        "immutable: true",
    );
    assert_eq!(emptied, [format!("data: {detail}")]);
    let tls = "type: kubernetes.io/tls, data: {tls.crt: ''}";
    assert_eq!(
        texts(37, head, &format!("{tls}, stringData: {{tls.key: k}}"), tls),
        [""; 0],
        "the key is still there"
    );
    assert_eq!(
        texts(37, head, tls, "type: kubernetes.io/tls"),
        ["data[tls.crt]: Required value", "data[tls.key]: Required value"]
    );
}

#[test]
fn a_claim_gets_its_class_once() {
    let head = |annotations: &str| {
        format!(
            "apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: x, annotations: {{{annotations}}}}}"
        )
    };
    let claim = |class: &str| {
        format!("spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}{class}}}")
    };
    let (none, fast) = (claim(""), claim(", storageClassName: fast"));
    for (minor, may) in [(25, false), (26, true), (28, true), (37, true)] {
        assert_eq!(texts(minor, &head(""), &none, &fast).is_empty(), may, "{minor}");
    }
    let empty = claim(", storageClassName: ''");
    assert_eq!(texts(37, &head(""), &none, &empty), [""; 0]);
    assert_eq!(texts(37, &head(""), &fast, &empty).len(), 1);
    let annotated = head("volume.beta.kubernetes.io/storage-class: fast");
    assert_eq!(texts(24, &annotated, &none, &fast), [""; 0]);
    assert_eq!(texts(37, &annotated, &none, &empty).len(), 1);
    let (old, new) = (
        document(&format!("{{{annotated}, {none}}}")),
        document(&format!("{{{}, {none}}}", head(""))),
    );
    let found = validate_update(&objects(&old)[0], &objects(&new)[0], &options_of(37));
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: \"\": field is immutable"
        ]
    );
}

#[test]
fn what_was_filled_in_for_a_job_stays() {
    let policy = ", podFailurePolicy: {rules: []}";
    let found = texts(37, JOB, &job_of(""), &job_of(policy));
    let stays =
        "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"";
    assert!(found.contains(&stays.to_owned()), "{found:?}");
    let said = format!("{policy}, podReplacementPolicy: Failed");
    for (minor, old, new) in [
        (37, policy, policy),
        (37, policy, ""),
        (37, "", &*said),
        (27, "", policy),
    ] {
        let found = texts(minor, JOB, &job_of(old), &job_of(new));
        assert!(
            !found
                .iter()
                .any(|text| text.starts_with("spec.podReplacementPolicy")),
            "{found:?}"
        );
    }
    let indexed = ", completionMode: Indexed, parallelism: 1";
    let required = "spec.completions: Required value: when completion mode is Indexed";
    for (old, is) in [
        ("", false),
        (", parallelism: 2", true),
        (", completions: 1", true),
    ] {
        let found = texts(37, JOB, &job_of(old), &job_of(indexed));
        assert_eq!(found.contains(&required.to_owned()), is, "{old}: {found:?}");
    }
    // How many there are at a time was filled in, and stays: so nothing is filled in for what is taken away.
    let taken = job_of(", completionMode: Indexed");
    let found = texts(37, JOB, &job_of(", completions: 1"), &taken);
    assert!(found.contains(&required.to_owned()), "{found:?}");
    let found = texts(37, JOB, &job_of(", parallelism: 2"), &taken);
    assert!(!found.contains(&required.to_owned()), "{found:?}");
    let mode = texts(37, JOB, &job_of(""), &job_of(", completionMode: ''"));
    assert_eq!(
        mode.last().map(String::as_str),
        Some("spec.completionMode: Invalid value: \"\": field is immutable")
    );
}

#[test]
fn a_job_without_a_spec_has_no_selector() {
    let found = texts(37, JOB, &job_of(""), "status: {}");
    for said in [
        "spec.selector: Required value",
        "spec.selector: Invalid value: null: field is immutable",
    ] {
        assert!(found.contains(&said.to_owned()), "{found:?}");
    }
    let found = texts(37, JOB, &job_of(", selector: {}"), &job_of(""));
    assert!(
        found[0].starts_with("spec.selector: Required value"),
        "it was taken away: {found:?}"
    );
    let found = texts(36, JOB, &job_of(""), "spec: {template: {}}");
    let label = "spec.template.metadata.labels[job-name]: Required value: must be 'x'";
    assert!(found.contains(&label.to_owned()), "{found:?}");
}

#[test]
fn what_is_empty_is_not_stored() {
    let groups = ", os: {name: windows}, securityContext: {supplementalGroups: []}";
    let found = texts(37, POD, &pod(groups), &pod(groups));
    assert_eq!(found, [""; 0], "it was not there");
    let emptied = texts(37, POD, &pod(", os: {name: windows}"), &pod(groups));
    assert_eq!(
        emptied,
        ["spec.securityContext.supplementalGroups: Forbidden: cannot be set for a windows pod"]
    );
    let selector = |labels: &str| {
        let requirement = "matchExpressions: [{key: k, operator: DoesNotExist, values: []}]";
        format!(
            "spec: {{selector: {{{requirement}{labels}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: \
             [{{name: c, image: i}}]}}}}}}"
        )
    };
    let found = texts(
        24,
        &workload("Deployment"),
        &selector(""),
        &selector(", matchLabels: {a: b}"),
    );
    assert!(found[0].contains("Values:[]string(nil)"), "{found:?}");
}

#[test]
fn a_gate_that_is_there_twice_is_told_of_once() {
    let gates = pod(", schedulingGates: [{name: g}, {name: g}]");
    let found = texts(37, POD, &pod(""), &gates);
    let added: Vec<_> = found
        .iter()
        .filter(|text| text.contains("only deletion"))
        .collect();
    assert_eq!(added.len(), 1, "{found:?}");
    assert!(added[0].starts_with("spec.schedulingGates[1].name"), "{added:?}");
}

#[test]
fn the_warnings_of_a_changed_controller_are_of_the_old_one() {
    let controller = |secret: &str| {
        format!(
            "{{apiVersion: v1, kind: ReplicationController, metadata: {{name: x}}, spec: {{template: {{metadata: {{labels: \
             {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}]{secret}}}}}}}}}"
        )
    };
    let (old, new) = documents(&controller(", imagePullSecrets: [{name: ''}]"), &controller(""));
    let warned = |minor| -> Vec<String> {
        let found = change_warnings(&objects(&old)[0], &objects(&new)[0], &options_of(minor));
        check_places(&found, &new);
        found.into_iter().map(|finding| finding.detail).collect()
    };
    for minor in [24, 37] {
        let path = "spec.template.spec.imagePullSecrets[0].name: invalid empty name \"\"";
        assert_eq!(warned(minor), [path], "{minor}");
    }
}

#[test]
fn what_a_version_drops_is_no_change() {
    let volumes = ", volumes: [{name: v, gitRepo: {repository: r}}]";
    let set = |fields: &str| {
        document(&format!(
            "{{{}, spec: {{selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: \
             [{{name: c, image: i}}]{volumes}}}}}{fields}}}}}",
            workload("StatefulSet")
        ))
    };
    let warns = |minor, fields: &str| {
        let (old, new) = (set(""), set(fields));
        !change_warnings(&objects(&old)[0], &objects(&new)[0], &options_of(minor)).is_empty()
    };
    let policy = ", persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}";
    assert!(!warns(24, policy), "the gate is off");
    assert!(warns(37, policy));
    assert!(
        !warns(37, ", persistentVolumeClaimRetentionPolicy: {}"),
        "it is filled in"
    );
}

#[test]
fn what_was_made_of_an_annotation_stays_with_the_containers() {
    let head = |annotation: &str| format!("apiVersion: v1, kind: Pod, metadata: {{name: x{annotation}}}");
    let profile = ", annotations: {container.apparmor.security.beta.kubernetes.io/c: runtime/default}";
    let refused =
        "spec.containers[0].securityContext.appArmorProfile: Forbidden: cannot be set for a windows pod";
    let windows = ", os: {name: windows}";
    for (minor, annotation, old, new, is) in [
        (37, profile, pod(""), pod(windows), true),
        (30, profile, pod(""), pod(windows), true),
        (29, profile, pod(""), pod(windows), false),
        (37, "", pod(""), pod(windows), false),
        (37, profile, pod(windows), pod(windows), false),
        (37, profile, pod(""), pod(windows).replace("i:1", "i:2"), false),
    ] {
        let found = texts(minor, &head(annotation), &old, &new);
        assert_eq!(
            found.contains(&refused.to_owned()),
            is,
            "1.{minor} {new}: {found:?}"
        );
    }
}

#[test]
fn generated_labels_go_with_what_is_around_them() {
    let job = |metadata: &str| {
        format!(
            "spec: {{template: {{metadata: {metadata}, spec: {{containers: [{{name: c, image: i}}], restartPolicy: Never}}}}}}"
        )
    };
    assert_eq!(
        texts(37, JOB, &job("{labels: {}}"), &job("{labels: {}}")),
        [""; 0]
    );
    for (old, new) in [("{labels: {}}", "{}"), ("{labels: null}", "{}"), ("{}", "null")] {
        let found = texts(37, JOB, &job(old), &job(new));
        assert!(
            found[0].starts_with("spec.template.metadata.labels: Invalid value: null: `selector`"),
            "{old} {new}: {found:?}"
        );
    }
    let secret = "apiVersion: v1, kind: Secret, metadata: {name: x}";
    let old = "immutable: true, data: {}, stringData: {a: b}";
    assert_eq!(texts(37, secret, old, "immutable: true, data: {}"), [""; 0]);
}

#[test]
fn a_data_source_that_was_dropped_is_not_there() {
    let head = "apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: x}";
    let claim = |fields: &str| {
        format!("spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}, {fields}}}")
    };
    let unknown = "dataSource: {kind: Volume, name: v, apiGroup: example.com}";
    let reference = "dataSourceRef: {kind: Volume, name: w, apiGroup: example.com}";
    let found = texts(
        37,
        head,
        &claim(unknown),
        &claim(&format!("{unknown}, {reference}")),
    );
    assert_eq!(found.len(), 1, "both fields are that of the reference: {found:?}");
    assert!(found[0].starts_with("spec: Forbidden"), "{found:?}");
    let other = unknown.replace("name: v", "name: u");
    let found = texts(
        37,
        head,
        &claim(unknown),
        &claim(&format!("{other}, {reference}")),
    );
    assert!(
        found
            .iter()
            .any(|text| text.ends_with("must match dataSourceRef")),
        "{found:?}"
    );
}

#[test]
fn without_its_gate_there_is_one_way_to_mount_proc() {
    let mount = |way: &str| {
        pod("").replace(
            "name: c",
            &format!("name: c, securityContext: {{procMount: {way}}}"),
        )
    };
    assert_eq!(texts(24, POD, &mount("Default"), &mount("Unmasked")), [""; 0]);
    let found = texts(37, POD, &mount("Default"), &mount("Unmasked"));
    assert!(
        found.iter().any(|text| text.starts_with("spec: Forbidden")),
        "{found:?}"
    );
}

#[test]
fn no_annotations_are_made_of_a_changed_pod() {
    let profile = pod(", securityContext: {seccompProfile: {type: Localhost, localhostProfile: /x}}");
    let found = texts(24, POD, &pod(""), &profile);
    assert!(
        found[0].starts_with("spec.securityContext.seccompProfile.localhostProfile"),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|text| text.starts_with("metadata.annotations")),
        "{found:?}"
    );
}

#[test]
fn annotations_that_the_server_has_made_of_profiles_stay() {
    let key = "container.apparmor.security.beta.kubernetes.io/c";
    let pod = |annotations: &str, more: &str| {
        format!(
            "metadata: {{name: x{annotations}}}, spec: {{securityContext: {{appArmorProfile: {{type: RuntimeDefault}}}}, \
             containers: [{{name: c, image: i}}]{more}}}"
        )
    };
    let head = "apiVersion: v1, kind: Pod";
    let with = |rest: &str| pod(&format!(", annotations: {{{rest}}}"), "");
    let found = |minor, old: &str, new: &str| texts(minor, head, old, new);
    let removed = [format!(
        "metadata.annotations[{key}]: Forbidden: may not remove or update AppArmor annotations"
    )];
    let added = [format!(
        "metadata.annotations[{key}]: Forbidden: may not add AppArmor annotations"
    )];
    let (none, other) = (pod("", ""), with("a: b"));
    let (same, others) = (
        with(&format!("{key}: runtime/default")),
        with(&format!("{key}: unconfined")),
    );
    for minor in [30, 33] {
        assert_eq!(found(minor, &other, &with("a: c")), [""; 0]);
        assert_eq!(
            found(minor, &none, &same),
            [""; 0],
            "it is what the server has made"
        );
        assert_eq!(found(minor, &other, &none), removed, "all of them go");
        assert_eq!(found(minor, &other, &with(&format!("{key}: null"))), removed);
        assert_eq!(
            found(minor, &none, &others),
            removed,
            "another one takes its place"
        );
    }
    assert_eq!(found(34, &other, &none), [""; 0], "it makes none");
    assert_eq!(found(34, &none, &same), added);
    let windows = |annotations: &str| {
        format!(
            "metadata: {{name: x{annotations}}}, spec: {{os: {{name: windows}}, containers: [{{name: c, image: i}}]}}"
        )
    };
    let given = windows(&format!(", annotations: {{{key}: runtime/default}}"));
    assert_eq!(found(31, &windows(""), &given), added);
}

#[test]
fn a_lifecycle_of_which_everything_is_dropped_was_not_stored() {
    let pod = |lifecycle: &str| format!("spec: {{containers: [{{name: c, image: 'i:1'{lifecycle}}}]}}");
    let check = |minor, gates: &[(&str, bool)], old: &str, new: &str, is_change: bool| {
        let mut options = options_of(minor);
        for (gate, on) in gates {
            options.gates = options.gates.with(*gate, *on);
        }
        let texts = |old: &str, new: &str| texts_under(&options, POD, &pod(old), &pod(new));
        for found in [texts(old, new), texts(new, old)] {
            let refused = found
                .iter()
                .any(|text| text.contains("pod updates may not change fields"));
            assert_eq!(refused, is_change, "{old} and {new}: {found:?}");
        }
    };
    let (empty, signal) = (", lifecycle: {}", ", lifecycle: {stopSignal: SIGTERM}");
    check(37, &[], signal, "", false);
    check(37, &[], signal, ", lifecycle: {stopSignal: SIGKILL}", false);
    check(37, &[], empty, empty, false);
    check(37, &[], signal, empty, true);
    check(37, &[], empty, "", true);
    // As 1.33.5 answers.
    let hooks = |hooks: &str| format!(", lifecycle: {{{hooks}}}");
    let sleep = hooks("preStop: {sleep: {seconds: 1}}");
    let exec = hooks("preStop: {exec: {command: [a]}}");
    let both = hooks("preStop: {exec: {command: [a]}, sleep: {seconds: 1}}");
    let beside = hooks("preStop: {exec: {command: [a]}}, postStart: {sleep: {seconds: 1}}");
    let off = [("PodLifecycleSleepAction", false)];
    for (one, other) in [
        (sleep.as_str(), ""),
        (empty, ""),
        (&both, &exec),
        (&beside, &exec),
    ] {
        check(33, &off, one, other, false);
        check(33, &[], one, other, true);
    }
    let signals = [("PodLifecycleSleepAction", false), ("ContainerStopSignals", true)];
    check(33, &signals, signal, ", lifecycle: {stopSignal: SIGKILL}", true);
    check(33, &signals, signal, "", true);
}
