//! Volumes that are served over the network, and those of drivers.

use super::disks::require_items;
use super::files::require_one;
use super::{Source, VOLUME_FIELD_REQUIRED, VOLUME_FIELD_VALUE, require, require_reference};
use crate::names;
use crate::path::Path;
use crate::report::{Shown, place, text};
use crate::validate::Pass;

pub(super) fn check_nfs(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "server");
    require(pass, source.node, source.path, "path");
    let path = text(source.node, "path");
    if !path.starts_with('/') {
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &source.path.child("path"),
            Shown::Str(path),
            "must be an absolute path",
            place(source.node, "path"),
        );
    }
}

pub(super) fn check_glusterfs(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "endpoints");
    require(pass, source.node, source.path, "path");
}

pub(super) fn check_cephfs(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require_items(pass, source, "monitors");
}

pub(super) fn check_flocker(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let name = text(source.node, "datasetName");
    let uuid = text(source.node, "datasetUUID");
    let span = source.node.span();
    if name.is_empty() && uuid.is_empty() {
        let detail = "one of datasetName and datasetUUID is required";
        require_one(pass, source.path, detail, span);
    }
    if !name.is_empty() && !uuid.is_empty() {
        let detail = "datasetName and datasetUUID can not be specified simultaneously";
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            source.path,
            Shown::Str("resource"),
            detail,
            span,
        );
    }
    if name.contains('/') {
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &source.path.child("datasetName"),
            Shown::Str(name),
            "must not contain '/'",
            place(source.node, "datasetName"),
        );
    }
}

pub(super) fn check_quobyte(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let pairs = "must be a host:port pair or multiple pairs separated by commas";
    let registry = text(source.node, "registry");
    let field = source.path.child("registry");
    let span = place(source.node, "registry");
    if registry.is_empty() {
        pass.required(&VOLUME_FIELD_REQUIRED, &field, pairs, span);
    } else if text(source.node, "tenant").len() >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        let span = place(source.node, "tenant");
        pass.required(&VOLUME_FIELD_REQUIRED, &source.path.child("tenant"), detail, span);
    } else {
        for pair in registry.split(',') {
            if !is_host_and_port(pair) {
                pass.invalid(&VOLUME_FIELD_VALUE, &field, Shown::Str(registry), pairs, span);
            }
        }
    }
    require(pass, source.node, source.path, "volume");
}

/// Whether Go's `net.SplitHostPort` parts it.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bracketed = host.strip_prefix('[');
    let host = match bracketed {
        Some(rest) => match rest.strip_suffix(']') {
            Some(host) => host,
            None => return false,
        },
        None if host.contains(':') => return false,
        None => host,
    };
    !host.contains(['[', ']']) && !port.contains(['[', ']'])
}

pub(super) fn check_flex(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "driver");
    let Some(options) = source.node.field("options") else {
        return;
    };
    let path = source.path.child("options");
    for entry in options.entries() {
        let key = entry.key.key_text();
        let namespace = key.split_once('/').map_or(&*key, |(namespace, _)| namespace);
        let namespace = format!(".{}", namespace.to_lowercase());
        if namespace.ends_with(".kubernetes.io") || namespace.ends_with(".k8s.io") {
            pass.invalid(
                &VOLUME_FIELD_VALUE,
                &path.key(&key),
                Shown::Str(&key),
                "kubernetes.io and k8s.io namespaces are reserved",
                entry.key.span(),
            );
        }
    }
}

pub(super) fn check_azure_file(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "secretName");
    require(pass, source.node, source.path, "shareName");
}

pub(super) fn check_storageos(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "volumeName");
    for key in ["volumeName", "volumeNamespace"] {
        let name = text(source.node, key);
        if !name.is_empty() {
            check_label(pass, name, &source.path.child(key), place(source.node, key));
        }
    }
    require_reference(pass, source.node, source.path, "secretRef");
}

fn check_label(pass: &mut Pass<'_>, name: &str, path: &Path<'_>, span: porthole_manifest::Span) {
    let faults = names::dns1123_label(name, pass.options.kubernetes_version);
    pass.faults(&VOLUME_FIELD_VALUE, path, name, faults, span);
}

pub(super) fn check_scaleio(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    for key in ["gateway", "system", "volumeName"] {
        require(pass, source.node, source.path, key);
    }
}

pub(super) fn check_csi(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let driver = text(source.node, "driver");
    let field = source.path.child("driver");
    let span = place(source.node, "driver");
    require(pass, source.node, source.path, "driver");
    // Since 1.35 nothing more is said of a driver without a name; before, an empty name was a bad name too.
    if !driver.is_empty() || !returns_early(pass) {
        if driver.len() > names::LABEL_LIMIT {
            pass.too_long(&VOLUME_FIELD_VALUE, &field, names::LABEL_LIMIT, span);
        }
        let faults = names::dns1123_subdomain(&driver.to_lowercase());
        pass.faults(&VOLUME_FIELD_VALUE, &field, driver, faults, span);
    }
    let Some(secret) = source.node.field("nodePublishSecretRef") else {
        return;
    };
    let name = text(secret, "name");
    if name.is_empty() {
        // Up to 1.23 the name has a blank too many.
        let key = if pass.at_least(24) {
            "nodePublishSecretRef"
        } else {
            "nodePublishSecretRef "
        };
        let reference = source.path.child(key);
        let span = place(secret, "name");
        pass.required(&VOLUME_FIELD_REQUIRED, &reference.child("name"), "", span);
    } else {
        let faults = names::dns1123_subdomain(name);
        let field = source.path.child("name");
        pass.faults(&VOLUME_FIELD_VALUE, &field, name, faults, place(secret, "name"));
    }
}

/// Whether a driver without a name is not looked at further.
fn returns_early(pass: &Pass<'_>) -> bool {
    pass.at_least(35)
}
