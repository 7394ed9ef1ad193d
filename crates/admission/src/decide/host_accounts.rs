//! Whether a pod's service account may use the host accounts that the pod asks for.

use porthole_pod::go_quote;

use super::denial::{Problem, Problems};
use super::lookup::{CannotTell, Namespaces, Usable, Uses};
use super::pod::Pod;
use crate::host_accounts::{Ask, MOST_TOLD, Mode, asks_beyond};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service account may.
    Allowed,
    /// It may not, and the audit log is told.
    Audited,
    /// It may not, and whoever creates the pod is told.
    Warned,
    /// It may not, and the pod is refused.
    Refused,
    /// Nobody can tell.
    Unknown,
}

/// What is told beside the answer.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<String>,
    pub(super) audit: Vec<(&'static str, String)>,
    pub(super) outcome: Option<Outcome>,
}

/// Asks for what the pod asks for and the old one did not. Of pods that ask for nothing, nobody is asked.
pub(super) fn check(
    pod: &Pod<'_>,
    old: Option<&Pod<'_>>,
    namespaces: &dyn Namespaces,
    uses: &mut Uses<'_>,
    problems: &mut Problems,
) -> Remarks {
    let mut remarks = Remarks::default();
    if !pod.may_ask {
        return remarks;
    }
    let asks = asks_beyond(&pod.template, old.map(|old| &old.template));
    if asks.is_empty() {
        return remarks;
    }
    let namespace = uses.namespace();
    let policy = match namespaces.host_accounts(namespace) {
        Ok(policy) => policy,
        Err(error) => {
            problems.push(unknown_mode(namespace, &asks[0], &error));
            remarks.outcome = Some(Outcome::Unknown);
            return remarks;
        }
    };
    if policy.mode == Mode::Off {
        return remarks;
    }
    remarks.warnings.extend(policy.remark);
    let mut granted: Vec<&str> = Vec::new();
    let mut told: Vec<String> = Vec::new();
    let mut is_unknown = false;
    for ask in &asks {
        if problems.are_enough() || told.len() >= MOST_TOLD {
            break;
        }
        let problem = uses.problem(Usable::HostAccount, ask.account.clone().into(), || {
            ask.field.clone()
        });
        let Some(problem) = problem.map(|problem| problem.own_if(true)) else {
            if !granted.contains(&ask.account.as_str()) {
                granted.push(&ask.account);
            }
            continue;
        };
        is_unknown |= problem.code == 503;
        if policy.mode == Mode::Enforce {
            problems.push(problem);
            remarks.outcome = Some(Outcome::Refused);
        } else if !told.contains(&problem.message) {
            told.push(problem.message);
            let outcome = if policy.mode == Mode::Warn {
                Outcome::Warned
            } else {
                Outcome::Audited
            };
            remarks.outcome = Some(outcome);
        }
    }
    if !granted.is_empty() {
        remarks.audit.push(("host-accounts", granted.join(",")));
    }
    if !told.is_empty() {
        remarks.audit.push(("host-accounts-problems", told.join("; ")));
    }
    if policy.mode == Mode::Warn {
        remarks.warnings.append(&mut told);
    }
    if is_unknown {
        remarks.outcome = Some(Outcome::Unknown);
    }
    if !granted.is_empty() {
        remarks.outcome.get_or_insert(Outcome::Allowed);
    }
    remarks
}

/// Of a namespace of which nobody can tell, it might be that it is strict.
fn unknown_mode(namespace: &str, ask: &Ask, error: &CannotTell) -> Problem {
    let text = format!(
        "cannot tell whether namespace {} enforces host accounts: {error}",
        go_quote(namespace)
    );
    Problem::new("host-accounts-mode-unavailable", 503, ask.field.clone(), text).own_if(true)
}
