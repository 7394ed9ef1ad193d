//! Jobs (`ValidateJobCreate`), and the Jobs that a `CronJob` makes (`validateJobSpec`).

use std::borrow::Cow;

use porthole_manifest::{Node, WorkloadKind};

use super::filled_in::{completions, generated, replacement_policy};
use super::selector::{self, Labels, Selector, WORKLOAD_SELECTOR, labels_of, template_labels};
use super::{NEGATIVE_NUMBER, default_labels, failure_policy, spec_of, success_policy};
use crate::names;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{Report, Shown, int, is_true, place, some_text, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::rules::metadata::{self, Demands, GENERATED_UID, check_not_negative, created_name};
use crate::rules::workload::template::TEMPLATE_RESTART_POLICY;
use crate::validate::{Pass, check_template};

rules! { ApiServer:
    /// The API server gives a Job its selector, and the labels for it to its template. Leave both out; one's own go with
    /// `manualSelector: true`.
    JOB_SELECTOR = "job-selector";
    /// A Job counts its pods (`NonIndexed`) or numbers them (`Indexed`). Numbered ones have a count (`completions`), of
    /// 100000 at a time at most, and limits of their own for what may fail.
    COMPLETION_MODE = "completion-mode";
    /// A pod of an indexed Job has the Job's name and a number as its host name: both together are a DNS label of at most 63
    /// bytes.
    INDEXED_JOB_NAME = "indexed-job-name";
    /// A pod that goes is replaced when it begins to end or has failed (`TerminatingOrFailed`), or only then (`Failed`, the
    /// one that goes with a `podFailurePolicy`).
    POD_REPLACEMENT_POLICY = "pod-replacement-policy";
    /// Who manages a Job beside Kubernetes is named by a domain and a path, `example.com/controller`, of at most 63 bytes.
    MANAGED_BY = "managed-by";
}

/// How many pods there may be at a time where they are numbered, and how many may fail.
const INDEXED_LIMIT: i64 = 100_000;
/// The same where they are more than that.
const MANY_INDEXES_LIMIT: i64 = 10_000;

const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];

/// A Job as an object of its own. One that takes the place of another is asked this too.
pub(super) fn check(pass: &mut Pass<'_>, demands: Demands, path: &Path<'_>) {
    let spec = spec_of(pass);
    let object = pass.template.object;
    let name = created_name(object.child("metadata"));
    let manual = is_true(spec, "manualSelector");
    let generated = generated(pass.old_workload_spec(), spec);
    let given = template_labels(pass);
    if generated.labels {
        make_labels(pass, given, &name);
    }
    metadata::check_job(pass, demands, default_labels(pass));
    let selector = selector_of(pass, spec, generated.selector);
    if let Some(made) = selector.as_ref().filter(|_| !manual) {
        check_generated(pass, given, made, &name, path);
    }
    check_spec(pass, spec, path);
    check_selector(pass, spec, selector.as_ref(), path);
    check_indexed_name(pass, object, spec, &name);
}

/// A Job that is changed: it has the selector and the labels that were generated before.
pub(super) fn check_changed(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    let object = pass.template.object;
    let name = created_name(object.child("metadata"));
    let generated = generated(pass.old_workload_spec(), spec);
    if generated.labels {
        let given = template_labels(pass);
        make_labels(pass, given, &name);
    }
    let selector = selector_of(pass, spec, generated.selector);
    check_spec(pass, spec, path);
    check_selector(pass, spec, selector.as_ref(), path);
}

/// The selector of a Job; `generated` is whether the API server adds the Job's own uid to it.
fn selector_of<'a>(report: &Report<'_>, spec: Node<'a>, generated: bool) -> Option<Selector<'a>> {
    if generated {
        Some(made_selector(report, spec.child("selector")))
    } else {
        spec.field("selector").map(Selector::of)
    }
}

/// A selector with the label that is generated.
fn made_selector<'a>(report: &Report<'_>, node: Node<'a>) -> Selector<'a> {
    let mut made = Selector::of(node);
    let key = UID_LABELS[usize::from(report.at_least(27))];
    made.labels
        .entry(Cow::Borrowed(key))
        .or_insert(Cow::Borrowed(GENERATED_UID));
    made
}

/// The same as the API server shows it.
pub(crate) fn shown_made_selector(report: &Report<'_>, node: Node<'_>) -> String {
    made_selector(report, node).shown(report)
}

/// The names of the pods of an indexed Job that is changed.
pub(crate) fn check_changed_name(pass: &mut Pass<'_>) {
    let object = pass.template.object;
    let name = created_name(object.child("metadata"));
    check_indexed_name(pass, object, spec_of(pass), &name);
}

/// How many of the generated labels there are of a kind.
const fn count(pass: &Report<'_>) -> usize {
    if pass.at_least(27) { 2 } else { 1 }
}

/// Makes the labels that the API server adds to the template.
fn make_labels(pass: &mut Pass<'_>, given: Option<Node<'_>>, name: &str) {
    let count = count(pass);
    let all = UID_LABELS[..count].iter().map(|key| (*key, GENERATED_UID));
    let all = all.chain(NAME_LABELS[..count].iter().map(|key| (*key, name)));
    let missing = all.filter(|(key, _)| given.is_none_or(|given| given.get(key).is_none()));
    pass.made_labels = missing.map(|(key, value)| (key, value.to_owned())).collect();
}

/// The labels of the template with those that the API server adds.
fn all_labels<'a>(pass: &Pass<'a>) -> Option<Labels<'a>> {
    let given = template_labels(pass).map(labels_of);
    if pass.made_labels.is_empty() {
        return given;
    }
    let mut all = given.unwrap_or_default();
    for (key, value) in &pass.made_labels {
        all.insert(Cow::Borrowed(key), Cow::Owned(value.clone()));
    }
    Some(all)
}

/// `validateGeneratedSelector`.
fn check_generated(
    pass: &mut Pass<'_>,
    given: Option<Node<'_>>,
    selector: &Selector<'_>,
    name: &str,
    path: &Path<'_>,
) {
    let all = all_labels(pass);
    let template = path.child("template");
    let below = template.child("metadata");
    let labels = below.child("labels");
    // One that is changed has the labels of its own uid, and is asked for those of the one that is given.
    let uid = match pass.old.map(|old| metadata::given_uid(old, pass.template.object)) {
        Some(Some(other)) => other,
        _ => GENERATED_UID,
    };
    let mut expected = Labels::new();
    for index in 0..count(pass) {
        for (key, value) in [(UID_LABELS[index], uid), (NAME_LABELS[index], name)] {
            expected.insert(Cow::Borrowed(key), Cow::Borrowed(value));
            let written = given.and_then(|given| given.get(key));
            let made = pass.made_labels.iter().find(|(made, _)| *made == key);
            let made = made.map(|(_, value)| value.as_str());
            let detail = format!("must be '{value}'");
            let span = written.map_or_else(|| selector::labels_place(pass), Node::span);
            if written.is_none() && made.is_none() {
                pass.required(&JOB_SELECTOR, &labels.key(key), detail, span);
            } else if written.map_or(made, Node::as_str) != Some(value) {
                let shown = selector::shown_labels(pass, all.as_ref());
                pass.invalid(&JOB_SELECTOR, &labels.key(key), Shown::Raw(shown), detail, span);
            }
        }
    }
    if selector.is_readable(pass.options.kubernetes_version) && !selector.selects(&expected) {
        selector::refuse(
            pass,
            &JOB_SELECTOR,
            selector,
            path,
            "`selector` not auto-generated",
        );
    }
}

/// The selector, whoever made it.
fn check_selector(pass: &mut Pass<'_>, spec: Node<'_>, selector: Option<&Selector<'_>>, path: &Path<'_>) {
    if let Some(node) = spec.field("selector") {
        labels::check_selector(pass, node, &path.child("selector"));
    }
    if selector.is_none() {
        let span = place(spec, "manualSelector");
        pass.required(&WORKLOAD_SELECTOR, &path.child("selector"), "", span);
    }
    let version = pass.options.kubernetes_version;
    if selector.is_some_and(|selector| !selector.is_readable(version)) {
        return;
    }
    let all = all_labels(pass);
    let nothing = Labels::new();
    let found = all.as_ref().unwrap_or(&nothing);
    if !selector.is_some_and(|selector| selector.selects(found)) {
        selector::refuse_labels(pass, all.as_ref());
    }
}

/// The names of the pods of an indexed Job.
fn check_indexed_name(pass: &mut Pass<'_>, object: Node<'_>, spec: Node<'_>, name: &str) {
    let count = completions(pass, spec).unwrap_or_default();
    if text(spec, "completionMode") != "Indexed" || count <= 0 {
        return;
    }
    let last = format!("{name}-{}", count - 1);
    if !names::dns1123_label(&last, pass.options.kubernetes_version).is_empty() {
        let metadata = Path::root("metadata");
        let detail = format!("will not able to create pod with invalid DNS label: {last}");
        let span = place(object.child("metadata"), "name");
        pass.invalid(
            &INDEXED_JOB_NAME,
            &metadata.child("name"),
            Shown::Str(name),
            detail,
            span,
        );
    }
}

/// The field `key` of a Job's spec, where it [`is_kept`].
pub(super) fn gated<'a>(pass: &Pass<'_>, spec: Node<'a>, key: &str, gate: (&str, u16)) -> Option<Node<'a>> {
    spec.field(key).filter(|_| is_kept(pass, gate))
}

/// Whether a field of a Job's spec is there for the rules that belongs to the feature of a gate. Where that is off, the API
/// server drops it from a Job, and not from the template of one in a CronJob (`PrepareForCreate` of both strategies).
pub(super) fn is_kept(pass: &Pass<'_>, gate: (&str, u16)) -> bool {
    pass.feature(gate.0, gate.1) || pass.template.kind == WorkloadKind::CronJob && is_known(pass, gate)
}

/// Whether the version has the gate, on or off.
fn is_known(pass: &Pass<'_>, (gate, _): (&str, u16)) -> bool {
    crate::gates::find(gate, pass.options.kubernetes_version).is_some()
}

/// Who manages a Job. Without the gate it is dropped when the Job is created, and not when it is changed.
fn manager<'a>(pass: &Pass<'_>, spec: Node<'a>) -> Option<Node<'a>> {
    const KEY: &str = "managedBy";
    let is_new = |old: Node<'_>| some_text(old, KEY) != some_text(spec, KEY);
    let is_put = is_known(pass, MANAGER) && pass.old_workload_spec().is_some_and(is_new);
    gated(pass, spec, KEY, MANAGER).or_else(|| spec.field(KEY).filter(|_| is_put))
}

/// The gates of what a Job has of late, and since when they cannot be turned off.
pub(super) const FAILURE_POLICY: (&str, u16) = ("JobPodFailurePolicy", 31);
pub(super) const PER_INDEX: (&str, u16) = ("JobBackoffLimitPerIndex", 33);
const SUCCESS_POLICY: (&str, u16) = ("JobSuccessPolicy", 33);
pub(super) const REPLACEMENT_POLICY: (&str, u16) = ("JobPodReplacementPolicy", 34);
const MANAGER: (&str, u16) = ("JobManagedBy", 35);

/// `validateJobSpec`.
pub(super) fn check_spec(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    for key in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, key, path);
    }
    let per_index = gated(pass, spec, "backoffLimitPerIndex", PER_INDEX);
    let most_failed = gated(pass, spec, "maxFailedIndexes", PER_INDEX);
    if per_index.is_some() {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, "backoffLimitPerIndex", path);
    }
    if let Some(node) = most_failed {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, "maxFailedIndexes", path);
        if per_index.is_none() {
            let detail = "when maxFailedIndexes is specified";
            let field = path.child("backoffLimitPerIndex");
            pass.required(&COMPLETION_MODE, &field, detail, node.span());
        }
    }
    if let Some(node) = manager(pass, spec) {
        check_manager(pass, node, &path.child("managedBy"));
    }
    check_mode(pass, spec, path, (per_index, most_failed));
    let failure = gated(pass, spec, "podFailurePolicy", FAILURE_POLICY);
    if let Some(policy) = failure {
        failure_policy::check(pass, policy, spec, &path.child("podFailurePolicy"));
    }
    if let Some(policy) = gated(pass, spec, "successPolicy", SUCCESS_POLICY) {
        success_policy::check(pass, policy, spec, &path.child("successPolicy"));
    }
    if let Some(policy) = replacement_policy(pass, spec) {
        let known = ["Failed", "TerminatingOrFailed"];
        let known = if failure.is_some() {
            &known[..1]
        } else {
            &known[..]
        };
        if !known.contains(&policy) {
            let field = path.child("podReplacementPolicy");
            let span = place(spec, "podReplacementPolicy");
            pass.not_supported(&POD_REPLACEMENT_POLICY, &field, Shown::Named(policy), known, span);
        }
    }
    check_template(pass);
    check_restart_policy(pass, failure.is_some());
}

/// The completion mode, and what goes with it.
fn check_mode(
    pass: &mut Pass<'_>,
    spec: Node<'_>,
    path: &Path<'_>,
    (per_index, most_failed): (Option<Node<'_>>, Option<Node<'_>>),
) {
    let mode = some_text(spec, "completionMode").unwrap_or("NonIndexed");
    match mode {
        "NonIndexed" => {
            for (key, node) in [
                ("backoffLimitPerIndex", per_index),
                ("maxFailedIndexes", most_failed),
            ] {
                if let Some((node, number)) = node.and_then(|node| Some((node, node.as_i64()?))) {
                    let detail = "requires indexed completion mode";
                    pass.invalid(
                        &COMPLETION_MODE,
                        &path.child(key),
                        Shown::Int(number),
                        detail,
                        node.span(),
                    );
                }
            }
        }
        "Indexed" => check_indexed(pass, spec, path, per_index.is_some(), most_failed),
        _ => {
            let known = ["NonIndexed", "Indexed"];
            let span = place(spec, "completionMode");
            let field = path.child("completionMode");
            pass.not_supported(&COMPLETION_MODE, &field, Shown::Named(mode), &known, span);
        }
    }
}

fn check_indexed(
    pass: &mut Pass<'_>,
    spec: Node<'_>,
    path: &Path<'_>,
    per_index: bool,
    most_failed: Option<Node<'_>>,
) {
    let count = completions(pass, spec);
    let at_a_time = int(spec, "parallelism").unwrap_or(1);
    let most_failed = most_failed.and_then(|node| Some((node, node.as_i64()?)));
    let span = place(spec, "completionMode");
    let at_a_time_span = place(spec, "parallelism");
    if count.is_none() {
        let detail = "when completion mode is Indexed";
        pass.required(&COMPLETION_MODE, &path.child("completions"), detail, span);
    }
    if at_a_time > INDEXED_LIMIT {
        let detail = format!("must be less than or equal to {INDEXED_LIMIT} when completion mode is Indexed");
        let field = path.child("parallelism");
        pass.invalid(
            &COMPLETION_MODE,
            &field,
            Shown::Int(at_a_time),
            detail,
            at_a_time_span,
        );
    }
    let failed_field = path.child("maxFailedIndexes");
    if let Some((node, most)) = most_failed {
        if count.is_some_and(|count| most > count) {
            let detail = "must be less than or equal to completions";
            pass.invalid(
                &COMPLETION_MODE,
                &failed_field,
                Shown::Int(most),
                detail,
                node.span(),
            );
        }
        if most > INDEXED_LIMIT {
            let detail = format!("must be less than or equal to {INDEXED_LIMIT}");
            pass.invalid(
                &COMPLETION_MODE,
                &failed_field,
                Shown::Int(most),
                detail,
                node.span(),
            );
        }
    }
    if !per_index || count.is_none_or(|count| count <= INDEXED_LIMIT) {
        return;
    }
    if most_failed.is_none() {
        let detail = format!("must be specified when completions is above {INDEXED_LIMIT}");
        pass.required(
            &COMPLETION_MODE,
            &failed_field,
            detail,
            place(spec, "completions"),
        );
    }
    let detail = format!(
        "must be less than or equal to {MANY_INDEXES_LIMIT} when completions are above {INDEXED_LIMIT} and used with backoff \
         limit per index"
    );
    if at_a_time > MANY_INDEXES_LIMIT {
        let field = path.child("parallelism");
        let value = Shown::Int(at_a_time);
        pass.invalid(&COMPLETION_MODE, &field, value, detail.clone(), at_a_time_span);
    }
    if let Some((node, most)) = most_failed.filter(|(_, most)| *most > MANY_INDEXES_LIMIT) {
        pass.invalid(
            &COMPLETION_MODE,
            &failed_field,
            Shown::Int(most),
            detail,
            node.span(),
        );
    }
}

/// A name of the form `domain/path` (`IsDomainPrefixedPath`).
fn check_manager(report: &mut Report<'_>, node: Node<'_>, field: &Path<'_>) {
    let name = node.as_str().unwrap_or_default();
    let span = node.span();
    if name.is_empty() {
        report.required(&MANAGED_BY, field, "", span);
        return;
    }
    match name
        .split_once('/')
        .filter(|(domain, path)| !domain.is_empty() && !path.is_empty())
    {
        None => {
            let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            report.invalid(&MANAGED_BY, field, Shown::Str(name), detail, span);
        }
        Some((domain, path)) => {
            report.faults(&MANAGED_BY, field, domain, names::dns1123_subdomain(domain), span);
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
            if !path.bytes().all(known) {
                let detail = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                report.invalid(&MANAGED_BY, field, Shown::Str(path), detail, span);
            }
        }
    }
    if name.len() > names::LABEL_LIMIT {
        report.too_long_name(&MANAGED_BY, field, names::LABEL_LIMIT, span);
    }
}

fn check_restart_policy(pass: &mut Pass<'_>, has_failure_policy: bool) {
    let spec = pass.spec_path();
    let field = spec.child("restartPolicy");
    let policy = text(pass.spec, "restartPolicy");
    let span = place(pass.spec, "restartPolicy");
    match policy {
        "" | "Always" => {
            let detail = "valid values: \"OnFailure\", \"Never\"";
            pass.required(&TEMPLATE_RESTART_POLICY, &field, detail, span);
        }
        "Never" => {}
        "OnFailure" => {
            if has_failure_policy {
                let detail = format!(
                    "only {} is supported when podFailurePolicy is specified",
                    go_quote("Never")
                );
                pass.invalid(
                    &TEMPLATE_RESTART_POLICY,
                    &field,
                    Shown::Named(policy),
                    detail,
                    span,
                );
            }
        }
        _ => {
            let known = ["OnFailure", "Never"];
            pass.not_supported(
                &TEMPLATE_RESTART_POLICY,
                &field,
                Shown::Named(policy),
                &known,
                span,
            );
        }
    }
}
