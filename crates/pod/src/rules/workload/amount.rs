//! Numbers of pods that may be percentages (`IntOrString`).

use porthole_manifest::Node;

use super::{NEGATIVE_NUMBER, ROLLING_UPDATE};
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown};

const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex \
    used for validation is '[0-9]+%')";

/// A number of pods, or a part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount<'a> {
    Number(i64),
    Text(&'a str),
}

impl<'a> Amount<'a> {
    /// The amount `key`, where it is set.
    pub(super) fn of(node: Node<'a>, key: &str) -> Option<Self> {
        let value = node.field(key)?;
        let number = || value.as_i64().map(Amount::Number);
        value.as_str().map(Amount::Text).or_else(number)
    }

    /// The percentage that it is. One beyond all numbers is the largest.
    fn percent(self) -> Option<i64> {
        let Self::Text(text) = self else { return None };
        let digits = text.strip_suffix('%')?;
        let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        numeric.then(|| digits.parse().unwrap_or(i64::MAX))
    }

    /// The number, of percents or pods; a text that is neither is 0.
    pub(super) fn count(self) -> i64 {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => self.percent().unwrap_or_else(|| text.parse().unwrap_or_default()),
        }
    }

    /// The amount as the API server shows it.
    pub(super) fn shown(self, report: &Report<'_>) -> String {
        match (self, report.at_least(34)) {
            (Self::Number(number), true) => number.to_string(),
            (Self::Text(text), true) => go_json(text),
            (Self::Number(number), false) => {
                format!("intstr.IntOrString{{Type:0, IntVal:{number}, StrVal:\"\"}}")
            }
            (Self::Text(text), false) => {
                format!(
                    "intstr.IntOrString{{Type:1, IntVal:0, StrVal:{}}}",
                    go_quote(text)
                )
            }
        }
    }

    /// It is a number that is not negative, or a percentage (`ValidatePositiveIntOrPercent`).
    pub(super) fn check(self, report: &mut Report<'_>, path: &Path<'_>, node: Node<'_>) {
        match self {
            Self::Number(number) if number < 0 => {
                let detail = "must be greater than or equal to 0";
                report.invalid(&NEGATIVE_NUMBER, path, Shown::Int(number), detail, node.span());
            }
            Self::Text(_) if self.percent().is_none() => {
                let value = self.shown(report);
                report.invalid(&ROLLING_UPDATE, path, Shown::Raw(value), PERCENT, node.span());
            }
            _ => {}
        }
    }

    /// It is at most all of them.
    pub(super) fn check_most(self, report: &mut Report<'_>, path: &Path<'_>, node: Node<'_>) {
        if self.percent().is_some_and(|percent| percent > 100) {
            let value = self.shown(report);
            let detail = "must not be greater than 100%";
            report.invalid(&ROLLING_UPDATE, path, Shown::Raw(value), detail, node.span());
        }
    }
}

/// A strategy of an unknown type as the API server shows it, the fields of its rolling update by the names of Go. Where Go
/// shows the address of a value, the value itself stands here.
pub(super) fn shown_strategy(
    report: &Report<'_>,
    strategy: Node<'_>,
    name: &str,
    fields: &[(&str, Shape)],
) -> String {
    let kind = crate::report::text(strategy, "type");
    let rolling = strategy.field("rollingUpdate");
    if report.at_least(34) {
        let rolling = rolling.map_or("null".to_owned(), |rolling| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, shape)| format!("\"{}\":{}", go_name(key), shape.shown(report, rolling, key)))
                .collect();
            format!("{{{}}}", fields.join(","))
        });
        return format!("{{\"Type\":{},\"RollingUpdate\":{rolling}}}", go_json(kind));
    }
    let address = if rolling.is_some() { "0xc000000000" } else { "nil" };
    let rolling = format!("(*apps.RollingUpdate{name})({address})");
    let owner = match name {
        "StatefulSetStrategy" => "StatefulSetUpdateStrategy",
        "DaemonSet" => "DaemonSetUpdateStrategy",
        _ => "DeploymentStrategy",
    };
    format!("apps.{owner}{{Type:{}, RollingUpdate:{rolling}}}", go_quote(kind))
}

/// What a field of a rolling update is in Go.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// An amount, 0 where it is not set.
    Amount,
    /// An amount behind a pointer.
    Pointer,
    /// A number, 0 where it is not set.
    Number,
}

impl Shape {
    fn shown(self, report: &Report<'_>, node: Node<'_>, key: &str) -> String {
        match (self, Amount::of(node, key)) {
            (_, Some(amount)) => amount.shown(report),
            (Self::Pointer, None) => "null".to_owned(),
            (Self::Amount | Self::Number, None) => "0".to_owned(),
        }
    }
}

fn go_name(key: &str) -> String {
    let mut name = key.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}
