//! `metadata.managedFields`, which nobody writes by hand (`ValidateManagedFields`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use porthole_manifest::Node;
use serde_json::Value;

use super::keyed_lists::has_unclear_item;
use super::own_fields::Own;
use crate::decode::time::seconds;
use crate::path::Path;
use crate::render::is_printable;
use crate::report::{Report, Shown, items, place, text};
use crate::rule::rules;
use crate::schema;
use crate::version::Version;

rules! { ApiServer:
    /// `metadata.managedFields` is the API server's record of who wrote which field. Leave it out of manifests.
    MANAGED_FIELDS = "managed-fields";
}

/// The longest name of a manager, in bytes.
const MANAGER_LIMIT: usize = 128;
/// The longest name of a subresource, in bytes.
const SUBRESOURCE_LIMIT: usize = 256;

/// Records that can be read. Where one cannot, the API server drops all of them before it validates.
pub(super) fn check(report: &mut Report<'_>, object: Node<'_>, path: &Path<'_>) {
    let metadata = object.child("metadata");
    if !items(metadata, "managedFields").all(is_readable) {
        return;
    }
    // They are dropped, too, where it cannot be told which item of a list they are about.
    let version = report.options.kubernetes_version;
    if items(metadata, "managedFields").next().is_none() || has_unclear_item(object, version) {
        return;
    }
    // Of records without fields, and of versions that the kind does not have, nothing is left; nor of those whose fields are all
    // written by who creates the object.
    let own = (!report.is_change)
        .then(|| Own::of(object, report.options))
        .flatten();
    let is_own = |entry: Node<'_>| {
        own.as_ref()
            .is_some_and(|own| own.sets_all(entry.child("fieldsV1")))
    };
    let mut written = distinct(items(metadata, "managedFields"));
    written.retain(|entry| {
        read_fields(*entry) == Some(true) && has_version(*entry, object, version) && !is_own(*entry)
    });
    written.sort_by_key(|entry| order(*entry));
    for (index, entry) in written.into_iter().enumerate() {
        let path = path.index(index);
        let manager = text(entry, "manager");
        let field = path.child("manager");
        let span = place(entry, "manager");
        if manager.len() > MANAGER_LIMIT {
            report.too_long(&MANAGED_FIELDS, &field, MANAGER_LIMIT, span);
        }
        for (at, c) in manager.char_indices().filter(|(_, c)| !is_printable(*c)) {
            let detail = format!("invalid character {} (at position {at})", code_point(c));
            report.invalid(&MANAGED_FIELDS, &field, Shown::Str(manager), detail, span);
        }
        if text(entry, "subresource").len() > SUBRESOURCE_LIMIT {
            let span = place(entry, "subresource");
            report.too_long(
                &MANAGED_FIELDS,
                &path.child("subresource"),
                SUBRESOURCE_LIMIT,
                span,
            );
        }
    }
}

/// Of records of the same manager the last (`BuildManagerIdentifier`). Whoever applies is the same in every version.
fn distinct<'a>(entries: impl Iterator<Item = Node<'a>>) -> Vec<Node<'a>> {
    let mut distinct: Vec<Node<'a>> = Vec::new();
    let mut places = HashMap::new();
    for entry in entries {
        let operation = text(entry, "operation");
        let version = if operation == "Apply" {
            ""
        } else {
            text(entry, "apiVersion")
        };
        let identity = (
            text(entry, "manager"),
            operation,
            version,
            text(entry, "subresource"),
        );
        match places.entry(identity) {
            Entry::Occupied(place) => distinct[*place.get()] = entry,
            Entry::Vacant(place) => {
                place.insert(distinct.len());
                distinct.push(entry);
            }
        }
    }
    distinct
}

/// By what the API server puts records in order (`sortEncodedManagedFields`). That of who creates the object, of now, is left out:
/// it would stand before records of the future.
fn order(entry: Node<'_>) -> (&str, i64, [&str; 3]) {
    let names = ["manager", "apiVersion", "subresource"].map(|key| text(entry, key));
    let time = seconds(text(entry, "time")).unwrap_or_default();
    (text(entry, "operation"), time, names)
}

fn is_readable(entry: Node<'_>) -> bool {
    matches!(text(entry, "operation"), "Apply" | "Update")
        && !text(entry, "apiVersion").is_empty()
        && text(entry, "fieldsType") == "FieldsV1"
        && read_fields(entry).is_some()
}

/// Whether a record is of the object's own version, or of another one of its kind.
fn has_version(entry: Node<'_>, object: Node<'_>, version: Version) -> bool {
    let given = text(entry, "apiVersion");
    let kind = || schema::kind(given, text(object, "kind"));
    given == text(object, "apiVersion") || kind().is_some_and(|kind| kind.is_known(version))
}

/// Whether a record names any field; none where its fields cannot be read.
fn read_fields(entry: Node<'_>) -> Option<bool> {
    entry.field("fieldsV1").map_or(Some(false), read_set)
}

/// A set of fields is written as a mapping from each to the set of those below it (`FieldsV1`).
fn read_set(set: Node<'_>) -> Option<bool> {
    if !set.is_mapping() {
        return set.is_null().then_some(false);
    }
    let mut any = false;
    for entry in set.entries() {
        let key = entry.key.key_text();
        let json = |text| serde_json::from_str::<Value>(text).ok();
        let can_be_read = match key.split_at_checked(2) {
            // The set itself.
            None if key == "." => continue,
            Some(("f:", _)) => true,
            Some(("v:", value)) => json(value).is_some(),
            Some(("k:", keys)) => json(keys).is_some_and(|keys| keys.is_object()),
            Some(("i:", index)) => index.parse::<i64>().is_ok(),
            // What a newer server may know.
            Some((kind, _)) if kind.ends_with(':') => continue,
            _ => false,
        };
        if !can_be_read {
            return None;
        }
        read_set(entry.value)?;
        any = true;
    }
    Some(any)
}

/// A character as Go's `%#U` prints one that cannot be printed.
fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}
