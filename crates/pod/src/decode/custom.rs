//! Decoding of a custom resource: as JSON of any kind first, then its metadata by their type, and the rest by the schema of
//! its definition.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::number;
use super::walk::Walk;
use crate::path::Path;
use crate::rules::object::credential_spec::{SCHEMA, Shape};
use crate::version::Version;

/// What keeps an object from being decoded.
pub(super) fn walk(object: Node<'_>, version: Version) -> Walk {
    let mut walk = Walk::new(version);
    duplicates(&mut walk, object, None);
    let mut unknown = Vec::new();
    if let Some(metadata) = object.field("metadata") {
        let mut inner = walk.inner();
        let path = Path::root("metadata");
        if metadata.is_mapping() {
            // What has ended the walk is its mistake.
            let _ = inner.named(metadata, "meta/v1.ObjectMeta", &path);
        } else if !metadata.is_null() {
            let found = number::kind(&metadata.value());
            let text = format!("json: cannot unmarshal {found} into Go value of type v1.ObjectMeta");
            inner.plain_mistake(metadata, text, None, &path);
        }
        walk.mistake = inner.mistake;
        unknown.extend(inner.strict.into_iter().filter(|error| !error.duplicate));
    }
    unknown.sort_by(|one, other| one.path.cmp(&other.path));
    walk.strict.append(&mut unknown);
    let mut of_schema = walk.inner();
    unknown_fields(&mut of_schema, object, Some(&SCHEMA), None);
    of_schema.strict.sort_by(|one, other| one.path.cmp(&other.path));
    walk.strict.append(&mut of_schema.strict);
    walk
}

fn below<'p>(path: Option<&'p Path<'_>>, key: &'p str) -> Path<'p> {
    path.map_or(Path::root(key), |path| path.child(key))
}

/// Keys that are there before, wherever they are.
fn duplicates(walk: &mut Walk, node: Node<'_>, path: Option<&Path<'_>>) {
    let mut seen = HashSet::new();
    for entry in node.entries() {
        let key = entry.key.key_text();
        let here = below(path, &key);
        if !seen.insert(key.clone()) {
            walk.strict(true, &here, &key, entry);
        }
        duplicates(walk, entry.value, Some(&here));
    }
    if let Some(path) = path {
        for (index, item) in node.items().enumerate() {
            duplicates(walk, item, Some(&path.index(index)));
        }
    }
}

/// Fields that the schema does not name. Below what is to be something else none is named.
fn unknown_fields(walk: &mut Walk, node: Node<'_>, shape: Option<&'static Shape>, path: Option<&Path<'_>>) {
    for entry in node.entries() {
        let key = entry.key.key_text();
        if path.is_none() && matches!(&*key, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let here = below(path, &key);
        match shape.and_then(|shape| shape.field(&key)) {
            Some(shape) => unknown_fields(walk, entry.value, Some(shape), Some(&here)),
            None => walk.strict(false, &here, &key, entry),
        }
    }
    if let Some(path) = path {
        let of = match shape {
            Some(Shape::List(of)) => Some(*of),
            _ => None,
        };
        for (index, item) in node.items().enumerate() {
            unknown_fields(walk, item, of, Some(&path.index(index)));
        }
    }
}
