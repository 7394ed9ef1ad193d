//! `ObjectMeta`: names, namespaces, labels, annotations, owners, finalizers (`ValidateObjectMeta`).

mod finalizers;
mod generated;
mod keyed_lists;
mod managed_fields;
mod name;
mod own_fields;
mod owners;

use porthole_manifest::Node;

pub(crate) use generated::GENERATED_UID;
pub use generated::created_name;
pub(crate) use name::NameForm;
pub(crate) use owners::warn_of_owners;

use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, int, place, text};
use crate::rule::{Rule, rules};
use crate::rules::{annotations, labels};
use crate::validate::Pass;

rules! { ApiServer:
    /// An object has a name, or `generateName`, which the API server makes a name of. Names become parts of addresses and
    /// paths: most are lower-case letters, digits, dashes and periods; a few kinds allow fewer, or more.
    OBJECT_NAME = "object-name";
    /// The name of a namespace has at most 63 lower-case letters, digits and inner dashes.
    OBJECT_NAMESPACE = "object-namespace";
    /// `metadata.generation` is the API server's to write. Leave it out.
    OBJECT_GENERATION = "object-generation";
    /// `metadata.uid` is what the cluster calls an object; one of the same name with another uid is another object. Leave it out
    /// of manifests.
    OBJECT_UID = "object-uid";
}

/// Where the objects of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
    /// It is a namespace itself, and has its name for a label too.
    Namespace,
}

/// What the kind of an object asks of its metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demands {
    /// What a name may look like.
    pub(crate) name: NameForm,
    /// Where the objects of the kind are.
    pub(crate) scope: Scope,
    /// Whether the API server writes the generation itself, whatever is given.
    pub(crate) writes_generation: bool,
    /// Whether finalizers without a domain are those that Kubernetes knows.
    pub(crate) knows_finalizers: bool,
    /// The finalizer that admission adds to those of a new object.
    pub(crate) added_finalizer: Option<&'static str>,
}

impl Demands {
    /// The demands of most kinds: the name is a DNS subdomain, in a namespace.
    pub(crate) const USUAL: Self = Self {
        name: NameForm::Subdomain,
        scope: Scope::Namespaced,
        writes_generation: false,
        knows_finalizers: true,
        added_finalizer: None,
    };
}

/// The rules of metadata.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [RULES, finalizers::RULES, managed_fields::RULES, owners::RULES]
        .into_iter()
        .flatten()
        .copied()
}

/// The metadata of an object. `labels` is what counts as its labels where it has none of its own.
pub(crate) fn check(report: &mut Report<'_>, object: Node<'_>, demands: Demands, labels: Option<Node<'_>>) {
    let path = Path::root("metadata");
    let metadata = object.child("metadata");
    check_name(report, object, demands, &path);
    check_place(report, metadata, demands, &path);
    if let Some(given) = own_labels(metadata).or(labels) {
        labels::check(report, given, &path.child("labels"));
    }
    let name = text(metadata, "name");
    if demands.scope == Scope::Namespace && !name.is_empty() {
        labels::check_value(report, name, &path.child("labels"), place(metadata, "name"));
    }
    check_rest(report, object, demands, &path);
}

/// The metadata of a Job: without labels of its own it has those of its template, with what the API server adds to these.
pub(crate) fn check_job(pass: &mut Pass<'_>, demands: Demands, labels: Option<Node<'_>>) {
    let path = Path::root("metadata");
    let template = pass.template;
    let metadata = template.object.child("metadata");
    check_name(pass, template.object, demands, &path);
    check_place(pass, metadata, demands, &path);
    if let Some(given) = own_labels(metadata).or(labels) {
        labels::check(pass, given, &path.child("labels"));
        // An API server that may have to generate a name again works on a copy, which does not get them.
        let copies = pass.feature("RetryGenerateName", 32) && text(metadata, "name").is_empty();
        if own_labels(metadata).is_none() && !copies {
            check_made_labels(pass, &path.child("labels"));
        }
    }
    check_rest(pass, template.object, demands, &path);
}

/// The labels of an object, where there are some.
pub(crate) fn own_labels(metadata: Node<'_>) -> Option<Node<'_>> {
    metadata
        .field("labels")
        .filter(|own| own.entries().next().is_some())
}

/// The name, and what it is generated of.
fn check_name(report: &mut Report<'_>, object: Node<'_>, demands: Demands, path: &Path<'_>) {
    let metadata = object.child("metadata");
    let version = report.options.kubernetes_version;
    let base = text(metadata, "generateName");
    // Of declared names only the name itself counts, not what it is generated of.
    if !base.is_empty() && demands.name != NameForm::Declared {
        let faults = demands.name.prefix_faults(base, version);
        let span = place(metadata, "generateName");
        report.faults(&OBJECT_NAME, &path.child("generateName"), base, faults, span);
    }
    let name = created_name(metadata);
    let field = path.child("name");
    if name.is_empty() {
        let span = if metadata.is_written() {
            place(metadata, "name")
        } else {
            object.span()
        };
        report.required(&OBJECT_NAME, &field, "name or generateName is required", span);
        return;
    }
    let key = if text(metadata, "name").is_empty() {
        "generateName"
    } else {
        "name"
    };
    let faults = demands.name.faults(&name, version);
    report.faults(&OBJECT_NAME, &field, &name, faults, place(metadata, key));
}

/// The namespace and the generation.
fn check_place(report: &mut Report<'_>, metadata: Node<'_>, demands: Demands, path: &Path<'_>) {
    let namespace = text(metadata, "namespace");
    if demands.scope == Scope::Namespaced && !namespace.is_empty() {
        let faults = names::dns1123_label(namespace, report.options.kubernetes_version);
        let span = place(metadata, "namespace");
        report.faults(
            &OBJECT_NAMESPACE,
            &path.child("namespace"),
            namespace,
            faults,
            span,
        );
    }
    if !demands.writes_generation {
        check_not_negative(report, &OBJECT_GENERATION, metadata, "generation", path);
    }
}

/// What is asked of the metadata of every object that is changed, before its kind is asked (`validateCommonFields`).
pub(crate) fn check_common(
    report: &mut Report<'_>,
    old: Node<'_>,
    object: Node<'_>,
    demands: Demands,
    labels: Option<Node<'_>>,
) {
    let common = Demands {
        name: NameForm::PathSegment,
        knows_finalizers: false,
        writes_generation: true,
        ..demands
    };
    check(report, object, common, labels);
    check_changed(report, old, object, common, labels);
}

/// What is asked of metadata that takes the place of older (`ValidateObjectMetaUpdate`), as far as it is a manifest's:
/// the API server keeps what is its own.
pub(crate) fn check_changed(
    report: &mut Report<'_>,
    old: Node<'_>,
    object: Node<'_>,
    demands: Demands,
    labels: Option<Node<'_>>,
) {
    let path = Path::root("metadata");
    let metadata = object.child("metadata");
    if let Some(given) = given_uid(old, object) {
        let (value, span) = (Shown::Named(given), place(metadata, "uid"));
        report.invalid(&OBJECT_UID, &path.child("uid"), value, "field is immutable", span);
    }
    if let Some(given) = own_labels(metadata).or(labels) {
        labels::check(report, given, &path.child("labels"));
    }
    if let Some(given) = metadata.field("annotations") {
        annotations::check_keys(report, given, &path.child("annotations"));
    }
    owners::check(report, metadata, &path.child("ownerReferences"));
    managed_fields::check(report, object, &path.child("managedFields"));
    if demands.knows_finalizers {
        finalizers::check_known(report, metadata, &path.child("finalizers"));
    }
}

/// The uid that an object is given and that is not its own. An old one that has none is a manifest, and what the cluster calls it is
/// not known.
pub(crate) fn given_uid<'n>(old: Node<'_>, object: Node<'n>) -> Option<&'n str> {
    let own = text(old.child("metadata"), "uid");
    let given = text(object.child("metadata"), "uid");
    (!own.is_empty() && !given.is_empty() && own != given).then_some(given)
}

/// Annotations and what comes after them.
fn check_rest(report: &mut Report<'_>, object: Node<'_>, demands: Demands, path: &Path<'_>) {
    let metadata = object.child("metadata");
    if let Some(given) = metadata.field("annotations") {
        annotations::check_keys(report, given, &path.child("annotations"));
    }
    owners::check(report, metadata, &path.child("ownerReferences"));
    finalizers::check(
        report,
        metadata,
        demands.added_finalizer,
        &path.child("finalizers"),
    );
    managed_fields::check(report, object, &path.child("managedFields"));
    if demands.knows_finalizers {
        finalizers::check_known(report, metadata, &path.child("finalizers"));
    }
}

/// The number `key` is not below zero, where it is set.
pub(crate) fn check_not_negative(
    report: &mut Report<'_>,
    rule: &'static Rule,
    node: Node<'_>,
    key: &str,
    path: &Path<'_>,
) {
    if let Some(number) = int(node, key).filter(|number| *number < 0) {
        let detail = "must be greater than or equal to 0";
        report.invalid(
            rule,
            &path.child(key),
            Shown::Int(number),
            detail,
            place(node, key),
        );
    }
}

/// The labels and the keys of the annotations of what a workload makes its pods of. The API server leaves `metadata` out of
/// their paths.
pub(crate) fn check_template(pass: &mut Pass<'_>) {
    let template = pass.template;
    let path = Path::root(template.kind.template_path());
    let part = |key| template.metadata.and_then(|metadata| metadata.field(key));
    if let Some(given) = part("labels") {
        labels::check(pass, given, &path.child("labels"));
    }
    check_made_labels(pass, &path.child("labels"));
    if let Some(given) = part("annotations") {
        annotations::check_keys(pass, given, &path.child("annotations"));
    }
}

/// The labels that the API server adds to the template, whose values are names of the author's.
pub(crate) fn check_made_labels(pass: &mut Pass<'_>, path: &Path<'_>) {
    if pass.made_labels.is_empty() {
        return;
    }
    let metadata = pass.template.object.child("metadata");
    let span = place(
        metadata,
        if text(metadata, "name").is_empty() {
            "generateName"
        } else {
            "name"
        },
    );
    for (_, value) in pass.made_labels.clone() {
        labels::check_value(pass, &value, path, span);
    }
}
