//! `.porthole.yaml`: what is asked of which files, beside them.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use porthole_pod::{Containerd, Version};
use serde::Deserialize;

use super::FailOn;
use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// The name of the file.
const NAME: &str = ".porthole.yaml";

/// What a settings file says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Written {
    fail_on: Option<FailOn>,
    /// Files of directories that are left out.
    exclude: Vec<String>,
    kubernetes_version: Option<String>,
    kubelet_version: Option<String>,
    containerd: Option<String>,
    disallow_privileged: Option<bool>,
    namespace: Option<String>,
    ignore: Vec<String>,
    /// For some files, what differs.
    paths: Vec<OfPaths>,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) kubernetes_version: Option<String>,
    pub(super) kubelet_version: Option<String>,
    pub(super) containerd: Option<String>,
    pub(super) disallow_privileged: Option<bool>,
    pub(super) namespace: Option<String>,
    /// Rules that nobody wants to hear of.
    pub(super) ignore: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OfPaths {
    /// Globs, from the settings file's directory.
    files: Vec<String>,
    kubernetes_version: Option<String>,
    kubelet_version: Option<String>,
    containerd: Option<String>,
    disallow_privileged: Option<bool>,
    namespace: Option<String>,
    ignore: Vec<String>,
}

/// A settings file, read.
#[derive(Debug, Default)]
pub(super) struct Config {
    directory: PathBuf,
    pub(super) fail_on: Option<FailOn>,
    exclude: GlobSet,
    asked: Asked,
    paths: Vec<(GlobSet, Asked)>,
}

impl Config {
    /// The settings file that is named, else the one of this directory or of the nearest above it; else nothing.
    ///
    /// # Errors
    /// It cannot be read, or says something that is no setting.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let path = match named {
            Some(path) => Some(path.to_owned()),
            None => std::env::current_dir().ok().and_then(|directory| {
                directory
                    .ancestors()
                    .map(|above| above.join(NAME))
                    .find(|path| path.is_file())
            }),
        };
        match path {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let doing = || format!("read the settings `{}`", path.display());
        let text = std::fs::read_to_string(path).attempt(exit::UNASKED, doing)?;
        let written: Written = if text.trim().is_empty() {
            Written::default()
        } else {
            serde_saphyr::from_str(&text).attempt(exit::UNASKED, doing)?
        };
        let directory = std::path::absolute(path).attempt(exit::UNASKED, doing)?;
        let directory = directory.parent().unwrap_or(Path::new("/")).to_owned();
        let globs = |patterns: &[String]| globs(patterns).attempt(exit::UNASKED, doing);
        let mut paths = Vec::new();
        for of in written.paths {
            let asked = Asked {
                kubernetes_version: of.kubernetes_version,
                kubelet_version: of.kubelet_version,
                containerd: of.containerd,
                disallow_privileged: of.disallow_privileged,
                namespace: of.namespace,
                ignore: of.ignore,
            };
            check(&asked).map_err(|error| Failure::unasked(format!("{}: {error}", doing())))?;
            paths.push((globs(&of.files)?, asked));
        }
        let asked = Asked {
            kubernetes_version: written.kubernetes_version,
            kubelet_version: written.kubelet_version,
            containerd: written.containerd,
            disallow_privileged: written.disallow_privileged,
            namespace: written.namespace,
            ignore: written.ignore,
        };
        check(&asked).map_err(|error| Failure::unasked(format!("{}: {error}", doing())))?;
        Ok(Self {
            exclude: globs(&written.exclude)?,
            directory,
            fail_on: written.fail_on,
            asked,
            paths,
        })
    }

    /// What is asked of files that no entry matches.
    pub(super) const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What is asked of a file: of several entries that match it, a later one goes before.
    pub(super) fn asked_of(&self, name: &str) -> Asked {
        let mut asked = self.asked.clone();
        let relative = self.relative(Path::new(name));
        for (files, other) in &self.paths {
            if files.is_match(&relative) {
                asked.kubernetes_version = other.kubernetes_version.clone().or(asked.kubernetes_version);
                asked.kubelet_version = other.kubelet_version.clone().or(asked.kubelet_version);
                asked.containerd = other.containerd.clone().or(asked.containerd);
                asked.disallow_privileged = other.disallow_privileged.or(asked.disallow_privileged);
                asked.namespace = other.namespace.clone().or(asked.namespace);
                asked.ignore.extend(other.ignore.iter().cloned());
            }
        }
        asked
    }

    /// Whether a file that a directory holds is left out.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        !self.exclude.is_empty() && self.exclude.is_match(self.relative(path))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute
            .strip_prefix(&self.directory)
            .map(Path::to_owned)
            .unwrap_or(absolute)
    }
}

/// Whether every value means something: a misspelt rule would be ignored in silence.
fn check(asked: &Asked) -> Result<(), String> {
    for version in asked.kubernetes_version.iter().chain(&asked.kubelet_version) {
        version.parse::<Version>().map_err(|error| error.to_string())?;
    }
    if let Some(release) = &asked.containerd {
        release.parse::<Containerd>().map_err(|error| error.to_string())?;
    }
    match asked
        .ignore
        .iter()
        .find(|name| !porthole_check::rules().any(|rule| rule.name == *name))
    {
        Some(name) => Err(format!("there is no rule `{name}`; `porthole rule` lists them")),
        None => Ok(()),
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern)?);
    }
    set.build()
}
