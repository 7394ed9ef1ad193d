//! What a container mounts (`ValidateVolumeMounts`, `ValidateVolumeDevices`).
//!
//! Some of the errors name the list and not its entry: so the API server does.

use porthole_manifest::Node;

use super::{Scope, is_privileged};
use crate::path::Path;
use crate::report::{Shown, is_true, items, place, text};
use crate::rule::rules;
use crate::rules::volumes;
use crate::seen::Seen;
use crate::validate::Pass;

rules! { ApiServer:
    /// A mount names its volume, and says where in the container it is.
    MOUNT_REQUIRED = "mount-required";
    /// A mount or device names a volume of the pod (`spec.volumes`). A volume that has errors of its own counts as missing.
    MOUNT_VOLUME_UNKNOWN = "mount-volume-unknown";
    /// In one container every mount has a path of its own, which is no device's either.
    MOUNT_PATH_DUPLICATE = "mount-path-duplicate";
    /// A volume is mounted as a file system or used as a device, not both in one container.
    MOUNT_AND_DEVICE = "mount-and-device";
    /// `subPath` and `subPathExpr` name a part of the volume: a relative path without `..`.
    SUB_PATH_FORMAT = "sub-path-format";
    /// Of `subPath` and `subPathExpr` there is one.
    SUB_PATH_TWICE = "sub-path-twice";
    /// Kubernetes 1.31 and 1.32 mount volumes of images as a whole.
    SUB_PATH_OF_IMAGE = "sub-path-of-image";
    /// `mountPropagation` is `None` (the default), `HostToContainer` or `Bidirectional`.
    MOUNT_PROPAGATION_UNKNOWN = "mount-propagation-unknown";
    /// What a container mounts reaches the host only if the container is privileged.
    MOUNT_PROPAGATION_PRIVILEGED = "mount-propagation-privileged";
    /// `recursiveReadOnly` is for mounts with `readOnly: true` and without mount propagation: `Disabled`, `IfPossible` or
    /// `Enabled`.
    RECURSIVE_READ_ONLY = "recursive-read-only";
    /// `bindMountOptions` are `nodev`, `noexec` and `nosuid`, each once, and not for images.
    BIND_MOUNT_OPTIONS = "bind-mount-options";
    /// In one container a device is used once.
    DEVICE_DUPLICATE = "device-duplicate";
    /// Only volumes of claims (`persistentVolumeClaim`, `ephemeral`) can be used as devices.
    DEVICE_VOLUME = "device-volume";
    /// The path of a device has no `..`.
    DEVICE_PATH_FORMAT = "device-path-format";
}

pub(crate) const PARENT: &str = "must not contain '..'";

/// Whether a part of the path is `..`.
pub(crate) fn has_parent(path: &str) -> bool {
    path.contains("..") && path.split('/').any(|part| part == "..")
}

/// Whether one of `entries` has that name.
fn names_entry<'n>(mut entries: impl Iterator<Item = Node<'n>>, name: &str) -> bool {
    entries.any(|entry| text(entry, "name") == name)
}

/// Whether one of `entries` has that path. Of entries of one name the last counts.
fn has_path<'n>(entries: impl Iterator<Item = Node<'n>>, key: &str, path: &str) -> bool {
    let entries: Vec<_> = entries.collect();
    entries.iter().enumerate().any(|(index, entry)| {
        text(*entry, key) == path && {
            let name = text(*entry, "name");
            !names_entry(entries[index + 1..].iter().copied(), name)
        }
    })
}

/// `volumeMounts`.
pub(super) fn check(pass: &mut Pass<'_>, scope: &Scope<'_>, list: &Path<'_>, container: Node<'_>) {
    let mut paths = Seen::new();
    for (index, mount) in scope.mounts(container).enumerate() {
        let at = list.index(index);
        let name = text(mount, "name");
        let path = text(mount, "mountPath");
        let (name_field, path_field) = (at.child("name"), at.child("mountPath"));
        let (name_place, path_place) = (place(mount, "name"), place(mount, "mountPath"));
        if name.is_empty() {
            pass.required(&MOUNT_REQUIRED, &name_field, "", name_place);
        }
        let volume = scope.volume(name);
        if volume.is_none() {
            pass.not_found(&MOUNT_VOLUME_UNKNOWN, &name_field, Shown::Str(name), name_place);
        }
        if path.is_empty() {
            pass.required(&MOUNT_REQUIRED, &path_field, "", path_place);
        }
        if !paths.insert(path) {
            let detail = "must be unique";
            pass.invalid(
                &MOUNT_PATH_DUPLICATE,
                &path_field,
                Shown::Str(path),
                detail,
                path_place,
            );
        }
        if names_entry(items(container, "volumeDevices"), name) {
            let detail = "must not already exist in volumeDevices";
            pass.invalid(
                &MOUNT_AND_DEVICE,
                &name_field,
                Shown::Str(name),
                detail,
                name_place,
            );
        }
        if has_path(items(container, "volumeDevices"), "devicePath", path) {
            let detail = "must not already exist as a path in volumeDevices";
            pass.invalid(
                &MOUNT_PATH_DUPLICATE,
                &path_field,
                Shown::Str(path),
                detail,
                path_place,
            );
        }
        check_sub_paths(pass, list, &at, mount, volume);
        check_propagation(pass, list, mount, container);
        check_recursive(pass, list, mount);
        check_options(pass, &at.child("bindMountOptions"), mount, volume);
    }
}

fn check_sub_paths(
    pass: &mut Pass<'_>,
    list: &Path<'_>,
    at: &Path<'_>,
    mount: Node<'_>,
    volume: Option<Node<'_>>,
) {
    let is_image = volume.is_some_and(|volume| volume.field("image").is_some());
    let whole = pass.at_least(31) && !pass.at_least(33) && pass.enabled("ImageVolume");
    if is_image && whole {
        for key in ["subPath", "subPathExpr"] {
            let path = text(mount, key);
            if !path.is_empty() {
                let detail = "not allowed in image volume sources";
                let span = place(mount, key);
                pass.invalid(&SUB_PATH_OF_IMAGE, &at.child(key), Shown::Str(path), detail, span);
            }
        }
    }
    let path = text(mount, "subPath");
    check_descending(pass, &list.child("subPath"), path, mount, "subPath");
    let expression = text(mount, "subPathExpr");
    if !path.is_empty() && !expression.is_empty() {
        let detail = "subPathExpr and subPath are mutually exclusive";
        let field = at.child("subPathExpr");
        let span = place(mount, "subPathExpr");
        pass.invalid(&SUB_PATH_TWICE, &field, Shown::Str(expression), detail, span);
    }
    check_descending(pass, &list.child("subPathExpr"), expression, mount, "subPathExpr");
}

/// `validateLocalDescendingPath`.
fn check_descending(pass: &mut Pass<'_>, field: &Path<'_>, path: &str, mount: Node<'_>, key: &str) {
    if path.starts_with('/') {
        let detail = "must be a relative path";
        let span = place(mount, key);
        pass.invalid(&SUB_PATH_FORMAT, field, Shown::Str(path), detail, span);
    }
    if has_parent(path) {
        let span = place(mount, key);
        pass.invalid(&SUB_PATH_FORMAT, field, Shown::Str(path), PARENT, span);
    }
}

fn check_propagation(pass: &mut Pass<'_>, list: &Path<'_>, mount: Node<'_>, container: Node<'_>) {
    let Some(node) = mount.field("mountPropagation") else {
        return;
    };
    let field = list.child("mountPropagation");
    match node.as_str() {
        None | Some("None" | "HostToContainer") => {}
        Some("Bidirectional") if is_privileged(container) => {}
        Some("Bidirectional") => {
            let detail = "Bidirectional mount propagation is available only to privileged containers";
            pass.forbidden(&MOUNT_PROPAGATION_PRIVILEGED, &field, detail, node.span());
        }
        Some(other) => {
            let supported = ["Bidirectional", "HostToContainer", "None"];
            let shown = Shown::Named(other);
            pass.not_supported(&MOUNT_PROPAGATION_UNKNOWN, &field, shown, &supported, node.span());
        }
    }
}

fn check_recursive(pass: &mut Pass<'_>, list: &Path<'_>, mount: Node<'_>) {
    let Some(node) = mount.field("recursiveReadOnly") else {
        return;
    };
    if !pass.enabled("RecursiveReadOnlyMounts") {
        return;
    }
    let field = list.child("recursiveReadOnly");
    match node.as_str() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !is_true(mount, "readOnly") {
                let detail = "may only be specified when readOnly is true";
                pass.forbidden(&RECURSIVE_READ_ONLY, &field, detail, node.span());
            }
            let propagation = mount.field("mountPropagation").and_then(Node::as_str);
            if propagation.is_some_and(|propagation| propagation != "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                pass.forbidden(&RECURSIVE_READ_ONLY, &field, detail, node.span());
            }
        }
        Some(other) => {
            let supported = ["Disabled", "Enabled", "IfPossible"];
            let shown = Shown::Named(other);
            pass.not_supported(&RECURSIVE_READ_ONLY, &field, shown, &supported, node.span());
        }
    }
}

/// `validateBindMountOptions`, since 1.37 and behind a gate.
fn check_options(pass: &mut Pass<'_>, list: &Path<'_>, mount: Node<'_>, volume: Option<Node<'_>>) {
    let Some(options) = mount.field("bindMountOptions") else {
        return;
    };
    if !pass.enabled("VolumeBindMountOptions") || options.items().next().is_none() {
        return;
    }
    let mut seen = Seen::new();
    for (index, node) in options.items().enumerate() {
        let option = node.as_str().unwrap_or_default();
        let at = list.index(index);
        if !matches!(option, "nodev" | "noexec" | "nosuid") {
            let supported = ["nodev", "noexec", "nosuid"];
            let shown = Shown::Str(option);
            pass.not_supported(&BIND_MOUNT_OPTIONS, &at, shown, &supported, node.span());
        }
        if !seen.insert(option) {
            pass.duplicate(&BIND_MOUNT_OPTIONS, &at, Shown::Str(option), node.span());
        }
    }
    if volume.is_some_and(|volume| volume.field("image").is_some()) {
        let value = Shown::Raw(options.to_json().to_string());
        let detail = "bindMountOptions may not be used with image volumes";
        pass.invalid(&BIND_MOUNT_OPTIONS, list, value, detail, options.span());
    }
}

/// `volumeDevices`.
pub(super) fn check_devices(pass: &mut Pass<'_>, scope: &Scope<'_>, list: &Path<'_>, container: Node<'_>) {
    let (mut paths, mut names) = (Seen::new(), Seen::new());
    for (index, device) in items(container, "volumeDevices").enumerate() {
        let at = list.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        let (name_field, path_field) = (at.child("name"), at.child("devicePath"));
        let (name_place, path_place) = (place(device, "name"), place(device, "devicePath"));
        if name.is_empty() {
            pass.required(&MOUNT_REQUIRED, &name_field, "", name_place);
        }
        let unique = "must be unique";
        if names.contains(&name) {
            pass.invalid(
                &DEVICE_DUPLICATE,
                &name_field,
                Shown::Str(name),
                unique,
                name_place,
            );
        }
        match scope.volume(name) {
            None => pass.not_found(&MOUNT_VOLUME_UNKNOWN, &name_field, Shown::Str(name), name_place),
            Some(volume) => {
                let newer = pass.at_least(23);
                let is_made = volumes::claims(pass)
                    .iter()
                    .any(|claim| volumes::claim_name(*claim) == name);
                let is_claim = is_made
                    || volume.field("persistentVolumeClaim").is_some()
                    || (newer && volume.field("ephemeral").is_some());
                let kinds = if newer {
                    "PersistentVolumeClaim or Ephemeral"
                } else {
                    "PersistentVolumeClaim"
                };
                if !is_claim {
                    let detail = format!("can only use volume source type of {kinds} for block mode");
                    pass.invalid(&DEVICE_VOLUME, &name_field, Shown::Str(name), detail, name_place);
                }
            }
        }
        if path.is_empty() {
            pass.required(&MOUNT_REQUIRED, &path_field, "", path_place);
        }
        if paths.contains(&path) {
            pass.invalid(
                &DEVICE_DUPLICATE,
                &path_field,
                Shown::Str(path),
                unique,
                path_place,
            );
        }
        if has_parent(path) {
            let detail = "can not contain backsteps ('..')";
            pass.invalid(
                &DEVICE_PATH_FORMAT,
                &path_field,
                Shown::Str(path),
                detail,
                path_place,
            );
        } else {
            paths.insert(path);
        }
        if names_entry(scope.mounts(container), name) {
            let detail = "must not already exist in volumeMounts";
            pass.invalid(
                &MOUNT_AND_DEVICE,
                &name_field,
                Shown::Str(name),
                detail,
                name_place,
            );
        }
        if has_path(scope.mounts(container), "mountPath", path) {
            let detail = "must not already exist as a path in volumeMounts";
            pass.invalid(
                &MOUNT_PATH_DUPLICATE,
                &path_field,
                Shown::Str(path),
                detail,
                path_place,
            );
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}
