//! Values of the wrong type, for the fields that the rules here read.
//!
//! Go's decoder refuses the object at the first of them, and validation is never reached: `hostProcess: "true"` is not
//! taken for unset. It names the innermost struct and the path without indices.

use std::borrow::Cow;

use porthole_manifest::{Node, PodTemplate, Value, WorkloadKind};

use crate::finding::{ErrorKind, Finding, Severity};
use crate::rule::rules;

rules! { ApiServer:
    /// A field has the type that the API gives it: a quoted `"true"` is no boolean, and a `command` is a list.
    WRONG_TYPE = "wrong-type";
}

/// A Go type.
#[derive(Clone, Copy)]
enum Type {
    Bool,
    String,
    /// A string of a type of its own, such as `v1.OSName`.
    Named(&'static str),
    Int32,
    Int64,
    /// A list of strings.
    Strings,
    /// A list of `int64`.
    Int64s,
    /// A mapping of strings to strings.
    StringMap,
    Struct(&'static Struct),
    /// A list of structs.
    List(&'static Struct),
}

/// A Go struct of package `v1`, by the fields that are of interest.
struct Struct {
    name: &'static str,
    fields: &'static [(&'static str, Type)],
}

static WINDOWS_OPTIONS: Struct = Struct {
    name: "WindowsSecurityContextOptions",
    fields: &[
        ("gmsaCredentialSpecName", Type::String),
        ("gmsaCredentialSpec", Type::String),
        ("runAsUserName", Type::String),
        ("hostProcess", Type::Bool),
    ],
};

/// Structs of which only it counts that they are there.
const fn whole(name: &'static str) -> Struct {
    Struct { name, fields: &[] }
}

static APP_ARMOR: Struct = whole("AppArmorProfile");
static CAPABILITIES: Struct = whole("Capabilities");
static RESOURCES: Struct = whole("ResourceRequirements");
static SECCOMP: Struct = whole("SeccompProfile");
static SE_LINUX: Struct = whole("SELinuxOptions");
static SYSCTL: Struct = whole("Sysctl");

static POD_SECURITY_CONTEXT: Struct = Struct {
    name: "PodSecurityContext",
    fields: &[
        ("appArmorProfile", Type::Struct(&APP_ARMOR)),
        ("fsGroupChangePolicy", Type::Named("PodFSGroupChangePolicy")),
        ("seLinuxChangePolicy", Type::Named("PodSELinuxChangePolicy")),
        ("seLinuxOptions", Type::Struct(&SE_LINUX)),
        ("seccompProfile", Type::Struct(&SECCOMP)),
        ("supplementalGroups", Type::Int64s),
        (
            "supplementalGroupsPolicy",
            Type::Named("SupplementalGroupsPolicy"),
        ),
        ("sysctls", Type::List(&SYSCTL)),
        ("windowsOptions", Type::Struct(&WINDOWS_OPTIONS)),
        ("runAsUser", Type::Int64),
        ("runAsGroup", Type::Int64),
        ("runAsNonRoot", Type::Bool),
        ("fsGroup", Type::Int64),
    ],
};

static SECURITY_CONTEXT: Struct = Struct {
    name: "SecurityContext",
    fields: &[
        ("appArmorProfile", Type::Struct(&APP_ARMOR)),
        ("capabilities", Type::Struct(&CAPABILITIES)),
        ("procMount", Type::Named("ProcMountType")),
        ("seLinuxOptions", Type::Struct(&SE_LINUX)),
        ("seccompProfile", Type::Struct(&SECCOMP)),
        ("windowsOptions", Type::Struct(&WINDOWS_OPTIONS)),
        ("privileged", Type::Bool),
        ("runAsUser", Type::Int64),
        ("runAsGroup", Type::Int64),
        ("runAsNonRoot", Type::Bool),
        ("readOnlyRootFilesystem", Type::Bool),
        ("allowPrivilegeEscalation", Type::Bool),
    ],
};

static CONTAINER_PORT: Struct = Struct {
    name: "ContainerPort",
    fields: &[
        ("name", Type::String),
        ("hostPort", Type::Int32),
        ("containerPort", Type::Int32),
        ("hostIP", Type::String),
        ("protocol", Type::Named("Protocol")),
    ],
};

/// The fields that containers of all three lists share.
const CONTAINER_FIELDS: &[(&str, Type)] = &[
    ("name", Type::String),
    ("image", Type::String),
    ("command", Type::Strings),
    ("args", Type::Strings),
    ("workingDir", Type::String),
    ("ports", Type::List(&CONTAINER_PORT)),
    ("securityContext", Type::Struct(&SECURITY_CONTEXT)),
];

static CONTAINER: Struct = Struct {
    name: "Container",
    fields: CONTAINER_FIELDS,
};
static EPHEMERAL_CONTAINER: Struct = Struct {
    name: "EphemeralContainer",
    fields: CONTAINER_FIELDS,
};
static POD_OS: Struct = Struct {
    name: "PodOS",
    fields: &[("name", Type::Named("OSName"))],
};

static POD_SPEC: Struct = Struct {
    name: "PodSpec",
    fields: &[
        ("initContainers", Type::List(&CONTAINER)),
        ("containers", Type::List(&CONTAINER)),
        ("ephemeralContainers", Type::List(&EPHEMERAL_CONTAINER)),
        ("hostNetwork", Type::Bool),
        ("hostPID", Type::Bool),
        ("hostIPC", Type::Bool),
        ("hostUsers", Type::Bool),
        ("shareProcessNamespace", Type::Bool),
        ("securityContext", Type::Struct(&POD_SECURITY_CONTEXT)),
        ("os", Type::Struct(&POD_OS)),
        ("nodeSelector", Type::StringMap),
        ("resources", Type::Struct(&RESOURCES)),
    ],
};

/// Where a value stands that has the wrong type, and what it should be.
struct Mismatch<'a> {
    node: Node<'a>,
    owner: Cow<'static, str>,
    /// Below the pod spec; from the innermost outwards.
    path: Vec<&'static str>,
    value: String,
    wanted: String,
}

/// The first value of a wrong type.
pub(crate) fn check(template: &PodTemplate<'_>) -> Option<Finding> {
    let spec = match walk(template) {
        Ok(spec) => spec?,
        Err(wrong) => return Some(finding(template, wrong.0, &wrong.1)),
    };
    let owner = if template.kind == WorkloadKind::Pod {
        "Pod"
    } else {
        "PodTemplateSpec"
    };
    let mismatch = check_value(spec, Type::Struct(&POD_SPEC), owner)?;
    let mut field = template.prefix.to_owned();
    for name in mismatch.path.iter().rev() {
        field.push('.');
        field.push_str(name);
    }
    Some(finding(template, field, &mismatch))
}

/// The way from the object to its pod spec: every step is an object, or there is nothing at its end. Otherwise the field
/// that is none.
fn walk<'a>(template: &PodTemplate<'a>) -> Result<Option<Node<'a>>, Box<(String, Mismatch<'a>)>> {
    let kind = template.kind.name();
    // The struct that a key leads to; a workload's own spec is named after it.
    let (mut owner, mut node, mut path) = (kind.to_owned(), template.object, String::new());
    for key in template.prefix.split('.') {
        let reached = match (key, owner.as_str()) {
            ("template", _) => "PodTemplateSpec".to_owned(),
            ("jobTemplate", _) => "JobTemplateSpec".to_owned(),
            ("spec", "PodTemplateSpec" | "Pod") => "PodSpec".to_owned(),
            ("spec", "JobTemplateSpec") => "JobSpec".to_owned(),
            _ => format!("{kind}Spec"),
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        let Some(next) = node.field(key) else {
            return Ok(None);
        };
        if !next.is_mapping() {
            let mismatch = Mismatch {
                node: next,
                owner: owner.into(),
                path: Vec::new(),
                value: json_name(&next.value()).to_owned(),
                wanted: format!("v1.{reached}"),
            };
            return Err(Box::new((path, mismatch)));
        }
        (owner, node) = (reached, next);
    }
    Ok(Some(node))
}

fn finding(template: &PodTemplate<'_>, field: String, mismatch: &Mismatch<'_>) -> Finding {
    let kind = template.kind.name();
    let version = template.api_version.rsplit('/').next().unwrap_or_default();
    let Mismatch {
        owner, value, wanted, ..
    } = mismatch;
    let detail = format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: json: cannot unmarshal {value} into Go struct \
         field {owner}.{field} of type {wanted}"
    );
    Finding {
        rule: &WRONG_TYPE,
        severity: Severity::Error,
        kind: ErrorKind::Undecodable,
        field,
        value: None,
        detail,
        span: Some(mismatch.node.span()),
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

fn check_value<'a>(node: Node<'a>, wanted: Type, owner: &'static str) -> Option<Mismatch<'a>> {
    let wrong = |value: &str, wanted: String| {
        Some(Mismatch {
            node,
            owner: Cow::Borrowed(owner),
            path: Vec::new(),
            value: value.to_owned(),
            wanted,
        })
    };
    match (node.value(), wanted) {
        (Value::Null, _)
        | (Value::Bool(_), Type::Bool)
        | (Value::String(_), Type::String | Type::Named(_))
        | (Value::Int(_), Type::Int64) => None,
        (Value::Int(value), Type::Int32) if i32::try_from(value).is_ok() => None,
        // A float without a fraction is written to JSON as a whole number.
        (Value::Float(_), Type::Int32) if node.as_i64().is_some_and(|value| i32::try_from(value).is_ok()) => {
            None
        }
        (Value::Float(_), Type::Int64) if node.as_i64().is_some() => None,
        (Value::Int(_) | Value::Unsigned(_) | Value::Float(_), Type::Int32 | Type::Int64) => {
            wrong(&format!("number {}", node.to_json()), go_name(wanted))
        }
        (Value::Mapping(mut entries), Type::Struct(of)) => entries.find_map(|entry| {
            let key = entry.key.key_text();
            let (name, wanted) = of.fields.iter().find(|(name, _)| *name == key)?;
            let mut mismatch = check_value(entry.value, *wanted, of.name)?;
            mismatch.path.push(name);
            Some(mismatch)
        }),
        (Value::Sequence(mut items), Type::List(of)) => {
            items.find_map(|item| check_value(item, Type::Struct(of), owner))
        }
        (Value::Sequence(mut items), Type::Strings) => {
            items.find_map(|item| check_value(item, Type::String, owner))
        }
        (Value::Sequence(mut items), Type::Int64s) => {
            items.find_map(|item| check_value(item, Type::Int64, owner))
        }
        (Value::Mapping(mut entries), Type::StringMap) => {
            entries.find_map(|entry| check_value(entry.value, Type::String, owner))
        }
        (value, _) => wrong(json_name(&value), go_name(wanted)),
    }
}

/// What Go's decoder calls a JSON value.
const fn json_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Unsigned(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

fn go_name(wanted: Type) -> String {
    match wanted {
        Type::Bool => "bool".to_owned(),
        Type::String => "string".to_owned(),
        Type::Int32 => "int32".to_owned(),
        Type::Int64 => "int64".to_owned(),
        Type::Named(name) => format!("v1.{name}"),
        Type::Strings => "[]string".to_owned(),
        Type::Int64s => "[]int64".to_owned(),
        Type::StringMap => "map[string]string".to_owned(),
        Type::Struct(of) => format!("v1.{}", of.name),
        Type::List(of) => format!("[]v1.{}", of.name),
    }
}
