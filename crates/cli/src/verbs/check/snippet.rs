//! Findings with the lines of the source that they are about.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer};
use anstream::adapter::strip_str;
use porthole_manifest::{Source, Span, SyntaxError};
use porthole_pod::{Finding, Fix, Severity};

use super::excerpt::Excerpt;

/// Lines that stand between two places are shown where there are no more of them than this.
const NEAR: u32 = 60;

/// A finding as a person reads it.
pub(super) fn finding(renderer: &Renderer, source: &Source, finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Advice => Level::INFO.with_name("advice"),
    };
    let title = level.primary_title(finding.to_string()).id(finding.rule.name);
    let place = finding.span.unwrap_or_default();
    let (near, far): (Vec<_>, Vec<_>) = finding
        .related
        .iter()
        .partition(|(span, _)| distance(source, place, *span) <= NEAR);
    let spans = std::iter::once(place).chain(near.iter().map(|(span, _)| *span));
    let excerpt = Excerpt::of(source, spans);
    let mut snippet = excerpt
        .snippet()
        .annotation(AnnotationKind::Primary.span(excerpt.range(place)));
    for (span, text) in &near {
        let annotation = AnnotationKind::Context
            .span(excerpt.range(*span))
            .label(text.as_str());
        snippet = snippet.annotation(annotation);
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut group = title.element(snippet);
    let excerpts: Vec<_> = far.iter().map(|(span, _)| Excerpt::of(source, [*span])).collect();
    for ((span, text), excerpt) in far.iter().zip(&excerpts) {
        let annotation = AnnotationKind::Context
            .span(excerpt.range(*span))
            .label(text.as_str());
        group = group.element(excerpt.snippet().annotation(annotation));
    }
    match (&finding.help, &finding.fix) {
        (Some(help), None) => group = group.element(Level::HELP.message(help.as_str())),
        (Some(help), Some(_)) => group = group.element(Level::NOTE.message(help.as_str())),
        _ => {}
    }
    groups.push(group);
    let changed = finding.fix.as_ref().map(|fix| Change::of(source, fix));
    if let Some(change) = &changed {
        groups.push(change.group());
    }
    let places = std::iter::once(excerpt.said(place));
    let far = far.iter().zip(&excerpts);
    let places = places.chain(far.map(|((span, _), excerpt)| excerpt.said(*span)));
    rightly(renderer.render(&groups), &places.collect::<Vec<_>>())
}

/// What was drawn, with the places where they are, of which the renderer says other ones. They stand in this order.
fn rightly(drawn: String, places: &[(String, String)]) -> String {
    if places.iter().all(|(said, is)| said == is) {
        return drawn;
    }
    let mut right = String::with_capacity(drawn.len());
    let mut places = places.iter().peekable();
    for line in drawn.split_inclusive('\n') {
        let plain = strip_str(line).to_string();
        let plain = plain.trim();
        let place = plain.strip_prefix("--> ").or_else(|| plain.strip_prefix("::: "));
        let found = places.next_if(|(said, _)| Some(said.as_str()) == place);
        match found.and_then(|(said, is)| Some((line.rfind(said)?, said, is))) {
            Some((at, said, is)) => {
                right.push_str(&line[..at]);
                right.push_str(is);
                right.push_str(&line[at + said.len()..]);
            }
            None => right.push_str(line),
        }
    }
    right
}

/// A syntax error as a person reads it.
pub(super) fn syntax(renderer: &Renderer, source: &Source, error: &SyntaxError) -> String {
    let excerpt = Excerpt::of(source, [error.span]);
    let snippet = excerpt
        .snippet()
        .annotation(AnnotationKind::Primary.span(excerpt.range(error.span)));
    let title = Level::ERROR.primary_title(error.reason.as_str()).id("syntax");
    let mut group = title.element(snippet);
    if let Some(help) = &error.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    rightly(renderer.render(&[group]), &[excerpt.said(error.span)])
}

/// How many lines lie between two places.
fn distance(source: &Source, one: Span, other: Span) -> u32 {
    source
        .position(one.start)
        .line
        .abs_diff(source.position(other.start).line)
}

/// A proposed change with the lines that it changes.
struct Change<'a> {
    fix: &'a Fix,
    excerpt: Excerpt<'a>,
}

impl<'a> Change<'a> {
    fn of(source: &'a Source, fix: &'a Fix) -> Self {
        let text = source.text();
        let spans = fix.edits.iter().flat_map(|edit| {
            let whole = shown_whole(text, edit.span);
            [
                Span::new(whole.start, whole.start),
                Span::new(whole.end, whole.end),
            ]
        });
        Self {
            fix,
            excerpt: Excerpt::of(source, spans),
        }
    }

    fn group(&self) -> Group<'_> {
        let patches = self
            .fix
            .edits
            .iter()
            .map(|edit| Patch::new(self.excerpt.whole_range(edit.span), edit.text.as_str()));
        Level::HELP
            .secondary_title(self.fix.title.as_str())
            .element(self.excerpt.snippet().patches(patches))
    }
}

fn shown_whole(text: &str, span: Span) -> Span {
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Span::new(span.start.min(end), span.end.min(end))
}
