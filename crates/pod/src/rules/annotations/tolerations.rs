//! Tolerations in an annotation, as they were given before 1.6 (`ValidateTolerationsInPodAnnotations`).

use porthole_manifest::{Limits, Span, parse};

use super::{TOLERATIONS, TOLERATIONS_ANNOTATION};
use crate::json_syntax;
use crate::path::Path;
use crate::report::Shown;
use crate::rules::scheduling::tolerations;
use crate::validate::Pass;

/// Checks the tolerations of the annotation's text.
pub(super) fn check(pass: &mut Pass<'_>, json: &str, span: Span, path: &Path<'_>) {
    let wrong = match json_syntax::type_of(json.as_bytes()) {
        Ok("array") => None,
        Ok("null") => return,
        Ok(other) => Some(json_syntax::unmarshal(other, "[]core.Toleration")),
        Err(error) => Some(error),
    };
    if let Some(error) = wrong {
        pass.invalid(
            &TOLERATIONS_ANNOTATION,
            path,
            Shown::Str(TOLERATIONS),
            error.to_string(),
            span,
        );
        return;
    }
    let stream = parse(json, &Limits::default());
    if let Some(document) = stream.documents.first() {
        let list_path = path.child(TOLERATIONS);
        tolerations::check_list(pass, document.root(), &list_path, Some(span));
    }
}
