//! A container's fields.

use porthole_manifest::Node;

use super::pod::{NEXT, windows_options};
use super::reader::{Reader, Table, Treatment};
use super::{ContainerSpec, Quantity, Resources, VolumeSpec, Written, env, volume};
use Treatment::{Note, Read, Refuse, RefuseUnless};

const TERMINAL: &str = "standard input and terminals are not supported by this version of porthole";
const HOST_PROCESS: &str = "a host process has the rights of its account, no more and no less";

const CONTAINER: &Table = &[
    ("args", Read),
    ("command", Read),
    ("env", Read),
    ("envFrom", Read),
    ("image", Read),
    ("imagePullPolicy", Note("nothing is pulled")),
    ("lifecycle", Refuse(NEXT)),
    ("livenessProbe", Refuse(NEXT)),
    ("name", Read),
    ("ports", Note("a host process opens the host's own ports")),
    ("readinessProbe", Refuse(NEXT)),
    ("resizePolicy", Note("nothing is resized")),
    ("resources", Read),
    ("restartPolicy", Refuse(NEXT)),
    ("restartPolicyRules", Refuse(NEXT)),
    ("securityContext", Read),
    ("startupProbe", Refuse(NEXT)),
    ("stdin", Refuse(TERMINAL)),
    ("stdinOnce", Refuse(TERMINAL)),
    (
        "terminationMessagePath",
        Note("nobody reads termination messages"),
    ),
    (
        "terminationMessagePolicy",
        Note("nobody reads termination messages"),
    ),
    ("tty", Refuse(TERMINAL)),
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
    let container = ContainerSpec {
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
                reader.refuse(
                    field,
                    entry.key.span(),
                    "only limits of cpu and memory are supported",
                );
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
