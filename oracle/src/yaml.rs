//! Trees as YAML, in the many ways in which people write it.

use serde_json::Value;

use crate::random::Random;
use crate::tree::Tree;

/// The tree as a text whose style follows from `random`.
#[must_use]
pub fn write(tree: &Tree, random: &mut Random) -> String {
    if random.chance(10) {
        return tree.to_json();
    }
    let mut writer = Writer {
        text: String::new(),
        step: 2 + 2 * usize::from(random.chance(15)),
        compact: random.chance(50),
        random,
    };
    if writer.random.chance(30) {
        writer.text.push_str("---\n");
    }
    writer.block(tree, 0);
    writer.text
}

struct Writer<'r> {
    text: String,
    step: usize,
    /// Whether the items of a list begin where its key does.
    compact: bool,
    random: &'r mut Random,
}

impl Writer<'_> {
    fn block(&mut self, tree: &Tree, indent: usize) {
        match tree {
            Tree::Map(entries) if !entries.is_empty() => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        self.pad(indent);
                    }
                    let key = self.key(key);
                    self.text.push_str(&key);
                    self.text.push(':');
                    self.value(value, indent, matches!(value, Tree::List(_)) && self.compact);
                }
            }
            Tree::List(items) if !items.is_empty() => {
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.pad(indent);
                    }
                    self.text.push('-');
                    if matches!(item, Tree::Map(entries) if !entries.is_empty()) && !self.random.chance(10) {
                        self.text.push(' ');
                        self.block(item, indent + 2);
                    } else {
                        self.value(item, indent, false);
                    }
                }
            }
            other => {
                self.flow(other);
                self.end();
            }
        }
    }

    /// What comes behind a key's colon or an item's dash.
    fn value(&mut self, tree: &Tree, indent: usize, compact: bool) {
        let empty = matches!(tree, Tree::Leaf(_)) || tree.ways().is_empty();
        if empty || self.random.chance(12) {
            self.text.push(' ');
            self.flow(tree);
            self.end();
            return;
        }
        let indent = if compact { indent } else { indent + self.step };
        self.end();
        self.pad(indent);
        self.block(tree, indent);
    }

    fn flow(&mut self, tree: &Tree) {
        match tree {
            Tree::Leaf(value) => {
                let text = self.leaf(value);
                self.text.push_str(&text);
            }
            Tree::List(items) => {
                self.text.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.text.push_str(", ");
                    }
                    self.flow(item);
                }
                self.text.push(']');
            }
            Tree::Map(entries) => {
                self.text.push('{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        self.text.push_str(", ");
                    }
                    let key = self.key(key);
                    self.text.push_str(&key);
                    self.text.push_str(": ");
                    self.flow(value);
                }
                self.text.push('}');
            }
        }
    }

    fn end(&mut self) {
        if self.random.chance(3) {
            self.text.push_str(" # as it was");
        }
        self.text.push('\n');
        if self.random.chance(1) {
            self.text.push('\n');
        }
    }

    fn pad(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn key(&mut self, key: &str) -> String {
        if plain(key) && !self.random.chance(2) {
            key.to_owned()
        } else {
            self.quoted(key)
        }
    }

    fn leaf(&mut self, value: &Value) -> String {
        match value {
            Value::Null if self.random.chance(30) => "~".to_owned(),
            Value::Bool(value) if self.random.chance(6) => {
                // YAML 1.1, which the cluster's decoder reads.
                let words = if *value {
                    ["yes", "on", "True"]
                } else {
                    ["no", "off", "FALSE"]
                };
                self.random.pick(&words).map_or("true", |word| word).to_owned()
            }
            Value::Number(number) if number.as_u64().is_some() && self.random.chance(3) => {
                format!("{:#x}", number.as_u64().unwrap_or_default())
            }
            Value::String(text) if plain(text) && self.random.chance(80) => text.clone(),
            Value::String(text) => self.quoted(text),
            other => other.to_string(),
        }
    }

    fn quoted(&mut self, text: &str) -> String {
        let simple =
            !text.chars().any(char::is_control) && !text.contains(['\u{feff}', '\u{85}', '\u{2028}']);
        if simple && self.random.chance(40) {
            format!("'{}'", text.replace('\'', "''"))
        } else {
            Value::from(text).to_string()
        }
    }
}

/// Whether YAML takes the text for a string as it stands, wherever it is.
fn plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let holds = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '\\'));
    let word = text.to_ascii_lowercase();
    let taken = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf",
    ];
    begins && holds && !taken.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, parse};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_style_says_the_same() {
        let value = json!({"a": [1, {"b": "x y", "c": ["true", true, null, "it's"]}, [], {}], "on": "ä\n", "d": {"e": -3}});
        let tree = Tree::from(value.clone());
        for seed in 0..200 {
            let text = write(&tree, &mut Random::new(seed));
            let stream = parse(&text, &Limits::default());
            assert_eq!(stream.errors, [], "{text}");
            assert_eq!(stream.documents[0].root().to_json(), value, "{text}");
        }
    }
}
