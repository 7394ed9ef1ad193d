//! The owners of an object (`ValidateOwnerReferences`).

use std::fmt::Write as _;

use porthole_manifest::Node;

use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, is_true, items, place, text};
use crate::rule::rules;

rules! { ApiServer:
    /// An owner is named by `apiVersion`, `kind`, `name` and `uid`; one of the owners at most is the controller. The `uid` is
    /// that of an object in the cluster: controllers write owners, manifests do not.
    OWNER_REFERENCE = "owner-reference";
    /// An owner is named once.
    OWNER_TWICE = "owner-twice";
}

pub(super) fn check(report: &mut Report<'_>, metadata: Node<'_>, path: &Path<'_>) {
    let owners = distinct(metadata);
    let mut controller: Option<String> = None;
    for (index, owner) in owners.iter().copied().enumerate() {
        if report.at_least(37) {
            check_owner(report, owner, &path.index(index));
        } else {
            check_owner(report, owner, path);
        }
        if !is_true(owner, "controller") {
            continue;
        }
        let name = if report.at_least(26) {
            format!("{}/{}", text(owner, "kind"), text(owner, "name"))
        } else {
            text(owner, "name").to_owned()
        };
        match controller.as_deref() {
            None | Some("") => controller = Some(name),
            Some(first) => {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                );
                let value = shown_owners(report, &owners);
                report.invalid(
                    &OWNER_REFERENCE,
                    path,
                    Shown::Raw(value),
                    detail,
                    place(owner, "controller"),
                );
            }
        }
    }
}

/// The owners, equal ones once: the API server drops the others, with a warning.
fn distinct(metadata: Node<'_>) -> Vec<Node<'_>> {
    let mut owners: Vec<Node<'_>> = Vec::new();
    for owner in items(metadata, "ownerReferences") {
        if !owners.iter().any(|other| is_same(*other, owner)) {
            owners.push(owner);
        }
    }
    owners
}

/// Warns of owners that are named twice: of each the `uid`, as often as it is too much.
pub(crate) fn warn_of_owners(report: &mut Report<'_>, object: Node<'_>) {
    let mut owners: Vec<Node<'_>> = Vec::new();
    let mut twice: Vec<&str> = Vec::new();
    let mut span = object.span();
    for owner in items(object.child("metadata"), "ownerReferences") {
        if owners.iter().any(|other| is_same(*other, owner)) {
            twice.push(text(owner, "uid"));
            span = owner.span();
        } else {
            owners.push(owner);
        }
    }
    if !twice.is_empty() {
        let text = format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may \
             reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            twice.join(", ")
        );
        let path = Path::root("metadata");
        report.warn(&OWNER_TWICE, &path.child("ownerReferences"), text, span);
    }
}

fn is_same(one: Node<'_>, other: Node<'_>) -> bool {
    let flag = |node: Node<'_>, key| node.field(key).and_then(Node::as_bool);
    ["apiVersion", "kind", "name", "uid"]
        .into_iter()
        .all(|key| text(one, key) == text(other, key))
        && ["controller", "blockOwnerDeletion"]
            .into_iter()
            .all(|key| flag(one, key) == flag(other, key))
}

fn check_owner(report: &mut Report<'_>, owner: Node<'_>, path: &Path<'_>) {
    check_version(report, owner, path);
    for key in ["kind", "name", "uid"] {
        if !text(owner, key).is_empty() {
            continue;
        }
        let field = path.child(key);
        let span = place(owner, key);
        if report.at_least(37) {
            report.required(&OWNER_REFERENCE, &field, "must not be empty", span);
        } else if report.at_least(34) {
            report.invalid(
                &OWNER_REFERENCE,
                &field,
                Shown::Str(""),
                "must not be empty",
                span,
            );
        } else {
            let detail = format!("{key} must not be empty");
            report.invalid(&OWNER_REFERENCE, &field, Shown::Str(""), detail, span);
        }
    }
    if matches!(text(owner, "apiVersion"), "v1" | "/v1") && text(owner, "kind") == "Event" {
        let value = shown_owner(report, owner);
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        report.invalid(&OWNER_REFERENCE, path, Shown::Raw(value), detail, owner.span());
    }
}

fn check_version(report: &mut Report<'_>, owner: Node<'_>, path: &Path<'_>) {
    let given = text(owner, "apiVersion");
    let version = match given.split_once('/') {
        None => given,
        Some((_, version)) if !version.contains('/') => version,
        Some(_) => "",
    };
    if !version.is_empty() && given != "/" {
        return;
    }
    let field = path.child("apiVersion");
    let span = place(owner, "apiVersion");
    if !report.at_least(37) {
        report.invalid(
            &OWNER_REFERENCE,
            &field,
            Shown::Str(given),
            "version must not be empty",
            span,
        );
    } else if given.is_empty() {
        report.required(&OWNER_REFERENCE, &field, "must not be empty", span);
    } else {
        let detail = "must be <group>/<version> or <version>";
        report.invalid(&OWNER_REFERENCE, &field, Shown::Str(given), detail, span);
    }
}

/// All owners as the API server shows them.
fn shown_owners(report: &Report<'_>, owners: &[Node<'_>]) -> String {
    let owners: Vec<_> = owners.iter().map(|owner| shown_owner(report, *owner)).collect();
    if report.at_least(34) {
        format!("[{}]", owners.join(","))
    } else {
        format!("[]v1.OwnerReference{{{}}}", owners.join(", "))
    }
}

/// An owner as the API server shows it. Where Go shows the address of a value, the value itself stands here.
fn shown_owner(report: &Report<'_>, owner: Node<'_>) -> String {
    let flag = |key| owner.field(key).and_then(Node::as_bool);
    if report.at_least(34) {
        let mut json = String::from("{");
        for key in ["apiVersion", "kind", "name", "uid"] {
            // Writing to a string cannot fail.
            let _ = write!(json, "{}:{},", go_json(key), go_json(text(owner, key)));
        }
        for key in ["controller", "blockOwnerDeletion"] {
            if let Some(value) = flag(key) {
                let _ = write!(json, "{}:{value},", go_json(key));
            }
        }
        json.pop();
        json.push('}');
        return json;
    }
    let pointer = |key| flag(key).map_or("(*bool)(nil)".to_owned(), |value| format!("(*bool)({value})"));
    let listed = format!(
        "APIVersion:{}, Kind:{}, Name:{}, UID:{}, Controller:{}, BlockOwnerDeletion:{}",
        go_quote(text(owner, "apiVersion")),
        go_quote(text(owner, "kind")),
        go_quote(text(owner, "name")),
        go_quote(text(owner, "uid")),
        pointer("controller"),
        pointer("blockOwnerDeletion"),
    );
    format!("v1.OwnerReference{{{listed}}}")
}
