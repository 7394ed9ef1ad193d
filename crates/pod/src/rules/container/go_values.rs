//! Whole structs as the API server's messages show them: since 1.34 the internal type as JSON, with the names that its
//! fields have in Go; before that as Go's `%#v` prints it, in which what is behind a pointer is an address. An address is
//! another one in every answer; here it is always the same.

use porthole_manifest::{Node, Value};

use super::security_context;
use crate::render::{go_json, go_quote};
use crate::report::{int, items, text};
use crate::validate::Pass;

/// A pointer to a `core` type of that name.
fn pointer(node: Node<'_>, key: &str, kind: &str) -> String {
    let address = if node.field(key).is_some() {
        "0xc000000000"
    } else {
        "nil"
    };
    format!("(*{kind})({address})")
}

/// The fields of a struct, each with its value.
fn fields(values: &[(&str, String)]) -> String {
    let texts: Vec<_> = values
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    texts.join(", ")
}

/// `core.Lifecycle`, up to 1.24. `renamed` says that handlers have the names that they got in 1.23.
pub(super) fn lifecycle(node: Node<'_>, renamed: bool) -> String {
    let kind = if renamed {
        "core.LifecycleHandler"
    } else {
        "core.Handler"
    };
    let hook = |key| pointer(node, key, kind);
    let hooks = [("PostStart", hook("postStart")), ("PreStop", hook("preStop"))];
    format!("core.Lifecycle{{{}}}", fields(&hooks))
}

/// `core.Probe`, up to 1.24. `has_grace_period` says that a grace period of its own is not dropped.
pub(super) fn probe(node: Node<'_>, renamed: bool, has_grace_period: bool) -> String {
    let handler = |key, kind| pointer(node, key, kind);
    let mut handlers = vec![
        ("Exec", handler("exec", "core.ExecAction")),
        ("HTTPGet", handler("httpGet", "core.HTTPGetAction")),
        ("TCPSocket", handler("tcpSocket", "core.TCPSocketAction")),
    ];
    if renamed {
        handlers.push(("GRPC", handler("grpc", "core.GRPCAction")));
    }
    let name = if renamed { "ProbeHandler" } else { "Handler" };
    // Zero stands for the default.
    let number = |key, default: i64| {
        let number = int(node, key).filter(|number| *number != 0);
        number.unwrap_or(default).to_string()
    };
    let grace_period = if has_grace_period {
        pointer(node, "terminationGracePeriodSeconds", "int64")
    } else {
        "(*int64)(nil)".to_owned()
    };
    let values = [
        (name, format!("core.{name}{{{}}}", fields(&handlers))),
        ("InitialDelaySeconds", number("initialDelaySeconds", 0)),
        ("TimeoutSeconds", number("timeoutSeconds", 1)),
        ("PeriodSeconds", number("periodSeconds", 10)),
        ("SuccessThreshold", number("successThreshold", 1)),
        ("FailureThreshold", number("failureThreshold", 3)),
        ("TerminationGracePeriodSeconds", grace_period),
    ];
    format!("core.Probe{{{}}}", fields(&values))
}

/// `[]core.ContainerResizePolicy`, from 1.27 to 1.32.
pub(super) fn resize_policy(node: Node<'_>) -> String {
    let entry = |entry: Node<'_>| {
        let values = [
            ("ResourceName", go_quote(text(entry, "resourceName"))),
            ("RestartPolicy", go_quote(text(entry, "restartPolicy"))),
        ];
        format!("core.ContainerResizePolicy{{{}}}", fields(&values))
    };
    let entries: Vec<_> = node.items().map(entry).collect();
    format!("[]core.ContainerResizePolicy{{{}}}", entries.join(", "))
}

/// `core.SeccompProfile`, up to 1.33.
pub(super) fn seccomp(node: Node<'_>) -> String {
    let values = [
        ("Type", go_quote(text(node, "type"))),
        ("LocalhostProfile", pointer(node, "localhostProfile", "string")),
    ];
    format!("core.SeccompProfile{{{}}}", fields(&values))
}

/// `core.SecurityContext`, up to 1.33.
pub(super) fn security_context(pass: &Pass<'_>, node: Node<'_>) -> String {
    let value = |name, key, kind| (name, pointer(node, key, kind));
    let mut values = vec![
        value("Capabilities", "capabilities", "core.Capabilities"),
        value("Privileged", "privileged", "bool"),
        value("SELinuxOptions", "seLinuxOptions", "core.SELinuxOptions"),
        value(
            "WindowsOptions",
            "windowsOptions",
            "core.WindowsSecurityContextOptions",
        ),
        value("RunAsUser", "runAsUser", "int64"),
        value("RunAsGroup", "runAsGroup", "int64"),
        value("RunAsNonRoot", "runAsNonRoot", "bool"),
        value("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", "bool"),
        value("AllowPrivilegeEscalation", "allowPrivilegeEscalation", "bool"),
        value("ProcMount", "procMount", "core.ProcMountType"),
        value("SeccompProfile", "seccompProfile", "core.SeccompProfile"),
    ];
    if pass.at_least(30) {
        let kind = "core.AppArmorProfile";
        let profile = if security_context::knows_app_armor(pass) {
            pointer(node, "appArmorProfile", kind)
        } else {
            format!("(*{kind})(nil)")
        };
        values.push(("AppArmorProfile", profile));
    }
    format!("core.SecurityContext{{{}}}", fields(&values))
}

/// A scalar, or null where it is not set.
fn json_scalar(node: Option<Node<'_>>) -> String {
    match node.map(Node::value) {
        Some(Value::String(text)) => go_json(text),
        Some(Value::Bool(value)) => value.to_string(),
        _ => node
            .and_then(Node::as_i64)
            .map_or_else(|| "null".to_owned(), |number| number.to_string()),
    }
}

/// A struct of scalars: each with its name in Go and in the manifest, and whether it is behind a pointer.
fn json_struct(node: Node<'_>, names: &[(&str, &str, bool)]) -> String {
    let member = |(go, key, optional): &(&str, &str, bool)| {
        let value = match node.field(key) {
            None if !optional => "\"\"".to_owned(),
            value => json_scalar(value),
        };
        format!("\"{go}\":{value}")
    };
    let members: Vec<_> = names.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

/// A seccomp or `AppArmor` profile, since 1.34.
pub(super) fn profile_json(node: Node<'_>) -> String {
    json_struct(
        node,
        &[
            ("Type", "type", false),
            ("LocalhostProfile", "localhostProfile", true),
        ],
    )
}

fn capabilities_json(node: Node<'_>) -> String {
    let list = |key| {
        if node.field(key).is_none() {
            return "null".to_owned();
        }
        let names: Vec<_> = items(node, key)
            .map(|name| go_json(name.as_str().unwrap_or_default()))
            .collect();
        format!("[{}]", names.join(","))
    };
    format!("{{\"Add\":{},\"Drop\":{}}}", list("add"), list("drop"))
}

/// `core.SecurityContext`, since 1.34.
pub(super) fn security_context_json(pass: &Pass<'_>, node: Node<'_>) -> String {
    let or_null =
        |key, json: &dyn Fn(Node<'_>) -> String| node.field(key).map_or_else(|| "null".to_owned(), json);
    let scalar = |key| json_scalar(node.field(key));
    let se_linux = |node: Node<'_>| {
        json_struct(
            node,
            &[
                ("User", "user", false),
                ("Role", "role", false),
                ("Type", "type", false),
                ("Level", "level", false),
            ],
        )
    };
    let windows = |node: Node<'_>| {
        json_struct(
            node,
            &[
                ("GMSACredentialSpecName", "gmsaCredentialSpecName", true),
                ("GMSACredentialSpec", "gmsaCredentialSpec", true),
                ("RunAsUserName", "runAsUserName", true),
                ("HostProcess", "hostProcess", true),
            ],
        )
    };
    // Where the gate is off, the field keeps its default and loses its value.
    let proc_mount = match node.field("procMount") {
        Some(_) if !pass.enabled("ProcMountType") => "\"Default\"".to_owned(),
        _ => scalar("procMount"),
    };
    let app_armor = if security_context::knows_app_armor(pass) {
        or_null("appArmorProfile", &profile_json)
    } else {
        "null".to_owned()
    };
    let members = [
        ("Capabilities", or_null("capabilities", &capabilities_json)),
        ("Privileged", scalar("privileged")),
        ("SELinuxOptions", or_null("seLinuxOptions", &se_linux)),
        ("WindowsOptions", or_null("windowsOptions", &windows)),
        ("RunAsUser", scalar("runAsUser")),
        ("RunAsGroup", scalar("runAsGroup")),
        ("RunAsNonRoot", scalar("runAsNonRoot")),
        ("ReadOnlyRootFilesystem", scalar("readOnlyRootFilesystem")),
        ("AllowPrivilegeEscalation", scalar("allowPrivilegeEscalation")),
        ("ProcMount", proc_mount),
        ("SeccompProfile", or_null("seccompProfile", &profile_json)),
        ("AppArmorProfile", app_armor),
    ];
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}
