//! `.porthole.yaml`: what is asked of which files, beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use porthole_check::HostAccounts;
use porthole_pod::pod_security::LevelVersion;
use porthole_pod::{Containerd, Version};
use serde::Deserialize;

use super::FailOn;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::intake;

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
    feature_gates: BTreeMap<String, bool>,
    host_accounts: Option<String>,
    pod_security: Option<String>,
    /// A file, from the settings file's directory.
    pod_security_config: Option<PathBuf>,
    /// For some files, what differs.
    paths: Vec<OfPaths>,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(super) kubernetes_version: Option<String>,
    pub(super) kubelet_version: Option<String>,
    pub(super) containerd: Option<String>,
    pub(super) disallow_privileged: Option<bool>,
    pub(super) namespace: Option<String>,
    /// Rules that nobody wants to hear of.
    pub(super) ignore: Vec<String>,
    pub(super) feature_gates: BTreeMap<String, bool>,
    pub(super) host_accounts: Option<String>,
    pub(super) pod_security: Option<String>,
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
    feature_gates: BTreeMap<String, bool>,
    host_accounts: Option<String>,
    pod_security: Option<String>,
}

/// A settings file, read.
#[derive(Debug, Default)]
pub(crate) struct Config {
    directory: PathBuf,
    pub(super) fail_on: Option<FailOn>,
    exclude: GlobSet,
    asked: Asked,
    admission: Option<PathBuf>,
    paths: Vec<(GlobSet, Asked)>,
}

impl Asked {
    /// The feature gates, as a component's flag has them.
    pub(super) fn gates(&self) -> String {
        let gates = self.feature_gates.iter();
        let gates: Vec<String> = gates.map(|(name, on)| format!("{name}={on}")).collect();
        gates.join(",")
    }

    /// The same with what `other` says instead.
    fn with(mut self, other: &Self) -> Self {
        self.kubernetes_version = other.kubernetes_version.clone().or(self.kubernetes_version);
        self.kubelet_version = other.kubelet_version.clone().or(self.kubelet_version);
        self.containerd = other.containerd.clone().or(self.containerd);
        self.disallow_privileged = other.disallow_privileged.or(self.disallow_privileged);
        self.namespace = other.namespace.clone().or(self.namespace);
        self.ignore.extend(other.ignore.iter().cloned());
        self.feature_gates
            .extend(other.feature_gates.iter().map(|(name, on)| (name.clone(), *on)));
        self.host_accounts = other.host_accounts.clone().or(self.host_accounts);
        self.pod_security = other.pod_security.clone().or(self.pod_security);
        self
    }
}

/// The settings files of a directory and of all above it, there or not.
fn above(directory: &Path) -> impl Iterator<Item = PathBuf> {
    directory.ancestors().map(|above| above.join(NAME))
}

impl Config {
    /// The settings file that is named, else the one of this directory or of the nearest above it; else nothing.
    ///
    /// # Errors
    /// It cannot be read, or says something that is no setting.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        match (named, std::env::current_dir()) {
            (Some(path), _) => Self::read(path),
            (None, Ok(directory)) => Self::of_directory(&directory),
            (None, Err(_)) => Ok(Self::default()),
        }
    }

    /// The settings file of a directory or of the nearest above it; else nothing.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn of_directory(directory: &Path) -> Result<Self, Failure> {
        match above(directory).find(|path| path.is_file()) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    /// The settings files that may decide: the named one, else those of this directory and of all above it, there or not.
    pub(super) fn candidates(named: Option<&Path>) -> Vec<PathBuf> {
        match (named, std::env::current_dir()) {
            (Some(path), _) => vec![path.to_owned()],
            (None, Ok(directory)) => above(&directory).collect(),
            (None, Err(_)) => Vec::new(),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let doing = || format!("read the settings `{}`", path.display());
        let text = intake::settings(path).attempt(exit::UNASKED, doing)?;
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
                feature_gates: of.feature_gates,
                host_accounts: of.host_accounts,
                pod_security: of.pod_security,
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
            feature_gates: written.feature_gates,
            host_accounts: written.host_accounts,
            pod_security: written.pod_security,
        };
        check(&asked).map_err(|error| Failure::unasked(format!("{}: {error}", doing())))?;
        Ok(Self {
            exclude: globs(&written.exclude)?,
            admission: written.pod_security_config,
            directory,
            fail_on: written.fail_on,
            asked,
            paths,
        })
    }

    /// What is asked of files that no entry matches.
    pub(crate) const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What may be asked: of files that no entry matches, and of those of each entry.
    pub(super) fn every_asked(&self) -> impl Iterator<Item = Asked> {
        let of_paths = self.paths.iter().map(|(_, other)| self.asked.clone().with(other));
        std::iter::once(self.asked.clone()).chain(of_paths)
    }

    /// The file with the configuration of Pod Security.
    pub(super) fn pod_security_config(&self) -> Option<PathBuf> {
        self.admission.as_ref().map(|file| self.directory.join(file))
    }

    /// What is asked of a file: of several entries that match it, a later one goes before.
    pub(crate) fn asked_of(&self, name: &str) -> Asked {
        let mut asked = self.asked.clone();
        let relative = self.relative(Path::new(name));
        for (files, other) in &self.paths {
            if files.is_match(&relative) {
                asked = asked.with(other);
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
    if let Some(mode) = &asked.host_accounts {
        mode.parse::<HostAccounts>()
            .map_err(|error| format!("hostAccounts `{mode}`: {error}"))?;
    }
    if let Some(level) = &asked.pod_security {
        level.parse::<LevelVersion>()?;
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
