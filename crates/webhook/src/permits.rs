//! Answers of access reviews, for as long as they count.
//!
//! A yes counts for a short time and a no for a shorter one. When a role or a binding changes, the answers that it may
//! have decided are dropped: those of its namespace, or all. The API server's authoriser hears of a change when this
//! server does, and perhaps a moment later: what is answered in that moment does not outlive it. While the API server is
//! away an answer that was dropped by nobody counts for longer, up to a bound.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use porthole_admission::decide::{Answer, Usable};

/// How many answers are held. Beyond them all are dropped.
const MOST: usize = 50_000;
/// For how long the authoriser may not have heard of a change that was heard of here.
const SETTLING: Duration = Duration::from_secs(1);
/// For how long a change is remembered: longer than any review is under way.
const REMEMBERED: Duration = Duration::from_mins(1);

/// For how long answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// A yes.
    pub yes: Duration,
    /// A no; also a yes while nobody tells of changes to roles and bindings.
    pub no: Duration,
    /// What is known, while the API server is away.
    pub stale: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            yes: Duration::from_secs(10),
            no: Duration::from_secs(1),
            stale: Duration::from_mins(10),
        }
    }
}

/// Who asks, and for what of which name.
pub(crate) type Key = (String, Usable, String);

#[derive(Clone, Debug)]
struct Held {
    answer: Answer,
    asked: Instant,
    until: Instant,
}

#[derive(Debug, Default)]
struct Namespace {
    changed: Option<Instant>,
    answers: HashMap<Key, Held>,
}

#[derive(Debug, Default)]
struct State {
    namespaces: HashMap<String, Namespace>,
    /// When something changed that counts in every namespace.
    changed: Option<Instant>,
    count: usize,
}

/// The answers, by namespace.
#[derive(Debug)]
pub(crate) struct Permits {
    state: Mutex<State>,
    freshness: Freshness,
    /// How many of the watches tell of changes.
    live: AtomicUsize,
    /// How many would have to.
    watches: usize,
}

impl Permits {
    /// Answers that are dropped by so many watches.
    pub(crate) fn new(freshness: Freshness, watches: usize) -> Self {
        Self {
            state: Mutex::default(),
            freshness,
            live: AtomicUsize::new(0),
            watches,
        }
    }

    /// The answer, where it counts.
    pub(crate) fn fresh(&self, namespace: &str, key: &Key) -> Option<Answer> {
        let state = self.state();
        let held = state.namespaces.get(namespace)?.answers.get(key)?;
        let now = Instant::now();
        let counts = match held.answer {
            Answer::Allowed if !self.is_live() => now < held.until.min(held.asked + self.freshness.no),
            _ => now < held.until,
        };
        counts.then(|| held.answer.clone())
    }

    /// The answer, where it counts while nobody else can tell.
    pub(crate) fn stale(&self, namespace: &str, key: &Key) -> Option<Answer> {
        let state = self.state();
        let held = state.namespaces.get(namespace)?.answers.get(key)?;
        (held.asked.elapsed() < self.freshness.stale).then(|| held.answer.clone())
    }

    /// Holds an answer that was asked for at that time.
    pub(crate) fn hold(&self, namespace: &str, key: Key, answer: &Answer, asked: Instant) {
        let mut state = self.state();
        if state.count >= MOST {
            state.clear();
        }
        let of_all = state.changed;
        let here = state.namespaces.entry(namespace.to_owned()).or_default();
        let changed = of_all.max(here.changed);
        if changed.is_some_and(|changed| changed >= asked) {
            // It may be from before the change.
            return;
        }
        let lasts = match answer {
            Answer::Allowed => self.freshness.yes,
            Answer::Refused(_) => self.freshness.no,
        };
        let settled = changed.map(|changed| changed + SETTLING);
        let until = match settled.filter(|settled| *settled > asked) {
            Some(settled) => settled.min(asked + lasts),
            None => asked + lasts,
        };
        let held = Held {
            answer: answer.clone(),
            asked,
            until,
        };
        if here.answers.insert(key, held).is_none() {
            state.count += 1;
        }
    }

    /// A role or a binding of the namespace has changed; of none, one that counts everywhere.
    pub(crate) fn drop_of(&self, namespace: Option<&str>) {
        let mut state = self.state();
        let now = Instant::now();
        let Some(namespace) = namespace else {
            state.clear();
            state.changed = Some(now);
            return;
        };
        let here = state.namespaces.entry(namespace.to_owned()).or_default();
        here.changed = Some(now);
        let dropped = std::mem::take(&mut here.answers).len();
        state.count -= dropped;
    }

    /// One of the watches tells of changes from now on, or no longer does.
    pub(crate) fn set_live(&self, live: bool) {
        if live {
            self.live.fetch_add(1, Ordering::SeqCst);
        } else {
            self.live.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Forgets what no longer counts, even where the API server is away.
    pub(crate) fn sweep(&self) {
        let mut state = self.state();
        let mut count = 0;
        state.namespaces.retain(|_, here| {
            here.answers
                .retain(|_, held| held.asked.elapsed() < self.freshness.stale.max(self.freshness.yes));
            count += here.answers.len();
            let is_remembered = here.changed.is_some_and(|changed| changed.elapsed() < REMEMBERED);
            !here.answers.is_empty() || is_remembered
        });
        state.count = count;
    }

    /// How many answers are held.
    pub(crate) fn count(&self) -> usize {
        self.state().count
    }

    fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst) >= self.watches
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn clear(&mut self) {
        for here in self.namespaces.values_mut() {
            here.answers = HashMap::new();
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Freshness = Freshness {
        yes: Duration::from_mins(1),
        no: Duration::from_secs(30),
        stale: Duration::from_mins(10),
    };

    fn key(account: &str) -> Key {
        (account.to_owned(), Usable::CredentialSpec, "spec".to_owned())
    }

    fn live(freshness: Freshness) -> Permits {
        let permits = Permits::new(freshness, 1);
        permits.set_live(true);
        permits
    }

    fn hold(permits: &Permits, namespace: &str, account: &str, answer: &Answer) {
        permits.hold(namespace, key(account), answer, Instant::now());
    }

    #[test]
    fn a_change_drops_what_it_may_have_decided_and_nothing_else() {
        let permits = live(LONG);
        hold(&permits, "one", "web", &Answer::Allowed);
        hold(&permits, "two", "web", &Answer::Allowed);
        permits.drop_of(Some("one"));
        assert_eq!(permits.fresh("one", &key("web")), None);
        assert_eq!(
            permits.stale("one", &key("web")),
            None,
            "what was dropped is not even stale"
        );
        assert_eq!(permits.fresh("two", &key("web")), Some(Answer::Allowed));
        assert_eq!(permits.count(), 1);
        permits.drop_of(None);
        assert_eq!((permits.fresh("two", &key("web")), permits.count()), (None, 0));
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_held_and_one_right_after_not_for_long() {
        let permits = live(LONG);
        let before = Instant::now();
        permits.drop_of(Some("one"));
        permits.hold("one", key("web"), &Answer::Allowed, before);
        assert_eq!(permits.stale("one", &key("web")), None);
        let after = Instant::now() + Duration::from_millis(1);
        permits.hold("one", key("web"), &Answer::Allowed, after);
        let held = permits.state().namespaces["one"].answers[&key("web")].until;
        assert!(
            held <= after + SETTLING,
            "it does not outlive the moment of doubt"
        );
    }

    #[test]
    fn a_no_counts_shorter_and_so_does_a_yes_that_nobody_would_take_back() {
        let short = Freshness {
            no: Duration::ZERO,
            ..LONG
        };
        let permits = live(short);
        hold(&permits, "one", "web", &Answer::Allowed);
        hold(&permits, "one", "db", &Answer::Refused(String::new()));
        assert_eq!(permits.fresh("one", &key("web")), Some(Answer::Allowed));
        assert_eq!(permits.fresh("one", &key("db")), None);
        permits.set_live(false);
        assert_eq!(permits.fresh("one", &key("web")), None);
        assert_eq!(permits.stale("one", &key("web")), Some(Answer::Allowed));
    }

    #[test]
    fn nothing_grows_without_bound() {
        let permits = live(Freshness {
            yes: Duration::ZERO,
            no: Duration::ZERO,
            stale: Duration::ZERO,
        });
        for number in 0..=MOST {
            hold(
                &permits,
                &format!("n{}", number % 100),
                &number.to_string(),
                &Answer::Allowed,
            );
        }
        assert_eq!(permits.count(), 1);
        std::thread::sleep(Duration::from_millis(2));
        permits.sweep();
        assert_eq!(permits.count(), 0);
        assert!(permits.state().namespaces.is_empty());
    }
}
