//! Texts at random: nearly YAML, with what parsers differ about.

use fastrand::Rng;

/// What ends lines, to YAML 1.1.
const BREAKS: &[&str] = &[
    "\r",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\n\u{2028}",
    "\u{85}\u{85}",
    "\u{2029}\n",
];

/// Lines, or what stands in one.
const LINES: &[&str] = &[
    "a: b",
    "c: d",
    "e: f",
    "- x",
    "- - y",
    "k: |",
    "k: >-",
    "k: |2",
    "k: |+",
    "k:",
    "'q",
    "q'",
    "\"q",
    "q\"",
    "l: [",
    "]",
    "x,",
    "# c",
    "",
    "",
    "m: {a: b,",
    "}",
    "plain text",
    "? k",
    ": v",
    "n: &a x",
    "o: !!str y",
    "- z: 1",
    "p: 'x y'",
    "if (x) {",
    "r: [a, b]",
    "s: x # c",
    "t: \"u\"",
    "- |",
    "v: w |",
    "w: \\",
    "{",
    "l: {'a",
    "b': c}",
    "it\\'s\"",
    "x: \"\\u0041",
    "? 'a",
    "y: |1+",
    "z: >2",
    "*a",
    "<<: *a",
    "- &b",
    "!!int",
    "'x'#c",
    "1.5e7: 0x1F",
];

/// What stands within brackets and braces.
const WITHIN: &[&str] = &[
    "a",
    "b c",
    "?",
    ":",
    ": ",
    ", ",
    ",",
    " ",
    "'d'",
    "\"e\"",
    "[",
    "]",
    "{",
    "}",
    "-",
    "- ",
    "#",
    " # f\n",
    " # &g!, ?\n",
    "\n",
    "\n\t",
    "&g ",
    "*g",
    "!!str ",
    "!!str",
    "1",
    "~",
    "h: i",
    "j?k",
    "::",
    "'l\nm'",
    "\\",
    "|",
    ">",
    "%",
    "@",
    "n:o",
];

/// What goes on in further lines, in quotes and brackets.
const GOES_ON: &[&str] = &[
    "'q\n on'",
    "'q\non'",
    "'a\n\n  b'",
    "'q\n\tr'",
    "'q\n'",
    "'q \n\n'",
    "\"dou\nble\"",
    "\"dou\\\n  ble\"",
    "\"d \n\n \tb\"",
    "\"d\n\"",
    "\"it\\'s\nb\"",
    "\"d\\\n\n\ne\"",
    "[a,\n\tb]",
    "[a,\nb]",
    "[\n\ta, # c\n\t'b']",
    "[a\n\tx, b]",
    "{a: b,\n\tc: d\n}",
    "[ - ]",
    "'x'# c",
    "[y]#z",
    "{a:\n- b}",
];

/// A text that people might write, nearly always: blocks in blocks, with scalars of all kinds, and what `more` puts into them.
pub(crate) fn tree(rng: &mut Rng, more: bool) -> String {
    let mut text = String::new();
    block(rng, 0, 3, &mut text, false, more);
    with_tab(rng, &text)
}

/// Lines that have little to do with each other.
pub(crate) fn lines(rng: &mut Rng) -> String {
    let mut text = String::new();
    let mut indent = 0_usize;
    for _ in 0..rng.usize(2..8) {
        indent = match rng.usize(..6) {
            0 => indent + 2,
            1 => indent.saturating_sub(2),
            2 => rng.usize(..6),
            _ => indent,
        };
        text.push_str(&" ".repeat(indent));
        if rng.usize(..6) == 0 {
            text.push_str(if rng.bool() { "\t " } else { "\t" });
        }
        let line = one_of(rng, LINES);
        if rng.usize(..12) == 0 {
            text.push_str(&line.replacen(' ', "\t", 1));
        } else {
            text.push_str(line);
        }
        text.push_str(if rng.usize(..10) == 0 { "\t\n" } else { "\n" });
    }
    text
}

/// Brackets and braces.
pub(crate) fn flow(rng: &mut Rng) -> String {
    let (open, close) = if rng.bool() {
        ("k: [", "]\n")
    } else {
        ("k: {", "}\n")
    };
    let mut text = open.to_owned();
    for _ in 0..rng.usize(1..7) {
        text.push_str(one_of(rng, WITHIN));
    }
    text.push_str(close);
    text
}

/// The text with other line breaks, here and there.
pub(crate) fn with_breaks(rng: &mut Rng, text: &str) -> String {
    let most = rng.usize(1..8);
    let mut broken = String::new();
    for c in text.chars() {
        if c == '\n' && rng.usize(..=most) == 0 {
            broken.push_str(one_of(rng, BREAKS));
        } else {
            broken.push(c);
        }
    }
    broken
}

fn one_of<'t>(rng: &mut Rng, all: &[&'t str]) -> &'t str {
    all[rng.usize(..all.len())]
}

/// A block in this column, whose first line may go on behind a dash.
fn block(rng: &mut Rng, indent: usize, depth: usize, text: &mut String, goes_on: bool, more: bool) {
    let is_sequence = rng.bool();
    let mut goes_on = goes_on;
    for number in 0..rng.usize(1..4) {
        if !goes_on {
            text.push_str(&" ".repeat(indent));
            if rng.usize(..9) == 0 {
                text.push_str("# c\n");
                text.push_str(&" ".repeat(indent));
            }
        }
        goes_on = false;
        if is_sequence {
            item(rng, indent, depth, text, more);
            continue;
        }
        text.extend(["k", &number.to_string(), ":"]);
        if depth == 0 || rng.bool() {
            scalar(rng, indent + 1, text, more);
            continue;
        }
        text.push('\n');
        match [0, 2, 4][rng.usize(..3)] {
            // The dashes of a sequence may stand in the column of its key.
            0 => {
                for _ in 0..rng.usize(1..3) {
                    text.push_str(&" ".repeat(indent));
                    item(rng, indent, depth, text, more);
                }
            }
            step => block(rng, indent + step, depth - 1, text, false, more),
        }
    }
}

fn item(rng: &mut Rng, indent: usize, depth: usize, text: &mut String, more: bool) {
    text.push('-');
    if depth > 0 && rng.usize(..3) == 0 {
        text.push(' ');
        block(rng, indent + 2, depth - 1, text, true, more);
    } else {
        scalar(rng, indent + 1, text, more);
    }
}

/// A value and the end of its line.
fn scalar(rng: &mut Rng, indent: usize, text: &mut String, more: bool) {
    let blank = " ".repeat(indent);
    match rng.usize(..12) {
        0 => literal(rng, indent, text),
        1 => text.extend([" plain\n", &blank, " goes on\n"]),
        2..4 if more => text.extend([" ", one_of(rng, GOES_ON), "\n"]),
        2 => text.push_str(" 'quoted'\n"),
        3 => text.push_str(" \"double\" # c\n"),
        4 => text.push_str(" [a, b, {c: d}]\n"),
        5 => text.extend([" [a,\n", &blank, "  b]\n"]),
        6 => text.push_str(" {}\n"),
        7 => text.push('\n'),
        8 => text.push_str(" &a x\n"),
        9 => text.push_str(" v # c\n"),
        10 => text.push_str(" !!str 5\n"),
        _ => text.push_str(" value\n"),
    }
}

/// A block of text.
fn literal(rng: &mut Rng, indent: usize, text: &mut String) {
    let header = one_of(rng, &["|", ">", "|-", ">-", "|+", "|2", "| # c", ">2-", ">+"]);
    text.extend([" ", header, "\n"]);
    let column = if header.contains('2') {
        indent.max(2)
    } else {
        indent.max(1) + rng.usize(..3)
    };
    for _ in 0..rng.usize(1..4) {
        if rng.usize(..5) > 0 {
            let deeper = if rng.usize(..4) == 0 { 2 } else { 0 };
            text.push_str(&" ".repeat(column + deeper));
            text.push_str(one_of(
                rng,
                &["text", "if (x) {", "}", "- item", "k: v", "# no comment", "a\tb"],
            ));
        }
        text.push('\n');
    }
}

/// The text with a tab somewhere at the beginning or the end of a line, most often.
pub(crate) fn with_tab(rng: &mut Rng, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = rng.usize(..=lines.len());
    let near = lines.get(at.saturating_sub(rng.usize(..2)));
    let near = near.map_or(0, |line| line.len() - line.trim_start().len());
    let blank = " ".repeat((near + rng.usize(..4)).saturating_sub(1));
    let change = rng.usize(..8);
    match (change, lines.get_mut(at)) {
        (0 | 1, _) => lines.insert(at, format!("{blank}\t")),
        (2, _) => lines.insert(at, format!("{blank}\t# c")),
        (3, Some(line)) => line.insert(line.len() - line.trim_start().len(), '\t'),
        (4, Some(line)) => line.push('\t'),
        (5, Some(line)) => *line = line.replacen("- ", "-\t", 1),
        _ => {}
    }
    lines.join("\n") + "\n"
}
