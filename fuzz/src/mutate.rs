//! Changes of a text that keep most of what it is.

use fastrand::Rng;

use crate::seeds;
use crate::targets::OLD;

/// The longest text that is made.
const LONGEST: usize = 64 << 10;

/// Bits of YAML, JSON and manifests that decide something.
const WORDS: &[&str] = &[
    "\n",
    "\r\n",
    "\t",
    "  ",
    "---\n",
    "...\n",
    "# porthole:ignore all\n",
    "#",
    "&a ",
    "*a",
    "<<: *a\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "- ",
    "? ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "!!int ",
    "!!binary ",
    "%YAML 1.1\n",
    "\u{feff}",
    "\0",
    "\u{85}",
    "\u{2028}",
    "é",
    "😀",
    "\u{301}",
    "“",
    "{{ .Values.x }}",
    "${X}",
    OLD,
    "null",
    "~",
    "{}",
    "[]",
    "kind: Pod\n",
    "apiVersion: v1\n",
    "kind: List\nitems:\n",
];

/// Values that are read in more than one way, or lie at an edge.
const VALUES: &[&str] = &[
    "",
    "\"\"",
    "''",
    "~",
    "null",
    "true",
    "on",
    "yes",
    "NO",
    "0",
    "-1",
    "1",
    "0777",
    "0o17",
    "0x1F",
    "1e3",
    "1e400",
    "1_000",
    "1:30",
    ".nan",
    "-.inf",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "1.0",
    "500m",
    "1Gi",
    "1.5Gi",
    "-1Ki",
    "1e-30",
    "25%",
    "101%",
    "windows",
    "linux",
    "'NT AUTHORITY\\SYSTEM'",
    "\"NT AUTHORITY\\\\Local Service\"",
    "'CORP\\web$'",
    "Always",
    "Never",
    "c",
    "C:\\x",
    "../x",
    "/x",
    "{}",
    "[]",
    "[[]]",
    "{a: {}}",
    "!!str 1",
    "&a x",
    "*a",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "é😀",
    "S-1-5-21-1-2-3",
    "v1",
    "apps/v1",
    "Pod",
    "x.example.com/y",
    "restricted",
    "v1.37",
    "2001-01-01",
];

/// Another text that follows from this one and the numbers: a few changes of its lines, values, characters or shape.
#[must_use]
pub fn mutate(text: &str, random: &mut Rng) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.u8(0..4) {
        text = match random.u8(0..16) {
            0..=3 => value(&text, random),
            4..=6 => lines(&text, random),
            7 => indent(&text, random),
            8 | 9 => splice(&text, random),
            10 | 11 => word(&text, random),
            12 => cut(&text, random),
            13 => repeat(&text, random),
            14 => nest(&text, random),
            _ => whole(&text, random),
        };
    }
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    text
}

fn place(text: &str, random: &mut Rng) -> usize {
    text.floor_char_boundary(random.usize(0..=text.len()))
}

fn pick<'a>(items: &[&'a str], random: &mut Rng) -> &'a str {
    random.choice(items).copied().unwrap_or_default()
}

fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A range of lines: mostly a few.
fn some_lines(count: usize, random: &mut Rng) -> (usize, usize) {
    let start = random.usize(0..=count);
    let most = if random.u8(0..8) == 0 { count } else { 6 };
    (start, (start + random.usize(0..=most)).min(count))
}

/// Replaces what follows a `: ` or `- `.
fn value(text: &str, random: &mut Rng) -> String {
    let starts: Vec<usize> = [": ", "- ", "\":"]
        .iter()
        .flat_map(|mark| text.match_indices(mark).map(|(at, _)| at + 2))
        .collect();
    let Some(start) = random.choice(&starts).copied() else {
        return word(text, random);
    };
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.find(['\n', ',', '}', ']', '#']).unwrap_or(rest.len());
    let new = if random.bool() {
        pick(VALUES, random)
    } else {
        // What stands elsewhere in the text.
        let other = random.choice(&starts).copied().unwrap_or_default();
        let rest = text.get(other..).unwrap_or_default();
        rest.split(['\n', ',', '}', ']', '#']).next().unwrap_or_default()
    };
    let (before, after) = (
        text.get(..start).unwrap_or_default(),
        rest.get(length..).unwrap_or_default(),
    );
    format!("{before}{new}{after}")
}

/// Removes, doubles, moves or exchanges lines.
fn lines(text: &str, random: &mut Rng) -> String {
    let all = split(text);
    let (start, end) = some_lines(all.len(), random);
    let mut changed: Vec<&str> = all.clone();
    let taken: Vec<&str> = all.get(start..end).unwrap_or_default().to_vec();
    if random.u8(0..3) > 0 {
        changed.drain(start..end);
    }
    if random.u8(0..3) > 0 {
        let at = random.usize(0..=changed.len());
        changed.splice(at..at, taken);
    }
    changed.concat()
}

/// Moves lines to the right or to the left.
fn indent(text: &str, random: &mut Rng) -> String {
    let all = split(text);
    let (start, end) = some_lines(all.len(), random);
    let width = random.usize(1..4);
    let left = random.bool();
    let mut changed = String::with_capacity(text.len() + width * all.len());
    for (index, line) in all.iter().enumerate() {
        if !(start..end).contains(&index) {
            changed.push_str(line);
        } else if left {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            changed.push_str(line.get(width.min(blanks)..).unwrap_or_default());
        } else {
            changed.push_str(&" ".repeat(width));
            changed.push_str(line);
        }
    }
    changed
}

/// Puts lines of a seed into the text, or the whole of it behind.
fn splice(text: &str, random: &mut Rng) -> String {
    let seeds = seeds();
    let seed = random.choice(seeds).map(String::as_str).unwrap_or_default();
    if random.u8(0..4) == 0 {
        return format!("{text}\n---\n{seed}");
    }
    let theirs = split(seed);
    let (start, end) = some_lines(theirs.len(), random);
    let mut all = split(text);
    let at = random.usize(0..=all.len());
    all.splice(at..at, theirs.get(start..end).unwrap_or_default().iter().copied());
    all.concat()
}

fn word(text: &str, random: &mut Rng) -> String {
    let at = place(text, random);
    let mut changed = text.to_owned();
    changed.insert_str(at, pick(WORDS, random));
    changed
}

/// Removes some characters, or all from a place on.
fn cut(text: &str, random: &mut Rng) -> String {
    let start = place(text, random);
    let most = if random.u8(0..6) == 0 { text.len() } else { 8 };
    let end = text
        .floor_char_boundary((start + random.usize(0..=most)).min(text.len()))
        .max(start);
    let mut changed = text.to_owned();
    changed.replace_range(start..end, "");
    changed
}

/// Writes lines many times.
fn repeat(text: &str, random: &mut Rng) -> String {
    let all = split(text);
    let (start, end) = some_lines(all.len(), random);
    let block = all.get(start..end).unwrap_or_default().concat();
    let times = random.usize(2..80).min(LONGEST / block.len().max(1));
    let before = all.get(..end).unwrap_or_default().concat();
    let after = all.get(end..).unwrap_or_default().concat();
    format!("{before}{}{after}", block.repeat(times))
}

/// Opens collections, and closes most of them.
fn nest(text: &str, random: &mut Rng) -> String {
    let at = place(text, random);
    let depth = random.usize(1..200);
    let (open, close) = if random.bool() { ("[", "]") } else { ("{a: ", "}") };
    let closed = if random.u8(0..3) == 0 {
        random.usize(0..=depth)
    } else {
        depth
    };
    let (before, after) = text.split_at(at);
    format!("{before}{}{}{after}", open.repeat(depth), close.repeat(closed))
}

/// Changes all of the text in one way.
fn whole(text: &str, random: &mut Rng) -> String {
    match random.u8(0..6) {
        0 => text.replace('\n', "\r\n"),
        1 => text.replace('\n', "\r"),
        2 => text.replace("  ", "\t"),
        3 => format!("\u{feff}{text}"),
        4 => text.replace("name", "Name"),
        _ => text.trim_end().to_owned(),
    }
}
