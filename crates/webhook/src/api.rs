//! The API server: requests that are asked now, and streams that stay open.
//!
//! One HTTP/2 connection carries all of it where the server speaks that. It is pinged, so that a server that is gone is
//! noticed; whom to trust and who one is are read anew when it no longer works.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use porthole_cluster::{Entrance, Target};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

use crate::connector::Connector;
use crate::metrics::Metrics;

/// For one request with its answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// Requests at once. Beyond them one waits; the server has its own priorities.
const AT_ONCE: usize = 64;
/// Credentials are not read, and plug-ins not run, more often.
const RENEWAL: Duration = Duration::from_secs(5);
/// Between pings, and for their answers.
const PING: Duration = Duration::from_secs(10);
/// How much of a server's own words is told.
const LONGEST_MESSAGE: usize = 400;

/// The longest answer to something that was written.
const LONGEST_ANSWER: usize = 4 << 20;

type Http = Client<Connector, Full<Bytes>>;

/// Why there is no answer, or not the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server says no.
    #[error("{message}")]
    Status {
        code: u16,
        message: String,
        /// The name of the object that the answer is about.
        name: String,
    },
    /// Nobody answers.
    #[error("{0}")]
    Away(String),
    /// The answer is none of an API server.
    #[error("the API server's answer cannot be read: {0}")]
    Strange(String),
}

impl ApiError {
    /// Whether the server is away, or too busy: another time it may answer.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Away(_)
                | Self::Status {
                    code: 429 | 500..,
                    ..
                }
        )
    }
}

/// Who one is to the server, and the connections of that one.
struct Session {
    entrance: Entrance,
    http: Http,
    begun: Instant,
}

/// The API server of a target.
pub(crate) struct Api {
    target: Target,
    session: Mutex<Option<Arc<Session>>>,
    at_once: Semaphore,
    metrics: Arc<Metrics>,
}

impl Api {
    pub(crate) fn new(target: Target, metrics: Arc<Metrics>) -> Self {
        Self {
            target,
            session: Mutex::new(None),
            at_once: Semaphore::new(AT_ONCE),
            metrics,
        }
    }

    /// Reads what is at a path, of at most so many bytes.
    pub(crate) async fn get(&self, path: &str, accept: &str, longest: usize) -> Result<Value, ApiError> {
        self.ask(&Call::get(path, accept), longest).await
    }

    /// Creates an object, or asks for what is only an answer: a review.
    pub(crate) async fn post(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.write(Method::POST, path, JSON, object).await
    }

    /// Replaces an object. Where it has a `resourceVersion`, only that one: else the answer is 409.
    pub(crate) async fn put(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.write(Method::PUT, path, JSON, object).await
    }

    /// Changes an object by a JSON patch (RFC 6902).
    pub(crate) async fn patch(&self, path: &str, changes: &Value) -> Result<Value, ApiError> {
        self.write(Method::PATCH, path, JSON_PATCH, changes).await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        object: &Value,
    ) -> Result<Value, ApiError> {
        let call = Call {
            method,
            path,
            accept: JSON,
            content_type,
            body: body_of(object),
        };
        self.ask(&call, LONGEST_ANSWER).await
    }

    /// Opens a stream. It has no end but the server's.
    pub(crate) async fn open(&self, path: &str, accept: &str) -> Result<Incoming, ApiError> {
        let call = Call::get(path, accept);
        let response = timeout(LIMIT, self.send(&call));
        let response = response.await.unwrap_or_else(|_| Err(slow()))?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        let status = response.status();
        let body = timeout(LIMIT, read(response.into_body(), 1 << 20));
        Err(refusal(status, &body.await.unwrap_or_else(|_| Err(slow()))?))
    }

    async fn ask(&self, call: &Call<'_>, longest: usize) -> Result<Value, ApiError> {
        let asking = async {
            // The semaphore is never closed.
            let _turn = self.at_once.acquire().await;
            let response = self.send(call).await?;
            let status = response.status();
            let bytes = read(response.into_body(), longest).await?;
            if !status.is_success() {
                return Err(refusal(status, &bytes));
            }
            // The parser ends where values nest deeper than 128.
            let value = serde_json::from_slice(&bytes).map_err(|error| {
                let place = format!("no JSON (line {}, column {})", error.line(), error.column());
                ApiError::Strange(place)
            });
            // It may have been a Secret.
            if let Ok(mut bytes) = bytes.try_into_mut() {
                bytes.zeroize();
            }
            value
        };
        let answer = timeout(LIMIT, asking).await.unwrap_or_else(|_| Err(slow()));
        self.metrics.api(match &answer {
            Ok(_) => "ok",
            Err(ApiError::Away(_)) => "away",
            Err(ApiError::Strange(_)) => "strange",
            Err(ApiError::Status { code: 500.., .. }) => "5xx",
            Err(ApiError::Status { .. }) => "4xx",
        });
        answer
    }

    /// Sends a request; once more where the connection was no longer one, or whoever asks no longer is who they were. All
    /// that is sent may be sent twice.
    async fn send(&self, call: &Call<'_>) -> Result<Response<Incoming>, ApiError> {
        let session = self.session().await?;
        let first = session.send(call).await;
        let is_spent = match &first {
            Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
            Err(_) => true,
        };
        if !is_spent {
            return first;
        }
        self.forget(&session);
        let session = self.session().await?;
        session.send(call).await
    }

    async fn session(&self) -> Result<Arc<Session>, ApiError> {
        if let Some(session) = &*self.session.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(session));
        }
        // Files are read and a plug-in may run.
        let target = self.target.clone();
        let entrance = tokio::task::spawn_blocking(move || Entrance::of(&target))
            .await
            .map_err(|error| ApiError::Away(error.to_string()))?
            .map_err(|error| ApiError::Away(error.to_string()))?;
        let session = Arc::new(Session::begin(entrance));
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(held.get_or_insert(session)))
    }

    fn forget(&self, session: &Arc<Session>) {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, session)) && session.begun.elapsed() > RENEWAL {
            *held = None;
        }
    }
}

/// What answers are wanted in.
pub(crate) const JSON: &str = "application/json";
/// RFC 6902.
const JSON_PATCH: &str = "application/json-patch+json";

/// A request.
struct Call<'a> {
    method: Method,
    path: &'a str,
    accept: &'a str,
    content_type: &'static str,
    body: Bytes,
}

impl<'a> Call<'a> {
    const fn get(path: &'a str, accept: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            accept,
            content_type: JSON,
            body: Bytes::new(),
        }
    }
}

/// An object as it goes over the wire, wiped when it has gone: it may be a Secret.
fn body_of(object: &Value) -> Bytes {
    // Keys of a value are text, so it is always written; with its final capacity nothing is left behind where a buffer grows.
    let mut length = Length(0);
    let _ = serde_json::to_writer(&mut length, object);
    let mut body = Zeroizing::new(Vec::with_capacity(length.0));
    let _ = serde_json::to_writer(&mut *body, object);
    Bytes::from_owner(body)
}

/// Counts what is written to it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Session {
    fn begin(entrance: Entrance) -> Self {
        let connector = Connector::of(&entrance);
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_mins(5))
            .pool_max_idle_per_host(8)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        Self {
            entrance,
            http,
            begun: Instant::now(),
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Response<Incoming>, ApiError> {
        let away = |error: &dyn std::error::Error| ApiError::Away(causes(error));
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.entrance.target().server(), call.path))
            .header(header::ACCEPT, call.accept)
            .header(
                header::USER_AGENT,
                concat!("porthole/", env!("CARGO_PKG_VERSION")),
            );
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, call.content_type);
        }
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.entrance.headers().map_err(|error| away(&error))?);
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|error| away(&error))?;
        self.http.request(request).await.map_err(|error| away(&error))
    }
}

async fn read(body: Incoming, longest: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, longest).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ApiError::Strange(format!("it is longer than {longest} bytes")))
        }
        Err(error) => Err(ApiError::Away(causes(&*error))),
    }
}

/// What the server says, in the words that Go's client has for it.
fn refusal(status: StatusCode, body: &[u8]) -> ApiError {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = said["details"]["name"].as_str().unwrap_or_default();
    let message = match said["message"].as_str() {
        Some(message) if said["kind"] == "Status" && !message.trim().is_empty() => clean(message),
        _ if status == StatusCode::NOT_FOUND => "the server could not find the requested resource".to_owned(),
        _ => format!("the API server answers {}", status.as_u16()),
    };
    ApiError::Status {
        code: status.as_u16(),
        message,
        name: name.to_owned(),
    }
}

fn slow() -> ApiError {
    ApiError::Away(format!(
        "the API server has not answered in {} s",
        LIMIT.as_secs()
    ))
}

/// An error with what caused it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    clean(&text)
}

/// Words as they can be told.
pub(crate) fn clean(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .take(LONGEST_MESSAGE)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(LONGEST_MESSAGE).is_some() {
        clean.push('…');
    }
    clean
}
