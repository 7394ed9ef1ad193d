//! Credential specs, as YAML and as JSON.

use porthole_credspec::{CredentialSpec, canonical, contents, lint, same};
use porthole_manifest::{Limits, Node, parse};
use serde_json::Value;

pub(super) fn holds(text: &str) {
    for document in &parse(text, &Limits::default()).documents {
        let root = document.root();
        one(text, root);
        if let Some(credspec) = root.get("credspec") {
            one(text, credspec);
        }
    }
    // As a string in a pod it can be anything.
    let _ = same(text, "{}");
    if let Ok(spec) = serde_json::from_str::<CredentialSpec>(text) {
        let written = serde_json::to_string(&spec).expect("a credential spec can be written");
        let read: CredentialSpec = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(read, spec);
    }
}

fn one(text: &str, credspec: Node<'_>) {
    for finding in lint(credspec, "credspec") {
        let span = finding.span.unwrap_or_default();
        assert!(span.slice(text).is_some(), "{span:?} is no place in the text");
    }
    let written = contents(credspec);
    let read: Value = match serde_json::from_str(&written) {
        Ok(read) => read,
        // The other reader goes less deep than a manifest may.
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => return,
        Err(error) => panic!("{error}: {written}"),
    };
    assert_eq!(
        canonical(&read),
        written,
        "canonical text is its own canonical text"
    );
    match same(&written, &format!(" {written}")) {
        Ok(same) => assert!(same, "white space does not count"),
        Err(error) => assert!(!credspec.is_mapping(), "{error}"),
    }
}
