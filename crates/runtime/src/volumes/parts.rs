//! What a volume of files is made of: parts, each of one object, laid over each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64;
use crate::spec::{Item, ObjectKind};

/// One source of a volume's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What they are of.
    pub source: PartSource,
    /// The files; none in a record on disk, see [`super::Volume::forget_content`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ContentFile>,
}

/// What the files of a part are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartSource {
    /// Keys of a ConfigMap or Secret.
    Object(ObjectPart),
    /// The downward API: the pod itself.
    Pod,
}

/// Which keys of an object become which files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectPart {
    /// ConfigMap or Secret.
    pub kind: ObjectKind,
    /// The object's name, in the pod's namespace.
    pub name: String,
    /// Which keys, where; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// The mode of files that have none of their own.
    pub mode: u32,
    /// Whether object and keys may be missing.
    #[serde(default)]
    pub optional: bool,
    /// Whether the object was `immutable` when the pod was made.
    #[serde(default)]
    pub immutable: bool,
}

/// One file. Its content goes to a supervisor as base64, and is printed nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFile {
    /// Where, relative to the volume, with `/`; checked to stay in it.
    pub path: String,
    /// What.
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

fn encode<S: Serializer>(content: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::encode(content))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64::decode(&text).map_err(|offset| {
        serde::de::Error::custom(format_args!("no base64 at byte {offset} of a file's content"))
    })
}

impl std::fmt::Debug for ContentFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} ({} bytes, mode {:o})",
            self.path,
            self.content.len(),
            self.mode
        )
    }
}

/// What a ConfigMap or Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub struct ObjectData {
    /// Key and value, in the order of the text.
    pub keys: Vec<(String, Vec<u8>)>,
    /// `immutable: true`.
    pub immutable: bool,
}

impl std::fmt::Debug for ObjectData {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.iter().map(|(key, _)| key);
        formatter.debug_list().entries(keys).finish()
    }
}

impl ObjectPart {
    /// The files that the object's keys become.
    ///
    /// # Errors
    /// A key that must be there is missing, in the kubelet's words, or one is no name of a file.
    pub fn files(&self, data: &ObjectData) -> Result<Vec<ContentFile>, String> {
        let file = |path: &str, content: &[u8], mode: Option<u32>| ContentFile {
            path: path.to_owned(),
            content: content.to_vec(),
            mode: mode.unwrap_or(self.mode),
        };
        if self.items.is_empty() {
            return data
                .keys
                .iter()
                .map(|(key, content)| {
                    if key.is_empty() || key.contains(['/', '\\', ':']) || key.starts_with("..") {
                        let kind = self.kind.name();
                        return Err(format!("key {key:?} of {kind} {:?} is no file name", self.name));
                    }
                    Ok(file(key, content, None))
                })
                .collect();
        }
        let mut files = Vec::new();
        for item in &self.items {
            match data.keys.iter().find(|(key, _)| *key == item.key) {
                Some((_, content)) => files.push(file(&item.path, content, item.mode)),
                None if self.optional => {}
                None => {
                    let what = match self.kind {
                        ObjectKind::Secret => "secret",
                        ObjectKind::ConfigMap => "config",
                    };
                    return Err(format!("references non-existent {what} key: {}", item.key));
                }
            }
        }
        Ok(files)
    }
}

/// All files of a volume by path. Where two parts have the same path the later one counts, as with the kubelet.
///
/// # Errors
/// A path is a file of one part and a directory of another.
pub fn merge<'a>(parts: impl IntoIterator<Item = &'a [ContentFile]>) -> Result<Vec<&'a ContentFile>, String> {
    let mut merged: BTreeMap<&str, &ContentFile> = BTreeMap::new();
    for file in parts.into_iter().flatten() {
        merged.insert(&file.path, file);
    }
    for path in merged.keys() {
        let mut directories = path.match_indices('/').map(|(end, _)| &path[..end]);
        if let Some(both) = directories.find(|directory| merged.contains_key(directory)) {
            return Err(format!("`{both}` would be a file, and the directory of `{path}`"));
        }
    }
    Ok(merged.into_values().collect())
}
