//! HTTPS to an API server: JSON there, and the whole answer back.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsConfigBuilder};

use super::ApiServer;
use crate::failure::{Doing, Failure, Result};

/// For one request, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(1);
/// More than any answer here; what a server says of all its kinds is 3 MB.
const LARGEST: u64 = 64 << 20;

/// A user at an API server. It keeps its connections, and may be used by several threads at once.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    address: String,
    token: String,
}

/// What an API server has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub code: u16,
    /// The body as it came.
    pub body: String,
    /// The texts of the `Warning` headers, in their order: what kubectl prints behind `Warning: `.
    pub warnings: Vec<String>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).doing(format!("read the answer {} {}", self.code, self.body))
    }
}

/// Why there is no answer.
struct NoAnswer {
    failure: Failure,
    /// Whether the server ended the connection in the place of one.
    was_ended: bool,
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            was_ended: false,
        }
    }
}

impl Client {
    /// The administrator of a server.
    ///
    /// # Errors
    /// The server's certificates cannot be read.
    pub fn new(server: &ApiServer) -> Result<Self> {
        Self::with_token(server, server.token())
    }

    /// Whoever has this token.
    ///
    /// # Errors
    /// The server's certificates cannot be read.
    pub fn with_token(server: &ApiServer, token: &str) -> Result<Self> {
        let path = server.certificates();
        let what = format!("read `{}`", path.display());
        let pem = std::fs::read(&path).doing(&what)?;
        Ok(Self::over(trusting(&pem, &what)?, server.address(), token))
    }

    /// Whoever has this token, at a server on this machine that runs already (`https://127.0.0.1:PORT`). It is not asked
    /// who it is.
    #[must_use]
    pub fn of_running(address: &str, token: &str) -> Self {
        Self::over(tls().disable_verification(true).build(), address, token)
    }

    fn over(tls: TlsConfig, address: &str, token: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(true)
            .proxy(None)
            .max_redirects(0)
            .timeout_global(Some(LIMIT))
            .tls_config(tls)
            .build()
            .new_agent();
        Self {
            agent,
            address: address.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Reads what is at a path, such as `/api/v1/namespaces/default/pods/NAME`.
    ///
    /// # Errors
    /// There is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send(&Method::GET, path, "", None)
    }

    /// Creates an object, whose JSON goes over as it is: keys that are there twice and all.
    ///
    /// # Errors
    /// There is no answer.
    pub fn post(&self, path: &str, json: &str) -> Result<Answer> {
        self.send(&Method::POST, path, "application/json", Some(json))
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// There is no answer.
    pub fn put(&self, path: &str, json: &str) -> Result<Answer> {
        self.send(&Method::PUT, path, "application/json", Some(json))
    }

    /// Changes an object by a patch of this content type, such as `application/merge-patch+json`.
    ///
    /// # Errors
    /// There is no answer.
    pub fn patch(&self, path: &str, content_type: &str, json: &str) -> Result<Answer> {
        self.send(&Method::PATCH, path, content_type, Some(json))
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// There is no answer.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.send(&Method::DELETE, path, "", None)
    }

    /// As [`post`](Self::post); nothing where the server ends the connection without an answer, and answers others: one of
    /// its handlers has panicked.
    ///
    /// # Errors
    /// There is no answer, nor to another question.
    pub fn post_unless_it_panics(&self, path: &str, json: &str) -> Result<Option<Answer>> {
        self.unless_it_panics(&Method::POST, path, "application/json", json)
    }

    /// As [`patch`](Self::patch), and as [`post_unless_it_panics`](Self::post_unless_it_panics).
    ///
    /// # Errors
    /// There is no answer, nor to another question.
    pub fn patch_unless_it_panics(
        &self,
        path: &str,
        content_type: &str,
        json: &str,
    ) -> Result<Option<Answer>> {
        self.unless_it_panics(&Method::PATCH, path, content_type, json)
    }

    fn unless_it_panics(
        &self,
        method: &Method,
        path: &str,
        content_type: &str,
        json: &str,
    ) -> Result<Option<Answer>> {
        match self.try_to_send(method, path, content_type, Some(json)) {
            Ok(answer) => Ok(Some(answer)),
            Err(none) if none.was_ended && self.get("/readyz")?.code == 200 => Ok(None),
            Err(none) => Err(none.failure),
        }
    }

    fn send(&self, method: &Method, path: &str, content_type: &str, body: Option<&str>) -> Result<Answer> {
        self.try_to_send(method, path, content_type, body)
            .map_err(|none| none.failure)
    }

    fn try_to_send(
        &self,
        method: &Method,
        path: &str,
        content_type: &str,
        body: Option<&str>,
    ) -> std::result::Result<Answer, NoAnswer> {
        let what = format!("{method} {path}");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Accept", "application/json");
        if body.is_some() {
            request = request.header("Content-Type", content_type);
        }
        let request = request.body(body.unwrap_or_default()).doing(&what)?;
        let ask = || match body {
            Some(_) => self.agent.run(request.clone()),
            None => self.agent.run(request.clone().map(|_| ())),
        };
        // A kept connection may be closed in the moment in which it is used. What changes nothing can be asked again.
        let changes_nothing = method == Method::GET || path.contains("dryRun=All");
        let response = match ask() {
            Err(ureq::Error::Io(_)) if changes_nothing => ask(),
            answered => answered,
        };
        let mut response = response.map_err(|error| NoAnswer {
            was_ended: matches!(&error, ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof),
            failure: Failure::new(&what, error),
        })?;
        let warnings = response
            .headers()
            .get_all("Warning")
            .iter()
            .map(|value| {
                let value = String::from_utf8_lossy(value.as_bytes());
                warning(&value).ok_or_else(|| Failure::new(&what, format!("the header `Warning: {value}`")))
            })
            .collect::<Result<_>>()?;
        let body = response.body_mut().with_config().limit(LARGEST).read_to_string();
        Ok(Answer {
            code: response.status().as_u16(),
            body: body.doing(what)?,
            warnings,
        })
    }
}

/// Trusts the authorities that `pem` holds; `what` is done with them.
///
/// # Errors
/// It is no PEM.
pub fn trusting(pem: &[u8], what: &str) -> Result<TlsConfig> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.doing(what)? {
            roots.push(certificate);
        }
    }
    Ok(tls().root_certs(RootCerts::new_with_certs(&roots)).build())
}

fn tls() -> TlsConfigBuilder {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    TlsConfig::builder().unversioned_rustls_crypto_provider(ring)
}

/// The text of `299 - "text"`, in which quotes and backslashes have a backslash before them (RFC 7234 §5.5).
fn warning(header: &str) -> Option<String> {
    let quoted = header
        .trim()
        .strip_prefix("299 ")?
        .split_once(" \"")?
        .1
        .strip_suffix('"')?;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' {
            characters.next()?
        } else {
            character
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::warning;

    #[test]
    fn reads_the_text_of_a_warning() {
        for (header, text) in [
            (
                r#"299 - "unknown field \"spec.foo\"""#,
                Some(r#"unknown field "spec.foo""#),
            ),
            (r#"299 - "a \\ b""#, Some(r"a \ b")),
            (r#"299 - "cut \""#, None),
            ("214 - \"other\"", None),
        ] {
            assert_eq!(warning(header).as_deref(), text, "{header}");
        }
    }
}
