//! Lists whose items have a key, so that it is known who wrote which of them.

use std::collections::HashSet;

use porthole_manifest::Node;

use crate::report::text;
use crate::version::Version;

/// The lists, with the fields that are the key of an item; of finalizers it is the item itself.
const KEYS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("finalizers", &[]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ownerReferences", &["uid"]),
    ("ports", &["containerPort", "port", "protocol"]),
    ("secrets", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Whether items of such a list cannot be told apart, anywhere in an object: up to 1.28 two that have the same key, and items
/// that Go leaves the empty key out of.
pub(super) fn has_unclear_item(node: Node<'_>, version: Version) -> bool {
    let in_entry = node.entries().any(|entry| {
        let name = entry.key.key_text();
        let list = KEYS.iter().find(|(list, _)| *list == name);
        let is_unclear = list.is_some_and(|(list, keys)| {
            !version.at_least(29) && is_repeated(entry.value, keys) || lacks_key(entry.value, list, version)
        });
        is_unclear || has_unclear_item(entry.value, version)
    });
    in_entry || node.items().any(|item| has_unclear_item(item, version))
}

fn lacks_key(list: Node<'_>, name: &str, version: Version) -> bool {
    let key = match name {
        "hostAliases" if !version.at_least(30) => "ip",
        "imagePullSecrets" if !version.at_least(30) => "name",
        "secrets" => "name",
        _ => return false,
    };
    list.items().any(|item| text(item, key).is_empty())
}

fn is_repeated(list: Node<'_>, keys: &[&str]) -> bool {
    let mut seen = HashSet::new();
    let mut keys_of = list.items().map(|item| match keys {
        [] => vec![item.to_json().to_string()],
        keys => keys.iter().map(|key| value_of(item, key)).collect(),
    });
    keys_of.any(|key| !seen.insert(key))
}

/// The value of a field as JSON, filled in where it is left out.
fn value_of(item: Node<'_>, key: &str) -> String {
    let value = item.field(key).filter(|value| !value.is_null());
    let empty = if key == "protocol" { "\"TCP\"" } else { "\"\"" };
    value.map_or_else(|| empty.to_owned(), |value| value.to_json().to_string())
}
