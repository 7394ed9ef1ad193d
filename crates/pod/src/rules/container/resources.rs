//! Requests and limits (`ValidateContainerResourceRequirements`). The API server walks a map in any order; here it is the
//! order of the text, requests that are taken from limits last.

use std::borrow::Cow;

use porthole_manifest::{Node, Span};

use crate::defaults::ContainerDefaults;
use crate::finding::ErrorKind;
use crate::names;
use crate::path::Path;
use crate::quantity::Quantity;
use crate::render::{go_json, go_quote};
use crate::report::{Shown, items, place, text};
use crate::rule::{Rule, rules};
use crate::validate::Pass;
use crate::version::Version;

rules! { ApiServer:
    /// The name of a resource is spelt as the key of a label is: `cpu`, `example.com/gpu`.
    RESOURCE_NAME_FORMAT = "resource-name-format";
    /// A container asks for `cpu`, `memory`, `ephemeral-storage`, `hugepages-SIZE`, or for an extended resource, whose name
    /// has a domain that is not `kubernetes.io`. `storage` is a claim's, `pods` a quota's.
    RESOURCE_NAME_UNKNOWN = "resource-name-unknown";
    /// A request or limit is not negative.
    RESOURCE_NEGATIVE = "resource-negative";
    /// An extended resource is counted in whole numbers: a node has so many of it.
    RESOURCE_FRACTION = "resource-fraction";
    /// A request is at most the limit. In a Pod a limit without a request is the request as well.
    REQUEST_OVER_LIMIT = "request-over-limit";
    /// Extended resources and huge pages are not shared: the request is the limit. Leave the request out.
    REQUEST_NOT_LIMIT = "request-not-limit";
    /// Huge pages are asked for in whole pages, and beside cpu or memory.
    HUGE_PAGES = "huge-pages";
    /// A claim of a container is one of the pod's (`spec.resourceClaims`) and is named once.
    RESOURCE_CLAIM = "resource-claim";
}

/// Resources that are known without a domain, in a container or elsewhere.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Resources of quotas that are counted.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// A resource with its amount as the API server has it after defaulting.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) quantity: Quantity<'a>,
    pub(crate) span: Span,
}

/// The entries of `limits` or `requests`. What is no quantity is none.
pub(crate) fn entries<'a>(list: Node<'a>) -> Vec<Entry<'a>> {
    let mut found: Vec<Entry<'a>> = Vec::new();
    for entry in list.entries() {
        let quantity = if entry.value.is_null() {
            Quantity::parse("0").ok()
        } else {
            Quantity::of(entry.value).and_then(Result::ok)
        };
        let name = entry.key.key_text();
        found.retain(|other| other.name != name);
        found.extend(quantity.map(|quantity| Entry {
            name,
            quantity: quantity.rounded(),
            span: entry.value.span(),
        }));
    }
    found
}

/// The limits and the requests of `resources`, the latter taken from the limits where `requests_default` and they are not
/// set.
pub(crate) fn limits_and_requests(
    resources: Node<'_>,
    requests_default: bool,
) -> (Vec<Entry<'_>>, Vec<Entry<'_>>) {
    let limits = entries(resources.child("limits"));
    let mut requests = entries(resources.child("requests"));
    if requests_default {
        for limit in &limits {
            if !requests.iter().any(|request| request.name == limit.name) {
                requests.push(Entry {
                    name: limit.name.clone(),
                    quantity: limit.quantity.clone(),
                    span: limit.span,
                });
            }
        }
    }
    (limits, requests)
}

/// The limits and the requests of a container: where it is `filled`, with what is filled in in a Pod.
pub(crate) fn of_container<'n>(
    pass: &Pass<'n>,
    container: Node<'n>,
    filled: bool,
) -> (Vec<Entry<'n>>, Vec<Entry<'n>>) {
    let defaults = pass.defaults.filter(|_| filled);
    with_defaults(container, filled && pass.requests_limits(), defaults)
}

/// The limits and the requests of a container, with those of `defaults` that it does not have.
pub(crate) fn with_defaults<'n>(
    container: Node<'n>,
    requests_default: bool,
    defaults: Option<&'n ContainerDefaults<'n>>,
) -> (Vec<Entry<'n>>, Vec<Entry<'n>>) {
    let (mut limits, mut requests) = limits_and_requests(container.child("resources"), requests_default);
    if let Some(defaults) = defaults {
        let span = place(container, "resources");
        for (entries, given) in [
            (&mut limits, &defaults.limits),
            (&mut requests, &defaults.requests),
        ] {
            for (name, quantity) in given {
                if !entries.iter().any(|entry| entry.name == *name) {
                    entries.push(Entry {
                        name: name.clone(),
                        quantity: quantity.clone(),
                        span,
                    });
                }
            }
        }
    }
    (limits, requests)
}

pub(super) fn check(
    pass: &mut Pass<'_>,
    claims: &[&str],
    at: &Path<'_>,
    resources: Node<'_>,
    amounts: (&[Entry<'_>], &[Entry<'_>]),
) {
    check_amounts(pass, at, amounts, check_name);
    if knows_claims(pass) {
        check_claims(pass, claims, &at.child("claims"), resources);
    }
}

/// `spec.overhead`, which is asked as limits of a container are (`validateOverhead`).
pub(crate) fn check_overhead(pass: &mut Pass<'_>, at: &Path<'_>, overhead: Node<'_>) {
    check_amounts(pass, at, (&entries(overhead), &[]), check_name);
}

/// Limits and requests, whose names `check_name` knows.
pub(crate) fn check_amounts(
    pass: &mut Pass<'_>,
    at: &Path<'_>,
    (limits, requests): (&[Entry<'_>], &[Entry<'_>]),
    check_name: fn(&mut Pass<'_>, &Path<'_>, &Entry<'_>),
) {
    let (limits_field, requests_field) = (at.child("limits"), at.child("requests"));
    for entry in limits {
        let field = limits_field.key(&entry.name);
        check_name(pass, &field, entry);
        check_quantity(pass, &field, entry);
        check_huge_pages(pass, &field, entry);
    }
    for entry in requests {
        let field = requests_field.key(&entry.name);
        check_name(pass, &field, entry);
        check_quantity(pass, &field, entry);
        let limit = limits.iter().find(|limit| limit.name == entry.name);
        check_against_limit(pass, (&limits_field, &requests_field), entry, limit);
        check_huge_pages(pass, &field, entry);
    }
    let all = || limits.iter().chain(requests);
    let huge = all().find(|entry| is_huge_pages(&entry.name));
    if let Some(huge) = huge
        && !all().any(|entry| matches!(&*entry.name, "cpu" | "memory"))
    {
        pass.forbidden(&HUGE_PAGES, at, "HugePages require cpu or memory", huge.span);
    }
}

/// The names of a pod's own resources (`validatePodResourceName`).
pub(crate) fn check_pod_name(pass: &mut Pass<'_>, field: &Path<'_>, entry: &Entry<'_>) {
    let name = &*entry.name;
    let huge_pages = pass.at_least(33);
    if matches!(name, "cpu" | "memory") || (huge_pages && is_huge_pages(name)) {
        return;
    }
    let mut faults = names::qualified_name(name, pass.options.kubernetes_version);
    let (mut rule, known) = (&RESOURCE_NAME_FORMAT, STANDARD.contains(&name));
    if faults.is_empty() && !name.contains('/') && !known && !name.contains("hugepages-") {
        rule = &RESOURCE_NAME_UNKNOWN;
        faults.push("must be a standard resource type or fully qualified".into());
    }
    if faults.is_empty() {
        let supported: &[&str] = if huge_pages {
            &["cpu", "hugepages-", "memory"]
        } else {
            &["cpu", "memory"]
        };
        let value = Shown::Named(name);
        pass.not_supported(&RESOURCE_NAME_UNKNOWN, field, value, supported, entry.span);
    }
    for fault in faults {
        pass.invalid(rule, field, Shown::Named(name), fault, entry.span);
    }
}

pub(crate) fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether the name of a resource is in Kubernetes' own domain, which is what none stands for (`IsNativeResource`).
#[must_use]
pub fn is_native_resource(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn may_overcommit(name: &str) -> bool {
    is_native_resource(name) && !is_huge_pages(name)
}

fn is_extended(pass: &Pass<'_>, name: &str) -> bool {
    let in_quota = || names::qualified_name(&format!("requests.{name}"), pass.options.kubernetes_version);
    !is_native_resource(name) && !name.starts_with("requests.") && in_quota().is_empty()
}

/// The name of a resource as messages show it: its type prints itself, without quotes, until values are shown as JSON. Up to
/// 1.28 it is a plain string.
fn shown<'n>(pass: &Pass<'_>, name: &'n str) -> Shown<'n> {
    if pass.at_least(29) && !pass.at_least(34) {
        Shown::Raw(name.to_owned())
    } else {
        Shown::Named(name)
    }
}

/// `ValidateContainerResourceName`.
fn check_name(pass: &mut Pass<'_>, field: &Path<'_>, entry: &Entry<'_>) {
    let name = &*entry.name;
    if matches!(name, "cpu" | "memory" | "ephemeral-storage") {
        return;
    }
    let faults = names::qualified_name(name, pass.options.kubernetes_version);
    let is_well = faults.is_empty();
    for fault in faults {
        let shown = shown(pass, name);
        pass.invalid(&RESOURCE_NAME_FORMAT, field, shown, fault, entry.span);
    }
    let is_known = STANDARD.contains(&name) || is_huge_pages(name) || name.starts_with("requests.hugepages-");
    let mut details = Vec::new();
    if name.contains('/') {
        if !is_native_resource(name) && !is_extended(pass, name) {
            details.push("doesn't follow extended resource name standard");
        }
    } else {
        if is_well && !is_known {
            details.push("must be a standard resource type or fully qualified");
        }
        if !is_huge_pages(name) {
            details.push("must be a standard resource for containers");
        }
    }
    for detail in details {
        let shown = shown(pass, name);
        pass.invalid(&RESOURCE_NAME_UNKNOWN, field, shown, detail, entry.span);
    }
}

/// `ValidateResourceQuantityValue`.
fn check_quantity(pass: &mut Pass<'_>, field: &Path<'_>, entry: &Entry<'_>) {
    let quantity = &entry.quantity;
    if quantity.is_negative() {
        let shown = quantity.to_string();
        let detail = "must be greater than or equal to 0";
        pass.invalid(&RESOURCE_NEGATIVE, field, Shown::Str(&shown), detail, entry.span);
    }
    let is_counted = COUNTED.contains(&&*entry.name) || is_extended(pass, &entry.name);
    if is_counted && !quantity.is_whole() {
        let shown = if pass.at_least(34) {
            go_json(&quantity.to_string())
        } else {
            quantity.go_struct()
        };
        pass.invalid(
            &RESOURCE_FRACTION,
            field,
            Shown::Raw(shown),
            "must be an integer",
            entry.span,
        );
    }
}

/// What is wrong with a request beside that limit, where something is.
fn over_limit(
    name: &str,
    request: &Quantity<'_>,
    limit: &Quantity<'_>,
    version: Version,
) -> Option<(&'static Rule, String)> {
    let (rule, relation) = if request != limit && !may_overcommit(name) {
        (&REQUEST_NOT_LIMIT, "equal to")
    } else if request > limit {
        (&REQUEST_OVER_LIMIT, "less than or equal to")
    } else {
        return None;
    };
    let most = if version.at_least(27) {
        format!(" of {limit}")
    } else {
        String::new()
    };
    Some((rule, format!("must be {relation} {name} limit{most}")))
}

/// Requests against limits.
fn check_against_limit(
    pass: &mut Pass<'_>,
    (limits, requests): (&Path<'_>, &Path<'_>),
    entry: &Entry<'_>,
    limit: Option<&Entry<'_>>,
) {
    let name = &*entry.name;
    let Some(limit) = limit else {
        if !may_overcommit(name) {
            let detail = "Limit must be set for non overcommitable resources";
            pass.required(&REQUEST_NOT_LIMIT, limits, detail, entry.span);
        }
        return;
    };
    let version = pass.options.kubernetes_version;
    let Some((rule, detail)) = over_limit(name, &entry.quantity, &limit.quantity, version) else {
        return;
    };
    let shown = entry.quantity.to_string();
    pass.invalid(rule, requests, Shown::Str(&shown), detail, entry.span);
}

/// `validateResourceQuantityHugePageValue`.
fn check_huge_pages(pass: &mut Pass<'_>, field: &Path<'_>, entry: &Entry<'_>) {
    let Some(size) = entry.name.strip_prefix("hugepages-") else {
        return;
    };
    let is_whole = Quantity::parse(size).is_ok_and(|size| {
        let bytes = size.scaled(0);
        let is_size = !size.is_zero() && !size.is_negative() && size.is_whole();
        is_size && bytes != 0 && entry.quantity.scaled(0).wrapping_rem(bytes) == 0
    });
    if !is_whole {
        let shown = entry.quantity.to_string();
        let detail = format!("{shown} is not positive integer multiple of {}", entry.name);
        pass.invalid(&HUGE_PAGES, field, Shown::Str(&shown), detail, entry.span);
    }
}

/// Whether containers name claims: since 1.26, where the gate is on.
pub(crate) fn knows_claims(pass: &Pass<'_>) -> bool {
    pass.at_least(26) && pass.enabled("DynamicResourceAllocation")
}

/// `validateResourceClaimNames`.
pub(crate) fn check_claims(pass: &mut Pass<'_>, known: &[&str], list: &Path<'_>, resources: Node<'_>) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (index, claim) in items(resources, "claims").enumerate() {
        let at = list.index(index);
        let name = text(claim, "name");
        let span = place(claim, "name");
        if name.is_empty() {
            pass.required(&RESOURCE_CLAIM, &at, "", span);
            continue;
        }
        let request = if pass.at_least(31) {
            text(claim, "request")
        } else {
            ""
        };
        if seen.contains(&(name, "")) {
            pass.duplicate(&RESOURCE_CLAIM, &at, Shown::Str(name), span);
        } else {
            if !request.is_empty() {
                for fault in names::dns1123_label(request, pass.options.kubernetes_version) {
                    let span = place(claim, "request");
                    let field = at.child("request");
                    pass.invalid(&RESOURCE_CLAIM, &field, Shown::Str(request), fault, span);
                }
            }
            if seen.contains(&(name, request)) {
                let key = format!("{name}/{request}");
                pass.duplicate(&RESOURCE_CLAIM, &at, Shown::Str(&key), span);
            } else if request.is_empty() {
                // Each request of the claim that was named before overlaps with the whole of it.
                for _ in seen.iter().filter(|(other, _)| *other == name) {
                    pass.duplicate(&RESOURCE_CLAIM, &at, Shown::Str(name), span);
                }
            }
            if !seen.contains(&(name, request)) {
                seen.push((name, request));
            }
        }
        if !known.contains(&name) {
            let list = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            let detail = format!("must be one of the names in pod.spec.resourceClaims{list}");
            let value = Some(go_quote(name));
            pass.report(&RESOURCE_CLAIM, ErrorKind::NotFound, &at, value, detail, span);
        }
    }
}
