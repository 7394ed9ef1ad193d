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
    let late = report.declares();
    if !late {
        check_handler(report, object);
    }
    check_selector(report, object);
    if late {
        check_handler(report, object);
    }
}

/// One that is changed. In every version the handler comes first, in the words of old.
pub(crate) fn check_changed(report: &mut Report<'_>, object: Node<'_>) {
    let handler = text(object, "handler");
    let faults = names::dns1123_label(handler, report.options.kubernetes_version);
    let given = !handler.is_empty() || !report.at_least(36);
    if given {
        let span = place(object, "handler");
        report.faults(&RUNTIME_HANDLER, &Path::root("handler"), handler, faults, span);
    }
    check_selector(report, object);
    if !given {
        check_handler(report, object);
    }
}

fn check_selector(report: &mut Report<'_>, object: Node<'_>) {
    if let Some(labels) = object.child("scheduling").field("nodeSelector") {
        let root = Path::root("scheduling");
        labels::check(report, labels, &root.child("nodeSelector"));
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
    if handler.len() > LABEL_LIMIT && report.declares() {
        faults[0] = format!("must be no more than {LABEL_LIMIT} bytes").into();
    }
    report.faults(&RUNTIME_HANDLER, &field, handler, faults, span);
}
