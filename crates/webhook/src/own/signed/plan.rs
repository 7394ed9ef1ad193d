//! What is to be done next about a certificate that somebody else signs: no clock and no network.
//!
//! ```text
//! key in the Secret ─▶ request ─▶ approved ─▶ signed ─▶ in the Secret, beside its key
//!      └─ new, some time after one was refused
//! ```

use super::request::Progress;
use crate::certificate::Validity;

/// How long a signer is left alone that has refused a request, or has just issued a certificate, in seconds; at most, and else a
/// tenth of a certificate's life.
const LONGEST_REST: i64 = 600;

/// For how long a signer of such certificates is left alone, in seconds.
pub(crate) fn rest(life: i64) -> i64 {
    (life / 10).clamp(1, LONGEST_REST)
}

/// What was issued last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// When it was taken.
    pub(crate) at: i64,
    /// Until when it is valid.
    pub(crate) until: i64,
}

impl Taken {
    /// How long the signer lets a certificate live, from when it is taken.
    pub(crate) const fn life(self) -> i64 {
        self.until - self.at
    }

    /// Whether that was a moment ago.
    pub(crate) fn is_fresh(self, now: i64) -> bool {
        (0..rest(self.life())).contains(&(now - self.at))
    }
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// What is served; nothing where nothing can be.
    pub(crate) leaf: Option<Served>,
    /// What has come of the request for the next key; nothing where there is no such key.
    pub(crate) request: Option<Progress>,
    /// Whether what was issued can be used, and was signed by an authority that is trusted by those that trust the leaf.
    pub(crate) issued: Issued,
    /// Whether the Secret names the authorities that are trusted.
    pub(crate) tells_authorities: bool,
}

/// A certificate that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) validity: Validity,
    /// Whether it is for all names that it should be for.
    pub(crate) covers: bool,
    /// Whether one of the signer's authorities of today has signed it.
    pub(crate) is_current: bool,
    /// Whether it is not in the Secret, but remembered.
    pub(crate) is_recalled: bool,
}

impl Served {
    /// Whether another one is to take its place: when a third of its life is left.
    fn is_due(&self, is_fresh: bool, now: i64) -> bool {
        let life = self.validity.until - self.validity.from;
        let is_old = self.validity.until - now <= life / 3 && !is_fresh;
        !self.covers || !self.is_current || is_old
    }
}

/// How good an issued certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    /// There is none, or it cannot be used.
    Unusable,
    /// An authority has signed it that has not signed what is served.
    ByAnother,
    /// The same authority has signed both.
    ByTheSame,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// What is remembered is written.
    Restore,
    /// The authorities are written.
    Tell,
    /// A new key comes into the Secret.
    Key,
    /// The signer is asked.
    Ask,
    /// The request is approved.
    Approve,
    /// What was issued is served from now on.
    Take,
}

/// What surrounds it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Around {
    /// Whether every configuration has long enough trusted the authorities of today.
    pub(crate) settled: bool,
    /// Whether it is long enough since a request was refused.
    pub(crate) rested: bool,
    /// Whether requests are approved here.
    pub(crate) approves: bool,
    /// Whether what is served was issued a moment ago. A signer may give so short a life, counted from so long ago, that it is
    /// soon over from the first.
    pub(crate) is_fresh: bool,
}

/// What is to be done next, if anything.
pub(crate) fn next(state: &State, around: Around, now: i64) -> Option<Step> {
    if state.leaf.is_some_and(|leaf| leaf.is_recalled) {
        return Some(Step::Restore);
    }
    if state.leaf.is_some() && !state.tells_authorities {
        return Some(Step::Tell);
    }
    if state.leaf.is_some_and(|leaf| !leaf.is_due(around.is_fresh, now)) {
        return None;
    }
    match &state.request {
        None => Some(Step::Key),
        Some(Progress::Missing) => Some(Step::Ask),
        Some(Progress::Unapproved) => around.approves.then_some(Step::Approve),
        Some(Progress::Unsigned) => None,
        Some(Progress::Refused(_)) => around.rested.then_some(Step::Key),
        Some(Progress::Issued(_)) => match state.issued {
            Issued::Unusable => around.rested.then_some(Step::Key),
            Issued::ByTheSame => Some(Step::Take),
            // Until it is trusted everywhere, what is served goes on.
            Issued::ByAnother => (around.settled || state.leaf.is_none()).then_some(Step::Take),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const IDLE: Around = Around {
        settled: false,
        rested: false,
        approves: false,
        is_fresh: false,
    };

    fn served(left: i64) -> Served {
        Served {
            validity: Validity {
                from: NOW + left - 900,
                until: NOW + left,
            },
            covers: true,
            is_current: true,
            is_recalled: false,
        }
    }

    fn with(leaf: Option<Served>, request: Option<Progress>, issued: Issued) -> State {
        State {
            leaf,
            request,
            issued,
            tells_authorities: true,
        }
    }

    #[test]
    fn what_is_good_is_left_alone_until_a_third_of_its_life_is_left() {
        let of = |leaf| next(&with(Some(leaf), None, Issued::Unusable), IDLE, NOW);
        assert_eq!(of(served(301)), None);
        assert_eq!(of(served(300)), Some(Step::Key));
        assert_eq!(
            of(Served {
                covers: false,
                ..served(900)
            }),
            Some(Step::Key)
        );
        assert_eq!(
            of(Served {
                is_current: false,
                ..served(900)
            }),
            Some(Step::Key)
        );
        assert_eq!(
            of(Served {
                is_recalled: true,
                ..served(900)
            }),
            Some(Step::Restore)
        );
        let fresh = Around {
            is_fresh: true,
            ..IDLE
        };
        let short = with(Some(served(1)), None, Issued::Unusable);
        assert_eq!(next(&short, fresh, NOW), None, "no signer is asked without end");
        let former = Served {
            is_current: false,
            ..served(900)
        };
        let former = with(Some(former), None, Issued::Unusable);
        assert_eq!(next(&former, fresh, NOW), Some(Step::Key), "of another authority");
        let untold = State {
            tells_authorities: false,
            ..with(Some(served(900)), None, Issued::Unusable)
        };
        assert_eq!(next(&untold, IDLE, NOW), Some(Step::Tell));
    }

    #[test]
    fn what_a_signer_gives_for_a_short_time_is_renewed_before_it_is_over() {
        for (life, from, fresh) in [
            (300, 300, 30),
            // Counted from an hour ago, it is due from the first.
            (300, 3600, 30),
            (9, 3600, 1),
            (7_776_000, 7_776_000, 600),
        ] {
            let taken = Taken {
                at: NOW,
                until: NOW + life,
            };
            let leaf = Served {
                validity: Validity {
                    from: NOW - from,
                    until: taken.until,
                },
                ..served(0)
            };
            let next = |now| {
                let around = Around {
                    is_fresh: taken.is_fresh(now),
                    ..IDLE
                };
                next(&with(Some(leaf), None, Issued::Unusable), around, now)
            };
            assert!(taken.is_fresh(NOW) && taken.is_fresh(NOW + fresh - 1));
            assert!(!taken.is_fresh(NOW + fresh) && !taken.is_fresh(NOW - 1));
            assert_eq!(next(NOW), None, "{life}");
            assert_eq!(next(NOW + life * 9 / 10), Some(Step::Key), "{life}");
        }
    }

    #[test]
    fn a_request_goes_its_way_and_waits_for_others() {
        let of = |request, issued, around| next(&with(None, request, issued), around, NOW);
        let unusable = Issued::Unusable;
        assert_eq!(of(None, unusable, IDLE), Some(Step::Key));
        assert_eq!(of(Some(Progress::Missing), unusable, IDLE), Some(Step::Ask));
        assert_eq!(of(Some(Progress::Unapproved), unusable, IDLE), None);
        let approving = Around {
            approves: true,
            ..IDLE
        };
        assert_eq!(
            of(Some(Progress::Unapproved), unusable, approving),
            Some(Step::Approve)
        );
        assert_eq!(of(Some(Progress::Unsigned), unusable, approving), None);
        let issued = || Some(Progress::Issued(String::new()));
        assert_eq!(
            of(issued(), Issued::ByAnother, IDLE),
            Some(Step::Take),
            "nothing is served yet"
        );
    }

    #[test]
    fn who_is_refused_asks_again_only_after_a_rest() {
        let rested = Around { rested: true, ..IDLE };
        for request in [
            Progress::Refused("no".to_owned()),
            Progress::Issued("broken".to_owned()),
        ] {
            let state = with(Some(served(10)), Some(request), Issued::Unusable);
            assert_eq!(next(&state, IDLE, NOW), None);
            assert_eq!(next(&state, rested, NOW), Some(Step::Key));
        }
    }

    #[test]
    fn another_authority_is_trusted_before_its_certificate_is_served() {
        let of = |issued, around| {
            let request = Some(Progress::Issued(String::new()));
            next(&with(Some(served(10)), request, issued), around, NOW)
        };
        assert_eq!(of(Issued::ByTheSame, IDLE), Some(Step::Take));
        assert_eq!(of(Issued::ByAnother, IDLE), None);
        assert_eq!(
            of(
                Issued::ByAnother,
                Around {
                    settled: true,
                    ..IDLE
                }
            ),
            Some(Step::Take)
        );
    }
}
