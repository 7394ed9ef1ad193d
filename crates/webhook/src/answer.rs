//! The answer to a review: decided by what is known, once what is not known has been asked.
//!
//! [`decide`] cannot wait. So it is let run with what is known; what it wanted to know beyond that is
//! asked, all of it at once, and it runs again. Mostly it runs once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use porthole_access::User;
use porthole_admission::decide::{
    AccessReviews, Around, CannotTell, CredentialSpecs, Decision, Endpoint, Namespaces, Review, Usable,
    decide,
};
use tokio::time::{Instant, timeout_at};

use crate::cluster::{Cluster, HowStrict, May, Question, Reply};
use crate::metrics::Metrics;
use crate::store::Contents;

/// By what else a review is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Random bits, where hostnames are to be random.
    pub(crate) hostname: Option<[u8; 6]>,
    pub(crate) runtime_classes: Arc<[String]>,
}

/// What was asked for this review.
#[derive(Default)]
struct Learned {
    specs: HashMap<String, Contents>,
    /// Of one review the namespace is always the same.
    namespace: Option<HowStrict>,
    uses: HashMap<(Usable, String), May>,
}

/// What a decision looks at.
struct Look<'a> {
    cluster: &'a Arc<Cluster>,
    learned: &'a Learned,
    /// Whether nothing was asked yet.
    is_first: bool,
    /// When the decision is made.
    now: std::time::Instant,
    missing: RefCell<Vec<Question>>,
    /// How many access reviews were answered by what is held.
    hits: Cell<u64>,
}

impl Look<'_> {
    /// Notes what is missing. The decision made without it does not count.
    fn miss(&self, question: Question) -> CannotTell {
        self.missing.borrow_mut().push(question);
        CannotTell("it is being asked".to_owned())
    }
}

impl CredentialSpecs for Look<'_> {
    fn contents(&self, name: &str) -> Contents {
        if let Some(learned) = self.learned.specs.get(name) {
            return learned.clone();
        }
        self.cluster
            .store
            .get(name)
            .unwrap_or_else(|| Err(self.miss(Question::Spec(name.to_owned())).into()))
    }
}

impl Namespaces for Look<'_> {
    fn host_accounts(&self, namespace: &str) -> HowStrict {
        if let Some(learned) = &self.learned.namespace {
            return learned.clone();
        }
        self.cluster
            .policy(namespace)
            .ok_or_else(|| self.miss(Question::Namespace(namespace.to_owned())))
    }
}

impl AccessReviews for Look<'_> {
    fn may_use(&self, user: &User, namespace: &str, what: Usable, name: &str) -> May {
        // Of one review the user and the namespace are always the same.
        if !self.is_first
            && let Some(learned) = self.learned.uses.get(&(what, name.to_owned()))
        {
            return learned.clone();
        }
        let Some(answer) = self.cluster.may_use(user, namespace, what, name, self.now) else {
            let question = Question::Use(user.clone(), namespace.to_owned(), what, name.to_owned());
            return Err(self.miss(question));
        };
        if self.is_first {
            self.hits.set(self.hits.get() + 1);
        }
        Ok(answer)
    }
}

/// Answers a review until `deadline`. Whatever is not known by then nobody can tell.
pub(crate) async fn answer(
    cluster: &Arc<Cluster>,
    metrics: &Metrics,
    endpoint: Endpoint,
    review: &Review,
    manner: &Manner,
    deadline: Instant,
) -> Decision {
    let mut learned = Learned::default();
    let mut is_first = true;
    loop {
        let (decision, missing) = {
            let look = Look {
                cluster,
                learned: &learned,
                is_first,
                now: std::time::Instant::now(),
                missing: RefCell::default(),
                hits: Cell::default(),
            };
            let around = Around {
                specs: &look,
                access: &look,
                namespaces: &look,
                hostname: manner.hostname,
                runtime_classes: &manner.runtime_classes,
            };
            let decision = decide(endpoint, review, &around);
            if look.hits.get() > 0 {
                metrics.access_times("hit", look.hits.get());
            }
            (decision, look.missing.into_inner())
        };
        if missing.is_empty() {
            return decision;
        }
        is_first = false;
        ask(cluster, missing, deadline, &mut learned).await;
    }
}

/// Asks all of it at once. Every question has a reply afterwards.
///
/// Nothing is handed to another task: a review waits for the cluster, and not for its turn as well.
async fn ask(cluster: &Cluster, missing: Vec<Question>, deadline: Instant, learned: &mut Learned) {
    let asking = missing.into_iter().map(|question| async move {
        let reply = timeout_at(deadline, cluster.ask(&question)).await;
        let reply = reply.unwrap_or_else(|_| question.unanswered("the API server has not answered in time"));
        (question, reply)
    });
    for answered in join_all(asking).await {
        match answered {
            (Question::Spec(name), Reply::Spec(contents)) => {
                learned.specs.insert(name, contents);
            }
            (Question::Namespace(_), Reply::Namespace(policy)) => learned.namespace = Some(policy),
            (Question::Use(_, _, what, name), Reply::Use(may)) => {
                learned.uses.insert((what, name), may);
            }
            // A reply is of its question's kind.
            _ => {}
        }
    }
}
