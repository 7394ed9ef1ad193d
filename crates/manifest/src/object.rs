//! The Kubernetes objects of a document.

use crate::document::Document;
use crate::node::Node;

/// An object: the whole of a document, or an item of a List.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// The object's tree.
    pub node: Node<'a>,
    /// `kind`, such as `Pod`.
    pub kind: Option<&'a str>,
    /// `apiVersion`, such as `apps/v1`.
    pub api_version: Option<&'a str>,
    /// `metadata.name`.
    pub name: Option<&'a str>,
    /// `metadata.namespace`.
    pub namespace: Option<&'a str>,
}

impl<'a> Object<'a> {
    fn new(node: Node<'a>, kind: Option<&'a str>, api_version: Option<&'a str>) -> Self {
        let metadata = node.field("metadata");
        let text = |key| {
            metadata
                .and_then(|metadata| metadata.field(key))
                .and_then(Node::as_str)
        };
        Self {
            node,
            kind,
            api_version,
            name: text("name"),
            namespace: text("namespace"),
        }
    }

    /// The group of `apiVersion`: `apps` of `apps/v1`, nothing of `v1`.
    #[must_use]
    pub fn group(&self) -> &'a str {
        self.api_version
            .and_then(|version| version.split_once('/'))
            .map_or("", |(group, _)| group)
    }
}

/// The objects of a document: itself, or, of a `List` or any `…List` with `items`, each item in turn. Items of a typed
/// list that do not name their kind have the list's, as kubectl takes them.
#[must_use]
pub fn objects(document: &Document) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    collect(document.root(), None, None, &mut found);
    found
}

fn collect<'a>(
    node: Node<'a>,
    item_kind: Option<&'a str>,
    item_version: Option<&'a str>,
    found: &mut Vec<Object<'a>>,
) {
    let text = |key| node.field(key).and_then(Node::as_str);
    let kind = text("kind").or(item_kind);
    let api_version = text("apiVersion").or(item_version);
    let items = node.get("items").filter(|items| items.is_sequence());
    if let (Some(of), Some(items)) = (kind.and_then(|kind| kind.strip_suffix("List")), items) {
        let (kind, version) = if of.is_empty() {
            (None, None)
        } else {
            (Some(of), api_version)
        };
        items.items().for_each(|item| collect(item, kind, version, found));
    } else {
        found.push(Object::new(node, kind, api_version));
    }
}
