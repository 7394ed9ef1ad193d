//! Whether two manifests say the same: as the API server has them after it has filled in what they leave out, and as it
//! compares them (`Semantic.DeepEqual`).

use porthole_manifest::Node;
use serde_json::{Map, Value, json};

use crate::options::Options;
use crate::quantity::Quantity;
use crate::rules::container::{HOOKS, drops_sleep, keeps_hook, lifecycle};
use crate::rules::pod::service_account;
use crate::rules::workload::completions_of;
use crate::schema::{Definition, Field, Struct, Type, Types};

/// Fields that the API server drops where a gate is off.
const GATED: &[(&str, &str, &str)] = &[
    ("Container", "resizePolicy", "InPlacePodVerticalScaling"),
    ("Container", "restartPolicyRules", "ContainerRestartRules"),
    ("CronJobSpec", "timeZone", "CronJobTimeZone"),
    ("JobSpec", "backoffLimitPerIndex", "JobBackoffLimitPerIndex"),
    ("JobSpec", "managedBy", "JobManagedBy"),
    ("JobSpec", "maxFailedIndexes", "JobBackoffLimitPerIndex"),
    ("JobSpec", "podFailurePolicy", "JobPodFailurePolicy"),
    ("JobSpec", "podReplacementPolicy", "JobPodReplacementPolicy"),
    ("JobSpec", "scheduling", "WorkloadWithJob"),
    ("JobSpec", "successPolicy", "JobSuccessPolicy"),
    ("Lifecycle", "stopSignal", "ContainerStopSignals"),
    (
        "PersistentVolumeClaimSpec",
        "volumeAttributesClassName",
        "VolumeAttributesClass",
    ),
    ("PodAffinityTerm", "matchLabelKeys", "MatchLabelKeysInPodAffinity"),
    (
        "PodAffinityTerm",
        "mismatchLabelKeys",
        "MatchLabelKeysInPodAffinity",
    ),
    ("PodSecurityContext", "seLinuxChangePolicy", "SELinuxChangePolicy"),
    (
        "PodSecurityContext",
        "supplementalGroupsPolicy",
        "SupplementalGroupsPolicy",
    ),
    ("PodSpec", "hostUsers", "UserNamespacesStatelessPodsSupport"),
    ("PodSpec", "hostUsers", "UserNamespacesSupport"),
    ("PodSpec", "hostnameOverride", "HostnameOverride"),
    ("PodSpec", "os", "IdentifyPodOS"),
    ("PodSpec", "resourceClaims", "DynamicResourceAllocation"),
    ("PodSpec", "resources", "PodLevelResources"),
    ("PodSpec", "schedulingGates", "PodSchedulingReadiness"),
    ("PodSpec", "schedulingGroup", "GenericWorkload"),
    ("PodSpec", "workloadRef", "GenericWorkload"),
    (
        "Probe",
        "terminationGracePeriodSeconds",
        "ProbeTerminationGracePeriod",
    ),
    ("ResourceRequirements", "claims", "DynamicResourceAllocation"),
    (
        "RollingUpdateStatefulSetStrategy",
        "maxUnavailable",
        "MaxUnavailableStatefulSet",
    ),
    ("StatefulSetSpec", "minReadySeconds", "StatefulSetMinReadySeconds"),
    (
        "StatefulSetSpec",
        "persistentVolumeClaimRetentionPolicy",
        "StatefulSetAutoDeletePVC",
    ),
    (
        "TopologySpreadConstraint",
        "matchLabelKeys",
        "MatchLabelKeysInPodTopologySpread",
    ),
    (
        "TopologySpreadConstraint",
        "minDomains",
        "MinDomainsInPodTopologySpread",
    ),
    (
        "TopologySpreadConstraint",
        "nodeAffinityPolicy",
        "NodeInclusionPolicyInPodTopologySpread",
    ),
    (
        "TopologySpreadConstraint",
        "nodeTaintsPolicy",
        "NodeInclusionPolicyInPodTopologySpread",
    ),
    ("VolumeMount", "recursiveReadOnly", "RecursiveReadOnlyMounts"),
];

/// The types of a version, by which manifests are read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'o> {
    types: &'static Types,
    options: &'o Options,
    /// Within the template of a Job.
    of_template: bool,
}

impl<'o> Reader<'o> {
    pub(crate) fn new(options: &'o Options) -> Self {
        Self {
            types: Types::of(options.kubernetes_version),
            options,
            of_template: false,
        }
    }

    /// What `node` says as a value of the type of that name, such as `core/v1.PodSpec`.
    pub(crate) fn read(self, name: &str, node: Node<'_>) -> Value {
        self.read_over(name, None, node)
    }

    /// What `node` says in the place of `old`, of which stays what was filled in and is not said otherwise.
    pub(super) fn read_over(self, name: &str, old: Option<Node<'_>>, node: Node<'_>) -> Value {
        match self.types.find(name) {
            Some(id) => self.value(&Type::Named(id), old, node),
            None => node.to_json(),
        }
    }

    fn value(self, of: &Type, old: Option<Node<'_>>, node: Node<'_>) -> Value {
        match of {
            // A list takes the place of the other as a whole.
            Type::List(of) => node.items().map(|item| self.value(of, None, item)).collect(),
            // In a list or a map it is the empty one.
            Type::String if node.is_null() => "".into(),
            Type::Map(of) => {
                let entries = node.entries().map(|entry| {
                    let key = entry.key.key_text().into_owned();
                    let value = self.value(&of.1, None, entry.value);
                    (key, value)
                });
                Value::Object(entries.collect())
            }
            Type::Named(id) => match self.types.definition(*id) {
                Definition::Struct(structure) => self.structure(structure, old, node),
                Definition::Other(of) => self.value(of, old, node),
                Definition::Decodes => match Quantity::of(node) {
                    Some(Ok(quantity)) if self.types.name(*id).ends_with(".Quantity") => {
                        quantity.rounded().amount().into()
                    }
                    _ => node.to_json(),
                },
                Definition::Unknown => Value::Null,
            },
            _ => node.to_json(),
        }
    }

    fn structure(mut self, structure: &Struct, old: Option<Node<'_>>, node: Node<'_>) -> Value {
        self.of_template |= structure.name == "JobTemplateSpec";
        let mut map = Map::new();
        for field in &structure.fields {
            let given = match node.field(field.name) {
                Some(given) if self.keeps(structure, field) => given,
                // A struct that is no pointer is there, and filled in.
                None if self.is_held(field) => node.child(field.name),
                _ => continue,
            };
            let old = old.and_then(|old| old.field(field.name));
            let value = self.value(&field.of, old, given);
            if !is_unset(field, &value) {
                map.insert(field.name.to_owned(), value);
            }
        }
        if structure.name == "PodSpec" {
            map.remove("serviceAccount");
            match service_account(old, node) {
                "" => drop(map.remove("serviceAccountName")),
                account => drop(map.insert("serviceAccountName".to_owned(), account.into())),
            }
            self.drop_restart_policies(&mut map);
        }
        if structure.name == "JobSpec"
            && !self.of_template
            && let Some(completions) = completions_of(old, node)
        {
            map.insert("completions".to_owned(), completions.into());
        }
        // Of a hook or a lifecycle of which everything is dropped nothing stays.
        if structure.name == "LifecycleHandler" && drops_sleep(self.options) {
            map.remove("sleep");
        }
        if structure.name == "Lifecycle" {
            for key in HOOKS {
                if node
                    .field(key)
                    .is_some_and(|hook| !keeps_hook(self.options, hook))
                {
                    map.remove(key);
                }
            }
        }
        if map.contains_key("lifecycle") && lifecycle(self.options, node).is_none() {
            map.remove("lifecycle");
        }
        // Without the gate there is only one.
        if structure.name == "SecurityContext"
            && let Some(mount) = map.get_mut("procMount")
            && !self.options.enabled("ProcMountType")
        {
            *mount = "Default".into();
        }
        // Nothing is filled into the spec of a Job within a CronJob.
        if structure.name != "JobSpec" || !self.of_template {
            fill_in(structure.name, &mut map);
        }
        Value::Object(map)
    }

    /// Without the gate of their rules the API server drops the restart policies of containers
    /// (`dropContainerRestartRules`), but for that of an init container that goes on.
    fn drop_restart_policies(self, spec: &mut Map<String, Value>) {
        const GATE: &str = "ContainerRestartRules";
        let is_known = crate::gates::find(GATE, self.options.kubernetes_version).is_some();
        if !is_known || self.options.enabled(GATE) {
            return;
        }
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
                if list != "initContainers" || container.get("restartPolicy") != Some(&"Always".into()) {
                    container.remove("restartPolicy");
                }
            }
        }
    }

    /// Whether it is a struct, and not behind a pointer.
    fn is_held(self, field: &Field) -> bool {
        !field.pointer
            && matches!(field.of, Type::Named(id) if matches!(self.types.definition(id), Definition::Struct(_)))
    }

    fn keeps(self, structure: &Struct, field: &Field) -> bool {
        let version = self.options.kubernetes_version;
        GATED
            .iter()
            .filter(|(of, name, _)| *of == structure.name && *name == field.name)
            // What a Job's own strategy drops stays in a CronJob, whose strategy drops this one alone.
            .filter(|(of, name, _)| !self.of_template || *of != "JobSpec" || *name == "scheduling")
            // A gate that the version does not know is one of before or of later.
            .all(|(_, _, gate)| crate::gates::find(gate, version).is_none() || self.options.enabled(gate))
    }
}

/// Whether Go has the value for none: what is empty, and what is zero and no pointer.
fn is_unset(field: &Field, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty() && !field.pointer,
        _ if field.pointer => false,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
    }
}

/// Fills in what the API server does into a struct of that name.
fn fill_in(name: &str, map: &mut Map<String, Value>) {
    let defaults = match name {
        "PodSpec" => json!({
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        }),
        "Container" | "EphemeralContainer" => {
            let image = map.get("image").and_then(Value::as_str).unwrap_or_default();
            json!({
                "imagePullPolicy": if is_latest(image) { "Always" } else { "IfNotPresent" },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            })
        }
        "ImageVolumeSource" => {
            let image = map.get("reference").and_then(Value::as_str).unwrap_or_default();
            json!({"pullPolicy": if is_latest(image) { "Always" } else { "IfNotPresent" }})
        }
        "DeploymentSpec" => {
            json!({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
        }
        "ReplicaSetSpec" => json!({"replicas": 1}),
        "ReplicationControllerSpec" => {
            let labels = map
                .get("template")
                .map(|template| template["metadata"]["labels"].clone());
            let mut defaults = json!({"replicas": 1});
            if let Some(labels @ Value::Object(_)) = labels {
                defaults["selector"] = labels;
            }
            defaults
        }
        "StatefulSetSpec" => json!({
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "podManagementPolicy": "OrderedReady",
            "replicas": 1,
            "revisionHistoryLimit": 10,
        }),
        "DaemonSetSpec" => json!({"revisionHistoryLimit": 10}),
        "JobSpec" => {
            json!({"backoffLimit": 6, "completionMode": "NonIndexed", "parallelism": 1, "suspend": false})
        }
        "CronJobSpec" => json!({
            "concurrencyPolicy": "Allow",
            "failedJobsHistoryLimit": 1,
            "successfulJobsHistoryLimit": 3,
            "suspend": false,
        }),
        "Probe" => {
            json!({"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
        }
        "HTTPGetAction" => json!({"path": "/", "scheme": "HTTP"}),
        "GRPCAction" => json!({"service": ""}),
        "ContainerPort" | "ServicePort" => json!({"protocol": "TCP"}),
        "ServiceSpec" => json!({"sessionAffinity": "None", "type": "ClusterIP"}),
        "Volume" if !map.keys().any(|key| key != "name") => json!({"emptyDir": {}}),
        "SecretVolumeSource"
        | "ConfigMapVolumeSource"
        | "DownwardAPIVolumeSource"
        | "ProjectedVolumeSource" => {
            json!({"defaultMode": 420})
        }
        "ServiceAccountTokenProjection" => json!({"expirationSeconds": 3600}),
        "HostPathVolumeSource" => json!({"type": ""}),
        "ObjectFieldSelector" => json!({"apiVersion": "v1"}),
        "PersistentVolumeClaimSpec" => json!({"volumeMode": "Filesystem"}),
        "AzureDiskVolumeSource" => {
            json!({"cachingMode": "ReadWrite", "fsType": "ext4", "kind": "Shared", "readOnly": false})
        }
        "ISCSIVolumeSource" => json!({"iscsiInterface": "default"}),
        "RBDVolumeSource" => json!({"keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"}),
        "ScaleIOVolumeSource" => json!({"fsType": "xfs", "storageMode": "ThinProvisioned"}),
        "PodFailurePolicyOnPodConditionsPattern" => json!({"status": "True"}),
        "StatefulSetPersistentVolumeClaimRetentionPolicy" => {
            json!({"whenDeleted": "Retain", "whenScaled": "Retain"})
        }
        _ => return,
    };
    if let Value::Object(defaults) = defaults {
        for (key, value) in defaults {
            map.entry(key).or_insert(value);
        }
    }
}

/// Whether an image is pulled each time where nobody says otherwise: it has the tag `latest`, or neither tag nor digest. Of
/// what is no image's name the API server reads neither.
fn is_latest(image: &str) -> bool {
    let (rest, name) = image.rsplit_once('/').unwrap_or(("", image));
    if name.contains('@') {
        return false;
    }
    let (name, tag) = name.split_once(':').unwrap_or((name, "latest"));
    let host = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let mut parts = rest.split('/').filter(|_| !rest.is_empty()).enumerate();
    // The library of Docker's own images stands before a name alone.
    let length = if rest.is_empty() {
        "library/".len() + name.len()
    } else {
        rest.len() + 1 + name.len()
    };
    // What looks like a digest is no name.
    let digest = rest.is_empty() && name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let readable = length <= 255
        && !digest
        && is_path(name)
        && parts.all(|(at, part)| at == 0 && host(part) || is_path(part));
    readable && tag == "latest"
}

/// Whether it is a part of an image's name: small letters and digits, with single periods, one or two underscores or
/// dashes between them.
fn is_path(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |text: &str| {
        matches!(text, "." | "_" | "__") || !text.is_empty() && text.bytes().all(|byte| byte == b'-')
    };
    part.starts_with(word)
        && part.ends_with(word)
        && part.split(word).filter(|text| !text.is_empty()).all(between)
}

/// What differs, a line each: the path, what was there and what is.
pub(super) fn differences(path: &str, old: &Value, new: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    collect(path, Some(old), Some(new), &mut lines);
    lines
}

fn collect(path: &str, old: Option<&Value>, new: Option<&Value>, lines: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let added = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(added) {
                collect(&format!("{path}.{key}"), before.get(key), after.get(key), lines);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for at in 0..before.len().max(after.len()) {
                collect(&format!("{path}[{at}]"), before.get(at), after.get(at), lines);
            }
        }
        _ => {
            lines.extend(old.map(|old| format!("-{path}: {old}")));
            lines.extend(new.map(|new| format!("+{path}: {new}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, parse};

    use super::*;

    fn read(name: &str, text: &str) -> Value {
        let stream = parse(text, &Limits::default());
        let options = Options::default();
        Reader::new(&options).read(name, stream.documents[0].root())
    }

    #[test]
    fn what_is_filled_in_is_the_same_as_what_is_written() {
        let short = "{containers: [{name: c, image: i, resources: {limits: {memory: 1Gi}}}]}";
        let long = "{containers: [{name: c, image: i, imagePullPolicy: Always, stdin: false, resources: {limits: {memory: \
                    1024Mi}}, terminationMessagePolicy: File}], dnsPolicy: ClusterFirst, securityContext: {}, hostNetwork: \
                    false, volumes: [], serviceAccount: ''}";
        assert_eq!(read("core/v1.PodSpec", short), read("core/v1.PodSpec", long));
    }

    #[test]
    fn what_is_behind_a_pointer_is_something_where_it_is_zero() {
        let (unset, zero) = (
            "{containers: []}",
            "{containers: [], hostUsers: true, affinity: {}}",
        );
        let lines = differences(
            "spec",
            &read("core/v1.PodSpec", unset),
            &read("core/v1.PodSpec", zero),
        );
        assert_eq!(lines, ["+spec.affinity: {}", "+spec.hostUsers: true"]);
    }

    #[test]
    fn images_are_pulled_by_their_tag() {
        for (image, latest) in [
            ("i", true),
            ("i:latest", true),
            ("r:5000/i", true),
            ("i:1", false),
            ("i@sha256:0", false),
            ("mcr.microsoft.com/windows/nanoserver", true),
            ("", false),
            ("..", false),
            (
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                false,
            ),
            ("Image", false),
            ("a__b/c--d", true),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }
}
