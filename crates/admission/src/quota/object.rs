//! What objects other than pods use, as quotas count it: services, claims, and the number of everything.

use std::collections::BTreeMap;

use porthole_manifest::{Node, Object, Span};
use porthole_pod::schema::{self, ApiKind};
use porthole_pod::{Finding, Quantity, Version, resource_of};

use super::usage::is_of_class;
use super::{Asked, Quota, refused};
use crate::resources::amounts;

/// What no quota counts (`ignoredResources`): events, and what is not stored.
const IGNORED: [&str; 2] = ["Event", "LocalSubjectAccessReview"];
/// The kinds that quotas also count by the name of their resource alone.
const BY_NAME: [&str; 6] = [
    "ConfigMap",
    "PersistentVolumeClaim",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "Service",
];
const STORAGE: &str = "requests.storage";
/// What stands between the name of a class and what is counted of its claims.
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
/// The annotation of old for the class of a claim.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// What a quota counts of an object, by the names that it has for it.
#[derive(Default)]
struct Usage<'a> {
    /// The kind's resource, such as `services` or `deployments.apps`.
    resource: String,
    is_claim: bool,
    is_service: bool,
    /// The class of the attributes of a claim.
    attributes: Option<&'a str>,
    total: BTreeMap<String, Quantity<'a>>,
}

impl<'a> Usage<'a> {
    /// Nothing where an amount is none, which the API server says for itself.
    fn of(kind: &ApiKind, object: Node<'a>) -> Option<Self> {
        let (group, resource) = (kind.group(), resource_of(kind.kind));
        let mut usage = Self {
            resource: match group {
                "" => resource.clone(),
                group => format!("{resource}.{group}"),
            },
            is_claim: group.is_empty() && kind.kind == "PersistentVolumeClaim",
            is_service: group.is_empty() && kind.kind == "Service",
            ..Self::default()
        };
        usage.add(format!("count/{}", usage.resource), 1);
        if group.is_empty() && BY_NAME.contains(&kind.kind) {
            usage.add(resource, 1);
        }
        let spec = object.child("spec");
        if usage.is_service {
            usage.add_service(spec);
        }
        if usage.is_claim {
            usage.add_claim(object.child("metadata"), spec)?;
        }
        Some(usage)
    }

    fn add(&mut self, name: String, number: usize) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        if number > 0 {
            self.total.insert(name, Quantity::decimal_of(number, 0));
        }
    }

    /// Ports of nodes and load balancers (`serviceEvaluator.Usage`).
    fn add_service(&mut self, spec: Node<'_>) {
        let ports = spec.child("ports");
        let is_balanced = spec.child("type").as_str() == Some("LoadBalancer");
        if is_balanced {
            self.add("services.loadbalancers".to_owned(), 1);
        }
        let given = |port: &Node<'_>| port.child("nodePort").as_i64().is_some_and(|port| port != 0);
        let allocates = spec.child("allocateLoadBalancerNodePorts").as_bool() != Some(false);
        let number = match spec.child("type").as_str() {
            Some("LoadBalancer") if !allocates => ports.items().filter(given).count(),
            Some("LoadBalancer" | "NodePort") => ports.items().count(),
            _ => 0,
        };
        self.add("services.nodeports".to_owned(), number);
    }

    /// Storage, and what of it is of a class (`pvcEvaluator.Usage`).
    fn add_claim(&mut self, metadata: Node<'a>, spec: Node<'a>) -> Option<()> {
        let of_old = metadata.child("annotations").field(CLASS);
        let class = of_old.or_else(|| spec.field("storageClassName"));
        let class = class.and_then(Node::as_str).filter(|class| !class.is_empty());
        let attributes = spec.child("volumeAttributesClassName").as_str();
        self.attributes = attributes.filter(|class| !class.is_empty());
        let requests = amounts(spec.child("resources").child("requests"))?;
        // Parts of bytes are counted as a whole one.
        let storage = requests.get("storage").map(|storage| {
            if storage.is_whole() {
                storage.clone()
            } else {
                Quantity::decimal_of(storage.scaled(0), 0)
            }
        });
        if let Some(class) = class {
            self.add(format!("{class}{OF_CLASS}persistentvolumeclaims"), 1);
        }
        if let Some(storage) = storage.filter(|storage| !storage.is_zero()) {
            if let Some(class) = class {
                self.total
                    .insert(format!("{class}{OF_CLASS}{STORAGE}"), storage.clone());
            }
            self.total.insert(STORAGE.to_owned(), storage);
        }
        Some(())
    }

    /// What it uses more than before.
    fn beyond(mut self, before: &Self) -> Self {
        self.total = std::mem::take(&mut self.total)
            .into_iter()
            .filter_map(|(name, now)| match before.total.get(&name) {
                Some(before) => (now > *before).then(|| (name, now.minus(before))),
                None => Some((name, now)),
            })
            .collect();
        self
    }
}

impl Asked for Usage<'_> {
    fn is_counted(&self, resource: &str) -> bool {
        let by_name = |name: &str| name == self.resource || name == STORAGE;
        resource.strip_prefix("count/") == Some(&self.resource)
            || self.total.contains_key(resource)
            || self.is_service && matches!(resource, "services.nodeports" | "services.loadbalancers")
            || self.is_claim
                && resource
                    .rsplit_once(OF_CLASS)
                    .map_or(by_name(resource), |(_, of)| by_name(of))
    }

    fn is_in(&self, scope: &str, expression: Option<Node<'_>>) -> bool {
        self.is_claim && scope == "VolumeAttributesClass" && is_of_class(self.attributes, expression)
    }

    fn missing<'r>(&self, _: &[&'r str]) -> BTreeMap<&'r str, Vec<&str>> {
        BTreeMap::new()
    }

    fn total(&self) -> &BTreeMap<String, Quantity<'_>> {
        &self.total
    }
}

fn known(object: &Object<'_>) -> Option<&'static ApiKind> {
    let kind = schema::kind(object.api_version?, object.kind?)?;
    let is_pod = kind.api_version == "v1" && kind.kind == "Pod";
    (kind.namespaced && !is_pod && !IGNORED.contains(&kind.kind)).then_some(kind)
}

/// Whether quotas are asked of an object that is no pod.
#[must_use]
pub fn is_counted(object: &Object<'_>) -> bool {
    known(object).is_some()
}

/// What the quotas of a namespace say to an object other than a pod that is created, or made of an `old` one: then they are asked
/// of services and claims only, for what these use more than before. Of the finding the detail is what stands behind
/// `is forbidden: `.
#[must_use]
pub fn check_object(
    object: &Object<'_>,
    old: Option<&Object<'_>>,
    quotas: &[Quota<'_>],
    version: Version,
) -> Option<Finding> {
    let kind = known(object)?;
    let mut usage = Usage::of(kind, object.node)?;
    if let Some(old) = old {
        if !usage.is_claim && !usage.is_service {
            return None;
        }
        usage = usage.beyond(&Usage::of(kind, old.node)?);
    }
    let spec = object.node.child("spec");
    let name = object.node.child("metadata").field("name");
    let (field, node) = if usage.is_claim {
        ("spec.resources", spec.field("resources"))
    } else if usage.is_service {
        ("spec", Some(spec))
    } else {
        ("metadata.name", name)
    };
    let span = node.unwrap_or(object.node).span();
    refused(&usage, quotas, version, (field.to_owned(), span))
}

/// What they say to a claim that something makes of this template, whose place is `field`.
#[must_use]
pub fn check_claim(
    claim: Node<'_>,
    (field, span): (String, Span),
    quotas: &[Quota<'_>],
    version: Version,
) -> Option<Finding> {
    let usage = Usage::of(schema::kind("v1", "PersistentVolumeClaim")?, claim)?;
    refused(&usage, quotas, version, (field, span))
}

#[cfg(test)]
mod tests;
