//! One image on one platform, as those who run it see it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oci::{Configuration, Descriptor, Manifest};
use crate::{Digest, Error, Platform, Result};

/// One image on one platform.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it was made for.
    pub platform: Platform,
    /// What it says of its containers.
    pub config: ImageConfig,
    /// Its layers, the lowest first.
    pub layers: Vec<LayerRef>,
}

/// What an image says of the containers made from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageConfig {
    /// Variables in the image's order. An entry without `=` has an empty value.
    pub env: Vec<(String, String)>,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// Further arguments, or the whole command where there is no entrypoint.
    pub cmd: Vec<String>,
    /// The account as written, `None` where the image names none.
    pub user: Option<String>,
    /// The working directory in the image's own spelling (`C:\app` or `/app`).
    pub working_dir: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports such as `8080/tcp`; they bind nothing.
    pub exposed_ports: Vec<String>,
    /// Windows only: the first element of the entrypoint (or of the command) is a command line that is already
    /// escaped, as Docker writes the shell form.
    pub args_escaped: bool,
}

/// A layer by its blob and by what the blob holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerRef {
    /// The blob, compressed or not.
    pub blob: Descriptor,
    /// Digest of the tar archive in it.
    pub diff_id: Digest,
}

impl Image {
    /// An image of a plain directory: no layers, nothing configured.
    #[must_use]
    pub fn bare(platform: Platform) -> Self {
        Self {
            digest: Digest::of(b""),
            platform,
            config: ImageConfig::default(),
            layers: Vec::new(),
        }
    }

    /// Puts a manifest and its configuration together.
    pub(crate) fn new(digest: Digest, manifest: Manifest, configuration: Configuration) -> Result<Self> {
        let diff_ids = configuration.rootfs.diff_ids;
        if diff_ids.len() != manifest.layers.len() {
            return Err(Error::LayerCount {
                digest,
                layers: manifest.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let layers = manifest
            .layers
            .into_iter()
            .zip(diff_ids)
            .map(|(blob, diff_id)| LayerRef { blob, diff_id })
            .collect();
        let container = configuration.config.unwrap_or_default();
        Ok(Self {
            digest,
            platform: Platform {
                os: configuration.os,
                architecture: configuration.architecture,
            },
            config: ImageConfig {
                env: container
                    .env
                    .unwrap_or_default()
                    .into_iter()
                    .map(|variable| match variable.split_once('=') {
                        Some((name, value)) => (name.to_owned(), value.to_owned()),
                        None => (variable, String::new()),
                    })
                    .collect(),
                entrypoint: container.entrypoint.unwrap_or_default(),
                cmd: container.cmd.unwrap_or_default(),
                user: container.user.filter(|user| !user.is_empty()),
                working_dir: container.working_dir.filter(|directory| !directory.is_empty()),
                labels: container.labels.unwrap_or_default(),
                exposed_ports: container.exposed_ports.unwrap_or_default().into_keys().collect(),
                args_escaped: container.args_escaped,
            },
            layers,
        })
    }
}
