//! `GMSACredentialSpec`, a custom resource: what the API server makes of the schema of its definition, where that is
//! installed.

use std::collections::BTreeSet;

use porthole_manifest::{Node, Value};

use crate::finding::ErrorKind;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{Report, place};
use crate::rule::rules;

rules! { ApiServer:
    /// The values of a `GMSACredentialSpec` are of the types that its definition names: mappings, lists and texts. A number
    /// is no text; put it in quotes.
    CREDENTIAL_SPEC_TYPE = "credential-spec-type";
    /// A finalizer of a custom resource has the name of a domain, and a path behind it, so that nobody else's is called the
    /// same.
    FINALIZER_NAME = "finalizer-without-path";
}

/// The API group.
pub(crate) const GROUP: &str = "windows.k8s.io";
/// The kind.
pub(crate) const KIND: &str = "GMSACredentialSpec";
/// The version that the definition calls deprecated.
pub(crate) const DEPRECATED: &str = "windows.k8s.io/v1alpha1";
/// The warning of it.
pub(crate) const DEPRECATION: &str =
    "windows.k8s.io/v1alpha1 GMSACredentialSpec is deprecated; use windows.k8s.io/v1 GMSACredentialSpec";

/// The kind of that name in that version of its group, where it is this one.
pub(crate) fn is(api_version: &str, kind: &str) -> bool {
    matches!(api_version.split_once('/'), Some((GROUP, "v1" | "v1alpha1"))) && kind == KIND
}

/// What a value is to be.
pub(crate) enum Shape {
    /// A mapping with these fields. None of them has to be there.
    Object(&'static [(&'static str, Shape)]),
    /// A list.
    List(&'static Shape),
    /// A text.
    Text,
}

/// The schema of the definition.
pub(crate) const SCHEMA: Shape = Shape::Object(&[(
    "credspec",
    Shape::Object(&[
        (
            "ActiveDirectoryConfig",
            Shape::Object(&[
                (
                    "GroupManagedServiceAccounts",
                    Shape::List(&Shape::Object(&[("Name", Shape::Text), ("Scope", Shape::Text)])),
                ),
                (
                    "HostAccountConfig",
                    Shape::Object(&[
                        ("PluginGUID", Shape::Text),
                        ("PluginInput", Shape::Text),
                        ("PortableCcgVersion", Shape::Text),
                    ]),
                ),
            ]),
        ),
        ("CmsPlugins", Shape::List(&Shape::Text)),
        (
            "DomainJoinConfig",
            Shape::Object(&[
                ("DnsName", Shape::Text),
                ("DnsTreeName", Shape::Text),
                ("Guid", Shape::Text),
                ("MachineAccountName", Shape::Text),
                ("NetBiosName", Shape::Text),
                ("Sid", Shape::Text),
            ]),
        ),
    ]),
)]);

impl Shape {
    /// The shape of the field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(known, _)| *known == name).map(|(_, of)| of),
            _ => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Object(_) => "object",
            Self::List(_) => "array",
            Self::Text => "string",
        }
    }
}

/// What `OpenAPI` calls a JSON value.
const fn type_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Unsigned(_) => "integer",
        Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

/// The types of all values. The server goes through fields in no order of its own: here it is that of the text.
pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    if let Some(spec) = object.field("credspec").filter(|spec| !spec.is_null())
        && let Some(shape) = SCHEMA.field("credspec")
    {
        check_value(report, spec, shape, &Path::root("credspec"));
    }
}

/// What the server warns of in finalizers that the older object, where there is one, does not have, since 1.29: it goes
/// through them by their names.
pub(crate) fn warn(report: &mut Report<'_>, object: Node<'_>, old: Option<Node<'_>>) {
    const STANDARD: &[&str] = &["foregroundDeletion", "kubernetes", "orphan"];
    if !report.at_least(29) {
        return;
    }
    let of = |object: Node<'_>| -> BTreeSet<String> {
        let finalizers = object.child("metadata").child("finalizers").items();
        finalizers
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    };
    let known = old.map(of).unwrap_or_default();
    let span = place(object.child("metadata"), "finalizers");
    let metadata = Path::root("metadata");
    let field = metadata.child("finalizers");
    for name in of(object).difference(&known) {
        // Names that are not qualified at all are refused.
        if name.contains('/') || STANDARD.contains(&&**name) {
            continue;
        }
        let path = if name.contains('.') {
            " including a path (/)"
        } else {
            ""
        };
        let text = format!(
            "{field}: {}: prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer \
             writers",
            go_quote(name)
        );
        report.warn(&FINALIZER_NAME, &field, text, span);
    }
}

fn check_value(report: &mut Report<'_>, node: Node<'_>, shape: &Shape, path: &Path<'_>) {
    match (node.value(), shape) {
        (Value::Mapping(_), Shape::Object(fields)) => {
            for entry in node.entries() {
                let key = entry.key.key_text();
                // A field that is null is none, and of one that is not known nothing is left.
                if let Some((_, shape)) = fields.iter().find(|(known, _)| *known == key)
                    && !entry.value.is_null()
                {
                    check_value(report, entry.value, shape, &path.child(&key));
                }
            }
        }
        (Value::Sequence(items), Shape::List(of)) => {
            for (index, item) in items.enumerate() {
                check_value(report, item, of, &path.index(index));
            }
        }
        (Value::String(_), Shape::Text) => {}
        (value, _) => {
            let (found, wanted) = (type_of(&value), shape.name());
            let detail = format!("{path} in body must be of type {wanted}: \"{found}\"");
            let kind = if report.at_least(24) {
                ErrorKind::TypeInvalid
            } else {
                ErrorKind::Invalid
            };
            let found = Some(format!("\"{found}\""));
            report.report(&CREDENTIAL_SPEC_TYPE, kind, path, found, detail, node.span());
        }
    }
}
