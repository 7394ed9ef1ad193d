//! The admission plugin `Priority`: the number that a pod's `priorityClassName` stands for.
//!
//! It is asked of Pods alone, after they are decoded and before they are validated: what it refuses is answered with 403,
//! whatever else is wrong.

use porthole_manifest::{Node, PodTemplate, WorkloadKind};
use porthole_pod::{ErrorKind, Finding, Options, Rule, Severity, Status};

porthole_pod::rules! { ApiServer:
    /// A pod's priority is that of its `priorityClassName`: it does not bring a number or a preemption policy of its own. The
    /// class is one that there is.
    PRIORITY = "priority-of-class";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// A PriorityClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityClass {
    /// Its name.
    pub name: String,
    /// The priority of its pods.
    pub value: i32,
    /// Whether its pods evict others (`PreemptLowerPriority` where nothing is said).
    pub preemption_policy: Option<String>,
    /// Whether it is that of pods that name none.
    pub global_default: bool,
}

/// The classes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Those that are known.
    pub known: Vec<PriorityClass>,
    /// Whether there are no others.
    pub complete: bool,
}

const PREEMPT: &str = "PreemptLowerPriority";

impl Classes {
    /// Those that every cluster has.
    #[must_use]
    pub fn of_every_cluster() -> Vec<PriorityClass> {
        [
            ("system-cluster-critical", 2_000_000_000),
            ("system-node-critical", 2_000_001_000),
        ]
        .into_iter()
        .map(|(name, value)| PriorityClass {
            name: name.to_owned(),
            value,
            preemption_policy: Some(PREEMPT.to_owned()),
            global_default: false,
        })
        .collect()
    }

    /// A cluster with no others than [those that every cluster has](Self::of_every_cluster).
    #[must_use]
    pub fn usual() -> Self {
        Self {
            known: Self::of_every_cluster(),
            complete: true,
        }
    }

    /// Of several defaults the one of the least priority counts.
    fn default_class(&self) -> Option<&PriorityClass> {
        let defaults = self.known.iter().filter(|class| class.global_default);
        defaults.min_by_key(|class| class.value)
    }
}

/// What the plugin refuses a Pod for. The detail is the whole text behind `pods "NAME" is forbidden: `. Nothing where the
/// pod names a class that may be there without being known.
#[must_use]
pub fn check(template: &PodTemplate<'_>, classes: &Classes, options: &Options) -> Option<Finding> {
    let spec = template.spec.filter(|_| template.kind == WorkloadKind::Pod)?;
    let name = spec
        .field("priorityClassName")
        .and_then(Node::as_str)
        .unwrap_or_default();
    let class = match name {
        "" => classes.default_class(),
        name => match classes.known.iter().find(|class| class.name == name) {
            None if classes.complete => {
                let error = format!("no PriorityClass with name {name} was found");
                return Some(finding(spec, "priorityClassName", error));
            }
            None => return None,
            class => class,
        },
    };
    // Without any class it is the default of the default, where that is known.
    if class.is_none() && !classes.complete {
        return None;
    }
    let value = class.map_or(0, |class| class.value);
    let given = spec.field("priority").and_then(Node::as_i64);
    if let Some(given) = given.filter(|given| *given != i64::from(value)) {
        let error = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {value} from the given PriorityClass name"
        );
        return Some(finding(spec, "priority", error));
    }
    let policy = class
        .and_then(|class| class.preemption_policy.as_deref())
        .unwrap_or(PREEMPT);
    let given = spec.field("preemptionPolicy").and_then(Node::as_str);
    let looked_at = options.at_least(24) || options.enabled("NonPreemptingPriority");
    let given = given.filter(|given| looked_at && *given != policy)?;
    let error = format!(
        "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller \
         computed {policy} from the given PriorityClass name"
    );
    Some(finding(spec, "preemptionPolicy", error))
}

fn finding(spec: Node<'_>, field: &str, error: String) -> Finding {
    Finding {
        rule: &PRIORITY,
        severity: Severity::Error,
        kind: ErrorKind::Denied,
        field: format!("spec.{field}"),
        value: None,
        detail: error,
        span: Some(spec.get(field).unwrap_or(spec).span()),
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

/// The API server's answer to a pod that a plugin refuses before it has a generated name.
#[must_use]
pub fn status(template: &PodTemplate<'_>, finding: &Finding) -> Status {
    let metadata = template.metadata;
    let text = |key| {
        let node = metadata.and_then(|metadata: Node<'_>| metadata.field(key));
        node.and_then(Node::as_str).filter(|text| !text.is_empty())
    };
    let name = text("name").or_else(|| text("generateName")).unwrap_or("Unknown");
    Status::forbidden("pods", name, &finding.detail)
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, objects, parse, pod_template};

    use super::*;

    /// The message of the refusal of a Pod whose spec has these fields.
    fn message(fields: &str, classes: &Classes) -> Option<String> {
        let text = format!("{{apiVersion: v1, kind: Pod, spec: {{containers: [{{name: c}}], {fields}}}}}");
        let stream = parse(&text, &Limits::default());
        let object = &objects(&stream.documents[0])[0];
        let template = pod_template(object).expect("a Pod has one");
        let finding = check(&template, classes, &Options::default())?;
        Some(status(&template, &finding).message)
    }

    #[test]
    fn a_priority_of_its_own_is_refused() {
        let usual = Classes::usual();
        for (fields, expected) in [
            (
                "priority: 5",
                "pods \"Unknown\" is forbidden: the integer value of priority (5) must not be provided in pod spec; \
                 priority admission controller computed 0 from the given PriorityClass name",
            ),
            (
                "priorityClassName: system-node-critical, priority: 0",
                "pods \"Unknown\" is forbidden: the integer value of priority (0) must not be provided in pod spec; \
                 priority admission controller computed 2000001000 from the given PriorityClass name",
            ),
            (
                "preemptionPolicy: Never",
                "pods \"Unknown\" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod \
                 spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name",
            ),
            (
                "priorityClassName: high",
                "pods \"Unknown\" is forbidden: no PriorityClass with name high was found",
            ),
        ] {
            assert_eq!(message(fields, &usual).as_deref(), Some(expected), "{fields}");
        }
    }

    #[test]
    fn what_the_class_says_is_taken() {
        let usual = Classes::usual();
        for fields in [
            "priority: 0",
            "preemptionPolicy: PreemptLowerPriority",
            "priorityClassName: system-cluster-critical, priority: 2000000000",
        ] {
            assert_eq!(message(fields, &usual), None, "{fields}");
        }
        let partly = Classes {
            complete: false,
            ..Classes::usual()
        };
        assert_eq!(
            message("priorityClassName: high, priority: 7", &partly),
            None,
            "it may be there"
        );
    }
}
