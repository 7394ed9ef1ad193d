//! What a Job does about pods that fail: `podFailurePolicy`.

use std::collections::HashSet;

use porthole_manifest::{Node, WorkloadKind};

use super::job::{PER_INDEX, gated, is_kept};
use crate::container::{ContainerKind, containers_of};
use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, has_items, items, place, some_text, text};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A rule of a `podFailurePolicy` says what is done (`Count`, `FailIndex`, `FailJob`, `Ignore`) about a pod that has
    /// failed, known by the exit codes of a container or by a condition of the pod, and not by both. Exit codes stand in
    /// order, each once, and `In` does not name 0.
    POD_FAILURE_POLICY = "pod-failure-policy";
}

const RULE_LIMIT: usize = 20;
const CODE_LIMIT: usize = 255;
const PATTERN_LIMIT: usize = 20;

pub(super) fn check(pass: &mut Pass<'_>, policy: Node<'_>, spec: Node<'_>, path: &Path<'_>) {
    let path = path.child("rules");
    // Without limits for indices the API server drops the rules that fail one.
    let drops = pass.at_least(28) && !is_kept(pass, PER_INDEX);
    let kept = |rule: &Node<'_>| !drops || text(*rule, "action") != "FailIndex";
    let count = items(policy, "rules").filter(kept).count();
    if count > RULE_LIMIT {
        let span = place(policy, "rules");
        pass.too_many(&POD_FAILURE_POLICY, &path, (count, RULE_LIMIT), span);
    }
    let template = pass.template;
    let main = containers_of(&template, ContainerKind::Main);
    let init = containers_of(&template, ContainerKind::Init);
    let names: Vec<&str> = main
        .chain(init)
        .map(|container| container.name.unwrap_or_default())
        .collect();
    let limited = gated(pass, spec, "backoffLimitPerIndex", PER_INDEX).is_some();
    for (index, rule) in items(policy, "rules").filter(kept).enumerate() {
        check_rule(pass, rule, &path.index(index), limited, &names);
    }
}

fn check_rule(pass: &mut Pass<'_>, rule: Node<'_>, path: &Path<'_>, limited: bool, names: &[&str]) {
    let all = ["Count", "FailIndex", "FailJob", "Ignore"];
    let known: Vec<&str> = all
        .into_iter()
        .filter(|action| *action != "FailIndex" || pass.at_least(28))
        .collect();
    let action = text(rule, "action");
    let field = path.child("action");
    let span = place(rule, "action");
    if action.is_empty() {
        pass.required(&POD_FAILURE_POLICY, &field, valid_values(&known), span);
    } else if !known.contains(&action) {
        pass.not_supported(&POD_FAILURE_POLICY, &field, Shown::Named(action), &known, span);
    } else if action == "FailIndex" && !limited {
        let detail = "requires the backoffLimitPerIndex to be set";
        pass.invalid(&POD_FAILURE_POLICY, &field, Shown::Named(action), detail, span);
    }
    let codes = rule.field("onExitCodes");
    if let Some(codes) = codes {
        check_codes(pass, codes, &path.child("onExitCodes"), names);
    }
    let conditions = has_items(rule, "onPodConditions");
    if conditions {
        check_conditions(pass, rule, &path.child("onPodConditions"));
    }
    let detail = match (codes.is_some(), conditions) {
        (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    pass.invalid_without_value(&POD_FAILURE_POLICY, path, detail, rule.span());
}

/// The values that there are, as the API server lists them for one that is missing.
fn valid_values(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|value| format!("\"{value}\"")).collect();
    format!("valid values: [{}]", known.join(" "))
}

fn check_conditions(pass: &mut Pass<'_>, rule: Node<'_>, path: &Path<'_>) {
    // Up to 1.33 nothing was filled in below the template of a CronJob.
    let is_filled = pass.template.kind == WorkloadKind::Job || pass.at_least(34);
    let count = items(rule, "onPodConditions").count();
    if count > PATTERN_LIMIT {
        let span = place(rule, "onPodConditions");
        pass.too_many(&POD_FAILURE_POLICY, path, (count, PATTERN_LIMIT), span);
    }
    for (index, pattern) in items(rule, "onPodConditions").enumerate() {
        let path = path.index(index);
        let kind = text(pattern, "type");
        let faults = names::qualified_name(kind, pass.options.kubernetes_version);
        pass.faults(
            &POD_FAILURE_POLICY,
            &path.child("type"),
            kind,
            faults,
            place(pattern, "type"),
        );
        let status = text(pattern, "status");
        if status.is_empty() && !is_filled {
            let known = valid_values(&["False", "True", "Unknown"]);
            let span = place(pattern, "status");
            pass.required(&POD_FAILURE_POLICY, &path.child("status"), known, span);
            continue;
        }
        // One that is not set is true.
        if !matches!(status, "" | "False" | "True" | "Unknown") {
            let known = ["False", "True", "Unknown"];
            let span = place(pattern, "status");
            pass.not_supported(
                &POD_FAILURE_POLICY,
                &path.child("status"),
                Shown::Named(status),
                &known,
                span,
            );
        }
    }
}

fn check_codes(report: &mut Report<'_>, codes: Node<'_>, path: &Path<'_>, names: &[&str]) {
    let known = ["In", "NotIn"];
    let operator = text(codes, "operator");
    let field = path.child("operator");
    if operator.is_empty() {
        let span = place(codes, "operator");
        report.required(&POD_FAILURE_POLICY, &field, valid_values(&known), span);
    } else if !known.contains(&operator) {
        let span = place(codes, "operator");
        report.not_supported(&POD_FAILURE_POLICY, &field, Shown::Named(operator), &known, span);
    }
    if let Some(name) = some_text(codes, "containerName").filter(|name| !names.contains(name)) {
        let detail = "must be one of the container or initContainer names in the pod template";
        let span = place(codes, "containerName");
        report.invalid(
            &POD_FAILURE_POLICY,
            &path.child("containerName"),
            Shown::Str(name),
            detail,
            span,
        );
    }
    let field = path.child("values");
    let span = place(codes, "values");
    let values: Vec<(i64, Node<'_>)> = items(codes, "values")
        .map(|item| (item.as_i64().unwrap_or_default(), item))
        .collect();
    if values.is_empty() {
        let value = shown_codes(report, codes, &values);
        let detail = "at least one value is required";
        report.invalid(&POD_FAILURE_POLICY, &field, Shown::Raw(value), detail, span);
    } else if values.len() > CODE_LIMIT {
        report.too_many(&POD_FAILURE_POLICY, &field, (values.len(), CODE_LIMIT), span);
    }
    let mut seen = HashSet::new();
    for (index, (code, node)) in values.iter().enumerate() {
        let field = field.index(index);
        if operator == "In" && *code == 0 {
            let detail = "must not be 0 for the In operator";
            report.invalid(
                &POD_FAILURE_POLICY,
                &field,
                Shown::Int(*code),
                detail,
                node.span(),
            );
        }
        if !seen.insert(*code) {
            report.duplicate(&POD_FAILURE_POLICY, &field, Shown::Int(*code), node.span());
        }
    }
    if !values.is_sorted_by_key(|(code, _)| *code) {
        let value = shown_codes(report, codes, &values);
        report.invalid(
            &POD_FAILURE_POLICY,
            &field,
            Shown::Raw(value),
            "must be ordered",
            span,
        );
    }
}

/// Exit codes as the API server shows them.
fn shown_codes(report: &Report<'_>, codes: Node<'_>, values: &[(i64, Node<'_>)]) -> String {
    let newer = report.at_least(34);
    if codes.field("values").is_none() {
        return if newer { "null" } else { "[]int32(nil)" }.to_owned();
    }
    let values: Vec<_> = values.iter().map(|(code, _)| code.to_string()).collect();
    if newer {
        format!("[{}]", values.join(","))
    } else {
        format!("[]int32{{{}}}", values.join(", "))
    }
}
