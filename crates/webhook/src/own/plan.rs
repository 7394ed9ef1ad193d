//! What is to be done next, worked out from what there is: no clock and no network.
//!
//! A new authority is trusted everywhere before anything that it has signed is served, and an old one is trusted until nothing
//! that it has signed is valid any more. So no handshake ever fails:
//!
//! ```text
//! caBundle   A ─────────▶ B A ──────────────────────────────▶ B
//! serves     a (by A)     a      seen, settled ▶ b (by B)     b     … until the last a is over
//! key        of A         of B, that of A is destroyed        of B
//! ```

use rustls::pki_types::CertificateDer;

use super::authority::{Authority, BACKDATED, SignError};
use super::contents::Contents;
use crate::certificate::Validity;

/// The longest time that API servers are given to hear of a changed configuration, in seconds.
const LONGEST_SETTLE: i64 = 60;
/// The longest time by which clocks may differ before an old authority is given up too early, in seconds.
const LONGEST_SKEW: i64 = 3600;

/// For how long certificates are valid, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    pub(crate) leaf: i64,
    pub(crate) authority: i64,
}

impl Lifetimes {
    /// From when until a configuration was changed until every API server works by it.
    pub(crate) fn settle(&self) -> i64 {
        (self.leaf / 10).clamp(1, LONGEST_SETTLE)
    }

    /// How long before its end an authority gets a successor: a fifth of its life, and two lives of what it signs.
    fn ahead(&self) -> i64 {
        (self.authority / 5).max(2 * self.leaf)
    }

    /// For how long after its successor was made an authority is trusted: nothing that it has signed is valid any longer.
    fn overlap(&self, served: Validity) -> i64 {
        let served = served.until - served.from - BACKDATED;
        self.leaf.max(served) + (self.leaf / 4).min(LONGEST_SKEW)
    }
}

/// What of the Secret's contents decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The authorities that are trusted, the newest first.
    pub(crate) authorities: Vec<Validity>,
    /// Whether the newest one's key is there.
    pub(crate) can_sign: bool,
    /// What is served; nothing where nothing can be.
    pub(crate) leaf: Option<Served>,
}

/// A leaf that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) validity: Validity,
    /// Which authority has signed it.
    pub(crate) signer: usize,
    /// Whether it is for all names that it should be for.
    pub(crate) covers: bool,
    /// Whether it is not in the Secret, but remembered.
    pub(crate) is_recalled: bool,
}

impl State {
    pub(crate) fn of(contents: &Contents, names: &[String]) -> Self {
        Self {
            authorities: contents
                .authorities
                .iter()
                .filter_map(|authority| Validity::of(authority))
                .collect(),
            can_sign: contents.signing.is_some(),
            leaf: contents.held.as_ref().map(|held| Served {
                validity: held.validity,
                signer: held.signer,
                covers: contents.covers(names),
                is_recalled: contents.is_recalled,
            }),
        }
    }
}

/// What is done to the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new authority comes to the others. What is served stays, where there is something.
    Begin,
    /// The newest authority signs what is served from now on.
    Issue,
    /// What is remembered is written.
    Restore,
    /// All authorities but the newest are forgotten.
    Forget,
}

impl Step {
    /// Makes the contents what they are to be.
    pub(crate) fn apply(
        self,
        contents: &mut Contents,
        names: &[String],
        now: i64,
        lifetimes: &Lifetimes,
    ) -> Result<(), SignError> {
        match self {
            Self::Begin => {
                contents.begin(Authority::make(now, lifetimes.authority)?);
                if contents.held.is_none() {
                    contents.issue(names, now, lifetimes.leaf)?;
                }
            }
            Self::Issue => contents.issue(names, now, lifetimes.leaf)?,
            Self::Restore => {}
            Self::Forget => contents.authorities.truncate(1),
        }
        Ok(())
    }
}

/// What is to be done next, if anything. `settled` is whether every configuration has long enough had exactly the authorities of
/// the state.
pub(crate) fn next(state: &State, settled: bool, now: i64, lifetimes: &Lifetimes) -> Option<Step> {
    let Some(newest) = state.authorities.first().filter(|_| state.can_sign) else {
        return Some(Step::Begin);
    };
    let Some(leaf) = state.leaf else {
        return Some(Step::Issue);
    };
    if leaf.signer != 0 {
        return if settled {
            Some(Step::Issue)
        } else {
            leaf.is_recalled.then_some(Step::Restore)
        };
    }
    let left = leaf.validity.until - now;
    let is_short = left <= lifetimes.leaf / 3 && newest.until.min(now + lifetimes.leaf) > leaf.validity.until;
    if leaf.is_recalled || !leaf.covers || is_short {
        return Some(Step::Issue);
    }
    if state.authorities.len() > 1 && now > newest.from + BACKDATED + lifetimes.overlap(leaf.validity) {
        return Some(Step::Forget);
    }
    // The leaf has time enough for its successor's authority to be seen everywhere.
    let has_time = left > lifetimes.leaf / 2 || leaf.validity.until == newest.until;
    let is_old = newest.until - now <= lifetimes.ahead();
    (is_old && has_time && settled).then_some(Step::Begin)
}

/// Whom every entry of the configurations trusts: nothing where that is no list of certificates.
pub(crate) type Found<'a> = &'a [Option<Vec<CertificateDer<'static>>>];

/// Since when everybody has known of the same authorities.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    agreed: Option<(Vec<CertificateDer<'static>>, i64)>,
}

impl Trust {
    /// Takes note of what every entry of the configurations trusts, and says whether all of them have trusted exactly these
    /// authorities for that long.
    pub(crate) fn settled(
        &mut self,
        authorities: &[CertificateDer<'static>],
        found: Found<'_>,
        now: i64,
        settle: i64,
    ) -> bool {
        let agrees = found.iter().all(|entry| entry.as_deref() == Some(authorities));
        if !agrees {
            self.agreed = None;
            return false;
        }
        match &self.agreed {
            Some((known, since)) if known == authorities => now - since >= settle,
            _ => {
                self.agreed = Some((authorities.to_vec(), now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
