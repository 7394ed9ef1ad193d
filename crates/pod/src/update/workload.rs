//! The change of a workload.

use porthole_manifest::{Node, WorkloadKind};
use serde_json::{Value, json};

use super::same::Reader;
use super::{Change, IMMUTABLE, IMMUTABLE_FIELD, pod};
use crate::options::Options;
use crate::path::Path;
use crate::report::{Report, Shown, int, is_true, place, text};
use crate::rules::{labels, metadata, workload};
use crate::validate::Pass;

/// All that is asked of a workload that is changed, in the API server's order.
pub(super) fn check<'n>(pass: &mut Pass<'n>, change: Change<'n, '_>) {
    let kind = pass.template.kind;
    let object = pass.template.object;
    let demands = workload::demands(kind, pass.options);
    pass.old = Some(change.old);
    let labels = workload::default_labels(pass);
    metadata::check_common(pass, change.old, object, demands, labels);
    let spec = change.child("spec");
    let path = Path::root("spec");
    if kind == WorkloadKind::Pod {
        pod::check(pass, change);
        return;
    }
    let twice = match kind {
        WorkloadKind::DaemonSet | WorkloadKind::ReplicaSet => !pass.at_least(34),
        WorkloadKind::ReplicationController => !pass.at_least(35),
        WorkloadKind::StatefulSet => !pass.at_least(27),
        WorkloadKind::Job => !pass.at_least(37),
        _ => false,
    };
    if twice {
        // It is asked all that a new one is, and then once more what a changed one is.
        workload::check(pass);
    }
    metadata::check_changed(pass, change.old, object, demands, labels);
    match kind {
        WorkloadKind::DaemonSet if pass.at_least(34) => {
            spec.fix_selector(pass, &path, (false, false));
            workload::check_changed(pass);
        }
        WorkloadKind::Deployment | WorkloadKind::ReplicaSet | WorkloadKind::DaemonSet => {
            workload::check_changed(pass);
            spec.fix_selector(pass, &path, (false, false));
        }
        WorkloadKind::StatefulSet if pass.at_least(27) => {
            workload::check_changed(pass);
            spec.check_stateful_set(pass, &path);
        }
        WorkloadKind::StatefulSet => {
            spec.check_stateful_set(pass, &path);
            workload::check_changed(pass);
        }
        WorkloadKind::Job => {
            workload::check_changed(pass);
            spec.check_job(pass, &path);
            workload::job::check_changed_name(pass);
        }
        _ => workload::check_changed(pass),
    }
}

/// Whether what makes the server look at the pods of a workload anew is another.
pub(super) fn is_changed(
    old: Node<'_>,
    new: Node<'_>,
    group: &str,
    kind: WorkloadKind,
    options: &Options,
) -> bool {
    let reader = Reader::new(options);
    let group = if group.is_empty() { "core" } else { group };
    let (name, path) = match kind {
        WorkloadKind::PodTemplate => ("core/v1.PodTemplateSpec".to_owned(), &["template"][..]),
        WorkloadKind::DaemonSet => ("core/v1.PodTemplateSpec".to_owned(), &["spec", "template"][..]),
        _ => (format!("{group}/v1.{}Spec", kind.name()), &["spec"][..]),
    };
    let (before, after) = path
        .iter()
        .fold((old, new), |(old, new), key| (old.child(key), new.child(key)));
    let annotations = |node: Node<'_>| node.child("metadata").child("annotations").to_json();
    reader.read(&name, before) != reader.read_over(&name, Some(before), after)
        || kind == WorkloadKind::Deployment && annotations(old) != annotations(new)
}

impl Change<'_, '_> {
    /// Refuses another selector; `made` is whether the old and the new one have a generated label without that being written.
    fn fix_selector(self, report: &mut Report<'_>, path: &Path<'_>, (was_made, made): (bool, bool)) {
        const NAME: &str = "meta/v1.LabelSelector";
        let reader = Reader::new(report.options);
        // Nothing is added to a generated one.
        let is_empty = |node| reader.read(NAME, node) == json!({});
        let same =
            made && self.old.field("selector").is_none() && self.new.field("selector").is_some_and(is_empty);
        if was_made != made || !same && self.differs(reader, NAME, "selector") {
            let value = match self.new.field("selector") {
                Some(selector) if made => workload::job::shown_made_selector(report, selector),
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

    /// Whether `key` holds another struct of that type.
    fn differs(self, reader: Reader<'_>, name: &str, key: &str) -> bool {
        let read = |node: Node<'_>| node.field(key).map(|node| reader.read(name, node));
        read(self.old) != read(self.new)
    }

    /// Refuses another struct of that type. The value is shown as the manifest has it.
    fn fix(self, report: &mut Report<'_>, path: &Path<'_>, name: &str, key: &str) {
        if self.differs(Reader::new(report.options), name, key) {
            let value = self.new.field(key).map(|node| node.to_json().to_string());
            let value = value.map_or(Shown::Null, Shown::Raw);
            let span = place(self.new, key);
            report.invalid(&IMMUTABLE_FIELD, &path.child(key), value, IMMUTABLE, span);
        }
    }

    /// Refuses another number behind a pointer.
    fn fix_int(self, report: &mut Report<'_>, path: &Path<'_>, key: &str) {
        if int(self.old, key) != int(self.new, key) {
            let value = int(self.new, key).map_or(Shown::Null, Shown::Int);
            let span = place(self.new, key);
            report.invalid(&IMMUTABLE_FIELD, &path.child(key), value, IMMUTABLE, span);
        }
    }

    fn claims_differ(self, report: &Report<'_>) -> bool {
        let reader = Reader::new(report.options);
        let read = |node: Node<'_>| -> Vec<Value> {
            let claims = node.child("volumeClaimTemplates").items();
            claims
                .map(|claim| reader.read("core/v1.PersistentVolumeClaim", claim))
                .collect()
        };
        read(self.old) != read(self.new)
    }

    fn check_stateful_set(self, report: &mut Report<'_>, path: &Path<'_>) {
        let claims = self.claims_differ(report);
        if report.at_least(37) {
            self.fix_selector(report, path, (false, false));
            if claims {
                let value = self.new.child("volumeClaimTemplates").to_json().to_string();
                let span = place(self.new, "volumeClaimTemplates");
                let field = path.child("volumeClaimTemplates");
                report.invalid(&IMMUTABLE_FIELD, &field, Shown::Raw(value), IMMUTABLE, span);
            }
            self.fix_text(report, &path.child("serviceName"), "serviceName", "");
            let policy = path.child("podManagementPolicy");
            self.fix_text(report, &policy, "podManagementPolicy", "OrderedReady");
            return;
        }
        let reader = Reader::new(report.options);
        let history = |node| int(node, "revisionHistoryLimit").unwrap_or(10);
        let changed = claims
            || self.differs(reader, "meta/v1.LabelSelector", "selector")
            || self.changes("serviceName", "")
            || self.changes("podManagementPolicy", "OrderedReady")
            || !report.at_least(33) && history(self.old) != history(self.new);
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

    fn check_job(self, report: &mut Report<'_>, path: &Path<'_>) {
        self.check_completions(report, path);
        let made = !is_true(self.old, "manualSelector");
        let generated = workload::generated(Some(self.old), self.new);
        self.fix_selector(report, path, (made, generated.selector));
        self.check_job_template(report, path, !made || generated.labels);
        let field = path.child("completionMode");
        self.fix_some_text(report, &field, "completionMode", Some("NonIndexed"));
        if report.at_least(25) && report.feature("JobPodFailurePolicy", 31) {
            self.fix(report, path, "batch/v1.PodFailurePolicy", "podFailurePolicy");
        }
        if report.at_least(28) && report.feature("JobBackoffLimitPerIndex", 33) {
            self.fix_int(report, path, "backoffLimitPerIndex");
        }
        // Without the gate there is none of old, and nothing drops it from what is changed.
        let is_put = self.new.field("managedBy").is_some();
        if report.at_least(30) && (is_put || report.feature("JobManagedBy", 35)) {
            self.fix_some_text(report, &path.child("managedBy"), "managedBy", None);
        }
        if report.at_least(30) && report.feature("JobSuccessPolicy", 33) {
            self.fix(report, path, "batch/v1.SuccessPolicy", "successPolicy");
        }
    }

    /// How many pods of a Job have to succeed. That of an indexed one changes with how many there are at a time.
    fn check_completions(self, report: &mut Report<'_>, path: &Path<'_>) {
        let old = workload::completions_of(None, self.old);
        let new = workload::completions_of(Some(self.old), self.new);
        if old == new {
            return;
        }
        let span = place(self.new, "completions");
        let field = path.child("completions");
        if text(self.new, "completionMode") != "Indexed" || !report.feature("ElasticIndexedJob", 34) {
            let value = new.map_or(Shown::Null, Shown::Int);
            report.invalid(&IMMUTABLE_FIELD, &field, value, IMMUTABLE, span);
        } else if let Some(new) = new.filter(|new| *new != int(self.new, "parallelism").unwrap_or(1)) {
            let detail = "can only be modified in tandem with spec.parallelism";
            report.invalid(&IMMUTABLE_FIELD, &field, Shown::Int(new), detail, span);
        }
    }

    /// The template of a Job. Of one that is suspended and was never started, where its pods go and what is written on them
    /// may change; in newer clusters also what they ask for. `labelled` is whether it has the labels that were generated for it,
    /// if any were.
    fn check_job_template(self, report: &mut Report<'_>, path: &Path<'_>, mut labelled: bool) {
        let reader = Reader::new(report.options);
        let template = self.child("template");
        let read = |old, node| reader.read_over("core/v1.PodTemplateSpec", old, node);
        let (mut old, mut new) = (read(None, template.old), read(Some(template.old), template.new));
        let suspended = is_true(self.old, "suspend");
        if suspended && (report.at_least(24) || report.enabled("JobMutableNodeSchedulingDirectives")) {
            for template in [&mut old, &mut new] {
                free(template, report);
            }
            labelled = true;
        }
        if suspended && report.enabled("MutablePodResourcesForSuspendedJobs") {
            free_resources(&mut old, &mut new);
            if old["spec"] != new["spec"] {
                let value = template.new.child("spec").to_json().to_string();
                let span = place(template.new, "spec");
                let field = path.child("template.spec");
                report.invalid(&IMMUTABLE_FIELD, &field, Shown::Raw(value), IMMUTABLE, span);
            }
            return;
        }
        if old != new || !labelled {
            let value = self.new.child("template").to_json().to_string();
            let span = place(self.new, "template");
            report.invalid(
                &IMMUTABLE_FIELD,
                &path.child("template"),
                Shown::Raw(value),
                IMMUTABLE,
                span,
            );
        }
    }
}

/// Takes away what may change of the template of a Job that was never started.
fn free(template: &mut Value, report: &Report<'_>) {
    if let Some(spec) = template["spec"].as_object_mut() {
        spec.remove("nodeSelector");
        spec.remove("tolerations");
        if report.at_least(27) {
            spec.remove("schedulingGates");
        }
        if let Some(Value::Object(affinity)) = spec.get_mut("affinity") {
            affinity.remove("nodeAffinity");
        }
        if spec.get("affinity") == Some(&json!({})) {
            spec.remove("affinity");
        }
    }
    if let Some(template) = template.as_object_mut()
        && let Some(Value::Object(metadata)) = template.get_mut("metadata")
    {
        metadata.remove("labels");
        metadata.remove("annotations");
        if metadata.is_empty() {
            template.remove("metadata");
        }
    }
}

/// Takes away what the containers ask for that are the same in both templates.
fn free_resources(old: &mut Value, new: &mut Value) {
    for list in ["containers", "initContainers"] {
        let containers = |template: &Value| template["spec"][list].as_array().map_or(0, Vec::len);
        if containers(old) != containers(new) {
            continue;
        }
        for at in 0..containers(old) {
            if old["spec"][list][at]["name"] != new["spec"][list][at]["name"] {
                continue;
            }
            for template in [&mut *old, &mut *new] {
                if let Some(container) = template["spec"][list][at].as_object_mut() {
                    container.remove("resources");
                }
            }
        }
    }
}
