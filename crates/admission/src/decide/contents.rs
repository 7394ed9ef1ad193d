//! The contents of a credential spec, written once for all pods.

use std::sync::Arc;

use porthole_credspec::{Incomparable, same};
use porthole_manifest::Node;

use super::response::{push_text, string};

/// What a pod holds of a credential spec, as a string of JSON: so it stands in reviews and goes into patches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents(Arc<str>);

impl Contents {
    /// The text of the pod's `gmsaCredentialSpec`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut json = Vec::with_capacity(text.len() * 5 / 4 + 2);
        push_text(&mut json, text);
        Self(string(json).into())
    }

    /// The text in quotes, its own and all else that JSON escapes with a backslash before it.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The text itself.
    #[must_use]
    pub fn text(&self) -> String {
        // It is a string of JSON.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    pub(super) fn into_json(self) -> Arc<str> {
        self.0
    }

    /// Whether a pod's contents say the same.
    ///
    /// # Errors
    /// One of them is no JSON object.
    pub(super) fn is_same(&self, held: Node<'_>) -> Result<bool, Incomparable> {
        // Nearly always they are what was filled in, and no text has to be put together to see it.
        if held.escaped() == Some(self.as_json()) {
            return Ok(true);
        }
        same(held.as_str().unwrap_or_default(), &self.text())
    }
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Keep, Limits, parse, parse_json};

    use super::*;

    #[test]
    fn contents_are_the_same_however_they_are_written() {
        let contents = Contents::new("{\"a\":\"b\\u003c\"}");
        assert_eq!(contents.as_json(), r#""{\"a\":\"b\\u003c\"}""#);
        assert_eq!(contents.text(), "{\"a\":\"b\\u003c\"}");
        for (held, is_same) in [
            (r#""{\"a\":\"b\\u003c\"}""#, true),
            (r#""{\u0022a\u0022: \"b<\"}""#, true),
            (r#""{\"a\":\"b\\u003d\"}""#, false),
            (r#""{}""#, false),
        ] {
            let text = format!("{{\"held\": {held}}}");
            let json = parse_json(&text, &Limits::default(), &Keep::All).unwrap();
            let yaml = parse(&text, &Limits::default());
            for document in [&json, &yaml.documents[0]] {
                let held = document.root().child("held");
                assert_eq!(contents.is_same(held), Ok(is_same), "{held:?}");
            }
        }
        let list = parse("[]", &Limits::default());
        assert!(contents.is_same(list.documents[0].root()).is_err());
    }
}
