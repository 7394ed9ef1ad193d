//! `spec.resources` and `spec.overhead` (`validatePodResources`, `validateOverhead`).

use porthole_manifest::Node;

use crate::container::{ContainerKind, containers};
use crate::path::Path;
use crate::report::{Shown, items, text};
use crate::rule::rules;
use crate::rules::container::resources::{self, Entry};
use crate::rules::os;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod of Windows has no resources of its own (`spec.resources`): its containers have.
    POD_RESOURCES_ON_WINDOWS = "pod-resources-on-windows";
    /// The resources of a pod as a whole are amounts; devices are claimed by its containers.
    POD_RESOURCES_CLAIMS = "pod-resources-claims";
    /// What a pod asks for as a whole is at least what its containers ask for together, and no container has a limit above
    /// the pod's.
    POD_RESOURCES_TOO_SMALL = "pod-resources-too-small";
}

/// `spec.overhead`.
pub(crate) fn check_overhead(pass: &mut Pass<'_>) {
    if let Some(overhead) = pass
        .spec
        .field("overhead")
        .filter(|_| pass.feature("PodOverhead", 24))
    {
        let spec = pass.spec_path();
        resources::check_overhead(pass, &spec.child("overhead"), overhead);
    }
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    if !pass.at_least(32) || !pass.enabled("PodLevelResources") {
        return;
    }
    let Some(own) = pass.spec.field("resources") else {
        return;
    };
    let spec = pass.spec_path();
    let path = spec.child("resources");
    if os::is_windows(pass) && pass.at_least(34) {
        let detail = "may not be set for a windows pod";
        pass.forbidden(&POD_RESOURCES_ON_WINDOWS, &path, detail, own.span());
        return;
    }
    if let Some(claims) = own.field("claims") {
        let detail = if pass.at_least(34) {
            "claims may not be set for Resources at pod-level"
        } else {
            "claims cannot be set for Resources at pod-level"
        };
        pass.forbidden(
            &POD_RESOURCES_CLAIMS,
            &path.child("claims"),
            detail,
            claims.span(),
        );
    }
    let (limits, mut requests) = resources::limits_and_requests(own, false);
    fill_in(pass, &limits, &mut requests);
    resources::check_amounts(pass, &path, (&limits, &requests), resources::check_pod_name);
    let names = items(pass.spec, "resourceClaims").map(|claim| text(claim, "name"));
    let mut known: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    known.sort_unstable();
    known.dedup();
    if !resources::knows_claims(pass) {
        known.clear();
    }
    resources::check_claims(pass, &known, &path.child("claims"), own);
    check_containers(pass, &path, &limits, &requests);
}

/// Whether a pod as a whole can ask for it.
fn is_of_pods(pass: &Pass<'_>, name: &str) -> bool {
    matches!(name, "cpu" | "memory") || (pass.at_least(33) && resources::is_huge_pages(name))
}

/// The requests that the API server fills in in Pods: what the containers ask for, else the limits.
fn fill_in<'n>(pass: &Pass<'n>, limits: &[Entry<'n>], requests: &mut Vec<Entry<'n>>) {
    let given = !limits.is_empty() || (pass.at_least(37) && !requests.is_empty());
    if !pass.is_pod() || !given {
        return;
    }
    let of_containers = of_containers(pass);
    for (entry, alone) in &of_containers {
        let missing = !requests.iter().any(|request| request.name == entry.name);
        if missing && *alone && is_of_pods(pass, &entry.name) && !resources::is_huge_pages(&entry.name) {
            requests.push(copy(entry));
        }
    }
    for limit in limits {
        let missing = !requests.iter().any(|request| request.name == limit.name);
        let summed = of_containers.iter().any(|(entry, _)| entry.name == limit.name);
        if missing && !summed && is_of_pods(pass, &limit.name) {
            requests.push(copy(limit));
        }
    }
}

fn copy<'n>(entry: &Entry<'n>) -> Entry<'n> {
    Entry {
        name: entry.name.clone(),
        quantity: entry.quantity.clone(),
        span: entry.span,
    }
}

/// What containers request, each resource with whether one of them alone does: sums are not made.
fn of_containers<'n>(pass: &Pass<'n>) -> Vec<(Entry<'n>, bool)> {
    let mut found: Vec<(Entry<'n>, bool)> = Vec::new();
    for container in containers(&pass.template) {
        if container.kind == ContainerKind::Ephemeral {
            continue;
        }
        let (_, requests) = resources::limits_and_requests(container.node.child("resources"), pass.is_pod());
        for request in requests {
            match found.iter_mut().find(|(entry, _)| entry.name == request.name) {
                Some((_, alone)) => *alone = false,
                None => found.push((request, true)),
            }
        }
    }
    found
}

/// `validatePodResourceConsistency`.
fn check_containers(pass: &mut Pass<'_>, path: &Path<'_>, limits: &[Entry<'_>], requests: &[Entry<'_>]) {
    let list = path.child("requests");
    for (entry, alone) in of_containers(pass) {
        let request = requests.iter().find(|request| request.name == entry.name);
        let Some(request) = request.filter(|request| alone && entry.quantity > request.quantity) else {
            continue;
        };
        let shown = request.quantity.to_string();
        let detail = format!(
            "must be greater than or equal to aggregate container requests of {}",
            entry.quantity
        );
        let field = list.key(&entry.name);
        pass.invalid(
            &POD_RESOURCES_TOO_SMALL,
            &field,
            Shown::Str(&shown),
            detail,
            request.span,
        );
    }
    let list = path.child("containers");
    for (index, container) in items(pass.spec, "containers").enumerate() {
        for limit in resources::entries(Node::child(container, "resources").child("limits")) {
            let most = limits.iter().find(|most| most.name == limit.name);
            let Some(most) = most.filter(|most| limit.quantity > most.quantity) else {
                continue;
            };
            let at = list.index(index);
            let at = at.key(&limit.name);
            let shown = limit.quantity.to_string();
            let detail = format!("must be less than or equal to pod limits of {}", most.quantity);
            let field = at.child("limits");
            pass.invalid(
                &POD_RESOURCES_TOO_SMALL,
                &field,
                Shown::Str(&shown),
                detail,
                limit.span,
            );
        }
    }
}
