//! `RoleBindings` and `ClusterRoleBindings` (`ValidateRoleBinding`, `ValidateClusterRoleBinding`).

use porthole_manifest::Node;

use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, items, place, text};
use crate::rule::rules;
use crate::rules::metadata::NameForm;

rules! { ApiServer:
    /// A binding names the role that it gives: its group `rbac.authorization.k8s.io`, its kind, `Role` or `ClusterRole`, of
    /// which a `ClusterRoleBinding` knows the latter only, and its name.
    BINDING_ROLE = "binding-role";
    /// A binding gives its role to users, groups and service accounts, by their names. A `ClusterRoleBinding` says in which
    /// namespace a service account is.
    BINDING_SUBJECT = "binding-subject";
}

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>, namespaced: bool) {
    let role = object.child("roleRef");
    let root = Path::root("roleRef");
    let group = text(role, "apiGroup");
    let written = role.is_written();
    let at = |key| if written { place(role, key) } else { object.span() };
    if !matches!(group, "" | GROUP) {
        report.not_supported(
            &BINDING_ROLE,
            &root.child("apiGroup"),
            Shown::Str(group),
            &[GROUP],
            at("apiGroup"),
        );
    }
    let kinds = ["Role", "ClusterRole"];
    let kinds = if namespaced { &kinds[..] } else { &kinds[1..] };
    let kind = text(role, "kind");
    if !kinds.contains(&kind) {
        report.not_supported(
            &BINDING_ROLE,
            &root.child("kind"),
            Shown::Str(kind),
            kinds,
            at("kind"),
        );
    }
    let late = report.declares();
    let name = text(role, "name");
    if !name.is_empty() {
        let faults = NameForm::PathSegment.faults(name, report.options.kubernetes_version);
        report.faults(&BINDING_ROLE, &root.child("name"), name, faults, at("name"));
    } else if !late {
        report.required(&BINDING_ROLE, &root.child("name"), "", at("name"));
    }
    let list = Path::root("subjects");
    for (index, subject) in items(object, "subjects").enumerate() {
        check_subject(report, subject, &list.index(index), namespaced, late);
    }
    if !late {
        return;
    }
    for (index, subject) in items(object, "subjects").enumerate() {
        if text(subject, "name").is_empty() {
            let path = list.index(index);
            report.required(&BINDING_SUBJECT, &path.child("name"), "", place(subject, "name"));
        }
    }
    if name.is_empty() {
        report.required(&BINDING_ROLE, &root.child("name"), "", at("name"));
    }
}

fn check_subject(report: &mut Report<'_>, subject: Node<'_>, path: &Path<'_>, namespaced: bool, late: bool) {
    let name = text(subject, "name");
    if name.is_empty() && !late {
        report.required(&BINDING_SUBJECT, &path.child("name"), "", place(subject, "name"));
    }
    let group = text(subject, "apiGroup");
    let group_span = place(subject, "apiGroup");
    let field = path.child("apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                let faults = names::dns1123_subdomain(name);
                report.faults(
                    &BINDING_SUBJECT,
                    &path.child("name"),
                    name,
                    faults,
                    place(subject, "name"),
                );
            }
            if !group.is_empty() {
                report.not_supported(&BINDING_SUBJECT, &field, Shown::Str(group), &[""], group_span);
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                let span = place(subject, "namespace");
                report.required(&BINDING_SUBJECT, &path.child("namespace"), "", span);
            }
        }
        "User" | "Group" => {
            if !matches!(group, "" | GROUP) {
                report.not_supported(&BINDING_SUBJECT, &field, Shown::Str(group), &[GROUP], group_span);
            }
        }
        kind => {
            let known = ["ServiceAccount", "User", "Group"];
            let span = place(subject, "kind");
            report.not_supported(
                &BINDING_SUBJECT,
                &path.child("kind"),
                Shown::Str(kind),
                &known,
                span,
            );
        }
    }
}
