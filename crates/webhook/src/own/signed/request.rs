//! A `CertificateSigningRequest`: what is asked of a signer, and what has come of it.
//!
//! It is called after the key that it is for: whoever has the key finds it. Others can know that name, too, and take it, so what is
//! found is compared with what was asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::certificate::element;
use crate::own::authority::{Key, SignError, pem};

/// The signer of kubelets' certificates. It signs for nodes alone, and takes it from the subject who is one.
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
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
    /// It was denied, the signer has failed, or it is somebody else's. Holds why.
    Refused(String),
    /// The certificate, and those between it and its authority, as PEM.
    Issued(String),
}

/// A key, and what is asked with it.
pub(crate) struct Next {
    /// As PEM.
    pub(crate) key: Zeroizing<String>,
    /// The signed request, as PEM. It is signed once, so that it can be compared: no two signatures are the same.
    pub(crate) request: String,
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
    /// A new key with its request.
    pub(crate) fn begin(&self) -> Result<Next, SignError> {
        let key = Key::generate()?;
        Ok(Next {
            request: pem("CERTIFICATE REQUEST", &self.sign(&key)?),
            key: key.pem(),
        })
    }

    /// The request, under that prefix: its name and the object. None where the key is none, or where the request is not what would
    /// be asked today.
    pub(crate) fn request(&self, prefix: &str, next: &Next) -> Result<(String, Value), SignError> {
        let key = Key::from_pem(&next.key)?;
        let request = CertificateSigningRequestDer::from_pem_slice(next.request.as_bytes())
            .map_err(|_| SignError::new("the request is none in PEM"))?;
        // Names may have changed. And whoever can write the Secret is not to say what is asked for and approved.
        let asked = unsigned(&request);
        if asked.is_none() || asked != unsigned(&self.sign(&key)?) {
            return Err(SignError::new("the request asks for something else"));
        }
        let name = format!("{prefix}-{:016x}", key.id());
        let object = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": name, "labels": crate::own::labels()},
            "spec": {
                "request": STANDARD.encode(pem("CERTIFICATE REQUEST", &request)),
                "signerName": self.signer,
                "usages": USAGES,
                "expirationSeconds": self.lifetime.clamp(600, i64::from(i32::MAX)),
            },
        });
        Ok((name, object))
    }

    fn sign(&self, key: &Key) -> Result<CertificateSigningRequestDer<'static>, SignError> {
        let mut parameters = CertificateParams::new(self.names)?;
        parameters.distinguished_name = self.subject();
        Ok(parameters.serialize_request(key.pair())?.into())
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

/// What is signed in a request: subject, public key and names. RFC 2986 §4.2.
fn unsigned(request: &[u8]) -> Option<&[u8]> {
    let (_, request, behind) = element(request)?;
    let (_, _, signature) = element(request)?;
    behind
        .is_empty()
        .then_some(&request[..request.len() - signature.len()])
}

/// What has come of what is asked, by what is found under its name.
pub(crate) fn come_of(asked: &Value, found: Option<&Value>) -> Progress {
    let Some(found) = found else {
        return Progress::Missing;
    };
    let is_same = |field: &&str| found["spec"][field] == asked["spec"][field];
    if ["request", "signerName", "usages"].iter().all(is_same) {
        progress(found)
    } else {
        Progress::Refused("another request has its name".to_owned())
    }
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
        let wanted = |signer| Wanted {
            names: &names,
            signer,
            lifetime: 60,
        };
        let of = |signer| {
            let next = wanted(signer).begin().unwrap();
            let (name, object) = wanted(signer).request("webhook", &next).unwrap();
            assert_eq!(
                wanted(signer).request("webhook", &next).unwrap(),
                (name.clone(), object.clone()),
                "it is the same each time"
            );
            (name, object)
        };
        let (name, object) = of(KUBELET_SERVING);
        let (another, other) = of("example.com/serving");
        assert!(
            name.starts_with("webhook-") && name.len() == "webhook-".len() + 16,
            "{name}"
        );
        assert_ne!(name, another);
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
    fn a_request_that_is_not_what_would_be_asked_today_is_none() {
        let names = ["webhook.ns.svc".to_owned(), "127.0.0.1".to_owned()];
        let with = |names| Wanted {
            names,
            signer: "example.com/serving",
            lifetime: 60,
        };
        let wanted = with(&names);
        let (next, other) = (wanted.begin().unwrap(), wanted.begin().unwrap());
        let of = |key: &str, request: &str| {
            let next = Next {
                key: Zeroizing::new(key.to_owned()),
                request: request.to_owned(),
            };
            wanted.request("webhook", &next)
        };
        assert!(of(&next.key, &next.request).is_ok());
        let fewer = with(&names[..1]);
        assert!(fewer.request("webhook", &next).is_err(), "a name that is no more");
        let node = Wanted {
            signer: KUBELET_SERVING,
            ..wanted
        };
        assert!(node.request("webhook", &next).is_err(), "another subject");
        let certificate = crate::own::authority::placeholder(&names, 1_800_000_000).unwrap();
        let longer = {
            let der = CertificateSigningRequestDer::from_pem_slice(next.request.as_bytes()).unwrap();
            pem("CERTIFICATE REQUEST", &[&der, &[0][..]].concat())
        };
        for (key, request) in [
            (&next.key, &other.request),
            (&other.key, &next.request),
            (&next.key, &String::new()),
            (&next.key, &pem("CERTIFICATE REQUEST", b"0")),
            (&next.key, &certificate.certificate),
            (&next.key, &longer),
            (&Zeroizing::new(String::new()), &next.request),
        ] {
            assert!(of(key, request).is_err(), "{request}");
        }
    }

    #[test]
    fn a_request_of_somebody_else_is_none_of_ours_whatever_has_come_of_it() {
        let names = ["webhook.ns.svc".to_owned()];
        let wanted = Wanted {
            names: &names,
            signer: "example.com/serving",
            lifetime: 60,
        };
        let request = |next| wanted.request("webhook", &next).unwrap().1;
        let asked = request(wanted.begin().unwrap());
        assert_eq!(come_of(&asked, None), Progress::Missing);
        assert_eq!(come_of(&asked, Some(&asked)), Progress::Unapproved);
        assert_eq!(
            come_of(&asked, Some(&approved(asked.clone()))),
            Progress::Unsigned
        );
        let with = |field: &str, value: Value| {
            let mut found = asked.clone();
            found["spec"][field] = value;
            found
        };
        for found in [
            request(wanted.begin().unwrap()),
            with("signerName", json!("example.com/clients")),
            with("usages", json!(["digital signature", "client auth"])),
            with("request", Value::Null),
            json!({}),
        ] {
            for found in [found.clone(), approved(found)] {
                let refused = Progress::Refused("another request has its name".to_owned());
                assert_eq!(come_of(&asked, Some(&found)), refused, "{found}");
            }
        }
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
