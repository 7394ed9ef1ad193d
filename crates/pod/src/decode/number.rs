//! Numbers as Go's `encoding/json` writes them: what kubectl sends for a number of the manifest.

use std::borrow::Cow;

use porthole_manifest::Value;

/// A number as JSON, or nothing for what is none.
pub(super) fn json(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Int(value) => Some(value.to_string()),
        Value::Unsigned(value) => Some(value.to_string()),
        Value::Float(value) => Some(float(*value)),
        _ => None,
    }
}

/// Without an exponent from 1e-6 up to 1e21, else with one that has a sign.
fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// The whole number that a text of JSON is to Go's `strconv.ParseInt`: digits alone, without fraction and exponent.
pub(super) fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(value) => Some((*value).into()),
        Value::Unsigned(value) => Some((*value).into()),
        Value::Float(value) => float(*value).parse().ok(),
        _ => None,
    }
}

/// What Go's decoder calls a JSON value.
pub(super) const fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Unsigned(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

/// The value where a number is wanted and another one would do.
pub(super) fn kind_with_number(value: &Value<'_>) -> Cow<'static, str> {
    json(value).map_or(Cow::Borrowed(kind(value)), |number| {
        Cow::Owned(format!("number {number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (value, expected) in [
            (1.0, "1"),
            (1000.0, "1000"),
            (-0.5, "-0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1.25e-7, "1.25e-7"),
            (0.1, "0.1"),
            (18_446_744_073_709_551_616.0, "18446744073709552000"),
        ] {
            assert_eq!(float(value), expected);
        }
        assert_eq!(whole(&Value::Float(1e3)), Some(1000));
        assert_eq!(whole(&Value::Float(1.5)), None);
        assert_eq!(whole(&Value::Float(1e21)), None, "the text has an exponent");
    }
}
