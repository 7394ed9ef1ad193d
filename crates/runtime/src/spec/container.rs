//! A container's fields.

use std::time::Duration;

use porthole_manifest::Node;

use super::pod::{NEXT, windows_options};
use super::reader::{Reader, Table, Treatment};
use super::{ContainerSpec, Quantity, Resources, VolumeSpec, Written, env, volume};
use crate::plan::Streams;
use Treatment::{Note, Read, Refuse, RefuseUnless};

const HOST_PROCESS: &str = "a host process has the rights of its account, no more and no less";

const CONTAINER: &Table = &[
    ("args", Read),
    ("command", Read),
    ("env", Read),
    ("envFrom", Read),
    ("image", Read),
    (
        "imagePullPolicy",
        Note("registries are asked under `run --pull` alone"),
    ),
    ("lifecycle", Read),
    ("livenessProbe", Read),
    ("name", Read),
    ("ports", Note("a host process opens the host's own ports")),
    ("readinessProbe", Read),
    ("resizePolicy", Note("nothing is resized")),
    ("resources", Read),
    ("restartPolicy", Read),
    ("restartPolicyRules", Refuse(NEXT)),
    ("securityContext", Read),
    ("startupProbe", Read),
    ("stdin", Read),
    (
        "stdinOnce",
        Note("standard input is connected once, when the container starts"),
    ),
    ("terminationMessagePath", Read),
    ("terminationMessagePolicy", Read),
    ("tty", Read),
    ("volumeDevices", Refuse(NEXT)),
    ("volumeMounts", Read),
    ("workingDir", Read),
];

const SECURITY_CONTEXT: &Table = &[
    ("allowPrivilegeEscalation", Read),
    ("appArmorProfile", Refuse(HOST_PROCESS)),
    ("capabilities", Refuse(HOST_PROCESS)),
    ("privileged", Refuse(HOST_PROCESS)),
    ("procMount", RefuseUnless("Default", HOST_PROCESS)),
    (
        "readOnlyRootFilesystem",
        Refuse("the rootfs of a container is writable"),
    ),
    ("runAsGroup", Refuse(HOST_PROCESS)),
    ("runAsNonRoot", Read),
    ("runAsUser", Refuse(HOST_PROCESS)),
    ("seLinuxOptions", Refuse(HOST_PROCESS)),
    ("seccompProfile", Refuse(HOST_PROCESS)),
    ("windowsOptions", Read),
];

const RESOURCES: &Table = &[
    ("claims", Refuse(NEXT)),
    ("limits", Read),
    ("requests", Note("there is one machine, and nothing to schedule")),
];

pub(super) fn read(
    reader: &mut Reader,
    node: Node<'_>,
    path: String,
    volumes: &[VolumeSpec],
    init: bool,
    grace: Duration,
) -> Option<ContainerSpec> {
    reader.fields(node, &path, CONTAINER);
    if let Some(context) = node.field("securityContext") {
        let path = format!("{path}.securityContext");
        reader.fields(context, &path, SECURITY_CONTEXT);
        windows_options(reader, context, &path);
        reader.boolean(context, &path, "runAsNonRoot");
        let escalation = reader.boolean(context, &path, "allowPrivilegeEscalation");
        if let Some(Written { value: false, span }) = escalation {
            reader.refuse(format!("{path}.allowPrivilegeEscalation"), span, HOST_PROCESS);
        }
    }
    let (limits, requests) = resources(reader, node, &path);
    let name = reader.required(node, &path, "name");
    if let Some(name) = &name {
        super::name::check_label(reader, &path, name);
    }
    let sidecar = sidecar(reader, node, &path, init);
    if init && !sidecar {
        refuse_for_init(reader, node, &path);
    }
    let (hooks, stop_signal) = super::probe::lifecycle(reader, node, &path, grace);
    let container = ContainerSpec {
        sidecar,
        probes: super::probe::probes(reader, node, &path),
        hooks,
        stop_signal,
        streams: streams(reader, node, &path),
        termination_path: reader
            .string(node, &path, "terminationMessagePath")
            .filter(|text| !text.value.is_empty()),
        message_from_log: message_from_log(reader, node, &path),
        span: node.span(),
        name: name.map(|name| name.value).unwrap_or_default(),
        image: reader
            .string(node, &path, "image")
            .filter(|image| !image.value.is_empty()),
        command: reader.strings(node, &path, "command"),
        args: reader.strings(node, &path, "args"),
        working_directory: reader
            .string(node, &path, "workingDir")
            .filter(|text| !text.value.is_empty()),
        env_from: env::read_from(reader, node, &path),
        env: env::read(reader, node, &path),
        limits,
        requests,
        mounts: volume::read_mounts(reader, node, &path, volumes),
        path,
    };
    (!container.name.is_empty()).then_some(container)
}

/// A container's own policy: only that of a sidecar is followed.
fn sidecar(reader: &mut Reader, node: Node<'_>, path: &str, init: bool) -> bool {
    let Some(policy) = reader.string(node, path, "restartPolicy") else {
        return false;
    };
    if init && policy.value == "Always" {
        return true;
    }
    let help = "set restartPolicy on the pod; `Always` on an init container makes a sidecar of it";
    let field = format!("{path}.restartPolicy");
    reader.refuse_with_help(field, policy.span, NEXT, help);
    false
}

/// An init container runs to its end: nobody asks it meanwhile.
fn refuse_for_init(reader: &mut Reader, node: Node<'_>, path: &str) {
    for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(value) = node.field(key).filter(|value| !value.is_null()) {
            let reason = "Forbidden: may not be set for init containers without restartPolicy=Always";
            reader.refuse(format!("{path}.{key}"), value.span(), reason);
        }
    }
}

fn streams(reader: &mut Reader, node: Node<'_>, path: &str) -> Streams {
    let mut truth = |key| reader.boolean(node, path, key).is_some_and(|truth| truth.value);
    Streams {
        stdin: truth("stdin"),
        terminal: truth("tty"),
    }
}

fn message_from_log(reader: &mut Reader, node: Node<'_>, path: &str) -> bool {
    let Some(policy) = reader.string(node, path, "terminationMessagePolicy") else {
        return false;
    };
    match policy.value.as_str() {
        "" | "File" => false,
        "FallbackToLogsOnError" => true,
        other => {
            let reason = format!(
                "Unsupported value: {other:?}: supported values: \"FallbackToLogsOnError\", \"File\""
            );
            reader.refuse(format!("{path}.terminationMessagePolicy"), policy.span, reason);
            false
        }
    }
}

fn resources(reader: &mut Reader, node: Node<'_>, path: &str) -> (Resources, Resources) {
    let Some(resources) = node.field("resources") else {
        return Default::default();
    };
    let path = format!("{path}.resources");
    reader.fields(resources, &path, RESOURCES);
    let limits = amounts(reader, resources, &path, "limits");
    let mut requests = amounts(reader, resources, &path, "requests");
    // As the API server's defaults.
    requests.cpu_milli = requests.cpu_milli.or(limits.cpu_milli);
    requests.memory = requests.memory.or(limits.memory);
    (limits, requests)
}

/// Why a limit cannot be kept, and what to do instead.
fn unsupported(resource: &str) -> (&'static str, &'static str) {
    match resource {
        "ephemeral-storage" => (
            "is not supported: neither a job object nor a cgroup counts what is written to disk",
            "remove it, and set sizeLimit on the emptyDir volumes",
        ),
        _ if resource.starts_with("hugepages-") => (
            "is not supported: huge pages are the host's, and no container's share of them is limited",
            "remove it",
        ),
        _ => (
            "only limits of cpu and memory are supported",
            "remove it; a host process finds the host's devices by itself",
        ),
    }
}

fn amounts(reader: &mut Reader, resources: Node<'_>, path: &str, key: &str) -> Resources {
    let mut amounts = Resources::default();
    let Some(node) = resources.field(key) else {
        return amounts;
    };
    let path = format!("{path}.{key}");
    if !node.is_mapping() {
        reader.refuse(path, node.span(), "must be a mapping");
        return amounts;
    }
    for entry in node.entries() {
        let name = entry.key.key_text();
        let field = format!("{path}.{name}");
        let quantity = match Quantity::read(entry.value) {
            Ok(quantity) => quantity,
            Err(error) => {
                reader.refuse(field, entry.value.span(), error.to_string());
                continue;
            }
        };
        let amount = match name.as_ref() {
            "cpu" => &mut amounts.cpu_milli,
            "memory" => &mut amounts.memory,
            _ if key == "requests" => continue,
            _ => {
                let (reason, help) = unsupported(&name);
                reader.refuse_with_help(field, entry.key.span(), reason, help);
                continue;
            }
        };
        *amount = if name == "cpu" {
            quantity.milli()
        } else {
            quantity.units()
        };
        if amount.is_none() {
            reader.refuse(field, entry.value.span(), "is out of range");
        } else if *amount == Some(0) && key == "limits" {
            // Kubernetes takes a limit of 0 for none.
            *amount = None;
        }
    }
    amounts
}
