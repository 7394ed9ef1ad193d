//! What can be done about findings: their own changes, all safe ones at once, or a comment that suppresses.

use porthole_check::{File, Settings, Verdict, World, fix, judge};
use porthole_pod::Finding;
use serde_json::{Value, json};

use super::diagnostics::{self, Abilities};
use super::position::Lines;

/// How often a text is looked at again for changes that others have made possible.
const ROUNDS: usize = 10;
/// The kind of the action that makes all safe changes.
pub(super) const FIX_ALL: &str = "source.fixAll.porthole";

/// A file, and what is said of it.
pub(super) struct Subject<'a> {
    pub(super) uri: &'a str,
    pub(super) file: &'a File,
    pub(super) verdicts: &'a [Verdict<'a>],
    pub(super) world: &'a World<'a>,
    pub(super) settings: &'a Settings,
    pub(super) lines: &'a Lines<'a>,
    pub(super) can: Abilities,
}

/// The actions for the bytes from `start` to `end`; `only` are the kinds that the editor wants, if not all.
pub(super) fn of_range(subject: &Subject<'_>, start: usize, end: usize, only: &Value) -> Vec<Value> {
    let wanted = |kind: &str| {
        only.as_array().is_none_or(|only| {
            only.iter().filter_map(Value::as_str).any(|wanted| {
                wanted.is_empty()
                    || wanted == kind
                    || kind
                        .strip_prefix(wanted)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
        })
    };
    let mut actions = Vec::new();
    let findings = subject.verdicts.iter().flat_map(|verdict| &verdict.findings);
    let here: Vec<&Finding> = findings
        .filter(|finding| {
            let (from, to) = diagnostics::range(finding);
            finding.span.is_some() && from <= end && start <= to
        })
        .collect();
    if wanted("quickfix") {
        actions.extend(here.iter().filter_map(|finding| mend(subject, finding)));
        let mut seen = Vec::new();
        for finding in &here {
            let line = subject.lines.position(diagnostics::range(finding).0)["line"].clone();
            let known = (finding.rule.name, line);
            if !seen.contains(&known) {
                seen.push(known);
                actions.extend(suppress(subject, finding));
            }
        }
    }
    if wanted(FIX_ALL) {
        actions.extend(mend_all(subject));
    }
    actions
}

fn mend(subject: &Subject<'_>, finding: &Finding) -> Option<Value> {
    let fix = finding.fix.as_ref()?;
    let edits = fix.edits.iter().map(|edit| {
        let range = subject
            .lines
            .range(edit.span.start as usize, edit.span.end as usize);
        json!({"range": range, "newText": edit.text})
    });
    Some(json!({
        "title": fix.title,
        "kind": "quickfix",
        "isPreferred": fix.safe,
        "diagnostics": [diagnostics::of_finding(finding, subject.uri, subject.lines, subject.can)],
        "edit": {"changes": {subject.uri: edits.collect::<Value>()}},
    }))
}

/// A comment on a line of its own, or where that would speak of the whole document behind the value. It is only offered
/// where it does what it says.
fn suppress(subject: &Subject<'_>, finding: &Finding) -> Option<Value> {
    let text = subject.file.source.text();
    if subject.uri.to_ascii_lowercase().rsplit('.').next() == Some("json") {
        return None;
    }
    let at = diagnostics::range(finding).0;
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(begin..)?.split(['\n', '\r']).next()?;
    let indent: String = line.chars().take_while(|character| *character == ' ').collect();
    let rule = finding.rule.name;
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let above = (begin, format!("{indent}# porthole:ignore {rule}{ending}"));
    let behind = (begin + line.len(), format!(" # porthole:ignore {rule}"));
    let count = |verdicts: &[Verdict<'_>]| {
        let mut all = 0;
        for verdict in verdicts {
            all += verdict.findings.len();
        }
        all
    };
    let same_line = |other: &Finding| {
        let from = diagnostics::range(other).0;
        other.rule.name == rule && (begin..=begin + line.len()).contains(&from) && other.span.is_some()
    };
    let findings = subject.verdicts.iter().flat_map(|verdict| &verdict.findings);
    let expected = count(subject.verdicts) - findings.filter(|other| same_line(other)).count();
    let (at, comment) = [above, behind].into_iter().find(|(at, comment)| {
        let mut changed = text.to_owned();
        changed.insert_str(*at, comment);
        let file = File::parse(subject.file.source.name(), changed);
        let unbroken = file.stream.errors.len() == subject.file.stream.errors.len();
        unbroken && count(&judge(&file, subject.world, subject.settings)) == expected
    })?;
    let edit = json!({"range": subject.lines.range(at, at), "newText": comment});
    Some(json!({
        "title": format!("ignore {rule} here, by a comment"),
        "kind": "quickfix",
        "diagnostics": [diagnostics::of_finding(finding, subject.uri, subject.lines, subject.can)],
        "edit": {"changes": {subject.uri: [edit]}},
    }))
}

fn mend_all(subject: &Subject<'_>) -> Option<Value> {
    let name = subject.file.source.name();
    let old = subject.file.source.text();
    let mut text = old.to_owned();
    let mut applied = 0;
    for _ in 0..ROUNDS {
        let now = File::parse(name, text.as_str());
        let verdicts = judge(&now, subject.world, subject.settings);
        let findings = verdicts.iter().flat_map(|verdict| &verdict.findings);
        let fixed = fix::apply(&text, findings, false);
        let broken = File::parse(name, fixed.text.as_str()).stream.errors.len() > now.stream.errors.len();
        if fixed.applied == 0 || broken {
            break;
        }
        applied += fixed.applied;
        text = fixed.text;
    }
    if applied == 0 {
        return None;
    }
    let (start, end, new) = difference(old, &text);
    let edit = json!({"range": subject.lines.range(start, end), "newText": new});
    Some(json!({
        "title": "make all safe changes of porthole",
        "kind": FIX_ALL,
        "edit": {"changes": {subject.uri: [edit]}},
    }))
}

/// What of `old` is replaced, and by what: the middle, in which they differ.
fn difference<'n>(old: &str, new: &'n str) -> (usize, usize, &'n str) {
    let same = |one: &mut dyn Iterator<Item = char>, other: &mut dyn Iterator<Item = char>| -> usize {
        one.zip(other)
            .take_while(|(one, other)| one == other)
            .map(|(one, _)| one.len_utf8())
            .sum()
    };
    let start = same(&mut old.chars(), &mut new.chars());
    let (old_rest, new_rest) = (
        old.get(start..).unwrap_or_default(),
        new.get(start..).unwrap_or_default(),
    );
    let tail = same(&mut old_rest.chars().rev(), &mut new_rest.chars().rev());
    let middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    (start, old.len() - tail, middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_middle_is_replaced() {
        assert_eq!(difference("aüb", "aöb"), (1, 3, "ö"));
        assert_eq!(difference("aa", "aaa"), (2, 2, "a"));
        assert_eq!(difference("abc", ""), (0, 3, ""));
    }
}
