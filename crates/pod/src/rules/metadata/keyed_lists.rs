//! Lists whose items have a key, so that it is known who wrote which of them.

use std::collections::HashSet;

use porthole_manifest::{Entry, Node};

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
/// that Go leaves the empty key out of. The `imagePullSecrets` of a service account have no key, as those of a pod have.
pub(super) fn has_unclear_item(object: Node<'_>, version: Version) -> bool {
    let mut entries = object.entries();
    entries.any(|entry| entry.key.key_text() != "imagePullSecrets" && is_unclear(entry, version))
}

fn is_unclear(entry: Entry<'_>, version: Version) -> bool {
    let name = entry.key.key_text();
    let list = KEYS.iter().find(|(list, _)| *list == name);
    let itself = list.is_some_and(|(list, keys)| {
        !version.at_least(29) && is_repeated(entry.value, keys) || lacks_key(entry.value, list, version)
    });
    itself || holds_unclear(entry.value, version)
}

fn holds_unclear(node: Node<'_>, version: Version) -> bool {
    node.entries().any(|entry| is_unclear(entry, version))
        || node.items().any(|item| holds_unclear(item, version))
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
