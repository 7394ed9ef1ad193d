//! The parts of a custom resource's schema that are one thing or another: a schema or a boolean, one or a list.
//!
//! Their types read them by a decoder of their own, which is not strict; its first mistake ends the reading. The decoder
//! around it names its own struct as the one that was read.

use porthole_manifest::{Node, Value};

use super::number;
use super::walk::{Ended, Mistake, Walk};
use crate::path::Path;

const SCHEMA: &str = "apiextensions/v1.JSONSchemaProps";

/// What is wrong with a value of the type `name`; nothing of a type that is not one of these.
pub(super) fn mistake(walk: &Walk, node: Node<'_>, name: &str, path: &Path<'_>) -> Option<Mistake> {
    let kind = name.strip_prefix(SCHEMA)?;
    let mut inner = walk.inner();
    match (node.value(), kind) {
        (Value::Mapping(_), _) => {
            // What has ended the walk is its mistake.
            let _ = schema(&mut inner, node, path);
        }
        (Value::Sequence(items), "OrArray" | "OrStringArray") => {
            for (index, item) in items.enumerate() {
                let path = path.index(index);
                let ended = match item.value() {
                    Value::Null => Ok(()),
                    Value::Mapping(_) if kind == "OrArray" => schema(&mut inner, item, &path),
                    Value::String(_) if kind == "OrStringArray" => Ok(()),
                    value => {
                        let wanted = if kind == "OrArray" {
                            "v1.JSONSchemaProps"
                        } else {
                            "string"
                        };
                        inner.mismatch(item, number::kind(&value), wanted, None, &path);
                        Ok(())
                    }
                };
                if ended.is_err() {
                    break;
                }
            }
        }
        (Value::Bool(_) | Value::Null, "OrBool") => {}
        (_, "OrBool") => {
            let text = "boolean or JSON schema expected".to_owned();
            inner.plain_mistake(node, text, None, path);
        }
        // The server takes anything else for nothing.
        _ => {}
    }
    inner.mistake
}

fn schema(walk: &mut Walk, node: Node<'_>, path: &Path<'_>) -> Result<(), Ended> {
    walk.named(node, SCHEMA, path)
}
