//! What porthole adds of its own to a decoding error: what was meant, most likely.

use std::collections::VecDeque;

use porthole_manifest::{Node, Value};

use crate::schema::{Struct, Type, TypeId, Types, kinds};
use crate::version::Version;

/// A struct on the way to a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'t> {
    /// The struct.
    pub(super) of: &'t Struct,
    /// The field that leads to it; nothing for the object itself.
    pub(super) field: &'static str,
    /// Its type.
    pub(super) id: TypeId,
}

/// How far below a struct a misplaced field is looked for.
const DEPTH: usize = 3;

/// What an unknown field should be: the same in another case or one that is spelt alike, one of another version, or one
/// that belongs elsewhere.
pub(super) fn unknown(key: &str, owners: &[Owner<'_>], types: &Types, version: Version) -> Option<String> {
    let owner = owners.last()?;
    let names = || owner.of.fields.iter().map(|field| field.name);
    if let Some(name) = names().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(format!("field names are case-sensitive: it is called {name}"));
    }
    if let Some(text) = other_version(key, owner, types, version) {
        return Some(text);
    }
    if let Some(place) = elsewhere(key, owners, types) {
        return Some(format!("it belongs to {place}"));
    }
    nearest(key, names()).map(|name| format!("did you mean {name}?"))
}

/// What is meant by the name of a kind that no server serves in that version of its group.
pub(super) fn unknown_kind(api_version: &str, kind: &str, version: Version) -> String {
    let elsewhere: Vec<&str> = kinds::of_name(kind)
        .filter(|known| known.is_served(version))
        .map(|known| known.api_version)
        .collect();
    if !elsewhere.is_empty() {
        return format!("{kind} is of {}", elsewhere.join(" and "));
    }
    match nearest(kind, kinds::of_version(api_version).map(|known| known.kind)) {
        Some(name) => format!("{api_version} has no {kind}: did you mean {name}?"),
        None => format!("{api_version} has no {kind}"),
    }
}

/// The name that is nearest to what is written, if that is near.
fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = written.len().div_ceil(4).min(3);
    names
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn other_version(key: &str, owner: &Owner<'_>, types: &Types, version: Version) -> Option<String> {
    let name = types.name(owner.id);
    let has = |version: &Version| {
        let types = Types::of(*version);
        types
            .find(name)
            .and_then(|id| types.structure(id))
            .is_some_and(|of| of.field(key).is_some())
    };
    let mut newer = Version::all().filter(|other| *other > version);
    if let Some(first) = newer.find(has) {
        return Some(format!("Kubernetes has it from {first} on; this is {version}"));
    }
    let mut older = Version::all().rev().filter(|other| *other < version);
    let last = older.find(has)?;
    Some(format!("Kubernetes had it up to {last}; this is {version}"))
}

/// The place where a field of that name is: below the struct first, then below those that it stands in.
fn elsewhere(key: &str, owners: &[Owner<'_>], types: &Types) -> Option<String> {
    // Names that every second struct has say nothing.
    if matches!(
        key,
        "name" | "namespace" | "kind" | "type" | "value" | "key" | "path" | "spec"
    ) {
        return None;
    }
    for count in (1..=owners.len()).rev() {
        let mut place: Vec<&str> = owners[1..count].iter().map(|owner| owner.field).collect();
        let own = count == owners.len();
        if let Some(below) = below(key, owners[count - 1].of, types, own) {
            place.extend(below);
            return Some(if place.is_empty() {
                "the object itself".to_owned()
            } else {
                place.join(".")
            });
        }
    }
    None
}

/// The way from a struct to the nearest struct below it that has the field. Lists are not entered: which item would be
/// meant is not known.
fn below<'t>(
    key: &str,
    from: &'t Struct,
    types: &'t Types,
    without_itself: bool,
) -> Option<Vec<&'static str>> {
    let mut waiting = VecDeque::from([(from, Vec::new())]);
    while let Some((of, way)) = waiting.pop_front() {
        if of.field(key).is_some() && !(without_itself && way.is_empty()) {
            return Some(way);
        }
        if way.len() == DEPTH {
            continue;
        }
        for field in &of.fields {
            if matches!(field.name, "metadata" | "status") {
                continue;
            }
            if let Some((inner, false)) = types.inner_struct(&field.of) {
                let mut way = way.clone();
                way.push(field.name);
                waiting.push_back((inner, way));
            }
        }
    }
    None
}

/// How many characters are to be set, removed, replaced or swapped with their neighbours, in any case of letters.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.to_lowercase().chars().collect();
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, left) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, right) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(left != right))
                .min(row[j + 1] + 1)
                .min(next[j] + 1);
            if i > 0 && j > 0 && *left == other[j - 1] && one[i - 1] == *right {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

/// How a value of the wrong type is written rightly, where that can be told.
pub(super) fn mismatch(node: Node<'_>, wanted: &Type, types: &Types) -> Option<String> {
    let mut of = wanted;
    while let Type::Named(id) = of {
        let crate::schema::Definition::Other(other) = types.definition(*id) else {
            break;
        };
        of = other;
    }
    match (node.value(), of) {
        (Value::String(text @ ("true" | "false")), Type::Bool) => {
            Some(format!("write {text} without quotes"))
        }
        (Value::String(text), Type::Int(_)) if text.parse::<i64>().is_ok() => {
            Some(format!("write {text} without quotes"))
        }
        (Value::Bool(_) | Value::Int(_) | Value::Unsigned(_) | Value::Float(_), Type::String) => {
            let written = node.raw();
            Some(format!("put it in quotes: \"{written}\""))
        }
        (Value::String(_), Type::List(of)) if **of == Type::String => {
            Some("it is a list: write one word an item".to_owned())
        }
        (Value::Mapping(_), Type::List(_)) => Some("it is a list: begin the item with `- `".to_owned()),
        (Value::Sequence(items), _) if items.clone().count() == 1 && types.inner_struct(of).is_some() => {
            Some("it is one mapping and no list: remove the `-`".to_owned())
        }
        _ => None,
    }
}

/// How a quantity is written.
pub(super) fn quantity(value: &Value<'_>) -> Option<String> {
    let Value::String(text) = value else { return None };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "k" | "kb" => "k",
        "ki" | "kib" => "Ki",
        "mb" => "M",
        "mi" | "mib" => "Mi",
        "g" | "gb" => "G",
        "gi" | "gib" => "Gi",
        "t" | "tb" => "T",
        "ti" | "tib" => "Ti",
        _ => return None,
    };
    (!digits.is_empty()).then(|| format!("write {digits}{unit}"))
}
