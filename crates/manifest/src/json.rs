//! A tree as the JSON that the cluster's decoder makes of it.

use serde_json::{Map, Number, Value as Json};

use crate::node::{Node, Value};

/// The depth of the tree is limited by the builder, aliases followed.
pub(crate) fn from_node(node: Node<'_>) -> Json {
    match node.value() {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Int(value) => Json::from(value),
        Value::Unsigned(value) => Json::from(value),
        Value::Float(value) => match whole(value) {
            Some(whole) => Json::from(whole),
            None => Number::from_f64(value).map_or(Json::Null, Json::Number),
        },
        Value::String(text) => Json::from(text),
        Value::Sequence(items) => items.map(from_node).collect(),
        Value::Mapping(entries) => {
            let pairs = entries.map(|entry| (entry.key.key_text().into_owned(), from_node(entry.value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

/// A float without a fraction, small enough that Go writes it without an exponent, as the whole number that it is.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn whole(value: f64) -> Option<i64> {
    // 2^63 as a float is exact, and the first that an i64 cannot hold.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

/// A float as the key that the decoder makes of it: with the precision of 32 bits, and as Go's format `g` has it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the decoder loses the same precision"
)]
pub(crate) fn key(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or_default() {
        -4..6 => value.to_string(),
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}
