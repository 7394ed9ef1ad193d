//! Where kubeconfigs are, and what a pod finds of its own cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where a pod has what its service account needs.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where clusters are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The one file to read, as a flag names it.
    pub named: Option<PathBuf>,
    /// `KUBECONFIG`: files to merge.
    pub listed: Option<OsString>,
    /// The home directory of the user.
    pub home: Option<PathBuf>,
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, in a pod.
    pub service: Option<(String, String)>,
    /// The directory of a pod's token, namespace and certificates.
    pub account: PathBuf,
}

impl Places {
    /// Those of this process; `named` is what a flag names.
    #[must_use]
    pub fn of_environment(named: Option<PathBuf>) -> Self {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            named,
            listed: std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()),
            home: std::env::home_dir(),
            service: text("KUBERNETES_SERVICE_HOST").zip(text("KUBERNETES_SERVICE_PORT")),
            account: PathBuf::from(ACCOUNT),
        }
    }

    /// The files to read, and whether they must be there.
    pub(crate) fn files(&self) -> (Vec<PathBuf>, bool) {
        if let Some(named) = &self.named {
            return (vec![named.clone()], true);
        }
        if let Some(listed) = &self.listed {
            let files = std::env::split_paths(listed).filter(|path| !path.as_os_str().is_empty());
            return (files.collect(), false);
        }
        let of_home = self.home.as_deref().map(|home| home.join(".kube").join("config"));
        (of_home.into_iter().collect(), false)
    }

    /// What was looked for, in words.
    pub(crate) fn looked(&self) -> String {
        let (files, _) = self.files();
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let not_there = match names.as_slice() {
            [] => "KUBECONFIG is not set, and there is no home directory".to_owned(),
            names => format!("{} is not there or empty", names.join(", ")),
        };
        format!("{not_there}; and this is no pod of a cluster")
    }

    /// A file of the pod's service account.
    pub(crate) fn account_file(&self, name: &str) -> PathBuf {
        self.account.join(name)
    }

    /// Whether this process is in a pod that may ask its own cluster.
    pub(crate) fn is_in_cluster(&self) -> bool {
        self.service.is_some() && Path::is_file(&self.account_file("token"))
    }
}
