//! What is known of the cluster, and what has to be asked.
//!
//! A review is decided by what is known now. What is not known is a [`Question`]: a credential spec or a namespace that the
//! store does not hold, because it is new or because there is none, and an access review that was not asked lately. One that was
//! asked a while ago counts, and is asked again beside the decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_access::User;
use porthole_admission::decide::{
    Answer, CannotTell, SpecError, Usable, access_answer, access_review, contents_of,
};
use porthole_admission::host_accounts::{Mode, Policy};
use porthole_cluster::{Resource, Target};
use porthole_credspec::RESOURCE;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::api::{Api, ApiError, JSON};
use crate::flight::Flights;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::permits::{Freshness, Key, Permits};
use crate::roles::Roles;
use crate::store::{Contents, Kept as _, Label, Store};
use crate::watch::{Extent, Subject, follow};

/// The largest object that is read.
const LONGEST_OBJECT: usize = 4 << 20;
/// How many old answers are asked again at once. Others wait for their next use.
const MOST_AGAIN: usize = 16;
/// How often what no longer counts is forgotten.
const SWEEP: Duration = Duration::from_secs(30);

/// How strict a namespace is about host accounts, or that nobody can tell.
pub(crate) type HowStrict = Result<Policy, CannotTell>;
/// Whether somebody may, or that nobody can tell.
pub(crate) type May = Result<Answer, CannotTell>;

/// What is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// What a credential spec holds.
    Spec(String),
    /// How strict a namespace is about host accounts.
    Namespace(String),
    /// Whether a user may use something of a name in a namespace.
    Use(User, String, Usable, String),
}

impl Question {
    /// What comes of it where it cannot be answered.
    pub(crate) fn unanswered(&self, reason: &str) -> Reply {
        let error = CannotTell(reason.to_owned());
        match self {
            Self::Spec(_) => Reply::Spec(Err(error.into())),
            Self::Namespace(_) => Reply::Namespace(Err(error)),
            Self::Use(..) => Reply::Use(Err(error)),
        }
    }
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Spec(Contents),
    Namespace(HowStrict),
    Use(May),
}

/// Who would use what: namespace, user, kind and name, and the last change before it was asked, since whoever asks after a change
/// takes no answer from before it.
type Use = (String, String, Usable, String, Option<Instant>);

/// A cluster.
pub(crate) struct Cluster {
    api: Arc<Api>,
    pub(crate) store: Arc<Store<Contents>>,
    pub(crate) namespaces: Arc<Store<Label>>,
    /// How strict namespaces without a label are.
    host_accounts: Mode,
    pub(crate) permits: Arc<Permits>,
    metrics: Arc<Metrics>,
    specs: Flights<String, Contents>,
    labels: Flights<String, HowStrict>,
    uses: Flights<Use, May>,
    again: Arc<Semaphore>,
}

impl Cluster {
    pub(crate) fn new(
        target: Target,
        freshness: Freshness,
        host_accounts: Mode,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            api: Arc::new(Api::new(target, Arc::clone(&metrics))),
            store: Arc::new(Store::new(freshness.stale)),
            namespaces: Arc::new(Store::new(freshness.stale)),
            host_accounts,
            permits: Arc::new(Permits::new(freshness, Roles::WATCHES)),
            metrics,
            specs: Flights::default(),
            labels: Flights::default(),
            uses: Flights::default(),
            again: Arc::new(Semaphore::new(MOST_AGAIN)),
        }
    }

    /// What everything of it is asked by.
    pub(crate) fn api(&self) -> Arc<Api> {
        Arc::clone(&self.api)
    }

    /// Begins to watch. It ends with the tasks.
    pub(crate) fn watch(&self, log: &Log, tasks: &mut JoinSet<()>) {
        let specs = Subject {
            path: Resource::CREDENTIAL_SPECS.path(None),
            called: RESOURCE,
            extent: Extent::Whole,
        };
        let api = &self.api;
        tasks.spawn(follow(
            Arc::clone(api),
            specs,
            Arc::clone(&self.store),
            log.clone(),
        ));
        let namespaces = Subject {
            path: Resource::NAMESPACES.path(None),
            called: Label::CALLED,
            extent: Extent::Metadata,
        };
        tasks.spawn(follow(
            Arc::clone(api),
            namespaces,
            Arc::clone(&self.namespaces),
            log.clone(),
        ));
        for subject in Roles::subjects() {
            let roles = Arc::new(Roles(Arc::clone(&self.permits)));
            tasks.spawn(follow(Arc::clone(api), subject, roles, log.clone()));
        }
        let permits = Arc::clone(&self.permits);
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                permits.sweep();
            }
        });
    }

    /// Whether a user may, where that is known `now`. What is known and old is asked again meanwhile.
    pub(crate) fn may_use(
        self: &Arc<Self>,
        user: &User,
        namespace: &str,
        what: Usable,
        name: &str,
        now: Instant,
    ) -> Option<Answer> {
        let key = key(user, what, name);
        let known = self.permits.fresh(namespace, key, now)?;
        if known.is_old
            && let Ok(turn) = Arc::clone(&self.again).try_acquire_owned()
            && self.permits.asks_again(namespace, key)
        {
            let cluster = Arc::clone(self);
            let question = Question::Use(user.clone(), namespace.to_owned(), what, name.to_owned());
            // Where nobody can tell, what is known counts on, to its end.
            tokio::spawn(async move {
                cluster.ask(&question).await;
                drop(turn);
            });
        }
        Some(known.answer)
    }

    /// How strict a namespace is, where that is known.
    pub(crate) fn policy(&self, namespace: &str) -> Option<Policy> {
        let label = self.namespaces.get(namespace)?;
        Some(Policy::of(namespace, label.as_deref(), self.host_accounts))
    }

    /// Asks.
    pub(crate) async fn ask(&self, question: &Question) -> Reply {
        match question {
            Question::Spec(name) => Reply::Spec(self.specs.ask(name, self.ask_spec(name)).await),
            Question::Namespace(name) => {
                Reply::Namespace(self.labels.ask(name, self.ask_namespace(name)).await)
            }
            Question::Use(user, namespace, what, name) => {
                let change = self.permits.last_change(namespace);
                let key = (namespace.clone(), user.name.clone(), *what, name.clone(), change);
                let asking = self.ask_use(user, namespace, *what, name);
                Reply::Use(self.uses.ask(&key, asking).await)
            }
        }
    }

    async fn ask_spec(&self, name: &str) -> Contents {
        let Some(path) = Resource::CREDENTIAL_SPECS.path_of(None, name) else {
            // No object can have such a name.
            return Err(SpecError::Unknown);
        };
        match self.api.get(&path, JSON, LONGEST_OBJECT).await {
            Ok(object) => contents_of(&object),
            Err(ApiError::Status {
                code: 404, name: of, ..
            }) if of == name => Err(SpecError::Unknown),
            Err(error) => Err(unheld(self.store.expired(), &error).into()),
        }
    }

    async fn ask_namespace(&self, name: &str) -> HowStrict {
        let Some(path) = Resource::NAMESPACES.path_of(None, name) else {
            return Err(no_namespace(name));
        };
        match self
            .api
            .get(&path, Extent::Metadata.of_one(), LONGEST_OBJECT)
            .await
        {
            Ok(object) => {
                let label = Label::of(&object);
                Ok(Policy::of(name, label.as_deref(), self.host_accounts))
            }
            Err(error) => Err(unheld(self.namespaces.expired(), &error)),
        }
    }

    async fn ask_use(&self, user: &User, namespace: &str, what: Usable, name: &str) -> May {
        if Resource::NAMESPACES.path_of(None, namespace).is_none() {
            return Err(no_namespace(namespace));
        }
        let key = key(user, what, name);
        let asked = Instant::now();
        let path = Resource::LOCAL_ACCESS_REVIEWS.path(Some(namespace));
        let review = access_review(user, namespace, what, name);
        match self.api.post(&path, &review).await {
            Ok(review) => {
                let answer = match access_answer(&review)? {
                    Answer::Refused(reason) => Answer::Refused(crate::api::clean(&reason)),
                    allowed @ Answer::Allowed => allowed,
                };
                self.metrics.access("asked");
                self.permits.hold(namespace, key, &answer, asked);
                Ok(answer)
            }
            Err(error) => {
                if let Some(answer) = self.permits.stale(namespace, key).filter(|_| error.is_outage()) {
                    self.metrics.access("stale");
                    return Ok(answer);
                }
                self.metrics.access("failed");
                Err(CannotTell(error.to_string()))
            }
        }
    }
}

fn key<'a>(user: &'a User, what: Usable, name: &'a str) -> Key<'a> {
    let user = &user.name;
    Key { user, what, name }
}

/// Why what is not held, or no longer counts, is not known.
fn unheld(expired: Option<CannotTell>, error: &ApiError) -> CannotTell {
    match expired.filter(|_| error.is_outage()) {
        Some(CannotTell(expired)) => CannotTell(format!("{expired}: {error}")),
        None => CannotTell(error.to_string()),
    }
}

fn no_namespace(name: &str) -> CannotTell {
    CannotTell(format!("no namespace can be called {name:?}"))
}
