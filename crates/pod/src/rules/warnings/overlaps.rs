//! Files of one volume that are in each other's way (`warningsForOverlappingVirtualPaths`, since 1.32).

use porthole_manifest::{Node, Span};

use super::OVERLAPPING_PATHS;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{items, place, some_text, text};
use crate::rules::volumes;
use crate::validate::Pass;

/// A file, and, in a projected volume, what it comes from.
#[derive(Clone)]
struct File<'n> {
    path: &'n str,
    source: String,
    span: Span,
}

impl File<'_> {
    fn shown(&self) -> String {
        let path = go_quote(self.path);
        if self.source.is_empty() {
            path
        } else {
            format!("{path} ({})", self.source)
        }
    }

    /// Whether one is the other or lies in it.
    fn overlaps(&self, other: &File<'_>) -> bool {
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !self.path.is_empty()
            && !other.path.is_empty()
            && (within(self.path, other.path) || within(other.path, self.path))
    }
}

pub(super) fn check(pass: &mut Pass<'_>) {
    if !pass.at_least(32) {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    for (index, volume) in volumes::of(pass, pass.spec) {
        let path = list.index(index);
        for (key, kind, name) in [
            ("configMap", "ConfigMap", Some("name")),
            ("secret", "Secret", Some("secretName")),
            ("downwardAPI", "DownwardAPI", None),
        ] {
            let Some(source) = volume.field(key) else {
                continue;
            };
            let kind = name.map_or_else(
                || kind.to_owned(),
                |name| format!("{kind} {}", go_quote(text(source, name))),
            );
            let mut files = Vec::new();
            add(pass, volume, &kind, of_items(source, ""), &mut files, &path);
        }
        if let Some(projected) = volume.field("projected") {
            check_projected(pass, volume, projected, &path);
        }
    }
}

/// Adds files one by one, and reports each that overlaps with an earlier one.
fn add<'n>(
    pass: &mut Pass<'_>,
    volume: Node<'_>,
    kind: &str,
    more: Vec<File<'n>>,
    files: &mut Vec<File<'n>>,
    path: &Path<'_>,
) {
    for mut file in more {
        file.path = file.path.trim_end_matches('/');
        for earlier in files.iter().filter(|earlier| earlier.overlaps(&file)) {
            let text = format!(
                "volume {} ({kind}): overlapping paths: {} with {}",
                go_quote(text(volume, "name")),
                file.shown(),
                earlier.shown()
            );
            pass.warn(&OVERLAPPING_PATHS, path, text, file.span);
        }
        files.push(file);
    }
}

fn of_items<'n>(source: Node<'n>, shown: &str) -> Vec<File<'n>> {
    items(source, "items")
        .map(|item| File {
            path: text(item, "path"),
            source: shown.to_owned(),
            span: place(item, "path"),
        })
        .collect()
}

fn check_projected(pass: &mut Pass<'_>, volume: Node<'_>, projected: Node<'_>, path: &Path<'_>) {
    let mut files = Vec::new();
    let mut last = Vec::new();
    for source in items(projected, "sources") {
        match of_source(pass, source) {
            Some(found) => last = found,
            None if is_nothing(pass, source) => {
                let name = go_quote(text(volume, "name"));
                let text = format!("volume {name} (Projected) has no sources provided");
                pass.warn(&OVERLAPPING_PATHS, path, text, source.span());
                continue;
            }
            // Up to 1.33 the files of the source before are looked at again.
            None if pass.at_least(34) => last.clear(),
            None => {}
        }
        add(pass, volume, "Projected", last.clone(), &mut files, path);
    }
}

/// Sources that the API server has not dropped.
fn kept<'n>(pass: &Pass<'_>, source: Node<'n>, key: &str) -> Option<Node<'n>> {
    let known = match key {
        "clusterTrustBundle" => pass.enabled("ClusterTrustBundleProjection"),
        "podCertificate" => pass.at_least(34) && pass.enabled("PodCertificateRequest"),
        _ => true,
    };
    source.field(key).filter(|_| known)
}

fn is_nothing(pass: &Pass<'_>, source: Node<'_>) -> bool {
    let keys = [
        "secret",
        "downwardAPI",
        "configMap",
        "serviceAccountToken",
        "clusterTrustBundle",
        "podCertificate",
    ];
    keys.iter().all(|key| kept(pass, source, key).is_none())
}

/// The files of a source, where it says which.
fn of_source<'n>(pass: &Pass<'_>, source: Node<'n>) -> Option<Vec<File<'n>>> {
    for (key, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
        if let Some(node) = source.field(key).filter(|node| node.field("items").is_some()) {
            return Some(of_items(
                node,
                &format!("{kind} {}", go_quote(text(node, "name"))),
            ));
        }
    }
    if let Some(node) = source
        .field("downwardAPI")
        .filter(|node| node.field("items").is_some())
    {
        return Some(of_items(node, "DownwardAPI"));
    }
    let file = |node: Node<'n>, key: &str, source: String| File {
        path: text(node, key),
        source,
        span: place(node, key),
    };
    if let Some(node) = source.field("serviceAccountToken") {
        return Some(vec![file(node, "path", "ServiceAccountToken".to_owned())]);
    }
    if let Some(node) = kept(pass, source, "clusterTrustBundle") {
        let name = some_text(node, "name").unwrap_or_else(|| text(node, "signerName"));
        return Some(vec![file(
            node,
            "path",
            format!("ClusterTrustBundle {}", go_quote(name)),
        )]);
    }
    let node = kept(pass, source, "podCertificate")?;
    let files = [
        ("certificateChainPath", "PodCertificate chain"),
        ("keyPath", "PodCertificate key"),
        ("credentialBundlePath", "PodCertificate credential bundle"),
    ];
    let given = files.into_iter().filter(|(key, _)| !text(node, key).is_empty());
    Some(
        given
            .map(|(key, shown)| file(node, key, shown.to_owned()))
            .collect(),
    )
}
