//! Finalizers: what has to be done before the object goes (`ValidateFinalizers`, `validateKubeFinalizerName`).

use porthole_manifest::Node;

use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, items, place, texts};
use crate::rule::rules;

rules! { ApiServer:
    /// A finalizer is named like the key of a label, with the domain of who removes it: `example.com/cleanup`. Without a
    /// domain there are `kubernetes`, and either of `orphan` and `foregroundDeletion`.
    FINALIZERS = "finalizers";
}

/// The form of the names.
pub(super) fn check(report: &mut Report<'_>, metadata: Node<'_>, path: &Path<'_>) {
    let (mut orphans, mut deletes) = (false, false);
    for item in items(metadata, "finalizers") {
        let name = item.as_str().unwrap_or_default();
        let faults = names::qualified_name(name, report.options.kubernetes_version);
        report.faults(&FINALIZERS, path, name, faults, item.span());
        orphans |= name == "orphan";
        deletes |= name == "foregroundDeletion";
    }
    if orphans && deletes {
        let all = texts(metadata, "finalizers");
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        let span = place(metadata, "finalizers");
        report.invalid(&FINALIZERS, path, Shown::Strings(&all), detail, span);
    }
}

/// Names without a domain are those that Kubernetes knows. This comes after all else.
pub(super) fn check_known(report: &mut Report<'_>, metadata: Node<'_>, path: &Path<'_>) {
    for (index, item) in items(metadata, "finalizers").enumerate() {
        let name = item.as_str().unwrap_or_default();
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            report.invalid(
                &FINALIZERS,
                &path.index(index),
                Shown::Str(name),
                detail,
                item.span(),
            );
        }
    }
}
