//! TLS over a connection, with the name that the kubeconfig says the server has.
//!
//! The HTTP client's own takes the name from the URL, and a client certificate that does not fit its key for granted.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use crate::entrance::Entrance;

/// Speaks TLS where the URL says so.
pub(crate) struct Tls {
    /// To the server.
    config: Option<Arc<ClientConfig>>,
    /// To the proxy.
    to_proxy: Option<Arc<ClientConfig>>,
    /// The server's name, where it is not the one in the URL.
    name: Option<ServerName<'static>>,
}

impl Tls {
    pub(crate) fn of(entrance: &Entrance) -> Self {
        Self {
            config: entrance.tls(),
            to_proxy: entrance.proxy_tls(),
            name: entrance.server_name().cloned(),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Encrypted>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        // A CONNECT proxy is connected to by this same chain: its URL is the server's then, and the configuration has no proxy.
        let (config, name) = match &self.to_proxy {
            Some(config) if details.config.proxy().is_none() => (Some(config), None),
            _ => (self.config.as_ref(), self.name.clone()),
        };
        let config = config.ok_or(Error::Tls("there is no configuration for it"))?;
        let name = match name {
            Some(name) => name,
            None => name_in(details).ok_or(Error::Tls("the server's name is no name of DNS"))?,
        };
        let mut connection = ClientConnection::new(Arc::clone(config), name)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned::new(connection, socket);
        Ok(Some(Either::B(Encrypted { buffers, stream })))
    }
}

/// Goes by a proxy, and tells what goes wrong with the proxy from what goes wrong with the server.
#[derive(Debug, Default)]
pub(crate) struct ByProxy<C>(C);

/// What goes wrong with a proxy.
#[derive(Debug, thiserror::Error)]
#[error("the proxy: {0}")]
pub(crate) struct ProxyError(pub(crate) Error);

impl<In: Transport, C: Connector<In>> Connector<In> for ByProxy<C> {
    type Out = C::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.0.connect(details, chained);
        connected.map_err(|error| Error::Other(Box::new(ProxyError(error))))
    }
}

/// The name or address in the URL.
fn name_in(details: &ConnectionDetails<'_>) -> Option<ServerName<'static>> {
    let host = details.uri.host()?.trim_matches(['[', ']']);
    ServerName::try_from(host.to_owned()).ok()
}

/// An encrypted connection.
pub(crate) struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
