//! Host accounts, as the webhook asks about them: with the namespaces, roles and bindings of all files and of the cluster.
//!
//! Nobody is asked about where neither the namespace's label nor a setting asks for it.

use porthole_admission::classes::{self, Stage};
use porthole_admission::decide::MOST_PROBLEMS;
use porthole_admission::host_accounts::{LABEL, MOST_TOLD, Mode, Policy, check_label, unauthorized};
use porthole_admission::{LEFT_ALONE, WEBHOOK};
use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind, pod_template};
use porthole_pod::{Finding, Severity, Status};

use crate::existence::but_not_its_pods;
use crate::live::namespace_of;
use crate::settings::Settings;
use crate::world::World;

/// What the webhook says.
#[derive(Default)]
pub(crate) struct Said {
    /// The API server's answer, where the webhook refuses the object.
    pub(crate) denied: Option<Status>,
    /// What whoever creates it is told beside the answer.
    pub(crate) warnings: Vec<String>,
    /// Why.
    pub(crate) findings: Vec<Finding>,
}

/// Asks of a pod or a workload; `old` is what it was.
pub(crate) fn ask(
    object: &Object<'_>,
    template: &PodTemplate<'_>,
    old: Option<&Object<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> Said {
    let namespace = namespace_of(object, settings);
    let policy = policy_of(namespace, world.namespace(namespace), settings.host_accounts);
    // A PodTemplate makes no pods.
    if policy.mode == Mode::Off || namespace == LEFT_ALONE || template.kind == WorkloadKind::PodTemplate {
        return Said::default();
    }
    let is_pod = template.kind == WorkloadKind::Pod;
    // Whatever a workload was, its pods are made anew.
    let old = old.filter(|_| is_pod).and_then(pod_template);
    let Some(mut findings) = unauthorized(template, old.as_ref(), namespace, world.access()) else {
        return Said::default();
    };
    let (severity, does) = match policy.mode {
        // Roles that could not be read may allow it.
        Mode::Enforce if world.may_lack_access() => (Severity::Warning, "enforces"),
        Mode::Enforce => (Severity::Error, "enforces"),
        Mode::Warn => (Severity::Warning, "warns of"),
        Mode::Audit | Mode::Off => (Severity::Advice, "audits"),
    };
    let mut said = Said::default();
    if is_pod && severity == Severity::Error && !findings.is_empty() {
        let told = &findings[..findings.len().min(MOST_PROBLEMS)];
        let name = classes::name_of(template, Stage::AfterValidation);
        said.denied = Some(Status::denied_by(WEBHOOK, "pods", &name, told));
        // With a refusal goes what helps.
        for help in told.iter().filter_map(|finding| finding.help.as_ref()) {
            if !said.warnings.contains(help) {
                said.warnings.push(help.clone());
            }
        }
    }
    if is_pod {
        said.warnings.extend(policy.remark);
    }
    if is_pod && policy.mode == Mode::Warn {
        let mut told: Vec<String> = Vec::new();
        for finding in &findings {
            if told.len() < MOST_TOLD && !told.contains(&finding.detail) {
                told.push(finding.detail.clone());
            }
        }
        said.warnings.append(&mut told);
    }
    let but = if world.may_lack_access() {
        ", and roles that could not be read may allow it".to_owned()
    } else if !is_pod && policy.mode == Mode::Enforce {
        format!(": {}", but_not_its_pods(template.kind))
    } else {
        String::new()
    };
    for finding in &mut findings {
        finding.severity = severity;
        let help = finding.help.take().unwrap_or_default();
        finding.help = Some(format!(
            "{help}; the namespace `{namespace}` {does} host accounts{but}"
        ));
    }
    said.findings = findings;
    said
}

/// Asks of a Namespace whether its label means what it says.
pub(crate) fn ask_namespace(object: &Object<'_>) -> Option<Finding> {
    check_label(object.name.unwrap_or_default(), label_of(object.node)?)
}

/// How strict a namespace is, of which the object may not be known.
pub(crate) fn policy_of(name: &str, namespace: Option<Node<'_>>, default: Mode) -> Policy {
    let label = namespace.and_then(label_of).and_then(Node::as_str);
    Policy::of(name, label, default)
}

fn label_of(namespace: Node<'_>) -> Option<Node<'_>> {
    namespace.child("metadata").child("labels").field(LABEL)
}
