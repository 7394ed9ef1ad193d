mod silence;

use super::*;
use crate::connector::Connector;
use crate::fake::Fake;
use crate::{Format, Level};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use serde_json::{Value, json};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Until something is so, on a machine that may be busy.
const SEEN: Duration = Duration::from_secs(20);

/// A server over an API server that is none.
struct Bed {
    fake: Arc<Fake>,
    client: Client<Connector, Full<Bytes>>,
    /// How a client speaks TLS to it.
    tls: Arc<rustls::ClientConfig>,
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), ServeError>>,
    _directory: tempfile::TempDir,
}

impl Bed {
    async fn start(slowness: Duration) -> Self {
        Self::start_with(slowness, Freshness::default()).await
    }

    async fn start_with(slowness: Duration, freshness: Freshness) -> Self {
        Self::start_for(slowness, freshness, None).await
    }

    /// Connections on which nothing is asked are closed after `silence`, where it is said.
    async fn start_for(slowness: Duration, freshness: Freshness, silence: Option<Duration>) -> Self {
        let (fake, target) = Fake::start(slowness).await;
        fake.put("webapp1", &json!({"B": "<x>", "A": 1}));
        fake.users.lock().unwrap().push("web".to_owned());
        let directory = tempfile::tempdir().unwrap();
        let files = Files {
            certificate: directory.path().join("tls.crt"),
            key: directory.path().join("tls.key"),
        };
        let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
        std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificates: Source::Files(files),
            random_hostname: false,
            runtime_classes: Vec::new(),
            host_accounts: Mode::Off,
            freshness,
            drain: Drain {
                delay: Duration::ZERO,
                ..Drain::default()
            },
        };
        let log = Log::to(Format::Text, Level::Error, Box::new(std::io::sink()));
        let mut server = Server::bind(settings, target, log).await.unwrap();
        if let Some(silence) = silence {
            Arc::get_mut(&mut server.service).unwrap().silence = silence;
        }
        let address = server.address();
        let (end, ended) = oneshot::channel();
        let serving = tokio::spawn(server.serve(async {
            let _ = ended.await;
        }));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(pair.cert.der().clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = Arc::new(config);
        let connector = Connector::new(Some(Arc::clone(&tls)), None);
        let bed = Self {
            fake,
            client: Client::builder(TokioExecutor::new()).build(connector),
            tls,
            address,
            end: Some(end),
            served: serving,
            _directory: directory,
        };
        bed.until("it is ready", async || bed.get("/readyz").await.0 == 200)
            .await;
        bed
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let over = Instant::now() + SEEN;
        while !is_so().await {
            assert!(Instant::now() < over, "not in time: {what}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: impl Into<Bytes>) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.address))
            .header("content-type", kind)
            .body(Full::new(body.into()))
            .unwrap();
        let answer = self.client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(Method::GET, path, "", "").await
    }

    async fn review(&self, path: &str, account: &str, options: Value) -> Value {
        let review = review(account, &options);
        let (status, body) = self.send(Method::POST, path, "application/json", review).await;
        assert_eq!(status, 200, "{body}");
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        answer["response"].take()
    }

    /// Whether that account may have the contents of `webapp1`.
    async fn is_allowed(&self, account: &str) -> bool {
        let held = json!({"gmsaCredentialSpecName": "webapp1", "gmsaCredentialSpec": r#"{"A":1,"B":"<x>"}"#});
        self.review("/validate", account, held).await["allowed"] == true
    }
}

fn review(account: &str, options: &Value) -> String {
    json!({"request": {
        "uid": "u", "kind": {"kind": "Pod"}, "operation": "CREATE", "namespace": "shop",
        "object": {"spec": {"serviceAccountName": account, "securityContext": {"windowsOptions": options}}},
    }})
    .to_string()
}

#[tokio::test]
async fn over_http_1_the_answer_to_a_body_that_is_too_long_arrives() {
    const LENGTH: usize = 24 << 20;
    let bed = Bed::start(Duration::ZERO).await;
    // With its length said before, and without; and by somebody who first asks whether to send it, which is answered where there is
    // no length.
    for (head, chunk) in [
        (format!("Content-Length: {LENGTH}"), None),
        (
            "Transfer-Encoding: chunked".to_owned(),
            Some((format!("{LENGTH:x}\r\n"), "\r\n0\r\n\r\n")),
        ),
        (format!("Content-Length: {LENGTH}\r\nExpect: 100-continue"), None),
        (
            "Transfer-Encoding: chunked\r\nExpect: 100-continue".to_owned(),
            Some((format!("{LENGTH:x}\r\n"), "\r\n0\r\n\r\n")),
        ),
    ] {
        let waits = head.contains("Expect");
        let is_told = waits && chunk.is_some();
        let socket = TcpStream::connect(bed.address).await.unwrap();
        let mut stream = crate::connector::encrypt(Arc::clone(&bed.tls), None, "127.0.0.1", socket)
            .await
            .unwrap();
        let head = format!(
            "POST /mutate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        if is_told {
            let mut word = [0; 25];
            timeout(SEEN, stream.read_exact(&mut word))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if !waits || is_told {
            let (before, after) = chunk.unwrap_or_default();
            stream.write_all(before.as_bytes()).await.unwrap();
            // Nothing is read before all is sent, as simple clients do it.
            stream.write_all(&vec![b' '; LENGTH]).await.unwrap();
            stream.write_all(after.as_bytes()).await.unwrap();
        }
        let mut answer = Vec::new();
        timeout(SEEN, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{head}: {answer}");
        assert!(
            answer.contains("couldn't read request body: "),
            "{head}: {answer}"
        );
        assert!(!answer.contains(&u64::MAX.to_string()), "{head}: {answer}");
    }
}

#[tokio::test]
async fn each_path_answers_as_the_existing_webhook_does() {
    let bed = Bed::start(Duration::ZERO).await;
    assert_eq!(bed.get("/health").await, (204, String::new()));
    let version = format!("{{\"version\":\"{}\"}}", crate::VERSION);
    assert_eq!(bed.get("/info").await, (200, version));
    for path in ["/", "/mutate/", "/other"] {
        assert_eq!(bed.get(path).await, (404, String::new()), "{path}");
    }
    for path in ["/mutate", "/validate"] {
        let json = "application/json";
        assert_eq!(
            bed.send(Method::PUT, path, json, "{}").await,
            (405, String::new())
        );
        for kind in ["text/plain", "application/json; charset=utf-8"] {
            assert_eq!(
                bed.send(Method::POST, path, kind, "{}").await,
                (415, String::new())
            );
        }
        for (body, message) in [
            (b"{}".to_vec(), "no 'Request' field in JSON body"),
            (
                b"{".to_vec(),
                "unable to unmarshall JSON body as an admission review: ",
            ),
            (vec![b' '; (8 << 20) + 1], "couldn't read request body: "),
        ] {
            let (status, answer) = bed.send(Method::POST, path, json, body).await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let refusal = &answer["response"]["status"];
            assert_eq!((status, &refusal["code"]), (200, &json!(400)));
            assert!(
                refusal["message"].as_str().unwrap().starts_with(message),
                "{refusal}"
            );
        }
    }
    let (_, metrics) = bed.get("/metrics").await;
    let line = "porthole_webhook_requests_total{path=\"/mutate\",outcome=\"405\"} 1";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
}

#[tokio::test]
async fn many_who_ask_the_same_are_answered_by_one_question() {
    let bed = Arc::new(Bed::start(Duration::from_millis(200)).await);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let bed = Arc::clone(&bed);
            tokio::spawn(async move { bed.is_allowed("web").await })
        })
        .collect();
    for one in asking {
        assert!(one.await.unwrap());
    }
    assert_eq!(bed.fake.reviews.load(Ordering::SeqCst), 1);
    assert!(!bed.is_allowed("db").await);
    bed.fake.users.lock().unwrap().push("db".to_owned());
    let event =
        json!({"type": "ADDED", "object": {"metadata": {"namespace": "shop", "resourceVersion": "3"}}});
    bed.fake.tell("rolebindings", &event);
    bed.until("a new binding counts", async || bed.is_allowed("db").await)
        .await;
}

#[tokio::test]
async fn an_old_yes_is_asked_again_while_it_counts() {
    let freshness = Freshness {
        again: Duration::ZERO,
        // A yes counts no longer until all watches are open.
        no: Duration::from_mins(10),
        yes: Duration::from_mins(10),
        ..Freshness::default()
    };
    let bed = Bed::start_with(Duration::ZERO, freshness).await;
    // The first lists of roles drop what was answered before.
    bed.until("all is watched", async || bed.fake.watches() == 6)
        .await;
    assert!(bed.is_allowed("web").await);
    assert_eq!(bed.fake.reviews.load(Ordering::SeqCst), 1);
    // No role and no binding has changed, so that nobody tells of it.
    bed.fake.users.lock().unwrap().clear();
    assert!(
        bed.is_allowed("web").await,
        "what is known counts until it is asked again"
    );
    bed.until("the new answer counts", async || !bed.is_allowed("web").await)
        .await;
}

#[tokio::test]
async fn the_watch_tells_what_changes_and_begins_anew_when_it_is_too_old() {
    let bed = Bed::start(Duration::ZERO).await;
    let mutate = async |name: &str| {
        let answer = bed
            .review("/mutate", "web", json!({"gmsaCredentialSpecName": name}))
            .await;
        (answer["patch"].is_string(), answer["status"]["code"].as_u64())
    };
    assert_eq!(mutate("webapp1").await, (true, None));
    assert_eq!(mutate("webapp2").await, (false, Some(404)));
    bed.fake.put("webapp2", &json!({}));
    assert_eq!(mutate("webapp2").await, (true, None), "what is not held is asked");
    let gone =
        json!({"type": "DELETED", "object": bed.fake.specs.lock().unwrap().remove("webapp1").unwrap()});
    bed.fake.tell("gmsacredentialspecs", &gone);
    bed.until("it is gone", async || {
        mutate("webapp1").await == (false, Some(404))
    })
    .await;
    let lists = bed.fake.lists.load(Ordering::SeqCst);
    bed.fake.tell(
        "gmsacredentialspecs",
        &json!({"type": "ERROR", "object": {"code": 410}}),
    );
    bed.until("all are read again", async || {
        bed.fake.lists.load(Ordering::SeqCst) > lists
    })
    .await;
    bed.fake.is_away.store(true, Ordering::SeqCst);
    bed.until("it is held", async || mutate("webapp2").await == (true, None))
        .await;
    assert_eq!(mutate("webapp3").await, (false, Some(500)), "nobody can tell");
    let unknown = bed
        .review("/validate", "db", json!({"gmsaCredentialSpecName": "webapp2"}))
        .await;
    assert_eq!(unknown["status"]["code"], 503);
}

#[tokio::test]
async fn a_request_that_is_open_is_answered_before_the_end() {
    let mut bed = Bed::start(Duration::from_millis(500)).await;
    let end = bed.end.take().unwrap();
    let ((), allowed) = tokio::join!(
        async {
            bed.until("the review is asked", async || {
                bed.fake.reviews.load(Ordering::SeqCst) > 0
            })
            .await;
            end.send(()).unwrap();
        },
        bed.is_allowed("web")
    );
    assert!(allowed);
    assert!(timeout(SEEN, bed.served).await.unwrap().unwrap().is_ok());
}

/// What is answered to a HostProcess pod of that service account: the code, the warnings, and the answer.
async fn host_process(bed: &Bed, account: &str) -> (Option<u64>, Vec<String>, Value) {
    let options = json!({"hostProcess": true, "runAsUserName": "NT AUTHORITY\\LocalService"});
    let review = review(account, &options).replace(
        "\"securityContext\"",
        "\"containers\":[{\"name\":\"c\"}],\"securityContext\"",
    );
    let (status, body) = bed
        .send(Method::POST, "/validate", "application/json", review)
        .await;
    assert_eq!(status, 200, "{body}");
    let answer = serde_json::from_str::<Value>(&body).unwrap()["response"].take();
    let warnings = serde_json::from_value(answer["warnings"].clone()).unwrap_or_default();
    (answer["status"]["code"].as_u64(), warnings, answer)
}

#[tokio::test]
async fn a_namespaces_label_says_who_may_run_as_whom() {
    const ACCOUNT: &str = "nt authority\\local service";
    let bed = Bed::start(Duration::ZERO).await;
    let asked = || bed.fake.reviews.load(Ordering::SeqCst);
    // The watch has not told of the namespace: it is asked for. It has no label, and by default nobody is asked.
    bed.fake
        .namespaces
        .lock()
        .unwrap()
        .insert("shop".to_owned(), json!({}));
    assert_eq!(host_process(&bed, "web").await.0, None);
    assert_eq!(
        (bed.fake.namespaces_asked.load(Ordering::SeqCst), asked()),
        (1, 0)
    );
    bed.until("the watch tells of it", async || {
        bed.fake.label("shop", "enforce");
        let (_, metrics) = bed.get("/metrics").await;
        metrics
            .lines()
            .any(|line| line == "porthole_webhook_namespaces 1")
    })
    .await;
    let told = bed.fake.namespaces_asked.load(Ordering::SeqCst);
    let (_, warnings, answer) = host_process(&bed, "web").await;
    let text =
        "service account \"web\" is not authorized to `use` host account \"nt authority\\\\local service\"";
    assert_eq!(answer["status"]["message"], text);
    let cause = &answer["status"]["details"]["causes"][0];
    assert_eq!(
        cause["field"],
        "spec.securityContext.windowsOptions.runAsUserName"
    );
    assert!(
        warnings[0].contains("`hostaccounts.porthole.dev`"),
        "{warnings:?}"
    );
    // A new binding counts at once.
    bed.fake
        .host_accounts
        .lock()
        .unwrap()
        .push(("web".to_owned(), ACCOUNT.to_owned()));
    let event =
        json!({"type": "ADDED", "object": {"metadata": {"namespace": "shop", "resourceVersion": "3"}}});
    bed.fake.tell("rolebindings", &event);
    bed.until("the binding counts", async || {
        host_process(&bed, "web").await.0.is_none()
    })
    .await;
    let answer = host_process(&bed, "web").await.2;
    assert_eq!(answer["auditAnnotations"], json!({"host-accounts": ACCOUNT}));
    bed.fake.label("shop", "warn");
    bed.until("the other label counts", async || {
        host_process(&bed, "db").await.0.is_none()
    })
    .await;
    let (_, warnings, answer) = host_process(&bed, "db").await;
    assert_eq!(warnings, [text.replace("web", "db")]);
    assert_eq!(
        answer["auditAnnotations"]["host-accounts-problems"],
        text.replace("web", "db")
    );
    assert_eq!(
        bed.fake.namespaces_asked.load(Ordering::SeqCst),
        told,
        "the watch tells of them"
    );
    let (_, metrics) = bed.get("/metrics").await;
    for line in [
        "porthole_webhook_namespaces 1",
        "porthole_webhook_problems_total{problem=\"host-account-unauthorized\"} ",
        "porthole_webhook_host_accounts_total{result=\"refused\"} ",
        "porthole_webhook_host_accounts_total{result=\"warned\"} ",
        "porthole_webhook_host_accounts_total{result=\"allowed\"} ",
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line}\n{metrics}"
        );
    }
    assert!(bed.get("/readyz").await.1.contains("[+] namespaces are synced\n"));
}

#[tokio::test]
async fn of_a_namespace_of_which_nobody_can_tell_it_may_be_that_it_is_strict() {
    let bed = Bed::start(Duration::ZERO).await;
    bed.fake.is_away.store(true, Ordering::SeqCst);
    let (code, _, answer) = host_process(&bed, "web").await;
    assert_eq!(code, Some(503));
    let message = answer["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("cannot tell whether namespace \"shop\" enforces host accounts: "),
        "{message}"
    );
    // Pods that ask for no account do not hear of it.
    let other = bed
        .review("/validate", "web", json!({"runAsUserName": "ContainerUser"}))
        .await;
    assert_eq!(other["allowed"], true);
    assert_eq!(bed.fake.reviews.load(Ordering::SeqCst), 0);
}
