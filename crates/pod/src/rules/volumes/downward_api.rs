//! Volumes of files that tell a pod about itself (`validateDownwardAPIVolumeSource`).

use porthole_manifest::Node;

use super::Source;
use super::files::{check_file_path, check_mode, check_user, require_one};
use crate::path::Path;
use crate::report::{Shown, items};
use crate::rule::rules;
use crate::rules::container::value_from;
use crate::validate::Pass;

rules! { ApiServer:
    /// A file of the downward API shows a field of the pod's metadata (`metadata.name`, `.namespace`, `.uid`, `.labels`,
    /// `.annotations`, or one of the last two as `metadata.labels['key']`), or an amount of a container's resources: one of
    /// both.
    DOWNWARD_API_FILE = "downward-api-file";
}

/// The fields that a file may show.
const FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
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
        value_from::check_field(pass, &path.child("fieldRef"), field, &FIELDS);
        if let Some(resource) = resource {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            let value = Shown::Str("resource");
            pass.invalid(&DOWNWARD_API_FILE, path, value, detail, resource.span());
        }
        value_from::check_host_ips(pass, &path.child("fieldRef"), field);
    } else if let Some(resource) = resource {
        let huge_pages = pass.feature("DownwardAPIHugePages", 27);
        value_from::check_resource(pass, &path.child("resourceFieldRef"), resource, true, huge_pages);
    } else {
        let detail = "one of fieldRef and resourceFieldRef is required";
        require_one(pass, path, detail, file.span());
    }
    check_mode(pass, file, path, "mode");
    check_user(pass, file, path, "user");
}
