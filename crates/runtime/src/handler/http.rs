//! A request as the kubelet makes it: no proxy, no verification of certificates, redirects on the same host only.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Request, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::redirect::Address;
use super::{Failed, MOST_OUTPUT, authority, left, said};
use crate::conduct::HttpGet;

/// As Go's client, which the kubelet's is.
const MOST_REDIRECTS: usize = 10;
/// What the kubelet of the newest version says of itself.
const USER_AGENT: &str = "kube-probe/1.37";

/// Asks, and takes a status from 200 to 399 for success, as also that of a redirect which leads to another host.
pub(super) fn perform(get: &HttpGet, address: &str, limit: Duration) -> Result<(), Failed> {
    let since = Instant::now();
    let host = get.host.as_deref().unwrap_or(address);
    let asked = Address::new(get.secure, authority(host, get.port), &get.path);
    let mut at = asked.clone();
    for _ in 0..=MOST_REDIRECTS {
        let failed = |reason: String| Failed::new(format!("Get \"{asked}\": {reason}"));
        let left = left(since, limit).ok_or_else(|| failed(LATE_HEADERS.to_owned()))?;
        // A redirect has the headers too, but for the Host that was meant for the first address.
        let response =
            ask(&at, get, at == asked, left).map_err(|error| failed(reason(&error, &at, false)))?;
        let status = response.status();
        if let Some(next) = redirect(&response, &at)
            && next.host() == asked.host()
        {
            at = next;
            continue;
        }
        read(response.into_body()).map_err(|error| failed(reason(&error, &at, true)))?;
        let code = status.as_u16();
        return if (200..400).contains(&code) {
            Ok(())
        } else {
            Err(Failed::new(format!("HTTP probe failed with statuscode: {code}")))
        };
    }
    Err(Failed::new(format!(
        "Get \"{asked}\": stopped after {MOST_REDIRECTS} redirects"
    )))
}

fn ask(at: &Address, get: &HttpGet, first: bool, limit: Duration) -> Result<Response<Body>, ureq::Error> {
    let has = |name: &str| {
        get.headers
            .iter()
            .any(|(header, _)| header.eq_ignore_ascii_case(name))
    };
    let mut request = Request::get(at.to_string());
    if !has("user-agent") {
        request = request.header("User-Agent", USER_AGENT);
    }
    if !has("accept") {
        request = request.header("Accept", "*/*");
    }
    for (name, value) in &get.headers {
        let host = name.eq_ignore_ascii_case("host");
        // An empty User-Agent or Accept is how the kubelet is told to send none.
        let unset = value.is_empty()
            && ["user-agent", "accept"]
                .iter()
                .any(|other| name.eq_ignore_ascii_case(other));
        if !(unset || host && !first) {
            request = request.header(name, value);
        }
    }
    agent(at.secure, limit).run(request.body(()).map_err(ureq::Error::Http)?)
}

/// A client for one request. What it needs for TLS is made for `https` only.
fn agent(secure: bool, limit: Duration) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(limit))
        .max_idle_connections(0)
        .max_response_header_size(64 << 10)
        .input_buffer_size(8 << 10)
        .output_buffer_size(8 << 10)
        .user_agent("")
        .accept("")
        .accept_encoding("");
    if secure {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .disable_verification(true)
            .unversioned_rustls_crypto_provider(ring);
        config = config.tls_config(tls.build());
    }
    config.build().new_agent()
}

fn redirect(response: &Response<Body>, at: &Address) -> Option<Address> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get("location")?;
    at.follow(location.to_str().ok()?)
}

/// Reads what the kubelet would read of the body; more is none of its business.
fn read(body: Body) -> Result<(), ureq::Error> {
    let mut buffer = [0_u8; 1024];
    let mut reader = body.into_reader().take(MOST_OUTPUT as u64);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const LATE_HEADERS: &str = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
const LATE_BODY: &str =
    "context deadline exceeded (Client.Timeout or context cancellation while reading body)";

fn reason(error: &ureq::Error, at: &Address, in_body: bool) -> String {
    let late = if in_body { LATE_BODY } else { LATE_HEADERS };
    match error {
        ureq::Error::Timeout(_) => late.to_owned(),
        ureq::Error::HostNotFound => format!("dial tcp: lookup {}: no such host", at.host()),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => late.to_owned(),
        ureq::Error::Io(error) if in_body => said(error),
        ureq::Error::Io(error) => {
            let text = said(error);
            if text.starts_with("connect:") {
                format!("dial tcp {}: {text}", at.authority)
            } else {
                text
            }
        }
        ureq::Error::ConnectionFailed => format!("dial tcp {}: connect: connection refused", at.authority),
        error => error.to_string(),
    }
}
