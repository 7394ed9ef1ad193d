//! What built-in admission makes of a pod's priority and runtime: the plug-ins `Priority` and `RuntimeClass`.
//!
//! They look at Pods, and not at the templates of workloads. Both refuse before the pod is validated; an overhead without
//! a class that has it is refused after.

use std::borrow::Cow;
use std::collections::HashMap;

use porthole_manifest::{Node, PodTemplate, Span, WorkloadKind};
use porthole_pod::{ErrorKind, Finding, Quantity, Rule, Severity, created_name};

porthole_pod::rules! { ApiServer:
    /// The `PriorityClass` that a pod names is there: `system-node-critical` and `system-cluster-critical` are in every
    /// cluster, others are made before the pod.
    PRIORITY_CLASS_UNKNOWN = "priority-class-unknown";
    /// A pod's `priority` and `preemptionPolicy` are those of its class, which the API server fills in. Leave them out.
    PRIORITY_DIFFERS = "priority-differs";
    /// The `RuntimeClass` that a pod names is there, made before the pod.
    RUNTIME_CLASS_UNKNOWN = "runtime-class-unknown";
    /// The node labels that a `RuntimeClass` selects and those that its pod selects do not contradict each other.
    RUNTIME_CLASS_CONFLICT = "runtime-class-conflict";
    /// A pod's `overhead` is that of its `RuntimeClass`, which the API server fills in. Leave it out.
    RUNTIME_CLASS_OVERHEAD = "runtime-class-overhead";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The classes that are in every cluster, with their values.
const SYSTEM: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

/// The classes that there are beside those of every cluster.
#[derive(Clone, Debug, Default)]
pub struct Classes<'a> {
    priority: HashMap<&'a str, Node<'a>>,
    runtime: HashMap<&'a str, Node<'a>>,
}

impl<'a> Classes<'a> {
    /// Adds a `PriorityClass`.
    pub fn add_priority(&mut self, name: &'a str, class: Node<'a>) {
        self.priority.insert(name, class);
    }

    /// Adds a `RuntimeClass`.
    pub fn add_runtime(&mut self, name: &'a str, class: Node<'a>) {
        self.runtime.insert(name, class);
    }
}

/// When a pod is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before it is validated: what is not valid of it is never told.
    BeforeValidation,
    /// Once it is valid.
    AfterValidation,
}

/// Why the pod is refused. Of its finding the detail is what stands behind `is forbidden: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub stage: Stage,
    /// Why.
    pub finding: Finding,
}

/// The class that a pod's priority comes of.
struct Priority<'a> {
    value: i64,
    preemption: &'a str,
}

/// What admission says to a pod, where it does not admit it. Nothing of other workloads.
#[must_use]
pub fn check(template: &PodTemplate<'_>, classes: &Classes<'_>) -> Option<Denial> {
    let spec = template.spec.filter(|_| template.kind == WorkloadKind::Pod)?;
    check_priority(spec, classes).or_else(|| check_runtime(spec, classes))
}

pub(crate) fn deny(stage: Stage, rule: &'static Rule, field: &str, text: String, span: Span) -> Denial {
    let mut finding = Finding::remark(rule, Severity::Error, field, text, span);
    finding.kind = ErrorKind::Denied;
    Denial { stage, finding }
}

fn check_priority(spec: Node<'_>, classes: &Classes<'_>) -> Option<Denial> {
    let before = |rule, field: &str, text, span| Some(deny(Stage::BeforeValidation, rule, field, text, span));
    let named = spec
        .field("priorityClassName")
        .filter(|node| node.as_str() != Some(""));
    let class = match named {
        None => default_priority(classes),
        Some(node) => {
            let name = node.as_str().unwrap_or_default();
            let Some(class) = priority_of(classes, name) else {
                let text = format!("no PriorityClass with name {name} was found");
                return before(
                    &PRIORITY_CLASS_UNKNOWN,
                    "spec.priorityClassName",
                    text,
                    node.span(),
                );
            };
            class
        }
    };
    let Priority { value, preemption } = class;
    if let Some((node, given)) = spec
        .field("priority")
        .and_then(|node| Some((node, node.as_i64()?)))
        && given != value
    {
        let text = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {value} from the given PriorityClass name"
        );
        return before(&PRIORITY_DIFFERS, "spec.priority", text, node.span());
    }
    let (node, given) = spec
        .field("preemptionPolicy")
        .and_then(|node| Some((node, node.as_str()?)))?;
    if given == preemption {
        return None;
    }
    let text = format!(
        "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller \
         computed {preemption} from the given PriorityClass name"
    );
    before(&PRIORITY_DIFFERS, "spec.preemptionPolicy", text, node.span())
}

fn class_of(node: Node<'_>) -> Priority<'_> {
    Priority {
        value: node.child("value").as_i64().unwrap_or_default(),
        preemption: node
            .child("preemptionPolicy")
            .as_str()
            .unwrap_or("PreemptLowerPriority"),
    }
}

fn priority_of<'a>(classes: &Classes<'a>, name: &str) -> Option<Priority<'a>> {
    let system = SYSTEM.iter().find(|(known, _)| *known == name);
    match system {
        Some((_, value)) => Some(Priority {
            value: *value,
            preemption: "PreemptLowerPriority",
        }),
        None => classes.priority.get(name).map(|node| class_of(*node)),
    }
}

/// The priority of pods that name no class.
fn default_priority<'a>(classes: &Classes<'a>) -> Priority<'a> {
    default_class(classes).map_or(
        Priority {
            value: 0,
            preemption: "PreemptLowerPriority",
        },
        |(_, class)| class,
    )
}

/// The class of pods that name none, with its name: of several default ones that of the lowest value.
fn default_class<'a>(classes: &Classes<'a>) -> Option<(&'a str, Priority<'a>)> {
    let defaults = classes
        .priority
        .iter()
        .filter(|(_, node)| node.child("globalDefault").as_bool() == Some(true));
    defaults
        .map(|(name, node)| (*name, class_of(*node)))
        .min_by_key(|(name, class)| (class.value, *name))
}

/// The priority class that a pod names.
fn named_priority<'a>(template: &PodTemplate<'a>) -> Option<&'a str> {
    let named = template.spec?.child("priorityClassName").as_str();
    named.filter(|name| !name.is_empty())
}

/// Whether a pod names its priority class, so that it is not the default one.
#[must_use]
pub fn names_priority(template: &PodTemplate<'_>) -> bool {
    named_priority(template).is_some()
}

/// The priority class of a pod: the one that it names, else the default one.
#[must_use]
pub fn priority_class<'a>(template: &PodTemplate<'a>, classes: &Classes<'a>) -> Option<&'a str> {
    named_priority(template).or_else(|| default_class(classes).map(|(name, _)| name))
}

/// What running a pod takes beside its containers: what it says itself, else what its runtime class does.
#[must_use]
pub fn overhead<'a>(template: &PodTemplate<'a>, classes: &Classes<'a>) -> Option<Node<'a>> {
    let spec = template.spec?;
    let of_class = || {
        let class = classes.runtime.get(runtime_class(template)?)?;
        class.child("overhead").field("podFixed")
    };
    spec.field("overhead").or_else(of_class)
}

fn check_runtime(spec: Node<'_>, classes: &Classes<'_>) -> Option<Denial> {
    let overhead = spec.field("overhead");
    let Some(named) = spec.field("runtimeClassName") else {
        return without_class(overhead);
    };
    let name = named.as_str().unwrap_or_default();
    let Some(class) = classes.runtime.get(name) else {
        let text = format!(
            "pod rejected: RuntimeClass {} not found",
            porthole_pod::go_quote(name)
        );
        let field = "spec.runtimeClassName";
        let rule = &RUNTIME_CLASS_UNKNOWN;
        return Some(deny(Stage::BeforeValidation, rule, field, text, named.span()));
    };
    let Some(fixed) = class.field("overhead").map(|overhead| overhead.child("podFixed")) else {
        return check_selector(spec, *class).or_else(|| without_class(overhead));
    };
    if let Some(given) = overhead.filter(|given| given.entries().next().is_some() && !is_same(*given, fixed))
    {
        let text = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead".to_owned();
        let rule = &RUNTIME_CLASS_OVERHEAD;
        return Some(deny(
            Stage::BeforeValidation,
            rule,
            "spec.overhead",
            text,
            given.span(),
        ));
    }
    check_selector(spec, *class)
}

/// An overhead of a pod whose class has none.
fn without_class(overhead: Option<Node<'_>>) -> Option<Denial> {
    let given = overhead?;
    let text =
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned();
    let rule = &RUNTIME_CLASS_OVERHEAD;
    Some(deny(
        Stage::AfterValidation,
        rule,
        "spec.overhead",
        text,
        given.span(),
    ))
}

/// Whether two lists of resources hold the same amounts, however they are written.
fn is_same(one: Node<'_>, other: Node<'_>) -> bool {
    amounts(one) == amounts(other)
}

fn amounts(resources: Node<'_>) -> HashMap<String, Option<Quantity<'_>>> {
    let entries = resources.entries();
    let amount = |node| Quantity::of(node).and_then(Result::ok);
    entries
        .map(|entry| (entry.key.key_text().into_owned(), amount(entry.value)))
        .collect()
}

fn check_selector(spec: Node<'_>, class: Node<'_>) -> Option<Denial> {
    let selected = class.child("scheduling").child("nodeSelector");
    let own = spec.child("nodeSelector");
    selected.entries().find_map(|entry| {
        let key = entry.key.key_text();
        let given = own.get(&key)?;
        let (wanted, found) = (entry.value.as_str()?, given.as_str()?);
        (wanted != found).then(|| {
            let text = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {found}"
            );
            let field = format!("spec.nodeSelector[{key}]");
            deny(Stage::BeforeValidation, &RUNTIME_CLASS_CONFLICT, &field, text, given.span())
        })
    })
}

/// A kind of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PriorityClass`.
    Priority,
    /// `RuntimeClass`.
    Runtime,
}

/// Of which kind the class is that the finding says is not there.
#[must_use]
pub fn unknown(finding: &Finding) -> Option<Kind> {
    if *finding.rule == PRIORITY_CLASS_UNKNOWN {
        Some(Kind::Priority)
    } else if *finding.rule == RUNTIME_CLASS_UNKNOWN {
        Some(Kind::Runtime)
    } else {
        None
    }
}

/// Whether it depends on the cluster's `PriorityClasses` if the pod is admitted.
#[must_use]
pub fn depends_on_priorities(template: &PodTemplate<'_>) -> bool {
    let Some(spec) = template.spec else { return false };
    let named = spec.field("priorityClassName").and_then(Node::as_str);
    let of_cluster = |name: &str| !name.is_empty() && SYSTEM.iter().all(|(known, _)| *known != name);
    named.is_some_and(of_cluster)
        || ["priority", "preemptionPolicy"]
            .into_iter()
            .any(|key| spec.field(key).is_some())
}

/// The `RuntimeClass` that a pod names.
#[must_use]
pub fn runtime_class<'a>(template: &PodTemplate<'a>) -> Option<&'a str> {
    let name = template.spec?.field("runtimeClassName")?.as_str();
    name.filter(|name| !name.is_empty())
}

/// The name by which a refusal calls the pod: its own, and what one is generated of before it is, or `Unknown`.
#[must_use]
pub fn name_of<'a>(template: &PodTemplate<'a>, stage: Stage) -> Cow<'a, str> {
    let metadata = template.object.child("metadata");
    if stage == Stage::AfterValidation {
        return created_name(metadata);
    }
    let named = |key| metadata.child(key).as_str().filter(|name| !name.is_empty());
    Cow::Borrowed(
        named("name")
            .or_else(|| named("generateName"))
            .unwrap_or("Unknown"),
    )
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Document, Limits, objects, parse, pod_template};

    use super::*;

    fn document(text: &str) -> Document {
        let mut stream = parse(text, &Limits::default());
        assert_eq!(stream.errors, [], "{text}");
        stream.documents.remove(0)
    }

    /// The stage and the text of what is said to a pod of `spec`.
    #[track_caller]
    fn denial(spec: &str) -> Option<(Stage, String)> {
        let classes = [
            document("{value: 7, preemptionPolicy: Never}"),
            document("{handler: a, overhead: {podFixed: {cpu: 250m}}, scheduling: {nodeSelector: {a: b}}}"),
            document("{handler: a}"),
            document("{handler: a, overhead: {podFixed: {memory: 1Gi}}}"),
        ];
        let mut known = Classes::default();
        known.add_priority("seven", classes[0].root());
        known.add_runtime("heavy", classes[1].root());
        known.add_runtime("light", classes[2].root());
        known.add_runtime("huge", classes[3].root());
        let pod = document(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{{spec}}}}}"
        ));
        let objects = objects(&pod);
        let template = pod_template(&objects[0]).expect("a Pod has one");
        check(&template, &known).map(|denial| (denial.stage, denial.finding.to_string()))
    }

    #[test]
    fn a_priority_is_that_of_its_class() {
        for good in [
            "",
            "priority: 0",
            "priorityClassName: ''",
            "priorityClassName: system-node-critical, priority: 2000001000",
            "priorityClassName: seven, priority: 7, preemptionPolicy: Never",
        ] {
            assert_eq!(denial(good), None, "{good}");
        }
        for (spec, text) in [
            (
                "priorityClassName: high",
                "no PriorityClass with name high was found",
            ),
            (
                "priorityClassName: seven, priority: 8",
                "the integer value of priority (8) must not be provided in pod spec; priority admission controller computed \
                 7 from the given PriorityClass name",
            ),
            (
                "preemptionPolicy: Never",
                "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission \
                 controller computed PreemptLowerPriority from the given PriorityClass name",
            ),
        ] {
            assert_eq!(
                denial(spec),
                Some((Stage::BeforeValidation, text.to_owned())),
                "{spec}"
            );
        }
    }

    #[test]
    fn an_overhead_is_that_of_the_class() {
        for good in [
            "runtimeClassName: light",
            "runtimeClassName: heavy, overhead: {cpu: 0.25}",
            "runtimeClassName: huge, overhead: {memory: 1073741824}",
        ] {
            assert_eq!(denial(good), None, "{good}");
        }
        let without = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
        let differs = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
        let unknown = "pod rejected: RuntimeClass \"none\" not found";
        let conflict = "conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = c";
        for (spec, stage, text) in [
            ("overhead: {cpu: 1}", Stage::AfterValidation, without),
            (
                "runtimeClassName: light, overhead: {cpu: 1}",
                Stage::AfterValidation,
                without,
            ),
            (
                "runtimeClassName: heavy, overhead: {cpu: 1}",
                Stage::BeforeValidation,
                differs,
            ),
            ("runtimeClassName: none", Stage::BeforeValidation, unknown),
            (
                "runtimeClassName: heavy, nodeSelector: {a: c}",
                Stage::BeforeValidation,
                conflict,
            ),
        ] {
            assert_eq!(denial(spec), Some((stage, text.to_owned())), "{spec}");
        }
    }
}
