//! A JSON patch (RFC 6902) that only adds, built from the object as it came.

use std::sync::Arc;

use porthole_manifest::Node;
use serde_json::{Value, json};

use super::response::{push_list, push_text, string};

/// How many bytes an operation has without its value, mostly.
const OPERATION: usize = 128;

/// One operation: `add`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What, as JSON.
    pub value: Arc<str>,
}

/// What is to be added to an object, in this order. Nothing is replaced but null, the empty hostname
/// and porthole's own annotation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    operations: Vec<Operation>,
    /// How many bytes the values have together.
    length: usize,
}

impl Patch {
    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many bytes the values that it adds have together, as JSON.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Adds `value`, JSON, at a pointer whose parent is there.
    pub(super) fn put(&mut self, path: String, value: Arc<str>) {
        self.length += value.len();
        self.operations.push(Operation { path, value });
    }

    /// Adds `value` to `object` at the path of these keys. Objects on the way there that are missing or null are added with
    /// it.
    pub(super) fn add(&mut self, object: Node<'_>, keys: &[&str], mut value: Value) {
        let mut pointer = String::new();
        let mut at = Some(object);
        let mut rest = keys.iter();
        for key in rest.by_ref() {
            at = at.and_then(|node| node.field(key));
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            if at.is_none() {
                break;
            }
        }
        for key in rest.rev() {
            value = json!({ *key: value });
        }
        self.put(pointer, value.to_string().into());
    }

    /// The patch as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        string(self.json())
    }

    /// The same as bytes.
    pub(super) fn json(&self) -> Vec<u8> {
        let room = self.operations.len() * OPERATION + self.length;
        let mut json = Vec::with_capacity(room);
        json.push(b'[');
        push_list(&mut json, &self.operations, |json, operation| {
            json.extend_from_slice(br#"{"op":"add","path":"#);
            push_text(json, &operation.path);
            json.extend_from_slice(br#","value":"#);
            json.extend_from_slice(operation.value.as_bytes());
            json.push(b'}');
        });
        json.push(b']');
        json
    }
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, parse};

    use super::*;

    #[test]
    fn what_is_missing_on_the_way_is_added_with_it() {
        let keys = ["metadata", "annotations", "a/b~c"];
        for (object, expected) in [
            (
                "{}",
                json!([{"op": "add", "path": "/metadata", "value": {"annotations": {"a/b~c": "v"}}}]),
            ),
            (
                "{\"metadata\": {\"annotations\": null}}",
                json!([{"op": "add", "path": "/metadata/annotations", "value": {"a/b~c": "v"}}]),
            ),
            (
                "{\"metadata\": {\"annotations\": {\"x\": \"y\"}}}",
                json!([{"op": "add", "path": "/metadata/annotations/a~1b~0c", "value": "v"}]),
            ),
        ] {
            let stream = parse(object, &Limits::default());
            let mut patch = Patch::default();
            patch.add(stream.documents[0].root(), &keys, json!("v"));
            assert_eq!(patch.to_json(), expected.to_string(), "{object}");
        }
    }
}
