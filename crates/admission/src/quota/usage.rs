//! What a pod uses, as quotas count it.

use std::collections::BTreeMap;

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{Amounts, Options, Quantity, is_native_resource, qos_class};

use super::{Asked, Filled};
use crate::resources::{OfPod, Resources, amounts};

/// What every container has to say where a quota counts it.
const TO_BE_SAID: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];

/// By the names that quotas have for them (`podComputeUsageHelper`).
fn counted<'a>(resources: &Resources<'a>) -> Vec<(String, Quantity<'a>)> {
    let mut counted = Vec::new();
    for (resource, request) in &resources.requests {
        let is_own = matches!(resource.as_ref(), "cpu" | "memory" | "ephemeral-storage");
        let is_page = resource.starts_with("hugepages-");
        if is_own || is_page {
            counted.push((resource.to_string(), request.clone()));
        }
        if is_own || is_page || !(is_native_resource(resource) || resource.starts_with("requests.")) {
            counted.push((format!("requests.{resource}"), request.clone()));
        }
    }
    for (resource, limit) in &resources.limits {
        if matches!(resource.as_ref(), "cpu" | "memory" | "ephemeral-storage") {
            counted.push((format!("limits.{resource}"), limit.clone()));
        }
    }
    counted
}

/// What a pod uses, and what its scopes depend on.
pub(super) struct Usage<'a> {
    spec: Node<'a>,
    priority_class: Option<&'a str>,
    /// What each container says.
    of_pod: OfPod<'a>,
    /// What it says as a whole.
    own: Option<Resources<'a>>,
    total: BTreeMap<String, Quantity<'a>>,
}

impl<'a> Usage<'a> {
    /// Nothing where an amount is none, which the API server says for itself. Sidecars are known since 1.29.
    pub(super) fn of(template: &PodTemplate<'a>, filled: &Filled<'a>, options: &Options) -> Option<Self> {
        let spec = template.spec?;
        let defaults = Resources::defaults(filled.limit_ranges)?;
        let of_pod = OfPod::of(template, &defaults)?;
        let mut running = of_pod.together(options.at_least(29));
        let mut own = Resources::default();
        let own = own.replace_by(template, options).then_some(own);
        running.replace_by(template, options);
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
        let mut total: BTreeMap<String, Quantity<'a>> = counted(&running).into_iter().collect();
        total.insert("pods".to_owned(), one.clone());
        total.insert("count/pods".to_owned(), one);
        total.retain(|_, quantity| !quantity.is_zero());
        Some(Self {
            spec,
            priority_class: filled.priority_class,
            of_pod,
            own,
            total,
        })
    }
}

impl Asked for Usage<'_> {
    fn is_counted(&self, resource: &str) -> bool {
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

    fn total(&self) -> &BTreeMap<String, Quantity<'_>> {
        &self.total
    }

    fn missing<'r>(&self, restricted: &[&'r str]) -> BTreeMap<&'r str, Vec<&str>> {
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        if self.own.is_some() {
            return missing;
        }
        for (container, resources) in self.of_pod.all() {
            let name = container.name.unwrap_or_default();
            let said = counted(resources);
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

    fn is_in(&self, scope: &str, expression: Option<Node<'_>>) -> bool {
        let has_deadline = self.spec.field("activeDeadlineSeconds").is_some();
        match scope {
            "Terminating" => has_deadline,
            "NotTerminating" => !has_deadline,
            "BestEffort" => self.is_best_effort(),
            "NotBestEffort" => !self.is_best_effort(),
            "CrossNamespacePodAffinity" => self.looks_into_other_namespaces(),
            "PriorityClass" => is_of_class(self.priority_class, expression),
            _ => false,
        }
    }
}

/// Whether the class that something is of, where it is of one, is in a scope of classes.
pub(super) fn is_of_class(class: Option<&str>, expression: Option<Node<'_>>) -> bool {
    let Some(expression) = expression else {
        // As a plain scope it stands for `Exists`.
        return class.is_some();
    };
    let is_named = || {
        let mut values = expression.child("values").items();
        values.any(|value| value.as_str().is_some() && value.as_str() == class)
    };
    match expression.child("operator").as_str() {
        Some("Exists") => class.is_some(),
        Some("DoesNotExist") => class.is_none(),
        Some("In") => is_named(),
        Some("NotIn") => !is_named(),
        _ => false,
    }
}

impl<'a> Usage<'a> {
    fn is_best_effort(&self) -> bool {
        let of_containers = self.of_pod.all().map(|(_, resources)| resources);
        let all: Vec<_> = match &self.own {
            Some(own) => vec![own],
            None => of_containers.collect(),
        };
        let class = qos_class(all.into_iter().map(|resources| {
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
