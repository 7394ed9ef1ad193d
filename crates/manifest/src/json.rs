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
