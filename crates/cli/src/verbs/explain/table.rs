//! The table for people: a row for everything that was decided, and where.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{Container, Decided, Pod, Remark};

const TITLE: Style = Style::new().bold();
const FIELD: Style = AnsiColor::Cyan.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

struct Row {
    container: String,
    what: &'static str,
    value: String,
    from: String,
}

/// A pod as text.
pub(super) fn render(pod: &Pod) -> String {
    let count = if pod.replicas == 1 {
        String::new()
    } else {
        format!(", {} pods", pod.replicas)
    };
    let mut text = format!(
        "{TITLE}{} {}/{}{TITLE:#} ({}){count}\n",
        pod.kind, pod.namespace, pod.name, pod.place
    );
    for os in &pod.os {
        let _ = writeln!(text, "  for {} nodes  {}", os.value, from(os));
    }
    let rows: Vec<Row> = pod.containers.iter().flat_map(rows).collect();
    let width = |of: fn(&Row) -> &str, title: &str| {
        rows.iter()
            .map(|row| of(row).chars().count())
            .chain([title.len()])
            .max()
            .unwrap_or_default()
    };
    let container = width(|row| &row.container, "CONTAINER");
    let what = width(|row| row.what, "WHAT");
    let value = width(|row| &row.value, "VALUE").min(WIDEST_VALUE);
    let _ = writeln!(
        text,
        "{TITLE}{:container$}  {:what$}  {:value$}  FROM{TITLE:#}",
        "CONTAINER", "WHAT", "VALUE"
    );
    for row in &rows {
        let line = format!(
            "{:container$}  {:what$}  {:value$}",
            row.container, row.what, row.value
        );
        let _ = if row.from.is_empty() {
            writeln!(text, "{}", line.trim_end())
        } else {
            writeln!(text, "{line}  {FIELD}{}{FIELD:#}", row.from)
        };
    }
    remarks(&mut text, "the API server refuses it", BAD, &pod.findings);
    remarks(&mut text, "porthole does not run it as it is", BAD, &pod.refusals);
    remarks(&mut text, "without effect on one machine", NOTE, &pod.notes);
    text
}

/// Longer values push their origin to the right instead of everyone's.
const WIDEST_VALUE: usize = 60;

fn remarks(text: &mut String, title: &str, style: Style, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    let _ = writeln!(text, "{style}{title}{style:#}:");
    for remark in remarks {
        match remark.rule {
            // A finding begins with its field itself.
            Some(rule) => {
                let _ = writeln!(text, "  {}: {} [{rule}]", remark.place, remark.text);
            }
            None => {
                let _ = writeln!(text, "  {}: {}: {}", remark.place, remark.field, remark.text);
            }
        }
    }
}

fn from<T>(decided: &Decided<T>) -> String {
    match (&decided.field, &decided.place) {
        (Some(field), Some(place)) => format!("{field}  {place}"),
        _ => "(default)".to_owned(),
    }
}

fn rows(container: &Container) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut name = if container.kind == "container" {
        container.name.clone()
    } else {
        format!("{} ({})", container.name, container.kind)
    };
    let mut row = |what, value: String, from: String| {
        rows.push(Row {
            container: std::mem::take(&mut name),
            what,
            value,
            from,
        });
    };
    match &container.account {
        Some(account) => {
            row("account", account.value.clone(), from(account));
            if let Some(here) = container.on_this_host {
                row("on this host", here.to_owned(), String::new());
            }
        }
        None => row(
            "account",
            "the image's USER".to_owned(),
            "(no field says)".to_owned(),
        ),
    }
    if let Some(administrator) = container.administrator {
        row("administrator", yes(administrator), String::new());
    }
    row(
        "HostProcess",
        yes(container.host_process.value),
        from(&container.host_process),
    );
    if let Some(spec) = &container.credential_spec {
        row("credential spec", spec.value.clone(), from(spec));
    }
    if let Some(non_root) = &container.run_as_non_root {
        row("runAsNonRoot", yes(non_root.value), from(non_root));
    }
    if let Some(image) = &container.image {
        row("image", image.value.clone(), from(image));
    }
    match &container.command {
        Some(command) => row("command", shown(&command.value), from(command)),
        None => row("command", "the image's".to_owned(), "(no field says)".to_owned()),
    }
    for mount in &container.mounts {
        let mode = if mount.value.read_only { ", read-only" } else { "" };
        let value = format!("{} ← {}{mode}", mount.value.destination, mount.value.source);
        row("mount", value, from(mount));
    }
    for limit in &container.limits {
        row(
            "limit",
            format!("{} {}", limit.value.resource, limit.value.amount),
            from(limit),
        );
    }
    rows
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
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
