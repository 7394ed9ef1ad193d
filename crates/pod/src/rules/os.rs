//! `spec.os`, and the fields that a pod of one system may not set (`validateOS`, `validateLinux`, `validateWindows`).

use porthole_manifest::{Node, PodTemplate, Span};

use crate::container::containers;
use crate::path::Path;
use crate::report::{Shown, is_true};
use crate::rule::rules;
use crate::rules::container::security_context;
use crate::rules::{annotations, host_users, pod_context};
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
}

const LINUX: &str = "linux";
pub(crate) const WINDOWS: &str = "windows";

/// Fields of a Windows pod that only Linux knows, in the API server's order up to 1.36, each with the version that refuses
/// it first. Those of the host stood in the security context then.
static POD_FIELDS_OLD: [(Owner, &str, u16); 15] = [
    (Owner::Context, "appArmorProfile", 30),
    (Owner::Context, "seLinuxOptions", 23),
    (Owner::Spec, "hostUsers", 25),
    (Owner::Spec, "hostPID", 23),
    (Owner::Spec, "hostIPC", 23),
    (Owner::Context, "seccompProfile", 23),
    (Owner::Context, "fsGroup", 23),
    (Owner::Context, "fsGroupChangePolicy", 23),
    (Owner::Context, "sysctls", 23),
    (Owner::Spec, "shareProcessNamespace", 23),
    (Owner::Context, "runAsUser", 23),
    (Owner::Context, "runAsGroup", 23),
    (Owner::Context, "supplementalGroups", 23),
    (Owner::Context, "supplementalGroupsPolicy", 31),
    (Owner::Context, "seLinuxChangePolicy", 32),
];

/// The same since 1.37: the fields of the host come last.
static POD_FIELDS: [(Owner, &str, u16); 15] = [
    (Owner::Context, "appArmorProfile", 37),
    (Owner::Context, "seLinuxOptions", 37),
    (Owner::Context, "seccompProfile", 37),
    (Owner::Context, "fsGroup", 37),
    (Owner::Context, "fsGroupChangePolicy", 37),
    (Owner::Context, "sysctls", 37),
    (Owner::Context, "runAsUser", 37),
    (Owner::Context, "runAsGroup", 37),
    (Owner::Context, "supplementalGroups", 37),
    (Owner::Context, "supplementalGroupsPolicy", 37),
    (Owner::Context, "seLinuxChangePolicy", 37),
    (Owner::Spec, "hostUsers", 37),
    (Owner::Spec, "hostPID", 37),
    (Owner::Spec, "hostIPC", 37),
    (Owner::Spec, "shareProcessNamespace", 37),
];

/// The fields that only Linux knows of what `owner` holds, in the newest order.
pub(crate) fn linux_fields(owner: Owner) -> impl Iterator<Item = &'static str> {
    let own = move |field: &&(Owner, &'static str, u16)| field.0 == owner;
    POD_FIELDS.iter().filter(own).map(|(_, key, _)| *key)
}

/// Whether a field that only Linux knows is a boolean that is no pointer: it is set where it is true.
pub(crate) fn counts_if_true(key: &str) -> bool {
    matches!(key, "hostPID" | "hostIPC")
}

/// What holds a field of a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// `spec`.
    Spec,
    /// `spec.securityContext`.
    Context,
}

/// Fields of a container's `securityContext` that a Windows pod may not set, in the API server's order.
pub(crate) const CONTAINER_CONTEXT: [&str; 10] = [
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

/// The name in `spec.os`, where the API server looks at the field: 1.22 does not know it, and 1.23 and 1.24 drop it where
/// its gate is off.
fn os_name<'a>(pass: &Pass<'a>) -> Option<&'a str> {
    if !pass.at_least(23) || !pass.feature("IdentifyPodOS", 25) {
        return None;
    }
    let os = pass.spec.field("os")?;
    Some(os.field("name").and_then(Node::as_str).unwrap_or_default())
}

/// Whether the pod says that it is one of Windows.
pub(crate) fn is_windows(pass: &Pass<'_>) -> bool {
    os_name(pass) == Some(WINDOWS)
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let Some(name) = os_name(pass) else { return };
    let os = pass.spec.child("os");
    let spec = pass.spec_path();
    let path = spec.child("os");
    let place = os.field("name").unwrap_or(os).span();
    match name {
        LINUX => linux(pass),
        WINDOWS => windows(pass),
        "" => {
            let detail = if pass.at_least(34) { "" } else { "cannot be empty" };
            pass.required(&OS_NAME_REQUIRED, &path.child("name"), detail, place);
        }
        other => {
            let value = if pass.at_least(29) {
                Shown::Named(other)
            } else {
                Shown::Str(other)
            };
            pass.not_supported(&OS_NAME_UNKNOWN, &path, value, &[LINUX, WINDOWS], place);
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
    let context = node.child("securityContext");
    let context_path = spec.child("securityContext");
    let fields = if pass.at_least(37) {
        &POD_FIELDS
    } else {
        &POD_FIELDS_OLD
    };
    for (owner, key, since) in fields {
        if !pass.at_least(*since) {
            continue;
        }
        let (holder, path) = match owner {
            Owner::Spec => (node, &spec),
            Owner::Context => (context, &context_path),
        };
        if let Some(value) = set_field(pass, holder, key) {
            refuse(pass, path, key, value.span());
        }
    }
    let made = made_before(pass);
    for container in containers(&template) {
        let context = container.security_context();
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        let path = at.child("securityContext");
        let of_annotation = annotations::seccomp_field(pass, Some(container.name.unwrap_or_default()))
            .or_else(|| {
                let namesake = annotations::seccomp_of_namesake(pass, &container);
                namesake.filter(|(_, before)| *before).map(|(profile, _)| profile)
            });
        let app_armor = made.as_ref().and_then(|(before, lists)| {
            let same = lists.contains(&container.kind.field());
            annotations::made_app_armor(before, &container).filter(|_| same)
        });
        if context.is_none() && of_annotation.is_none() && app_armor.is_none() {
            continue;
        }
        for key in CONTAINER_CONTEXT {
            let own = context.and_then(|context| context.field(key));
            let value = match key {
                "appArmorProfile" => own
                    .or(app_armor)
                    .filter(|_| security_context::knows_app_armor(pass)),
                "seccompProfile" => own.or(of_annotation),
                _ => own,
            };
            if let Some(value) = value {
                // What was made of the old Pod's annotation is in another file.
                let is_old = own.is_none() && key == "appArmorProfile";
                let span = if is_old {
                    container.node.span()
                } else {
                    value.span()
                };
                refuse(pass, &path, key, span);
            }
        }
    }
}

/// The Pod that this one takes the place of, and the lists of containers that are the same in both: what the API server made
/// of annotations when the Pod was made stays in those.
fn made_before<'a>(pass: &Pass<'a>) -> Option<(Pass<'a>, Vec<&'static str>)> {
    let old = pass.old.filter(|_| pass.is_pod())?;
    let template = PodTemplate {
        object: old,
        spec: old.field("spec"),
        metadata: old.field("metadata"),
        ..pass.template
    };
    let before = Pass::new(&template, pass.options);
    let same = |list: &&str| before.spec.child(list).to_json() == pass.spec.child(list).to_json();
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let lists = lists.into_iter().filter(same).collect();
    Some((before, lists))
}

/// The field where it counts as set: that the API server has not dropped it, and, for some, that it says something.
fn set_field<'a>(pass: &Pass<'a>, holder: Node<'a>, key: &str) -> Option<Node<'a>> {
    if key == "seccompProfile" {
        return holder
            .field(key)
            .or_else(|| annotations::seccomp_field(pass, None));
    }
    let value = holder.field(key)?;
    let counts = match key {
        _ if counts_if_true(key) => is_true(holder, key),
        // An empty list of sysctls is none; an empty list of groups counts as set.
        "sysctls" => value.items().next().is_some(),
        "hostUsers" => host_users::is_known(pass),
        "appArmorProfile" => security_context::knows_app_armor(pass),
        "supplementalGroupsPolicy" => pod_context::knows_groups_policy(pass),
        "seLinuxChangePolicy" => pod_context::knows_se_linux_policy(pass),
        "fsGroupChangePolicy" => pass.feature("ConfigurableFSGroupPolicy", 23),
        _ => true,
    };
    counts.then_some(value)
}

fn refuse(pass: &mut Pass<'_>, owner: &Path<'_>, key: &str, span: Span) {
    let detail = "cannot be set for a windows pod";
    pass.forbidden(&LINUX_FIELD_ON_WINDOWS, &owner.child(key), detail, span);
}
