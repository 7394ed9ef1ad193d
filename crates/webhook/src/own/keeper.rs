//! The Secret is followed by every replica; its leader also keeps it and the webhook configurations as they should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::OwnCertificates;
use super::contents::{Contents, Good, Object};
use super::election::{Attempt, Candidate};
use super::objects::Objects;
use super::plan::{State, Step, next};
use super::replica::Replica;
use crate::api::{ApiError, LIMIT};
use crate::certificate::{Certificates, seconds};
use crate::log::Log;
use crate::metrics::Metrics;

/// The longest time between two looks at the Secret and the configurations.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The shortest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// Whether this replica leads.
#[derive(Default)]
pub(crate) struct Leadership {
    until: std::sync::Mutex<Option<Instant>>,
    /// It has begun to lead.
    begun: Notify,
}

impl Leadership {
    pub(crate) fn leads(&self) -> bool {
        let until = self
            .until
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    /// Waits until it has begun to lead.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }

    fn set(&self, to: Option<Instant>) {
        *self
            .until
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = to;
    }
}

/// What the tasks share.
pub(crate) struct Shared {
    pub(crate) objects: Objects,
    pub(crate) leadership: Leadership,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
}

/// Tries to lead until the server is to end; then others may.
pub(crate) async fn elect(shared: Arc<Shared>, own: OwnCertificates, mut end: watch::Receiver<bool>) {
    let mut candidate = Candidate::new(own.identity, &own.namespace, &own.lease);
    let mut told = Told::default();
    let mut led = false;
    while !*end.borrow() {
        let tried = tokio::select! {
            tried = timeout(LIMIT, attempt(&shared, &mut candidate)) => tried,
            _ = end.wait_for(|end| *end) => break,
        };
        match tried.unwrap_or_else(|_| Err(ApiError::Away("no answer in time".to_owned()))) {
            Ok(()) => told.forget("lease"),
            Err(ApiError::Status { code: 409, .. }) => {}
            Err(error) => told.warn(&shared.log, "lease", "the Lease cannot be held", &error),
        }
        shared.leadership.set(candidate.leads_until());
        let leads = shared.leadership.leads();
        if leads != led {
            let identity = &candidate.identity;
            let message = if leads {
                "this replica leads: it keeps the certificates"
            } else {
                "this replica leads no longer"
            };
            shared.log.info(message, &[("identity", identity)]);
        }
        if leads && !led {
            shared.leadership.begun.notify_one();
        }
        led = leads;
        let pause = candidate.pause(Instant::now(), fastrand::f64());
        let _ = timeout(pause, end.wait_for(|end| *end)).await;
    }
    shared.leadership.set(None);
    let leave = async {
        let lease = shared.objects.lease().await?;
        if let Some(left) = lease.and_then(|lease| candidate.release(&lease, SystemTime::now())) {
            shared.objects.write_lease(&left).await?;
            shared.log.info("another replica may lead now", &[]);
        }
        Ok::<_, ApiError>(())
    };
    if let Ok(Err(error)) = timeout(LIMIT, leave).await {
        shared
            .log
            .warn("the Lease is not given back: it runs out", &[("reason", &error)]);
    }
}

async fn attempt(shared: &Shared, candidate: &mut Candidate) -> Result<(), ApiError> {
    let found = shared.objects.lease().await?;
    let begun = Instant::now();
    match candidate.attempt(found.as_ref(), begun, SystemTime::now()) {
        Attempt::Wait => Ok(()),
        Attempt::Create(lease) | Attempt::Replace(lease) => {
            let written = shared.objects.write_lease(&lease).await?;
            candidate.succeeded(&written, begun);
            Ok(())
        }
    }
}

/// What the log has been told and need not be told again.
#[derive(Default)]
pub(super) struct Told {
    problems: BTreeMap<&'static str, String>,
}

impl Told {
    /// Says what does not work, once until it changes.
    pub(super) fn warn(
        &mut self,
        log: &Log,
        of: &'static str,
        message: &str,
        reason: &dyn std::fmt::Display,
    ) {
        let reason = reason.to_string();
        if self.problems.get(of) != Some(&reason) {
            log.warn(message, &[("reason", &reason)]);
            self.problems.insert(of, reason);
        }
    }

    pub(super) fn forget(&mut self, of: &'static str) {
        self.problems.remove(of);
    }
}

/// Whoever keeps the Secret.
pub(crate) struct Keeper {
    replica: Replica,
    /// The last contents that could be served.
    good: Option<Good>,
}

/// Whether there is more to do at once.
pub(super) enum Then {
    More,
    Rest,
}

/// Who looks at the Secret, and does what is next.
pub(super) trait Looks {
    /// Does so once, in seconds since 1970.
    fn look(&mut self, now: i64) -> impl Future<Output = Then> + Send;
}

/// Looks again and again, the more often the shorter certificates live.
pub(super) async fn keep(mut keeper: impl Looks, shared: Arc<Shared>, own: OwnCertificates) {
    let pause = (own.certificate_lifetime / 60).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    loop {
        let then = keeper.look(seconds(SystemTime::now())).await;
        shared.metrics.leads(shared.leadership.leads());
        let pause = match then {
            Then::More => SHORTEST_PAUSE,
            Then::Rest => pause,
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.leadership.begun() => {}
        }
    }
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, own: OwnCertificates, certificates: Arc<Certificates>) -> Self {
        Self {
            replica: Replica::new(shared, own, certificates),
            good: None,
        }
    }

    /// Makes the contents what they are to be, and writes them.
    async fn take(&mut self, step: Step, mut contents: Contents, found: Option<Object>, now: i64) -> Then {
        let Replica { names, lifetimes, .. } = &self.replica;
        if let Err(error) = step.apply(&mut contents, names, now, lifetimes) {
            self.replica.warn("step", "no certificate can be made", &error);
            return Then::Rest;
        }
        // It may have taken a while.
        if !self.replica.shared.leadership.leads() {
            return Then::Rest;
        }
        let entries = contents.data().into_iter().flatten();
        match self.replica.write(found, entries).await {
            Ok(()) => {
                let (kind, message) = match step {
                    Step::Begin => ("authority", "a new authority is in the Secret"),
                    Step::Issue => ("certificate", "a new certificate is in the Secret"),
                    Step::Restore => ("restored", "the certificate in use is in the Secret again"),
                    Step::Forget => ("forgotten", "the authorities of before are trusted no longer"),
                };
                let count = contents.authorities.len();
                self.replica.did(kind, message, ("authorities", &count))
            }
            Err(error) => {
                let message = "the Secret of the certificates cannot be written";
                self.replica.failed(message, &error)
            }
        }
    }
}

impl Looks for Keeper {
    async fn look(&mut self, now: i64) -> Then {
        let Ok(found) = self.replica.secret().await else {
            return Then::Rest;
        };
        let mut contents = match &found {
            Some(secret) => Contents::read(secret, now),
            None => Contents::absent(),
        };
        if let Some(held) = &contents.held {
            self.replica.serve(&held.leaf, contents.authority_until());
            self.good = contents.good();
        }
        if !self.replica.leads() {
            return Then::Rest;
        }
        let done = "what is wrong with it is made anew";
        self.replica.tell_faults(&contents.faults, done);
        if let Some(good) = &self.good {
            contents.recall(good, now);
        }
        // Before there is anything to trust there is nothing to write; what is only remembered is written first.
        let writes = !contents.is_recalled && contents.held.is_some();
        let settled = self.replica.mend_bundles(&contents.authorities, writes).await;
        let state = State::of(&contents, &self.replica.names);
        match next(&state, settled, now, &self.replica.lifetimes) {
            Some(step) => self.take(step, contents, found, now).await,
            None => Then::Rest,
        }
    }
}
