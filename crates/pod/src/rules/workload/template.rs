//! What a workload asks of the pods that it keeps running.

use crate::path::Path;
use crate::report::{Shown, is_true, items, place, text};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// Pods that are kept running are always restarted: of `restartPolicy` only `Always` fits a Deployment, a DaemonSet, a
    /// StatefulSet. Pods that end belong into a Job, and there it is `Never` or `OnFailure`, and has to be said.
    TEMPLATE_RESTART_POLICY = "template-restart-policy";
    /// Pods that are kept running have no `activeDeadlineSeconds`.
    TEMPLATE_DEADLINE = "template-deadline";
    /// Pods on several nodes can mount a Google disk read-only. Up to 1.28.
    SHARED_DISK = "shared-disk";
}

/// Disks that several pods cannot share (`ValidateReadOnlyPersistentDisks`).
pub(super) fn check_disks(pass: &mut Pass<'_>) {
    if pass.at_least(31) || pass.at_least(28) && pass.enabled("SkipReadOnlyValidationGCE") {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    for (index, volume) in items(pass.spec, "volumes").enumerate() {
        if let Some(disk) = volume
            .field("gcePersistentDisk")
            .filter(|disk| !is_true(*disk, "readOnly"))
        {
            let path = list.index(index);
            let path = path.child("gcePersistentDisk");
            let detail = "must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is \
                read-only";
            let span = place(disk, "readOnly");
            pass.invalid(
                &SHARED_DISK,
                &path.child("readOnly"),
                Shown::Bool(false),
                detail,
                span,
            );
        }
    }
}

/// The restart policy is `Always`.
pub(super) fn check_restart_policy(pass: &mut Pass<'_>) {
    let policy = text(pass.spec, "restartPolicy");
    if !matches!(policy, "" | "Always") {
        let spec = pass.spec_path();
        let span = place(pass.spec, "restartPolicy");
        let field = spec.child("restartPolicy");
        pass.not_supported(
            &TEMPLATE_RESTART_POLICY,
            &field,
            Shown::Named(policy),
            &["Always"],
            span,
        );
    }
}

/// There is no deadline; `kind` is whose template the message says that it is.
pub(super) fn check_no_deadline(pass: &mut Pass<'_>, kind: &str) {
    if let Some(node) = pass.spec.field("activeDeadlineSeconds") {
        let path: Path<'_> = pass.spec_path();
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        let span = node.span();
        pass.forbidden(
            &TEMPLATE_DEADLINE,
            &path.child("activeDeadlineSeconds"),
            detail,
            span,
        );
    }
}
