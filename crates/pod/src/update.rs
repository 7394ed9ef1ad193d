//! What the API server says when an object is changed: what is asked of it as it is, and of what may not change.
//!
//! Both objects are manifests. What the server would have filled into both of them is taken for equal where only one says it
//! and says the default.

use porthole_manifest::{Node, Object, WorkloadKind, pod_template};

use crate::finding::{ErrorKind, Finding};
use crate::options::Options;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, int, is_true, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::validate_object;

rules! { ApiServer:
    /// A field of an object stays as it was when the object was created. Delete the object and create it anew, or give the new
    /// one another name.
    IMMUTABLE_FIELD = "immutable-field";
    /// A `ConfigMap` or Secret with `immutable: true` is never changed again.
    IMMUTABLE_DATA = "immutable-data";
    /// A Pod has the containers that it was created with.
    POD_CONTAINERS_CHANGED = "pod-containers-changed";
}

const IMMUTABLE: &str = "field is immutable";

/// What the API server says when `new` takes the place of `old`, an object of the same kind and name: all that it says of
/// `new` as it is, and what may not change. Of a Pod that is the number of its containers, of other workloads the selector and
/// what else is fixed in their specs, of objects beside them what is fixed at all.
#[must_use]
pub fn validate_update(old: &Object<'_>, new: &Object<'_>, options: &Options) -> Vec<Finding> {
    let mut findings = validate_object(new, options);
    let unreadable = |finding: &Finding| {
        matches!(
            finding.kind,
            ErrorKind::Undecodable | ErrorKind::NotServed | ErrorKind::TooLarge
        )
    };
    if findings.iter().any(unreadable) {
        return findings;
    }
    let mut report = Report::new(options);
    let change = Change {
        old: old.node,
        new: new.node,
    };
    let template = pod_template(new);
    match template.map(|template| template.kind) {
        Some(kind) => change.check_workload(&mut report, kind),
        None => change.check_object(&mut report, new.group(), new.kind.unwrap_or_default()),
    }
    // Most kinds are asked what has changed in the end; these are once their metadata is read.
    let early = matches!(new.kind, Some("DaemonSet" | "ConfigMap" | "Secret"));
    let at = if early {
        let of_spec = |finding: &Finding| !finding.field.starts_with("metadata");
        findings.iter().position(of_spec).unwrap_or(findings.len())
    } else {
        findings.len()
    };
    findings.splice(at..at, report.into_findings());
    findings
}

/// An object as it was and as it shall be.
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

    /// Refuses a change of the text `key`.
    fn fix_text(self, report: &mut Report<'_>, path: &Path<'_>, key: &str, default: &str) {
        if self.changes(key, default) {
            let given = text(self.new, key);
            let given = if given.is_empty() { default } else { given };
            let span = place(self.new, key);
            report.invalid(
                &IMMUTABLE_FIELD,
                &path.child(key),
                Shown::Named(given),
                IMMUTABLE,
                span,
            );
        }
    }

    fn check_workload(self, report: &mut Report<'_>, kind: WorkloadKind) {
        let spec = self.child("spec");
        let path = Path::root("spec");
        match kind {
            WorkloadKind::Pod => spec.check_containers(report, &path),
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet | WorkloadKind::DaemonSet => {
                spec.fix_selector(report, &path);
            }
            WorkloadKind::StatefulSet => spec.check_stateful_set(report, &path),
            WorkloadKind::Job => {
                spec.fix_number(report, &path, "completions");
                spec.fix_text(report, &path, "completionMode", "NonIndexed");
            }
            WorkloadKind::ReplicationController | WorkloadKind::CronJob | WorkloadKind::PodTemplate => {}
        }
    }

    fn fix_selector(self, report: &mut Report<'_>, path: &Path<'_>) {
        if self.changes("selector", "") {
            let value = match self.new.field("selector") {
                Some(selector) => labels::shown_selector(report, selector),
                None => report.render(Shown::Null),
            };
            let span = place(self.new, "selector");
            report.invalid(
                &IMMUTABLE_FIELD,
                &path.child("selector"),
                Shown::Raw(value),
                IMMUTABLE,
                span,
            );
        }
    }

    /// Refuses a change of the number `key` of a Job that counts its pods. An indexed one may have another number.
    fn fix_number(self, report: &mut Report<'_>, path: &Path<'_>, key: &str) {
        let given =
            |node: Node<'_>| int(node, key).or_else(|| int(node, "parallelism").is_none().then_some(1));
        let (old, new) = (given(self.old), given(self.new));
        if old != new && text(self.new, "completionMode") != "Indexed" {
            let value = new.map_or(Shown::Null, Shown::Int);
            report.invalid(
                &IMMUTABLE_FIELD,
                &path.child(key),
                value,
                IMMUTABLE,
                place(self.new, key),
            );
        }
    }

    fn check_stateful_set(self, report: &mut Report<'_>, path: &Path<'_>) {
        if report.at_least(37) {
            self.fix_selector(report, path);
            self.fix_text(report, path, "serviceName", "");
            self.fix_text(report, path, "podManagementPolicy", "OrderedReady");
            return;
        }
        let changed = self.changes("selector", "")
            || self.changes("serviceName", "")
            || self.changes("podManagementPolicy", "OrderedReady");
        if !changed {
            return;
        }
        let fields = match report {
            _ if report.at_least(33) => {
                "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
                 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
            }
            _ if report.at_least(26) => {
                "'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and \
                 'minReadySeconds'"
            }
            _ if report.feature("StatefulSetMinReadySeconds", 25) && report.at_least(23) => {
                "'replicas', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
            }
            _ if report.at_least(23) => {
                "'replicas', 'template', 'updateStrategy' and 'persistentVolumeClaimRetentionPolicy'"
            }
            _ if report.enabled("StatefulSetMinReadySeconds") => {
                "'replicas', 'template', 'minReadySeconds' and 'updateStrategy'"
            }
            // The server of 1.22 names the field where it does not know it.
            _ => "'replicas', 'template', 'updateStrategy' and 'minReadySeconds'",
        };
        let detail = format!("updates to statefulset spec for fields other than {fields} are forbidden");
        report.forbidden(&IMMUTABLE_FIELD, path, detail, self.new.span());
    }

    fn check_containers(self, report: &mut Report<'_>, path: &Path<'_>) {
        for list in ["containers", "initContainers"] {
            if items(self.old, list).count() != items(self.new, list).count() {
                let detail = "pod updates may not add or remove containers";
                report.forbidden(
                    &POD_CONTAINERS_CHANGED,
                    &path.child(list),
                    detail,
                    place(self.new, list),
                );
                return;
            }
        }
    }

    fn check_object(self, report: &mut Report<'_>, group: &str, kind: &str) {
        match (group, kind) {
            ("", "ConfigMap") => self.check_data(report, &["data", "binaryData"]),
            ("", "Secret") => {
                if self.changes("type", "Opaque") {
                    let given = text(self.new, "type");
                    let given = if given.is_empty() { "Opaque" } else { given };
                    let field = Path::root("type");
                    let span = place(self.new, "type");
                    report.invalid(&IMMUTABLE_FIELD, &field, Shown::Named(given), IMMUTABLE, span);
                }
                self.check_data(report, &["data"]);
            }
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => self.check_role(report),
            ("node.k8s.io", "RuntimeClass") if self.changes("handler", "") => {
                let field = Path::root("handler");
                let given = text(self.new, "handler");
                report.invalid(
                    &IMMUTABLE_FIELD,
                    &field,
                    Shown::Str(given),
                    IMMUTABLE,
                    place(self.new, "handler"),
                );
            }
            ("scheduling.k8s.io", "PriorityClass") if self.changes("value", "") => {
                let field = Path::root("value");
                let detail = "may not be changed in an update.";
                report.forbidden(&IMMUTABLE_FIELD, &field, detail, place(self.new, "value"));
            }
            _ => {}
        }
    }

    /// Data that is set to stay as it is.
    fn check_data(self, report: &mut Report<'_>, keys: &[&str]) {
        if !is_true(self.old, "immutable") {
            return;
        }
        let detail = "field is immutable when `immutable` is set";
        if !is_true(self.new, "immutable") {
            report.forbidden(
                &IMMUTABLE_DATA,
                &Path::root("immutable"),
                detail,
                place(self.new, "immutable"),
            );
        }
        for key in keys.iter().filter(|key| self.changes(key, "")) {
            report.forbidden(&IMMUTABLE_DATA, &Path::root(key), detail, place(self.new, key));
        }
    }

    /// The role of a binding.
    fn check_role(self, report: &mut Report<'_>) {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let role = self.child("roleRef");
        if !["kind", "name"].into_iter().any(|key| role.changes(key, "")) && !role.changes("apiGroup", GROUP)
        {
            return;
        }
        let group = some_text(role.new, "apiGroup")
            .filter(|group| !group.is_empty())
            .unwrap_or(GROUP);
        let (kind, name) = (text(role.new, "kind"), text(role.new, "name"));
        let value = if report.at_least(34) {
            let (group, kind, name) = (go_json(group), go_json(kind), go_json(name));
            format!("{{\"APIGroup\":{group},\"Kind\":{kind},\"Name\":{name}}}")
        } else {
            let (group, kind, name) = (go_quote(group), go_quote(kind), go_quote(name));
            format!("rbac.RoleRef{{APIGroup:{group}, Kind:{kind}, Name:{name}}}")
        };
        let detail = if report.at_least(37) {
            IMMUTABLE
        } else {
            "cannot change roleRef"
        };
        report.invalid(
            &IMMUTABLE_FIELD,
            &Path::root("roleRef"),
            Shown::Raw(value),
            detail,
            place(self.new, "roleRef"),
        );
    }
}
