//! Environment variables and where their values come from.

use porthole_manifest::{Node, Span};
use serde::{Deserialize, Serialize};

use super::pod::NEXT;
use super::reader::{Reader, Table, Treatment};
use super::{Quantity, Written};
use Treatment::{Read, Refuse};

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Env {
    /// The path: `spec.containers[0].env[0]`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: EnvValue,
    /// Where it is written.
    pub span: Span,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvValue {
    /// The text, `$(VAR)` to be expanded.
    Literal(String),
    /// A key of a ConfigMap or Secret.
    Key(KeyRef),
    /// The downward API's `fieldPath`.
    Field(String),
    /// The downward API's `resource`.
    Resource {
        /// Of which container; its own when not set.
        container: Option<String>,
        /// `limits.cpu`, ….
        resource: String,
        /// The unit of the answer; 1 when not set.
        divisor: Option<Quantity>,
    },
}

/// What kind of object is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ObjectKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ObjectKind {
    /// As manifests spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// A key of an object of the pod's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// Which kind.
    pub kind: ObjectKind,
    /// The object's name.
    pub name: String,
    /// The key.
    pub key: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// All keys of an object as variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFrom {
    /// The path: `spec.containers[0].envFrom[0]`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// What each name begins with.
    pub prefix: String,
    /// Which kind.
    pub kind: ObjectKind,
    /// The object's name.
    pub name: String,
    /// Whether it may be missing.
    pub optional: bool,
}

const ENV: &Table = &[("name", Read), ("value", Read), ("valueFrom", Read)];
const VALUE_FROM: &Table = &[
    ("configMapKeyRef", Read),
    ("fieldRef", Read),
    ("fileKeyRef", Refuse(NEXT)),
    ("resourceFieldRef", Read),
    ("secretKeyRef", Read),
];
const KEY_REF: &Table = &[("key", Read), ("name", Read), ("optional", Read)];
const ENV_FROM: &Table = &[("configMapRef", Read), ("prefix", Read), ("secretRef", Read)];

pub(super) fn read(reader: &mut Reader, container: Node<'_>, path: &str) -> Vec<Env> {
    let items = reader.items(container, path, "env");
    items
        .into_iter()
        .filter_map(|(item, path)| variable(reader, item, path))
        .collect()
}

fn variable(reader: &mut Reader, item: Node<'_>, path: String) -> Option<Env> {
    reader.fields(item, &path, ENV);
    let name = reader.required(item, &path, "name")?.value;
    if name.contains(['=', '\0']) {
        reader.refuse(format!("{path}.name"), item.span(), "must not contain `=` or NUL");
        return None;
    }
    let literal = reader.string(item, &path, "value").map(|value| value.value);
    if literal.as_ref().is_some_and(|text| text.contains('\0')) {
        reader.refuse(format!("{path}.value"), item.span(), "must not contain NUL");
        return None;
    }
    let value = match (literal, item.field("valueFrom")) {
        (Some(text), Some(from)) if !text.is_empty() => {
            reader.refuse(
                format!("{path}.valueFrom"),
                from.span(),
                "may not be specified when `value` is not empty",
            );
            return None;
        }
        (_, Some(from)) => value_from(reader, from, &format!("{path}.valueFrom"))?,
        (literal, None) => EnvValue::Literal(literal.unwrap_or_default()),
    };
    Some(Env {
        path,
        name,
        value,
        span: item.span(),
    })
}

/// Refuses what names more than one source: which of them counts would be a guess.
fn names_several(reader: &mut Reader, node: Node<'_>, path: &str, sources: &Table) -> bool {
    let named = |(key, _): &&(&'static str, Treatment)| *key != "prefix" && node.field(key).is_some();
    let several = sources.iter().filter(named).count() > 1;
    if several {
        let reason = "may not have more than one field specified at a time";
        reader.refuse(path, node.span(), reason);
    }
    several
}

fn value_from(reader: &mut Reader, from: Node<'_>, path: &str) -> Option<EnvValue> {
    reader.fields(from, path, VALUE_FROM);
    if names_several(reader, from, path, VALUE_FROM) {
        return None;
    }
    for (key, kind) in [
        ("configMapKeyRef", ObjectKind::ConfigMap),
        ("secretKeyRef", ObjectKind::Secret),
    ] {
        if let Some(node) = from.field(key) {
            let path = format!("{path}.{key}");
            reader.fields(node, &path, KEY_REF);
            let optional = reader
                .boolean(node, &path, "optional")
                .is_some_and(|optional| optional.value);
            let name = reader.required(node, &path, "name")?.value;
            let key = reader.required(node, &path, "key")?.value;
            return Some(EnvValue::Key(KeyRef {
                kind,
                name,
                key,
                optional,
            }));
        }
    }
    if let Some(node) = from.field("fieldRef") {
        let path = format!("{path}.fieldRef");
        reader.fields(node, &path, &[("apiVersion", Read), ("fieldPath", Read)]);
        return Some(EnvValue::Field(reader.required(node, &path, "fieldPath")?.value));
    }
    if let Some(node) = from.field("resourceFieldRef") {
        return resource(reader, node, &format!("{path}.resourceFieldRef"));
    }
    if from.entries().next().is_none() {
        reader.refuse(path, from.span(), "must name a source");
    }
    None
}

/// `resourceFieldRef`.
pub(super) fn resource(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<EnvValue> {
    reader.fields(
        node,
        path,
        &[("containerName", Read), ("divisor", Read), ("resource", Read)],
    );
    let container = reader.string(node, path, "containerName").map(|name| name.value);
    let divisor = match node.field("divisor") {
        Some(divisor) => match Quantity::read(divisor) {
            Ok(quantity) => Some(quantity),
            Err(error) => {
                reader.refuse(format!("{path}.divisor"), divisor.span(), error.to_string());
                return None;
            }
        },
        None => None,
    };
    let resource = reader.required(node, path, "resource")?.value;
    Some(EnvValue::Resource {
        container,
        resource,
        divisor,
    })
}

pub(super) fn read_from(reader: &mut Reader, container: Node<'_>, path: &str) -> Vec<EnvFrom> {
    let items = reader.items(container, path, "envFrom");
    items
        .into_iter()
        .filter_map(|(item, path)| source(reader, item, path))
        .collect()
}

fn source(reader: &mut Reader, item: Node<'_>, path: String) -> Option<EnvFrom> {
    reader.fields(item, &path, ENV_FROM);
    let prefix: Option<Written<String>> = reader.string(item, &path, "prefix");
    if let Some(prefix) = &prefix
        && prefix.value.contains(['=', '\0'])
    {
        let field = format!("{path}.prefix");
        reader.refuse(field, prefix.span, "must not contain `=` or NUL");
        return None;
    }
    if names_several(reader, item, &path, ENV_FROM) {
        return None;
    }
    for (key, kind) in [
        ("configMapRef", ObjectKind::ConfigMap),
        ("secretRef", ObjectKind::Secret),
    ] {
        if let Some(node) = item.field(key) {
            let reference = format!("{path}.{key}");
            reader.fields(node, &reference, &[("name", Read), ("optional", Read)]);
            let optional = reader
                .boolean(node, &reference, "optional")
                .is_some_and(|optional| optional.value);
            let name = reader.required(node, &reference, "name")?.value;
            let prefix = prefix.map(|prefix| prefix.value).unwrap_or_default();
            return Some(EnvFrom {
                span: node.span(),
                path,
                prefix,
                kind,
                name,
                optional,
            });
        }
    }
    reader.refuse(path, item.span(), "must name a configMapRef or a secretRef");
    None
}
