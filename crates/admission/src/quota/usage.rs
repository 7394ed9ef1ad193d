//! What a pod uses, as quotas count it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{ContainerKind, Quantity, containers_of, is_native_resource, qos_class, together};

use super::Filled;

/// Amounts by the names of their resources.
pub(super) type Amounts<'a> = BTreeMap<Cow<'a, str>, Quantity<'a>>;

/// The amounts of a map; nothing where one of them is none.
pub(super) fn amounts(node: Node<'_>) -> Option<Amounts<'_>> {
    let mut amounts = Amounts::new();
    for entry in node.entries() {
        let quantity = Quantity::of(entry.value)?.ok()?.rounded();
        amounts.insert(entry.key.key_text(), quantity);
    }
    Some(amounts)
}

/// What every container has to say where a quota counts it.
const TO_BE_SAID: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];

/// Whether a quota of that name counts something of pods.
pub(super) fn is_counted(resource: &str) -> bool {
    let known = [
        "count/pods",
        "pods",
        "ephemeral-storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    ];
    known.contains(&resource)
        || TO_BE_SAID.contains(&resource)
        || resource.starts_with("hugepages-")
        || resource.starts_with("requests.hugepages-")
        || (resource.starts_with("requests.") && !is_native_resource(resource))
}

/// What a container or a pod asks for and may have.
#[derive(Clone, Debug, Default)]
struct Resources<'a> {
    requests: Amounts<'a>,
    limits: Amounts<'a>,
}

impl<'a> Resources<'a> {
    /// Those of a container: what it limits and does not ask for it asks for, and what it says nothing of is as the limit ranges
    /// have it.
    fn of(container: Node<'a>, defaults: &Self) -> Option<Self> {
        let resources = container.child("resources");
        let limits = amounts(resources.child("limits"))?;
        let mut requests = limits.clone();
        requests.extend(amounts(resources.child("requests"))?);
        let mut all = Self { requests, limits };
        fill(&mut all.limits, &defaults.limits);
        fill(&mut all.requests, &defaults.requests);
        Some(all)
    }

    /// What the limit ranges of a namespace give to containers that do not say (`SetDefaults_LimitRangeItem`, and `LimitRanger`).
    fn defaults(limit_ranges: &[Node<'a>]) -> Option<Self> {
        let mut all = Self::default();
        let items = limit_ranges
            .iter()
            .flat_map(|range| range.child("spec").child("limits").items());
        for item in items.filter(|item| item.child("type").as_str() == Some("Container")) {
            let mut limits = amounts(item.child("default"))?;
            fill(&mut limits, &amounts(item.child("max"))?);
            let mut requests = amounts(item.child("defaultRequest"))?;
            fill(&mut requests, &limits);
            fill(&mut requests, &amounts(item.child("min"))?);
            fill(&mut all.limits, &limits);
            fill(&mut all.requests, &requests);
        }
        Some(all)
    }

    fn add(&mut self, more: &Self) {
        merge(&mut self.requests, &more.requests, Quantity::plus);
        merge(&mut self.limits, &more.limits, Quantity::plus);
    }

    fn at_least(&mut self, other: &Self) {
        let greater = |one: &Quantity<'a>, other: &Quantity<'a>| {
            if other > one { other.clone() } else { one.clone() }
        };
        merge(&mut self.requests, &other.requests, greater);
        merge(&mut self.limits, &other.limits, greater);
    }

    /// By the names that quotas have for them (`podComputeUsageHelper`).
    fn counted(&self) -> Vec<(String, Quantity<'a>)> {
        let mut counted = Vec::new();
        for (resource, request) in &self.requests {
            let is_own = matches!(resource.as_ref(), "cpu" | "memory" | "ephemeral-storage");
            let is_page = resource.starts_with("hugepages-");
            if is_own || is_page {
                counted.push((resource.to_string(), request.clone()));
            }
            if is_own || is_page || !(is_native_resource(resource) || resource.starts_with("requests.")) {
                counted.push((format!("requests.{resource}"), request.clone()));
            }
        }
        for (resource, limit) in &self.limits {
            if matches!(resource.as_ref(), "cpu" | "memory" | "ephemeral-storage") {
                counted.push((format!("limits.{resource}"), limit.clone()));
            }
        }
        counted
    }
}

fn fill<'a>(amounts: &mut Amounts<'a>, defaults: &Amounts<'a>) {
    for (resource, quantity) in defaults {
        amounts
            .entry(resource.clone())
            .or_insert_with(|| quantity.clone());
    }
}

fn merge<'a>(
    amounts: &mut Amounts<'a>,
    more: &Amounts<'a>,
    both: impl Fn(&Quantity<'a>, &Quantity<'a>) -> Quantity<'a>,
) {
    for (resource, quantity) in more {
        let merged = amounts
            .get(resource)
            .map_or_else(|| quantity.clone(), |there| both(there, quantity));
        amounts.insert(resource.clone(), merged);
    }
}

/// What a pod uses, and what its scopes depend on.
pub(super) struct Usage<'a> {
    spec: Node<'a>,
    priority_class: Option<&'a str>,
    /// What each container says, by its name.
    containers: Vec<(&'a str, Resources<'a>)>,
    total: BTreeMap<String, Quantity<'a>>,
}

impl<'a> Usage<'a> {
    /// Nothing where an amount is none, which the API server says for itself.
    pub(super) fn of(template: &PodTemplate<'a>, filled: &Filled<'a>) -> Option<Self> {
        let spec = template.spec?;
        let defaults = Resources::defaults(filled.limit_ranges)?;
        let (mut containers, mut init_containers) = (Vec::new(), Vec::new());
        for container in containers_of(template, ContainerKind::Main) {
            let resources = Resources::of(container.node, &defaults)?;
            containers.push((container.name.unwrap_or_default(), resources));
        }
        for container in containers_of(template, ContainerKind::Init) {
            let resources = Resources::of(container.node, &defaults)?;
            let goes_on = container.node.child("restartPolicy").as_str() == Some("Always");
            init_containers.push((container.name.unwrap_or_default(), resources, goes_on));
        }
        let mut running = together(
            containers.iter().map(|(_, resources)| resources.clone()),
            init_containers
                .iter()
                .map(|(_, resources, goes_on)| (resources.clone(), *goes_on)),
            Resources::add,
            Resources::at_least,
        );
        containers.extend(
            init_containers
                .into_iter()
                .map(|(name, resources, _)| (name, resources)),
        );
        let overhead = filled.overhead.map_or_else(|| Some(Amounts::new()), amounts)?;
        running.add(&Resources {
            limits: overhead
                .iter()
                .filter(|(resource, _)| running.limits.contains_key(*resource))
                .map(|(resource, quantity)| (resource.clone(), quantity.clone()))
                .collect(),
            requests: overhead,
        });
        let one = Quantity::parse("1").ok()?;
        let mut total: BTreeMap<String, Quantity<'a>> = running.counted().into_iter().collect();
        total.insert("pods".to_owned(), one.clone());
        total.insert("count/pods".to_owned(), one);
        total.retain(|_, quantity| !quantity.is_zero());
        Some(Self {
            spec,
            priority_class: filled.priority_class,
            containers,
            total,
        })
    }

    /// What the pod uses of each resource.
    pub(super) fn total(&self) -> impl Iterator<Item = (&String, &Quantity<'a>)> {
        self.total.iter()
    }

    /// Of the resources that a quota counts those that containers do not say, with the names of these, both in order.
    pub(super) fn missing<'r>(&self, restricted: &[&'r str]) -> BTreeMap<&'r str, Vec<&'a str>> {
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, resources) in &self.containers {
            let said = resources.counted();
            for resource in restricted.iter().filter(|name| TO_BE_SAID.contains(name)) {
                if !said.iter().any(|(said, _)| said == resource) {
                    missing.entry(resource).or_default().push(name);
                }
            }
        }
        for names in missing.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        missing
    }

    /// Whether the pod is in a scope; `expression` says more of it, where it is selected.
    pub(super) fn is_in(&self, scope: &str, expression: Option<Node<'_>>) -> bool {
        let has_deadline = self.spec.field("activeDeadlineSeconds").is_some();
        match scope {
            "Terminating" => has_deadline,
            "NotTerminating" => !has_deadline,
            "BestEffort" => self.is_best_effort(),
            "NotBestEffort" => !self.is_best_effort(),
            "CrossNamespacePodAffinity" => self.looks_into_other_namespaces(),
            "PriorityClass" => self.is_of_class(expression),
            _ => false,
        }
    }

    fn is_of_class(&self, expression: Option<Node<'_>>) -> bool {
        let Some(expression) = expression else {
            // As a plain scope it stands for `Exists`.
            return self.priority_class.is_some();
        };
        let is_named = || {
            let mut values = expression.child("values").items();
            values.any(|value| value.as_str().is_some() && value.as_str() == self.priority_class)
        };
        match expression.child("operator").as_str() {
            Some("Exists") => self.priority_class.is_some(),
            Some("DoesNotExist") => self.priority_class.is_none(),
            Some("In") => is_named(),
            Some("NotIn") => !is_named(),
            _ => false,
        }
    }

    fn is_best_effort(&self) -> bool {
        let class = qos_class(self.containers.iter().map(|(_, resources)| {
            ["cpu", "memory"].map(|name| {
                let set =
                    |amounts: &'_ Amounts<'a>| amounts.get(name).filter(|amount| !amount.is_zero()).cloned();
                (set(&resources.limits), set(&resources.requests))
            })
        }));
        class == "BestEffort"
    }

    fn looks_into_other_namespaces(&self) -> bool {
        let affinity = self.spec.child("affinity");
        let is_one = |term: Node<'_>| {
            term.child("namespaces").items().next().is_some() || term.field("namespaceSelector").is_some()
        };
        ["podAffinity", "podAntiAffinity"].into_iter().any(|kind| {
            let kind = affinity.child(kind);
            let mut required = kind
                .child("requiredDuringSchedulingIgnoredDuringExecution")
                .items();
            let mut preferred = kind
                .child("preferredDuringSchedulingIgnoredDuringExecution")
                .items();
            required.any(is_one) || preferred.any(|term| is_one(term.child("podAffinityTerm")))
        })
    }
}
