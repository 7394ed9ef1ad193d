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

    /// Why it is broken by something of that kind, if it is.
    pub(super) fn broken_by(
        self,
        kind: &str,
        name: &str,
        enforced: &Quantity<'_>,
        resources: &Resources<'_>,
    ) -> Option<String> {
        let (request, limit) = (resources.requests.get(name), resources.limits.get(name));
        let values = in_one_unit([request, limit, Some(enforced)]);
        match self {
            Self::Least => {
                let but = least(request, limit, values);
                but.map(|but| format!("minimum {name} usage per {kind} is {enforced}{but}"))
            }
            Self::Most => {
                let but = most(request, limit, values);
                but.map(|but| format!("maximum {name} usage per {kind} is {enforced}{but}"))
            }
            Self::MostRequested => {
                let but = most_requested(request, values);
                but.map(|but| format!("maximum {name} usage per {kind} is {enforced}{but}"))
            }
            Self::Ratio => {
                let but = ratio(request, limit, enforced, values);
                but.map(|but| {
                    format!("{name} max limit to request ratio per {kind} is {enforced}, but {but}")
                })
            }
        }
    }
}

const NO_REQUEST: &str = ".  No request is specified";

fn but(what: &str, amount: &Quantity<'_>) -> String {
    format!(", but {what} is {amount}")
}

fn least(
    request: Option<&Quantity<'_>>,
    limit: Option<&Quantity<'_>>,
    [requested, limited, enforced]: [i64; 3],
) -> Option<String> {
    let Some(request) = request else {
        return Some(NO_REQUEST.to_owned());
    };
    if requested < enforced {
        return Some(but("request", request));
    }
    limit
        .filter(|_| limited < enforced)
        .map(|limit| but("limit", limit))
}

fn most(
    request: Option<&Quantity<'_>>,
    limit: Option<&Quantity<'_>>,
    [requested, limited, enforced]: [i64; 3],
) -> Option<String> {
    let Some(limit) = limit else {
        return Some(".  No limit is specified".to_owned());
    };
    if limited > enforced {
        return Some(but("limit", limit));
    }
    request
        .filter(|_| requested > enforced)
        .map(|request| but("request", request))
}

fn most_requested(request: Option<&Quantity<'_>>, [requested, _, enforced]: [i64; 3]) -> Option<String> {
    let Some(request) = request else {
        return Some(NO_REQUEST.to_owned());
    };
    (requested > enforced).then(|| but("request", request))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the API server compares floating numbers"
)]
fn ratio(
    request: Option<&Quantity<'_>>,
    limit: Option<&Quantity<'_>>,
    enforced: &Quantity<'_>,
    [requested, limited, _]: [i64; 3],
) -> Option<String> {
    if request.is_none() || requested == 0 {
        return Some("no request is specified or request is 0".to_owned());
    }
    if limit.is_none() || limited == 0 {
        return Some("no limit is specified or limit is 0".to_owned());
    }
    let provided = limited as f64 / requested as f64;
    let whole = enforced.scaled(0);
    let (ratio, most) = if whole <= MOST_IN_THOUSANDTHS {
        (provided * 1000.0, enforced.scaled(-3) as f64)
    } else {
        (provided, whole as f64)
    };
    (ratio > most).then(|| format!("provided ratio is {provided:.6}"))
}
