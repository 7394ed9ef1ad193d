//! cert-manager's objects, where it makes the certificates.

use serde_json::{Value, json};

use crate::object::{Kind, Object};
use crate::settings::{Certificates, Settings};

/// An authority of the server's own, and a certificate of it.
///
/// The authority's key stays the same when its certificate is renewed, so that certificates of before and after are both
/// trusted by the caBundle of before and after.
pub(crate) fn objects(settings: &Settings) -> Vec<Object> {
    if settings.certificates != Certificates::CertManager {
        return Vec::new();
    }
    let name = &settings.name;
    let (authority, root) = (format!("{name}-ca"), format!("{name}-selfsigned"));
    let issuer = |name: &str, spec: Value| Object::new(Kind::ISSUER, name, settings, json!({"spec": spec}));
    let certificate =
        |name: &str, spec: Value| Object::new(Kind::CERTIFICATE, name, settings, json!({"spec": spec}));
    let host = format!("{name}.{}.svc", settings.namespace);
    vec![
        issuer(&root, json!({"selfSigned": {}})),
        certificate(
            &authority,
            json!({
                "isCA": true, "commonName": authority, "secretName": authority,
                "duration": "87600h", "renewBefore": "8760h",
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
                "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": root},
            }),
        ),
        issuer(&authority, json!({"ca": {"secretName": authority}})),
        certificate(
            name,
            json!({
                "secretName": settings.secret(), "dnsNames": [host, format!("{host}.cluster.local")],
                "duration": "2160h", "renewBefore": "720h", "usages": ["server auth"],
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": authority},
            }),
        ),
    ]
}
