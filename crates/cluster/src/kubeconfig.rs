//! Kubeconfigs: which clusters there are, and who one is to them.
//!
//! Several files are merged as kubectl does it: of clusters, users and contexts of one name, and of `current-context`, the
//! first file's counts. Paths begin where their file is.

mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::error::Result;
use crate::places::Places;
use crate::secret::Secret;

/// What kubeconfigs say.
#[derive(Debug, Default)]
pub struct Kubeconfig {
    pub(crate) current_context: Option<String>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) server: String,
    pub(crate) tls_server_name: Option<String>,
    pub(crate) is_unverified: bool,
    pub(crate) authority: Material,
    /// It may hold a password.
    pub(crate) proxy: Option<Secret>,
    /// What a credential plug-in is told beside the rest.
    pub(crate) for_plugins: Option<Value>,
}

/// A file, or what would be in it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Material {
    #[default]
    None,
    File(PathBuf),
    Data(Secret),
}

impl Material {
    pub(crate) const fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Who one is.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) certificate: Material,
    pub(crate) key: Material,
    pub(crate) token: Option<Secret>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) basic: Option<(String, Secret)>,
    pub(crate) plugin: Option<Plugin>,
    /// A way of logging in that Kubernetes 1.26 has given up.
    pub(crate) auth_provider: Option<String>,
    pub(crate) impersonation: Impersonation,
}

/// As whom one acts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Impersonation {
    pub(crate) user: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
}

/// A program that says who one is.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub(crate) api_version: String,
    pub(crate) command: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) hint: Option<String>,
    /// Whether it is told about the cluster.
    pub(crate) knows_cluster: bool,
    pub(crate) interaction: Interaction,
}

/// Whether a plug-in may ask whoever sits at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interaction {
    Never,
    IfAvailable,
    Always,
}

/// A cluster and a user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) cluster: String,
    pub(crate) user: String,
    pub(crate) namespace: Option<String>,
}

impl Kubeconfig {
    /// Reads the files of `places` and merges them. Those that `KUBECONFIG` lists, and the one at home, need not be there.
    ///
    /// # Errors
    /// A file cannot be read, is too long, or is no kubeconfig.
    pub fn load(places: &Places) -> Result<Self> {
        let (files, needed) = places.files();
        let mut merged = Self::default();
        for file in &files {
            if let Some(read) = read::file(file, needed)? {
                merged.merge(read);
            }
        }
        Ok(merged)
    }

    /// The context that is chosen where nobody names one.
    #[must_use]
    pub fn current_context(&self) -> Option<&str> {
        self.current_context.as_deref()
    }

    /// The names of its contexts.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.contexts.keys().map(String::as_str)
    }

    /// Whether it says nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.current_context.is_none()
            && self.clusters.is_empty()
            && self.users.is_empty()
            && self.contexts.is_empty()
    }

    /// Adds what a later file says and no earlier one does.
    fn merge(&mut self, later: Self) {
        self.current_context = self.current_context.take().or(later.current_context);
        add(&mut self.clusters, later.clusters);
        add(&mut self.users, later.users);
        add(&mut self.contexts, later.contexts);
    }
}

fn add<T>(to: &mut BTreeMap<String, T>, later: BTreeMap<String, T>) {
    for (name, value) in later {
        to.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests;
