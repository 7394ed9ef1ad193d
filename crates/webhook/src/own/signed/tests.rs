use super::*;
use crate::api::Api;
use crate::fake::{Fake, Said};
use crate::metrics::Metrics;
use crate::own::{Own, Running};
use crate::{Format, Level, Log};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_cluster::Target;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SignatureAlgorithm,
};
use request::progress;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

/// Until something is so, on a machine that may be busy.
const SEEN: Duration = Duration::from_mins(1);
const SECRET: &str = "/api/v1/namespaces/ns/secrets/certificates";
const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/webhooks";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests/";

/// A signer, which signs whatever is asked for the names that it is told.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The public key of a request.
struct Public(Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Authority {
    fn new(name: &str) -> Self {
        Self::until(name, 4000)
    }

    /// One that is over when that year begins.
    fn until(name: &str, year: i32) -> Self {
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem().replace('\r', "")
    }

    /// The certificate for a request, valid for so many seconds.
    fn sign(&self, request: &Value, seconds: u64, names: &[&str]) -> String {
        self.sign_since(0, request, seconds, names)
    }

    /// The same, counted from so many seconds ago.
    fn sign_since(&self, ago: u64, request: &Value, seconds: u64, names: &[&str]) -> String {
        let pem = STANDARD
            .decode(request["spec"]["request"].as_str().unwrap())
            .unwrap();
        let pem = String::from_utf8(pem).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        // A point of the curve P-256, uncompressed, behind its OID.
        let oid = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00];
        let at = der.windows(oid.len()).position(|window| window == oid).unwrap() + oid.len();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        let now = Duration::from_secs(u64::try_from(crate::certificate::seconds(SystemTime::now())).unwrap());
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        parameters.not_before = epoch + now - Duration::from_secs(ago);
        parameters.not_after = epoch + now + Duration::from_secs(seconds);
        let public = Public(der[at..at + 65].to_vec());
        parameters
            .signed_by(&public, &self.0)
            .unwrap()
            .pem()
            .replace('\r', "")
    }
}

const NAMES: [&str; 4] = [
    "webhook.ns.svc",
    "webhook.ns.svc.cluster.local",
    "webhook.ns",
    "127.0.0.1",
];

/// A replica whose certificates somebody else signs, and the file of their authorities.
struct Bed {
    fake: Arc<Fake>,
    target: Target,
    directory: tempfile::TempDir,
}

struct Replica {
    certificates: Arc<Certificates>,
    said: Said,
    _running: Running,
}

impl Bed {
    async fn new(authority: &Authority) -> Self {
        let (fake, target) = Fake::start(Duration::ZERO).await;
        let entry = json!({"name": "a", "clientConfig": {"url": "https://x"}});
        fake.objects.set(
            MUTATING,
            Some(json!({"metadata": {"name": "webhooks"}, "webhooks": [entry]})),
        );
        let bed = Self {
            fake,
            target,
            directory: tempfile::tempdir().unwrap(),
        };
        bed.trust(&authority.pem());
        bed
    }

    fn trust(&self, pem: &str) {
        std::fs::write(self.directory.path().join("ca.crt"), pem).unwrap();
    }

    fn start(&self, identity: &str, approves: bool) -> Replica {
        let signer = Signer {
            name: "example.com/serving".to_owned(),
            approves,
            authorities: self.directory.path().join("ca.crt"),
        };
        // With half a minute it looks every half second.
        let own = OwnCertificates {
            signer: Some(Box::new(signer)),
            ..crate::own::tests::settings(identity, 30)
        };
        let certificates = Arc::new(own.placeholder().unwrap());
        let (metrics, said) = (Arc::new(Metrics::new()), Said::default());
        let log = Log::to(Format::Text, Level::Info, Box::new(said.clone()));
        let api = Arc::new(Api::new(self.target.clone(), Arc::clone(&metrics)));
        let running = Own::new(own, api, metrics, log).unwrap();
        Replica {
            _running: running.begin(Arc::clone(&certificates)),
            certificates,
            said,
        }
    }

    /// The requests that are there and of which nothing has come.
    fn open(&self) -> Vec<(String, Value)> {
        let all = self.fake.objects.all(REQUESTS);
        let open = all
            .into_iter()
            .filter(|(_, request)| request["status"]["certificate"].is_null());
        open.filter(|(_, request)| !matches!(progress(request), Progress::Refused(_)))
            .collect()
    }

    async fn request(&self, replica: &Replica) -> (String, Value) {
        until("a request", replica, || !self.open().is_empty()).await;
        self.open().remove(0)
    }

    fn answer(&self, (path, mut request): (String, Value), certificate: &str) {
        request["status"]["certificate"] = json!(STANDARD.encode(certificate));
        self.fake.objects.set(&path, Some(request));
    }

    fn secret(&self, entry: &str) -> String {
        let secret = self.fake.objects.get(SECRET).unwrap_or_default();
        let text = secret["data"][entry].as_str().unwrap_or_default();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    fn bundle(&self) -> String {
        let found = self.fake.objects.get(MUTATING).unwrap();
        let text = found["webhooks"][0]["clientConfig"]["caBundle"]
            .as_str()
            .unwrap_or_default();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }
}

async fn until(what: &str, replica: &Replica, is_so: impl Fn() -> bool) {
    let over = Instant::now() + SEEN;
    while !is_so() {
        assert!(
            Instant::now() < over,
            "not in time: {what}\n{}",
            replica.said.text()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn count(bundle: &str) -> usize {
    bundle.matches("BEGIN").count()
}

#[tokio::test]
async fn a_signer_is_asked_and_what_it_issues_is_served_by_all() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let request = bed.request(&one).await;
    assert_eq!(request.1["spec"]["signerName"], "example.com/serving");
    assert!(
        request.0.starts_with(&format!("{REQUESTS}certificates-")),
        "{}",
        request.0
    );
    until("it is told for whom it waits", &one, || {
        one.said.text().contains("somebody has to approve")
    })
    .await;
    assert_eq!(request.1["status"], Value::Null, "it approves nothing itself");
    assert_eq!(one.certificates.validity().until, 0, "nothing is served");
    bed.fake.objects.set(&request.0, Some(approved(request.1)));
    until("it is told what it waits for now", &one, || {
        one.said.text().contains("approved, and not signed yet")
    })
    .await;
    let request = bed.request(&one).await;
    bed.answer(request, &authority.sign(&bed.request(&one).await.1, 900, &NAMES));
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
    let two = bed.start("two", false);
    until("the other serves it", &two, || {
        two.certificates.validity() == one.certificates.validity()
    })
    .await;
    until("the caBundle", &one, || {
        bed.bundle().contains(authority.pem().trim())
    })
    .await;
    assert_eq!(bed.secret("ca.crt").trim(), authority.pem().trim());
    for entry in ["next.key", "next.csr"] {
        assert_eq!(bed.secret(entry), "", "the key is used once");
    }
    assert!(bed.open().is_empty(), "it has time");
    assert!(!bed.secret("tls.key").is_empty());
    assert!(!one.said.text().contains("PRIVATE"), "{}", one.said.text());
}

#[tokio::test]
async fn requests_are_approved_where_that_is_asked_for() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", true);
    until("the approval", &one, || {
        let open = bed.open();
        open.first()
            .is_some_and(|(_, request)| progress(request) == Progress::Unsigned)
    })
    .await;
    let request = bed.request(&one).await;
    let certificate = authority.sign(&request.1, 900, &NAMES);
    bed.answer(request, &certificate);
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
}

#[tokio::test]
async fn it_is_renewed_ahead_of_time_and_goes_on_being_served_until_then() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let request = bed.request(&one).await;
    // Ten seconds after it is taken a third of its life is left: there is room for a machine that is busy.
    let first = authority.sign_since(180, &request.1, 100, &NAMES);
    bed.answer(request.clone(), &first);
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
    let first = one.certificates.validity();
    let next = bed.request(&one).await;
    assert_ne!(next.0, request.0, "with another key");
    assert!(one.certificates.validity() == first && first.holds(SystemTime::now()));
    bed.answer(next.clone(), &authority.sign(&next.1, 900, &NAMES));
    until("the next is served", &one, || {
        one.certificates.validity() != first
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_or_of_no_use_is_told_and_asked_for_again() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let (path, mut denied) = bed.request(&one).await;
    denied["status"] = json!({"conditions": [
        {"type": "Denied", "status": "True", "reason": "Policy", "message": "not you"},
    ]});
    bed.fake.objects.set(&path, Some(denied));
    let mut last = path;
    let others = Authority::new("others");
    for (fault, signer, names) in [
        ("no authority of the signer has signed", &others, &NAMES[..]),
        ("is not for all names", &authority, &NAMES[..1]),
    ] {
        until("another request", &one, || {
            bed.open().iter().any(|(path, _)| *path != last)
        })
        .await;
        let request = bed.request(&one).await;
        last.clone_from(&request.0);
        bed.answer(request.clone(), &signer.sign(&request.1, 900, names));
        until(fault, &one, || one.said.text().contains(fault)).await;
        assert_eq!(one.certificates.validity().until, 0, "it is not served");
    }
    assert!(
        one.said.text().contains("it is denied: not you (Policy)"),
        "{}",
        one.said.text()
    );
    until("another request", &one, || !bed.open().is_empty()).await;
    let request = bed.request(&one).await;
    bed.answer(request.clone(), &authority.sign(&request.1, 900, &NAMES));
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
}

#[tokio::test]
async fn another_authority_of_the_signer_is_trusted_before_and_the_old_one_until_then() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let bed = Bed::new(&old).await;
    let one = bed.start("one", false);
    let request = bed.request(&one).await;
    bed.answer(request.clone(), &old.sign(&request.1, 900, &NAMES));
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
    until("the caBundle", &one, || count(&bed.bundle()) == 1).await;
    let first = one.certificates.validity();
    bed.trust(&new.pem());
    until("both are trusted", &one, || count(&bed.bundle()) == 2).await;
    let request = bed.request(&one).await;
    bed.answer(request.clone(), &new.sign(&request.1, 800, &NAMES));
    until("the new one's certificate", &one, || {
        one.certificates.validity() != first
    })
    .await;
    until("the old one is forgotten", &one, || {
        count(&bed.bundle()) == 1 && count(&bed.secret("ca.crt")) == 1
    })
    .await;
    assert!(bed.bundle().contains(new.pem().trim()));
}

#[tokio::test]
async fn a_lost_secret_is_written_again_with_what_is_served() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let request = bed.request(&one).await;
    bed.answer(request.clone(), &authority.sign(&request.1, 900, &NAMES));
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
    let key = bed.secret("tls.key");
    bed.fake.objects.set(SECRET, None);
    until("it is there again", &one, || bed.secret("tls.key") == key).await;
    assert!(bed.open().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn a_request_of_somebody_else_under_the_name_is_never_approved() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let forbid = |places: &[&str]| {
        let places = places.iter().map(|&place| place.to_owned()).collect();
        *bed.fake.objects.forbidden.lock().unwrap() = places;
    };
    // All that is below a request: its approval.
    forbid(&[REQUESTS]);
    let one = bed.start("one", true);
    let (path, asked) = bed.request(&one).await;
    until("nothing is approved", &one, || {
        one.said.text().contains("cannot be approved")
    })
    .await;
    // The cluster tidies it away, and somebody else takes the name, with a key and names of their own.
    let mut parameters = CertificateParams::new(vec!["somebody".to_owned()]).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let foreign = parameters.serialize_request(&KeyPair::generate().unwrap());
    let mut other = asked.clone();
    other["spec"]["request"] = json!(STANDARD.encode(foreign.unwrap().pem().unwrap()));
    bed.fake.objects.set(&path, Some(other.clone()));
    forbid(&[]);
    until("it is told", &one, || {
        one.said.text().contains("another request has its name")
    })
    .await;
    until(
        "it is asked under another name, and that is approved",
        &one,
        || {
            bed.open()
                .iter()
                .any(|(place, request)| *place != path && progress(request) == Progress::Unsigned)
        },
    )
    .await;
    let left = bed.fake.objects.get(&path).unwrap();
    assert_eq!(left["status"], Value::Null, "it is not approved");
    assert_eq!(left["spec"], other["spec"]);
}

#[tokio::test]
async fn a_request_that_is_tidied_away_is_made_again_as_it_was() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let (path, asked) = bed.request(&one).await;
    assert!(bed.secret("next.csr").contains("CERTIFICATE REQUEST"));
    bed.fake.objects.set(&path, None);
    let again = bed.request(&one).await;
    assert_eq!((&again.0, &again.1["spec"]), (&path, &asked["spec"]));
    bed.answer(again.clone(), &authority.sign(&again.1, 900, &NAMES));
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
}

#[tokio::test]
async fn no_bundle_is_emptied_while_no_authority_is_valid() {
    let bed = Bed::new(&Authority::until("over", 2000)).await;
    let mut found = bed.fake.objects.get(MUTATING).unwrap();
    found["webhooks"][0]["clientConfig"]["caBundle"] = json!(STANDARD.encode("as it was"));
    bed.fake.objects.set(MUTATING, Some(found));
    let one = bed.start("one", false);
    until("it is told", &one, || {
        one.said.text().contains("authorities is valid now")
    })
    .await;
    // It goes on looking.
    let authority = Authority::new("one");
    assert_eq!(bed.bundle(), "as it was");
    assert!(bed.open().is_empty(), "nobody is asked");
    bed.trust(&authority.pem());
    until("the caBundle", &one, || {
        bed.bundle().trim() == authority.pem().trim()
    })
    .await;
    bed.request(&one).await;
}

#[tokio::test]
async fn what_is_issued_is_taken_as_soon_as_the_secret_can_be_written() {
    let authority = Authority::new("one");
    let bed = Bed::new(&authority).await;
    let one = bed.start("one", false);
    let request = bed.request(&one).await;
    let first = authority.sign_since(180, &request.1, 100, &NAMES);
    bed.answer(request, &first);
    until("it is served", &one, || {
        one.certificates.validity().holds(SystemTime::now())
    })
    .await;
    let first = one.certificates.validity();
    let request = bed.request(&one).await;
    bed.fake.objects.forbidden.lock().unwrap().push(SECRET.to_owned());
    // A tenth of its life is longer than this test waits.
    bed.answer(request.clone(), &authority.sign(&request.1, 900, &NAMES));
    until("it is told", &one, || {
        one.said.text().contains("cannot be written")
    })
    .await;
    bed.fake.objects.forbidden.lock().unwrap().clear();
    until("the next is served", &one, || {
        one.certificates.validity() != first
    })
    .await;
}
