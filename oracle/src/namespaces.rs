//! Namespaces at each level and in each mode of Pod Security.

use serde_json::{Value, json};

use crate::random::Random;

/// The namespace that asks nothing.
pub const DEFAULT: &str = "default";

/// Names, and labels without `pod-security.kubernetes.io/`.
const NAMESPACES: &[(&str, &[(&str, &str)])] = &[
    ("o-baseline", &[("enforce", "baseline")]),
    ("o-restricted", &[("enforce", "restricted")]),
    (
        "o-restricted-1-24",
        &[("enforce", "restricted"), ("enforce-version", "v1.24")],
    ),
    (
        "o-restricted-1-25",
        &[("enforce", "restricted"), ("enforce-version", "v1.25")],
    ),
    (
        "o-baseline-1-0",
        &[("enforce", "baseline"), ("enforce-version", "v1.0")],
    ),
    (
        "o-warn",
        &[
            ("enforce", "privileged"),
            ("warn", "restricted"),
            ("warn-version", "latest"),
        ],
    ),
    (
        "o-warn-baseline",
        &[("warn", "baseline"), ("audit", "restricted")],
    ),
    (
        "o-mixed",
        &[
            ("enforce", "baseline"),
            ("warn", "restricted"),
            ("warn-version", "v1.22"),
        ],
    ),
];

/// A namespace to create an object in.
pub fn choose(random: &mut Random) -> &'static str {
    if random.chance(60) {
        return DEFAULT;
    }
    random.pick(NAMESPACES).map_or(DEFAULT, |(name, _)| name)
}

/// The Namespace of that name; none for `default`, which every server has.
#[must_use]
pub fn object(name: &str) -> Option<Value> {
    let (name, labels) = NAMESPACES.iter().find(|(known, _)| *known == name)?;
    let labels: serde_json::Map<String, Value> = labels
        .iter()
        .map(|(key, value)| (format!("pod-security.kubernetes.io/{key}"), (*value).into()))
        .collect();
    Some(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
}

/// Every Namespace that a server needs.
pub fn all() -> impl Iterator<Item = Value> {
    NAMESPACES.iter().filter_map(|(name, _)| object(name))
}
