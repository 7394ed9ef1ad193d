//! ConfigMaps and Secrets among the manifests.

use porthole_manifest::{Node, Object, Source};

use crate::base64;
use crate::spec::ObjectKind;
use crate::volumes::ObjectData;

/// The most that an object may hold, as the API server has it.
const MAX_OBJECT: usize = 1 << 20;

/// The ConfigMaps and Secrets that pods of one run may refer to.
#[derive(Debug, Default)]
pub struct Objects<'a>(Vec<Entry<'a>>);

#[derive(Debug)]
struct Entry<'a> {
    kind: ObjectKind,
    namespace: String,
    name: &'a str,
    node: Node<'a>,
    source: &'a Source,
}

/// What is wrong with a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {field}: {reason} ({place})")]
pub struct ObjectError {
    /// Its kind and name.
    pub object: String,
    /// Which field.
    pub field: String,
    /// Why.
    pub reason: String,
    /// File, line and column.
    pub place: String,
}

/// One key of an object.
pub(super) struct Datum {
    pub(super) key: String,
    pub(super) content: Vec<u8>,
    /// Whether it may become an environment variable (`binaryData` may not).
    pub(super) is_text: bool,
}

impl<'a> Objects<'a> {
    /// Takes an object in if it is a ConfigMap or Secret, and says whether it is; of several with one name the last counts,
    /// as with `kubectl apply`.
    pub fn add(&mut self, object: &Object<'a>, source: &'a Source, default_namespace: &str) -> bool {
        let kind = match (object.api_version, object.kind) {
            (Some("v1"), Some("ConfigMap")) => ObjectKind::ConfigMap,
            (Some("v1"), Some("Secret")) => ObjectKind::Secret,
            _ => return false,
        };
        let Some(name) = object.name else { return false };
        let namespace = object.namespace.unwrap_or(default_namespace).to_owned();
        self.0.push(Entry {
            kind,
            namespace,
            name,
            node: object.node,
            source,
        });
        true
    }

    /// The keys of an object in the order of the text, or nothing where there is no such object.
    pub(super) fn data(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Option<Result<Vec<Datum>, ObjectError>> {
        self.entry(kind, namespace, name).map(Entry::data)
    }

    /// What an object holds, or nothing where there is no such object.
    ///
    /// # Errors
    /// It is none that the API server would take.
    #[must_use]
    pub fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
    ) -> Option<Result<ObjectData, ObjectError>> {
        let found = self.entry(kind, namespace, name)?;
        Some(found.immutable().and_then(|immutable| {
            let keys = found.data()?;
            Ok(ObjectData {
                keys: keys.into_iter().map(|datum| (datum.key, datum.content)).collect(),
                immutable,
            })
        }))
    }

    /// Kind, namespace and name of each, in the order of the text; of several with one name only the last.
    pub fn names(&self) -> impl Iterator<Item = (ObjectKind, &str, &str)> {
        let last = |(index, entry): &(usize, &Entry<'_>)| {
            let same = |other: &Entry<'_>| {
                (other.kind, &other.namespace, other.name) == (entry.kind, &entry.namespace, entry.name)
            };
            !self.0[index + 1..].iter().any(same)
        };
        let entries = self.0.iter().enumerate().filter(last);
        entries.map(|(_, entry)| (entry.kind, entry.namespace.as_str(), entry.name))
    }

    fn entry(&self, kind: ObjectKind, namespace: &str, name: &str) -> Option<&Entry<'a>> {
        self.0
            .iter()
            .rev()
            .find(|entry| entry.kind == kind && entry.namespace == namespace && entry.name == name)
    }
}

/// What is wrong with a key of a ConfigMap or Secret: it becomes the name of a file or of a variable.
fn key_fault(key: &str) -> Option<&'static str> {
    const CHARACTERS: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
        or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.len() > 253 {
        Some("must be no more than 253 characters")
    } else if key.is_empty() || !key.bytes().all(valid) {
        Some(CHARACTERS)
    } else if key == "." {
        Some("must not be '.'")
    } else if key.starts_with("..") {
        Some("must not start with '..'")
    } else {
        None
    }
}

impl Entry<'_> {
    fn immutable(&self) -> Result<bool, ObjectError> {
        let Some(node) = self.node.field("immutable").filter(|node| !node.is_null()) else {
            return Ok(false);
        };
        node.as_bool()
            .ok_or_else(|| self.error("immutable".to_owned(), node, "must be true or false".to_owned()))
    }

    fn data(&self) -> Result<Vec<Datum>, ObjectError> {
        let mut data: Vec<Datum> = Vec::new();
        let mut total = 0_usize;
        let fields: &[(&str, bool, bool)] = match self.kind {
            // Field, whether it is base64, whether it is text.
            ObjectKind::ConfigMap => &[("data", false, true), ("binaryData", true, false)],
            // `stringData` is written over `data`.
            ObjectKind::Secret => &[("data", true, true), ("stringData", false, true)],
        };
        for &(field, encoded, is_text) in fields {
            let Some(node) = self.node.field(field) else {
                continue;
            };
            if !node.is_mapping() {
                return Err(self.error(field.to_owned(), node, "must be a mapping".to_owned()));
            }
            for entry in node.entries() {
                let key = entry.key.key_text().into_owned();
                if let Some(fault) = key_fault(&key) {
                    let reason = format!("Invalid value: {key:?}: {fault}");
                    return Err(self.error(format!("{field}[{key}]"), entry.key, reason));
                }
                let content = self.content(entry.value, encoded, || format!("{field}[{key}]"))?;
                total = total.saturating_add(content.len());
                if total > MAX_OBJECT {
                    let reason = format!("Too long: may not be more than {MAX_OBJECT} bytes");
                    return Err(self.error(field.to_owned(), node, reason));
                }
                let datum = Datum {
                    key,
                    content,
                    is_text,
                };
                match data.iter_mut().find(|earlier| earlier.key == datum.key) {
                    Some(earlier) if earlier.is_text != datum.is_text => {
                        let reason =
                            format!("Invalid value: {:?}: duplicate of key present in data", datum.key);
                        return Err(self.error(format!("{field}[{}]", datum.key), entry.key, reason));
                    }
                    Some(earlier) => *earlier = datum,
                    None => data.push(datum),
                }
            }
        }
        Ok(data)
    }

    fn content(
        &self,
        value: Node<'_>,
        encoded: bool,
        field: impl Fn() -> String,
    ) -> Result<Vec<u8>, ObjectError> {
        if value.is_null() {
            return Ok(Vec::new());
        }
        let Some(text) = value.as_str() else {
            return Err(self.error(
                field(),
                value,
                "must be a string; put quotes around it".to_owned(),
            ));
        };
        if !encoded {
            return Ok(text.as_bytes().to_vec());
        }
        // The text itself may be a password and is not repeated.
        base64::decode(text).map_err(|offset| {
            let hint = match self.kind {
                ObjectKind::ConfigMap => "put text into data",
                ObjectKind::Secret => "put plain text into stringData",
            };
            self.error(
                field(),
                value,
                format!("illegal base64 data at input byte {offset}; {hint}"),
            )
        })
    }

    fn error(&self, field: String, node: Node<'_>, reason: String) -> ObjectError {
        let object = format!("{} {:?}", self.kind.name(), self.name);
        ObjectError {
            object,
            field,
            reason,
            place: self.source.place(node.span()),
        }
    }
}
