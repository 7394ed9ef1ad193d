//! The pods and workloads that authors begin with: what is right of them.

use serde_json::{Value, json};

use crate::random::Random;
use crate::tree::Tree;

/// The kinds that hold pods: `apiVersion`, kind, and where the pod is.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("v1", "Pod", ""),
    ("apps/v1", "Deployment", "spec.template"),
    ("apps/v1", "DaemonSet", "spec.template"),
    ("apps/v1", "StatefulSet", "spec.template"),
    ("apps/v1", "ReplicaSet", "spec.template"),
    ("v1", "ReplicationController", "spec.template"),
    ("batch/v1", "Job", "spec.template"),
    ("batch/v1", "CronJob", "spec.jobTemplate.spec.template"),
    ("v1", "PodTemplate", "template"),
];

const NAMES: &[&str] = &["web", "agent-1", "kube-proxy-windows", "a.b"];
const IMAGES: &[&str] = &[
    "mcr.microsoft.com/windows/nanoserver:ltsc2022",
    "mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0",
    "i",
];
const ACCOUNTS: &[&str] = &[
    "NT AUTHORITY\\SYSTEM",
    "NT AUTHORITY\\Local service",
    "ContainerAdministrator",
    "ContainerUser",
    "hpc-group",
];

fn one<T: Copy>(random: &mut Random, items: &[T], otherwise: T) -> T {
    random.pick(items).copied().unwrap_or(otherwise)
}

/// The spec of a pod, right in itself, with its containers' and its own windows options in one of the usual mixes.
pub fn spec(random: &mut Random, kind: &str) -> Tree {
    let containers = 1 + random.below(3) * usize::from(random.chance(40));
    let style = random.below(100);
    let names = ["c", "app", "web-1", "side"];
    let mut list = Vec::new();
    for name in names.iter().take(containers) {
        let mut container = json!({"name": name, "image": one(random, IMAGES, "i")});
        // Each container for itself, or a mix of both.
        if (35..50).contains(&style) {
            container["securityContext"] = json!({"windowsOptions": host_process(random, true)});
        } else if (50..58).contains(&style) {
            let on = random.chance(60);
            container["securityContext"] = json!({"windowsOptions": host_process(random, on)});
        } else if random.chance(12) {
            container["securityContext"] =
                json!({"windowsOptions": {"runAsUserName": one(random, ACCOUNTS, "u")}});
        }
        list.push(container);
    }
    let mut spec = json!({"containers": list});
    if random.chance(20) {
        spec["initContainers"] =
            json!([{"name": "init", "image": one(random, IMAGES, "i"), "command": ["cmd"]}]);
    }
    match style {
        // All containers by the pod.
        0..35 => {
            spec["securityContext"] = json!({"windowsOptions": host_process(random, true)});
            spec["hostNetwork"] = random.chance(96).into();
        }
        35..58 => spec["hostNetwork"] = random.chance(90).into(),
        58..70 => {
            spec["securityContext"] = json!({"windowsOptions": {"gmsaCredentialSpecName": "gmsa-webapp1"}});
        }
        _ => {}
    }
    if random.chance(45) {
        spec["os"] = json!({"name": if random.chance(92) { "windows" } else { "linux" }});
    }
    if random.chance(60) {
        spec["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
    }
    let policy = match kind {
        "Job" | "CronJob" => one(random, &["Never", "OnFailure"], "Never"),
        "Pod" if random.chance(30) => one(random, &["Never", "OnFailure", "Always"], "Never"),
        _ => "",
    };
    if !policy.is_empty() {
        spec["restartPolicy"] = policy.into();
    }
    spec.into()
}

fn host_process(random: &mut Random, on: bool) -> Value {
    let mut options = json!({"hostProcess": on});
    if random.chance(80) {
        options["runAsUserName"] = one(random, ACCOUNTS, "u").into();
    }
    options
}

/// The metadata of an object.
pub fn metadata(random: &mut Random, namespace: Option<&str>) -> Tree {
    let mut metadata = json!({"name": one(random, NAMES, "web")});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    if random.chance(50) {
        metadata["labels"] = json!({"app": "w"});
    }
    if random.chance(15) {
        metadata["annotations"] = json!({"example.com/x": "y z"});
    }
    metadata.into()
}

/// An object of a kind, around the pod of that spec.
pub fn workload(
    random: &mut Random,
    (api_version, kind, place): (&str, &str, &str),
    namespace: Option<&str>,
    spec: Tree,
) -> Tree {
    let mut object: Tree = json!({"apiVersion": api_version, "kind": kind}).into();
    object.set("metadata", metadata(random, namespace));
    if place.is_empty() {
        object.set("spec", spec);
        return object;
    }
    let mut template: Tree = json!({"metadata": {"labels": {"app": "w"}}}).into();
    template.set("spec", spec);
    let around: Value = match kind {
        "Deployment" | "ReplicaSet" => {
            json!({"replicas": 2, "selector": {"matchLabels": {"app": "w"}}, "template": {}})
        }
        "StatefulSet" => {
            json!({"serviceName": "w", "replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": {}})
        }
        "DaemonSet" => json!({"selector": {"matchLabels": {"app": "w"}}, "template": {}}),
        "ReplicationController" => json!({"replicas": 1, "selector": {"app": "w"}, "template": {}}),
        "CronJob" => json!({"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {}}}}),
        _ => json!({"template": {}}),
    };
    if kind == "PodTemplate" {
        object.set("template", template);
    } else {
        object.set("spec", Tree::from(around));
        if let Some(there) = object.at_mut(place) {
            *there = template;
        }
    }
    object
}
