//! Roles and `ClusterRoles` (`ValidateRole`, `ValidateClusterRole`).

use porthole_manifest::Node;

use crate::path::Path;
use crate::report::{Report, Shown, has_items, items, place, texts};
use crate::rule::rules;
use crate::rules::labels;

rules! { ApiServer:
    /// A rule of a role says what may be done (`verbs`) with which resources of which API groups, the core's being `""`; or,
    /// in a `ClusterRole`, with which URLs that are no resources.
    ROLE_RULE = "role-rule";
    /// A `ClusterRole` that is made of others selects them by their labels.
    ROLE_AGGREGATION = "role-aggregation";
}

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let late = check_rules(report, object, true);
    require_verbs(report, &late);
}

pub(super) fn check_cluster(report: &mut Report<'_>, object: Node<'_>) {
    let late = check_rules(report, object, false);
    if let Some(aggregation) = object.field("aggregationRule") {
        let root = Path::root("aggregationRule");
        let path = root.child("clusterRoleSelectors");
        if !has_items(aggregation, "clusterRoleSelectors") {
            let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
            report.required(&ROLE_AGGREGATION, &path, detail, aggregation.span());
        }
        for (index, selector) in items(aggregation, "clusterRoleSelectors").enumerate() {
            let path = path.index(index);
            let before = report.count();
            labels::check_selector(report, selector, &path);
            if report.count() > before {
                // The selector that could not be read is shown, which is none.
                let value = if report.at_least(34) { "null" } else { "\"null\"" };
                let value = Shown::Raw(value.to_owned());
                report.invalid(
                    &ROLE_AGGREGATION,
                    &path,
                    value,
                    "invalid label selector.",
                    selector.span(),
                );
            }
        }
    }
    require_verbs(report, &late);
}

/// The rules; those without verbs, where that is told last.
fn check_rules<'a>(report: &mut Report<'_>, object: Node<'a>, namespaced: bool) -> Vec<(usize, Node<'a>)> {
    let list = Path::root("rules");
    let mut late = Vec::new();
    for (index, rule) in items(object, "rules").enumerate() {
        let path = list.index(index);
        if !has_items(rule, "verbs") {
            if report.declares() {
                late.push((index, rule));
            } else {
                let detail = "verbs must contain at least one value";
                report.required(&ROLE_RULE, &path.child("verbs"), detail, place(rule, "verbs"));
            }
        }
        check_rule(report, rule, &path, namespaced);
    }
    late
}

fn require_verbs(report: &mut Report<'_>, late: &[(usize, Node<'_>)]) {
    let list = Path::root("rules");
    for (index, rule) in late {
        let path = list.index(*index);
        report.required(&ROLE_RULE, &path.child("verbs"), "", place(*rule, "verbs"));
    }
}

fn check_rule(report: &mut Report<'_>, rule: Node<'_>, path: &Path<'_>, namespaced: bool) {
    if has_items(rule, "nonResourceURLs") {
        let urls = texts(rule, "nonResourceURLs");
        let field = path.child("nonResourceURLs");
        let span = place(rule, "nonResourceURLs");
        if namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            report.invalid(&ROLE_RULE, &field, Shown::Strings(&urls), detail, span);
        }
        if ["apiGroups", "resources", "resourceNames"]
            .into_iter()
            .any(|key| has_items(rule, key))
        {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            report.invalid(&ROLE_RULE, &field, Shown::Strings(&urls), detail, span);
        }
        return;
    }
    for (key, detail) in [
        ("apiGroups", "resource rules must supply at least one api group"),
        ("resources", "resource rules must supply at least one resource"),
    ] {
        if !has_items(rule, key) {
            report.required(&ROLE_RULE, &path.child(key), detail, place(rule, key));
        }
    }
}
