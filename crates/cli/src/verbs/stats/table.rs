//! The numbers as a table.

use super::measure::{Report, Row};
use crate::verbs::image::size;

const HEAD: [&str; 10] = [
    "POD",
    "CONTAINER",
    "CPU %",
    "MEMORY / LIMIT",
    "PIDS",
    "READ",
    "WRITTEN",
    "ROOTFS",
    "VOLUMES",
    "LOGS",
];

/// Lines of columns, the head first.
pub(super) fn render(report: &Report) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.containers.iter().map(cells));
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            // Names to the left, numbers to the right.
            let parts = if column < 2 {
                [cell, &padding]
            } else {
                [&padding, cell]
            };
            line.extend(parts.into_iter().map(String::as_str));
            line += "  ";
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let stats = &row.stats;
    let bytes = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), size);
    let of = |value: String, limit: Option<String>| match limit {
        Some(limit) => format!("{value} / {limit}"),
        None => value,
    };
    let disk = |bytes: u64| size(bytes) + if row.disk.at_least { "+" } else { "" };
    [
        format!("{}/{}", row.namespace, row.pod),
        row.container.clone(),
        row.cpu_percent
            .map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}")),
        of(
            bytes(stats.working_set_bytes.or(stats.memory_bytes)),
            stats.memory_limit_bytes.map(size),
        ),
        of(
            stats.pids.map_or_else(|| "-".to_owned(), |pids| pids.to_string()),
            stats.pids_limit.map(|limit| limit.to_string()),
        ),
        bytes(stats.read_bytes),
        bytes(stats.write_bytes),
        disk(row.disk.rootfs_bytes),
        disk(row.disk.volumes_bytes),
        disk(row.disk.logs_bytes),
    ]
}
