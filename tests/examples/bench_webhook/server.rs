//! TLS servers of this program: their certificate, and connections to an axum router.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::kubernetes::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Writes an authority, and a certificate and key for 127.0.0.1.
pub(crate) fn certificates(directory: &Path) -> Result<()> {
    let what = "write certificates";
    let authority = Authority::new()?;
    let (certificate, key) = authority.pair(&["127.0.0.1"], 2050)?;
    for (name, text) in [
        ("ca.crt", authority.pem()),
        ("tls.crt", certificate),
        ("tls.key", key),
    ] {
        std::fs::write(directory.join(name), text).doing(what)?;
    }
    Ok(())
}

/// Whoever trusts that authority alone.
pub(crate) fn roots(directory: &Path) -> Result<RootCertStore> {
    let what = "read `ca.crt`";
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(directory.join("ca.crt")).doing(what)?;
    roots.add(certificate).doing(what)?;
    Ok(roots)
}

/// As [`roots`], for single requests.
pub(crate) fn agent(directory: &Path) -> Result<ureq::Agent> {
    let what = "read `ca.crt`";
    let pem = std::fs::read(directory.join("ca.crt")).doing(what)?;
    let tls = porthole_tests::kubernetes::trusting(&pem, what)?;
    Ok(ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(30)))
        .tls_config(tls)
        .build()
        .new_agent())
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").doing("find a free port")?;
    Ok(listener.local_addr().doing("find a free port")?.port())
}

/// Serves for ever, and prints where.
pub(crate) fn serve(directory: &Path, router: Router) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .doing("start threads")?;
    runtime.block_on(accept(directory, router))
}

async fn accept(directory: &Path, router: Router) -> Result<()> {
    let what = "serve";
    let certificate = CertificateDer::from_pem_file(directory.join("tls.crt")).doing(what)?;
    let key = PrivateKeyDer::from_pem_file(directory.join("tls.key")).doing(what)?;
    let mut tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .doing(what)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.doing(what)?;
    println!("{}", listener.local_addr().doing(what)?);
    loop {
        let (socket, _) = listener.accept().await.doing(what)?;
        socket.set_nodelay(true).doing(what)?;
        let acceptor = acceptor.clone();
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let stream = acceptor
                .accept(socket)
                .await
                .map_err(|error| Failure::new(what, error))?;
            hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .map_err(|error| Failure::new(what, error))
        });
    }
}
