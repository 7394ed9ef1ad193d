//! Lists whose items have a key, so that it is known who wrote which of them.

use std::collections::HashSet;

use porthole_manifest::Node;

use crate::report::text;

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

/// The lists of these whose items are written without their key where that is empty: then they have none.
const WITHOUT_EMPTY_KEYS: [&str; 3] = ["hostAliases", "imagePullSecrets", "secrets"];

/// Whether two items of such a list have the same key, or one has none, anywhere in an object.
pub(super) fn has_repeated_item(node: Node<'_>) -> bool {
    let in_entry = node.entries().any(|entry| {
        let name = entry.key.key_text();
        let keys = KEYS.iter().find(|(list, _)| *list == name);
        keys.is_some_and(|(list, keys)| {
            is_repeated(entry.value, keys)
                || (WITHOUT_EMPTY_KEYS.contains(list) && entry.value.items().any(|item| lacks(item, keys)))
        }) || has_repeated_item(entry.value)
    });
    in_entry || node.items().any(has_repeated_item)
}

fn is_repeated(list: Node<'_>, keys: &[&str]) -> bool {
    let mut seen = HashSet::new();
    let mut keys_of = list.items().map(|item| match keys {
        [] => vec![item.to_json().to_string()],
        keys => keys.iter().map(|key| value_of(item, key)).collect(),
    });
    keys_of.any(|key| !seen.insert(key))
}

fn lacks(item: Node<'_>, keys: &[&str]) -> bool {
    keys.iter().any(|key| text(item, key).is_empty())
}

/// The value of a field as JSON, filled in where it is left out.
fn value_of(item: Node<'_>, key: &str) -> String {
    let value = item.field(key).filter(|value| !value.is_null());
    let empty = if key == "protocol" { "\"TCP\"" } else { "\"\"" };
    value.map_or_else(|| empty.to_owned(), |value| value.to_json().to_string())
}
