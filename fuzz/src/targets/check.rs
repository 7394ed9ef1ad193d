//! The whole verdict, at several versions, for new objects and for updates.

use porthole_check::{File, Settings, Verdict, World, judge, rules};
use porthole_manifest::Span;
use porthole_pod::{Finding, NodeSetup, Options, Version};

use super::OLD;

/// What may be said of a text, in bytes: of each of its bytes, and beyond that.
const SAID_PER_BYTE: usize = 600;
const SAID_ANYWAY: usize = 256 << 10;

pub(super) fn holds(text: &str) {
    let (new, old) = text.split_once(OLD).unwrap_or((text, text));
    let (new, old) = ([File::parse("new", new)], [File::parse("old", old)]);
    for settings in settings() {
        let world = World::of(&new, &settings);
        judged(&new[0], &world, &settings);
        let world = World::of(&new, &settings).with_old(&old, &settings);
        judged(&new[0], &world, &settings);
    }
}

/// The oldest version, one in the middle and the newest, each with another level of Pod Security.
fn settings() -> [Settings; 3] {
    [(22, "privileged"), (28, "baseline:v1.25"), (37, "restricted")].map(|(minor, level)| {
        let options = Options::of(Version::new(minor).expect("it is known"));
        let mut settings = Settings {
            node: NodeSetup::of(&options),
            options,
            ..Settings::default()
        };
        let level = level.parse().expect("it is a level");
        let defaults = &mut settings.pod_security.defaults;
        (defaults.enforce, defaults.audit, defaults.warn) = (level, level, level);
        settings
    })
}

fn judged(file: &File, world: &World<'_>, settings: &Settings) {
    let text = file.source.text();
    let mut said = 0;
    for error in &file.stream.errors {
        within(text, error.span);
        said += error.reason.len();
    }
    for verdict in &judge(file, world, settings) {
        answered(verdict);
        for finding in &verdict.findings {
            said += finding.to_string().len() + finding.help.as_ref().map_or(0, String::len);
            placed(text, finding);
        }
    }
    let most = SAID_ANYWAY + SAID_PER_BYTE * text.len();
    assert!(said <= most, "{said} bytes are said of {} bytes", text.len());
}

/// An answer has a status where it is a refusal, and the status has its code.
fn answered(verdict: &Verdict<'_>) {
    let answer = &verdict.answer;
    let refused = answer.code.is_none_or(|code| code >= 400);
    if let Some(status) = &answer.status {
        assert_eq!(Some(status.code), answer.code);
        assert!(!status.message.is_empty(), "a refusal says why");
    }
    assert!(
        refused == answer.status.is_some() || answer.code.is_none(),
        "{:?} with the status {:?}",
        answer.code,
        answer.status
    );
}

/// A finding is of a rule that is listed, and everything that it points to is there.
fn placed(text: &str, finding: &Finding) {
    let name = finding.rule.name;
    assert!(rules().any(|rule| rule.name == name), "`{name}` is not listed");
    finding.span.iter().for_each(|span| within(text, *span));
    finding.related.iter().for_each(|(span, _)| within(text, *span));
    let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
    let mut last = 0;
    for edit in edits {
        within(text, edit.span);
        assert!(
            last <= edit.span.start,
            "edits of {name} overlap, or are not in order"
        );
        last = edit.span.end;
    }
}

#[track_caller]
fn within(text: &str, span: Span) {
    assert!(span.slice(text).is_some(), "{span:?} is no place in the text");
}
