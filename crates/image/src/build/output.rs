//! What was built under its name in the store, and as a layout.
//!
//! Images of one name for several platforms are one index. A build replaces what the name, or the layout, had for the
//! platforms that it built, and keeps the others.

use std::collections::BTreeMap;
use std::path::Path;

use crate::oci::{CONTAINERD_NAME, Descriptor, INDEX, Index, REF_NAME};
use crate::{Result, Store};

/// Where images go.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// A name in a store.
    pub name: Option<&'a str>,
    /// The store for it.
    pub store: Option<&'a Store>,
    /// A layout directory, or a tar archive if it ends in `.tar`.
    pub layout: Option<&'a Path>,
}

/// Puts manifests, which `built` holds, where they shall go. Answers with what the name or the layout now lists.
///
/// # Errors
/// If something cannot be written, or the layout that is there cannot be read.
pub fn publish(built: &Store, manifests: &[Descriptor], to: &Destination<'_>) -> Result<Descriptor> {
    let mut target = combine(built, manifests.to_vec())?;
    if let (Some(name), Some(store)) = (to.name, to.store) {
        let _lock = store.adding()?;
        // What another build adds to the name in the meantime would be lost.
        let _naming = store.naming()?;
        let mut all = manifests.to_vec();
        if let Some(known) = store.target(name)? {
            // A name whose documents are broken is simply replaced.
            keep_others(store, store.manifests(&known).unwrap_or_default(), &mut all);
        }
        for manifest in manifests {
            store.copy_image(built, manifest)?;
        }
        target = combine(store, all)?;
        store.set_name(name, &target)?;
    }
    if let Some(layout) = to.layout {
        let mut listed = Vec::new();
        let mut all = manifests.to_vec();
        if layout.exists() && (layout.is_file() || layout.join("index.json").is_file()) {
            for there in built.take(layout)? {
                if there.annotations.get(REF_NAME).map(String::as_str) == to.name {
                    keep_others(built, built.manifests(&there)?, &mut all);
                } else {
                    listed.push(there);
                }
            }
        }
        let mut combined = combine(built, all)?;
        if let Some(name) = to.name {
            combined.annotations = BTreeMap::from([
                (CONTAINERD_NAME.to_owned(), full_name(name)),
                (REF_NAME.to_owned(), name.to_owned()),
            ]);
        }
        target = combined.clone();
        listed.push(combined);
        listed.sort_by(|one, other| {
            one.annotations
                .get(REF_NAME)
                .cmp(&other.annotations.get(REF_NAME))
        });
        built.export(&listed, layout)?;
    }
    Ok(target)
}

/// Adds the manifests of platforms that were not built now.
fn keep_others(store: &Store, known: Vec<Descriptor>, all: &mut Vec<Descriptor>) {
    for mut manifest in known {
        let Ok(platform) = store.platform_of(&manifest) else {
            continue;
        };
        if all.iter().all(|built| built.platform.as_ref() != Some(&platform)) {
            manifest.platform = Some(platform);
            all.push(manifest.bare());
        }
    }
}

/// One manifest as it is, several as an index, in the order of their platforms.
fn combine(store: &Store, mut manifests: Vec<Descriptor>) -> Result<Descriptor> {
    manifests.sort_by(|one, other| one.platform.cmp(&other.platform));
    match <[Descriptor; 1]>::try_from(manifests) {
        Ok([single]) => Ok(single),
        Err(several) => store.put_document(INDEX, &Index::new(several)),
    }
}

/// The name under which container engines look an image up: with its registry and its tag.
///
/// Source: the reference grammar of the distribution specification, and Docker's defaults for short names.
fn full_name(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    let registry = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let mut full = if registry {
        name.to_owned()
    } else if name.contains('/') {
        format!("docker.io/{name}")
    } else {
        format!("docker.io/library/{name}")
    };
    let last = full.rsplit('/').next().unwrap_or_default();
    if !last.contains([':', '@']) {
        full.push_str(":latest");
    }
    full
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_are_completed_as_engines_do() {
        for (short, full) in [
            ("ping", "docker.io/library/ping:latest"),
            (
                "windowspodfilemount:v1.0.0",
                "docker.io/library/windowspodfilemount:v1.0.0",
            ),
            ("team/ping:1", "docker.io/team/ping:1"),
            ("localhost/ping", "localhost/ping:latest"),
            ("example.com:5000/ping", "example.com:5000/ping:latest"),
        ] {
            assert_eq!(full_name(short), full);
        }
    }
}
