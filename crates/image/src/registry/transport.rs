//! One request over HTTP: limits, deadlines, TLS, and redirects that lead nowhere one should not go.

use std::io::{Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, LOCATION};
use ureq::http::{HeaderValue, Method, Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, SendBody};

use super::address::Address;
use super::credentials::Secret;
use super::error::{Error, Problem, Result};

/// How much is read and sent, how long it may take, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of a manifest: what the distribution specification asks registries for, and the store reads.
    pub(super) document: u64,
    /// Bytes of the answer with a token, and of one that is an error.
    pub(super) small: u64,
    /// Bytes of one blob.
    pub(super) blob: u64,
    /// Bytes of the headers of an answer.
    pub(super) headers: usize,
    /// Redirects of one request.
    pub(super) redirects: u32,
    /// For the name and for the connection, each.
    pub(super) connect: Duration,
    /// Without a byte in one direction.
    pub(super) idle: Duration,
    /// For an answer that is not a blob, with everything.
    pub(super) total: Duration,
    /// A blob must bring this many bytes …
    pub(super) pace_bytes: u64,
    /// … in each time of this length.
    pub(super) pace_time: Duration,
    /// How often something is tried without getting further.
    pub(super) attempts: u32,
    /// A try that brings this many bytes has got further.
    pub(super) further: u64,
    /// The first wait between two tries; the others double, to the longest.
    pub(super) wait: Duration,
    /// The longest wait; a registry that asks for a longer one is given up.
    pub(super) longest_wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            document: 4 << 20,
            small: 256 << 10,
            blob: 1 << 40,
            headers: 64 << 10,
            redirects: 5,
            connect: Duration::from_secs(15),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(2),
            pace_bytes: 64 << 10,
            pace_time: Duration::from_mins(1),
            attempts: 5,
            further: 256 << 10,
            wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
        }
    }
}

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Whether without TLS. By default registries of this machine are, and no others.
    pub plain_http: Option<bool>,
    /// A file of certificates to trust besides the system's.
    pub tls_ca: Option<PathBuf>,
}

/// What goes with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'a> {
    /// Nothing at all, for a question.
    None,
    /// These bytes.
    Bytes(&'a [u8]),
    /// What a file has from there on, that many bytes.
    File {
        /// The file.
        path: &'a std::path::Path,
        /// The first byte that is sent.
        from: u64,
        /// How many are.
        length: u64,
    },
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) payload: Payload<'a>,
    /// Whether everything must be done within the total time; else each read and write has its own.
    pub(super) hurried: bool,
}

impl<'a> Call<'a> {
    /// A question.
    pub(super) fn get(address: Address) -> Self {
        Self {
            method: Method::GET,
            address,
            headers: Vec::new(),
            payload: Payload::None,
            hurried: true,
        }
    }

    /// Another method, with what goes with it.
    pub(super) fn sending(method: Method, address: Address, payload: Payload<'a>) -> Self {
        Self {
            method,
            payload,
            ..Self::get(address)
        }
    }

    /// With one more header.
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What is being done, for messages.
    pub(super) fn doing(&self) -> String {
        match self.method {
            Method::GET => format!("fetch {}", self.address),
            Method::HEAD => format!("look for {}", self.address),
            _ => format!("send to {}", self.address),
        }
    }
}

/// An answer and where it came from, after redirects.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    pub(super) from: Address,
}

impl Answer {
    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header, where it is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

/// Sends requests.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) bounds: Bounds,
    tls_ca: Option<PathBuf>,
    /// With TLS and the environment's proxies.
    encrypted: OnceLock<Agent>,
    /// Without TLS, by the environment's proxies.
    plain: OnceLock<Agent>,
    /// With TLS, to this machine: by no proxy.
    local_encrypted: OnceLock<Agent>,
    /// Without TLS, to this machine: by no proxy.
    local: OnceLock<Agent>,
}

impl Transport {
    pub(super) fn new(connection: &Connection, bounds: Bounds) -> Self {
        Self {
            bounds,
            tls_ca: connection.tls_ca.clone(),
            encrypted: OnceLock::new(),
            plain: OnceLock::new(),
            local_encrypted: OnceLock::new(),
            local: OnceLock::new(),
        }
    }

    /// Sends a request once and follows where a question is sent on to. `authorization` goes to the server of the
    /// call's address and to no other.
    pub(super) fn send(&self, call: &Call<'_>, authorization: Option<&Secret>) -> Result<Answer> {
        let mut address = call.address.clone();
        let mut redirects = 0;
        loop {
            let known = authorization.filter(|_| address.is_same_server(&call.address));
            let response = self
                .send_one(call, &address, known)?
                .map_err(|problem| Error::Registry {
                    doing: call.doing(),
                    problem,
                })?;
            let answer = Answer {
                response,
                from: address,
            };
            let follows = matches!(answer.status(), 301 | 302 | 303 | 307 | 308);
            if !follows {
                return Ok(answer);
            }
            let wrong = |problem| Error::Registry {
                doing: call.doing(),
                problem,
            };
            if !matches!(call.method, Method::GET | Method::HEAD) {
                return Err(wrong(Problem::Refused(
                    "it redirects where something is sent to, which is not followed".to_owned(),
                )));
            }
            redirects += 1;
            if redirects > self.bounds.redirects {
                return Err(wrong(Problem::Redirects(self.bounds.redirects)));
            }
            let location = answer.header(&LOCATION).unwrap_or_default();
            address = destination(&call.address, &answer.from, location).map_err(wrong)?;
        }
    }

    fn send_one(
        &self,
        call: &Call<'_>,
        address: &Address,
        authorization: Option<&Secret>,
    ) -> Result<Result<Response<Body>, Problem>> {
        let agent = self.agent(address)?;
        let mut request = Request::builder().method(call.method.clone()).uri(address.url());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = authorization {
            let Ok(mut value) = HeaderValue::from_str(secret.expose()) else {
                return Ok(Err(Problem::Challenge(
                    "the credentials have characters that no header can have".to_owned(),
                )));
            };
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let hurry = call.hurried.then_some(self.bounds.total);
        Ok(match call.payload {
            Payload::None => run(agent, request.body(()), hurry),
            Payload::Bytes(mut bytes) => {
                let request = request.header(CONTENT_LENGTH, bytes.len());
                run(agent, request.body(SendBody::from_reader(&mut bytes)), hurry)
            }
            Payload::File { path, from, length } => {
                let opened = std::fs::File::open(path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(from))?;
                    Ok(file)
                });
                let mut file = opened.map_err(|source| crate::Error::Io {
                    action: "open",
                    path: path.to_owned(),
                    source,
                })?;
                let request = request.header(CONTENT_LENGTH, length);
                run(agent, request.body(SendBody::from_reader(&mut file)), hurry)
            }
        })
    }

    fn agent(&self, address: &Address) -> Result<&Agent> {
        let cell = match (address.is_encrypted(), address.is_loopback()) {
            (true, false) => &self.encrypted,
            (true, true) => &self.local_encrypted,
            (false, false) => &self.plain,
            (false, true) => &self.local,
        };
        if let Some(agent) = cell.get() {
            return Ok(agent);
        }
        let mut config = Agent::config_builder()
            .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(self.bounds.headers)
            .timeout_resolve(Some(self.bounds.connect))
            .timeout_connect(Some(self.bounds.connect))
            .timeout_recv_response(Some(self.bounds.total))
            .timeout_per_read(Some(self.bounds.idle))
            .timeout_per_write(Some(self.bounds.idle));
        if address.is_encrypted() {
            let ring = Arc::new(rustls::crypto::ring::default_provider());
            config = config.https_only(true).tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::new_with_certs(&self.roots()?))
                    .unversioned_rustls_crypto_provider(ring)
                    .build(),
            );
        }
        if address.is_loopback() {
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        Ok(cell.get_or_init(|| agent))
    }

    /// The certificates that the system trusts, and those of `--tls-ca`.
    fn roots(&self) -> Result<Vec<Certificate<'static>>> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots: Vec<_> = found
            .certs
            .iter()
            .map(|der| Certificate::from_der(der.as_ref()).to_owned())
            .collect();
        if let Some(path) = &self.tls_ca {
            let unreadable = |source| Error::Roots {
                of: format!(" in {}", path.display()),
                source,
            };
            let text = std::fs::read(path).map_err(unreadable)?;
            let before = roots.len();
            for item in ureq::tls::parse_pem(&text) {
                match item {
                    Ok(ureq::tls::PemItem::Certificate(certificate)) => roots.push(certificate),
                    Ok(_) => {}
                    Err(error) => return Err(unreadable(std::io::Error::other(error.to_string()))),
                }
            }
            if roots.len() == before {
                return Err(unreadable(std::io::Error::other(
                    "it holds no certificate in PEM",
                )));
            }
        }
        if roots.is_empty() {
            let why = found.errors.into_iter().next().map(|error| error.to_string());
            let why = why.unwrap_or_else(|| "this system names none".to_owned());
            return Err(Error::Roots {
                of: String::new(),
                source: std::io::Error::other(why),
            });
        }
        Ok(roots)
    }
}

/// Where a request to `first`, answered by `from` with that location, goes on: never from TLS to none, and without
/// TLS only where the registry itself has none.
pub(super) fn destination(
    first: &Address,
    from: &Address,
    location: &str,
) -> std::result::Result<Address, Problem> {
    let Some(to) = from.join(location) else {
        return Err(Problem::Astray {
            to: "a place that is no URL of http or https".to_owned(),
            why: "and is not followed",
        });
    };
    let why = if to.is_encrypted() {
        return Ok(to);
    } else if first.is_encrypted() || from.is_encrypted() {
        "which is not encrypted, and is not followed"
    } else if !to.is_loopback() && first.is_loopback() {
        "which is not encrypted and not this machine, and is not followed"
    } else {
        return Ok(to);
    };
    Err(Problem::Astray {
        to: to.to_string(),
        why,
    })
}

fn run(
    agent: &Agent,
    request: Result<Request<impl AsSendBody>, ureq::http::Error>,
    total: Option<Duration>,
) -> Result<Response<Body>, Problem> {
    let request = request.map_err(|error| Problem::Broken(error.to_string()))?;
    let configured = agent.configure_request(request).timeout_global(total);
    agent.run(configured.build()).map_err(problem)
}

/// The client's error in this crate's words.
pub(super) fn problem(error: ureq::Error) -> Problem {
    use ureq::Error as E;
    match error {
        E::HostNotFound => Problem::NoHost,
        E::Timeout(what) => Problem::Slow(format!("nothing in time ({what})")),
        E::Rustls(rustls::Error::InvalidCertificate(why)) => Problem::Certificate(why.to_string()),
        E::LargeResponseHeader(_, limit) => {
            Problem::Refused(format!("the headers of the answer are longer than {limit} bytes"))
        }
        E::Io(error) if has_no_address(&error) => Problem::NoHost,
        E::Io(error) => match certificate(&error) {
            Some(why) => Problem::Certificate(why.to_string()),
            None => match error.get_ref().and_then(|inner| inner.downcast_ref::<E>()) {
                Some(E::Timeout(what)) => Problem::Slow(format!("nothing in time ({what})")),
                _ => Problem::Broken(error.to_string()),
            },
        },
        other => Problem::Broken(other.to_string()),
    }
}

/// Whether the system says for good that a name has no address. The standard library has no kind of its own for that: on
/// Windows there is the socket library's number (host not found, no data), elsewhere its text before that of `getaddrinfo`.
fn has_no_address(error: &std::io::Error) -> bool {
    if cfg!(windows) {
        return matches!(error.raw_os_error(), Some(11001 | 11004));
    }
    let text = error.to_string();
    let passes = ["Temporary failure", "Try again"]
        .iter()
        .any(|words| text.contains(words));
    text.starts_with("failed to lookup address information") && !passes
}

/// What is wrong with a certificate, where that is what an input or output error wraps.
fn certificate(error: &std::io::Error) -> Option<rustls::CertificateError> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => Some(why.clone()),
        _ => match inner.downcast_ref::<ureq::Error>()? {
            ureq::Error::Rustls(rustls::Error::InvalidCertificate(why)) => Some(why.clone()),
            _ => None,
        },
    }
}
