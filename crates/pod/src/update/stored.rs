//! What an object is made of once it has been stored: the API server keeps no lists and mappings that are empty. A field that
//! is empty in both manifests is none of the change, and so it is not set; one that is emptied is there, and empty.

use porthole_manifest::{Document, Node, Object, objects};

use crate::options::Options;
use crate::schema::{self, Definition, Type, Types};

/// The documents of an object and of the one that takes its place, without what was not stored.
pub(super) struct Stored {
    old: Document,
    new: Document,
}

impl Stored {
    /// None where all of it was.
    pub(super) fn of(old: &Object<'_>, new: &Object<'_>, options: &Options) -> Option<Self> {
        let version = options.kubernetes_version;
        let structure = schema::kind(new.api_version?, new.kind?)?.structure(version)?;
        let types = Types::of(version);
        let mut gone = Vec::new();
        collect(types, &Type::Named(structure), (old.node, new.node), &mut gone);
        if gone.is_empty() {
            return None;
        }
        let (before, after): (Vec<_>, Vec<_>) = gone.into_iter().unzip();
        Some(Self {
            old: old.node.document().without(&before),
            new: new.node.document().without(&after),
        })
    }

    /// The objects in them that are the same as these.
    pub(super) fn objects<'s>(
        &'s self,
        old: &Object<'_>,
        new: &Object<'_>,
    ) -> Option<(Object<'s>, Object<'s>)> {
        Some((same(&self.old, old)?, same(&self.new, new)?))
    }
}

/// The object of a document that stands where this one does.
fn same<'s>(document: &'s Document, of: &Object<'_>) -> Option<Object<'s>> {
    let mut objects = objects(document).into_iter();
    objects.find(|object| object.node.span() == of.node.span())
}

/// What an object and the one that takes its place hold in the same field.
type Pair<'o, 'n> = (Node<'o>, Node<'n>);

/// Collects the values that are empty before and after, and so were not stored.
fn collect<'o, 'n>(types: &Types, of: &Type, (old, new): Pair<'o, 'n>, gone: &mut Vec<Pair<'o, 'n>>) {
    // What is written elsewhere may be something else there.
    if old.is_alias() || new.is_alias() {
        return;
    }
    match of {
        Type::List(_) | Type::Map(_) if is_empty(old) && is_empty(new) => gone.push((old, new)),
        // Another list takes the place of the old one as a whole.
        Type::List(of) if old.to_json() == new.to_json() => {
            for pair in old.items().zip(new.items()) {
                collect(types, of, pair, gone);
            }
        }
        Type::Named(id) => match types.definition(*id) {
            Definition::Struct(structure) => {
                for entry in new.entries() {
                    let key = entry.key.key_text();
                    if let (Some((_, field)), Some(old)) = (structure.field(&key), old.field(&key)) {
                        collect(types, &field.of, (old, entry.value), gone);
                    }
                }
            }
            Definition::Other(of) => collect(types, of, (old, new), gone),
            Definition::Decodes | Definition::Unknown => {}
        },
        _ => {}
    }
}

fn is_empty(node: Node<'_>) -> bool {
    (node.is_sequence() && node.items().next().is_none())
        || (node.is_mapping() && node.entries().next().is_none())
}
