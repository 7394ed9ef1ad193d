//! What is answered where: the paths of the existing webhook, and those of probes and measurements.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, EXPECT, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use porthole_admission::decide::{Decision, Endpoint, LIMITS, Review, ReviewError, refuse};
use rustls::crypto::CryptoProvider;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::answer::{Manner, answer};
use crate::certificate::Certificates;
use crate::cluster::Cluster;
use crate::log::{Log, timestamp};
use crate::metrics::{self, Gauged, Metrics};

/// For a body to come.
const BODY: Duration = Duration::from_secs(10);
/// Bytes of a body that is too long which may still come before it is answered.
const DRAINED: usize = 64 << 20;
/// How long the API server waits, where it does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// KiB of bodies that are held at once. Beyond them one waits.
const HELD: u32 = 128 << 10;

type Answer = Response<Full<Bytes>>;

/// What all requests share.
pub(crate) struct Service {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
    pub(crate) random_hostname: bool,
    pub(crate) runtime_classes: Arc<[String]>,
    pub(crate) random: Arc<CryptoProvider>,
    /// Whether the server is about to end.
    pub(crate) draining: AtomicBool,
    pub(crate) connections: AtomicUsize,
    pub(crate) held: Semaphore,
    /// For how long a connection is kept on which nothing is asked, at least.
    pub(crate) silence: Duration,
}

/// The semaphore of a [`Service`].
pub(crate) fn held() -> Semaphore {
    Semaphore::new(HELD as usize)
}

impl Service {
    /// Answers a request.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Answer {
        let version = request.version();
        let begun = Instant::now();
        let (path, outcome, mut answer) = match request.uri().path() {
            "/mutate" => self.review("/mutate", Endpoint::Mutate, request, begun).await,
            "/validate" => self.review("/validate", Endpoint::Validate, request, begun).await,
            "/health" => ("/health", "ok", empty(StatusCode::NO_CONTENT)),
            "/info" => {
                let version = json!({"version": crate::VERSION}).to_string();
                ("/info", "ok", typed(StatusCode::OK, "application/json", version))
            }
            "/livez" => (
                "/livez",
                "ok",
                typed(StatusCode::OK, "text/plain", "ok\n".to_owned()),
            ),
            "/readyz" => self.readiness(),
            "/metrics" => {
                let text = self.metrics.render(&self.gauged());
                (
                    "/metrics",
                    "ok",
                    typed(StatusCode::OK, metrics::CONTENT_TYPE, text),
                )
            }
            _ => ("other", "404", empty(StatusCode::NOT_FOUND)),
        };
        self.metrics.answered(path, outcome, begun.elapsed());
        // Whoever speaks HTTP/1.1 goes elsewhere with the next request; HTTP/2 has its own word for that.
        if self.draining.load(Ordering::SeqCst) && version <= Version::HTTP_11 {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn review(
        &self,
        path: &'static str,
        endpoint: Endpoint,
        request: Request<Incoming>,
        begun: Instant,
    ) -> (&'static str, &'static str, Answer) {
        if request.method() != Method::POST {
            return (path, "405", empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        if request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(b"application/json") {
            return (path, "415", empty(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let deadline = tokio::time::Instant::from_std(begun) + timeout_in(request.uri().query()).mul_f64(0.9);
        let size = request.body().size_hint().upper().unwrap_or(u64::MAX);
        let kib = size.div_ceil(1024).min(LIMITS.max_bytes as u64 / 1024).max(1);
        let kib = u32::try_from(kib).unwrap_or(HELD);
        // It is never closed; who waits too long for a turn is told so by whoever asked.
        let turn = self.held.acquire_many(kib).await;
        let known = request.body().size_hint().exact();
        // Over HTTP/2 an answer arrives whatever else is sent. Who says how long the body is and waits for a word has sent nothing,
        // since that word is not given; without a length it is, as soon as the body is read. More than is drained would meet the
        // reset anyway.
        let sends_on = request.version() <= Version::HTTP_11
            && known.is_none_or(|length| length <= DRAINED as u64 && !request.headers().contains_key(EXPECT));
        let mut body = request.into_body();
        let until = tokio::time::Instant::now() + BODY;
        let decision = match read(&mut body, until).await {
            Ok(body) => match Review::read(&body, &LIMITS) {
                Ok(review) => {
                    drop(body);
                    let manner = self.manner();
                    let metrics = &self.metrics;
                    let decision = answer(&self.cluster, metrics, endpoint, &review, &manner, deadline).await;
                    self.tell(path, &review, &decision);
                    decision
                }
                Err(error) => self.refuse(path, &error),
            },
            Err(BodyError::TooLong) => {
                drop(turn);
                if sends_on {
                    drain(&mut body, until).await;
                }
                let most = LIMITS.max_bytes;
                // Without a length it has at least one more than is read.
                let found = known.and_then(|length| usize::try_from(length).ok());
                let found = found.unwrap_or(most + 1);
                self.refuse(path, &ReviewError::TooLong { found, most })
            }
            Err(BodyError::Slow) => return (path, "408", empty(StatusCode::REQUEST_TIMEOUT)),
            Err(BodyError::Broken) => return (path, "400", empty(StatusCode::BAD_REQUEST)),
        };
        let outcome = match decision.patch() {
            Some(changes) if changes.is_empty() => "allowed",
            Some(_) => "patched",
            None => "denied",
        };
        for problem in decision.denial().iter().flat_map(|denial| denial.problems()) {
            self.metrics.refused(problem.id);
        }
        if let Some(outcome) = decision.host_accounts {
            self.metrics.host_accounts(outcome);
        }
        let answer = typed(StatusCode::OK, "application/json", decision.to_json());
        (path, outcome, answer)
    }

    /// By what else this review is decided.
    fn manner(&self) -> Manner {
        let mut bits = [0; 6];
        let is_filled = self.random_hostname && self.random.secure_random.fill(&mut bits).is_ok();
        Manner {
            hostname: is_filled.then_some(bits),
            runtime_classes: Arc::clone(&self.runtime_classes),
        }
    }

    fn refuse(&self, path: &'static str, error: &ReviewError) -> Decision {
        self.log
            .warn("a body is no review", &[("path", &path), ("reason", error)]);
        refuse(error)
    }

    /// Says in the log what was decided: of the pod its namespace and name, and nothing that is in it.
    fn tell(&self, path: &'static str, review: &Review, decision: &Decision) {
        let (uid, namespace, operation) = (review.uid(), review.namespace(), review.operation());
        for note in &decision.notes {
            self.log.warn(note, &[("uid", &uid), ("namespace", &namespace)]);
        }
        let Some(denial) = decision.denial() else {
            self.log.debug(
                "allowed",
                &[
                    ("path", &path),
                    ("uid", &uid),
                    ("namespace", &namespace),
                    ("operation", &operation),
                ],
            );
            return;
        };
        let problems: Vec<&str> = denial.problems().iter().map(|problem| problem.id).collect();
        let problems = problems.join(",");
        self.log.info(
            "denied",
            &[
                ("path", &path),
                ("uid", &uid),
                ("namespace", &namespace),
                ("name", &review.name()),
                ("operation", &operation),
                ("code", &denial.code()),
                ("problems", &problems),
            ],
        );
    }

    /// Whether reviews may come, and what is in their way.
    fn readiness(&self) -> (&'static str, &'static str, Answer) {
        let validity = self.certificates.validity();
        let draining = self.draining.load(Ordering::SeqCst);
        let checks = [
            ("certificate is valid", validity.holds(SystemTime::now())),
            ("credential specs are synced", self.cluster.store.is_ready()),
            ("namespaces are synced", self.cluster.namespaces.is_ready()),
            ("not ending", !draining),
        ];
        let is_ready = checks.iter().all(|(_, good)| *good);
        let line = |(name, good): &(&str, bool)| format!("[{}] {name}\n", if *good { '+' } else { '-' });
        let text: String = checks.iter().map(line).collect();
        if is_ready {
            ("/readyz", "ok", typed(StatusCode::OK, "text/plain", text))
        } else {
            (
                "/readyz",
                "503",
                typed(StatusCode::SERVICE_UNAVAILABLE, "text/plain", text),
            )
        }
    }

    fn gauged(&self) -> Gauged {
        let extent = self.cluster.store.extent();
        Gauged {
            namespaces: self.cluster.namespaces.extent().objects,
            specs: extent.objects,
            spec_bytes: extent.bytes,
            synced: extent.synced,
            age: extent.age,
            answers: self.cluster.permits.count(),
            certificate_until: self.certificates.validity().until,
            connections: self.connections.load(Ordering::SeqCst),
        }
    }
}

/// Says until when the certificate in use is valid.
pub(crate) fn tell_certificate(certificates: &Certificates, log: &Log, message: &str) {
    let until = u64::try_from(certificates.validity().until).unwrap_or_default();
    let until = timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(until));
    log.info(message, &[("until", &until)]);
}

enum BodyError {
    TooLong,
    Slow,
    Broken,
}

async fn read(body: &mut Incoming, until: tokio::time::Instant) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > LIMITS.max_bytes as u64 {
        return Err(BodyError::TooLong);
    }
    match tokio::time::timeout_at(until, Limited::new(body, LIMITS.max_bytes).collect()).await {
        Err(_) => Err(BodyError::Slow),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(_)) => Err(BodyError::Broken),
    }
}

/// Lets the rest of a body come that is too long, without keeping it. Of a connection that is closed while the other side
/// still sends, that side may see a reset where it should see the answer (RFC 9112 §9.6).
async fn drain(body: &mut Incoming, until: tokio::time::Instant) {
    let coming = async {
        let mut left = DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whoever takes longer may see the reset.
    let _ = tokio::time::timeout_at(until, coming).await;
}

/// How long the API server waits for the answer, as it says in `?timeout=10s`.
fn timeout_in(query: Option<&str>) -> Duration {
    let parts = query.unwrap_or_default().split('&');
    let said = parts.filter_map(|part| part.strip_prefix("timeout=")?.strip_suffix('s')?.parse().ok());
    said.map(|seconds: u64| Duration::from_secs(seconds.clamp(1, 30)))
        .next()
        .unwrap_or(TIMEOUT)
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn typed(status: StatusCode, media_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_says_how_long_it_waits() {
        for (query, seconds) in [
            (None, 10),
            (Some("timeout=3s"), 3),
            (Some("a=b&timeout=15s"), 15),
            (Some("timeout=9999999s"), 30),
            (Some("timeout=0s"), 1),
            (Some("timeout=2m"), 10),
        ] {
            assert_eq!(timeout_in(query), Duration::from_secs(seconds), "{query:?}");
        }
    }
}
