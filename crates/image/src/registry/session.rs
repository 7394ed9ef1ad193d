//! A conversation with one registry about one repository: who one is, and patience.

use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use ureq::http::header::RETRY_AFTER;

use super::address::{Address, is_loopback};
use super::auth;
use super::credentials::{Credentials, Login, Secret};
use super::error::{Error, Problem, Result, passing};
use super::progress::{Event, Progress};
use super::reference::Reference;
use super::transport::{Answer, Bounds, Call, Connection, Transport, problem};

/// How waits pass. Tests do not wait.
pub(super) trait Patience: Send + Sync {
    /// Waits.
    fn wait(&self, time: Duration);
}

/// Waits that really pass.
pub(super) struct RealTime;

impl Patience for RealTime {
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// A conversation with one registry about one repository.
pub(super) struct Session<'a> {
    transport: Transport,
    base: Address,
    registry: String,
    repository: String,
    scopes: Vec<String>,
    login: Option<Login>,
    authorization: Mutex<Option<Secret>>,
    patience: &'a dyn Patience,
    pub(super) progress: &'a dyn Progress,
}

impl<'a> Session<'a> {
    /// Begins one. `actions` are those that a token is asked for, such as `pull` or `pull,push`.
    pub(super) fn begin(
        reference: &Reference,
        actions: &str,
        connection: &Connection,
        credentials: &Credentials,
        bounds: Bounds,
        patience: &'a dyn Patience,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let plain = connection
            .plain_http
            .unwrap_or_else(|| is_loopback(reference.host()) && connection.tls_ca.is_none());
        Ok(Self {
            transport: Transport::new(connection, bounds),
            base: Address::registry(reference.host(), !plain),
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            scopes: vec![format!("repository:{}:{actions}", reference.repository())],
            login: credentials.login(reference)?,
            authorization: Mutex::new(None),
            patience,
            progress,
        })
    }

    /// The registry's name.
    pub(super) fn registry(&self) -> &str {
        &self.registry
    }

    /// What a token shall be good for.
    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The limits.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.transport.bounds
    }

    /// Where the repository has its manifests, blobs and uploads.
    pub(super) fn address(&self, rest: &str) -> Address {
        self.base.at(format!("/v2/{}/{rest}", self.repository))
    }

    /// The registry's own root.
    pub(super) fn base(&self) -> &Address {
        &self.base
    }

    /// Whether there are credentials.
    pub(super) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// An error of this conversation.
    #[expect(clippy::unused_self, reason = "reads as what it is where it is used")]
    pub(super) fn wrong(&self, doing: String, problem: Problem) -> Error {
        Error::Registry { doing, problem }
    }

    /// Sends a request once, logging in where that is asked for. A token may have ended in the meantime: it is then
    /// got anew, once.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Answer> {
        let ours = call.address.is_same_server(&self.base);
        let mut known = self.current().filter(|_| ours);
        let mut own = false;
        loop {
            let answer = self.transport.send(call, known.as_ref())?;
            if answer.status() != 401 {
                return Ok(answer);
            }
            let denied = Problem::Denied {
                status: 401,
                known: self.has_login(),
            };
            // Who answers elsewhere is told nothing, and what was just got for this request is not got again.
            if own || !ours || !answer.from.is_same_server(&self.base) {
                return Err(self.wrong(call.doing(), denied));
            }
            let mut current = self.lock();
            // Another thread may have got a new one while this one was told no.
            if *current == known || current.is_none() {
                *current = auth::authorize(self, self.login.as_ref(), &answer)?;
                own = true;
            }
            if current.is_none() {
                return Err(self.wrong(call.doing(), denied));
            }
            known.clone_from(&current);
        }
    }

    /// As [`Session::send`], again and again while that may help.
    pub(super) fn send_again(&self, call: &Call<'_>) -> Result<Answer> {
        self.again(|| self.send(call), &call.doing())
    }

    /// Sends a request that needs no login of the registry again and again while that may help.
    pub(super) fn send_patiently(&self, call: &Call<'_>, authorization: Option<&Secret>) -> Result<Answer> {
        self.again(|| self.transport.send(call, authorization), &call.doing())
    }

    fn again(&self, mut send: impl FnMut() -> Result<Answer>, doing: &str) -> Result<Answer> {
        let mut tries = Tries::default();
        loop {
            match send() {
                Ok(answer) if passing(answer.status()) => {
                    let asked = retry_after(&answer);
                    let status = answer.status();
                    let codes = codes(answer);
                    let problem = Problem::Status { status, codes };
                    tries.failed(self, self.wrong(doing.to_owned(), problem), asked)?;
                }
                Ok(answer) => return Ok(answer),
                Err(error) => tries.failed(self, error, None)?,
            }
        }
    }

    fn current(&self) -> Option<Secret> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Secret>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often something failed since it last got further.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// It got further.
    pub(super) fn got_further(&mut self) {
        self.0 = 0;
    }

    /// Waits before the next try, or answers with the error if none may help.
    pub(super) fn failed(&mut self, session: &Session<'_>, error: Error, asked: Option<u64>) -> Result<()> {
        let bounds = session.bounds();
        let passes = matches!(&error, Error::Registry { problem, .. } if problem.passes());
        self.0 += 1;
        if !passes || self.0 >= bounds.attempts {
            return Err(error);
        }
        let own = bounds.wait.saturating_mul(1 << (self.0 - 1).min(16));
        let wait = asked.map_or(own, |asked| Duration::from_secs(asked).max(bounds.wait));
        if wait > bounds.longest_wait && asked.is_some() {
            return match error {
                Error::Registry { doing, .. } => Err(session.wrong(doing, Problem::Busy(wait.as_secs()))),
                other => Err(other),
            };
        }
        let wait = wait.min(bounds.longest_wait);
        session.progress.event(&Event::Again { error: &error, wait });
        session.patience.wait(wait);
        Ok(())
    }
}

/// The seconds that a registry asks to wait. A date is as good as nothing: the clocks may differ.
pub(super) fn retry_after(answer: &Answer) -> Option<u64> {
    answer.header(&RETRY_AFTER)?.trim().parse().ok()
}

/// Checks for a wanted status; everything else is an error.
pub(super) fn expect(session: &Session<'_>, doing: &str, answer: Answer, wanted: &[u16]) -> Result<Answer> {
    let status = answer.status();
    if wanted.contains(&status) {
        return Ok(answer);
    }
    let problem = match status {
        401 | 403 => Problem::Denied {
            status,
            known: session.has_login(),
        },
        404 => Problem::NotFound(codes(answer)),
        400 if !answer.from.is_encrypted() => Problem::MayWantTls(codes(answer)),
        _ => Problem::Status {
            status,
            codes: codes(answer),
        },
    };
    Err(session.wrong(doing.to_owned(), problem))
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<RefusalError>,
}

#[derive(Deserialize)]
struct RefusalError {
    #[serde(default)]
    code: String,
}

/// The codes in an answer that is an error. Its messages are left out: they could repeat what the request had in it.
pub(super) fn codes(answer: Answer) -> Vec<String> {
    let Ok(text) = read_limited(answer, 64 << 10) else {
        return Vec::new();
    };
    let Ok(refusal) = serde_json::from_slice::<Refusal>(&text) else {
        return Vec::new();
    };
    let plain = |code: &String| {
        (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let codes = refusal.errors.into_iter().map(|error| error.code);
    codes.filter(plain).take(5).collect()
}

/// A body of at most `limit` bytes.
pub(super) fn read_limited(answer: Answer, limit: u64) -> std::result::Result<Vec<u8>, Problem> {
    let body = answer.response.into_body();
    if body.content_length().is_some_and(|length| length > limit) {
        return Err(Problem::TooLong(limit));
    }
    let mut bytes = Vec::new();
    // One byte more than is allowed tells that there are more.
    let reader = body.into_with_config().limit(limit + 2).reader();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| problem(error.into()))?;
    if bytes.len() as u64 > limit {
        return Err(Problem::TooLong(limit));
    }
    Ok(bytes)
}
