//! Namespaces (`ValidateNamespace`).

use porthole_manifest::Node;

use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, items};
use crate::rule::rules;

rules! { ApiServer:
    /// What has to be done before a namespace goes is named by a domain and a name, or is `kubernetes`, which the API server
    /// fills in.
    NAMESPACE_FINALIZERS = "namespace-finalizers";
}

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let root = Path::root("spec");
    let path = root.child("finalizers");
    for item in items(object.child("spec"), "finalizers") {
        let name = item.as_str().unwrap_or_default();
        let faults = names::qualified_name(name, report.options.kubernetes_version);
        report.faults(&NAMESPACE_FINALIZERS, &path, name, faults, item.span());
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            report.invalid(
                &NAMESPACE_FINALIZERS,
                &path,
                Shown::Str(name),
                detail,
                item.span(),
            );
        }
    }
}
