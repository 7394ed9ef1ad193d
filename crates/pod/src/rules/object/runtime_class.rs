//! `RuntimeClasses` (`ValidateRuntimeClass`).

use porthole_manifest::Node;

use crate::names::{self, LABEL_LIMIT};
use crate::path::Path;
use crate::report::{Report, place, text};
use crate::rule::rules;
use crate::rules::labels;

rules! { ApiServer:
    /// A `RuntimeClass` names the handler of the nodes' container runtimes: at most 63 lower-case letters, digits and inner
    /// dashes, as the configuration of containerd calls it.
    RUNTIME_HANDLER = "runtime-handler";
}

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    // Since 1.37 what the types themselves declare comes last.
    let late = report.at_least(37);
    if !late {
        check_handler(report, object);
    }
    if let Some(labels) = object.child("scheduling").field("nodeSelector") {
        let root = Path::root("scheduling");
        labels::check(report, labels, &root.child("nodeSelector"));
    }
    if late {
        check_handler(report, object);
    }
}

fn check_handler(report: &mut Report<'_>, object: Node<'_>) {
    let handler = text(object, "handler");
    let field = Path::root("handler");
    let span = place(object, "handler");
    if handler.is_empty() && report.at_least(36) {
        report.required(&RUNTIME_HANDLER, &field, "", span);
        return;
    }
    let mut faults = names::dns1123_label(handler, report.options.kubernetes_version);
    if handler.len() > LABEL_LIMIT && report.at_least(37) {
        faults[0] = format!("must be no more than {LABEL_LIMIT} bytes").into();
    }
    report.faults(&RUNTIME_HANDLER, &field, handler, faults, span);
}
