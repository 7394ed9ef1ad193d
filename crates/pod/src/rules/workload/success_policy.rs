//! When an indexed Job has succeeded before all of it has: `successPolicy`.

use porthole_manifest::Node;

use super::NEGATIVE_NUMBER;
use super::filled_in::completions;
use super::indexes::count_indexes;
use crate::path::Path;
use crate::render::go_json;
use crate::report::{Report, Shown, int, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::metadata::check_not_negative;
use crate::validate::Pass;

rules! { ApiServer:
    /// A rule of the `successPolicy` of an indexed Job names the indices that have to succeed (`succeededIndexes: 0,2-5`), in
    /// order, or how many, or both.
    SUCCESS_POLICY = "success-policy";
}

const RULE_LIMIT: usize = 20;
const INDEXES_LIMIT: usize = 64 * 1024;

pub(super) fn check(pass: &mut Pass<'_>, policy: Node<'_>, spec: Node<'_>, path: &Path<'_>) {
    if text(spec, "completionMode") != "Indexed" {
        let value = shown(pass, policy);
        let detail = "requires indexed completion mode";
        pass.invalid(&SUCCESS_POLICY, path, Shown::Raw(value), detail, policy.span());
        return;
    }
    let path = path.child("rules");
    let span = place(policy, "rules");
    let count = items(policy, "rules").count();
    if count == 0 {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        pass.required(&SUCCESS_POLICY, &path, detail, span);
    }
    if count > RULE_LIMIT {
        pass.too_many(&SUCCESS_POLICY, &path, (count, RULE_LIMIT), span);
    }
    let completions = completions(pass, spec);
    for (index, rule) in items(policy, "rules").enumerate() {
        check_rule(pass, rule, completions, &path.index(index));
    }
}

fn check_rule(report: &mut Report<'_>, rule: Node<'_>, completions: Option<i64>, path: &Path<'_>) {
    let count = int(rule, "succeededCount");
    let indexes = some_text(rule, "succeededIndexes");
    if count.is_none() && indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        report.required(&SUCCESS_POLICY, path, detail, rule.span());
    }
    let mut named = 0;
    if let Some(indexes) = indexes {
        let field = path.child("succeededIndexes");
        let span = place(rule, "succeededIndexes");
        if indexes.len() > INDEXES_LIMIT {
            report.too_long(&SUCCESS_POLICY, &field, INDEXES_LIMIT, span);
        }
        match count_indexes(indexes, completions.unwrap_or_default()) {
            Ok(count) => named = count,
            Err(error) => {
                let detail = format!("error parsing succeededIndexes: {error}");
                report.invalid(&SUCCESS_POLICY, &field, Shown::Str(indexes), detail, span);
            }
        }
    }
    let Some(count) = count else { return };
    check_not_negative(report, &NEGATIVE_NUMBER, rule, "succeededCount", path);
    let field = path.child("succeededCount");
    let span = place(rule, "succeededCount");
    if let Some(most) = completions.filter(|most| count > *most) {
        let detail = format!("must be less than or equal to {most} (the number of specified completions)");
        report.invalid(&SUCCESS_POLICY, &field, Shown::Int(count), detail, span);
    }
    if indexes.is_some() && count > named {
        let detail = format!(
            "must be less than or equal to {named} (the number of indexes in the specified succeededIndexes field)"
        );
        report.invalid(&SUCCESS_POLICY, &field, Shown::Int(count), detail, span);
    }
}

/// A policy as the API server shows it. Where Go shows the addresses of values, the values themselves stand here.
fn shown(report: &Report<'_>, policy: Node<'_>) -> String {
    let rules = items(policy, "rules").map(|rule| {
        let indexes = some_text(rule, "succeededIndexes").map(go_json);
        let count = int(rule, "succeededCount").map(|count| count.to_string());
        if report.at_least(34) {
            let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
            return format!(
                "{{\"SucceededIndexes\":{},\"SucceededCount\":{}}}",
                or_null(indexes),
                or_null(count)
            );
        }
        let or_nil = |value: Option<String>| value.unwrap_or_else(|| "nil".to_owned());
        format!(
            "batch.SuccessPolicyRule{{SucceededIndexes:(*string)({}), SucceededCount:(*int32)({})}}",
            or_nil(indexes),
            or_nil(count)
        )
    });
    let rules: Vec<_> = rules.collect();
    match (report.at_least(34), policy.field("rules").is_some()) {
        (true, true) => format!("{{\"Rules\":[{}]}}", rules.join(",")),
        (true, false) => "{\"Rules\":null}".to_owned(),
        (false, true) => format!(
            "batch.SuccessPolicy{{Rules:[]batch.SuccessPolicyRule{{{}}}}}",
            rules.join(", ")
        ),
        (false, false) => "batch.SuccessPolicy{Rules:[]batch.SuccessPolicyRule(nil)}".to_owned(),
    }
}
