//! `porthole webhook --own-certificates`: replicas that make their certificates themselves, at a real API server that calls them.

#![cfg(unix)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_tests::kubernetes::{ApiServer, Client, Settings, Webhook};
use porthole_tests::wait;
use serde_json::{Value, json};

/// What the cluster has before: the namespace `shop`, the kind of credential specs and one of them, and who may use it.
const CLUSTER: &str = include_str!("kubernetes_webhook/cluster.yaml");
/// What the replicas may do.
const RIGHTS: &str = include_str!("kubernetes_webhook_certificates/rights.yaml");
/// Certificates live 45 s and are replaced after 30; authorities live 180 s and are replaced after 90.
const LIVES: [&str; 2] = ["--certificate-lifetime=45", "--ca-lifetime=180"];
/// Until something has happened that takes at most two lives of a certificate.
const SEEN: Duration = Duration::from_mins(2);
/// For an authority with all that follows from it, and as much again.
const LONG: Duration = Duration::from_mins(6);
const SECRET: &str = "/api/v1/namespaces/porthole-system/secrets/porthole-webhook-certificates";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/porthole-system/leases/porthole-webhook";
const PODS: &str = "/api/v1/namespaces/shop/pods?dryRun=All";
const CONFIGURATIONS: [(&str, &str, &str); 2] = [
    (
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "mutate",
    ),
    (
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "validate",
    ),
];

/// An API server, and replicas of the webhook beside it.
struct Bed {
    replicas: Vec<Webhook>,
    client: Client,
    server: ApiServer,
}

impl Bed {
    fn new(replicas: usize) -> Self {
        let server = ApiServer::start(&Settings::default().user("webhook", &[])).unwrap();
        let client = Client::new(&server).unwrap();
        for text in [CLUSTER, RIGHTS] {
            server.fill(text, &[]).unwrap();
        }
        let mut bed = Self {
            replicas: Vec::new(),
            client,
            server,
        };
        for _ in 0..replicas {
            bed.start();
        }
        bed
    }

    fn start(&mut self) {
        let arguments = [&LIVES[..], &["--drain-delay=1"]].concat();
        let token = self.server.token_of("webhook").unwrap();
        let replica = Webhook::start_own(&self.server, token, &arguments).unwrap();
        self.replicas.push(replica);
    }

    /// Registers these replicas, each of which is called for each pod, trusting nobody yet.
    fn register(&self, replicas: &[&Webhook]) {
        for (kind, plural, path) in CONFIGURATIONS {
            let entry = |(at, replica): (usize, &&Webhook)| {
                json!({
                    "name": format!("replica-{at}.porthole.dev"),
                    "clientConfig": {"url": format!("{}/{path}", replica.address())},
                    "rules": [{"apiGroups": [""], "apiVersions": ["*"], "resources": ["pods"],
                        "operations": ["CREATE", "UPDATE"]}],
                    "failurePolicy": "Fail", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                })
            };
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": {"name": "porthole-webhook"},
                "webhooks": replicas.iter().enumerate().map(entry).collect::<Vec<_>>(),
            });
            let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}");
            let answer = self.client.post(&path, &configuration.to_string()).unwrap();
            assert_eq!(answer.code, 201, "{}", answer.body);
        }
        self.until("the webhooks to be called", SEEN, |bed| {
            (bed.create().0 == 201).then_some(())
        });
    }

    fn until<T>(&self, what: &str, limit: Duration, mut ready: impl FnMut(&Self) -> Option<T>) -> T {
        wait::until(what, limit, || Ok(ready(self)))
            .unwrap_or_else(|failure| panic!("{failure}\n{}", self.said()))
    }

    fn said(&self) -> String {
        let said: Vec<String> = self.replicas.iter().map(Webhook::said).collect();
        said.join("\n----\n")
    }

    fn object(&self, path: &str) -> Option<Value> {
        let answer = self.client.get(path).unwrap();
        (answer.code == 200).then(|| answer.json().unwrap())
    }

    fn configuration(&self, plural: &str) -> Value {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}/porthole-webhook");
        self.object(&path).unwrap()
    }

    /// The API server's answer to a pod that needs its credential spec.
    fn create(&self) -> (u16, Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
            "spec": {
                "serviceAccountName": "web",
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "webapp1"}},
                "containers": [{"name": "c", "image": "i"}],
            },
        });
        let answer = self.client.post(PODS, &pod.to_string()).unwrap();
        (answer.code, answer.json().unwrap())
    }

    /// Which replica leads.
    fn leader(&self) -> Option<usize> {
        let lease = self.object(LEASE)?;
        let holder = lease["spec"]["holderIdentity"].as_str()?.to_owned();
        let is_held = |replica: &Webhook| !holder.is_empty() && replica.said().contains(&holder);
        self.replicas.iter().position(is_held)
    }

    /// How often a replica has said so.
    fn count(&self, message: &str) -> usize {
        let said = self.replicas.iter().map(Webhook::said);
        said.map(|said| said.matches(message).count()).sum()
    }
}

/// The authorities that the first entry of a configuration trusts.
fn trusted(configuration: &Value) -> String {
    let bundle = configuration["webhooks"][0]["clientConfig"]["caBundle"]
        .as_str()
        .unwrap_or_default();
    String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
}

/// What never fails while things happen: pods that are created, and a handshake after the other with each replica that is called.
struct Load<'a> {
    bed: &'a Bed,
    replicas: &'a [&'a Webhook],
    stop: AtomicBool,
    pods: AtomicU64,
    handshakes: AtomicU64,
}

impl<'a> Load<'a> {
    fn over(bed: &'a Bed, replicas: &'a [&'a Webhook], happen: impl FnOnce()) -> (u64, u64) {
        let load = Self {
            bed,
            replicas,
            stop: AtomicBool::new(false),
            pods: AtomicU64::new(0),
            handshakes: AtomicU64::new(0),
        };
        std::thread::scope(|scope| {
            let (pods, handshakes) = (scope.spawn(|| load.create()), scope.spawn(|| load.shake_hands()));
            let happened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(happen));
            load.stop.store(true, Ordering::SeqCst);
            pods.join().unwrap();
            handshakes.join().unwrap();
            if let Err(panic) = happened {
                std::panic::resume_unwind(panic);
            }
        });
        (load.pods.into_inner(), load.handshakes.into_inner())
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn create(&self) {
        while self.goes_on() {
            let (code, pod) = self.bed.create();
            let contents = &pod["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"];
            assert!(
                code == 201 && contents.is_string(),
                "{code} {pod}\n{}",
                self.bed.said()
            );
            self.pods.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// As an API server does it that hears of a configuration two seconds late.
    fn shake_hands(&self) {
        let read = || {
            (
                Instant::now(),
                trusted(&self.bed.configuration(CONFIGURATIONS[0].1)),
            )
        };
        let mut heard = read();
        let mut known = heard.1.clone();
        while self.goes_on() {
            if heard.0.elapsed() > Duration::from_secs(2) {
                known = std::mem::replace(&mut heard, read()).1;
            }
            let agent = Webhook::agent_of(&known, 0).unwrap();
            for replica in self.replicas {
                let answer = replica.get(&agent, "/readyz");
                assert!(matches!(answer, Ok((200, _))), "{answer:?}\n{}", self.bed.said());
                self.handshakes.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn no_request_fails_while_certificates_and_authorities_change_and_leaders_die() {
    let mut bed = Bed::new(2);
    bed.until("a leader", SEEN, Bed::leader);
    bed.register(&[&bed.replicas[0], &bed.replicas[1]]);
    let all: Vec<&Webhook> = bed.replicas.iter().collect();
    let (pods, handshakes) = Load::over(&bed, &all, || {
        bed.until("an authority to come and one to go", LONG, |bed| {
            let is_over = bed.count("a new authority is in the Secret") >= 2
                && bed.count("the authorities of before are trusted no longer") >= 1
                && bed.count("a new certificate is in the Secret") >= 4;
            is_over.then_some(())
        });
    });
    assert!(
        pods > 100 && handshakes > 1000,
        "{pods} pods, {handshakes} handshakes"
    );
    for (_, plural, _) in CONFIGURATIONS {
        let managers = bed.configuration(plural)["metadata"]["managedFields"].to_string();
        assert!(managers.contains("porthole-webhook-certificates"), "{managers}");
        bed.until("each entry to trust what the Secret says", SEEN, |bed| {
            let (secret, configuration) = (bed.object(SECRET)?, bed.configuration(plural));
            let mut entries = configuration["webhooks"].as_array()?.iter();
            entries
                .all(|entry| entry["clientConfig"]["caBundle"] == secret["data"]["ca.crt"])
                .then_some(())
        });
    }

    // The leader is called no longer, and dies right after it has made a certificate.
    let leader = bed.until("a leader", SEEN, Bed::leader);
    for (_, plural, _) in CONFIGURATIONS {
        let change = json!([{"op": "remove", "path": format!("/webhooks/{leader}")}]).to_string();
        let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}/porthole-webhook");
        let answer = bed.client.patch(&path, "application/json-patch+json", &change);
        assert_eq!(answer.unwrap().code, 200);
    }
    let made = bed.count("a new certificate is in the Secret");
    bed.until("a certificate", SEEN, |bed| {
        (bed.count("a new certificate is in the Secret") > made).then_some(())
    });
    bed.replicas[leader].kill().unwrap();
    let left = &bed.replicas[1 - leader];
    let said = |what: &str| left.said().matches(what).count();
    let (pods, _) = Load::over(&bed, &[left], || {
        bed.until("the other to lead and to make a certificate", SEEN, |_| {
            let leads = said("this replica leads: it keeps the certificates") == 1;
            (leads && said("a new certificate is in the Secret") >= 1).then_some(())
        });
        // All of it is lost but what the replica remembers.
        let (before, made) = (
            bed.object(SECRET).unwrap(),
            said("a new certificate is in the Secret"),
        );
        assert_eq!(bed.client.delete(SECRET).unwrap().code, 200);
        let after = bed.until("the Secret to be made anew", SEEN, |bed| bed.object(SECRET));
        assert_ne!(after["data"]["ca.key"], before["data"]["ca.key"]);
        bed.until("a certificate of the new authority", SEEN, |_| {
            (said("a new certificate is in the Secret") > made).then_some(())
        });
    });
    assert!(pods > 50, "{pods}");
    let secret = bed.object(SECRET).unwrap();
    for key in ["ca.key", "tls.key"] {
        let text = STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
        let line = String::from_utf8(text)
            .unwrap()
            .lines()
            .nth(1)
            .unwrap()
            .to_owned();
        assert!(!bed.said().contains(&line), "{key} is told");
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn who_ends_gives_the_lead_back_and_a_secret_of_nonsense_is_made_anew() {
    let mut bed = Bed::new(0);
    let nonsense = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "porthole-webhook-certificates", "labels": {"a": "b"}},
        "data": {"tls.crt": "bm9uc2Vuc2U=", "ca.crt": "", "other": "a2VwdA=="},
    });
    let secrets = SECRET.rsplit_once('/').unwrap().0;
    assert_eq!(bed.client.post(secrets, &nonsense.to_string()).unwrap().code, 201);
    bed.start();
    bed.until("a leader", SEEN, Bed::leader);
    bed.register(&[&bed.replicas[0]]);
    let secret = bed.object(SECRET).unwrap();
    assert_eq!(secret["data"]["other"], "a2VwdA==", "what is not ours stays");
    assert_eq!(secret["metadata"]["labels"]["a"], "b");
    let said = bed.said();
    assert!(
        said.contains("tls.crt is no certificate in PEM") || said.contains("tls.key is missing"),
        "{said}"
    );
    // What somebody else writes into the caBundle is mended.
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/porthole-webhook";
    let change = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]).to_string();
    let answer = bed.client.patch(path, "application/json-patch+json", &change);
    assert_eq!(answer.unwrap().code, 200);
    bed.until("it is mended", SEEN, |bed| {
        (trusted(&bed.configuration(CONFIGURATIONS[0].1)).contains("BEGIN") && bed.create().0 == 201)
            .then_some(())
    });
    bed.start();
    bed.replicas[0].terminate().unwrap();
    assert_eq!(bed.replicas[0].ended().unwrap(), 0, "{}", bed.said());
    assert!(
        bed.replicas[0].said().contains("another replica may lead now"),
        "{}",
        bed.said()
    );
    // Sooner than the lease would run out.
    bed.until("the other one to lead", Duration::from_secs(12), |bed| {
        (bed.leader()? == 1).then_some(())
    });
    let lease = bed.object(LEASE).unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 1, "{lease}");
}
