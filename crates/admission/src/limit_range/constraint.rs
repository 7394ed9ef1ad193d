//! One thing that a limit range says of a resource.

use porthole_pod::Quantity;

use crate::resources::Resources;

/// A field of an item of a limit range.
#[derive(Clone, Copy, Debug)]
pub(super) enum Constraint {
    /// `min`.
    Least,
    /// `max`.
    Most,
    /// `max` of what has no limits: claims.
    MostRequested,
    /// `maxLimitRequestRatio`.
    Ratio,
}

/// The greatest amount that fits 64 bits in thousandths (`MaxMilliValue`).
const MOST_IN_THOUSANDTHS: i64 = i64::MAX / 1000;

/// Request, limit and what is said of them, in one unit (`requestLimitEnforcedValues`): thousandths where they fit, else whole
/// numbers. What is not there is 0.
fn in_one_unit(amounts: [Option<&Quantity<'_>>; 3]) -> [i64; 3] {
    let scaled = |scale| amounts.map(|amount| amount.map_or(0, |amount| amount.scaled(scale)));
    let whole = scaled(0);
    if whole.iter().all(|value| *value <= MOST_IN_THOUSANDTHS) {
        scaled(-3)
    } else {
        whole
    }
}

impl Constraint {
    /// What containers and pods are asked, in the API server's order.
    pub(super) const ALL: [Self; 3] = [Self::Least, Self::Most, Self::Ratio];
    /// What claims are asked.
    pub(super) const OF_CLAIMS: [Self; 2] = [Self::Least, Self::MostRequested];

    /// The field that says it.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Least => "min",
            Self::Most | Self::MostRequested => "max",
            Self::Ratio => "maxLimitRequestRatio",
        }
    }

    /// Why it is broken by something of that kind, if it is, and whether only because nothing is said.
    pub(super) fn broken_by(
        self,
        kind: &str,
        name: &str,
        enforced: &Quantity<'_>,
        resources: &Resources<'_>,
    ) -> Option<(String, Broken)> {
        let (request, limit) = (resources.requests.get(name), resources.limits.get(name));
        let [requested, limited, bound] = in_one_unit([request, limit, Some(enforced)]);
        let request = ("request", request, requested);
        let limit = ("limit", limit, limited);
        let (but, broken) = match self {
            Self::Least => outside(&[request, limit], |value| value < bound),
            Self::Most => outside(&[limit, request], |value| value > bound),
            Self::MostRequested => outside(&[request], |value| value > bound),
            Self::Ratio => ratio([request, limit], enforced),
        }?;
        let bound = match self {
            Self::Least => format!("minimum {name} usage"),
            Self::Most | Self::MostRequested => format!("maximum {name} usage"),
            Self::Ratio => format!("{name} max limit to request ratio"),
        };
        Some((format!("{bound} per {kind} is {enforced}{but}"), broken))
    }
}

/// Why a constraint is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nothing is said where it has to be.
    Unsaid,
    /// What is said is not allowed.
    Beyond,
}

/// What stands behind what is enforced, and why.
type But = (String, Broken);

fn unsaid(what: &str) -> But {
    (format!(".  No {what} is specified"), Broken::Unsaid)
}

fn beyond(what: &str, amount: &Quantity<'_>) -> But {
    (format!(", but {what} is {amount}"), Broken::Beyond)
}

/// The first of these amounts that is not allowed; the first of all has to be said.
fn outside(amounts: &[(&str, Option<&Quantity<'_>>, i64)], is_outside: impl Fn(i64) -> bool) -> Option<But> {
    let (what, first, _) = amounts.first()?;
    if first.is_none() {
        return Some(unsaid(what));
    }
    amounts.iter().find_map(|(what, amount, value)| {
        let amount = amount.filter(|_| is_outside(*value))?;
        Some(beyond(what, amount))
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the API server compares floating numbers"
)]
fn ratio(amounts: [(&str, Option<&Quantity<'_>>, i64); 2], enforced: &Quantity<'_>) -> Option<But> {
    for (what, amount, value) in amounts {
        if value == 0 {
            let broken = if amount.is_none() {
                Broken::Unsaid
            } else {
                Broken::Beyond
            };
            return Some((format!(", but no {what} is specified or {what} is 0"), broken));
        }
    }
    let [(.., requested), (.., limited)] = amounts;
    let provided = limited as f64 / requested as f64;
    let whole = enforced.scaled(0);
    let (ratio, most) = if whole <= MOST_IN_THOUSANDTHS {
        (provided * 1000.0, enforced.scaled(-3) as f64)
    } else {
        (provided, whole as f64)
    };
    (ratio > most).then(|| (format!(", but provided ratio is {provided:.6}"), Broken::Beyond))
}
