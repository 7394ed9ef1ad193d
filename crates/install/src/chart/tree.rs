//! Many renderings of the same as one, in which everything that not all of them have stands under its condition.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::mem::discriminant;

use serde_json::Value;

/// Which choice of each dimension a rendering was made with.
pub(super) type Choices = Vec<usize>;

/// Something that can be chosen, and how a template asks for it.
pub(super) struct Dimension {
    /// How many choices there are.
    pub(super) choices: usize,
    /// The expression that is true for these choices and no others; nothing where the template language of the dimension has
    /// none.
    pub(super) expression: fn(&BTreeSet<usize>) -> Option<String>,
}

/// All renderings, merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// A text of one line, a number, a boolean.
    Scalar(Value),
    /// A text of several lines.
    Text(Vec<Part>),
    /// A list.
    List(Vec<Part>),
    /// A mapping.
    Map(Vec<Part>),
}

/// A part of a mapping, a list or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The key of a mapping's entry; what tells apart the items of a list.
    pub(super) key: String,
    /// The condition under which it is there.
    pub(super) condition: Option<String>,
    /// What it is.
    pub(super) tree: Tree,
}

/// Why renderings cannot be one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// No expression of two dimensions is true where this is there.
    #[error("no expression says when there is {0}")]
    Condition(String),
    /// The same field has several values, and nothing says which.
    #[error("{0} is {1} or {2}")]
    Value(String, String, String),
    /// Two items of a list, or two lines, are the same.
    #[error("{0} is there twice")]
    Twice(String),
}

/// Merges the renderings of one thing.
pub(super) fn merge(
    dimensions: &[Dimension],
    renderings: &[(&Choices, &Value)],
    path: &str,
) -> Result<Tree, MergeError> {
    let Some((_, first)) = renderings.first() else {
        return Ok(Tree::Map(Vec::new()));
    };
    let of_other_kind = |(_, value): &&(&Choices, &Value)| discriminant(*value) != discriminant(*first);
    if let Some((_, other)) = renderings.iter().find(of_other_kind) {
        return Err(differ(path, first, other));
    }
    let of_parts = match first {
        Value::Object(_) => Tree::Map,
        Value::Array(_) => Tree::List,
        Value::String(text) if text.contains('\n') => Tree::Text,
        scalar => {
            if let Some((_, other)) = renderings.iter().find(|(_, value)| value != scalar) {
                return Err(differ(path, scalar, other));
            }
            return Ok(Tree::Scalar((*scalar).clone()));
        }
    };
    let keyed = renderings
        .iter()
        .map(|(choices, value)| (*choices, entries(value)));
    Ok(of_parts(parts(dimensions, &keyed.collect::<Vec<_>>(), path)?))
}

fn differ(path: &str, one: &Value, other: &Value) -> MergeError {
    MergeError::Value(path.to_owned(), one.to_string(), other.to_string())
}

/// What tells an item of a list apart: its name where it has one, else all of it.
fn key_of(item: &Value) -> String {
    let name = item["name"].as_str();
    name.map_or_else(|| item.to_string(), str::to_owned)
}

/// A value's parts, by their keys.
type Entries<'a> = Vec<(String, Cow<'a, Value>)>;

/// The entries of a mapping, the items of a list, the lines of a text.
fn entries(value: &Value) -> Entries<'_> {
    match value {
        Value::Object(map) => {
            let entries = map.iter();
            entries
                .map(|(key, value)| (key.clone(), Cow::Borrowed(value)))
                .collect()
        }
        Value::Array(items) => {
            let items = items.iter();
            items.map(|item| (key_of(item), Cow::Borrowed(item))).collect()
        }
        Value::String(text) => {
            let lines = text.lines();
            lines
                .map(|line| (line.to_owned(), Cow::Owned(Value::from(line))))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn parts(
    dimensions: &[Dimension],
    renderings: &[(&Choices, Entries<'_>)],
    path: &str,
) -> Result<Vec<Part>, MergeError> {
    let all: Vec<&Choices> = renderings.iter().map(|(choices, _)| *choices).collect();
    let mut keys: Vec<String> = Vec::new();
    for (_, entries) in renderings {
        let mut after = 0;
        for (number, (key, _)) in entries.iter().enumerate() {
            if entries[..number].iter().any(|(before, _)| before == key) {
                return Err(MergeError::Twice(format!("{path}.{key}")));
            }
            let known = keys.iter().position(|known| known == key);
            let at = known.unwrap_or(after);
            if known.is_none() {
                keys.insert(at, key.clone());
            }
            after = at + 1;
        }
    }
    let mut parts = Vec::new();
    for key in keys {
        let with: Vec<(&Choices, &Value)> = renderings
            .iter()
            .filter_map(|(choices, entries)| {
                let found = entries.iter().find(|(known, _)| *known == key)?;
                Some((*choices, found.1.as_ref()))
            })
            .collect();
        let path = format!("{path}.{key}");
        let there: Vec<&Choices> = with.iter().map(|(choices, _)| *choices).collect();
        let condition = if there.len() == all.len() {
            None
        } else {
            let found = condition(dimensions, &all, &there);
            Some(found.ok_or_else(|| MergeError::Condition(path.clone()))?)
        };
        parts.push(Part {
            condition,
            tree: merge(dimensions, &with, &path)?,
            key,
        });
    }
    Ok(parts)
}

/// The simplest expression that is true of `there` among `all`: of one dimension, of two of them, or of one or the other.
fn condition(dimensions: &[Dimension], all: &[&Choices], there: &[&Choices]) -> Option<String> {
    if let Some(every) = conjunction(dimensions, all, there) {
        return Some(grouped("and", &every));
    }
    let absent: Vec<&Choices> = all
        .iter()
        .copied()
        .filter(|choices| !there.contains(choices))
        .collect();
    let mut any = Vec::new();
    for (number, chosen) in conjunction_of(dimensions, all, &absent)? {
        let dimension = &dimensions[number];
        let others = (0..dimension.choices).filter(|choice| !chosen.contains(choice));
        any.push((dimension.expression)(&others.collect())?);
    }
    Some(grouped("or", &any))
}

/// `and (A) (B)`; an expression alone stays as it is.
fn grouped(word: &str, expressions: &[String]) -> String {
    if let [alone] = expressions {
        return alone.clone();
    }
    let arguments: Vec<String> = expressions.iter().map(|text| argument(text)).collect();
    format!("{word} {}", arguments.join(" "))
}

/// An expression as the argument of a function: in parentheses, where it is more than a word.
fn argument(text: &str) -> String {
    if text.contains(' ') {
        format!("({text})")
    } else {
        text.to_owned()
    }
}

fn conjunction(dimensions: &[Dimension], all: &[&Choices], there: &[&Choices]) -> Option<Vec<String>> {
    conjunction_of(dimensions, all, there)?
        .iter()
        .map(|(number, chosen)| (dimensions[*number].expression)(chosen))
        .collect()
}

/// The dimensions, at most two of them, whose choices tell `there` from everything else of `all`.
fn conjunction_of(
    dimensions: &[Dimension],
    all: &[&Choices],
    there: &[&Choices],
) -> Option<Vec<(usize, BTreeSet<usize>)>> {
    let chosen = |number: usize| -> BTreeSet<usize> { there.iter().map(|choices| choices[number]).collect() };
    let tells = |numbers: &[(usize, BTreeSet<usize>)]| {
        let fits = |choices: &&&Choices| {
            let fits = |(number, chosen): &(usize, BTreeSet<usize>)| chosen.contains(&choices[*number]);
            numbers.iter().all(fits)
        };
        all.iter().filter(fits).count() == there.len()
    };
    for one in 0..dimensions.len() {
        let alone = vec![(one, chosen(one))];
        if tells(&alone) {
            return Some(alone);
        }
    }
    for one in 0..dimensions.len() {
        for other in one + 1..dimensions.len() {
            let both = vec![(one, chosen(one)), (other, chosen(other))];
            if tells(&both) {
                return Some(both);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIMENSIONS: [Dimension; 2] = [
        Dimension {
            choices: 2,
            expression: |chosen| Some(if chosen.contains(&1) { "a" } else { "not a" }.to_owned()),
        },
        Dimension {
            choices: 3,
            expression: |chosen| {
                chosen
                    .first()
                    .filter(|least| **least > 0)
                    .map(|least| format!("ge b {least}"))
            },
        },
    ];

    fn merged(render: fn(usize, usize) -> Value) -> Result<Tree, MergeError> {
        let mut all = Vec::new();
        for a in 0..2 {
            for b in 0..3 {
                all.push((vec![a, b], render(a, b)));
            }
        }
        let all: Vec<(&Choices, &Value)> = all.iter().map(|(choices, value)| (choices, value)).collect();
        merge(&DIMENSIONS, &all, "it")
    }

    /// Keys with their conditions.
    fn conditions(render: fn(usize, usize) -> Value) -> Vec<(String, Option<String>)> {
        match merged(render).unwrap() {
            Tree::Map(parts) | Tree::List(parts) | Tree::Text(parts) => {
                parts.into_iter().map(|part| (part.key, part.condition)).collect()
            }
            Tree::Scalar(_) => Vec::new(),
        }
    }

    #[test]
    fn what_all_have_has_no_condition() {
        let all = conditions(|_, _| json!({"x": 1}));
        assert_eq!(all, [("x".to_owned(), None)]);
    }

    #[test]
    fn conditions_name_the_dimensions_that_decide() {
        let of = |render: fn(usize, usize) -> Value| conditions(render).pop().unwrap().1.unwrap();
        assert_eq!(of(|a, _| if a == 1 { json!({"x": 1}) } else { json!({}) }), "a");
        assert_eq!(
            of(|a, _| if a == 0 { json!({"x": 1}) } else { json!({}) }),
            "not a"
        );
        assert_eq!(of(|_, b| if b >= 1 { json!(["x"]) } else { json!([]) }), "ge b 1");
        assert_eq!(
            of(|a, b| if a == 1 && b == 2 {
                json!({"x": 1})
            } else {
                json!({})
            }),
            "and a (ge b 2)"
        );
        assert_eq!(
            of(|a, b| if a == 1 || b == 2 {
                json!({"x": 1})
            } else {
                json!({})
            }),
            "or a (ge b 2)"
        );
    }

    #[test]
    fn what_is_new_stands_behind_what_it_stood_behind() {
        let keys = conditions(|a, _| {
            if a == 1 {
                json!(["1", "2", "3"])
            } else {
                json!(["1", "3"])
            }
        });
        let keys: Vec<String> = keys.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["\"1\"", "\"2\"", "\"3\""]);
    }

    #[test]
    fn what_no_expression_says_is_no_template() {
        let wrong = merged(|_, b| if b == 0 { json!({"x": 1}) } else { json!({}) });
        assert_eq!(wrong, Err(MergeError::Condition("it.x".to_owned())));
        let wrong = merged(|_, b| json!({"x": b}));
        let differs = |one: &str, other: &str| {
            Err(MergeError::Value(
                "it.x".to_owned(),
                one.to_owned(),
                other.to_owned(),
            ))
        };
        assert_eq!(wrong, differs("0", "1"));
        let wrong = merged(|a, _| json!({"x": if a == 0 { json!({}) } else { json!("y") }}));
        assert_eq!(wrong, differs("{}", "\"y\""));
        let wrong = merged(|_, _| json!(["x", "x"]));
        assert_eq!(wrong, Err(MergeError::Twice("it.\"x\"".to_owned())));
    }
}
