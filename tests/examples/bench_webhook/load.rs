//! The load: reviews over kept connections, and how fast they are answered.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use porthole_tests::failure::{Doing, Failure, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::SECONDS;
use super::pods::{Kind, Reviews};

const CONNECTIONS: usize = 16;

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Told {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
    /// Of an answer; all are as long.
    pub(crate) bytes: usize,
}

impl Told {
    pub(crate) fn read(text: &str) -> Result<Self> {
        let what = "read what a load told";
        let told: Value = serde_json::from_str(text).doing(what)?;
        let number = |name: &str| {
            told[name]
                .as_f64()
                .ok_or_else(|| Failure::new(what, format!("no `{name}`")))
        };
        let bytes = told["bytes"]
            .as_u64()
            .and_then(|bytes| usize::try_from(bytes).ok());
        Ok(Self {
            rate: number("rate")?,
            p50: number("p50")?,
            p99: number("p99")?,
            bytes: bytes.ok_or_else(|| Failure::new(what, "no `bytes`"))?,
        })
    }
}

/// Asks one server for some seconds. Where `bytes` is 0, it is the webhook, and all must be allowed.
pub(crate) fn run(directory: &Path, address: &str, kind: &str, bytes: &str) -> Result<()> {
    let kind = Kind::of(kind)?;
    let bytes: usize = bytes.parse().doing("read the number of bytes")?;
    let path = if bytes == 0 {
        kind.path().to_owned()
    } else {
        format!("{}/{bytes}", kind.path())
    };
    let roots = super::server::roots(directory)?;
    let tls = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .doing("start threads")?;
    let asked = Asked {
        address: address.to_owned(),
        path,
        tls: TlsConnector::from(Arc::new(tls)),
        reviews: Reviews::new(kind),
        is_webhook: bytes == 0,
    };
    println!("{}", runtime.block_on(all(Arc::new(asked)))?);
    Ok(())
}

struct Asked {
    address: String,
    path: String,
    tls: TlsConnector,
    reviews: Reviews,
    is_webhook: bool,
}

async fn all(asked: Arc<Asked>) -> Result<Value> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(SECONDS);
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(one(Arc::clone(&asked), until));
    }
    let mut times = Vec::new();
    let mut bytes = 0;
    while let Some(done) = connections.join_next().await {
        let (of_one, length) = done.doing("wait for a connection")??;
        times.extend(of_one);
        if bytes != 0 && bytes != length {
            return Err(Failure::new(
                "compare answers",
                format!("one has {bytes} bytes, another {length}"),
            ));
        }
        bytes = length;
    }
    let seconds = begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default();
        time.as_secs_f64() * 1000.0
    };
    let count = u32::try_from(times.len()).doing("count the requests")?;
    Ok(json!({"rate": f64::from(count) / seconds, "p50": at(50), "p99": at(99), "bytes": bytes}))
}

/// One connection: the time of each of its requests, and how long the answers were.
async fn one(asked: Arc<Asked>, until: Instant) -> Result<(Vec<Duration>, usize)> {
    let mut sender = asked.connect().await?;
    let mut random = fastrand::Rng::new();
    let mut times = Vec::new();
    let mut bytes = 0;
    while Instant::now() < until {
        let body = Full::new(Bytes::from(asked.reviews.next(&mut random)));
        let request = Request::post(&asked.path)
            .header("Host", &asked.address)
            .header("Content-Type", "application/json")
            .body(body)
            .doing("write a request")?;
        let begun = Instant::now();
        let answer = sender.send_request(request).await.doing("ask")?;
        let status = answer.status();
        let text = answer
            .into_body()
            .collect()
            .await
            .doing("read an answer")?
            .to_bytes();
        times.push(begun.elapsed());
        let refused = status != 200 || (asked.is_webhook && !is_allowed(&text));
        if refused || (bytes != 0 && bytes != text.len()) {
            let text = String::from_utf8_lossy(&text);
            return Err(Failure::new("ask", format!("it answered {status} {text}")));
        }
        bytes = text.len();
    }
    Ok((times, bytes))
}

/// Whether a review is allowed. Looked for rather than parsed: the load shares its processors with the server.
fn is_allowed(text: &[u8]) -> bool {
    const ALLOWED: &[u8] = br#""allowed":true"#;
    text.windows(ALLOWED.len()).any(|part| part == ALLOWED)
}

impl Asked {
    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let what = "connect";
        let socket = TcpStream::connect(&self.address).await.doing(what)?;
        socket.set_nodelay(true).doing(what)?;
        let name = ServerName::try_from("127.0.0.1").doing(what)?;
        let stream = self.tls.connect(name, socket).await.doing(what)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .doing(what)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
