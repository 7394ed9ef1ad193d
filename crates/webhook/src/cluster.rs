//! What is known of the cluster, and what has to be asked.
//!
//! A review is decided by what is known now. What is not known is a [`Question`]: a credential spec that the store does not
//! hold, because it is new or because there is none, and an access review that was not asked lately.

use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_access::User;
use porthole_admission::decide::{Answer, CannotTell, SpecError, contents_of};
use porthole_cluster::{Resource, Target};
use porthole_credspec::{GROUP, RESOURCE};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::{Api, ApiError, JSON};
use crate::flight::Flights;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::permits::{Freshness, Permits};
use crate::roles::Roles;
use crate::store::Store;
use crate::watch::{Subject, follow};

/// The largest object that is read.
const LONGEST_OBJECT: usize = 4 << 20;
/// How often what no longer counts is forgotten.
const SWEEP: Duration = Duration::from_secs(30);

/// The contents of a credential spec, or why there are none.
pub(crate) type Contents = Result<Arc<str>, SpecError>;
/// Whether somebody may, or that nobody can tell.
pub(crate) type May = Result<Answer, CannotTell>;

/// What is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// What a credential spec holds.
    Spec(String),
    /// Whether a user may use it in a namespace.
    Use(User, String, String),
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Spec(Contents),
    Use(May),
}

/// A cluster.
pub(crate) struct Cluster {
    api: Arc<Api>,
    pub(crate) store: Arc<Store>,
    pub(crate) permits: Arc<Permits>,
    metrics: Arc<Metrics>,
    specs: Flights<String, Contents>,
    uses: Flights<(String, String, String), May>,
}

impl Cluster {
    pub(crate) fn new(target: Target, freshness: Freshness, metrics: Arc<Metrics>) -> Self {
        Self {
            api: Arc::new(Api::new(target, Arc::clone(&metrics))),
            store: Arc::new(Store::new(freshness.stale)),
            permits: Arc::new(Permits::new(freshness, Roles::WATCHES)),
            metrics,
            specs: Flights::default(),
            uses: Flights::default(),
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
            accept: JSON,
        };
        let api = &self.api;
        tasks.spawn(follow(
            Arc::clone(api),
            specs,
            Arc::clone(&self.store),
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

    /// Whether a user may, where that is known.
    pub(crate) fn may_use(&self, user: &User, namespace: &str, spec: &str) -> Option<Answer> {
        self.permits
            .fresh(namespace, &(user.name.clone(), spec.to_owned()))
    }

    /// Asks.
    pub(crate) async fn ask(&self, question: &Question) -> Reply {
        match question {
            Question::Spec(name) => Reply::Spec(self.specs.ask(name, self.ask_spec(name)).await),
            Question::Use(user, namespace, spec) => {
                let key = (namespace.clone(), user.name.clone(), spec.clone());
                Reply::Use(self.uses.ask(&key, self.ask_use(user, namespace, spec)).await)
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
            Err(error) => {
                let reason = self.store.expired().filter(|_| error.is_outage());
                Err(SpecError::Unavailable(match reason {
                    Some(CannotTell(expired)) => CannotTell(format!("{expired}: {error}")),
                    None => CannotTell(error.to_string()),
                }))
            }
        }
    }

    async fn ask_use(&self, user: &User, namespace: &str, spec: &str) -> May {
        if Resource::NAMESPACES.path_of(None, namespace).is_none() {
            return Err(CannotTell(format!("no namespace can be called {namespace:?}")));
        }
        let key = (user.name.clone(), spec.to_owned());
        let asked = Instant::now();
        let reviews = Resource::new(
            "authorization.k8s.io/v1",
            "LocalSubjectAccessReview",
            "localsubjectaccessreviews",
        );
        let path = reviews.path(Some(namespace));
        match self.api.post(&path, &review(user, namespace, spec)).await {
            Ok(review) => {
                let answer = answer(&review)?;
                self.metrics.access("asked");
                self.permits.hold(namespace, key, &answer, asked);
                Ok(answer)
            }
            Err(error) => {
                if let Some(answer) = self.permits.stale(namespace, &key).filter(|_| error.is_outage()) {
                    self.metrics.access("stale");
                    return Ok(answer);
                }
                self.metrics.access("failed");
                Err(CannotTell(error.to_string()))
            }
        }
    }
}

/// The question as the webhook of kubernetes-sigs/windows-gmsa asks it, but for the groups, which are all that a service
/// account is in.
fn review(user: &User, namespace: &str, spec: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": namespace},
        "spec": {
            "resourceAttributes": {
                "namespace": namespace,
                "verb": "use",
                "group": GROUP,
                "version": "v1",
                "resource": RESOURCE,
                "name": spec,
            },
            "user": user.name,
            "groups": user.groups,
        },
    })
}

fn answer(review: &Value) -> May {
    let status = &review["status"];
    let Some(allowed) = status["allowed"].as_bool() else {
        return Err(CannotTell("the API server's review has no answer".to_owned()));
    };
    if allowed && status["denied"] != true {
        return Ok(Answer::Allowed);
    }
    let reason = status["reason"].as_str().unwrap_or_default();
    Ok(Answer::Refused(crate::api::clean(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_denies_is_no_yes() {
        let asked = |status: Value| answer(&json!({"status": status}));
        assert_eq!(asked(json!({"allowed": true})), Ok(Answer::Allowed));
        assert_eq!(
            asked(json!({"allowed": true, "denied": true, "reason": "no"})),
            Ok(Answer::Refused("no".to_owned()))
        );
        assert_eq!(
            asked(json!({"allowed": false})),
            Ok(Answer::Refused(String::new()))
        );
        assert!(asked(json!({})).is_err());
        assert!(asked(json!({"allowed": "true"})).is_err());
    }

    #[test]
    fn the_question_has_the_attributes_of_the_existing_webhook() {
        let review = review(&User::service_account("shop", "web"), "shop", "webapp1");
        assert_eq!(review["metadata"], json!({"namespace": "shop"}));
        assert_eq!(
            review["spec"]["resourceAttributes"],
            json!({
                "namespace": "shop", "verb": "use", "group": "windows.k8s.io", "version": "v1",
                "resource": "gmsacredentialspecs", "name": "webapp1",
            })
        );
        assert_eq!(review["spec"]["user"], "system:serviceaccount:shop:web");
    }
}
