//! One request, and its answer.

use std::io::Read as _;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, HeaderValue, Method, Request, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, SocksConnector, TcpConnector};

use super::Bounds;
use crate::connector::{ByProxy, ProxyError, Tls};
use crate::entrance::{Entrance, error_of};
use crate::error::{Problem, Result};
use crate::proxy::Proxy;
use crate::target::Target;

/// How much of a server's own words is told.
const LONGEST_MESSAGE: usize = 400;
/// How many conflicts of an object are told.
const MOST_CONFLICTS: usize = 20;
/// How many warnings of an answer are told.
const MOST_WARNINGS: usize = 20;

/// Connections of somebody.
#[derive(Debug)]
pub(super) struct Session {
    agent: Agent,
    entrance: Entrance,
}

/// What is asked of a server.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    /// Its content type and its bytes.
    pub(super) body: Option<(&'static str, &'a [u8])>,
}

impl<'a> Question<'a> {
    /// What is at a path.
    pub(super) const fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
        }
    }

    /// The verb that an error says.
    pub(super) fn doing(&self) -> &'static str {
        match self.method {
            Method::PATCH => "apply",
            Method::DELETE => "remove",
            Method::POST => "ask",
            _ => "read",
        }
    }
}

/// What a server has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The texts of its warnings.
    pub(super) warnings: Vec<String>,
    body: Vec<u8>,
    location: Option<String>,
}

impl Session {
    /// Finds out who one is. Nothing is sent yet.
    pub(super) fn begin(target: &Target, bounds: &Bounds) -> Result<Self> {
        let entrance = Entrance::of(target)?;
        let config = Agent::config_builder()
            .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .https_only(target.is_encrypted())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(64 << 10)
            .timeout_resolve(Some(bounds.connect))
            .timeout_connect(Some(bounds.connect))
            .timeout_global(Some(bounds.total))
            .proxy(entrance.proxy().map(Proxy::for_agent))
            .build();
        let connector =
            ().chain(ByProxy::<SocksConnector>::default())
                .chain(ByProxy::<ConnectProxyConnector>::default())
                .chain(TcpConnector::default())
                .chain(Tls::of(&entrance));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, entrance })
    }

    /// Whether a plug-in has said who one is.
    pub(super) const fn is_of_plugin(&self) -> bool {
        self.entrance.is_of_plugin()
    }

    /// The HTTP client's error in this crate's words, with the proxy where it is the proxy's.
    fn problem(&self, error: ureq::Error) -> Problem {
        let error = match (error, self.entrance.proxy()) {
            (ureq::Error::Other(inner), Some(proxy)) => match inner.downcast::<ProxyError>() {
                Ok(inner) => {
                    return Problem::Proxy {
                        address: proxy.address(),
                        problem: Box::new(problem(inner.0)),
                    };
                }
                Err(inner) => ureq::Error::Other(inner),
            },
            (error, _) => error,
        };
        problem(error)
    }

    /// Asks, again where the server is busy: whom it sends away it has not listened to.
    pub(super) fn ask(&self, target: &Target, bounds: &Bounds, question: &Question<'_>) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let (answer, wait) = self.ask_once(target, bounds, question)?;
            let busy = answer.status == 429 && attempt < bounds.attempts;
            match wait.filter(|_| busy) {
                Some(wait) if wait <= bounds.wait => thread::sleep(wait),
                _ => return Ok(answer),
            }
            attempt += 1;
        }
    }

    fn ask_once(
        &self,
        target: &Target,
        bounds: &Bounds,
        question: &Question<'_>,
    ) -> Result<(Answer, Option<Duration>)> {
        let Question { method, path, body } = question;
        let wrong = |problem| error_of(target, question.doing(), path, problem);
        let unsent = |error: ureq::http::Error| wrong(Problem::Broken(error.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", target.server))
            .header(header::ACCEPT, "application/json");
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.entrance.headers()?);
        }
        let response = match body {
            Some((kind, bytes)) => {
                let request = request.header(header::CONTENT_TYPE, *kind).body(*bytes);
                self.agent.run(request.map_err(unsent)?)
            }
            None => self.agent.run(request.body(()).map_err(unsent)?),
        };
        let response = response.map_err(|error| wrong(self.problem(error)))?;
        let status = response.status().as_u16();
        let text = |name| {
            let value: Option<&HeaderValue> = response.headers().get(name);
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let location = text(header::LOCATION);
        let wait = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let warnings = warnings(response.headers());
        let mut body = Vec::new();
        let reader = response
            .into_body()
            .into_with_config()
            .limit(bounds.answer + 2)
            .reader();
        reader
            .take(bounds.answer + 1)
            .read_to_end(&mut body)
            .map_err(|error| wrong(self.problem(error.into())))?;
        if body.len() as u64 > bounds.answer {
            return Err(wrong(Problem::TooLong(bounds.answer)));
        }
        let answer = Answer {
            status,
            warnings,
            body,
            location,
        };
        Ok((answer, wait.map(Duration::from_secs)))
    }
}

impl Answer {
    /// Whether the answer is that there is no such object, and not that there is no such kind.
    pub(super) fn lacks_object(&self, name: &str) -> bool {
        let status: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        status["reason"] == "NotFound" && status["details"]["name"] == name
    }

    /// Its length and its JSON, where it is good.
    pub(super) fn json(self) -> Result<(u64, Value), Problem> {
        match self.status {
            // What is accepted is done later, such as the removal of what has finalizers.
            200..=202 => {}
            301..=308 => {
                let to = self.location.as_deref().and_then(|to| to.split('?').next());
                return Err(Problem::Redirect(clean(to.unwrap_or("nowhere"))));
            }
            401 => return Err(Problem::Unauthorized),
            status => {
                let said: Option<Value> = serde_json::from_slice(&self.body).ok();
                let is_status = said.as_ref().is_some_and(|said| said["kind"] == "Status");
                let message = said.as_ref().and_then(|said| said["message"].as_str());
                let message = clean(message.filter(|_| is_status).unwrap_or_default());
                let conflicts = conflicts(said.as_ref().filter(|_| is_status));
                return Err(match status {
                    409 if !conflicts.is_empty() => Problem::Conflict(conflicts),
                    403 if !message.is_empty() => Problem::Forbidden(message),
                    // What is not there has a name, such as the namespace of an object.
                    404 if is_status && !names_object(said.as_ref()) => Problem::NotServed,
                    status => Problem::Status { status, message },
                });
            }
        }
        // The parser ends where values nest deeper than 128.
        let value = serde_json::from_slice(&self.body).map_err(|error| {
            Problem::Strange(format!(
                "no JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        Ok((self.body.len() as u64, value))
    }
}

/// Whether a status is of an object, and not of a kind.
fn names_object(status: Option<&Value>) -> bool {
    let name = status.and_then(|status| status["details"]["name"].as_str());
    name.is_some_and(|name| !name.is_empty())
}

/// Who keeps other values in which fields, where that is why an object is not applied.
fn conflicts(status: Option<&Value>) -> Vec<String> {
    let causes = status.and_then(|status| status["details"]["causes"].as_array());
    let of_fields = causes
        .into_iter()
        .flatten()
        .filter(|cause| cause["reason"] == "FieldManagerConflict");
    of_fields
        .take(MOST_CONFLICTS)
        .map(|cause| {
            let text = |name: &str| cause[name].as_str().unwrap_or_default();
            // `conflict with "helm" using v1`.
            let manager = text("message").split('"').nth(1).unwrap_or_default();
            clean(&format!("{} ({manager})", text("field")))
        })
        .collect()
}

/// The texts of `Warning: 299 - "text"`, in which quotes and backslashes have a backslash before them.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all("Warning").iter().filter_map(|value| {
        let value = value.to_str().ok()?;
        let quoted = value.split_once('"')?.1.strip_suffix('"')?;
        let mut text = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            text.extend(if character == '\\' {
                characters.next()
            } else {
                Some(character)
            });
        }
        Some(clean(&text))
    });
    texts.take(MOST_WARNINGS).collect()
}

/// A server's words as they can be printed.
pub(super) fn clean(text: &str) -> String {
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

/// What a proxy answers to CONNECT that is no yes. The HTTP client has `… responded STATUS/STATUS`.
fn of_connect(reason: &str) -> String {
    let status = reason.rsplit(['/', ' ']).next().unwrap_or_default();
    match status {
        "407" => "it wants another user or password (407 Proxy Authentication Required)".to_owned(),
        status if status.parse::<u16>().is_ok() => format!("it answers {status}"),
        _ => "it ends the connection without an answer".to_owned(),
    }
}

/// The HTTP client's error in this crate's words.
fn problem(error: ureq::Error) -> Problem {
    use ureq::Error as E;
    match error {
        E::HostNotFound => Problem::NoHost,
        E::Timeout(what) => Problem::Slow(what.to_string()),
        E::Rustls(error) => of_tls(&error),
        E::Io(error) => of_io(&error),
        E::ConnectProxyFailed(reason) => Problem::Broken(of_connect(&reason)),
        other => Problem::Broken(other.to_string()),
    }
}

fn of_io(error: &std::io::Error) -> Problem {
    let inner = error.get_ref();
    if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(error);
    }
    match inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(what)) => return Problem::Slow(what.to_string()),
        Some(ureq::Error::Rustls(error)) => return of_tls(error),
        _ => {}
    }
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Problem::Refused,
        std::io::ErrorKind::UnexpectedEof => Problem::Broken("the connection ends too early".to_owned()),
        std::io::ErrorKind::TimedOut => Problem::Slow("connect".to_owned()),
        _ if has_no_address(error) => Problem::NoHost,
        _ => Problem::Broken(error.to_string()),
    }
}

/// The standard library has no kind of its own for a name without an address: on Windows there is the socket library's number
/// (host not found, try again, no data), elsewhere a text.
fn has_no_address(error: &std::io::Error) -> bool {
    if cfg!(windows) {
        matches!(error.raw_os_error(), Some(11001 | 11002 | 11004))
    } else {
        error
            .to_string()
            .starts_with("failed to lookup address information")
    }
}

fn of_tls(error: &rustls::Error) -> Problem {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(why) => Problem::Certificate(why.to_string()),
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::CertificateRequired),
        ) => Problem::ClientCertificate(format!("{alert:?}")),
        other => Problem::Broken(other.to_string()),
    }
}
