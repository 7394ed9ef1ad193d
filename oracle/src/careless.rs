//! What careless authors do to an object: wrong types, misspelt and repeated fields, too much and too little.

use serde_json::{Value, json};

use crate::random::Random;
use crate::tree::Tree;

const TEXTS: &[&str] = &[
    "",
    "x y",
    "Ünïcödé",
    "日本語",
    "-",
    ".",
    "..",
    "a/b",
    "C:\\x",
    "👍",
    "a\tb",
    "%",
    "0",
    "true",
    "1e3",
];

/// Does one careless thing to a tree. Whether it may be such that the object cannot be decoded.
pub fn spoil(tree: &mut Tree, random: &mut Random, decodes: bool) {
    let ways = tree.ways();
    // `apiVersion` and `kind` say what it is at all.
    let ways: Vec<_> = ways
        .into_iter()
        .filter(|way| way.len() > 1 || way[0] > 1)
        .collect();
    let Some(way) = random.pick(&ways).cloned() else {
        return;
    };
    let deeds = if decodes { 5 } else { 11 };
    match random.below(deeds) {
        0 => drop(tree.cut(&way)),
        1 => {
            if let Some(there) = tree.walk_mut(&way) {
                empty(there, random);
            }
        }
        2 => repeat_item(tree, &way),
        3 | 4 => {
            if let Some(Tree::Leaf(value)) = tree.walk_mut(&way) {
                other(value, random);
            }
        }
        5 | 6 => {
            if let Some(there) = tree.walk_mut(&way) {
                *there = of_another_type(random);
            }
        }
        7 => repeat_key(tree, &way, random),
        _ => misspell(tree, &way, random),
    }
}

/// What is empty of the same type, or null.
fn empty(tree: &mut Tree, random: &mut Random) {
    *tree = match tree {
        _ if random.chance(30) => Tree::Leaf(Value::Null),
        Tree::Map(_) => Tree::map(),
        Tree::List(_) => Tree::List(Vec::new()),
        Tree::Leaf(Value::String(_)) => "".into(),
        Tree::Leaf(Value::Number(_)) => Tree::Leaf(0.into()),
        Tree::Leaf(_) => false.into(),
    };
}

/// Another value of the same type.
fn other(value: &mut Value, random: &mut Random) {
    *value = match value {
        Value::String(text) if random.chance(30) => {
            let text = if random.chance(50) {
                text.to_uppercase()
            } else {
                format!("{text} ")
            };
            Value::String(text)
        }
        Value::String(_) if random.chance(25) => {
            let lengths = [63, 64, 253, 254, 256, 257, 1025];
            Value::String("b".repeat(random.pick(&lengths).copied().unwrap_or(64)))
        }
        Value::String(_) => random.pick(TEXTS).copied().unwrap_or_default().into(),
        Value::Number(_) => {
            let numbers = [-1, 0, 1, 65536, 2_147_483_647, 4_294_967_296, i64::MAX];
            random.pick(&numbers).copied().unwrap_or_default().into()
        }
        Value::Bool(value) => (!*value).into(),
        _ => Value::Null,
    };
}

fn of_another_type(random: &mut Random) -> Tree {
    let values = [
        json!("text"),
        json!("true"),
        json!("80"),
        json!(true),
        json!(7),
        json!(1.5),
        json!(-3),
        json!([]),
        json!(["a"]),
        json!([1]),
        json!({}),
        json!({"a": "b"}),
    ];
    random.pick(&values).cloned().unwrap_or_default().into()
}

fn repeat_item(tree: &mut Tree, way: &[usize]) {
    if let Some((place, above)) = way.split_last()
        && let Some(Tree::List(items)) = tree.walk_mut(above)
        && let Some(item) = items.get(*place).cloned()
    {
        items.push(item);
    }
}

fn repeat_key(tree: &mut Tree, way: &[usize], random: &mut Random) {
    if let Some((place, above)) = way.split_last()
        && let Some(Tree::Map(entries)) = tree.walk_mut(above)
        && let Some(entry) = entries.get(*place).cloned()
    {
        let at = random.below(entries.len() + 1);
        // A server that is not strict reads a repeated object, also one in a list, into what it has of the first one; porthole
        // takes the last.
        if !holds_object(&entry.1) {
            entries.insert(at, entry);
        }
    }
}

fn holds_object(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(_) => false,
        Tree::List(items) => items.iter().any(holds_object),
        Tree::Map(_) => true,
    }
}

fn misspell(tree: &mut Tree, way: &[usize], random: &mut Random) {
    let Some((place, above)) = way.split_last() else {
        return;
    };
    let Some(Tree::Map(entries)) = tree.walk_mut(above) else {
        return;
    };
    let Some((key, _)) = entries.get_mut(*place) else {
        return;
    };
    let mut letters: Vec<char> = key.chars().collect();
    let at = random.below(letters.len());
    match random.below(4) {
        0 if letters.len() > 1 => drop(letters.remove(at)),
        1 if at + 1 < letters.len() => letters.swap(at, at + 1),
        2 if at < letters.len() => letters[at] = letters[at].to_ascii_uppercase(),
        _ => letters.push('s'),
    }
    *key = letters.into_iter().collect();
}
