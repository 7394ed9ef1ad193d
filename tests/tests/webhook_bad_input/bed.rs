//! The webhook at an API server that is none: it has a credential spec and an answer to every access review.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use porthole_tests::kubernetes::{Certificates, Webhook};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// For one answer of a server that is told nonsense.
const LIMIT: Duration = Duration::from_secs(20);
/// As much as is read of what an API server is asked.
const LARGEST: usize = 1 << 20;

pub(super) struct Bed {
    webhook: Webhook,
    agent: ureq::Agent,
    authority: String,
    _runtime: tokio::runtime::Runtime,
    _directory: tempfile::TempDir,
}

impl Bed {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(cluster)).await });

        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (authority, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let secret = directory.path().join("secret");
        std::fs::create_dir(&secret).unwrap();
        let certificates = Certificates::new(&secret, &authority, &key).unwrap();
        // All that can be told is told.
        let arguments = ["--log-level=trace"];
        let place = directory.path();
        let webhook = Webhook::start_at(&kubeconfig, place, &certificates, &authority, &arguments).unwrap();
        Self {
            agent: webhook.agent(1).unwrap(),
            webhook,
            authority,
            _runtime: runtime,
            _directory: directory,
        }
    }

    /// The `response` to a body, which is always a review.
    pub(super) fn answer(&self, path: &str, body: &[u8]) -> Value {
        let shown = || String::from_utf8_lossy(&body[..body.len().min(4000)]).into_owned();
        let answer = self.webhook.review(&self.agent, path, body);
        let (code, text) =
            answer.unwrap_or_else(|failure| panic!("{failure}: {}\n{}", shown(), self.webhook.said()));
        assert_eq!(code, 200, "{}", shown());
        let mut review: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(review["kind"], "AdmissionReview");
        review["response"].take()
    }

    /// The answer to a body that is longer than is read, which comes before all of it is there.
    pub(super) fn answer_to_too_much(&self, path: &str, body: &str) -> Value {
        let length = body.len();
        let said = self.say(
            format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said:?}"));
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut review: Value = serde_json::from_str(body).unwrap();
        review["response"].take()
    }

    /// What `/mutate` adds.
    pub(super) fn patch(&self, review: &str) -> Value {
        use base64::Engine as _;
        let answer = self.answer("/mutate", review.as_bytes());
        let patch = answer["patch"].as_str().unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let address = self.webhook.address().strip_prefix("https://").unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
        socket
    }

    /// Says something that is no TLS, and waits until the server hangs up.
    pub(super) fn say_in_the_clear(&self, bytes: &[u8]) {
        let mut socket = self.connect();
        socket.write_all(bytes).unwrap();
        let mut said = Vec::new();
        // It may hang up hard.
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP"), "{said:?}");
    }

    fn stream(&self) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        let certificate =
            rustls::pki_types::CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        rustls::StreamOwned::new(connection, self.connect())
    }

    /// Says something under TLS, as it is: what the server answers until it hangs up.
    pub(super) fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.stream();
        // Who has heard enough may answer before all is said, and hang up hard then: what has come until then is read.
        let _ = stream.write_all(bytes);
        let (connection, socket) = (&mut stream.conn, &mut stream.sock);
        let mut said = Vec::new();
        while connection.read_tls(socket).is_ok_and(|read| read > 0) {
            connection.process_new_packets().unwrap();
            let _ = connection.reader().read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Says something under TLS and hangs up.
    pub(super) fn hang_up_after(&self, bytes: &[u8]) {
        let mut stream = self.stream();
        stream.write_all(bytes).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }

    /// Its memory that is no file's, in KiB.
    pub(super) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.webhook.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// It lives, answers as ever, has had no panic, and has told nobody what is in pods.
    pub(super) fn is_well(&self, secret: &str) {
        let (code, _) = self.webhook.get(&self.agent, "/livez").unwrap();
        assert_eq!(code, 200);
        let patch = self.patch(&super::review(&super::pod()).to_string());
        assert_eq!(patch[0]["value"], "{\"CmsPlugins\":[\"ActiveDirectory\"]}");
        let said = self.webhook.said();
        for word in [secret, "CmsPlugins", "panicked"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

/// What the API server answers.
async fn cluster(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if request
        .uri()
        .query()
        .is_some_and(|query| query.contains("watch=1"))
    {
        // Nothing ever changes.
        return Body::from_stream(tokio_stream::pending::<Result<Bytes, Infallible>>()).into_response();
    }
    if request.method() == Method::POST {
        let body = axum::body::to_bytes(request.into_body(), LARGEST)
            .await
            .unwrap_or_default();
        let mut review: Value = serde_json::from_slice(&body).unwrap_or_default();
        let user = review["spec"]["user"].as_str().unwrap_or_default();
        let account = user.rsplit(':').next().unwrap_or_default();
        review["status"] = match account {
            "away" => return (StatusCode::INTERNAL_SERVER_ERROR, "no").into_response(),
            "quota" => json!({"allowed": false, "reason": "quota 100% used: %s%d \"x\""}),
            "denied" => json!({"allowed": true, "denied": true}),
            "silent" => json!({}),
            _ => json!({"allowed": account == "web"}),
        };
        return (StatusCode::CREATED, review.to_string()).into_response();
    }
    let spec = json!({"metadata": {"name": "webapp1", "resourceVersion": "1"}, "credspec": {"CmsPlugins": ["ActiveDirectory"]}});
    let items = if path.ends_with("/gmsacredentialspecs") {
        vec![spec]
    } else {
        Vec::new()
    };
    if let Some((_, name)) = path.split_once("/gmsacredentialspecs/") {
        let (status, text) = odd(name);
        let status = StatusCode::from_u16(status).unwrap_or_default();
        return (status, text).into_response();
    }
    json!({"metadata": {"resourceVersion": "1"}, "items": items})
        .to_string()
        .into_response()
}

/// What is answered for a credential spec that is not there, by its name.
fn odd(name: &str) -> (u16, String) {
    let status = |code: u16, message: &str| {
        let status = json!({"kind": "Status", "message": message, "code": code});
        (code, status.to_string())
    };
    match name {
        // As an authoriser says it that misses a role.
        "forbidden" => status(403, "RBAC: clusterrole \"y\" not found"),
        "short" => status(500, "no"),
        "wordless" => status(500, ""),
        "page" => (404, "404 page not found".to_owned()),
        "nonsense" => (200, "{\"credspec\": ".to_owned()),
        "list" => (200, "[]".to_owned()),
        _ => {
            let status = json!({"kind": "Status", "reason": "NotFound", "details": {"name": name}, "message": "no", "code": 404});
            (404, status.to_string())
        }
    }
}
