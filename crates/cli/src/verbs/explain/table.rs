//! The table for people: a row for everything that was decided, and where.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::pod::{Container, Decided, Pod, Remark};

const TITLE: Style = Style::new().bold();
const FIELD: Style = AnsiColor::Cyan.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// Longer values go on in a second line.
const WIDEST_VALUE: usize = 56;

struct Row {
    what: &'static str,
    value: String,
    from: From,
}

/// Which field decided.
enum From {
    /// Nothing to say: it follows from the row above.
    Above,
    /// No field, but this.
    Words(&'static str),
    /// A field and its place in the file, `11:22`.
    Field { at: String, field: String },
}

/// A pod as text; `details` adds the fields that have no effect here.
pub(super) fn render(pod: &Pod, details: bool) -> String {
    let count = if pod.replicas == 1 {
        String::new()
    } else {
        format!(", {} pods", pod.replicas)
    };
    let mut text = format!(
        "{TITLE}{} {}/{}{TITLE:#} ({}){count}\n",
        pod.kind,
        plain(&pod.namespace),
        plain(&pod.name),
        plain(&pod.place)
    );
    let mut tables: Vec<(String, Vec<Row>)> = Vec::new();
    if !pod.os.is_empty() {
        let rows = pod.os.iter().map(|os| Row {
            what: "nodes",
            value: os.value.clone(),
            from: from(pod, os),
        });
        tables.push((String::new(), rows.collect()));
    }
    // A default that nobody wrote says nothing new of each pod.
    if pod.restart_policy.field.is_some() {
        let row = Row {
            what: "restart policy",
            value: plain(&pod.restart_policy.value),
            from: from(pod, &pod.restart_policy),
        };
        tables.push((String::new(), vec![row]));
    }
    for container in &pod.containers {
        let title = format!("{} {}", container.kind, plain(&container.name));
        tables.push((title, rows(pod, container)));
    }
    let widths = Widths::of(tables.iter().flat_map(|(_, rows)| rows));
    let (what, value) = (widths.what, widths.value);
    let _ = writeln!(
        text,
        "  {TITLE}{:what$}  {:value$}  FROM{TITLE:#}",
        "WHAT", "VALUE"
    );
    for (title, rows) in &tables {
        if !title.is_empty() {
            let _ = writeln!(text, "{TITLE}{title}{TITLE:#}");
        }
        for row in rows {
            widths.write(&mut text, row);
        }
    }
    remarks(&mut text, "the API server refuses it", BAD, &pod.findings);
    remarks(
        &mut text,
        "porthole run refuses it here as it is",
        BAD,
        &pod.refusals,
    );
    if details {
        remarks(&mut text, "without effect on one machine", NOTE, &pod.notes);
    } else if let count @ 1.. = pod.notes.len() {
        let fields = if count == 1 {
            "1 field is"
        } else {
            &format!("{count} fields are")
        };
        let _ = writeln!(
            text,
            "{NOTE}note{NOTE:#}: {fields} without effect on one machine; see -v"
        );
    }
    text
}

/// How wide the columns are.
struct Widths {
    what: usize,
    value: usize,
    at: usize,
}

impl Widths {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut widths = Self {
            what: 0,
            value: 0,
            at: 0,
        };
        for row in rows {
            widths.what = widths.what.max(row.what.len());
            let lines = wrapped(&row.value).into_iter().map(|line| line.chars().count());
            let fitting = lines.filter(|&line| line <= WIDEST_VALUE);
            widths.value = widths.value.max(fitting.max().unwrap_or_default());
            if let From::Field { at, .. } = &row.from {
                widths.at = widths.at.max(at.len());
            }
        }
        widths
    }

    fn write(&self, text: &mut String, row: &Row) {
        let from = match &row.from {
            From::Above => String::new(),
            From::Words(words) => format!("{:width$}  {words}", "", width = self.at),
            From::Field { at, field } => format!("{at:width$}  {FIELD}{field}{FIELD:#}", width = self.at),
        };
        let mut from = Some(from);
        let (what, value) = (self.what, self.value);
        let mut name = row.what;
        for line in wrapped(&row.value) {
            // The field stands in the first line with room for it.
            let beside = if line.chars().count() <= value {
                from.take()
            } else {
                None
            };
            let beside = beside.unwrap_or_default();
            let _ = writeln!(
                text,
                "{}",
                format!("  {name:what$}  {line:value$}  {beside}").trim_end()
            );
            name = "";
        }
        if let Some(below) = from.filter(|from| !from.is_empty()) {
            let _ = writeln!(text, "  {:what$}  {:value$}  {below}", "", "");
        }
    }
}

/// A value in lines, cut between words; a word that is too long has a line of its own.
fn wrapped(value: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in value.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDEST_VALUE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What a manifest says, without what a terminal would obey.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    plain
}

fn remarks(text: &mut String, title: &str, style: Style, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    let _ = writeln!(text, "{style}{title}{style:#}:");
    let mut helps: Vec<&str> = Vec::new();
    for remark in remarks {
        let (place, said) = (plain(&remark.place), plain(&remark.text));
        let _ = match remark.rule {
            // A finding begins with its field itself.
            Some(rule) => writeln!(text, "  {place}: {said} [{rule}]"),
            None => writeln!(text, "  {place}: {}: {said}", plain(&remark.field)),
        };
        if let Some(help) = &remark.help
            && !helps.contains(&help.as_str())
        {
            helps.push(help);
        }
    }
    for help in helps {
        let _ = writeln!(text, "  help: {help}");
    }
}

fn from<T>(pod: &Pod, decided: &Decided<T>) -> From {
    match (&decided.field, &decided.place) {
        (Some(field), Some(place)) => {
            // The title names the file.
            let at = place
                .strip_prefix(&pod.file)
                .and_then(|rest| rest.strip_prefix(':'));
            From::Field {
                at: at.unwrap_or(place).to_owned(),
                field: plain(field),
            }
        }
        _ => From::Words("(default)"),
    }
}

fn rows(pod: &Pod, container: &Container) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |what, value: &str, from: From| {
        rows.push(Row {
            what,
            value: plain(value),
            from,
        });
    };
    match &container.account {
        Some(account) => {
            row("account", &account.value, from(pod, account));
            if let Some(here) = container.on_this_host {
                row("on this host", here, From::Above);
            }
        }
        None => row("account", "the image's USER", From::Words("(no field says)")),
    }
    if let Some(administrator) = container.administrator {
        let of_what = match (administrator, container.host_process.value) {
            (true, false) => "of its container only",
            (administrator, _) => yes(administrator),
        };
        row("administrator", of_what, From::Above);
    }
    row(
        "HostProcess",
        yes(container.host_process.value),
        from(pod, &container.host_process),
    );
    if let Some(spec) = &container.credential_spec {
        row("credential spec", &spec.value, from(pod, spec));
    }
    if let Some(non_root) = &container.run_as_non_root {
        row("runAsNonRoot", yes(non_root.value), from(pod, non_root));
    }
    if let Some(image) = &container.image {
        row("image", &image.value, from(pod, image));
    }
    match &container.command {
        Some(command) => row("command", &shown(&command.value), from(pod, command)),
        None => row("command", "the image's", From::Words("(no field says)")),
    }
    for mount in &container.mounts {
        let mode = if mount.value.read_only { ", read-only" } else { "" };
        let value = format!("{} ← {}{mode}", mount.value.destination, mount.value.source);
        row("mount", &value, from(pod, mount));
    }
    for limit in &container.limits {
        let value = format!("{} {}", limit.value.resource, limit.value.amount);
        row("limit", &value, from(pod, limit));
    }
    for told in &container.conduct {
        row(told.value.what, &told.value.text, from(pod, told));
    }
    rows
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Words as a shell would need them, for reading.
fn shown(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = !word.is_empty() && !word.contains([' ', '\t', '\n', '"', '\'']);
        if plain || word.starts_with('(') {
            word.clone()
        } else {
            format!("{word:?}")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_between_words_and_words_never() {
        let long = "x".repeat(WIDEST_VALUE + 1);
        assert_eq!(wrapped(&format!("{long} a b")), [&long, "a b"]);
        let words = vec!["word"; 20].join(" ");
        assert!(wrapped(&words).iter().all(|line| line.len() <= WIDEST_VALUE));
        assert_eq!(wrapped(&words).join(" "), words);
        assert_eq!(wrapped(""), [""]);
    }

    #[test]
    fn columns_stay_aligned_beside_long_values() {
        let row = |value: &str, at: &str| Row {
            what: "image",
            value: value.to_owned(),
            from: From::Field {
                at: at.to_owned(),
                field: "spec.x".to_owned(),
            },
        };
        let rows = [row("short", "1:2"), row(&"x".repeat(80), "10:12")];
        let widths = Widths::of(rows.iter());
        let mut text = String::new();
        for row in &rows {
            widths.write(&mut text, row);
        }
        let text = anstream::adapter::strip_str(&text).to_string();
        let columns: Vec<usize> = text.lines().filter_map(|line| line.find("spec.x")).collect();
        assert_eq!(columns.len(), 2, "{text}");
        assert_eq!(columns[0], columns[1], "{text}");
    }

    #[test]
    fn a_terminal_obeys_nothing_of_a_manifest() {
        assert_eq!(plain("a\u{1b}[2Jb\n\u{9b}ä"), "a\\u{1b}[2Jb\\n\\u{9b}ä");
    }
}
