//! The API server's validation of a pod, in the API server's order.
//!
//! [`validate`] is the one list of what is asked when; each rule stands in a module of `rules` and knows nothing of the
//! others. What Kubernetes decides before validation (decoding, defaulting) comes first here too: an object that
//! cannot be decoded is not validated.

use porthole_manifest::{Node, PodTemplate, Span};

use crate::container::{ContainerKind, containers_of};
use crate::finding::{ErrorKind, Finding, Severity};
use crate::path::Path;
use crate::rule::Rule;
use crate::rules::{
    decoding, ephemeral, host_ports, host_process, host_users, os, privileged, windows_options,
};
use crate::version::Version;

/// Whose verdict is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The version of the cluster.
    pub kubernetes_version: Version,
    /// Whether the API server runs with `--allow-privileged`, as nearly all do.
    pub allow_privileged: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubernetes_version: Version::NEWEST,
            allow_privileged: true,
        }
    }
}

/// A pod on its way through the rules.
pub(crate) struct Pass<'a> {
    pub(crate) template: PodTemplate<'a>,
    pub(crate) spec: Node<'a>,
    pub(crate) options: Options,
    findings: Vec<Finding>,
}

impl Pass<'_> {
    /// Reports an error. `value` is as the API server renders it.
    pub(crate) fn report(
        &mut self,
        rule: &'static Rule,
        kind: ErrorKind,
        field: &Path<'_>,
        value: Option<String>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.findings.push(Finding {
            rule,
            severity: Severity::Error,
            kind,
            field: field.to_string(),
            value,
            detail: detail.into(),
            span: Some(span),
        });
    }

    pub(crate) fn invalid(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        value: String,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.report(rule, ErrorKind::Invalid, field, Some(value), detail, span);
    }

    pub(crate) fn forbidden(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.report(rule, ErrorKind::Forbidden, field, None, detail, span);
    }

    /// Whether the pod is asked to be on the host's network.
    pub(crate) fn host_network(&self) -> bool {
        is_true(self.spec, "hostNetwork")
    }
}

/// Whether the plain boolean `key` is true; unset is false.
pub(crate) fn is_true(node: Node<'_>, key: &str) -> bool {
    node.field(key).and_then(Node::as_bool).unwrap_or_default()
}

/// What the API server says when the object is created, in its order. Nothing where it takes the object, as far as the
/// rules here go.
#[must_use]
pub fn validate(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    if let Some(finding) = decoding::check(template) {
        return vec![finding];
    }
    let Some(spec) = template.spec else {
        return Vec::new();
    };
    let mut pass = Pass {
        template: *template,
        spec,
        options: *options,
        findings: Vec::new(),
    };
    for kind in [ContainerKind::Main, ContainerKind::Init, ContainerKind::Ephemeral] {
        for container in containers_of(template, kind) {
            privileged::check(&mut pass, &container);
            windows_options::check_container(&mut pass, &container);
            if kind == ContainerKind::Init {
                host_ports::check_duplicates(&mut pass, kind, &[container]);
            }
        }
        if kind == ContainerKind::Main {
            let all: Vec<_> = containers_of(template, kind).collect();
            host_ports::check_duplicates(&mut pass, kind, &all);
        }
    }
    os::check_pod_resources(&mut pass);
    host_ports::check_host_network(&mut pass);
    windows_options::check_pod(&mut pass);
    host_process::check(&mut pass);
    host_users::check(&mut pass);
    os::check(&mut pass);
    ephemeral::check(&mut pass);
    pass.findings
}
