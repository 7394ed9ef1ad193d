//! `metadata.managedFields`, which nobody writes by hand (`ValidateManagedFields`).

use porthole_manifest::Node;

use crate::path::Path;
use crate::render::is_printable;
use crate::report::{Report, Shown, items, place, text};
use crate::rule::rules;

rules! { ApiServer:
    /// `metadata.managedFields` is the API server's record of who wrote which field. Leave it out of manifests.
    MANAGED_FIELDS = "managed-fields";
}

/// The longest name of a manager, in bytes.
const MANAGER_LIMIT: usize = 128;
/// The longest name of a subresource, in bytes.
const SUBRESOURCE_LIMIT: usize = 256;

/// Records that can be read. Where one cannot, the API server drops all of them before it validates.
pub(super) fn check(report: &mut Report<'_>, metadata: Node<'_>, path: &Path<'_>) {
    if !items(metadata, "managedFields").all(is_readable) {
        return;
    }
    for (index, entry) in items(metadata, "managedFields").enumerate() {
        let path = path.index(index);
        let manager = text(entry, "manager");
        let field = path.child("manager");
        let span = place(entry, "manager");
        if manager.len() > MANAGER_LIMIT {
            report.too_long_name(&MANAGED_FIELDS, &field, MANAGER_LIMIT, span);
        }
        for (at, c) in manager.char_indices().filter(|(_, c)| !is_printable(*c)) {
            let detail = format!("invalid character {} (at position {at})", code_point(c));
            report.invalid(&MANAGED_FIELDS, &field, Shown::Str(manager), detail, span);
        }
        if text(entry, "subresource").len() > SUBRESOURCE_LIMIT {
            let span = place(entry, "subresource");
            report.too_long_name(
                &MANAGED_FIELDS,
                &path.child("subresource"),
                SUBRESOURCE_LIMIT,
                span,
            );
        }
    }
}

fn is_readable(entry: Node<'_>) -> bool {
    matches!(text(entry, "operation"), "Apply" | "Update")
        && !text(entry, "apiVersion").is_empty()
        && text(entry, "fieldsType") == "FieldsV1"
}

/// A character as Go's `%#U` prints one that cannot be printed.
fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}
