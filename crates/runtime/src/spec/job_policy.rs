//! `podFailurePolicy` and `successPolicy` of a Job, in the API server's words.

use porthole_manifest::{Node, PodTemplate};

use super::job::is_set;
use super::probe::int32;
use super::reader::{Reader, Table, Treatment};
use crate::job::{FailedPod, FailureAction, FailureRule, Indexes, SuccessRule};
use crate::status::DISRUPTION_TARGET;
use Treatment::Read;

const POLICY: &Table = &[("rules", Read)];
const FAILURE_RULE: &Table = &[("action", Read), ("onExitCodes", Read), ("onPodConditions", Read)];
const EXIT_CODES: &Table = &[("containerName", Read), ("operator", Read), ("values", Read)];
const CONDITION: &Table = &[("status", Read), ("type", Read)];
const SUCCESS_RULE: &Table = &[("succeededCount", Read), ("succeededIndexes", Read)];

/// The most rules of a policy, and the most conditions of a rule.
const MOST_RULES: usize = 20;
/// The most exit codes of a rule.
const MOST_CODES: usize = 255;

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];

/// A value that is none of those there are.
pub(super) fn unsupported(value: &str, supported: &[&str]) -> String {
    let values: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
    format!(
        "Unsupported value: {value:?}: supported values: {}",
        values.join(", ")
    )
}

/// The rules of a policy, with their paths.
fn rules<'a>(reader: &mut Reader, spec: Node<'a>, path: &str, key: &str) -> Option<Vec<(Node<'a>, String)>> {
    let policy = spec.field(key).filter(|policy| !policy.is_null())?;
    let path = format!("{path}.{key}");
    reader.fields(policy, &path, POLICY);
    let rules = reader.items(policy, &path, "rules");
    if rules.len() > MOST_RULES {
        too_many(reader, &format!("{path}.rules"), policy, rules.len(), MOST_RULES);
    }
    Some(rules)
}

fn too_many(reader: &mut Reader, field: &str, node: Node<'_>, count: usize, most: usize) {
    let reason = format!("Too many: {count}: must have at most {most} items");
    reader.refuse(field, node.span(), reason);
}

/// One word of several, which has to be there.
fn word(reader: &mut Reader, node: Node<'_>, path: &str, key: &str, supported: &[&str]) -> Option<String> {
    let word = reader.string(node, path, key).map(|word| word.value);
    let field = format!("{path}.{key}");
    match word {
        Some(word) if supported.contains(&word.as_str()) => return Some(word),
        Some(word) if !word.is_empty() => {
            let span = node.field(key).unwrap_or(node).span();
            reader.refuse(field, span, unsupported(&word, supported));
        }
        _ => {
            let reason = format!("Required value: valid values: {supported:?}");
            reader.refuse(field, node.span(), reason);
        }
    }
    None
}

/// `podFailurePolicy`.
pub(super) fn failure(
    reader: &mut Reader,
    template: &PodTemplate<'_>,
    spec: Node<'_>,
    path: &str,
) -> Vec<FailureRule> {
    let mut all = Vec::new();
    for (rule, path) in rules(reader, spec, path, "podFailurePolicy").unwrap_or_default() {
        reader.fields(rule, &path, FAILURE_RULE);
        let action = action(reader, rule, &path, is_set(spec, "backoffLimitPerIndex"));
        let codes = rule.field("onExitCodes").filter(|codes| !codes.is_null());
        let conditions = reader.items(rule, &path, "onPodConditions");
        let when = match (codes, conditions.is_empty()) {
            (Some(codes), true) => exit_codes(reader, template, codes, &format!("{path}.onExitCodes")),
            (None, false) => {
                if conditions.len() > MOST_RULES {
                    let field = format!("{path}.onPodConditions");
                    too_many(reader, &field, rule, conditions.len(), MOST_RULES);
                }
                Some(FailedPod::Conditions(
                    conditions
                        .into_iter()
                        .filter_map(|(one, path)| condition(reader, one, &path))
                        .collect(),
                ))
            }
            (Some(_), false) => {
                let reason =
                    "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported";
                reader.refuse(&path, rule.span(), reason);
                None
            }
            (None, true) => {
                let reason = "Invalid value: specifying one of OnExitCodes and OnPodConditions is required";
                reader.refuse(&path, rule.span(), reason);
                None
            }
        };
        if let (Some(action), Some(when)) = (action, when) {
            all.push(FailureRule { action, when });
        }
    }
    all
}

fn action(reader: &mut Reader, rule: Node<'_>, path: &str, per_index: bool) -> Option<FailureAction> {
    let word = word(reader, rule, path, "action", ACTIONS)?;
    match word.as_str() {
        "FailJob" => Some(FailureAction::FailJob),
        "Ignore" => Some(FailureAction::Ignore),
        "Count" => Some(FailureAction::Count),
        _ if per_index => Some(FailureAction::FailIndex),
        _ => {
            let reason = "Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set";
            let span = rule.field("action").unwrap_or(rule).span();
            reader.refuse(format!("{path}.action"), span, reason);
            None
        }
    }
}

fn exit_codes(
    reader: &mut Reader,
    template: &PodTemplate<'_>,
    node: Node<'_>,
    path: &str,
) -> Option<FailedPod> {
    reader.fields(node, path, EXIT_CODES);
    let before = reader.refusals.len();
    let operator = word(reader, node, path, "operator", &["In", "NotIn"]);
    let container = reader.string(node, path, "containerName");
    if let Some(container) = &container
        && !has_container(template, &container.value)
    {
        let reason = format!(
            "Invalid value: {:?}: must be one of the container or initContainer names in the pod template",
            container.value
        );
        reader.refuse(format!("{path}.containerName"), container.span, reason);
    }
    let items = reader.items(node, path, "values");
    let field = format!("{path}.values");
    match items.len() {
        0 => reader.refuse(
            &field,
            node.span(),
            "Invalid value: null: at least one value is required",
        ),
        count if count > MOST_CODES => too_many(reader, &field, node, count, MOST_CODES),
        _ => {}
    }
    let mut values: Vec<i32> = Vec::new();
    for (item, field) in items {
        let Some(value) = item.as_i64().and_then(|value| i32::try_from(value).ok()) else {
            reader.refuse(field, item.span(), "must be a whole number");
            continue;
        };
        if value == 0 && operator.as_deref() == Some("In") {
            let reason = "Invalid value: 0: must not be 0 for the In operator";
            reader.refuse(field, item.span(), reason);
        } else if values.contains(&value) {
            reader.refuse(field, item.span(), format!("Duplicate value: {value}"));
        }
        values.push(value);
    }
    if !values.is_sorted() {
        let reason = format!("Invalid value: {values:?}: must be ordered");
        reader.refuse(&field, node.span(), reason);
    }
    (reader.refusals.len() == before).then(|| FailedPod::ExitCodes {
        container: container.map(|container| container.value),
        not: operator.as_deref() == Some("NotIn"),
        values,
    })
}

fn has_container(template: &PodTemplate<'_>, name: &str) -> bool {
    let lists = ["initContainers", "containers"].into_iter();
    let mut all = lists
        .filter_map(|key| template.spec?.field(key))
        .flat_map(Node::items);
    all.any(|container| container.field("name").and_then(Node::as_str) == Some(name))
}

/// One condition. None but that of an evicted pod is ever set here: a rule that waits for another one would be ignored.
fn condition(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<(String, String)> {
    reader.fields(node, path, CONDITION);
    let kind = reader.required(node, path, "type")?;
    if kind.value != DISRUPTION_TARGET {
        let reason = format!(
            "{:?} is a condition that nothing sets on one machine; {DISRUPTION_TARGET} is set when a pod is evicted",
            kind.value
        );
        reader.refuse(format!("{path}.type"), kind.span, reason);
        return None;
    }
    // The API server has this default.
    if !is_set(node, "status") {
        return Some((kind.value, "True".to_owned()));
    }
    let status = word(reader, node, path, "status", &["False", "True", "Unknown"])?;
    Some((kind.value, status))
}

/// `successPolicy`. `completions` is that of an indexed job.
pub(super) fn success(
    reader: &mut Reader,
    spec: Node<'_>,
    path: &str,
    completions: Option<u32>,
) -> Vec<SuccessRule> {
    let Some(rules) = rules(reader, spec, path, "successPolicy") else {
        return Vec::new();
    };
    let field = format!("{path}.successPolicy");
    let Some(completions) = completions else {
        if spec.field("completionMode").and_then(Node::as_str) != Some("Indexed") {
            let reason = "Invalid value: requires indexed completion mode";
            reader.refuse(field, spec.span(), reason);
        }
        return Vec::new();
    };
    if rules.is_empty() {
        let reason =
            "Required value: at least one rules must be specified when the successPolicy is specified";
        reader.refuse(format!("{field}.rules"), spec.span(), reason);
    }
    let read = |(rule, path): (Node<'_>, String)| success_rule(reader, rule, &path, completions);
    rules.into_iter().filter_map(read).collect()
}

fn success_rule(reader: &mut Reader, rule: Node<'_>, path: &str, completions: u32) -> Option<SuccessRule> {
    reader.fields(rule, path, SUCCESS_RULE);
    let before = reader.refusals.len();
    let count = int32(reader, rule, path, "succeededCount");
    let written = reader.string(rule, path, "succeededIndexes");
    let indexes = written
        .as_ref()
        .map(|written| match Indexes::parse(&written.value, completions) {
            Ok(indexes) => indexes,
            Err(fault) => {
                let text = &written.value;
                let reason = format!("Invalid value: {text:?}: error parsing succeededIndexes: {fault}");
                reader.refuse(format!("{path}.succeededIndexes"), written.span, reason);
                Indexes::default()
            }
        });
    if let Some(count) = count {
        let most = match &indexes {
            Some(indexes) if u64::from(count) > indexes.count() => Some((
                indexes.count(),
                "the number of indexes in the specified succeededIndexes field",
            )),
            None if count > completions => {
                Some((u64::from(completions), "the number of specified completions"))
            }
            _ => None,
        };
        if let (Some((most, what)), true) = (most, reader.refusals.len() == before) {
            let reason = format!("Invalid value: {count}: must be less than or equal to {most} ({what})");
            let span = rule.field("succeededCount").unwrap_or(rule).span();
            reader.refuse(format!("{path}.succeededCount"), span, reason);
        }
    } else if indexes.is_none() && reader.refusals.len() == before {
        let reason = "Required value: at least one of succeededCount or succeededIndexes must be specified";
        reader.refuse(path, rule.span(), reason);
    }
    (reader.refusals.len() == before).then_some(SuccessRule { indexes, count })
}
