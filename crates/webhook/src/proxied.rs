//! The way to the API server by a proxy: CONNECT, or SOCKS 5.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use porthole_cluster::{Entrance, Protocol, Proxy};
use rustls::ClientConfig;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::api::causes;
use crate::connector::{Io, dial, encrypt};

/// How long a proxy may take: less than the whole way may, so that it is the proxy that is told.
const LIMIT: Duration = Duration::from_secs(4);

/// A proxy to go by.
#[derive(Clone)]
pub(crate) struct Way {
    proxy: Proxy,
    /// How TLS is spoken to it, where it is.
    tls: Option<Arc<ClientConfig>>,
}

/// What goes wrong with a proxy.
#[derive(Debug, thiserror::Error)]
#[error("{address}, the proxy: {reason}")]
struct WayError {
    /// Its URL without user and password.
    address: String,
    reason: String,
}

impl Way {
    /// The proxy of an entrance, where there is one.
    pub(crate) fn of(entrance: &Entrance) -> Option<Self> {
        Some(Self {
            proxy: entrance.proxy()?.clone(),
            tls: entrance.proxy_tls(),
        })
    }

    /// A connection to a server, by way of the proxy.
    pub(crate) async fn connect(self, host: &str, port: u16) -> io::Result<Box<dyn Io>> {
        let address = self.proxy.address();
        let connected = timeout(LIMIT, self.through(host, port)).await;
        let connected = connected.unwrap_or_else(|_| Err("it does not answer in time".to_owned()));
        connected.map_err(|reason| io::Error::other(WayError { address, reason }))
    }

    async fn through(self, host: &str, port: u16) -> Result<Box<dyn Io>, String> {
        // In an authority an IPv6 address has brackets, which `host` comes without.
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let server: Uri = authority
            .parse()
            .map_err(|_| "the server's name cannot be asked for".to_owned())?;
        let credentials = self.proxy.credentials();
        let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let is_socks = self.proxy.protocol() == Protocol::Socks5;
        // The connection is made here, where its errors can be told: the tunnel would tell only that it failed.
        let leg = Leg(Some(self.begin().await.map_err(|error| causes(&error))?));
        let proxy = Uri::default();
        let stream = if is_socks {
            let mut socks = SocksV5::new(proxy, leg);
            let has_user = credentials.is_some();
            if let Some((user, password)) = credentials {
                socks = socks.with_auth(user, password);
            }
            socks.call(server).await.map_err(|error| {
                let said = causes(&error);
                // Said also where no user was offered and one is wanted.
                if !has_user && said.ends_with("does not support user/pass authentication") {
                    "it wants a user and a password".to_owned()
                } else {
                    said
                }
            })?
        } else {
            let mut tunnel = Tunnel::new(proxy, leg);
            if let Some((user, password)) = credentials {
                let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
                let value = HeaderValue::try_from(basic).map_err(|error| error.to_string())?;
                tunnel = tunnel.with_auth(value);
            }
            tunnel.call(server).await.map_err(|error| causes(&error))?
        };
        Ok(stream.into_inner())
    }

    /// A connection to the proxy itself.
    async fn begin(self) -> io::Result<Box<dyn Io>> {
        let Self { proxy, tls } = self;
        let socket = dial(proxy.host(), proxy.port()).await?;
        Ok(match tls {
            Some(config) => Box::new(encrypt(config, None, proxy.host(), socket).await?),
            None => Box::new(socket),
        })
    }
}

/// A connection to the proxy, for whoever asks for one first.
struct Leg(Option<Box<dyn Io>>);

impl tower_service::Service<Uri> for Leg {
    type Response = TokioIo<Box<dyn Io>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let stream = self.0.take().map(TokioIo::new);
        ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

#[cfg(test)]
mod tests;
