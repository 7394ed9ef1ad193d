use super::*;
use crate::certificate::provider;
use crate::connector::Connector;
use crate::fake::{Fake, Said};
use crate::{Drain, Format, Freshness, Level, Server, Settings, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Until something is so, on a machine that may be busy.
const SEEN: Duration = Duration::from_mins(1);
const SECRET: &str = "/api/v1/namespaces/ns/secrets/certificates";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/lease";
const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/webhooks";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/webhooks";

/// Those of a replica whose certificates live so many seconds.
pub(super) fn settings(identity: &str, life: u64) -> OwnCertificates {
    OwnCertificates {
        namespace: "ns".to_owned(),
        secret: "certificates".to_owned(),
        service: "webhook".to_owned(),
        configurations: "webhooks".to_owned(),
        lease: "lease".to_owned(),
        names: vec!["127.0.0.1".to_owned()],
        certificate_lifetime: Duration::from_secs(life),
        authority_lifetime: Duration::from_secs(4 * life),
        identity: identity.to_owned(),
        signer: None,
    }
}

/// A replica over an API server that is none.
struct Replica {
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
    said: Said,
    running: Running,
}

impl Replica {
    fn start(target: &porthole_cluster::Target, identity: &str, life: u64) -> Self {
        let own = settings(identity, life);
        let certificates = Arc::new(own.placeholder().unwrap());
        let (metrics, said) = (Arc::new(Metrics::new()), Said::default());
        let log = Log::to(Format::Text, Level::Debug, Box::new(said.clone()));
        let api = Arc::new(Api::new(target.clone(), Arc::clone(&metrics)));
        let running = Own::new(own, api, Arc::clone(&metrics), log).unwrap();
        Self {
            running: running.begin(Arc::clone(&certificates)),
            certificates,
            metrics,
            said,
        }
    }

    fn is_serving(&self) -> bool {
        self.certificates.validity().holds(SystemTime::now())
    }

    fn measures(&self, line: &str) -> bool {
        let text = self.metrics.render(&crate::metrics::Gauged::default());
        text.lines().any(|found| found == line)
    }
}

async fn until(what: &str, said: &Said, is_so: impl Fn() -> bool) {
    let over = Instant::now() + SEEN;
    while !is_so() {
        assert!(Instant::now() < over, "not in time: {what}\n{}", said.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A configuration with so many entries that trust nobody.
fn configuration(entries: usize) -> Value {
    let entry = |at| json!({"name": format!("entry{at}"), "clientConfig": {"url": "https://x"}, "rules": []});
    json!({"metadata": {"name": "webhooks"}, "webhooks": (0..entries).map(entry).collect::<Vec<_>>()})
}

/// What the Secret says that is to be trusted.
fn bundle(fake: &Fake) -> Option<String> {
    let secret = fake.objects.get(SECRET)?;
    secret["data"]["ca.crt"].as_str().map(str::to_owned)
}

/// Whether every entry of a configuration has the Secret's bundle, and all else as it was.
fn is_trusted(fake: &Fake, path: &str, entries: usize) -> bool {
    let (Some(bundle), Some(mut found)) = (bundle(fake), fake.objects.get(path)) else {
        return false;
    };
    let list = found["webhooks"].as_array_mut().unwrap();
    let is_so = list.len() == entries
        && list
            .iter_mut()
            .all(|entry| entry["clientConfig"]["caBundle"].take() == json!(bundle));
    for entry in list {
        entry["clientConfig"].as_object_mut().unwrap().remove("caBundle");
    }
    let expected = configuration(entries);
    assert_eq!(found["webhooks"], expected["webhooks"], "nothing else is touched");
    is_so
}

#[tokio::test]
async fn one_replica_writes_and_all_serve_the_same() {
    let (fake, target) = Fake::start(Duration::ZERO).await;
    fake.objects.set(MUTATING, Some(configuration(2)));
    let one = Replica::start(&target, "one", 600);
    assert_eq!(one.certificates.validity().until, 0, "nobody has one yet");
    until("the first pair", &one.said, || one.is_serving()).await;
    let two = Replica::start(&target, "two", 600);
    until("the second replica", &two.said, || two.is_serving()).await;
    assert_eq!(one.certificates.validity(), two.certificates.validity());
    until("the caBundle", &one.said, || is_trusted(&fake, MUTATING, 2)).await;
    assert!(
        !one.said.text().contains("cannot be written"),
        "{}",
        one.said.text()
    );
    // One that comes later, one that has more entries now, and one that somebody else has written.
    fake.objects.set(VALIDATING, Some(configuration(1)));
    fake.objects.set(MUTATING, Some(configuration(3)));
    until("both", &one.said, || {
        is_trusted(&fake, MUTATING, 3) && is_trusted(&fake, VALIDATING, 1)
    })
    .await;
    let mut other = fake.objects.get(VALIDATING).unwrap();
    other["webhooks"][0]["clientConfig"]["caBundle"] = json!(STANDARD.encode("nothing"));
    fake.objects.set(VALIDATING, Some(other));
    until("it is mended", &one.said, || is_trusted(&fake, VALIDATING, 1)).await;
    assert_eq!(fake.objects.get(LEASE).unwrap()["spec"]["holderIdentity"], "one");
    until("it is measured", &one.said, || {
        one.measures("porthole_webhook_certificate_leader 1")
    })
    .await;
    assert!(one.measures("porthole_webhook_certificate_rotations_total{what=\"authority\"} 1"));
    assert!(two.measures("porthole_webhook_certificate_leader 0"));
}

#[tokio::test]
async fn a_lost_secret_is_made_anew_and_what_is_served_goes_on_being_trusted() {
    let (fake, target) = Fake::start(Duration::ZERO).await;
    fake.objects.set(MUTATING, Some(configuration(1)));
    let one = Replica::start(&target, "one", 60);
    until("the caBundle", &one.said, || is_trusted(&fake, MUTATING, 1)).await;
    let (before, first) = (one.certificates.validity(), bundle(&fake).unwrap());
    fake.objects.set(SECRET, None);
    until("a new one", &one.said, || {
        bundle(&fake).is_some_and(|bundle| bundle != first)
    })
    .await;
    let count = |bundle: &str| {
        let text = String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap();
        text.matches("BEGIN").count()
    };
    assert_eq!(
        count(&bundle(&fake).unwrap()),
        2,
        "the one before is trusted, too"
    );
    assert_eq!(
        one.certificates.validity(),
        before,
        "it is served until the new one is known"
    );
    until("the new authority is known", &one.said, || {
        is_trusted(&fake, MUTATING, 1)
    })
    .await;
    until("its certificate", &one.said, || {
        one.certificates.validity() != before
    })
    .await;
    let said = one.said.text();
    assert!(said.contains("reason=\"it is not there\""), "{said}");
    // A Secret that is half written: the pair stays, too.
    let mut half = fake.objects.get(SECRET).unwrap();
    let key = half["data"]["tls.key"].as_str().unwrap().to_owned();
    half["data"]["tls.key"] = json!(key[..40]);
    half["data"]["ca.key"] = Value::Null;
    fake.objects.set(SECRET, Some(half));
    until("it is whole", &one.said, || {
        let secret = fake.objects.get(SECRET).unwrap();
        secret["data"]["tls.key"] == json!(key) && secret["data"]["ca.key"].is_string()
    })
    .await;
    assert!(one.is_serving());
    let said = one.said.text();
    assert!(
        said.contains("ca.key is missing; tls.key is not the key of tls.crt"),
        "{said}"
    );
    for line in STANDARD.decode(&key).unwrap().split(|byte| *byte == b'\n') {
        let line = String::from_utf8(line.to_vec()).unwrap();
        assert!(
            line.is_empty() || line.starts_with('-') || !said.contains(&line),
            "a key is told"
        );
    }
    assert!(!said.contains(&key));
}

#[tokio::test]
async fn who_ends_leaves_the_lead_to_the_other_at_once() {
    let (fake, target) = Fake::start(Duration::ZERO).await;
    let mut one = Replica::start(&target, "one", 600);
    until("the first pair", &one.said, || one.is_serving()).await;
    let two = Replica::start(&target, "two", 600);
    until("the second replica", &two.said, || two.is_serving()).await;
    one.running.leave().await;
    let left = fake.objects.get(LEASE).unwrap();
    let begun = Instant::now();
    until("the other one leads", &two.said, || {
        fake.objects.get(LEASE).unwrap()["spec"]["holderIdentity"] == "two"
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(12), "not by running out");
    assert_eq!(left["spec"]["leaseTransitions"], 0);
    assert_eq!(fake.objects.get(LEASE).unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test]
async fn what_may_not_be_written_is_told_once_and_what_is_there_is_served() {
    let (fake, target) = Fake::start(Duration::ZERO).await;
    fake.objects.set(MUTATING, Some(configuration(1)));
    fake.objects.forbidden.lock().unwrap().push(MUTATING.to_owned());
    let one = Replica::start(&target, "one", 60);
    until("the first pair", &one.said, || one.is_serving()).await;
    let problem = "the caBundle of the MutatingWebhookConfiguration cannot be written";
    until("it is told", &one.said, || one.said.text().contains(problem)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(one.said.text().matches(problem).count(), 1, "{}", one.said.text());
    fake.objects.forbidden.lock().unwrap().clear();
    until("the caBundle", &one.said, || is_trusted(&fake, MUTATING, 1)).await;
    fake.is_away.store(true, Ordering::SeqCst);
    until("nobody answers", &one.said, || {
        one.said.text().contains("what is in use stays")
    })
    .await;
    assert!(one.is_serving());
}

/// Trusts everybody: what probes do.
#[derive(Debug)]
struct Probe;

impl ServerCertVerifier for Probe {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn probes_are_answered_before_there_is_a_certificate_and_nothing_is_ready() {
    let (fake, target) = Fake::start(Duration::ZERO).await;
    fake.is_away.store(true, Ordering::SeqCst);
    let settings = Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        certificates: Source::Own(settings("one", 600)),
        random_hostname: false,
        runtime_classes: Vec::new(),
        freshness: Freshness::default(),
        host_accounts: crate::Mode::Off,
        drain: Drain::default(),
    };
    let said = Said::default();
    let log = Log::to(Format::Text, Level::Debug, Box::new(said.clone()));
    let server = Server::bind(settings, target, log).await.unwrap();
    let address = server.address();
    tokio::spawn(server.serve(std::future::pending()));
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Probe))
        .with_no_client_auth();
    let connector = Connector::new(Some(Arc::new(config)), None);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let get = async |path: &str| {
        let uri = format!("https://{address}{path}").parse().unwrap();
        let answer = client.get(uri).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(get("/livez").await.0, 200);
    let (status, text) = get("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("[-] certificate is valid"), "{text}");
    fake.is_away.store(false, Ordering::SeqCst);
    let over = Instant::now() + SEEN;
    while get("/readyz").await.0 != 200 {
        assert!(Instant::now() < over, "not ready in time\n{}", said.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
