//! `spec.os`, and the fields that a pod of one system may not set (`validateOS`, `validateLinux`, `validateWindows`).

use porthole_manifest::Node;

use crate::container::containers;
use crate::finding::ErrorKind;
use crate::path::Path;
use crate::render::go_json;
use crate::report::is_true;
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// `spec.os` names a system, or is left out.
    OS_NAME_REQUIRED = "os-name-required";
    /// `spec.os.name` is `linux` or `windows`, in lower case.
    OS_NAME_UNKNOWN = "os-name-unknown";
    /// A pod of Linux (`spec.os.name: linux`) has no `windowsOptions`, neither its own nor a container's.
    WINDOWS_OPTIONS_ON_LINUX = "windows-options-on-linux";
    /// A pod of Windows (`spec.os.name: windows`) sets no field that only Linux knows, be it to a value without effect such
    /// as `privileged: false`.
    LINUX_FIELD_ON_WINDOWS = "linux-field-on-windows";
    /// A pod of Windows has no resources of its own (`spec.resources`): its containers have.
    POD_RESOURCES_ON_WINDOWS = "pod-resources-on-windows";
}

const LINUX: &str = "linux";
const WINDOWS: &str = "windows";

/// Fields of a pod's `securityContext` that a Windows pod may not set, in the API server's order.
const POD_CONTEXT: [&str; 11] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
];

/// Fields of a container's `securityContext` that a Windows pod may not set, in the API server's order.
const CONTAINER_CONTEXT: [&str; 10] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

fn os_name(spec: Node<'_>) -> Option<&str> {
    let os = spec.field("os")?;
    Some(os.field("name").and_then(Node::as_str).unwrap_or_default())
}

pub(crate) fn check_pod_resources(pass: &mut Pass<'_>) {
    let Some(resources) = pass.spec.field("resources") else {
        return;
    };
    if os_name(pass.spec) == Some(WINDOWS) {
        let spec = Path::root(pass.template.prefix);
        let field = spec.child("resources");
        pass.forbidden(
            &POD_RESOURCES_ON_WINDOWS,
            &field,
            "may not be set for a windows pod",
            resources.span(),
        );
    }
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let Some(os) = pass.spec.field("os") else { return };
    let spec = Path::root(pass.template.prefix);
    let path = spec.child("os");
    match os_name(pass.spec) {
        None => {}
        Some(LINUX) => linux(pass),
        Some(WINDOWS) => windows(pass),
        Some("") => {
            let place = os.field("name").unwrap_or(os).span();
            pass.report(
                &OS_NAME_REQUIRED,
                ErrorKind::Required,
                &path.child("name"),
                None,
                "",
                place,
            );
        }
        Some(other) => {
            let place = os.field("name").unwrap_or(os).span();
            let detail = "supported values: \"linux\", \"windows\"";
            pass.report(
                &OS_NAME_UNKNOWN,
                ErrorKind::NotSupported,
                &path,
                Some(go_json(other)),
                detail,
                place,
            );
        }
    }
}

fn linux(pass: &mut Pass<'_>) {
    let template = pass.template;
    let spec = Path::root(template.prefix);
    let mut refuse = |owner: &Path<'_>, context: Option<Node<'_>>| {
        if let Some(options) = context.and_then(|context| context.field("windowsOptions")) {
            let context = owner.child("securityContext");
            let field = context.child("windowsOptions");
            let detail = "windows options cannot be set for a linux pod";
            pass.forbidden(&WINDOWS_OPTIONS_ON_LINUX, &field, detail, options.span());
        }
    };
    refuse(
        &spec,
        template.spec.and_then(|spec| spec.field("securityContext")),
    );
    for container in containers(&template) {
        let list = spec.child(container.kind.field());
        refuse(&list.index(container.index), container.security_context());
    }
}

fn windows(pass: &mut Pass<'_>) {
    let template = pass.template;
    let node = pass.spec;
    let spec = Path::root(template.prefix);
    let mut refuse = |owner: &Path<'_>, key: &str, value: Node<'_>| {
        let detail = "cannot be set for a windows pod";
        pass.forbidden(&LINUX_FIELD_ON_WINDOWS, &owner.child(key), detail, value.span());
    };
    if let Some(context) = node.field("securityContext") {
        let path = spec.child("securityContext");
        for key in POD_CONTEXT {
            // An empty list of sysctls is none; an empty list of groups counts as set.
            let value = context
                .field(key)
                .filter(|value| key != "sysctls" || value.items().next().is_some());
            if let Some(value) = value {
                refuse(&path, key, value);
            }
        }
    }
    // Since 1.37 the fields of the host come after those of the security context. Two are set by any value, two by true.
    for (key, any) in [
        ("hostUsers", true),
        ("hostPID", false),
        ("hostIPC", false),
        ("shareProcessNamespace", true),
    ] {
        if let Some(value) = node.field(key).filter(|_| any || is_true(node, key)) {
            refuse(&spec, key, value);
        }
    }
    for container in containers(&template) {
        let Some(context) = container.security_context() else {
            continue;
        };
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        let path = at.child("securityContext");
        for key in CONTAINER_CONTEXT {
            if let Some(value) = context.field(key) {
                refuse(&path, key, value);
            }
        }
    }
}
