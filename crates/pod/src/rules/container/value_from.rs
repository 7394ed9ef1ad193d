//! Where the value of a variable comes from (`validateEnvVarValueFrom`): fields of the pod, resources of its containers,
//! keys of `ConfigMaps`, Secrets and files.

use porthole_manifest::Node;

use super::mounts;
use crate::names::{self, Faults};
use crate::path::Path;
use crate::quantity::Quantity;
use crate::report::{Shown, place, text};
use crate::rule::rules;
use crate::syntax;
use crate::validate::Pass;

rules! { ApiServer:
    /// `valueFrom` names one source, and there is no `value` beside it: the two are alternatives.
    VALUE_FROM_SOURCE = "value-from-source";
    /// `fieldRef` names a field of the pod.
    FIELD_PATH_REQUIRED = "field-path-required";
    /// `fieldRef` reads the fields of API version `v1` that the pod may know: a field that Kubernetes does not offer there
    /// (`spec.hostNetwork`, for one) cannot be read. Labels and annotations are read one by one:
    /// `metadata.labels['app']`.
    FIELD_PATH_UNKNOWN = "field-path-unknown";
    /// The key in `metadata.labels['…']` or `metadata.annotations['…']` is spelt as such keys are.
    FIELD_PATH_KEY_FORMAT = "field-path-key-format";
    /// `status.hostIPs` is there since Kubernetes 1.28, where the gate `PodHostIPs` is on.
    FIELD_PATH_GATED = "field-path-gated";
    /// `resourceFieldRef` names a resource of a container, such as `limits.memory`; in a volume also the container.
    RESOURCE_FIELD_REQUIRED = "resource-field-required";
    /// `resourceFieldRef` reads requests and limits of cpu, memory, ephemeral storage and huge pages.
    RESOURCE_FIELD_UNKNOWN = "resource-field-unknown";
    /// The divisor of `resourceFieldRef` is one unit of the resource: `1m` or `1` for cpu, `1`, `1k`, `1Mi` and such for what
    /// is counted in bytes.
    RESOURCE_DIVISOR_UNKNOWN = "resource-divisor-unknown";
    /// The name of a `ConfigMap` or Secret is a lower-case RFC 1123 subdomain.
    KEY_REFERENCE_NAME_FORMAT = "key-reference-name-format";
    /// A reference to a `ConfigMap`, a Secret or a file names the key that is read.
    KEY_REFERENCE_KEY_REQUIRED = "key-reference-key-required";
    /// A key of a `ConfigMap` or Secret has letters, digits, `-`, `_` and `.` only, and leads to no other directory.
    KEY_REFERENCE_KEY_FORMAT = "key-reference-key-format";
    /// `fileKeyRef` names a volume and, without `..`, a file in it.
    FILE_REFERENCE = "file-reference";
}

/// The fields that a variable may have the value of, sorted. `status.hostIPs` is the seventh, and new in 1.28.
const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The resources that can be read, sorted.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// `valueFrom` of `variable`.
pub(super) fn check(pass: &mut Pass<'_>, at: &Path<'_>, variable: Node<'_>) {
    let Some(source) = variable.field("valueFrom") else {
        return;
    };
    let mut sources = 0;
    let has_files = pass.enabled("EnvFiles");
    let mut count = |key: &str| source.field(key).inspect(|_| sources += 1);
    let field = count("fieldRef");
    let resource = count("resourceFieldRef");
    let config_map = count("configMapKeyRef");
    let secret = count("secretKeyRef");
    let file = if has_files { count("fileKeyRef") } else { None };
    if let Some(field) = field {
        let known: Vec<_> = ENV_FIELDS
            .into_iter()
            .filter(|field| *field != "status.hostIPs" || pass.at_least(28))
            .collect();
        let at = at.child("fieldRef");
        check_field(pass, &at, field, &known);
        check_host_ips(pass, &at, field);
    }
    if let Some(resource) = resource {
        let huge_pages = pass.at_least(27) || pass.enabled("DownwardAPIHugePages");
        check_resource(pass, &at.child("resourceFieldRef"), resource, false, huge_pages);
    }
    if let Some(reference) = config_map {
        check_key(pass, &at.child("configMapKeyRef"), reference);
    }
    if let Some(reference) = secret {
        check_key(pass, &at.child("secretKeyRef"), reference);
    }
    if let Some(reference) = file {
        check_file(pass, &at.child("fileKeyRef"), reference);
    }
    let detail = match sources {
        0 if has_files => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        _ if !text(variable, "value").is_empty() => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    pass.invalid(&VALUE_FROM_SOURCE, at, Shown::Str(""), detail, source.span());
}

/// `validateObjectFieldSelector`: a field of the pod that is none of `known`, which are sorted, is refused.
pub(crate) fn check_field(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>, known: &[&str]) {
    let written = text(reference, "fieldPath");
    let field = at.child("fieldPath");
    let span = place(reference, "fieldPath");
    if written.is_empty() {
        return pass.required(&FIELD_PATH_REQUIRED, &field, "", span);
    }
    let version = text(reference, "apiVersion");
    let subscript = split_subscript(written);
    let fault = if !matches!(version, "" | "v1") {
        Some(format!("unsupported pod version: {version}"))
    } else if let Some((path, _)) = subscript {
        let takes = matches!(path, "metadata.annotations" | "metadata.labels");
        (!takes).then(|| format!("field label does not support subscript: {written}"))
    } else {
        (!is_convertible(pass, written)).then(|| format!("field label not supported: {written}"))
    };
    if let Some(fault) = fault {
        let detail = format!("error converting fieldPath: {fault}");
        return pass.invalid(&FIELD_PATH_UNKNOWN, &field, Shown::Str(written), detail, span);
    }
    if let Some((path, key)) = subscript {
        let lower = if path == "metadata.annotations" {
            key.to_lowercase()
        } else {
            key.to_owned()
        };
        let shown = if pass.at_least(25) { &lower } else { key };
        for fault in names::qualified_name(&lower, pass.options.kubernetes_version) {
            pass.invalid(&FIELD_PATH_KEY_FORMAT, at, Shown::Str(shown), fault, span);
        }
        return;
    }
    let path = if written == "spec.host" {
        "spec.nodeName"
    } else {
        written
    };
    if !known.contains(&path) {
        pass.not_supported(&FIELD_PATH_UNKNOWN, &field, Shown::Str(path), known, span);
    }
}

/// The name and the key of `name['key']`.
fn split_subscript(path: &str) -> Option<(&str, &str)> {
    let (name, key) = path.strip_suffix("']")?.split_once("['")?;
    (!name.is_empty()).then_some((name, key))
}

/// Whether the API server knows the field by that name at all.
fn is_convertible(pass: &Pass<'_>, path: &str) -> bool {
    match path {
        "metadata.annotations"
        | "metadata.labels"
        | "spec.restartPolicy"
        | "spec.schedulerName"
        | "status.phase"
        | "spec.host" => true,
        "status.hostIPs" => pass.at_least(28),
        _ => ENV_FIELDS.contains(&path),
    }
}

/// `validateDownwardAPIHostIPs`, from 1.28 to 1.31.
pub(crate) fn check_host_ips(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>) {
    let gated = pass.at_least(28) && !pass.at_least(32) && !pass.enabled("PodHostIPs");
    if gated && text(reference, "fieldPath") == "status.hostIPs" {
        let detail = "may not be set when feature gate 'PodHostIPs' is not enabled";
        pass.forbidden(&FIELD_PATH_GATED, at, detail, place(reference, "fieldPath"));
    }
}

/// `validateContainerResourceFieldSelector`.
pub(crate) fn check_resource(
    pass: &mut Pass<'_>,
    at: &Path<'_>,
    reference: Node<'_>,
    in_volume: bool,
    huge_pages: bool,
) {
    let resource = text(reference, "resource");
    let is_huge_pages =
        resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    let is_known = RESOURCES.contains(&resource) || (huge_pages && is_huge_pages);
    if in_volume && text(reference, "containerName").is_empty() {
        let span = place(reference, "containerName");
        pass.required(&RESOURCE_FIELD_REQUIRED, &at.child("containerName"), "", span);
    } else if resource.is_empty() {
        let span = place(reference, "resource");
        pass.required(&RESOURCE_FIELD_REQUIRED, &at.child("resource"), "", span);
    } else if !is_known {
        pass.not_supported(
            &RESOURCE_FIELD_UNKNOWN,
            &at.child("resource"),
            Shown::Str(resource),
            &RESOURCES,
            place(reference, "resource"),
        );
    }
    let Some(node) = reference.field("divisor") else {
        return;
    };
    let Some(Ok(divisor)) = Quantity::of(node) else {
        return;
    };
    if divisor.is_zero() {
        return;
    }
    let (units, what): (&[&str], _) = match resource {
        "limits.cpu" | "requests.cpu" => (&["1m", "1"], "cpu"),
        "limits.memory" | "requests.memory" => (&BYTES, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (&BYTES, "local ephemeral storage"),
        _ if is_huge_pages => (&BYTES, "hugepages"),
        _ => return,
    };
    if !units.contains(&divisor.to_string().as_str()) {
        let all = if what == "cpu" {
            "1m and 1".to_owned()
        } else {
            BYTES.join(", ")
        };
        let detail = format!("only divisor's values {all} are supported with the {what} resource");
        let field = at.child("divisor");
        pass.invalid(
            &RESOURCE_DIVISOR_UNKNOWN,
            &field,
            Shown::Str(resource),
            detail,
            node.span(),
        );
    }
}

const BYTES: [&str; 13] = [
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

/// `validateConfigMapKeySelector` and `validateSecretKeySelector`.
fn check_key(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>) {
    let name = text(reference, "name");
    let field = at.child("name");
    for fault in names::dns1123_subdomain(name) {
        let span = place(reference, "name");
        pass.invalid(&KEY_REFERENCE_NAME_FORMAT, &field, Shown::Str(name), fault, span);
    }
    check_key_name(pass, at, reference, names::config_map_key);
}

fn check_key_name(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>, faults: fn(&str) -> Faults) {
    let key = text(reference, "key");
    let field = at.child("key");
    let span = place(reference, "key");
    if key.is_empty() {
        return pass.required(&KEY_REFERENCE_KEY_REQUIRED, &field, "", span);
    }
    for fault in faults(key) {
        pass.invalid(&KEY_REFERENCE_KEY_FORMAT, &field, Shown::Str(key), fault, span);
    }
}

/// `validateFileKeySelector`.
fn check_file(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>) {
    check_key_name(pass, at, reference, syntax::relaxed_env_name);
    let volume = text(reference, "volumeName");
    let field = at.child("volumeName");
    let span = place(reference, "volumeName");
    if volume.is_empty() {
        pass.required(&FILE_REFERENCE, &field, "", span);
    } else {
        for fault in names::dns1123_label(volume, pass.options.kubernetes_version) {
            pass.invalid(&FILE_REFERENCE, &field, Shown::Str(volume), fault, span);
        }
    }
    let path = text(reference, "path");
    let field = at.child("path");
    let span = place(reference, "path");
    if path.is_empty() {
        pass.required(&FILE_REFERENCE, &field, "", span);
    } else if mounts::has_parent(path) {
        pass.invalid(&FILE_REFERENCE, &field, Shown::Str(path), mounts::PARENT, span);
    }
}
