//! Whom to trust, and the certificate that says who one is.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::credential::Credential;
use crate::error::Result;
use crate::kubeconfig::Material;
use crate::secret::Secret;
use crate::target::Target;

/// The longest file of certificates or keys that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// What is given or in the file that is named; nothing where neither is.
pub(crate) fn bytes_of(material: &Material, what: &'static str) -> Result<Secret> {
    match material {
        Material::None => Ok(Secret::new(Vec::new())),
        Material::Data(data) => Ok(data.clone()),
        Material::File(path) => Secret::read(path, what, LONGEST),
    }
}

/// Certificates as a credential plug-in is told of them.
pub(crate) fn base64_of(authority: &Material) -> Result<String> {
    Ok(STANDARD.encode(bytes_of(authority, "the certificate authority")?.expose()))
}

/// How TLS is spoken to a target by whoever has this credential.
pub(crate) fn config(target: &Target, credential: &Credential) -> Result<ClientConfig> {
    let builder = trusting(target, roots)?;
    let Some((certificate, key)) = &credential.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let certificates = certificates(certificate.expose())
        .filter(|found| !found.is_empty())
        .ok_or_else(|| target.of_user("its client certificate is no certificate in PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose())
        .map_err(|_| target.of_user("the key of its client certificate is no private key in PEM"))?;
    // The reason names kinds and mismatches, and no key.
    builder
        .with_client_auth_cert(certificates, key)
        .map_err(|error| target.of_user(format!("its client certificate cannot be used: {error}")))
}

/// How TLS is spoken to a proxy at `https://`: it may have its certificate from the target's authority, as client-go wants it, or
/// from one that this system trusts. Where the server may be anyone (`insecure-skip-tls-verify`), the proxy may, too.
pub(crate) fn to_proxy(target: &Target) -> Result<ClientConfig> {
    let known = |target: &Target| {
        let mut known = RootCertStore::empty();
        known.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if target.cluster.authority.is_some() || known.is_empty() {
            known.extend(roots(target)?.roots);
        }
        Ok(known)
    };
    Ok(trusting(target, known)?.with_no_client_auth())
}

/// The beginning of a configuration that trusts these authorities, or anyone where the kubeconfig says so.
fn trusting(
    target: &Target,
    roots: impl FnOnce(&Target) -> Result<RootCertStore>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| target.of_cluster(error.to_string()))?;
    Ok(if target.cluster.is_unverified {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else {
        builder.with_root_certificates(roots(target)?)
    })
}

/// The authorities that the target names, else those of this system.
fn roots(target: &Target) -> Result<RootCertStore> {
    let found = if target.cluster.authority.is_some() {
        let bytes = bytes_of(&target.cluster.authority, "the certificate authority")?;
        certificates(bytes.expose())
            .ok_or_else(|| target.of_cluster("its certificate authority is no certificate in PEM"))?
    } else {
        rustls_native_certs::load_native_certs().certs
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found);
    if roots.is_empty() {
        return Err(target.of_cluster(if target.cluster.authority.is_some() {
            "its certificate authority has no certificate that can be trusted"
        } else {
            "it names no certificate authority, and this system has none"
        }));
    }
    Ok(roots)
}

/// The certificates of a text in PEM; nothing where it is broken.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()
}

/// Takes every server for the right one (`insecure-skip-tls-verify`).
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
