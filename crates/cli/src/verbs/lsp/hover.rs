//! What is shown at a place: who an account is, and what the rules of the findings there ask for.

use std::fmt::Write as _;

use porthole_check::{File, Verdict};
use porthole_manifest::Node;
use serde_json::{Value, json};

use super::account;
use super::diagnostics;
use super::position::Lines;
use crate::verbs::check::names;

/// The hover at a byte; null where there is nothing to say.
pub(super) fn at(file: &File, verdicts: &[Verdict<'_>], offset: usize, lines: &Lines<'_>) -> Value {
    let mut text = String::new();
    let mut place = None;
    for document in &file.stream.documents {
        if let Some((start, end, of)) = account_at(document.root(), offset) {
            text.push_str(&of);
            place = Some((start, end));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for finding in verdicts.iter().flat_map(|verdict| &verdict.findings) {
        let (start, end) = diagnostics::range(finding);
        let rule = finding.rule;
        if !(start..=end).contains(&offset) || finding.span.is_none() || seen.contains(&rule.name) {
            continue;
        }
        seen.push(rule.name);
        place.get_or_insert((start, end));
        if !text.is_empty() {
            text.push_str("\n\n---\n\n");
        }
        let explanation: Vec<&str> = rule.explanation.lines().map(str::trim).collect();
        let _ = write!(
            text,
            "**{}** ({}, {})\n\n{}",
            rule.name,
            names::severity(finding.severity),
            names::enforcer(rule.enforcer),
            explanation.join("\n").trim()
        );
    }
    match place {
        Some((start, end)) => json!({
            "contents": {"kind": "markdown", "value": text},
            "range": lines.range(start, end),
        }),
        None => Value::Null,
    }
}

/// The account whose `runAsUserName` stands at a byte, key or value.
fn account_at(node: Node<'_>, offset: usize) -> Option<(usize, usize, String)> {
    let span = node.span();
    let holds = |start: u32, end: u32| (start as usize..=end as usize).contains(&offset);
    if !holds(span.start, span.end) || node.is_alias() {
        return None;
    }
    for entry in node.entries() {
        let (key, value) = (entry.key.span(), entry.value.span());
        if entry.key.key_text() == "runAsUserName" && holds(key.start, value.end) {
            let text = account::describe(entry.value.as_str()?)?;
            return Some((key.start as usize, value.end as usize, text));
        }
        if let Some(found) = account_at(entry.value, offset) {
            return Some(found);
        }
    }
    node.items().find_map(|item| account_at(item, offset))
}
