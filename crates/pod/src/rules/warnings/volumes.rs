//! Warnings about types of volumes, and about the sizes of the claims that volumes make.

use super::{DEPRECATED_VOLUME, claim, warn};
use crate::rules::volumes;
use crate::validate::Pass;

/// What is said of a type of volume in the version.
fn deprecation(pass: &Pass<'_>, key: &str) -> Option<&'static str> {
    let message = match key {
        "photonPersistentDisk" => "deprecated in v1.11, non-functional in v1.16+",
        "gitRepo" if pass.at_least(33) && !pass.enabled("GitRepoVolumeDriver") => {
            "deprecated in v1.11, and disabled by default in v1.33+"
        }
        "gitRepo" => "deprecated in v1.11",
        "scaleIO" => "deprecated in v1.16, non-functional in v1.22+",
        "flocker" | "storageos" | "quobyte" if pass.at_least(27) => {
            "deprecated in v1.22, non-functional in v1.25+"
        }
        "flocker" | "storageos" | "quobyte" => "deprecated in v1.22, support removal is planned in v1.26",
        "glusterfs" if pass.at_least(27) => "deprecated in v1.25, non-functional in v1.26+",
        "glusterfs" if pass.at_least(25) => {
            "deprecated in v1.25, this feature will be removed soon after in a subsequent release"
        }
        "cephfs" | "rbd" if pass.at_least(28) => "deprecated in v1.28, non-functional in v1.31+",
        _ => return None,
    };
    Some(message)
}

pub(super) fn check(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    for (index, volume) in volumes::of(pass, pass.spec) {
        let path = list.index(index);
        // A volume that is taken has one type.
        for entry in volume.entries().filter(|entry| !entry.value.is_null()) {
            let key = entry.key.key_text();
            if let Some(message) = deprecation(pass, &key) {
                // The API server spells one of them otherwise than the manifest.
                let name = if key == "storageos" { "storageOS" } else { &*key };
                warn(
                    pass,
                    &DEPRECATED_VOLUME,
                    &path.child(name),
                    message,
                    entry.value.span(),
                );
            }
        }
        let template = volume.child("ephemeral").child("volumeClaimTemplate");
        if pass.at_least(26) && template.is_mapping() {
            let path = path.child("ephemeral");
            let path = path.child("volumeClaimTemplate");
            claim::check_spec(pass, template.child("spec"), &path.child("spec"));
        }
    }
}
