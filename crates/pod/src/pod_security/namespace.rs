//! The verdict on a namespace: wrong labels, labels that do nothing, and pods that a stricter level would not admit.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use super::admission::is_on;
use super::configuration::Configuration;
use super::evaluate::evaluate;
use super::fault::labels_text;
use super::level::{Level, LevelVersion};
use super::policy::{NamespacePolicy, Policy, label, labels_of};
use super::violation::reason_text;
use crate::finding::Finding;
use crate::options::Options;
use crate::render::go_quote;
use crate::report::{is_true, items, text};
use crate::status::Status;

/// How many pods of a namespace the API server looks at when its level changes. It also gives up after a second, which
/// is not modelled.
const MOST_PODS: usize = 3000;

/// What Pod Security says of a namespace that is created or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceVerdict {
    /// The API server's answer, where it refuses the namespace.
    pub denied: Option<Status>,
    /// What it says beside its answer (`Warning:`).
    pub warnings: Vec<String>,
}

impl NamespaceVerdict {
    fn warning(text: Option<String>) -> Self {
        Self {
            denied: None,
            warnings: text.into_iter().collect(),
        }
    }
}

impl Configuration {
    /// What Pod Security says of `namespace`, an object of kind Namespace, that is created, or changed from `old`. `pods` are
    /// the pods that are there already; those of other namespaces are passed over.
    #[must_use]
    pub fn admit_namespace(
        &self,
        namespace: Node<'_>,
        old: Option<Node<'_>>,
        pods: &[PodTemplate<'_>],
        options: &Options,
    ) -> NamespaceVerdict {
        let silent = NamespaceVerdict::default();
        if !is_on(options) {
            return silent;
        }
        let name = namespace
            .field("metadata")
            .map_or("", |metadata| text(metadata, "name"));
        let read = |node| NamespacePolicy::of(node, self.defaults, options);
        let new = read(namespace);
        let old = old.map(read);
        let known = old.as_ref().is_some_and(|old| is_same(&old.errors, &new.errors));
        if !new.errors.is_empty() && !known {
            return NamespaceVerdict {
                denied: Some(refusal(name, &new, options)),
                warnings: Vec::new(),
            };
        }
        let exempt = self.exemptions.has_namespace(name);
        let Some(old) = old else {
            let exempt = exempt && options.at_least(25);
            return NamespaceVerdict::warning(
                exempt
                    .then(|| self.exempt_warning(name, namespace, &new.policy, options))
                    .flatten(),
            );
        };
        let (enforce, before) = (new.policy.enforce, old.policy.enforce);
        let relaxed = enforce.version == before.version && enforce.level <= before.level;
        if enforce == before || enforce.level == Level::Privileged || relaxed {
            return silent;
        }
        if exempt {
            let warns = options.at_least(25);
            return NamespaceVerdict::warning(
                warns
                    .then(|| self.exempt_warning(name, namespace, &new.policy, options))
                    .flatten(),
            );
        }
        NamespaceVerdict {
            denied: None,
            warnings: self.warn_of_pods(name, pods, enforce, options),
        }
    }

    /// What is said of labels on a namespace that is exempt: nothing where they change nothing.
    fn exempt_warning(
        &self,
        name: &str,
        namespace: Node<'_>,
        policy: &Policy,
        options: &Options,
    ) -> Option<String> {
        if policy.is_fully_privileged() || policy.is_equivalent(&self.defaults) {
            return None;
        }
        let labels = labels_of(namespace);
        let modes = [
            ("enforce", "enforce-version", policy.enforce),
            ("audit", "audit-version", policy.audit),
            ("warn", "warn-version", policy.warn),
        ];
        let shown: Vec<String> = modes
            .iter()
            .filter(|(level, version, mode)| {
                // In 1.25 modes are shown that only the defaults set.
                let set = label(labels, level).is_some() || label(labels, version).is_some();
                mode.level != Level::Privileged && (set || !options.at_least(26))
            })
            .map(|(mode, _, level_version)| format!("{mode}={level_version}"))
            .collect();
        Some(format!(
            "namespace {} is exempt from Pod Security, and the policy ({}) will be ignored",
            go_quote(name),
            shown.join(", ")
        ))
    }

    fn warn_of_pods(
        &self,
        namespace: &str,
        pods: &[PodTemplate<'_>],
        enforce: LevelVersion,
        options: &Options,
    ) -> Vec<String> {
        let pods = self.by_priority(namespace, pods);
        let checked = &pods[..pods.len().min(MOST_PODS)];
        let broken: Vec<(&str, String)> = checked
            .iter()
            .filter_map(|pod| {
                let violations = evaluate(pod, enforce, options);
                let reasons = (!violations.is_empty()).then(|| reason_text(&violations))?;
                Some((pod.name.unwrap_or_default(), reasons))
            })
            .collect();
        let all = pods.len();
        let mut warnings = Vec::new();
        if !options.at_least(23) {
            if checked.len() < all {
                warnings.push(format!(
                    "Large namespace: only checking the first {MOST_PODS} of {all} pods"
                ));
            }
            warnings.extend(broken.iter().map(|(pod, reasons)| format!("{pod}: {reasons}")));
            return warnings;
        }
        if checked.len() < all {
            warnings.push(format!(
                "new PodSecurity enforce level only checked against the first {} of {all} existing pods",
                checked.len()
            ));
        }
        if !broken.is_empty() {
            warnings.push(format!(
                "existing pods in namespace {} violate the new PodSecurity enforce level \"{enforce}\"",
                go_quote(namespace)
            ));
        }
        warnings.extend(by_reason(&broken));
        warnings
    }

    /// The pods in the order in which the API server looks at them: those that are one of a controller's many come last.
    fn by_priority<'a>(&self, namespace: &str, pods: &[PodTemplate<'a>]) -> Vec<PodTemplate<'a>> {
        let mut controllers = HashSet::new();
        let (mut pods, others): (Vec<_>, Vec<_>) = pods
            .iter()
            .filter(|pod| pod.kind == WorkloadKind::Pod && pod.namespace.unwrap_or("default") == namespace)
            .filter(|pod| !self.exemptions.has_runtime_class_of(pod))
            .partition(|pod| controller(pod).is_none_or(|controller| controllers.insert(controller)));
        pods.extend(others);
        pods
    }
}

/// The identity of the controller that a pod belongs to.
fn controller<'a>(pod: &PodTemplate<'a>) -> Option<&'a str> {
    let mut owners = items(pod.metadata?, "ownerReferences");
    owners
        .find(|owner| is_true(*owner, "controller"))
        .map(|owner| text(owner, "uid"))
}

/// A line for all pods that break the same, named by the first of them in the order of names. The lines are sorted.
fn by_reason(broken: &[(&str, String)]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (pod, reasons) in broken {
        by_reason
            .entry(reasons)
            .and_modify(|(first, count)| {
                *first = (*first).min(pod);
                *count += 1;
            })
            .or_insert((pod, 1));
    }
    let mut lines: Vec<String> = by_reason
        .into_iter()
        .map(|(reasons, (pod, count))| match count {
            1 => format!("{pod}: {reasons}"),
            2 => format!("{pod} (and 1 other pod): {reasons}"),
            _ => format!("{pod} (and {} other pods): {reasons}", count - 1),
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// Whether the same labels are wrong in the same way, wherever they stand.
fn is_same(old: &[Finding], new: &[Finding]) -> bool {
    let key = |finding: &Finding| (finding.field.clone(), finding.value.clone());
    old.iter().map(key).cmp(new.iter().map(key)) == Ordering::Equal
}

/// The answer to a namespace with wrong labels.
fn refusal(name: &str, labels: &NamespacePolicy, options: &Options) -> Status {
    let mut status = Status::invalid("Namespace", "", name, &labels.errors);
    if !options.at_least(23) {
        status.message = labels_text(&labels.errors, false);
        status.details = Some(Status::details_of("namespaces", name));
    }
    status
}
