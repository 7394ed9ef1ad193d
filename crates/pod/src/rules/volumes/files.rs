//! Volumes of files on the node and of the API's own: `emptyDir`, `hostPath`, `secret`, `configMap`, `image`, `gitRepo`.

use porthole_manifest::{Node, Span};

use super::{
    FILE_MODE, HOST_PATH_TYPE, Source, VOLUME_FIELD_REQUIRED, VOLUME_FIELD_VALUE, VOLUME_PATH,
    check_backsteps, check_descending, require,
};
use crate::path::Path;
use crate::quantity::Quantity;
use crate::report::{Shown, int, items, place, some_text, text};
use crate::validate::Pass;

pub(super) fn check_empty_dir(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let limit = source.node.field("sizeLimit");
    if let Some(limit) = limit
        && let Some(Ok(quantity)) = Quantity::of(limit)
        && quantity.is_negative()
        && pass.feature("LocalStorageCapacityIsolation", 25)
    {
        pass.forbidden(
            &VOLUME_FIELD_VALUE,
            &source.path.child("sizeLimit"),
            "SizeLimit field must be a valid resource quantity",
            limit.span(),
        );
    }
    let mode = int(source.node, "mode").filter(|mode| !(0..=0o1777).contains(mode));
    if let Some(mode) = mode
        && pass.enabled("EmptyDirVolumeMode")
    {
        pass.invalid(
            &FILE_MODE,
            &source.path.child("mode"),
            Shown::Int(mode),
            "must be a number between 0 and 01777 (octal), both inclusive",
            place(source.node, "mode"),
        );
    }
}

pub(super) fn check_host_path(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let host_path = text(source.node, "path");
    if host_path.is_empty() {
        require(pass, source.node, source.path, "path");
        return;
    }
    let span = place(source.node, "path");
    check_backsteps(pass, &VOLUME_PATH, host_path, &source.path.child("path"), span);
    let kinds = [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let kind = some_text(source.node, "type").filter(|kind| !kinds.contains(kind));
    if let Some(kind) = kind {
        pass.not_supported(
            &HOST_PATH_TYPE,
            &source.path.child("type"),
            Shown::Named(kind),
            &kinds,
            place(source.node, "type"),
        );
    }
}

pub(super) fn check_git_repo(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "repository");
    let span = place(source.node, "directory");
    let path = source.path.child("directory");
    check_descending(pass, &VOLUME_PATH, text(source.node, "directory"), &path, span);
}

pub(super) fn check_secret(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "secretName");
    check_files(pass, source);
}

pub(super) fn check_config_map(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "name");
    check_files(pass, source);
}

fn check_files(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    check_mode(pass, source.node, source.path, "defaultMode");
    check_user(pass, source.node, source.path, "defaultUser");
    let list = source.path.child("items");
    for (index, item) in items(source.node, "items").enumerate() {
        check_key_to_path(pass, item, &list.index(index));
    }
}

pub(super) fn check_image(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    // Up to 1.36 a template could leave the reference open.
    if pass.at_least(37) || pass.is_pod() {
        require(pass, source.node, source.path, "reference");
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    let policy = text(source.node, "pullPolicy");
    // An unset policy is filled in.
    if !policy.is_empty() && !policies.contains(&policy) {
        pass.not_supported(
            &VOLUME_FIELD_VALUE,
            &source.path.child("pullPolicy"),
            Shown::Named(policy),
            &policies,
            place(source.node, "pullPolicy"),
        );
    }
}

/// A key of a Secret or ConfigMap and the file that it becomes (`validateKeyToPath`).
pub(super) fn check_key_to_path(pass: &mut Pass<'_>, item: Node<'_>, path: &Path<'_>) {
    require(pass, item, path, "key");
    check_file_path(pass, item, path);
    check_mode(pass, item, path, "mode");
    check_user(pass, item, path, "user");
}

/// The path of a file in a volume.
pub(super) fn check_file_path(pass: &mut Pass<'_>, item: Node<'_>, path: &Path<'_>) {
    require(pass, item, path, "path");
    check_local(pass, text(item, "path"), &path.child("path"), place(item, "path"));
}

/// A path below the volume whose first part the kubelet does not keep for itself (`ValidateLocalNonReservedPath`).
pub(super) fn check_local(pass: &mut Pass<'_>, value: &str, path: &Path<'_>, span: Span) {
    check_descending(pass, &VOLUME_PATH, value, path, span);
    if value.starts_with("..") && !value.starts_with("../") {
        pass.invalid(
            &VOLUME_PATH,
            path,
            Shown::Str(value),
            "must not start with '..'",
            span,
        );
    }
}

/// The mode of a file or of all files.
pub(super) fn check_mode(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>, key: &str) {
    if let Some(mode) = int(node, key).filter(|mode| !(0..=0o777).contains(mode)) {
        pass.invalid(
            &FILE_MODE,
            &path.child(key),
            Shown::Int(mode),
            "must be a number between 0 and 0777 (octal), both inclusive",
            place(node, key),
        );
    }
}

/// The owner of a file or of all files, which 1.37 knows where its gate is on.
pub(super) fn check_user(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>, key: &str) {
    let most = i64::from(i32::MAX);
    let user = int(node, key).filter(|user| !(0..=most).contains(user));
    if let Some(user) = user
        && pass.enabled("AtomicWriteVolumeUserFields")
    {
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &path.child(key),
            Shown::Int(user),
            format!("must be between 0 and {most}, inclusive"),
            place(node, key),
        );
    }
}

/// Reports that something must be there for the source to be of use.
pub(super) fn require_one(pass: &mut Pass<'_>, source: &Path<'_>, detail: &str, span: Span) {
    pass.required(&VOLUME_FIELD_REQUIRED, source, detail, span);
}
