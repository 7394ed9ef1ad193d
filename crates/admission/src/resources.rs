//! What containers ask for and may have, with what limit ranges have filled in.

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{
    Amounts, ContainerKind, ContainerRef, Options, Quantity, containers_of, pod_level_resources, together,
};

/// The amounts of a map; nothing where one of them is none.
pub(crate) fn amounts(node: Node<'_>) -> Option<Amounts<'_>> {
    let mut amounts = Amounts::new();
    for entry in node.entries() {
        let quantity = Quantity::of(entry.value)?.ok()?.rounded();
        amounts.insert(entry.key.key_text(), quantity);
    }
    Some(amounts)
}

/// What a container or a pod asks for and may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources<'a> {
    /// What it asks for.
    pub(crate) requests: Amounts<'a>,
    /// What it may have.
    pub(crate) limits: Amounts<'a>,
}

impl<'a> Resources<'a> {
    /// Those of a container: what it limits and does not ask for it asks for, and what it says nothing of is as the limit ranges
    /// have it.
    pub(crate) fn of(container: Node<'a>, defaults: &Self) -> Option<Self> {
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
    pub(crate) fn defaults(limit_ranges: &[Node<'a>]) -> Option<Self> {
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

    /// What a pod says of itself as a whole takes the place of what its containers come to. Whether it says something.
    pub(crate) fn replace_by(&mut self, template: &PodTemplate<'a>, options: &Options) -> bool {
        let Some((limits, requests)) = pod_level_resources(template, options) else {
            return false;
        };
        self.limits.extend(limits);
        self.requests.extend(requests);
        true
    }

    pub(crate) fn add(&mut self, more: &Self) {
        merge(&mut self.requests, &more.requests, Quantity::plus);
        merge(&mut self.limits, &more.limits, Quantity::plus);
    }

    pub(crate) fn at_least(&mut self, other: &Self) {
        let greater = |one: &Quantity<'a>, other: &Quantity<'a>| {
            if other > one { other.clone() } else { one.clone() }
        };
        merge(&mut self.requests, &other.requests, greater);
        merge(&mut self.limits, &other.limits, greater);
    }
}

/// Those of a pod's containers.
pub(crate) struct OfPod<'a> {
    pub(crate) containers: Vec<(ContainerRef<'a>, Resources<'a>)>,
    pub(crate) init_containers: Vec<(ContainerRef<'a>, Resources<'a>)>,
}

impl<'a> OfPod<'a> {
    /// With what containers get that do not say. Nothing where an amount is none, which the API server says for itself.
    pub(crate) fn of(template: &PodTemplate<'a>, defaults: &Resources<'a>) -> Option<Self> {
        let of = |kind| {
            let containers = containers_of(template, kind);
            let each =
                containers.map(|container| Some((container, Resources::of(container.node, defaults)?)));
            each.collect::<Option<Vec<_>>>()
        };
        Some(Self {
            containers: of(ContainerKind::Main)?,
            init_containers: of(ContainerKind::Init)?,
        })
    }

    /// All containers, those that begin first last, which is the order in which they are validated.
    pub(crate) fn all(&self) -> impl Iterator<Item = &(ContainerRef<'a>, Resources<'a>)> {
        self.containers.iter().chain(&self.init_containers)
    }

    /// What they come to; whether the version knows sidecars is said.
    pub(crate) fn together(&self, has_sidecars: bool) -> Resources<'a> {
        let goes_on = |container: &ContainerRef<'_>| {
            has_sidecars && container.node.child("restartPolicy").as_str() == Some("Always")
        };
        together(
            self.containers.iter().map(|(_, resources)| resources.clone()),
            self.init_containers
                .iter()
                .map(|(container, resources)| (resources.clone(), goes_on(container))),
            Resources::add,
            Resources::at_least,
        )
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
