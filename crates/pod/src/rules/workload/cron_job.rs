//! `CronJobs` (`ValidateCronJobCreate`).

use porthole_manifest::Node;

use super::selector::Selector;
use super::{NEGATIVE_NUMBER, job, schedule, spec_of, time_zone};
use crate::path::Path;
use crate::report::{Report, Shown, is_true, place, some_text, text};
use crate::rule::rules;
use crate::rules::metadata::{check_not_negative, created_name};
use crate::validate::Pass;

rules! { ApiServer:
    /// The schedule of a `CronJob` has five fields, minute, hour, day of month, month and day of week (`30 2 * * 1-5`), or is
    /// `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` or `@every` and a duration. Time zones have a field of their own.
    CRON_SCHEDULE = "cron-schedule";
    /// The time zone of a `CronJob` is one of the IANA database, in its spelling: `Europe/Berlin`, `Etc/UTC`.
    CRON_TIME_ZONE = "cron-time-zone";
    /// A Job that is due while the last one still runs starts beside it (`Allow`), not at all (`Forbid`) or instead of it
    /// (`Replace`).
    CONCURRENCY_POLICY = "concurrency-policy";
    /// The Jobs that a `CronJob` makes are given their selectors by the API server.
    JOB_TEMPLATE_SELECTOR = "job-template-selector";
    /// The name of a `CronJob` has at most 52 bytes, since its Jobs add 11 to it.
    CRON_JOB_NAME = "cron-job-name";
}

const NAME_LIMIT: usize = 52;

pub(super) fn check(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    let scheduled = !text(spec, "schedule").is_empty();
    if scheduled {
        check_schedule(pass, spec, path);
    } else if !pass.declares() {
        require_schedule(pass, spec, path);
    }
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "startingDeadlineSeconds", path);
    if let Some(zone) = time_zone_of(pass, spec) {
        check_time_zone(pass, zone, &path.child("timeZone"));
    }
    let policy = text(spec, "concurrencyPolicy");
    let known = ["Allow", "Forbid", "Replace"];
    if !policy.is_empty() && !known.contains(&policy) {
        let span = place(spec, "concurrencyPolicy");
        let field = path.child("concurrencyPolicy");
        pass.not_supported(&CONCURRENCY_POLICY, &field, Shown::Named(policy), &known, span);
    }
    let template = path.child("jobTemplate");
    let job = spec.child("jobTemplate").child("spec");
    check_job(pass, job, &template.child("spec"));
    for key in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, key, path);
    }
    check_name(pass);
    if !scheduled && pass.declares() {
        require_schedule(pass, spec, path);
    }
}

fn require_schedule(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let span = place(spec, "schedule");
    report.required(&CRON_SCHEDULE, &path.child("schedule"), "", span);
}

/// The time zone, where the API server knows of it.
fn time_zone_of<'a>(report: &Report<'_>, spec: Node<'a>) -> Option<Node<'a>> {
    let known = report.at_least(24) && report.feature("CronJobTimeZone", 29);
    spec.field("timeZone").filter(|_| known)
}

fn check_schedule(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let schedule = text(spec, "schedule");
    let field = path.child("schedule");
    let span = place(spec, "schedule");
    if let Err(error) = schedule::check(schedule) {
        report.invalid(&CRON_SCHEDULE, &field, Shown::Str(schedule), error, span);
    }
    if !schedule.contains("TZ") {
        return;
    }
    if report.at_least(29) {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        report.invalid(&CRON_SCHEDULE, &field, Shown::Str(schedule), detail, span);
    } else if time_zone_of(report, spec).is_some() {
        let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        report.invalid(&CRON_SCHEDULE, &field, Shown::Str(schedule), detail, span);
    }
}

fn check_time_zone(report: &mut Report<'_>, node: Node<'_>, field: &Path<'_>) {
    let zone = node.as_str().unwrap_or_default();
    let strict = report.at_least(27);
    // The value is behind a pointer.
    let mut refuse = |detail: String| {
        report.invalid(&CRON_TIME_ZONE, field, Shown::Named(zone), detail, node.span());
    };
    if zone.is_empty() {
        refuse("timeZone must be nil or non-empty string".to_owned());
        return;
    }
    if strict && !zone.split('/').all(time_zone::is_part) {
        refuse(format!("unknown time zone {zone}"));
        return;
    }
    if zone.eq_ignore_ascii_case("local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        refuse(detail.to_owned());
    }
    if let Err(error) = time_zone::load(zone) {
        refuse(error);
    }
}

/// The Job that is made (`ValidateJobTemplateSpec`).
fn check_job(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    job::check_spec(pass, spec, path);
    if let Some(node) = spec.field("selector") {
        let value = Selector::of(node).shown(pass);
        let detail = "`selector` will be auto-generated";
        let field = path.child("selector");
        pass.invalid(
            &JOB_TEMPLATE_SELECTOR,
            &field,
            Shown::Raw(value),
            detail,
            node.span(),
        );
    }
    if is_true(spec, "manualSelector") {
        let known = ["nil", "false"];
        let span = place(spec, "manualSelector");
        let field = path.child("manualSelector");
        pass.not_supported(&JOB_TEMPLATE_SELECTOR, &field, Shown::Bool(true), &known, span);
    }
}

fn check_name(pass: &mut Pass<'_>) {
    let metadata = pass.template.object.child("metadata");
    let name = created_name(metadata);
    if name.len() > NAME_LIMIT {
        let key = if some_text(metadata, "name").is_some_and(|name| !name.is_empty()) {
            "name"
        } else {
            "generateName"
        };
        let span = place(metadata, key);
        let path = Path::root("metadata");
        let detail = format!("must be no more than {NAME_LIMIT} characters");
        pass.invalid(
            &CRON_JOB_NAME,
            &path.child("name"),
            Shown::Str(&name),
            detail,
            span,
        );
    }
}
