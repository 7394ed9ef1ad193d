//! The server: connections in, handshakes, limits, and an end that loses nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Version;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use porthole_admission::host_accounts::Mode;
use porthole_cluster::Target;
use rustls::ServerConfig;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::certificate::{CertificateError, Certificates, Files, Reload, provider};
use crate::cluster::Cluster;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::own::{NameError, Own, OwnCertificates, SignError};
use crate::permits::Freshness;
use crate::routes::{Service, held, tell_certificate};

/// Open connections. The next one waits until one of them closes.
const CONNECTIONS: usize = 1024;
/// For a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A connection that asks nothing for so long is closed, at the latest after twice that time. It counts from its beginning, and
/// over HTTP/1.1 from the answer to a request as well: so a head has to come in that time, too.
const SILENCE: Duration = Duration::from_secs(30);
/// Between pings over HTTP/2, and for their answers.
const PING: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 250;
/// Bytes of a connection that are read at once: as many as a TLS record has at most, its head of 5 bytes included (RFC 8446 §5.2).
/// TLS itself reads no more than 4 KiB, and most reviews are longer.
const READ_AT_ONCE: usize = (16 << 10) + 256 + 5;
/// How often the certificate's files are read.
const RELOAD: Duration = Duration::from_secs(1);

/// How the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// For how long new connections are still taken: until everybody has heard that it ends.
    pub delay: Duration,
    /// For how long open requests may go on from then.
    pub limit: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            limit: Duration::from_secs(20),
        }
    }
}

/// Where the server's certificates come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Something else writes them into files.
    Files(Files),
    /// The webhook makes them, and keeps them in a Secret.
    Own(OwnCertificates),
}

/// How the server serves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub listen: SocketAddr,
    /// Its certificates.
    pub certificates: Source,
    /// Whether pods with a gMSA and without a hostname are given a random one.
    pub random_hostname: bool,
    /// The `RuntimeClass`es whose runtime is porthole's.
    pub runtime_classes: Vec<String>,
    /// How strict namespaces are about host accounts whose label does not say.
    pub host_accounts: Mode,
    /// For how long answers of the cluster count.
    pub freshness: Freshness,
    /// How it ends.
    pub drain: Drain,
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Its certificate or key cannot be used.
    #[error("begin to serve")]
    Certificate(#[from] CertificateError),
    /// It cannot make certificates of its own.
    #[error("begin to serve with certificates of its own")]
    Sign(#[from] SignError),
    /// It cannot keep certificates of its own where it should.
    #[error("begin to serve with certificates of its own")]
    Name(#[from] NameError),
    /// It cannot listen.
    #[error("listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system gives it no threads, or no signals.
    #[error("prepare to serve")]
    System(#[source] io::Error),
    /// What has not ended in time when it was to end.
    #[error("end: {0} connections were still open when the time to drain was over")]
    Undrained(usize),
}

/// A server that listens, and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    service: Arc<Service>,
    /// Who keeps the certificates, where they are its own.
    own: Option<Own>,
    drain: Drain,
}

impl Server {
    /// Reads the certificate, or makes one until there is one of its own, and listens.
    ///
    /// # Errors
    /// The certificate or its key cannot be used or made, an object can have no such name, or the address is taken.
    pub async fn bind(settings: Settings, target: Target, log: Log) -> Result<Self, ServeError> {
        let (certificates, own) = match settings.certificates {
            Source::Files(files) => (Certificates::load(files)?, None),
            Source::Own(own) => (own.placeholder()?, Some(own)),
        };
        let certificates = Arc::new(certificates);
        let address = settings.listen;
        let wrong = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let metrics = Arc::new(Metrics::new());
        let cluster = Cluster::new(
            target,
            settings.freshness,
            settings.host_accounts,
            Arc::clone(&metrics),
        );
        let own = own
            .map(|own| Own::new(own, cluster.api(), Arc::clone(&metrics), log.clone()))
            .transpose()?;
        Ok(Self {
            listener,
            address,
            tls: TlsAcceptor::from(Arc::new(tls(&certificates)?)),
            service: Arc::new(Service {
                certificates,
                cluster: Arc::new(cluster),
                metrics,
                log,
                random_hostname: settings.random_hostname,
                runtime_classes: settings.runtime_classes.into(),
                random: provider(),
                draining: AtomicBool::new(false),
                connections: AtomicUsize::new(0),
                held: held(),
                silence: SILENCE,
            }),
            own,
            drain: settings.drain,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end`, and then until nothing is open any more.
    ///
    /// # Errors
    /// Connections were still open when the time to drain was over.
    pub async fn serve(self, end: impl Future<Output = ()>) -> Result<(), ServeError> {
        let log = self.service.log.clone();
        let mut tasks = JoinSet::new();
        self.service.cluster.watch(&log, &mut tasks);
        let certificates = &self.service.certificates;
        let mut own = self.own.map(|own| own.begin(Arc::clone(certificates)));
        log.info(
            "serving",
            &[("address", &self.address), ("version", &crate::VERSION)],
        );
        if own.is_none() {
            tasks.spawn(reload(Arc::clone(&self.service)));
            tell_certificate(&self.service.certificates, &log, "the certificate is in use");
        }

        let graceful = GracefulShutdown::new();
        let open = Arc::new(Semaphore::new(CONNECTIONS));
        let ending = async {
            end.await;
            self.service.draining.store(true, Ordering::SeqCst);
            log.info("ending: new connections are still taken", &[]);
            let leave = async {
                if let Some(own) = &mut own {
                    own.leave().await;
                }
            };
            tokio::join!(leave, sleep(self.drain.delay));
        };
        tokio::pin!(ending);
        loop {
            tokio::select! {
                () = &mut ending => break,
                (socket, permit) = accept(&self.listener, &open, &log) => {
                    let (tls, service) = (self.tls.clone(), Arc::clone(&self.service));
                    tokio::spawn(connection(socket, permit, tls, service, graceful.watcher()));
                }
            }
        }
        drop(self.listener);
        log.info("ending: open requests are answered", &[]);
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        let closed = async {
            graceful.shutdown().await;
            // Those whose handshake was under way, too.
            let _ = open.acquire_many(all).await;
        };
        if timeout(self.drain.limit, closed).await.is_err() {
            let open = CONNECTIONS - open.available_permits();
            return Err(ServeError::Undrained(open));
        }
        log.info("ended", &[]);
        Ok(())
    }
}

fn tls(certificates: &Arc<Certificates>) -> Result<ServerConfig, ServeError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ServeError::System(io::Error::other(error)))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Certificates>::clone(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    open: &Arc<Semaphore>,
    log: &Log,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(open).acquire_owned().await else {
            // It is never closed.
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((socket, _)) => return (socket, permit),
            Err(error) => {
                // Such as too many open files: another connection may close meanwhile.
                log.warn("a connection cannot be taken", &[("reason", &error)]);
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves a connection until it closes.
async fn connection(
    socket: TcpStream,
    permit: OwnedSemaphorePermit,
    tls: TlsAcceptor,
    service: Arc<Service>,
    watcher: Watcher,
) {
    let _permit = permit;
    let _ = socket.set_nodelay(true);
    let socket = BufReader::with_capacity(READ_AT_ONCE, socket);
    // Whoever cannot shake hands, such as a port scanner, is no news.
    let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(socket)).await else {
        return;
    };
    service.connections.fetch_add(1, Ordering::SeqCst);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(LONGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let asked = Arc::new(Asked::default());
    let answer = service_fn(|request| {
        let (service, asked) = (Arc::clone(&service), Arc::clone(&asked));
        asked.begins(request.version());
        async move {
            let answer = service.handle(request).await;
            asked.ends();
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let serving = builder
        .serve_connection(TokioIo::new(stream), answer)
        .into_owned();
    tokio::select! {
        // A connection that breaks is the other side's to tell of.
        _ = watcher.watch(serving) => {}
        () = asked.nothing_for(service.silence) => {}
    }
    service.connections.fetch_sub(1, Ordering::SeqCst);
}

/// What is asked on a connection. A timer of its own for every head would cost more than reading most of them.
#[derive(Default)]
struct Asked {
    /// How often a request has begun or was answered.
    turns: AtomicUsize,
    /// Those that have no answer yet.
    open: AtomicUsize,
    /// Whether it is over HTTP/2, where pings tell whether anybody is there.
    pings: AtomicBool,
}

impl Asked {
    fn begins(&self, version: Version) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        if version > Version::HTTP_11 {
            self.pings.store(true, Ordering::Relaxed);
        }
    }

    fn ends(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Until nothing was asked for so long, or for up to twice as long.
    async fn nothing_for(&self, time: Duration) {
        let mut seen = 0;
        loop {
            sleep(time).await;
            let turns = self.turns.load(Ordering::Relaxed);
            if self.pings.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if turns == seen && self.open.load(Ordering::Relaxed) == 0 {
                return;
            }
            seen = turns;
        }
    }
}

/// Reads the certificate's files again and again.
async fn reload(service: Arc<Service>) {
    loop {
        sleep(RELOAD).await;
        // Two small files.
        match service.certificates.reload() {
            Reload::Same => {}
            Reload::New => {
                service.metrics.reloaded("new");
                tell_certificate(&service.certificates, &service.log, "a new certificate is in use");
            }
            Reload::Kept(error) => {
                service.metrics.reloaded("kept");
                let source = std::error::Error::source(&error).map(ToString::to_string);
                let reason = source.map_or_else(|| error.to_string(), |why| format!("{error}: {why}"));
                service.log.error(
                    "the certificate's files cannot be used; the pair before them stays",
                    &[("reason", &reason)],
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
