//! Answers of access reviews, for as long as they count.
//!
//! A yes counts for a short time and a no for a shorter one. A yes that is used when its best time is over is asked again while
//! it still counts: nobody waits for what is always used. When a role or a binding changes, the answers that it may
//! have decided are dropped: those of its namespace, or all. The API server's authoriser hears of a change when this
//! server does, and perhaps a moment later: what is answered in that moment does not outlive it. While the API server is
//! away an answer that was dropped by nobody counts for longer, up to a bound.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use porthole_admission::decide::{Answer, Usable};

/// How many answers are held. Beyond them all are dropped.
const MOST: usize = 50_000;
/// For how long the authoriser may not have heard of a change that was heard of here.
const SETTLING: Duration = Duration::from_secs(1);
/// For how long an old yes that is being asked again is left alone: longer than a question takes.
const ASKED: Duration = Duration::from_secs(10);
/// For how long a change is remembered: longer than any review is under way.
const REMEMBERED: Duration = Duration::from_mins(1);

/// For how long answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// A yes that is older is asked again when it is used, and counts meanwhile.
    pub again: Duration,
    /// A yes counts no longer.
    pub yes: Duration,
    /// A no; also a yes while nobody tells of changes to roles and bindings.
    pub no: Duration,
    /// What is known, while the API server is away.
    pub stale: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            again: Duration::from_secs(10),
            yes: Duration::from_mins(1),
            no: Duration::from_secs(1),
            stale: Duration::from_mins(10),
        }
    }
}

/// Who asks, and for what of which name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) user: &'a str,
    pub(crate) what: Usable,
    pub(crate) name: &'a str,
}

#[derive(Clone, Debug)]
struct Held {
    answer: Answer,
    asked: Instant,
    until: Instant,
    /// When it is to be asked again, where it is used then.
    again: Instant,
}

/// An answer that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) answer: Answer,
    /// Whether it is to be asked again meanwhile: [`Permits::asks_again`].
    pub(crate) is_old: bool,
}

/// Answers by the user and the name of what is used: two lookups by what is borrowed cost less than one by a key that is made
/// for it.
type Users = HashMap<String, HashMap<String, Held>>;

/// Answers by the kind of what is used.
#[derive(Debug, Default)]
struct Answers {
    credential_specs: Users,
    host_accounts: Users,
}

impl Answers {
    fn of(&mut self, what: Usable) -> &mut Users {
        match what {
            Usable::CredentialSpec => &mut self.credential_specs,
            Usable::HostAccount => &mut self.host_accounts,
        }
    }

    fn get(&self, key: Key<'_>) -> Option<&Held> {
        let users = match key.what {
            Usable::CredentialSpec => &self.credential_specs,
            Usable::HostAccount => &self.host_accounts,
        };
        users.get(key.user)?.get(key.name)
    }

    fn get_mut(&mut self, key: Key<'_>) -> Option<&mut Held> {
        self.of(key.what).get_mut(key.user)?.get_mut(key.name)
    }

    /// Whether none was there.
    fn insert(&mut self, key: Key<'_>, held: Held) -> bool {
        let names = self.of(key.what).entry(key.user.to_owned()).or_default();
        names.insert(key.name.to_owned(), held).is_none()
    }

    fn count(&self) -> usize {
        let users = [&self.credential_specs, &self.host_accounts].into_iter();
        users.flat_map(HashMap::values).map(HashMap::len).sum()
    }

    /// Forgets those that are not to be held on to.
    fn retain(&mut self, is_held: impl Fn(&Held) -> bool) {
        for users in [&mut self.credential_specs, &mut self.host_accounts] {
            users.retain(|_, names| {
                names.retain(|_, held| is_held(held));
                !names.is_empty()
            });
        }
    }
}

#[derive(Debug, Default)]
struct Namespace {
    changed: Option<Instant>,
    answers: Answers,
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
    state: RwLock<State>,
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
            state: RwLock::default(),
            freshness,
            live: AtomicUsize::new(0),
            watches,
        }
    }

    /// The answer, where it counts at the time `now`.
    pub(crate) fn fresh(&self, namespace: &str, key: Key<'_>, now: Instant) -> Option<Known> {
        let state = self.state();
        let held = state.namespaces.get(namespace)?.answers.get(key)?;
        let is_yes = held.answer == Answer::Allowed;
        let until = if is_yes && !self.is_live() {
            held.until.min(held.asked + self.freshness.no)
        } else {
            held.until
        };
        (now < until).then(|| Known {
            answer: held.answer.clone(),
            is_old: is_yes && now >= held.again,
        })
    }

    /// Whether nobody else asks an old answer again. From now on somebody does.
    pub(crate) fn asks_again(&self, namespace: &str, key: Key<'_>) -> bool {
        let mut state = self.change();
        let now = Instant::now();
        let here = state.namespaces.get_mut(namespace);
        let held = here.and_then(|here| here.answers.get_mut(key));
        held.filter(|held| now >= held.again)
            .map(|held| held.again = now + ASKED)
            .is_some()
    }

    /// The answer, where it counts while nobody else can tell.
    pub(crate) fn stale(&self, namespace: &str, key: Key<'_>) -> Option<Answer> {
        let state = self.state();
        let held = state.namespaces.get(namespace)?.answers.get(key)?;
        (held.asked.elapsed() < self.freshness.stale).then(|| held.answer.clone())
    }

    /// Holds an answer that was asked for at that time.
    pub(crate) fn hold(&self, namespace: &str, key: Key<'_>, answer: &Answer, asked: Instant) {
        let mut state = self.change();
        if state.count >= MOST {
            state.clear();
        }
        let changed = state.last_change(namespace);
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
            again: asked + self.freshness.again,
        };
        let here = state.namespaces.entry(namespace.to_owned()).or_default();
        if here.answers.insert(key, held) {
            state.count += 1;
        }
    }

    /// A role or a binding of the namespace has changed; of none, one that counts everywhere.
    pub(crate) fn drop_of(&self, namespace: Option<&str>) {
        let mut state = self.change();
        let now = Instant::now();
        let Some(namespace) = namespace else {
            state.clear();
            state.changed = Some(now);
            return;
        };
        let here = state.namespaces.entry(namespace.to_owned()).or_default();
        here.changed = Some(now);
        let dropped = std::mem::take(&mut here.answers).count();
        state.count -= dropped;
    }

    /// When something changed last that counts in a namespace, as far as it is remembered: what was asked before tells nothing of
    /// what is so since.
    pub(crate) fn last_change(&self, namespace: &str) -> Option<Instant> {
        self.state().last_change(namespace)
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
        let mut state = self.change();
        let mut count = 0;
        state.namespaces.retain(|_, here| {
            here.answers
                .retain(|held| held.asked.elapsed() < self.freshness.stale.max(self.freshness.yes));
            let held = here.answers.count();
            count += held;
            let is_remembered = here.changed.is_some_and(|changed| changed.elapsed() < REMEMBERED);
            held > 0 || is_remembered
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

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn last_change(&self, namespace: &str) -> Option<Instant> {
        let here = self.namespaces.get(namespace);
        self.changed.max(here.and_then(|here| here.changed))
    }

    fn clear(&mut self) {
        for here in self.namespaces.values_mut() {
            here.answers = Answers::default();
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Freshness = Freshness {
        again: Duration::from_mins(1),
        yes: Duration::from_mins(1),
        no: Duration::from_secs(30),
        stale: Duration::from_mins(10),
    };

    fn key(user: &str) -> Key<'_> {
        Key {
            user,
            what: Usable::CredentialSpec,
            name: "spec",
        }
    }

    fn fresh(permits: &Permits, namespace: &str, user: &str) -> Option<Answer> {
        let known = permits.fresh(namespace, key(user), Instant::now())?;
        Some(known.answer)
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
        let (one, two) = (permits.last_change("one"), permits.last_change("two"));
        permits.drop_of(Some("one"));
        assert_ne!(permits.last_change("one"), one);
        assert_eq!(permits.last_change("two"), two);
        assert_eq!(fresh(&permits, "one", "web"), None);
        assert_eq!(
            permits.stale("one", key("web")),
            None,
            "what was dropped is not even stale"
        );
        assert_eq!(fresh(&permits, "two", "web"), Some(Answer::Allowed));
        assert_eq!(permits.count(), 1);
        permits.drop_of(None);
        assert_ne!(permits.last_change("two"), two, "it may be of every namespace");
        assert_eq!((fresh(&permits, "two", "web"), permits.count()), (None, 0));
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_held_and_one_right_after_not_for_long() {
        let permits = live(LONG);
        let before = Instant::now();
        permits.drop_of(Some("one"));
        permits.hold("one", key("web"), &Answer::Allowed, before);
        assert_eq!(permits.stale("one", key("web")), None);
        let after = Instant::now() + Duration::from_millis(1);
        permits.hold("one", key("web"), &Answer::Allowed, after);
        let held = permits.state().namespaces["one"]
            .answers
            .get(key("web"))
            .unwrap()
            .until;
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
        assert_eq!(fresh(&permits, "one", "web"), Some(Answer::Allowed));
        assert_eq!(fresh(&permits, "one", "db"), None);
        permits.set_live(false);
        assert_eq!(fresh(&permits, "one", "web"), None);
        assert_eq!(permits.stale("one", key("web")), Some(Answer::Allowed));
    }

    #[test]
    fn an_old_yes_is_asked_again_by_one_and_counts_meanwhile() {
        let permits = live(Freshness {
            again: Duration::ZERO,
            ..LONG
        });
        hold(&permits, "one", "web", &Answer::Allowed);
        hold(&permits, "one", "db", &Answer::Refused(String::new()));
        let known = permits.fresh("one", key("web"), Instant::now()).unwrap();
        assert!(known.is_old && known.answer == Answer::Allowed);
        assert!(permits.asks_again("one", key("web")));
        assert!(!permits.fresh("one", key("web"), Instant::now()).unwrap().is_old);
        assert!(!permits.asks_again("one", key("web")), "somebody does already");
        assert!(
            !permits.fresh("one", key("db"), Instant::now()).unwrap().is_old,
            "a no does not count for long anyway"
        );
        permits.drop_of(Some("one"));
        assert!(
            !permits.asks_again("one", key("web")),
            "what was dropped is asked for as new"
        );
    }

    #[test]
    fn nothing_grows_without_bound() {
        let permits = live(Freshness {
            again: Duration::ZERO,
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
