//! A `CertificateSigningRequest`: what is asked of a signer, and what has come of it.
//!
//! It is called after the key that it is for, so that nobody needs to remember what was asked: whoever has the key finds it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::own::authority::SignError;

/// The signer of kubelets' certificates. It signs for nodes alone, and takes it from the subject who is one.
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// What a certificate is used for. Kubelet's signer takes these, in all versions, and no others.
const USAGES: [&str; 3] = ["digital signature", "key encipherment", "server auth"];
/// The longest certificate that is read, in bytes of base64.
const LONGEST: usize = 256 << 10;
/// How much of a signer's own words is told.
const LONGEST_MESSAGE: usize = 400;

/// What has come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is not there: it was never made, or the cluster has tidied it away.
    Missing,
    /// Nobody has approved it.
    Unapproved,
    /// It is approved, and not signed.
    Unsigned,
    /// It was denied, or the signer has failed. Holds why.
    Refused(String),
    /// The certificate, and those between it and its authority, as PEM.
    Issued(String),
}

/// A new key, as PEM.
pub(crate) fn new_key() -> Result<Zeroizing<String>, SignError> {
    let mut key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let pem = Zeroizing::new(key.serialize_pem());
    zeroize::Zeroize::zeroize(&mut key);
    Ok(pem)
}

/// What is asked for, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// For whom: the first is the server's proper name.
    pub(crate) names: &'a [String],
    /// Of whom.
    pub(crate) signer: &'a str,
    /// In seconds. A signer may give less.
    pub(crate) lifetime: i64,
}

impl Wanted<'_> {
    /// The request for that key, under that prefix: its name and the object.
    pub(crate) fn request(&self, prefix: &str, key: &str) -> Result<(String, Value), SignError> {
        let mut key = KeyPair::from_pem(key)?;
        let name = name_of(prefix, key.public_key_raw());
        let mut parameters = CertificateParams::new(self.names)?;
        parameters.distinguished_name = self.subject();
        let request = parameters.serialize_request(&key);
        zeroize::Zeroize::zeroize(&mut key);
        let object = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": name, "labels": crate::own::labels()},
            "spec": {
                "request": STANDARD.encode(request?.pem()?),
                "signerName": self.signer,
                "usages": USAGES,
                "expirationSeconds": self.lifetime.clamp(600, i64::from(i32::MAX)),
            },
        });
        Ok((name, object))
    }

    fn subject(&self) -> DistinguishedName {
        let mut subject = DistinguishedName::new();
        let name = self.names.first().map_or("porthole-webhook", String::as_str);
        if self.signer == KUBELET_SERVING {
            subject.push(DnType::OrganizationName, "system:nodes");
            subject.push(DnType::CommonName, format!("system:node:{name}"));
        } else {
            // A common name has 64 characters at most: RFC 5280, upper bounds.
            subject.push(DnType::CommonName, "porthole-webhook");
        }
        subject
    }
}

fn name_of(prefix: &str, public: &[u8]) -> String {
    let digest = Sha256::digest(public);
    let id = digest
        .iter()
        .take(8)
        .fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    format!("{prefix}-{id:016x}")
}

/// What has come of a request that is there.
pub(crate) fn progress(request: &Value) -> Progress {
    let status = &request["status"];
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let is = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == kind && condition["status"] != "False")
    };
    if let Some(condition) = is("Denied").or_else(|| is("Failed")) {
        let text = |name: &str| condition[name].as_str().unwrap_or_default();
        let kind = text("type").to_lowercase();
        let message: String = text("message")
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .take(LONGEST_MESSAGE)
            .collect();
        return Progress::Refused(format!("it is {kind}: {message} ({})", text("reason")));
    }
    if let Some(certificate) = status["certificate"].as_str().filter(|text| !text.is_empty()) {
        let short = Some(certificate).filter(|text| text.len() <= LONGEST);
        let bytes = short.and_then(|text| STANDARD.decode(text).ok());
        let pem = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        return pem.map_or_else(
            || Progress::Refused("its certificate is no text in base64".to_owned()),
            Progress::Issued,
        );
    }
    if is("Approved").is_some() {
        Progress::Unsigned
    } else {
        Progress::Unapproved
    }
}

/// The request as it is approved.
pub(crate) fn approved(mut request: Value) -> Value {
    let condition = json!({
        "type": "Approved", "status": "True", "reason": "PortholeWebhook",
        "message": "the webhook asks for its own certificate",
    });
    match &mut request["status"]["conditions"] {
        Value::Array(conditions) => conditions.push(condition),
        other => *other = json!([condition]),
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_called_after_its_key_and_asks_as_its_signer_demands() {
        let names = ["webhook.ns.svc".to_owned(), "127.0.0.1".to_owned()];
        let key = new_key().unwrap();
        let wanted = |signer| Wanted {
            names: &names,
            signer,
            lifetime: 60,
        };
        let (name, object) = wanted(KUBELET_SERVING).request("webhook", &key).unwrap();
        let (again, other) = wanted("example.com/serving").request("webhook", &key).unwrap();
        assert_eq!(name, again, "it is found by the key alone");
        assert!(
            name.starts_with("webhook-") && name.len() == "webhook-".len() + 16,
            "{name}"
        );
        assert_ne!(
            name,
            wanted("x/y").request("webhook", &new_key().unwrap()).unwrap().0
        );
        assert_eq!(
            object["spec"]["expirationSeconds"], 600,
            "the server takes no less"
        );
        let text = |object: &Value| {
            let pem = STANDARD
                .decode(object["spec"]["request"].as_str().unwrap())
                .unwrap();
            let pem = String::from_utf8(pem).unwrap();
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            String::from_utf8_lossy(&STANDARD.decode(body).unwrap()).into_owned()
        };
        let node = text(&object);
        for part in ["system:nodes", "system:node:webhook.ns.svc"] {
            assert!(node.contains(part), "{part}");
        }
        assert!(!text(&other).contains("system:node"), "nobody else is a node");
        assert!(text(&other).contains("webhook.ns.svc"));
    }

    #[test]
    fn what_has_come_of_a_request_is_read_from_its_status() {
        let of = |status: Value| progress(&json!({"status": status}));
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "a\nb"});
        assert_eq!(of(json!({})), Progress::Unapproved);
        assert_eq!(
            of(json!({"conditions": 5, "certificate": 7})),
            Progress::Unapproved
        );
        assert_eq!(
            of(json!({"conditions": [condition("Approved", "True")]})),
            Progress::Unsigned
        );
        assert_eq!(
            of(json!({"conditions": [condition("Approved", "True"), condition("Failed", "True")]})),
            Progress::Refused("it is failed: a b (R)".to_owned())
        );
        assert_eq!(
            of(json!({"conditions": [condition("Denied", "True")], "certificate": "QQ=="})),
            Progress::Refused("it is denied: a b (R)".to_owned())
        );
        assert_eq!(
            of(json!({"certificate": "QQ=="})),
            Progress::Issued("A".to_owned())
        );
        assert!(matches!(of(json!({"certificate": "%"})), Progress::Refused(_)));
        let once = approved(json!({"status": {}}));
        assert_eq!(progress(&once), Progress::Unsigned);
        assert_eq!(
            approved(once)["status"]["conditions"].as_array().unwrap().len(),
            2
        );
    }
}
