//! The cluster that is asked: where it is, whom to trust, and who one is to it.

use std::io;

use ureq::http::Uri;

use crate::error::{Error, Result};
use crate::kubeconfig::{Cluster, Context, Kubeconfig, Material, User};
use crate::places::Places;
use crate::proxy::Proxy;
use crate::secret::Secret;

/// The longest file with the name of a namespace that is read, in bytes.
const LONGEST_NAME: u64 = 4096;

/// A cluster that can be asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where this comes from, in words.
    origin: String,
    pub(crate) cluster_name: String,
    pub(crate) user_name: String,
    /// `https://host:port` and the beginning of every path.
    pub(crate) server: String,
    pub(crate) cluster: Cluster,
    pub(crate) user: User,
    namespace: Option<String>,
    is_of_pod: bool,
}

impl Target {
    /// The cluster of a context: of the one that is named, else of the current one; else the one that this process is a pod
    /// of.
    ///
    /// # Errors
    /// There is no kubeconfig or it is none, the context is not there, or what it leads to cannot be used.
    pub fn find(places: &Places, context: Option<&str>) -> Result<Self> {
        let config = Kubeconfig::load(places)?;
        if config.is_empty() && context.is_none() && places.named.is_none() {
            return if places.is_in_cluster() {
                Self::of_pod(places)
            } else {
                Err(Error::NoKubeconfig {
                    looked: places.looked(),
                })
            };
        }
        Self::of_context(&config, context)
    }

    /// The cluster of a context: of the one that is named, else of the current one.
    ///
    /// # Errors
    /// The context is not there, or what it leads to cannot be used.
    pub fn of_context(config: &Kubeconfig, named: Option<&str>) -> Result<Self> {
        let known = || {
            let contexts: Vec<&str> = config.contexts().collect();
            match contexts.as_slice() {
                [] => "the kubeconfig has no contexts".to_owned(),
                contexts => format!("the kubeconfig has {}", contexts.join(", ")),
            }
        };
        let lacking = |reason: String, help: String| Error::Context { reason, help };
        let Some(name) = named.or(config.current_context()) else {
            let reason = "the kubeconfig has no current context".to_owned();
            return Err(lacking(reason, format!("name one with --context; {}", known())));
        };
        let Some(context) = config.contexts.get(name) else {
            return Err(lacking(format!("there is no context \"{name}\""), known()));
        };
        let Context { cluster, user, .. } = context;
        let of_context = |what: &str, missing: &str| {
            lacking(
                format!(
                    "the context \"{name}\" names the {what} \"{missing}\", which the kubeconfig does not have"
                ),
                "mend the kubeconfig, or name another context with --context".to_owned(),
            )
        };
        let Some(found) = config.clusters.get(cluster) else {
            return Err(of_context("cluster", cluster));
        };
        let known_user = config.users.get(user);
        if known_user.is_none() && !user.is_empty() {
            return Err(of_context("user", user));
        }
        let target = Self {
            origin: format!("context \"{name}\""),
            cluster_name: cluster.clone(),
            user_name: user.clone(),
            server: String::new(),
            cluster: found.clone(),
            user: known_user.cloned().unwrap_or_default(),
            namespace: context.namespace.clone(),
            is_of_pod: false,
        };
        target.checked()
    }

    /// The cluster that this process is a pod of.
    fn of_pod(places: &Places) -> Result<Self> {
        let (host, port) = places.service.clone().unwrap_or_default();
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        let path = places.account_file("namespace");
        let what = "the pod's namespace";
        let namespace = Secret::read(&path, what, LONGEST_NAME)?;
        let namespace = std::str::from_utf8(namespace.expose()).map_err(|error| Error::Read {
            what,
            path,
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        let target = Self {
            origin: "the pod's own cluster".to_owned(),
            cluster_name: "of the pod".to_owned(),
            user_name: "of the pod".to_owned(),
            server: String::new(),
            cluster: Cluster {
                server: format!("https://{host}:{port}"),
                authority: Material::File(places.account_file("ca.crt")),
                ..Cluster::default()
            },
            user: User {
                token_file: Some(places.account_file("token")),
                ..User::default()
            },
            namespace: Some(namespace.trim().to_owned()).filter(|name| !name.is_empty()),
            is_of_pod: true,
        };
        target.checked()
    }

    /// Where this comes from: `context "a"`, or the pod's own cluster.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether it is the cluster that this process is a pod of.
    pub(crate) const fn is_of_pod(&self) -> bool {
        self.is_of_pod
    }

    /// The namespace of whoever names none.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// A setting of the cluster that cannot be used.
    pub(crate) fn of_cluster(&self, reason: impl Into<String>) -> Error {
        Error::Setting {
            of: format!("the cluster \"{}\"", self.cluster_name),
            reason: reason.into(),
        }
    }

    /// A setting of the user that cannot be used.
    pub(crate) fn of_user(&self, reason: impl Into<String>) -> Error {
        Error::Setting {
            of: format!("the user \"{}\"", self.user_name),
            reason: reason.into(),
        }
    }

    /// The same, where everything that is set means something.
    fn checked(mut self) -> Result<Self> {
        self.server = self.address()?;
        let Cluster {
            is_unverified,
            authority,
            proxy,
            ..
        } = &self.cluster;
        if *is_unverified && authority.is_some() {
            return Err(self.of_cluster(
                "it has a certificate-authority and insecure-skip-tls-verify, of which only one makes sense",
            ));
        }
        if proxy.is_some() {
            Proxy::of(&self)?;
        }
        let user = &self.user;
        if let Some(provider) = &user.auth_provider {
            return Err(self.of_user(format!(
                "its auth-provider \"{provider}\" is gone from Kubernetes since 1.26; it needs a credential plug-in (exec)"
            )));
        }
        if user.token.is_some() && user.basic.is_some() {
            return Err(self.of_user("it has a token and a password, of which only one is allowed"));
        }
        if user.certificate.is_some() != user.key.is_some() {
            return Err(self.of_user("of client-certificate and client-key it has one without the other"));
        }
        let impersonation = &user.impersonation;
        let as_more = impersonation.uid.is_some()
            || !impersonation.groups.is_empty()
            || !impersonation.extra.is_empty();
        if impersonation.user.is_none() && as_more {
            return Err(self.of_user("it has as-uid, as-groups or as-user-extra, and no `as`"));
        }
        Ok(self)
    }

    /// The server's address without a slash at its end.
    fn address(&self) -> Result<String> {
        let wrong = |reason: &str| Err(self.of_cluster(format!("its server {reason}")));
        let server = self.cluster.server.as_str();
        if server.is_empty() {
            return wrong("is not set");
        }
        let Ok(uri) = server.parse::<Uri>() else {
            return wrong("is no URL");
        };
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return wrong("is no URL; write it as https://HOST:PORT");
        };
        if authority.as_str().contains('@') {
            return wrong("has a user in its URL, where no API server looks for one");
        }
        if uri.query().is_some() {
            return wrong("has a query in its URL");
        }
        let host = authority.host().trim_matches(['[', ']']);
        let is_local = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let scheme = match uri.scheme_str() {
            Some("https") => "https",
            Some("http") if is_local => "http",
            Some("http") => return wrong("is not encrypted (http://) and not this machine"),
            _ => return wrong("is at neither https:// nor http://"),
        };
        Ok(format!(
            "{scheme}://{authority}{}",
            uri.path().trim_end_matches('/')
        ))
    }

    /// Whether the server is spoken to by TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.server.starts_with("https://")
    }
}
