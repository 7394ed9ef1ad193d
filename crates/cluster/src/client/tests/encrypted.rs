//! Servers with TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name`, and its key.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    pub(super) fn pem_in_base64(&self) -> String {
        in_base64(&self.0.pem())
    }
}

fn in_base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// How a server of that name speaks TLS.
pub(super) fn server_config(authority: &Authority, name: &str, wants_certificate: bool) -> ServerConfig {
    let (certificate, key) = authority.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if wants_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

/// A server called `kubernetes` that wants clients to have a certificate of the authority, and answers one request.
pub(super) fn serve_encrypted(authority: &Authority, wants_certificate: bool) -> String {
    let config = Arc::new(server_config(authority, "kubernetes", wants_certificate));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let mut bytes = Vec::new();
        let mut byte = [0];
        // A client that does not trust this server goes away.
        while !bytes.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => bytes.push(byte[0]),
                _ => return,
            }
        }
        stream.write_all(&ok(r#"{"gitVersion":"v1.37.0"}"#)).unwrap();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    address
}

fn version(address: &str, cluster: &str, user: &str) -> Result<String> {
    Client::within(target(address, cluster, user), SMALL)?.version()
}

#[test]
fn a_server_is_known_by_its_authority_and_by_the_name_that_the_kubeconfig_has() {
    let authority = Authority::new();
    let known = format!(", certificate-authority-data: {}", authority.pem_in_base64());
    let named = format!("{known}, tls-server-name: kubernetes");
    assert_eq!(
        version(&serve_encrypted(&authority, false), &named, "token: t").unwrap(),
        "v1.37.0"
    );
    for (cluster, why) in [
        (known.clone(), "not valid for name"),
        (format!("{known}, tls-server-name: other"), "not valid for name"),
        (
            format!(
                ", tls-server-name: kubernetes, certificate-authority-data: {}",
                Authority::new().pem_in_base64()
            ),
            "the server's certificate is not trusted: ",
        ),
    ] {
        let error = version(&serve_encrypted(&authority, false), &cluster, "").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the server's certificate is not trusted"),
            "{error}"
        );
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.help().unwrap().contains("tls-server-name"), "{error}");
    }
    let unverified = ", insecure-skip-tls-verify: true";
    assert_eq!(
        version(&serve_encrypted(&authority, false), unverified, "").unwrap(),
        "v1.37.0"
    );
}

#[test]
fn a_client_certificate_says_who_one_is() {
    let authority = Authority::new();
    let cluster = format!(
        ", tls-server-name: kubernetes, certificate-authority-data: {}",
        authority.pem_in_base64()
    );
    let (certificate, key) = authority.issue("me", ExtendedKeyUsagePurpose::ClientAuth);
    let user = |certificate: &str, key: &str| {
        format!(
            "client-certificate-data: {}, client-key-data: {}",
            in_base64(certificate),
            in_base64(key)
        )
    };
    let good = user(&certificate.pem(), &key.serialize_pem());
    assert_eq!(
        version(&serve_encrypted(&authority, true), &cluster, &good).unwrap(),
        "v1.37.0"
    );
    let error = version(&serve_encrypted(&authority, true), &cluster, "").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the server does not take the client certificate"),
        "{error}"
    );
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (user, wanted) in [
        (
            user(&certificate.pem(), &other),
            "its client certificate cannot be used: ",
        ),
        (user(&certificate.pem(), "hunter2"), "is no private key in PEM"),
        (
            user("hunter2", &other),
            "its client certificate is no certificate in PEM",
        ),
    ] {
        let said = version("https://127.0.0.1:1", &cluster, &user)
            .unwrap_err()
            .to_string();
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn an_authority_that_is_none_is_told_before_anything_is_sent() {
    for (cluster, wanted) in [
        (
            format!(", certificate-authority-data: {}", in_base64("hunter2")),
            "has no certificate that can be trusted",
        ),
        (
            ", certificate-authority: /nonexistent/ca.crt".to_owned(),
            // On Windows with a drive before it.
            "/nonexistent/ca.crt",
        ),
        (
            ", tls-server-name: 'not a name'".to_owned(),
            "its tls-server-name is no name of DNS",
        ),
    ] {
        let said = version("https://127.0.0.1:1", &cluster, "")
            .unwrap_err()
            .to_string();
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}
