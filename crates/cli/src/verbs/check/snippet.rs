//! Findings with the lines of the source that they are about.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use porthole_manifest::{Source, Span, SyntaxError};
use porthole_pod::{Finding, Fix, Severity};

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
    renderer.render(&groups)
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
    renderer.render(&[group])
}

/// How many lines lie between two places.
fn distance(source: &Source, one: Span, other: Span) -> u32 {
    source
        .position(one.start)
        .line
        .abs_diff(source.position(other.start).line)
}

/// The lines around some places: a file may be large, and what is drawn is not.
struct Excerpt<'a> {
    source: &'a Source,
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Excerpt<'a> {
    fn of(source: &'a Source, spans: impl IntoIterator<Item = Span>) -> Self {
        let text = source.text();
        let (mut from, mut to) = (text.len(), 0);
        for span in spans {
            let one = shown(text, span);
            from = from.min(one.start);
            to = to.max(one.end);
        }
        let from = from.min(to);
        let start = text
            .get(..from)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |end| end + 1);
        let end = text
            .get(to..)
            .and_then(|rest| rest.find('\n'))
            .map_or(text.len(), |end| to + end);
        let start_offset = u32::try_from(start).unwrap_or(u32::MAX);
        Self {
            source,
            text: text.get(start..end).unwrap_or_default(),
            start,
            line: source.position(start_offset).line as usize,
        }
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text)
            .line_start(self.line)
            .path(self.source.name())
    }

    /// A place in the excerpt: of a long one its first line.
    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let range = shown(self.source.text(), span);
        let clip = |offset: usize| offset.saturating_sub(self.start).min(self.text.len());
        clip(range.start)..clip(range.end)
    }
}

/// What is underlined of a place: nothing beyond its first line, and something of an empty one.
fn shown(text: &str, span: Span) -> std::ops::Range<usize> {
    let start = (span.start as usize).min(text.len());
    let whole = text
        .get(start..(span.end as usize).min(text.len()))
        .unwrap_or_default();
    let line = whole.split('\n').next().unwrap_or_default().trim_end();
    start..start + line.len()
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
        let patches = self.fix.edits.iter().map(|edit| {
            let start = (edit.span.start as usize).saturating_sub(self.excerpt.start);
            let end = (edit.span.end as usize).saturating_sub(self.excerpt.start);
            let end = end.min(self.excerpt.text.len());
            Patch::new(start.min(end)..end, edit.text.as_str())
        });
        Level::HELP
            .secondary_title(self.fix.title.as_str())
            .element(self.excerpt.snippet().patches(patches))
    }
}

fn shown_whole(text: &str, span: Span) -> Span {
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Span::new(span.start.min(end), span.end.min(end))
}
