//! Projected volumes: files from several sources in one directory (`validateProjectedVolumeSource`).

use std::collections::HashSet;

use porthole_manifest::{Node, Span};

use super::files::{check_file_path, check_key_to_path, check_local, check_mode, check_user};
use super::{
    PROJECTED_SOURCES, Source, TOKEN_EXPIRATION, VOLUME_FIELD_REQUIRED, certificates, downward_api, require,
};
use crate::path::Path;
use crate::report::{Shown, int, items, place, text};
use crate::validate::Pass;

/// The paths of the files of a volume so far.
struct Files<'n, 'p> {
    taken: HashSet<&'n str>,
    /// The volume's source, at which the API server reports clashes.
    path: &'p Path<'p>,
}

impl<'n> Files<'n, '_> {
    /// Takes a path, or reports that it is taken; `shown` is what the API server shows.
    fn take(&mut self, pass: &mut Pass<'_>, path: &'n str, shown: &str, span: Span) {
        if !self.taken.insert(path) {
            pass.invalid(
                &PROJECTED_SOURCES,
                self.path,
                Shown::Str(shown),
                "conflicting duplicate paths",
                span,
            );
        }
    }
}

pub(super) fn check(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    check_mode(pass, source.node, source.path, "defaultMode");
    check_user(pass, source.node, source.path, "defaultUser");
    let mut files = Files {
        taken: HashSet::new(),
        path: source.path,
    };
    let list = source.path.child("sources");
    for (index, projection) in items(source.node, "sources").enumerate() {
        check_source(pass, projection, &list.index(index), &mut files);
    }
}

fn check_source<'n>(pass: &mut Pass<'_>, source: Node<'n>, path: &Path<'_>, files: &mut Files<'n, '_>) {
    let mut count = 0;
    for key in ["secret", "configMap"] {
        if let Some(node) = source.field(key) {
            count += 1;
            check_keys(pass, node, &path.child(key), files);
        }
    }
    if let Some(node) = source.field("downwardAPI") {
        count += 1;
        let path = path.child("downwardAPI");
        for file in items(node, "items") {
            downward_api::check_file(pass, file, &path);
            let file_path = text(file, "path");
            if !file_path.is_empty() {
                files.take(pass, file_path, file_path, place(file, "path"));
            }
        }
    }
    if let Some(node) = source.field("serviceAccountToken") {
        count += 1;
        check_token(pass, node, &path.child("serviceAccountToken"), files.path);
    }
    let bundle = source.field("clusterTrustBundle");
    if let Some(node) = bundle.filter(|_| pass.at_least(29) && pass.enabled("ClusterTrustBundleProjection")) {
        count += 1;
        let name = if pass.at_least(31) {
            "clusterTrustBundle"
        } else {
            "clusterTrustBundlePEM"
        };
        let path = path.child(name);
        certificates::check_bundle(pass, node, &path);
        check_user(pass, node, &path, "user");
        check_file_path(pass, node, &path);
        let file_path = text(node, "path");
        files.take(pass, file_path, file_path, place(node, "path"));
    }
    let certificate = source.field("podCertificate");
    if let Some(node) = certificate.filter(|_| pass.at_least(34) && pass.enabled("PodCertificateRequest")) {
        count += 1;
        check_certificate(pass, node, &path.child("podCertificate"), files);
    }
    if count > 1 {
        let detail = if pass.at_least(31) {
            "may not specify more than 1 volume type per source"
        } else {
            "may not specify more than 1 volume type"
        };
        pass.forbidden(&PROJECTED_SOURCES, path, detail, source.span());
    }
}

/// Keys of a Secret or ConfigMap. A clash of paths is shown by the object's name.
fn check_keys<'n>(pass: &mut Pass<'_>, node: Node<'n>, path: &Path<'_>, files: &mut Files<'n, '_>) {
    require(pass, node, path, "name");
    let list = path.child("items");
    for (index, item) in items(node, "items").enumerate() {
        check_key_to_path(pass, item, &list.index(index));
        let file_path = text(item, "path");
        if !file_path.is_empty() {
            files.take(pass, file_path, text(node, "name"), place(item, "path"));
        }
    }
}

/// A token's path is reported at the volume's source, as the API server has it.
fn check_token(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>, projected: &Path<'_>) {
    if let Some(seconds) = int(node, "expirationSeconds") {
        let detail = if seconds < 600 {
            Some("may not specify a duration less than 10 minutes")
        } else if seconds > 1 << 32 {
            Some("may not specify a duration larger than 2^32 seconds")
        } else {
            None
        };
        if let Some(detail) = detail {
            let span = place(node, "expirationSeconds");
            let value = Shown::Int(seconds);
            pass.invalid(
                &TOKEN_EXPIRATION,
                &path.child("expirationSeconds"),
                value,
                detail,
                span,
            );
        }
    }
    let token = text(node, "path");
    if token.is_empty() {
        require(pass, node, projected, "path");
    } else if pass.at_least(30) {
        check_local(pass, token, &projected.child("path"), place(node, "path"));
    }
    check_user(pass, node, path, "user");
}

fn check_certificate<'n>(pass: &mut Pass<'_>, node: Node<'n>, path: &Path<'_>, files: &mut Files<'n, '_>) {
    certificates::check_request(pass, node, path);
    let mut count = 0;
    for key in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        let file_path = text(node, key);
        if !file_path.is_empty() {
            count += 1;
            check_local(pass, file_path, &path.child(key), place(node, key));
            files.take(pass, file_path, file_path, place(node, key));
        }
    }
    if count == 0 {
        let detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        pass.required(&VOLUME_FIELD_REQUIRED, path, detail, node.span());
    }
}
