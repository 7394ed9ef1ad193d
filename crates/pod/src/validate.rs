//! The API server's validation of a pod, in the API server's order.
//!
//! [`validate`] is the one list of what is asked when (`ValidatePodSpec`); each rule stands in a module of `rules` and
//! knows nothing of the others. What Kubernetes decides before validation (decoding, defaulting) comes first here too:
//! an object that cannot be decoded is not validated.

use std::ops::{Deref, DerefMut};

use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind, pod_template};

use crate::decode;
use crate::defaults::ContainerDefaults;
use crate::finding::{ErrorKind, Finding};
use crate::options::Options;
use crate::path::Path;
use crate::report::{Report, is_true};
use crate::rules::object::Known;
use crate::rules::{
    annotations, container, dns, ephemeral, host_ports, host_process, host_users, metadata, os, pod,
    pod_context, pod_resources, resource_claims, scheduling, volumes, workload,
};

/// A pod on its way through the rules.
pub(crate) struct Pass<'a> {
    report: Report<'a>,
    pub(crate) template: PodTemplate<'a>,
    pub(crate) spec: Node<'a>,
    /// The object that this one is to replace.
    pub(crate) old: Option<Node<'a>>,
    /// What its containers have been given that they do not say.
    pub(crate) defaults: Option<&'a ContainerDefaults<'a>>,
    /// The labels that the API server adds to the template.
    pub(crate) made_labels: Vec<(&'static str, String)>,
}

impl<'a> Deref for Pass<'a> {
    type Target = Report<'a>;

    fn deref(&self) -> &Report<'a> {
        &self.report
    }
}

impl<'a> DerefMut for Pass<'a> {
    fn deref_mut(&mut self) -> &mut Report<'a> {
        &mut self.report
    }
}

impl<'a> Pass<'a> {
    pub(crate) fn new(template: &PodTemplate<'a>, options: &'a Options) -> Self {
        Self {
            report: Report::new(options),
            template: *template,
            spec: template.spec_or_unset(),
            old: None,
            defaults: None,
            made_labels: Vec::new(),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.report.into_findings()
    }

    /// The path of the pod spec.
    pub(crate) const fn spec_path(&self) -> Path<'static> {
        Path::root(self.template.prefix)
    }

    /// Whether this is a Pod, and not what a workload makes its pods of.
    pub(crate) fn is_pod(&self) -> bool {
        self.template.kind == WorkloadKind::Pod
    }

    /// Whether its containers ask for what they limit where they do not say, as those of a Pod do.
    pub(crate) fn requests_limits(&self) -> bool {
        self.is_pod() || self.defaults.is_some()
    }

    /// The spec of the workload that this one is to replace.
    pub(crate) fn old_workload_spec(&self) -> Option<Node<'a>> {
        self.old.map(|old| old.child("spec"))
    }

    /// The spec of the pod that this one is to replace.
    pub(crate) fn old_spec(&self) -> Option<Node<'a>> {
        self.old?.at(self.template.prefix)
    }

    /// Whether the pod is asked to be on the host's network.
    pub(crate) fn host_network(&self) -> bool {
        is_true(self.spec, "hostNetwork")
    }
}

/// What the API server says when the object is created, in its order. Nothing where it takes the object, as far as the
/// rules here go.
#[must_use]
pub fn validate(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    validate_with(template, options, None)
}

pub(crate) fn validate_with<'a>(
    template: &PodTemplate<'a>,
    options: &'a Options,
    defaults: Option<&'a ContainerDefaults<'a>>,
) -> Vec<Finding> {
    let kind = template.kind.name();
    if let Some(undecodable) = check_decoding(template.object, template.api_version, kind, options) {
        return undecodable;
    }
    let mut pass = Pass::new(template, options);
    pass.defaults = defaults;
    if pass.is_pod() {
        check_pod(&mut pass);
    } else {
        workload::check(&mut pass);
    }
    pass.into_findings()
}

/// What the API server says when an object of any kind is created, in its order: of workloads as [`validate`] does, of the
/// kinds that stand beside them ([`has_rules`]) by their own rules, of all others whether they can be decoded.
#[must_use]
pub fn validate_object(object: &Object<'_>, options: &Options) -> Vec<Finding> {
    if let Some(template) = pod_template(object) {
        return validate(&template, options);
    }
    let (Some(api_version), Some(kind)) = (object.api_version, object.kind) else {
        return Vec::new();
    };
    if let Some(undecodable) = check_decoding(object.node, api_version, kind, options) {
        return undecodable;
    }
    let mut report = Report::new(options);
    if let Some(known) = Known::of(object.group(), kind) {
        known.check(&mut report, None, object.node);
    }
    report.into_findings()
}

/// Whether more is known of the object's kind than how it is decoded. What is not validated is not called good.
#[must_use]
pub fn has_rules(object: &Object<'_>) -> bool {
    pod_template(object).is_some()
        || object
            .kind
            .is_some_and(|kind| Known::of(object.group(), kind).is_some())
}

/// What keeps the object from being decoded: the server does not serve it, or cannot read it.
pub(crate) fn check_decoding(
    object: Node<'_>,
    api_version: &str,
    kind: &str,
    options: &Options,
) -> Option<Vec<Finding>> {
    let place = object.child("apiVersion").span();
    let serving = decode::check_api_version(api_version, kind, place, options);
    if let Some(finding) = serving.filter(|finding| finding.kind == ErrorKind::NotServed) {
        return Some(vec![finding]);
    }
    let mut undecodable = decode::check(object, api_version, kind, options);
    undecodable.retain(|finding| finding.kind != ErrorKind::Ignored);
    (!undecodable.is_empty()).then_some(undecodable)
}

/// `ValidatePodCreate`.
fn check_pod(pass: &mut Pass<'_>) {
    let demands = workload::demands(WorkloadKind::Pod, pass.options);
    let object = pass.template.object;
    metadata::check(pass, object, demands, None);
    let given = pass.count();
    annotations::check_made_keys(pass);
    // They stand among the annotations that are given.
    pass.move_before(
        given,
        &[
            "metadata.ownerReferences",
            "metadata.finalizers",
            "metadata.managedFields",
        ],
    );
    annotations::check(pass);
    check_spec(pass);
    pod::check_only_pods(pass);
    container::check_only_pods(pass);
    ephemeral::check(pass);
    scheduling::check_create(pass);
    annotations::check_create(pass);
}

/// What a workload makes its pods of (`ValidatePodTemplateSpec`).
pub(crate) fn check_template(pass: &mut Pass<'_>) {
    metadata::check_template(pass);
    annotations::check(pass);
    check_spec(pass);
    annotations::check_create(pass);
    ephemeral::check(pass);
}

/// `ValidatePodSpec`.
pub(crate) fn check_spec(pass: &mut Pass<'_>) {
    volumes::check(pass);
    resource_claims::check(pass);
    container::check(pass);
    pod_resources::check(pass);
    host_ports::check_host_network(pass);
    pod::check_policies(pass);
    scheduling::check_node_selector(pass);
    pod_context::check(pass);
    pod::check_share_process_namespace(pass);
    scheduling::check_affinity(pass);
    dns::check_config(pass);
    scheduling::check_gates(pass);
    scheduling::check_topology_spread(pass);
    host_process::check(pass);
    host_users::check(pass);
    pod::check_names(pass);
    scheduling::tolerations::check(pass);
    dns::check_host_aliases(pass);
    pod::check_classes(pass);
    os::check(pass);
    pod::check_scheduling_group(pass);
    container::env::check_file_volumes(pass);
}
