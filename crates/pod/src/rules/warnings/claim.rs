//! Warnings of claims (`GetWarningsForPersistentVolumeClaim`).

use porthole_manifest::Node;

use super::{DEPRECATED_ANNOTATION, check_bytes};
use crate::path::Path;
use crate::report::Report;

const STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// What is said of a claim that is an object of its own, since 1.26.
pub(crate) fn check(report: &mut Report<'_>, object: Node<'_>) {
    if !report.at_least(26) {
        return;
    }
    let annotations = object.child("metadata").child("annotations");
    if let Some(annotation) = annotations.get(STORAGE_CLASS) {
        let metadata = Path::root("metadata");
        let list = metadata.child("annotations");
        let field = list.key(STORAGE_CLASS);
        let text = format!("{field}: deprecated since v1.8; use \"storageClassName\" attribute instead");
        report.warn(&DEPRECATED_ANNOTATION, &field, text, annotation.span());
    }
    check_spec(report, object.child("spec"), &Path::root("spec"));
}

/// What is said of the spec of any claim, since 1.26.
pub(crate) fn check_spec(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let path = path.child("resources");
    let resources = spec.child("resources");
    for key in ["requests", "limits"] {
        check_bytes(report, resources.child(key), "storage", &path.child(key));
    }
}
