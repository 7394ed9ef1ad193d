//! Pod Security, asked with the namespaces of all files and of the cluster.

use porthole_manifest::{Limits, Object, PodTemplate, WorkloadKind};
use porthole_pod::pod_security::{Mode, NamespacePolicy};
use porthole_pod::{ErrorKind, Finding, Severity, Status};

use crate::existence::but_not_its_pods;
use crate::settings::Settings;
use crate::world::World;

porthole_pod::rules! { PodSecurity:
    /// A namespace whose level is raised keeps the pods that are there already; the API server lists those that the new
    /// level would refuse. They are refused when they are made anew.
    NAMESPACE_TIGHTENED = "pod-security-namespace-tightened";
    /// A namespace that the cluster's administrator has exempted from Pod Security is held to nothing: its labels are ignored.
    NAMESPACE_EXEMPT = "pod-security-namespace-exempt";
}

/// The rules of this module.
pub(crate) fn rules() -> &'static [&'static porthole_pod::Rule] {
    RULES
}

/// What Pod Security says.
#[derive(Default)]
pub(crate) struct Said {
    /// The API server's answer, where it refuses the object.
    pub(crate) denied: Option<Status>,
    /// What it says beside its answer.
    pub(crate) warnings: Vec<String>,
    /// Why.
    pub(crate) findings: Vec<Finding>,
}

/// Asks of a pod or a workload.
pub(crate) fn ask(template: &PodTemplate<'_>, world: &World<'_>, settings: &Settings) -> Said {
    let configuration = &settings.pod_security;
    let options = &settings.options;
    let name = namespace_of(template, settings);
    let policy = world.namespace(name).map_or_else(
        || NamespacePolicy::unlabelled(configuration.defaults),
        |namespace| NamespacePolicy::of(namespace, configuration.defaults, options),
    );
    let verdict = configuration.admit(template, name, &policy, None, options);
    let mut findings = Vec::new();
    let is_pod = template.kind == WorkloadKind::Pod;
    // A workload is taken; the pods that it makes are not. A PodTemplate makes none.
    let of_pods = (!is_pod && template.kind != WorkloadKind::PodTemplate).then(|| {
        let pod = PodTemplate {
            kind: WorkloadKind::Pod,
            ..*template
        };
        configuration.admit(&pod, name, &policy, None, options)
    });
    let enforcing = of_pods.as_ref().unwrap_or(&verdict);
    if let Some(judgement) = enforcing.judgement(Mode::Enforce) {
        let level = judgement.level_version;
        let help = if is_pod {
            format!("the namespace `{name}` enforces {level}")
        } else {
            format!(
                "the namespace `{name}` enforces {level}: {}",
                but_not_its_pods(template.kind)
            )
        };
        for violation in &judgement.violations {
            findings.push(violation.finding(Severity::Error).with_help(help.clone()));
        }
    }
    for (mode, severity, word) in [
        (Mode::Warn, Severity::Warning, "warns of"),
        (Mode::Audit, Severity::Advice, "audits"),
    ] {
        let Some(judgement) = verdict.judgement(mode) else {
            continue;
        };
        let help = format!("the namespace `{name}` {word} {}", judgement.level_version);
        for violation in &judgement.violations {
            let finding = violation.finding(severity).with_help(help.clone());
            // Said once, as gravely as it is.
            let known = findings.iter().any(|known: &Finding| {
                (known.rule, known.span, &known.detail) == (finding.rule, finding.span, &finding.detail)
            });
            if !known {
                findings.push(finding);
            }
        }
    }
    Said {
        warnings: verdict.warnings(),
        denied: verdict.denied,
        findings,
    }
}

/// Asks of a Namespace that is created; and, for the findings, what would be said if it were there already without its
/// labels, and the pods of the files in it.
pub(crate) fn ask_namespace(object: &Object<'_>, world: &World<'_>, settings: &Settings) -> Said {
    let configuration = &settings.pod_security;
    let options = &settings.options;
    let created = configuration.admit_namespace(object.node, None, &[], options);
    let mut findings = if created.denied.is_some() {
        NamespacePolicy::of(object.node, configuration.defaults, options).errors
    } else {
        Vec::new()
    };
    let span = labels_span(object);
    let said = |rule, text: &String| Finding {
        kind: ErrorKind::Warning,
        field: "metadata.labels".to_owned(),
        ..Finding::remark(rule, Severity::Warning, "", text.clone(), span)
    };
    findings.extend(created.warnings.iter().map(|text| said(&NAMESPACE_EXEMPT, text)));
    if created.denied.is_none() && created.warnings.is_empty() {
        let pods = world.pods_of(object.name.unwrap_or_default());
        if !pods.is_empty() {
            let unlabelled = porthole_manifest::parse("{}", &Limits::default());
            let old = unlabelled
                .documents
                .first()
                .map(porthole_manifest::Document::root);
            let changed = configuration.admit_namespace(object.node, old, &pods, options);
            if let Some((first, rest)) = changed.warnings.split_first() {
                let mut finding = said(&NAMESPACE_TIGHTENED, first);
                for line in rest {
                    finding.detail.push_str("; ");
                    finding.detail.push_str(line);
                }
                findings.push(finding);
            }
        }
    }
    Said {
        denied: created.denied,
        warnings: created.warnings,
        findings,
    }
}

/// The place of a namespace's labels for Pod Security.
fn labels_span(object: &Object<'_>) -> porthole_manifest::Span {
    let labels = object.node.child("metadata").child("labels");
    let own = labels
        .entries()
        .find(|entry| entry.key.key_text().starts_with("pod-security.kubernetes.io/"));
    own.map_or_else(
        || object.node.child("metadata").span(),
        |entry| entry.value.span(),
    )
}

fn namespace_of<'n>(template: &PodTemplate<'n>, settings: &'n Settings) -> &'n str {
    template
        .namespace
        .filter(|name| !name.is_empty())
        .unwrap_or(&settings.namespace)
}
