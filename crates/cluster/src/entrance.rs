//! What whoever speaks to a target needs: how TLS is spoken to it, and what says in each request who one is.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::credential::{self, Credential};
use crate::error::{Error, Problem, Result};
use crate::proxy::{Protocol, Proxy};
use crate::resource::encoded;
use crate::target::Target;
use crate::tls;

/// The way into a cluster, for whoever brings a connection. Certificates are read when it is made, and a credential plug-in
/// is asked then: make another one where a server no longer takes it.
#[derive(Debug)]
pub struct Entrance {
    target: Target,
    credential: Credential,
    tls: Option<Arc<ClientConfig>>,
    name: Option<ServerName<'static>>,
    proxy: Option<Proxy>,
    proxy_tls: Option<Arc<ClientConfig>>,
}

impl Entrance {
    /// Finds out who one is, and whom to trust. Nothing is sent; a credential plug-in may run.
    ///
    /// # Errors
    /// A file cannot be read, a plug-in gives no credential, or what the kubeconfig says cannot be used.
    pub fn of(target: &Target) -> Result<Self> {
        let credential = credential::of(target)?;
        let tls = if target.is_encrypted() {
            Some(Arc::new(tls::config(target, &credential)?))
        } else {
            None
        };
        let proxy = Proxy::of(target)?;
        let is_encrypted = |proxy: &Proxy| proxy.protocol() == Protocol::Https;
        let proxy_tls = if proxy.as_ref().is_some_and(is_encrypted) {
            Some(Arc::new(tls::to_proxy(target)?))
        } else {
            None
        };
        Ok(Self {
            proxy,
            proxy_tls,
            name: server_name(target)?,
            target: target.clone(),
            credential,
            tls,
        })
    }

    /// The cluster that it leads to.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// How TLS is spoken; nothing where it is not.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    /// The name that the server is verified by, where it is not the one in its address.
    #[must_use]
    pub const fn server_name(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }

    /// The proxy to go by, where there is one.
    #[must_use]
    pub const fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// How TLS is spoken to a proxy at `https://`; nothing where there is none. It shows the proxy no client certificate.
    #[must_use]
    pub fn proxy_tls(&self) -> Option<Arc<ClientConfig>> {
        self.proxy_tls.clone()
    }

    /// Whether a plug-in has said who one is.
    pub(crate) const fn is_of_plugin(&self) -> bool {
        self.credential.is_of_plugin
    }

    /// The headers of a request that say who one is and as whom one acts. A token in a file is read anew.
    ///
    /// # Errors
    /// The file of the token cannot be read, or what goes into a header has characters that none can have.
    pub fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(value) = credential::authorization(&self.target, &self.credential)? {
            headers.insert(header::AUTHORIZATION, value);
        }
        for (name, value) in impersonation(&self.target)? {
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// What goes wrong with a request to `path`.
pub(crate) fn error(target: &Target, path: &str, problem: Problem) -> Error {
    error_of(target, "read", path, problem)
}

/// The same of another verb.
pub(crate) fn error_of(target: &Target, doing: &str, path: &str, problem: Problem) -> Error {
    let path = path.split('?').next().unwrap_or_default();
    Error::Request {
        doing: format!("{doing} {}{path}", target.server()),
        problem,
    }
}

/// The name by which the kubeconfig says that the server is verified.
pub(crate) fn server_name(target: &Target) -> Result<Option<ServerName<'static>>> {
    let name = target.cluster.tls_server_name.clone();
    name.map(ServerName::try_from)
        .transpose()
        .map_err(|_| target.of_cluster("its tls-server-name is no name of DNS and no address"))
}

/// The headers that say as whom one acts.
fn impersonation(target: &Target) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let as_whom = &target.user.impersonation;
    let named = [
        ("Impersonate-User", &as_whom.user),
        ("Impersonate-Uid", &as_whom.uid),
    ];
    let mut headers: Vec<(String, &str)> = Vec::new();
    headers.extend(
        named
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), value.as_deref()?))),
    );
    headers.extend(
        as_whom
            .groups
            .iter()
            .map(|group| ("Impersonate-Group".to_owned(), group.as_str())),
    );
    let extra = as_whom.extra.iter();
    headers.extend(extra.map(|(key, value)| (format!("Impersonate-Extra-{}", encoded(key)), value.as_str())));
    headers
        .into_iter()
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| target.of_user("what it says of impersonation has characters that no header can have"))
}
