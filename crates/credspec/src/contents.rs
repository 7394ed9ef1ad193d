//! The string that stands for a credential spec in a pod.
//!
//! The webhook reads the object from the API server, which has dropped the fields that the definition of
//! `GMSACredentialSpec` does not name, and writes what is left as Go's encoder does: without white space, keys sorted,
//! `<`, `>` and `&` escaped.

use std::fmt::Write as _;

use porthole_manifest::Node;
use porthole_pod::go_json;
use serde_json::{Map, Number, Value};

/// The fields of the definition: of an object these, of a list its items.
enum Schema {
    Text,
    Object(&'static [(&'static str, Schema)]),
    List(&'static Schema),
}

const TEXT: Schema = Schema::Text;

static CREDSPEC: Schema = Schema::Object(&[
    (
        "ActiveDirectoryConfig",
        Schema::Object(&[
            (
                "GroupManagedServiceAccounts",
                Schema::List(&Schema::Object(&[("Name", TEXT), ("Scope", TEXT)])),
            ),
            (
                "HostAccountConfig",
                Schema::Object(&[
                    ("PluginGUID", TEXT),
                    ("PluginInput", TEXT),
                    ("PortableCcgVersion", TEXT),
                ]),
            ),
        ]),
    ),
    ("CmsPlugins", Schema::List(&TEXT)),
    (
        "DomainJoinConfig",
        Schema::Object(&[
            ("DnsName", TEXT),
            ("DnsTreeName", TEXT),
            ("Guid", TEXT),
            ("MachineAccountName", TEXT),
            ("NetBiosName", TEXT),
            ("Sid", TEXT),
        ]),
    ),
]);

/// The string that the webhook writes into a pod for the `credspec` of a `GMSACredentialSpec`.
#[must_use]
pub fn contents(credspec: Node<'_>) -> String {
    let mut value = credspec.to_json();
    prune(&mut value);
    canonical(&value)
}

/// Drops what the cluster drops: fields that the definition does not name. Answers with their paths.
pub fn prune(credspec: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    prune_by(credspec, &CREDSPEC, "", &mut dropped);
    dropped
}

fn prune_by(value: &mut Value, schema: &Schema, path: &str, dropped: &mut Vec<String>) {
    match (value, schema) {
        (Value::Object(map), Schema::Object(fields)) => {
            let known = |key: &str| fields.iter().find(|(name, _)| *name == key);
            map.retain(|key, value| {
                let at = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                if let Some((_, schema)) = known(key) {
                    prune_by(value, schema, &at, dropped);
                    true
                } else {
                    dropped.push(at);
                    false
                }
            });
        }
        (Value::Array(items), Schema::List(schema)) => {
            for (index, item) in items.iter_mut().enumerate() {
                prune_by(item, schema, &format!("{path}[{index}]"), dropped);
            }
        }
        _ => {}
    }
}

/// A JSON value as Go's encoder writes what the API server holds: keys sorted at every depth, numbers without a fraction
/// as whole numbers.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => out.push_str(&go_json(text)),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => write_object(map, out),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&go_json(key));
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// An `int64` exactly; what is none as a `float64`: without an exponent from 1e-6 to 1e21.
fn write_number(number: &Number, out: &mut String) {
    let float = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => {
            let _ = write!(out, "{whole}");
            return;
        }
        (None, float) => float.unwrap_or_default(),
    };
    let size = float.abs();
    // Writing to a string cannot fail.
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                let _ = write!(out, "{digits}e+{exponent}");
            }
            _ => out.push_str(&text),
        }
    } else {
        let _ = write!(out, "{float}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_writes_them() {
        for (json, text) in [
            (
                r#"{"b": 1, "a": {"d": [], "c": {}}}"#,
                r#"{"a":{"c":{},"d":[]},"b":1}"#,
            ),
            (r#"["<&>", "é\u2028"]"#, r#"["\u003c\u0026\u003e","é\u2028"]"#),
            ("9007199254740993", "9007199254740993"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("1e-7", "1e-7"),
            // Neighbours: a reader that is not exact takes one for the other.
            ("1e-30", "1e-30"),
            ("9.999999999999999e-31", "9.999999999999999e-31"),
            ("-0.000001", "-0.000001"),
            ("null", "null"),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(canonical(&value), text, "{json}");
        }
    }

    #[test]
    fn what_the_definition_does_not_name_is_dropped() {
        let mut value = serde_json::json!({
            "CmsPlugins": ["ActiveDirectory"], "Extra": 1,
            "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": [{"Name": "a", "scope": "b"}]},
        });
        assert_eq!(
            prune(&mut value),
            [
                "Extra",
                "ActiveDirectoryConfig.GroupManagedServiceAccounts[0].scope"
            ]
        );
        assert_eq!(
            canonical(&value),
            r#"{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"a"}]},"CmsPlugins":["ActiveDirectory"]}"#
        );
    }
}
