//! What a decision asks of the cluster, and answers that are none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use porthole_access::{Access, Request, User};
use porthole_credspec::{GROUP, RESOURCE, canonical};
use porthole_pod::go_quote;
use serde_json::Value;

use super::contents::Contents;
use super::denial::Problem;
use crate::gmsa::{GMSA_SPEC_EMPTY, GMSA_SPEC_UNKNOWN, GMSA_UNAUTHORIZED};
use crate::host_accounts::{self, HOST_ACCOUNT_UNAUTHORIZED, Policy};
use crate::words;

/// The cluster's `GMSACredentialSpec`s.
pub trait CredentialSpecs {
    /// What a pod holds of the spec of that name: see [`contents_of`].
    ///
    /// # Errors
    ///
    /// There is no such spec, it has no contents, or nobody can tell.
    fn contents(&self, name: &str) -> Result<Contents, SpecError>;
}

/// Access reviews: who may do what.
pub trait AccessReviews {
    /// Whether the user may `use` what is called `name` in the namespace.
    ///
    /// # Errors
    ///
    /// Nobody can tell.
    fn may_use(&self, user: &User, namespace: &str, what: Usable, name: &str) -> Result<Answer, CannotTell>;
}

/// The cluster's namespaces.
pub trait Namespaces {
    /// How strict a namespace is about host accounts.
    ///
    /// # Errors
    ///
    /// Nobody can tell.
    fn host_accounts(&self, namespace: &str) -> Result<Policy, CannotTell>;
}

/// What somebody may `use`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Usable {
    /// A `GMSACredentialSpec`.
    CredentialSpec,
    /// An account of a pod's node, by its [`name_of`](crate::host_accounts::name_of).
    HostAccount,
}

impl Usable {
    /// The API group that roles name.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::CredentialSpec => GROUP,
            Self::HostAccount => host_accounts::GROUP,
        }
    }

    /// The resource that roles name.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::CredentialSpec => RESOURCE,
            Self::HostAccount => host_accounts::RESOURCE,
        }
    }

    /// What messages call it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::CredentialSpec => "GMSA cred spec",
            Self::HostAccount => "host account",
        }
    }

    /// The question of a role whether it allows to `use` what is called `name` in a namespace.
    #[must_use]
    pub const fn request<'a>(self, namespace: &'a str, name: &'a str) -> Request<'a> {
        Request::new("use", self.group(), self.resource())
            .named(name)
            .in_namespace(namespace)
    }

    /// What is said where these roles do not let a service account use it, and what to try.
    pub(crate) fn refusal(
        self,
        access: &Access,
        namespace: &str,
        account: &str,
        name: &str,
    ) -> Option<(String, String)> {
        let user = User::service_account(namespace, account);
        let verdict = access.authorize(&user, &self.request(namespace, name));
        if verdict.allowed {
            return None;
        }
        Some((
            words::unauthorized(account, self, name, &verdict.reason),
            words::grant(account, namespace, self, name),
        ))
    }
}

/// The answer of an access review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The user may.
    Allowed,
    /// The user may not. The authoriser's reason may be empty.
    Refused(String),
}

/// Nobody can tell: the API is away, or refuses to say. Holds the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotTell(pub String);

/// Why there are no contents of a credential spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is no such resource.
    #[error("not found")]
    Unknown,
    /// The resource has no `credspec`.
    #[error("no credspec key")]
    Empty,
    /// Nobody can tell.
    #[error(transparent)]
    Unavailable(#[from] CannotTell),
}

impl SpecError {
    /// The problem of a pod that names the spec.
    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::Unknown => GMSA_SPEC_UNKNOWN.name,
            Self::Empty => GMSA_SPEC_EMPTY.name,
            Self::Unavailable(_) => "gmsa-spec-unavailable",
        }
    }

    /// The code and the words of the webhook for the spec `name` that cannot be had.
    pub(super) fn describe(&self, name: &str) -> (u16, String) {
        match self {
            Self::Unknown => (404, words::unknown(name)),
            Self::Empty => (417, words::empty(name)),
            Self::Unavailable(reason) => (500, words::unavailable(name, &reason.0)),
        }
    }
}

/// What a pod holds of a `GMSACredentialSpec` that the API server has given: its `credspec` as Go's encoder writes it.
///
/// # Errors
///
/// There is no `credspec`, or it is the empty string.
pub fn contents_of(resource: &Value) -> Result<Contents, SpecError> {
    match resource.get("credspec") {
        None => Err(SpecError::Empty),
        Some(Value::String(text)) if text.is_empty() => Err(SpecError::Empty),
        Some(credspec) => Ok(Contents::new(&canonical(credspec))),
    }
}

/// RBAC alone, without the cluster's other authorisers.
impl AccessReviews for Access {
    fn may_use(&self, user: &User, namespace: &str, what: Usable, name: &str) -> Result<Answer, CannotTell> {
        let verdict = self.authorize(user, &what.request(namespace, name));
        Ok(if verdict.allowed {
            Answer::Allowed
        } else {
            Answer::Refused(verdict.reason)
        })
    }
}

/// Contents by name, each asked for once a review. In their order, as they are told: most pods have one, or a few.
pub(super) struct Specs<'a> {
    of: &'a dyn CredentialSpecs,
    known: BTreeMap<&'a str, Result<Contents, SpecError>>,
}

impl<'a> Specs<'a> {
    pub(super) fn new(of: &'a dyn CredentialSpecs) -> Self {
        let known = BTreeMap::new();
        Self { of, known }
    }

    /// The names of those that could be had, in their order.
    pub(super) fn found(&self) -> Vec<&str> {
        let found = self.known.iter().filter(|(_, contents)| contents.is_ok());
        found.map(|(name, _)| *name).collect()
    }

    pub(super) fn contents(&mut self, name: &'a str) -> Result<Contents, SpecError> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let found = match not_askable(name) {
            Some(reason) => Err(CannotTell(reason).into()),
            None => self.of.contents(name),
        };
        self.known.insert(name, found.clone());
        found
    }
}

/// Answers of access reviews by what is used, each asked for once a review: the service account is one.
pub(super) struct Uses<'a> {
    of: &'a dyn AccessReviews,
    account: &'a str,
    user: User,
    namespace: &'a str,
    known: BTreeMap<(Usable, Cow<'a, str>), Result<Answer, CannotTell>>,
}

impl<'a> Uses<'a> {
    pub(super) fn new(of: &'a dyn AccessReviews, account: &'a str, namespace: &'a str) -> Self {
        Self {
            of,
            account,
            user: User::service_account(namespace, account),
            namespace,
            known: BTreeMap::new(),
        }
    }

    /// Its namespace, which is the pod's.
    pub(super) const fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// What is wrong where the service account may not use it, or where nobody can tell. `field` is the one that asks.
    pub(super) fn problem(
        &mut self,
        what: Usable,
        name: Cow<'a, str>,
        field: impl FnOnce() -> String,
    ) -> Option<Problem> {
        let (refused, unknown) = match what {
            Usable::CredentialSpec => (GMSA_UNAUTHORIZED.name, "gmsa-access-unavailable"),
            Usable::HostAccount => (HOST_ACCOUNT_UNAUTHORIZED.name, "host-account-access-unavailable"),
        };
        let (name, answer) = self.may_use(what, name);
        match answer {
            Ok(Answer::Allowed) => None,
            Ok(Answer::Refused(reason)) => {
                let text = words::unauthorized(self.account, what, &name, &reason);
                let help = words::grant(self.account, self.namespace, what, &name);
                Some(Problem::new(refused, 403, field(), text).with_help(help))
            }
            Err(error) => {
                let text = words::unsure(self.account, what, &name, &error);
                Some(Problem::new(unknown, 503, field(), text))
            }
        }
    }

    fn may_use(&mut self, what: Usable, name: Cow<'a, str>) -> (Cow<'a, str>, Result<Answer, CannotTell>) {
        let (of, user, namespace) = (self.of, &self.user, self.namespace);
        let known = self.known.entry((what, name));
        let name = known.key().1.clone();
        let answer = known.or_insert_with(|| of.may_use(user, namespace, what, &name));
        (name, answer.clone())
    }
}

/// Why no API server can be asked for an object of that name, in the words of Go's client.
fn not_askable(name: &str) -> Option<String> {
    let faults: Vec<String> = match name {
        "" => return Some("name is required".to_owned()),
        "." | ".." => vec![format!("may not be '{name}'")],
        _ => ['/', '%']
            .into_iter()
            .filter(|c| name.contains(*c))
            .map(|c| format!("may not contain '{c}'"))
            .collect(),
    };
    (!faults.is_empty()).then(|| format!("invalid resource name {}: [{}]", go_quote(name), faults.join(" ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn contents_are_those_that_go_writes() {
        for (resource, expected) in [
            (
                json!({"credspec": {"b": "<&>", "a": 1.0}}),
                Ok(r#"{"a":1,"b":"\u003c\u0026\u003e"}"#),
            ),
            (json!({"credspec": {}}), Ok("{}")),
            (json!({"credspec": null}), Ok("null")),
            (json!({"credspec": "x"}), Ok("\"x\"")),
            (json!({"credspec": ""}), Err(SpecError::Empty)),
            (json!({"spec": {}}), Err(SpecError::Empty)),
            (json!([]), Err(SpecError::Empty)),
        ] {
            assert_eq!(contents_of(&resource), expected.map(Contents::new), "{resource}");
        }
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_told_in_the_words_of_gos_client() {
        for (name, expected) in [
            ("", "name is required"),
            ("a/b", "invalid resource name \"a/b\": [may not contain '/']"),
            (
                "%/",
                "invalid resource name \"%/\": [may not contain '/' may not contain '%']",
            ),
            ("..", "invalid resource name \"..\": [may not be '..']"),
        ] {
            assert_eq!(not_askable(name).as_deref(), Some(expected));
        }
        assert_eq!(not_askable("Web app.1"), None);
    }
}
