//! Volumes of files that tell a pod about itself (`validateDownwardAPIVolumeSource`).

use porthole_manifest::Node;

use super::files::{check_file_path, check_mode, check_user, require_one};
use super::{Source, VOLUME_FIELD_REQUIRED};
use crate::names;
use crate::path::Path;
use crate::quantity::Quantity;
use crate::report::{Shown, items, place, text};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A file of the downward API shows a field of the pod's metadata (`metadata.name`, `.namespace`, `.uid`, `.labels`,
    /// `.annotations`, or one of the last two as `metadata.labels['key']`), or an amount of a container's resources.
    DOWNWARD_API_FIELD = "downward-api-field";
    /// The divisor of a resource is one that suits it: `1m` or `1` for processors; `1`, a power of 1000 (`1k` to `1E`) or of
    /// 1024 (`1Ki` to `1Ei`) for bytes.
    DOWNWARD_API_DIVISOR = "downward-api-divisor";
}

/// The fields that a file may show.
const FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// The fields that the API knows, whether or not a file may show them.
const KNOWN_FIELDS: [&str; 9] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The resources of a container that may be shown.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn check(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    check_mode(pass, source.node, source.path, "defaultMode");
    check_user(pass, source.node, source.path, "defaultUser");
    // The API server does not say which item it means.
    for file in items(source.node, "items") {
        check_file(pass, file, source.path);
    }
}

/// One file (`validateDownwardAPIVolumeFile`).
pub(super) fn check_file(pass: &mut Pass<'_>, file: Node<'_>, path: &Path<'_>) {
    check_file_path(pass, file, path);
    let resource = file.field("resourceFieldRef");
    if let Some(field) = file.field("fieldRef") {
        check_field(pass, field, &path.child("fieldRef"));
        if let Some(resource) = resource {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            let value = Shown::Str("resource");
            pass.invalid(&DOWNWARD_API_FIELD, path, value, detail, resource.span());
        }
        check_host_ips(pass, field, &path.child("fieldRef"));
    } else if let Some(resource) = resource {
        check_resource(pass, resource, &path.child("resourceFieldRef"));
    } else {
        let detail = "one of fieldRef and resourceFieldRef is required";
        require_one(pass, path, detail, file.span());
    }
    check_mode(pass, file, path, "mode");
    check_user(pass, file, path, "user");
}

/// A reference to a field of the pod (`validateObjectFieldSelector`).
fn check_field(pass: &mut Pass<'_>, reference: Node<'_>, path: &Path<'_>) {
    let field = text(reference, "fieldPath");
    let field_path = path.child("fieldPath");
    let span = place(reference, "fieldPath");
    if field.is_empty() {
        pass.required(&VOLUME_FIELD_REQUIRED, &field_path, "", span);
        return;
    }
    let subscript = field
        .strip_suffix("']")
        .and_then(|field| field.split_once("['"))
        .filter(|(name, _)| !name.is_empty());
    // An unset version is filled in.
    let version = match text(reference, "apiVersion") {
        "" => "v1",
        version => version,
    };
    let known = |name: &str| {
        FIELDS.contains(&name)
            || name == "spec.host"
            || (KNOWN_FIELDS.contains(&name) && (name != "status.hostIPs" || pass.at_least(28)))
    };
    let error = match subscript {
        _ if version != "v1" => Some(format!("unsupported pod version: {version}")),
        Some(("metadata.annotations" | "metadata.labels", _)) => None,
        Some(_) => Some(format!("field label does not support subscript: {field}")),
        None if known(field) => None,
        None => Some(format!("field label not supported: {field}")),
    };
    if let Some(error) = error {
        let detail = format!("error converting fieldPath: {error}");
        pass.invalid(&DOWNWARD_API_FIELD, &field_path, Shown::Str(field), detail, span);
        return;
    }
    if let Some((name, key)) = subscript {
        let lower = key.to_lowercase();
        let checked = if name == "metadata.annotations" {
            &*lower
        } else {
            key
        };
        // Up to 1.24 the key is shown as it is written.
        let shown = if pass.at_least(25) { checked } else { key };
        let faults = names::qualified_name(checked, pass.options.kubernetes_version);
        pass.faults(&DOWNWARD_API_FIELD, path, shown, faults, span);
    } else if !FIELDS.contains(&field) {
        // `spec.host` is the old name of the field.
        let field = if field == "spec.host" {
            "spec.nodeName"
        } else {
            field
        };
        pass.not_supported(&DOWNWARD_API_FIELD, &field_path, Shown::Str(field), &FIELDS, span);
    }
}

/// From 1.28 to 1.31 the field had a gate.
fn check_host_ips(pass: &mut Pass<'_>, reference: Node<'_>, path: &Path<'_>) {
    let gated = pass.at_least(28) && !pass.feature("PodHostIPs", 32);
    if gated && text(reference, "fieldPath") == "status.hostIPs" {
        let span = place(reference, "fieldPath");
        let detail = "may not be set when feature gate 'PodHostIPs' is not enabled";
        pass.forbidden(&DOWNWARD_API_FIELD, path, detail, span);
    }
}

/// A reference to a container's resource (`validateContainerResourceFieldSelector`).
fn check_resource(pass: &mut Pass<'_>, reference: Node<'_>, path: &Path<'_>) {
    let resource = text(reference, "resource");
    let huge_pages = pass.feature("DownwardAPIHugePages", 27)
        && (resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-"));
    if text(reference, "containerName").is_empty() {
        let span = place(reference, "containerName");
        pass.required(&VOLUME_FIELD_REQUIRED, &path.child("containerName"), "", span);
    } else if resource.is_empty() {
        let span = place(reference, "resource");
        pass.required(&VOLUME_FIELD_REQUIRED, &path.child("resource"), "", span);
    } else if !RESOURCES.contains(&resource) && !huge_pages {
        let span = place(reference, "resource");
        let value = Shown::Str(resource);
        pass.not_supported(
            &DOWNWARD_API_FIELD,
            &path.child("resource"),
            value,
            &RESOURCES,
            span,
        );
    }
    check_divisor(pass, reference, resource, path);
}

fn check_divisor(pass: &mut Pass<'_>, reference: Node<'_>, resource: &str, path: &Path<'_>) {
    let Some(node) = reference.field("divisor") else {
        return;
    };
    let Some(Ok(divisor)) = Quantity::of(node) else {
        return;
    };
    if divisor.is_zero() {
        return;
    }
    let divisor = divisor.to_string();
    let bytes = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let kind = match resource {
        "limits.cpu" | "requests.cpu" => {
            if divisor != "1m" && divisor != "1" {
                let detail = "only divisor's values 1m and 1 are supported with the cpu resource";
                let value = Shown::Str(resource);
                pass.invalid(
                    &DOWNWARD_API_DIVISOR,
                    &path.child("divisor"),
                    value,
                    detail,
                    node.span(),
                );
            }
            return;
        }
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-") => {
            "hugepages"
        }
        _ => return,
    };
    if !bytes.contains(&&*divisor) {
        let detail = format!(
            "only divisor's values {} are supported with the {kind} resource",
            bytes.join(", ")
        );
        let value = Shown::Str(resource);
        pass.invalid(
            &DOWNWARD_API_DIVISOR,
            &path.child("divisor"),
            value,
            detail,
            node.span(),
        );
    }
}
