//! `spec.resources` and `spec.overhead` (`validatePodResources`, `validateOverhead`).

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use crate::defaults::{Amounts as ByName, ContainerDefaults};
use crate::options::Options;
use crate::path::Path;
use crate::report::{Report, Shown, items, text};
use crate::rule::rules;
use crate::rules::container::resources::{self, Entry};
use crate::rules::os;
use crate::together::together;
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
    let kept = kept(pass);
    let Some(own) = pass.spec.field("resources").or(kept.map(|(_, own)| own)) else {
        return;
    };
    let spec = pass.spec_path();
    let path = spec.child("resources");
    // What is kept is in another file.
    let span = kept.map_or(own.span(), |_| pass.spec.span());
    if os::is_windows(pass) && pass.at_least(34) {
        let detail = "may not be set for a windows pod";
        pass.forbidden(&POD_RESOURCES_ON_WINDOWS, &path, detail, span);
        return;
    }
    let (mut limits, mut requests) = resources::limits_and_requests(own, false);
    if let Some((old, _)) = kept {
        // It was taken as it is, once; the containers are other ones.
        fill_in(pass, old, &mut limits, &mut requests);
        for entry in limits.iter_mut().chain(&mut requests) {
            entry.span = span;
        }
        return check_containers(pass, &path, &limits, &requests);
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
    fill_in(pass, pass.spec, &mut limits, &mut requests);
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

/// The spec of the Pod that is changed and its resources, which stay where the new one has none: they can be changed, not
/// taken away.
fn kept<'n>(pass: &Pass<'n>) -> Option<(Node<'n>, Node<'n>)> {
    let is_kept = pass.is_pod() && pass.spec.field("resources").is_none() && keeps(pass);
    let old = pass.old_spec().filter(|_| is_kept)?;
    Some((old, old.field("resources")?))
}

/// Whether a Pod keeps the resources that it had, and is given more of them than by its limits.
pub(crate) fn keeps(report: &Report<'_>) -> bool {
    report.enabled("PodLevelResourcesFixDefaulting")
}

/// Whether a pod as a whole can ask for it.
fn is_of_pods(pass: &Pass<'_>, name: &str) -> bool {
    matches!(name, "cpu" | "memory") || (pass.at_least(33) && resources::is_huge_pages(name))
}

/// The limits and the requests that a pod has as a whole (`spec.resources`), with what the API server fills in in Pods; nothing where
/// it has none, or where the gate is off and the field is dropped.
#[must_use]
pub fn pod_level_resources<'n>(
    template: &PodTemplate<'n>,
    options: &Options,
) -> Option<(ByName<'n>, ByName<'n>)> {
    let spec = template.spec?;
    let pod = PodTemplate {
        kind: WorkloadKind::Pod,
        ..*template
    };
    let pass = Pass::new(&pod, options);
    if !pass.at_least(32) || !pass.enabled("PodLevelResources") {
        return None;
    }
    let (mut limits, mut requests) = resources::limits_and_requests(spec.field("resources")?, false);
    fill_in(&pass, spec, &mut limits, &mut requests);
    let by_name = |entries: Vec<Entry<'n>>| -> ByName<'n> {
        let entries = entries.into_iter().filter(|entry| is_of_pods(&pass, &entry.name));
        entries.map(|entry| (entry.name, entry.quantity)).collect()
    };
    let (limits, requests) = (by_name(limits), by_name(requests));
    (!limits.is_empty() || !requests.is_empty()).then_some((limits, requests))
}

/// The limits and the requests that the API server fills in in Pods, here by the containers of `spec`: limits of huge pages
/// by what the containers have together; then requests by what the containers ask for together, else by the limits.
fn fill_in<'n>(pass: &Pass<'_>, spec: Node<'n>, limits: &mut Vec<Entry<'n>>, requests: &mut Vec<Entry<'n>>) {
    if !pass.requests_limits() || (limits.is_empty() && requests.is_empty()) {
        return;
    }
    if pass.at_least(33) {
        for limit in of_containers(spec, true, None, Amounts::Limits) {
            let set = |entries: &[Entry<'_>]| entries.iter().any(|entry| entry.name == limit.name);
            let requested = pass.at_least(34) && set(requests);
            if resources::is_huge_pages(&limit.name) && !requested && !set(limits) {
                limits.push(limit);
            }
        }
    }
    if limits.is_empty() && !keeps(pass) {
        return;
    }
    let missing = |requests: &[Entry<'_>], name: &str| !requests.iter().any(|request| request.name == name);
    for request in of_containers(spec, true, None, Amounts::Requests) {
        let name = &request.name;
        if missing(requests, name) && is_of_pods(pass, name) && !resources::is_huge_pages(name) {
            requests.push(request);
        }
    }
    for limit in &*limits {
        if missing(requests, &limit.name) && is_of_pods(pass, &limit.name) {
            requests.push(limit.clone());
        }
    }
}

/// Which of a container's amounts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Amounts {
    Limits,
    Requests,
}

/// What the containers ask for together (`AggregateContainerRequests`, `AggregateContainerLimits`).
/// Those of a Pod have the requests that are filled in.
fn of_containers<'n>(
    spec: Node<'n>,
    is_pod: bool,
    defaults: Option<&'n ContainerDefaults<'n>>,
    amounts: Amounts,
) -> Vec<Entry<'n>> {
    let of = |container: Node<'n>| {
        let (limits, requests) = resources::with_defaults(container, is_pod, defaults);
        if amounts == Amounts::Limits {
            limits
        } else {
            requests
        }
    };
    let goes_on = |container| text(container, "restartPolicy") == "Always";
    let init_containers = items(spec, "initContainers").map(|container| (of(container), goes_on(container)));
    together(
        items(spec, "containers").map(of),
        init_containers,
        |to, more| add(to, more),
        |to, more| raise(to, more),
    )
}

/// Adds amounts to those of the same name.
fn add<'n>(to: &mut Vec<Entry<'n>>, entries: &[Entry<'n>]) {
    for entry in entries {
        match to.iter_mut().find(|there| there.name == entry.name) {
            Some(there) => there.quantity = there.quantity.plus(&entry.quantity),
            None => to.push(entry.clone()),
        }
    }
}

/// Makes amounts at least those of the same name.
fn raise<'n>(to: &mut Vec<Entry<'n>>, entries: &[Entry<'n>]) {
    for entry in entries {
        match to.iter_mut().find(|there| there.name == entry.name) {
            Some(there) if entry.quantity > there.quantity => there.quantity = entry.quantity.clone(),
            Some(_) => {}
            None => to.push(entry.clone()),
        }
    }
}

/// `validatePodResourceConsistency`.
fn check_containers(pass: &mut Pass<'_>, path: &Path<'_>, limits: &[Entry<'_>], requests: &[Entry<'_>]) {
    check_together(pass, &path.child("requests"), Amounts::Requests, requests);
    if pass.at_least(34) {
        check_together(pass, &path.child("limits"), Amounts::Limits, limits);
    }
    let list = path.child("containers");
    for (index, container) in items(pass.spec, "containers").enumerate() {
        let (of_container, _) = resources::of_container(pass, container, true);
        for limit in of_container {
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

/// The pod as a whole has at least what its containers have together; of limits that is asked of huge pages only.
fn check_together(pass: &mut Pass<'_>, list: &Path<'_>, amounts: Amounts, own: &[Entry<'_>]) {
    let word = if amounts == Amounts::Limits {
        "limits"
    } else {
        "requests"
    };
    for entry in of_containers(pass.spec, pass.requests_limits(), pass.defaults, amounts) {
        let given = own.iter().find(|given| given.name == entry.name);
        let counts = amounts == Amounts::Requests || resources::is_huge_pages(&entry.name);
        let Some(given) = given.filter(|given| counts && entry.quantity > given.quantity) else {
            continue;
        };
        let shown = given.quantity.to_string();
        let detail = format!(
            "must be greater than or equal to aggregate container {word} of {}",
            entry.quantity
        );
        let field = list.key(&entry.name);
        pass.invalid(
            &POD_RESOURCES_TOO_SMALL,
            &field,
            Shown::Str(&shown),
            detail,
            given.span,
        );
    }
}
