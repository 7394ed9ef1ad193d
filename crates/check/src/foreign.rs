//! Documents that are no objects of a cluster: what is in a repository beside manifests.

use porthole_manifest::Object;
use porthole_pod::{Finding, Severity};

porthole_pod::rules! { Advice:
    /// A manifest says its `apiVersion` and its `kind`. `kubectl apply` refuses a document that does not, and nothing of it is checked
    /// here. Values of a chart and other YAML beside manifests are left out by `exclude` in `.porthole.yaml`.
    NOT_AN_OBJECT = "not-an-object";
    /// A Kustomization says how manifests are made, and is none itself: no cluster takes it. Check what comes of it, by
    /// `kubectl kustomize DIRECTORY | porthole check -`. The files that it names are checked as they are, before its patches.
    NOT_RENDERED = "not-rendered";
}

/// The group of what kustomize reads.
const KUSTOMIZE: &str = "kustomize.config.k8s.io";

/// Whether no request can be made of the object: its kind is not known, or its version.
pub(crate) fn is_no_object(object: &Object<'_>) -> bool {
    lacks(object.api_version) || lacks(object.kind)
}

fn lacks(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// What there is to say of a document that is no object of a cluster.
pub(crate) fn check(object: &Object<'_>) -> Option<Finding> {
    let span = object.node.span();
    if object.group() == KUSTOMIZE {
        let text = "kustomize reads this, and no cluster takes it: nothing of it is checked";
        let finding = Finding::remark(&NOT_RENDERED, Severity::Advice, "", text, span);
        return Some(
            finding.with_help("check what comes of it: kubectl kustomize DIRECTORY | porthole check -"),
        );
    }
    // Nothing is written there.
    if !is_no_object(object) || object.node.is_null() {
        return None;
    }
    let lacking = match (lacks(object.api_version), lacks(object.kind)) {
        (false, true) => "`kind` is not set",
        (true, false) => "`apiVersion` is not set",
        _ => "`apiVersion` and `kind` are not set",
    };
    let text = format!("this is no object of a cluster: {lacking}; nothing of it is checked");
    let finding = Finding::remark(&NOT_AN_OBJECT, Severity::Warning, "", text, span);
    Some(finding.with_help("say what it is, or leave the file out by `exclude` in .porthole.yaml"))
}
