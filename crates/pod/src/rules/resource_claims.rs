//! `spec.resourceClaims` (`validatePodResourceClaims`).

use std::collections::HashSet;

use porthole_manifest::Node;

use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Shown, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::annotations;
use crate::validate::Pass;

rules! { ApiServer:
    /// A claim to devices has a name of its own in the pod, by which containers ask for it, and comes from a claim
    /// (`resourceClaimName`) or from a template (`resourceClaimTemplateName`). Static pods have none.
    RESOURCE_CLAIM = "pod-resource-claim";
}

/// The two sources of a claim.
const SOURCES: [&str; 2] = ["resourceClaimName", "resourceClaimTemplateName"];

pub(crate) fn check(pass: &mut Pass<'_>) {
    if !pass.at_least(26) || !pass.enabled("DynamicResourceAllocation") {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child("resourceClaims");
    let mut taken = HashSet::new();
    let mirror = pass.at_least(32) && annotations::is_mirror(pass);
    for (index, claim) in items(pass.spec, "resourceClaims").enumerate() {
        // The API server names a field without a name.
        if mirror {
            let detail = "static pods do not support resource claims";
            pass.forbidden(&RESOURCE_CLAIM, &Path::root("[]"), detail, claim.span());
            continue;
        }
        let path = list.index(index);
        check_name(pass, claim, &path, &mut taken);
        // Up to 1.30 the source was a mapping of its own.
        if pass.at_least(31) {
            check_source(pass, claim, claim, &path);
        } else {
            check_source(pass, claim, claim.child("source"), &path.child("source"));
        }
    }
}

fn check_name<'n>(pass: &mut Pass<'_>, claim: Node<'n>, path: &Path<'_>, taken: &mut HashSet<&'n str>) {
    let name = text(claim, "name");
    let field = path.child("name");
    let span = place(claim, "name");
    if name.is_empty() {
        pass.required(&RESOURCE_CLAIM, &field, "", span);
        return;
    }
    if !taken.insert(name) {
        pass.duplicate(&RESOURCE_CLAIM, &field, Shown::Str(name), span);
        return;
    }
    let faults = names::dns1123_label(name, pass.options.kubernetes_version);
    let good = faults.is_empty();
    pass.faults(&RESOURCE_CLAIM, &field, name, faults, span);
    let made = pass.at_least(27) && !pass.at_least(31) && claim.child("source").field(SOURCES[1]).is_some();
    let pod = pass.template.name.filter(|_| pass.is_pod());
    if let Some(pod) = pod.filter(|pod| good && made && !pod.is_empty()) {
        let made = format!("{pod}-{name}");
        for fault in names::dns1123_subdomain(&made) {
            let detail = format!("final ResourceClaim name: {fault}");
            pass.invalid(&RESOURCE_CLAIM, &field, Shown::Str(&made), detail, span);
        }
    }
}

fn check_source(pass: &mut Pass<'_>, claim: Node<'_>, source: Node<'_>, path: &Path<'_>) {
    let given = SOURCES.map(|key| some_text(source, key));
    let detail = match given {
        [Some(_), Some(_)] => {
            Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
        }
        [None, None] => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
        _ => None,
    };
    if let Some(detail) = detail {
        let value = Shown::Raw(shown(pass, claim, given));
        pass.invalid(&RESOURCE_CLAIM, path, value, detail, claim.span());
    }
    // 1.26 did not look at the names.
    if !pass.at_least(27) {
        return;
    }
    for (key, name) in SOURCES.into_iter().zip(given) {
        if let Some(name) = name {
            let faults = names::dns1123_subdomain(name);
            pass.faults(
                &RESOURCE_CLAIM,
                &path.child(key),
                name,
                faults,
                place(source, key),
            );
        }
    }
}

/// The claim as the API server shows it: as JSON since 1.34, as Go's source before, and up to 1.30 its source only.
fn shown(pass: &Pass<'_>, claim: Node<'_>, given: [Option<&str>; 2]) -> String {
    let name = text(claim, "name");
    if pass.at_least(34) {
        let [own, template] = given.map(|name| name.map_or_else(|| "null".to_owned(), go_json));
        return format!(
            "{{\"Name\":{},\"ResourceClaimName\":{own},\"ResourceClaimTemplateName\":{template}}}",
            go_json(name)
        );
    }
    // The addresses differ in each answer.
    let [own, template] = given.map(|name| if name.is_some() { "0xc000000000" } else { "nil" });
    let names =
        format!("ResourceClaimName:(*string)({own}), ResourceClaimTemplateName:(*string)({template})}}");
    if pass.at_least(31) {
        format!("core.PodResourceClaim{{Name:{}, {names}", go_quote(name))
    } else {
        format!("core.ClaimSource{{{names}")
    }
}
