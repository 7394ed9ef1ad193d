//! `spec.tolerations` (`ValidateTolerations`).

use porthole_manifest::{Node, Span};

use crate::names;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{Shown, int, place, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::Pass;

rules! { ApiServer:
    /// A toleration has a key, unless it tolerates every taint: then its operator is `Exists`.
    TOLERATION_KEY = "toleration-key";
    /// The operator of a toleration is `Equal`, the default, with a value, or `Exists` without one. `Lt` and `Gt` compare
    /// whole numbers, where the cluster has them turned on.
    TOLERATION_OPERATOR = "toleration-operator";
    /// The effect of a toleration is `NoSchedule`, `PreferNoSchedule` or `NoExecute`, or none for all three.
    /// `tolerationSeconds` goes with `NoExecute`, the only one that sends running pods away.
    TOLERATION_EFFECT = "toleration-effect";
}

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(crate) fn check(pass: &mut Pass<'_>) {
    if let Some(list) = pass.spec.field("tolerations") {
        let spec = pass.spec_path();
        check_list(pass, list, &spec.child("tolerations"), None);
    }
}

/// Tolerations that stand in `list`; `span` is the place to report, where they are not of the manifest itself.
pub(crate) fn check_list(pass: &mut Pass<'_>, list: Node<'_>, path: &Path<'_>, span: Option<Span>) {
    for (index, toleration) in list.items().enumerate() {
        let place_of = |key| span.unwrap_or_else(|| place(toleration, key));
        check_toleration(pass, toleration, &path.index(index), &place_of);
    }
}

fn check_toleration(
    pass: &mut Pass<'_>,
    toleration: Node<'_>,
    path: &Path<'_>,
    place: &dyn Fn(&'static str) -> Span,
) {
    let key = text(toleration, "key");
    let operator = text(toleration, "operator");
    let effect = text(toleration, "effect");
    if !key.is_empty() {
        labels::check_key(pass, key, &path.child("key"), place("key"));
    }
    if key.is_empty() && operator != "Exists" {
        let detail =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        let field = path.child("operator");
        pass.invalid(
            &TOLERATION_KEY,
            &field,
            Shown::Named(operator),
            detail,
            place("operator"),
        );
    }
    if int(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        let field = path.child("effect");
        pass.invalid(
            &TOLERATION_EFFECT,
            &field,
            Shown::Named(effect),
            detail,
            place("effect"),
        );
    }
    check_operator(pass, toleration, path, place);
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        let field = path.child("effect");
        pass.not_supported(
            &TOLERATION_EFFECT,
            &field,
            Shown::Named(effect),
            &EFFECTS,
            place("effect"),
        );
    }
}

fn check_operator(
    pass: &mut Pass<'_>,
    toleration: Node<'_>,
    path: &Path<'_>,
    place: &dyn Fn(&'static str) -> Span,
) {
    let operator = text(toleration, "operator");
    let value = text(toleration, "value");
    let field = path.child("operator");
    match operator {
        "" | "Equal" => {
            let faults = names::label_value(value, pass.options.kubernetes_version);
            if !faults.is_empty() {
                pass.invalid(
                    &TOLERATION_OPERATOR,
                    &field,
                    Shown::Str(value),
                    faults.join(";"),
                    place("value"),
                );
            }
        }
        "Exists" if !value.is_empty() => {
            let shown = if pass.at_least(32) {
                Shown::Str(value)
            } else {
                Shown::Raw(go_struct(toleration))
            };
            let detail = "value must be empty when `operator` is 'Exists'";
            pass.invalid(&TOLERATION_OPERATOR, &field, shown, detail, place("value"));
        }
        "Exists" => {}
        "Lt" | "Gt" if pass.at_least(35) => {
            if !pass.enabled("TaintTolerationComparisonOperators") {
                let known = ["Equal", "Exists", "Lt", "Gt"];
                pass.not_supported(
                    &TOLERATION_OPERATOR,
                    &field,
                    Shown::Named(operator),
                    &known,
                    place("operator"),
                );
                return;
            }
            let field = path.child("value");
            if let Some(detail) = decimal_fault(value) {
                pass.invalid(
                    &TOLERATION_OPERATOR,
                    &field,
                    Shown::Str(value),
                    detail,
                    place("value"),
                );
            }
            if let Some(detail) = int64_fault(value) {
                pass.invalid(
                    &TOLERATION_OPERATOR,
                    &field,
                    Shown::Str(value),
                    detail,
                    place("value"),
                );
            }
        }
        _ => {
            let known = ["Equal", "Exists"];
            pass.not_supported(
                &TOLERATION_OPERATOR,
                &field,
                Shown::Named(operator),
                &known,
                place("operator"),
            );
        }
    }
}

/// Up to 1.31 the whole toleration is shown. Where it has seconds, their address differs in each answer.
fn go_struct(toleration: Node<'_>) -> String {
    let seconds = if int(toleration, "tolerationSeconds").is_some() {
        "0xc000000000"
    } else {
        "nil"
    };
    format!(
        "core.Toleration{{Key:{}, Operator:{}, Value:{}, Effect:{}, TolerationSeconds:(*int64)({seconds})}}",
        go_quote(text(toleration, "key")),
        go_quote(text(toleration, "operator")),
        go_quote(text(toleration, "value")),
        go_quote(text(toleration, "effect"))
    )
}

const DECIMAL: &str = "must be a valid decimal integer in canonical form";

/// What is wrong with a decimal number (`IsDecimalInteger`).
fn decimal_fault(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return Some("must be non-empty");
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let good = value == "0"
        || (digits.starts_with(|c| matches!(c, '1'..='9')) && digits.bytes().all(|b| b.is_ascii_digit()));
    (!good).then_some(DECIMAL)
}

/// What Go says of a text that is no number of 64 bits (`strconv.ParseInt`).
fn int64_fault(value: &str) -> Option<String> {
    let error = value.parse::<i64>().err()?;
    let reason = match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    Some(format!("strconv.ParseInt: parsing {}: {reason}", go_quote(value)))
}
