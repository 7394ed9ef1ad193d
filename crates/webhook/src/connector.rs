//! Connections to the API server: TCP or what a proxy leads on, and TLS over it as the kubeconfig says.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use porthole_cluster::Entrance;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::proxied::Way;

/// For the address, the connection and the handshake together.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects to API servers.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Option<Arc<ClientConfig>>,
    /// The name that the server is verified by, where it is not the one in the address.
    name: Option<ServerName<'static>>,
    /// The proxy to go by, where there is one.
    way: Option<Way>,
}

impl Connector {
    /// Connects as an entrance says.
    pub(crate) fn of(entrance: &Entrance) -> Self {
        Self {
            way: Way::of(entrance),
            ..Self::new(entrance.tls(), entrance.server_name().cloned())
        }
    }

    pub(crate) fn new(tls: Option<Arc<ClientConfig>>, name: Option<ServerName<'static>>) -> Self {
        let tls = tls.map(|config| {
            let mut config = ClientConfig::clone(&config);
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Arc::new(config)
        });
        Self { tls, name, way: None }
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<Stream>> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri
            .port_u16()
            .unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let socket: Box<dyn Io> = if let Some(way) = self.way {
            way.connect(&host, port).await?
        } else {
            Box::new(dial(&host, port).await?)
        };
        let Some(config) = self.tls else {
            return Ok(TokioIo::new(Stream {
                inner: socket,
                is_h2: false,
            }));
        };
        let stream = encrypt(config, self.name, &host, socket).await?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(TokioIo::new(Stream {
            inner: Box::new(stream),
            is_h2,
        }))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let connecting = tokio::time::timeout(LIMIT, connector.connect(uri));
            connecting
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

/// A connection to a host, on which nothing waits for more to send.
pub(crate) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// TLS over a connection, with a server of this name, else of the one in its address.
pub(crate) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    host: &str,
    socket: S,
) -> io::Result<TlsStream<S>> {
    let name = match name {
        Some(name) => name,
        None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
    };
    TlsConnector::from(config).connect(name, socket).await
}

/// What bytes go over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, encrypted or not.
pub(crate) struct Stream {
    inner: Box<dyn Io>,
    is_h2: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        if self.is_h2 {
            Connected::new().negotiated_h2()
        } else {
            Connected::new()
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
