//! `spec.resources` (`validatePodResources`).

use crate::report::has_items;
use crate::rule::rules;
use crate::rules::os;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod of Windows has no resources of its own (`spec.resources`): its containers have.
    POD_RESOURCES_ON_WINDOWS = "pod-resources-on-windows";
    /// The resources of a pod as a whole are amounts; devices are claimed by its containers.
    POD_RESOURCES_CLAIMS = "pod-resources-claims";
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    if !pass.at_least(32) || !pass.enabled("PodLevelResources") {
        return;
    }
    let Some(resources) = pass.spec.field("resources") else {
        return;
    };
    let spec = pass.spec_path();
    let path = spec.child("resources");
    if os::is_windows(pass) && pass.at_least(34) {
        let detail = "may not be set for a windows pod";
        pass.forbidden(&POD_RESOURCES_ON_WINDOWS, &path, detail, resources.span());
        return;
    }
    if let Some(claims) = resources.field("claims") {
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
    let _ = has_items;
}
