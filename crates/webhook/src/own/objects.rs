//! The objects of the cluster that certificates of our own need: a Secret, a Lease, and two webhook configurations.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_cluster::Resource;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::OwnCertificates;
use super::contents::{Object, authorities};
use crate::api::{Api, ApiError, JSON};

/// The longest object that is read.
const LONGEST: usize = 4 << 20;
/// The most entries of a configuration.
const MOST: usize = 1000;

const SECRETS: Resource<'_> = Resource::new("v1", "Secret", "secrets");
const LEASES: Resource<'_> = Resource::new("coordination.k8s.io/v1", "Lease", "leases");
const REQUESTS: Resource<'_> = Resource::new(
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
);
/// Those whose caBundle is written.
const CONFIGURATIONS: [Resource<'_>; 2] = [
    Resource::new(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    Resource::new(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
];

/// A name that no object of its kind can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} can be called {name:?} in the namespace {namespace:?}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    namespace: String,
}

/// One of them: where all are, and where it is.
struct Place {
    all: String,
    one: String,
}

impl Place {
    fn of(resource: Resource<'static>, namespace: Option<&str>, name: &str) -> Result<Self, NameError> {
        let one = resource.path_of(namespace, name).ok_or_else(|| NameError {
            kind: resource.kind,
            name: name.to_owned(),
            namespace: namespace.unwrap_or_default().to_owned(),
        })?;
        Ok(Self {
            all: resource.path(namespace),
            one,
        })
    }
}

/// A webhook configuration.
pub(crate) struct Configuration {
    pub(crate) kind: &'static str,
    path: String,
    entries: Vec<Entry>,
}

/// An entry of a webhook configuration.
struct Entry {
    name: String,
    /// Its caBundle as it stands there.
    bundle: Option<String>,
    /// Whom it trusts; nothing where that is none or cannot be read.
    trusted: Option<Vec<CertificateDer<'static>>>,
}

impl Entry {
    fn read(entry: &Value) -> Self {
        let bundle = entry["clientConfig"]["caBundle"].as_str();
        let trusted = bundle.and_then(|text| {
            let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            authorities(&text)
        });
        Self {
            name: entry["name"].as_str().unwrap_or_default().to_owned(),
            bundle: bundle.map(str::to_owned),
            trusted,
        }
    }
}

impl Configuration {
    fn read(kind: &'static str, path: &str, object: &Value) -> Self {
        let entries = object["webhooks"].as_array().into_iter().flatten();
        Self {
            kind,
            path: path.to_owned(),
            entries: entries.take(MOST).map(Entry::read).collect(),
        }
    }

    /// Whom each entry trusts.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = Option<Vec<CertificateDer<'static>>>> {
        self.entries.iter().map(|entry| entry.trusted.clone())
    }

    /// What makes every entry trust these authorities and changes nothing else; nothing where all do.
    fn patch(&self, authorities: &[CertificateDer<'static>]) -> Option<Value> {
        let bundle = STANDARD.encode(super::contents::bundle(authorities));
        let mut changes = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.trusted.as_deref() != Some(authorities) {
                let path = format!("/webhooks/{at}/clientConfig/caBundle");
                // Entries may have come and gone since they were read, and another leader may have written this one.
                changes
                    .push(json!({"op": "test", "path": format!("/webhooks/{at}/name"), "value": entry.name}));
                if let Some(bundle) = &entry.bundle {
                    changes.push(json!({"op": "test", "path": path, "value": bundle}));
                }
                changes.push(json!({"op": "add", "path": path, "value": bundle}));
            }
        }
        (!changes.is_empty()).then_some(Value::Array(changes))
    }
}

/// All of them.
pub(crate) struct Objects {
    api: Arc<Api>,
    secret: Place,
    lease: Place,
    configurations: Vec<(&'static str, String)>,
}

impl Objects {
    pub(crate) fn new(api: Arc<Api>, own: &OwnCertificates) -> Result<Self, NameError> {
        let namespace = Some(own.namespace.as_str());
        let configurations = CONFIGURATIONS.into_iter().map(|resource| {
            let place = Place::of(resource, None, &own.configurations)?;
            Ok((resource.kind, place.one))
        });
        Ok(Self {
            api,
            secret: Place::of(SECRETS, namespace, &own.secret)?,
            lease: Place::of(LEASES, namespace, &own.lease)?,
            configurations: configurations.collect::<Result<_, _>>()?,
        })
    }

    /// The Secret, where there is one.
    pub(crate) async fn secret(&self) -> Result<Option<Object>, ApiError> {
        let found = absent(self.api.get(&self.secret.one, JSON, LONGEST).await)?;
        Ok(found.map(Object))
    }

    /// Creates the Secret, or replaces the one that was read and no other.
    pub(crate) async fn write_secret(&self, secret: &Object) -> Result<(), ApiError> {
        self.write(&self.secret, &secret.0).await.map(Object).map(drop)
    }

    /// The Lease, where there is one.
    pub(crate) async fn lease(&self) -> Result<Option<Value>, ApiError> {
        absent(self.api.get(&self.lease.one, JSON, LONGEST).await)
    }

    /// Creates the Lease, or replaces the one that was read and no other.
    pub(crate) async fn write_lease(&self, lease: &Value) -> Result<Value, ApiError> {
        self.write(&self.lease, lease).await
    }

    async fn write(&self, place: &Place, object: &Value) -> Result<Value, ApiError> {
        if object["metadata"]["resourceVersion"].is_string() {
            self.api.put(&place.one, object).await
        } else {
            self.api.post(&place.all, object).await
        }
    }

    /// A request for a certificate, where there is one.
    pub(crate) async fn request(&self, name: &str) -> Result<Option<Value>, ApiError> {
        absent(self.api.get(&request_path(name), JSON, LONGEST).await)
    }

    /// Asks for a certificate.
    pub(crate) async fn ask(&self, request: &Value) -> Result<(), ApiError> {
        self.api.post(&REQUESTS.path(None), request).await.map(drop)
    }

    /// Approves a request that was read, and no other.
    pub(crate) async fn approve(&self, name: &str, request: &Value) -> Result<(), ApiError> {
        let path = format!("{}/approval", request_path(name));
        self.api.put(&path, request).await.map(drop)
    }

    /// The configurations that are there.
    pub(crate) async fn configurations(&self) -> Result<Vec<Configuration>, ApiError> {
        let mut found = Vec::new();
        for (kind, path) in &self.configurations {
            if let Some(object) = absent(self.api.get(path, JSON, LONGEST).await)? {
                found.push(Configuration::read(kind, path, &object));
            }
        }
        Ok(found)
    }

    /// Makes every entry of a configuration trust these authorities. Whether one did not.
    pub(crate) async fn mend(
        &self,
        configuration: &Configuration,
        authorities: &[CertificateDer<'static>],
    ) -> Result<bool, ApiError> {
        let Some(changes) = configuration.patch(authorities) else {
            return Ok(false);
        };
        let path = format!("{}?fieldManager={}", configuration.path, super::MANAGER);
        self.api.patch(&path, &changes).await.map(|_| true)
    }
}

/// Where a request is: its name is a Secret's, and hexadecimal digits.
fn request_path(name: &str) -> String {
    format!("{}/{name}", REQUESTS.path(None))
}

/// An object that is not there is no failure.
fn absent(found: Result<Value, ApiError>) -> Result<Option<Value>, ApiError> {
    match found {
        Ok(object) => Ok(Some(object)),
        Err(ApiError::Status { code: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::authority::Authority;
    use crate::own::contents::bundle;

    #[test]
    fn a_patch_touches_the_bundles_that_differ_and_nothing_else() {
        let authority = Authority::make(1_800_000_000, 10).unwrap();
        let wanted = [authority.certificate().clone()];
        let right = STANDARD.encode(bundle(&wanted));
        let configuration = json!({"webhooks": [
            {"name": "a", "clientConfig": {"caBundle": right, "url": "https://x"}},
            {"name": "b", "clientConfig": {"service": {}}},
            {"name": "c", "clientConfig": {"caBundle": "bm8gUEVN"}},
            {"name": "d", "clientConfig": {"caBundle": "%"}},
        ]});
        let read = Configuration::read("K", "/p", &configuration);
        assert_eq!(
            read.patch(&wanted),
            Some(json!([
                {"op": "test", "path": "/webhooks/1/name", "value": "b"},
                {"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": right},
                {"op": "test", "path": "/webhooks/2/name", "value": "c"},
                {"op": "test", "path": "/webhooks/2/clientConfig/caBundle", "value": "bm8gUEVN"},
                {"op": "add", "path": "/webhooks/2/clientConfig/caBundle", "value": right},
                {"op": "test", "path": "/webhooks/3/name", "value": "d"},
                {"op": "test", "path": "/webhooks/3/clientConfig/caBundle", "value": "%"},
                {"op": "add", "path": "/webhooks/3/clientConfig/caBundle", "value": right},
            ]))
        );
        for none in [
            json!({}),
            json!({"webhooks": []}),
            json!({"webhooks": [configuration["webhooks"][0]]}),
        ] {
            assert_eq!(
                Configuration::read("K", "/p", &none).patch(&wanted),
                None,
                "{none}"
            );
        }
    }
}
