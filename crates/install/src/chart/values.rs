//! The values of the chart: what they are, what they are by default, and what they may be.

mod table;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::WRITTEN;
use super::print::Printer;
use super::tree::MergeError;

/// A value, or a group of them.
struct Entry {
    name: &'static str,
    /// What it is, in lines as they stand above it.
    about: &'static str,
    what: What,
}

enum What {
    /// Values below it.
    Group(Vec<Entry>),
    /// What it is by default; nothing where it is not named in `values.yaml`. And its schema.
    Value(Option<Value>, Value),
}

/// `values.yaml`.
pub(super) fn yaml() -> Result<String, MergeError> {
    let mut text = format!("# {WRITTEN}.\n");
    for entry in table::all() {
        write_yaml(&mut text, 0, &entry)?;
    }
    Ok(text)
}

fn write_yaml(text: &mut String, indent: usize, entry: &Entry) -> Result<(), MergeError> {
    if entry.is_unnamed() {
        return Ok(());
    }
    if indent == 0 {
        text.push('\n');
    }
    // Writing to a string cannot fail.
    for line in entry.about.lines() {
        let _ = writeln!(text, "{:indent$}# {line}", "");
    }
    match &entry.what {
        What::Group(entries) if entries.iter().all(Entry::is_unnamed) => {
            let _ = writeln!(text, "{:indent$}{}: {{}}", "", entry.name);
        }
        What::Group(entries) => {
            let _ = writeln!(text, "{:indent$}{}:", "", entry.name);
            for entry in entries {
                write_yaml(text, indent + 2, entry)?;
            }
        }
        What::Value(Some(default), _) => {
            let mut map = Map::new();
            map.insert(entry.name.to_owned(), default.clone());
            for line in Printer::document(&Value::Object(map))?.lines() {
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
        }
        What::Value(None, _) => {}
    }
    Ok(())
}

impl Entry {
    /// Whether it has to be there. Helm takes away what is said to be null before it looks at the schema; templates that write one
    /// text or number would write none. What is free in its keys, or a list, is left out where it is not there.
    fn is_required(&self) -> bool {
        match &self.what {
            What::Group(_) => true,
            What::Value(Some(default), _) => !default.is_object() && !default.is_array(),
            What::Value(None, _) => false,
        }
    }

    /// Whether `values.yaml` does not name it.
    fn is_unnamed(&self) -> bool {
        matches!(self.what, What::Value(None, _))
    }

    fn schema(&self) -> Value {
        let mut schema = match &self.what {
            What::Group(entries) => group_schema(entries),
            What::Value(_, schema) => schema.clone(),
        };
        if !self.about.is_empty() {
            schema["description"] = json!(self.about.replace('\n', " "));
        }
        schema
    }
}

fn group_schema(entries: &[Entry]) -> Value {
    let properties: Map<String, Value> = entries
        .iter()
        .map(|entry| (entry.name.to_owned(), entry.schema()))
        .collect();
    let required: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.is_required())
        .map(|entry| entry.name)
        .collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// `values.schema.json`. What is not in it is refused by name.
pub(super) fn schema() -> String {
    let mut schema = group_schema(&table::all());
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Values of the chart porthole");
    // A parent chart's own.
    schema["properties"]["global"]["additionalProperties"] = json!(true);
    format!("{schema:#}\n")
}
