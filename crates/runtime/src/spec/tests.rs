use porthole_manifest::{Limits, Source, objects, pod_template};

use super::*;

mod asked;
mod conduct;
mod hostile;
mod jobs;
mod volumes;

/// Reads a pod whose spec has these lines, each indented by two blanks.
fn read_spec(lines: &str) -> Result<PodSpec, Vec<(String, String)>> {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n{lines}\n");
    let source = Source::new("p.yaml", text);
    let stream = source.parse(&Limits::default());
    assert!(stream.errors.is_empty(), "{:?}\n{}", stream.errors, source.text());
    let object = objects(&stream.documents[0])[0];
    read(&pod_template(&object).unwrap()).map_err(|refusals| {
        refusals
            .into_iter()
            .map(|refusal| {
                let line = source.position(refusal.span.start).line;
                (refusal.field, format!("{}: {}", line, refusal.reason))
            })
            .collect()
    })
}

const CONTAINERS: &str = "  containers:\n  - name: c\n    image: i\n";

/// The refusals of a pod with further lines in its spec.
fn refused(lines: &str) -> Vec<(String, String)> {
    read_spec(&format!("{CONTAINERS}{lines}")).unwrap_err()
}

/// Lines of a pod, the field that is refused for them, and a part of the reason.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "    volumeDevices: [{name: v, devicePath: /d}]",
        "spec.containers[0].volumeDevices",
        "is not supported",
    ),
    (
        "    securityContext: {privileged: true}",
        "spec.containers[0].securityContext.privileged",
        "a host process",
    ),
    (
        "    securityContext: {runAsUser: 1}",
        "spec.containers[0].securityContext.runAsUser",
        "a host process",
    ),
    (
        "    securityContext: {allowPrivilegeEscalation: false}",
        "spec.containers[0].securityContext.allowPrivilegeEscalation",
        "a host process",
    ),
    (
        "    resources: {limits: {nvidia.com/gpu: 1}}",
        "spec.containers[0].resources.limits.nvidia.com/gpu",
        "only limits of cpu and memory",
    ),
    (
        "    resources: {limits: {memory: 10MB}}",
        "spec.containers[0].resources.limits.memory",
        "`10MB` is no quantity",
    ),
    (
        "    imagePulPolicy: Always",
        "spec.containers[0].imagePulPolicy",
        "unknown field",
    ),
    ("    command: sh", "spec.containers[0].command", "must be a list"),
    ("    args: [1]", "spec.containers[0].args[0]", "must be a string"),
    (
        "    env: [{name: A, value: true}]",
        "spec.containers[0].env[0].value",
        "must be a string",
    ),
    (
        "    env: [{value: x}]",
        "spec.containers[0].env[0].name",
        "must be set",
    ),
    (
        "    env: [{name: A=B}]",
        "spec.containers[0].env[0].name",
        "must not contain",
    ),
    (
        "    env: [{name: A, valueFrom: {}}]",
        "spec.containers[0].env[0].valueFrom",
        "must name a source",
    ),
    (
        "    envFrom: [{prefix: P_}]",
        "spec.containers[0].envFrom[0]",
        "must name a configMapRef",
    ),
    (
        "    volumeMounts: [{name: v, mountPath: /v}]",
        "spec.containers[0].volumeMounts[0].name",
        "Not found: \"v\"",
    ),
    (
        "  hostAliases: [{ip: 1.1.1.1}]",
        "spec.hostAliases",
        "host as it is",
    ),
    (
        "  securityContext: {fsGroup: 5}",
        "spec.securityContext.fsGroup",
        "Windows account",
    ),
    (
        "  restartPolicy: Sometimes",
        "spec.restartPolicy",
        "must be Always, OnFailure or Never",
    ),
    (
        "  terminationGracePeriodSeconds: -1",
        "spec.terminationGracePeriodSeconds",
        "must be a whole number",
    ),
    (
        "  volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]",
        "spec.volumes[0].persistentVolumeClaim",
        "hostPath",
    ),
    (
        "  volumes: [{name: v, hostPath: {path: '\\\\.\\pipe\\x'}}]",
        "spec.volumes[0].hostPath.path",
        "named pipe mounts",
    ),
    (
        "  volumes: [{name: v, hostPath: {path: /a/../b}}]",
        "spec.volumes[0].hostPath.path",
        "must not contain '..'",
    ),
    (
        "  volumes: [{name: v, hostPath: {path: /a, type: Dir}}]",
        "spec.volumes[0].hostPath.type",
        "Unsupported value: \"Dir\"",
    ),
    (
        "  volumes: [{name: v}, {name: v}]",
        "spec.volumes[1].name",
        "Duplicate value",
    ),
    (
        "  volumes: [{name: v, emptyDir: {}, hostPath: {path: /a}}]",
        "spec.volumes[0].hostPath",
        "more than 1 volume",
    ),
    (
        "  volumes: [{name: v, configMap: {name: m, items: [{key: k, path: ../x}]}}]",
        "spec.volumes[0].configMap.items[0].path",
        "without `..`",
    ),
    (
        "  volumes: [{name: v, secret: {secretName: s, defaultMode: 512}}]",
        "spec.volumes[0].secret.defaultMode",
        "0777",
    ),
];

#[test]
fn refuses_unsupported_fields_by_name_and_place() {
    for (lines, field, reason) in REFUSED {
        let found = refused(lines);
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert_eq!(found[0].0, *field, "{lines}");
        assert!(
            found[0].1.starts_with("9: ") && found[0].1.contains(reason),
            "{lines}: {}",
            found[0].1
        );
    }
}

#[test]
fn notes_what_means_nothing_on_one_machine() {
    let lines = "    imagePullPolicy: Always\n    ports: [{containerPort: 80}]\n  tolerations: [{operator: Exists}]\n  \
                 priorityClassName: system-node-critical\n  schedulerName: s\n  dnsPolicy: Default\n  \
                 imagePullSecrets: [{name: x}]\n  serviceAccountName: sa\n  topologySpreadConstraints: []\n  \
                 nodeSelector: {kubernetes.io/os: linux, disk: ssd}\n  affinity: {podAffinity: {}}";
    let spec = read_spec(&format!("{CONTAINERS}{lines}")).unwrap();
    let mut noted: Vec<&str> = spec
        .notes
        .iter()
        .filter(|note| note.weight == Weight::Detail)
        .map(|note| note.field.as_str())
        .collect();
    noted.sort_unstable();
    assert_eq!(
        noted,
        [
            "spec.affinity.podAffinity",
            "spec.containers[0].imagePullPolicy",
            "spec.containers[0].ports",
            "spec.dnsPolicy",
            "spec.imagePullSecrets",
            "spec.nodeSelector[disk]",
            "spec.priorityClassName",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.tolerations",
            "spec.topologySpreadConstraints",
        ]
    );
    assert_eq!(spec.service_account, "sa");
}

#[test]
fn says_unasked_only_that_a_written_policy_has_no_effect() {
    for (line, weight) in [
        ("  restartPolicy: Always", Some(Weight::Unasked)),
        ("  restartPolicy: OnFailure", Some(Weight::Unasked)),
        ("  restartPolicy: Never", None),
        ("", Some(Weight::Default)),
    ] {
        let spec = read_spec(&format!("{CONTAINERS}{line}")).unwrap();
        let note = spec.notes.iter().find(|note| note.field == "spec.restartPolicy");
        assert_eq!(note.map(|note| note.weight), weight, "{line}");
    }
}

#[test]
fn zero_values_ask_for_nothing() {
    let lines = "    stdin: false\n    tty: false\n    volumeDevices: []\n    securityContext: {privileged: false, \
                 readOnlyRootFilesystem: false, capabilities: {}, allowPrivilegeEscalation: true}\n    \
                 livenessProbe: null\n  hostAliases: []\n  hostUsers: true\n  volumes: [{name: v, emptyDir: {medium: ''}}]";
    let spec = read_spec(&format!("{CONTAINERS}{lines}"));
    assert!(spec.is_ok(), "{spec:?}");
}

#[test]
fn refuses_a_pod_without_containers() {
    assert_eq!(
        read_spec("  hostNetwork: true").unwrap_err()[0].0,
        "spec.containers"
    );
    assert_eq!(read_spec("  containers: {}").unwrap_err()[0].0, "spec.containers");
}

#[test]
fn takes_a_volume_without_a_source_for_an_empty_directory() {
    let spec = read_spec(&format!("{CONTAINERS}  volumes: [{{name: v}}]")).unwrap();
    assert!(matches!(
        spec.volumes[0].source,
        VolumeSource::EmptyDir {
            memory: false,
            limit: None
        }
    ));
}

#[test]
fn reads_limits_exactly() {
    for (lines, memory, cpu) in [
        ("{memory: 10M, cpu: 500m}", Some(10_000_000), Some(500)),
        ("{memory: 10Mi, cpu: 2}", Some(10_485_760), Some(2000)),
        ("{memory: 10485760, cpu: 0.1}", Some(10_485_760), Some(100)),
        ("{memory: 0}", None, None),
    ] {
        let spec = read_spec(&format!("{CONTAINERS}    resources: {{limits: {lines}}}")).unwrap();
        let limits = &spec.containers[0].limits;
        assert_eq!((limits.memory, limits.cpu_milli), (memory, cpu), "{lines}");
    }
}

#[test]
fn refuses_what_a_workload_asks_beyond_its_pods() {
    for (kind, field, expected) in [
        (
            "StatefulSet",
            "volumeClaimTemplates: [{}]",
            Some("spec.volumeClaimTemplates"),
        ),
        ("Job", "completions: 3", None),
        ("Job", "managedBy: example.com/controller", Some("spec.managedBy")),
        ("Job", "suspend: true", Some("spec.suspend")),
        ("Deployment", "replica: 3", Some("spec.replica")),
        ("Deployment", "strategy: {type: Recreate}", None),
        ("DaemonSet", "updateStrategy: {}", None),
    ] {
        let group = if kind == "Job" { "batch/v1" } else { "apps/v1" };
        let text = format!(
            "apiVersion: {group}\nkind: {kind}\nmetadata: {{name: w}}\nspec:\n  {field}\n  template: {{spec: {{restartPolicy: Never, \
             containers: [{{name: c}}]}}}}\n"
        );
        let source = Source::new("w.yaml", text);
        let stream = source.parse(&Limits::default());
        let object = objects(&stream.documents[0])[0];
        let read = read(&pod_template(&object).unwrap());
        let refused = read.err().map(|refusals| refusals[0].field.clone());
        assert_eq!(refused.as_deref(), expected, "{kind} {field}");
    }
}
