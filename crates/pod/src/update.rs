//! What the API server says when an object is changed: what is asked of it as it is, and of what may not change.
//!
//! Both objects are manifests, and the new one is applied: what the API server has put into the old one stays. What it would
//! fill into both of them is taken for equal where only one says it and says the default ([`same`]).

mod object;
mod pod;
mod same;
mod stored;
mod workload;

pub(crate) use same::Reader;

use porthole_manifest::{Node, Object, WorkloadKind, pod_template};

use self::stored::Stored;
use crate::finding::{ErrorKind, Finding, Severity};
use crate::options::Options;
use crate::path::Path;
use crate::report::{Report, Shown, place, some_text, text};
use crate::rule::{Rule, rules};
use crate::rules::object::{Known, credential_spec, service};
use crate::rules::workload::warnings::{ALL_REVISIONS, WORKLOAD_NAME_AS_HOSTNAME, ZONE_IN_SCHEDULE};
use crate::validate::{Pass, check_decoding};
use crate::warnings::{object_warnings, warnings_at};

rules! { ApiServer:
    /// A field of an object stays as it was when the object was created. Delete the object and create it anew, or give the new
    /// one another name.
    IMMUTABLE_FIELD = "immutable-field";
    /// A `ConfigMap` or Secret with `immutable: true` is never changed again.
    IMMUTABLE_DATA = "immutable-data";
    /// A Pod has the containers that it was created with.
    POD_CONTAINERS_CHANGED = "pod-containers-changed";
    /// Of a Pod only images, the deadline and more tolerations can be changed, and of one that waits to be scheduled where it
    /// may go. Change what makes the pods, or delete the Pod and create it anew.
    POD_CHANGED = "pod-changed";
    /// The time that a Pod may run can be shortened, not lengthened.
    DEADLINE_CHANGED = "pod-deadline-changed";
    /// Tolerations of a Pod are added; of those that are there only `tolerationSeconds` changes.
    TOLERATION_CHANGED = "toleration-changed";
    /// What a Pod waits for before it is scheduled can be taken away, not added.
    SCHEDULING_GATE_ADDED = "scheduling-gate-added";
    /// A claim stays as it was created; one that is bound can ask for more.
    CLAIM_CHANGED = "claim-changed";
    /// Annotations that say something of a Pod's containers or of where it is from stay as they were.
    POD_ANNOTATION_CHANGED = "pod-annotation-changed";
    /// `metadata.resourceVersion` is that of the object that was read; where the cluster has another one since, the change is
    /// of something that is no more. Leave it out of manifests.
    OBJECT_MODIFIED = "object-modified";
}

const IMMUTABLE: &str = "field is immutable";

/// What the API server says when `new` takes the place of `old`, an object of the same kind and name: all that it says of
/// `new` as it is, and what may not change.
#[must_use]
pub fn validate_update(old: &Object<'_>, new: &Object<'_>, options: &Options) -> Vec<Finding> {
    let (Some(api_version), Some(kind)) = (new.api_version, new.kind) else {
        return Vec::new();
    };
    if let Some(undecodable) = check_decoding(new.node, api_version, kind, options) {
        return undecodable;
    }
    if let Some(conflict) = conflict(old.node, new.node) {
        return vec![conflict];
    }
    let stored = Stored::of(old, new, options);
    let objects = stored.as_ref().and_then(|stored| stored.objects(old, new));
    let (old, new) = objects.unwrap_or((*old, *new));
    let change = Change {
        old: old.node,
        new: new.node,
    };
    if let Some(template) = pod_template(&new) {
        let mut pass = Pass::new(&template, options);
        pass.is_change = true;
        workload::check(&mut pass, change);
        return pass.into_findings();
    }
    let mut report = Report::new(options);
    report.is_change = true;
    if let Some(known) = Known::of(new.group(), kind) {
        object::check(&mut report, known, change);
    }
    report.into_findings()
}

/// What keeps the server from looking further: both manifests name a version of the object, and the new one is of another
/// (`Store.Update`).
fn conflict(old: Node<'_>, new: Node<'_>) -> Option<Finding> {
    let version = |object: Node<'_>| text_of(object).and_then(|version| version.parse::<u64>().ok());
    let [old, given] = [old, new].map(version);
    (old.is_some() && given.is_some_and(|given| given != 0 && Some(given) != old)).then(|| Finding {
        rule: &OBJECT_MODIFIED,
        severity: Severity::Error,
        kind: ErrorKind::Conflict,
        field: "metadata.resourceVersion".to_owned(),
        value: None,
        detail: "the object has been modified; please apply your changes to the latest version and try again"
            .to_owned(),
        span: Some(place(new.child("metadata"), "resourceVersion")),
        related: Vec::new(),
        help: None,
        fix: None,
    })
}

fn text_of(object: Node<'_>) -> Option<&str> {
    some_text(object.child("metadata"), "resourceVersion")
}

/// The warnings of the API server when `new` takes the place of `old`: of what pods are made of, where it is another.
#[must_use]
pub fn change_warnings(old: &Object<'_>, new: &Object<'_>, options: &Options) -> Vec<Finding> {
    if (new.group(), new.kind) == (credential_spec::GROUP, Some(credential_spec::KIND)) {
        let mut report = Report::new(options);
        credential_spec::warn(&mut report, new.node, Some(old.node));
        return report.into_findings();
    }
    if (new.group(), new.kind) == ("", Some("Service")) {
        let mut report = Report::new(options);
        service::warn(&mut report, Some(old.node), new.node);
        return report.into_findings();
    }
    let Some(template) = pod_template(new) else {
        return object_warnings(new, options);
    };
    let (group, kind) = (new.group(), template.kind);
    let changed = workload::is_changed(old.node, new.node, group, kind, options);
    let (of, is_old) = match (kind, pod_template(old)) {
        (WorkloadKind::Pod, _) => return Vec::new(),
        // The server has the two of them the wrong way round.
        (WorkloadKind::ReplicationController, Some(old)) => (old, true),
        _ => (template, false),
    };
    let mut found = warnings_at(&of, of.prefix, options);
    for finding in &mut found {
        // Of a change the server names it so.
        if finding.field.starts_with("spec.volumeClaimTemplates[") {
            finding.detail = finding.detail.replacen(".resources.", ".Spec.resources.", 1);
        }
    }
    found.retain(|finding| {
        let is_of_claim = finding.field.starts_with("spec.volumeClaimTemplates[");
        let is_one = |rules: &[&Rule]| rules.contains(&finding.rule);
        is_of_claim
            || is_one(&[&ALL_REVISIONS, &ZONE_IN_SCHEDULE])
            || changed && !is_one(&[&WORKLOAD_NAME_AS_HOSTNAME])
    });
    for finding in found.iter_mut().filter(|_| is_old) {
        // The places are those of another file.
        finding.span = Some(new.node.span());
        finding.related.clear();
    }
    found
}

/// An object, or a part of one, as it was and as it shall be.
#[derive(Clone, Copy)]
struct Change<'o, 'n> {
    old: Node<'o>,
    new: Node<'n>,
}

impl Change<'_, '_> {
    /// The change of what `key` holds.
    fn child(self, key: &str) -> Self {
        Self {
            old: self.old.child(key),
            new: self.new.child(key),
        }
    }

    /// Whether what `key` holds is another; `default` is what the server fills in.
    fn changes(self, key: &str, default: &str) -> bool {
        let value = |node: Node<'_>| match node.field(key).map(Node::to_json) {
            None => serde_json::Value::String(default.to_owned()),
            Some(serde_json::Value::String(text)) if text.is_empty() => {
                serde_json::Value::String(default.to_owned())
            }
            Some(value) => value,
        };
        value(self.old) != value(self.new)
    }

    /// Refuses a change of the text `key`, which is the default where it is empty.
    fn fix_text(self, report: &mut Report<'_>, field: &Path<'_>, key: &str, default: &str) {
        if self.changes(key, default) {
            let given = text(self.new, key);
            let given = if given.is_empty() { default } else { given };
            let span = place(self.new, key);
            report.invalid(&IMMUTABLE_FIELD, field, Shown::Named(given), IMMUTABLE, span);
        }
    }

    /// Refuses a change of the text `key`, which is the default only where there is none.
    fn fix_some_text(self, report: &mut Report<'_>, field: &Path<'_>, key: &str, default: Option<&str>) {
        let given = some_text(self.new, key).or(default);
        if some_text(self.old, key).or(default) != given {
            let value = given.map_or(Shown::Null, Shown::Named);
            let span = place(self.new, key);
            report.invalid(&IMMUTABLE_FIELD, field, value, IMMUTABLE, span);
        }
    }
}
