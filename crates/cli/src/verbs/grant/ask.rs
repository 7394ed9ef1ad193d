//! Whether service accounts may: asked of a cluster, or of the roles and bindings among files.

use std::path::PathBuf;
use std::process::ExitCode;

use porthole_access::{Access, User};
use porthole_admission::decide::{Answer, access_answer, access_review};
use porthole_manifest::objects;
use serde_json::{Value, json};

use super::{Right, ServiceAccount};
use crate::exit;
use crate::failure::Failure;
use crate::verbs::check::config::Config;
use crate::verbs::check::gather;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// They may. Who allows it may be said.
    Yes(String),
    /// They may not. A reason may be said.
    No(String),
    /// Nobody can tell, and why.
    Unknown(String),
}

/// A question with its answer.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    account: &'a ServiceAccount,
    right: &'a Right,
    may: May,
}

/// Every service account with every right.
fn questions<'a>(
    accounts: &'a [ServiceAccount],
    rights: &'a [Right],
) -> impl Iterator<Item = (&'a ServiceAccount, &'a Right)> {
    accounts
        .iter()
        .flat_map(move |account| rights.iter().map(move |right| (account, right)))
}

/// Asks the authoriser of a cluster.
pub(super) fn cluster<'a>(
    kubeconfig: Option<PathBuf>,
    context: Option<&str>,
    accounts: &'a [ServiceAccount],
    rights: &'a [Right],
) -> Result<Vec<Answered<'a>>, Failure> {
    let client = crate::cluster::client(kubeconfig, context)?;
    questions(accounts, rights)
        .map(|(account, right)| {
            let namespace = &account.namespace;
            let user = User::service_account(namespace, &account.name);
            let review = access_review(&user, namespace, right.what, &right.name);
            let may = match client.review(namespace, &review) {
                Ok(review) => of_review(&review),
                Err(error) if error.is_of_one_kind() => May::Unknown(error.to_string()),
                Err(error) => return Err(Failure::of_cluster(error)),
            };
            Ok(Answered { account, right, may })
        })
        .collect()
}

fn of_review(review: &Value) -> May {
    match access_answer(review) {
        Ok(Answer::Allowed) => May::Yes(review["status"]["reason"].as_str().unwrap_or_default().to_owned()),
        Ok(Answer::Refused(reason)) => May::No(reason),
        Err(error) => May::Unknown(error.to_string()),
    }
}

/// Asks the roles and bindings among files. A role that a binding names and that is not among them may allow anything.
pub(super) fn files<'a>(
    paths: &[PathBuf],
    namespace: &str,
    accounts: &'a [ServiceAccount],
    rights: &'a [Right],
) -> Result<Vec<Answered<'a>>, Failure> {
    let (files, unreadable) = gather::read(paths, &Config::find(None)?)?;
    if let Some(unreadable) = unreadable.into_iter().next() {
        return Err(Failure::unasked(unreadable.reason));
    }
    let mut access = Access::default();
    for file in &files {
        if let Some(error) = file.stream.errors.first() {
            let name = file.source.name();
            return Err(Failure::unasked(format!("read `{name}`: {}", error.reason)));
        }
        for object in file.stream.documents.iter().flat_map(objects) {
            access.add_in(&object, namespace);
        }
    }
    let answers = questions(accounts, rights).map(|(account, right)| {
        let user = User::service_account(&account.namespace, &account.name);
        let verdict = access.authorize(&user, &right.what.request(&account.namespace, &right.name));
        let may = match (verdict.allowed, verdict.missing.is_empty()) {
            (true, _) => May::Yes(verdict.reason),
            (false, true) => May::No(verdict.reason),
            (false, false) => May::Unknown(verdict.reason),
        };
        Answered { account, right, may }
    });
    Ok(answers.collect())
}

/// One no is a no; without one, what cannot be told is what counts.
pub(super) fn code(answers: &[Answered<'_>]) -> ExitCode {
    let any = |is: fn(&May) -> bool| answers.iter().any(|answer| is(&answer.may));
    if any(|may| matches!(may, May::No(_))) {
        ExitCode::from(exit::NO)
    } else if any(|may| matches!(may, May::Unknown(_))) {
        ExitCode::from(exit::UNASKED)
    } else {
        ExitCode::SUCCESS
    }
}

impl Answered<'_> {
    /// For people.
    pub(super) fn line(&self) -> String {
        let ServiceAccount { namespace, name } = self.account;
        let (may, reason) = match &self.may {
            May::Yes(reason) => ("may use", reason),
            May::No(reason) => ("may not use", reason),
            May::Unknown(reason) => ("cannot be told about", reason),
        };
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!(" ({reason})")
        };
        format!(
            "service account {namespace}/{name} {may} {}{reason}\n",
            self.right.describe()
        )
    }

    fn report(&self) -> Value {
        let (allowed, reason) = match &self.may {
            May::Yes(reason) => (Some(true), reason),
            May::No(reason) => (Some(false), reason),
            May::Unknown(reason) => (None, reason),
        };
        json!({
            "serviceAccount": {"namespace": self.account.namespace, "name": self.account.name},
            "resource": format!("{}.{}", self.right.what.resource(), self.right.what.group()),
            "name": self.right.name,
            "allowed": allowed,
            "reason": reason,
        })
    }
}

/// The answers as a document. `allowed` is null where nobody can tell.
pub(super) fn report(answers: &[Answered<'_>]) -> Value {
    let answers: Vec<Value> = answers.iter().map(Answered::report).collect();
    json!({"format": 1, "answers": answers})
}
