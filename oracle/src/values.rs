//! What authors write into fields: well, and not so well.
//!
//! `values.json` has, under `Struct.field` or `field`, a list of values that are usually right and one of those that
//! usually are not. A text `@63` stands for 63 letters; what follows the number stays.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::tree::Tree;

/// The values of a field.
#[derive(Debug, Default)]
pub struct Values {
    /// What is usually right.
    pub good: Vec<Tree>,
    /// What is usually wrong.
    pub bad: Vec<Tree>,
}

/// The values of a field of a struct, where there is something to say of it.
#[must_use]
pub fn of(structure: &str, field: &str) -> Option<&'static Values> {
    static READ: OnceLock<HashMap<String, Values>> = OnceLock::new();
    let all = READ.get_or_init(read);
    all.get(&format!("{structure}.{field}"))
        .or_else(|| all.get(field))
}

fn read() -> HashMap<String, Values> {
    let text = include_str!("values.json");
    let Ok(Value::Object(entries)) = serde_json::from_str(text) else {
        return HashMap::new();
    };
    let list = |values: Option<&Value>| -> Vec<Tree> {
        let values = values.and_then(Value::as_array).cloned().unwrap_or_default();
        values
            .into_iter()
            .map(|value| Tree::from(spread(value)))
            .collect()
    };
    let values = entries.into_iter().map(|(name, lists)| {
        let (good, bad) = (list(lists.get(0)), list(lists.get(1)));
        (name, Values { good, bad })
    });
    values.collect()
}

/// `@63` becomes 63 letters.
fn spread(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let Some(rest) = text.strip_prefix('@') else {
                return Value::String(text);
            };
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let count = rest[..end].parse().unwrap_or_default();
            Value::String(format!("{}{}", "a".repeat(count), &rest[end..]))
        }
        Value::Array(items) => items.into_iter().map(spread).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, spread(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_long_texts_spread() {
        let names = of("Container", "name").expect("it is in the file");
        assert!(names.good.contains(&Tree::from("a".repeat(63).as_str())));
        assert!(names.bad.contains(&Tree::from("a".repeat(64).as_str())));
        let anywhere = of("Anything", "runAsUserName").expect("it is in the file");
        assert!(
            anywhere
                .bad
                .contains(&Tree::from(format!("{}\\u", "a".repeat(257)).as_str()))
        );
    }
}
