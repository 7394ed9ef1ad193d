//! Tolerations in an annotation, as they were given before 1.6 (`ValidateTolerationsInPodAnnotations`).

use porthole_manifest::{Kind, Limits, Node, Span, parse};

use super::{TOLERATIONS, TOLERATIONS_ANNOTATION};
use crate::path::Path;
use crate::report::Shown;
use crate::rules::scheduling::tolerations;
use crate::validate::Pass;

/// Checks the tolerations of the annotation's text.
pub(super) fn check(pass: &mut Pass<'_>, json: &str, span: Span, path: &Path<'_>) {
    let stream = serde_json::from_str::<serde_json::Value>(json).map(|_| parse(json, &Limits::default()));
    let list = match &stream {
        Ok(stream) => stream.documents.first().map(porthole_manifest::Document::root),
        Err(error) => {
            report(pass, path, &go_error(json, error), span);
            return;
        }
    };
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return;
    };
    if let Some(kind) = wrong_type(list) {
        let detail = format!("json: cannot unmarshal {kind} into Go value of type []core.Toleration");
        report(pass, path, &detail, span);
        return;
    }
    let list_path = path.child(TOLERATIONS);
    tolerations::check_list(pass, list, &list_path, Some(span));
}

fn report(pass: &mut Pass<'_>, path: &Path<'_>, detail: &str, span: Span) {
    pass.invalid(
        &TOLERATIONS_ANNOTATION,
        path,
        Shown::Str(TOLERATIONS),
        detail,
        span,
    );
}

/// What Go calls a value that is no list.
fn wrong_type(node: Node<'_>) -> Option<&'static str> {
    match node.kind() {
        Kind::Sequence | Kind::Null => None,
        Kind::Mapping => Some("object"),
        Kind::String => Some("string"),
        Kind::Bool => Some("bool"),
        Kind::Int | Kind::Float => Some("number"),
    }
}

/// What Go says of a text that is no JSON.
fn go_error(json: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let first = json.trim_start_matches([' ', '\t', '\r', '\n']).chars().next();
    match first {
        Some(c) if !matches!(c, '{' | '[' | '"' | '-' | '0'..='9' | 't' | 'f' | 'n') => {
            let shown = if c == '\'' {
                "\\'".to_owned()
            } else {
                c.to_string()
            };
            format!("invalid character '{shown}' looking for beginning of value")
        }
        _ => error.to_string(),
    }
}
