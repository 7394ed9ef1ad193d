//! What the API server makes up: names of `generateName`, and unique identifiers.

use std::borrow::Cow;

use porthole_manifest::Node;

use crate::report::text;

/// Stands for the characters that the API server draws: it has five, of consonants and digits, so that these could be
/// some.
const DRAWN: &str = "xxxxx";

/// The longest text that a name is generated of; of a longer one the end is left out.
const BASE_LIMIT: usize = 58;

/// Stands for the `uid` that the API server gives an object.
pub(crate) const GENERATED_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The name that the object with this `metadata` is created with: its own, or one that is generated of `generateName`, of
/// which five characters that the API server draws are shown as `xxxxx`. Empty where it has neither.
#[must_use]
pub fn created_name(metadata: Node<'_>) -> Cow<'_, str> {
    let name = text(metadata, "name");
    let base = text(metadata, "generateName");
    if !name.is_empty() || base.is_empty() {
        return Cow::Borrowed(name);
    }
    let mut end = base.len().min(BASE_LIMIT);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{DRAWN}", &base[..end]))
}
