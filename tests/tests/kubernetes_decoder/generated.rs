//! Texts at random, as the cluster's decoder and as porthole read them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use porthole_fuzz::{mutate, seeds};
use porthole_tests::fuzz;
use porthole_tests::kubernetes::decoder;
use serde_json::Value;

use super::{read as porthole, texts};

/// How many of each kind: `PORTHOLE_DECODER_TEXTS`, else as many as take some seconds.
fn count() -> usize {
    let count = std::env::var("PORTHOLE_DECODER_TEXTS").ok();
    count.map_or(4000, |count| count.parse().unwrap())
}

/// Differences that docs/differences.md has: what kubectl reads, and porthole refuses in these words.
const STRICTER: &[&str] = &[
    "a `?` within brackets and braces begins a key",
    "a blank is to follow the colon of a key",
    "a blank is to follow a tag",
    "while scanning a tag, did not find expected whitespace or line break",
    "a `:` within brackets and braces ends a key",
    "a byte-order mark may only begin a document",
    "a BOM must not appear inside a document",
    "the tag !!binary is not supported",
    "a block of text is to be indented, also where nothing is around it",
];

/// Whether a difference is one of those.
fn is_known(text: &str, reason: &str) -> bool {
    // A block of text in the column of its key.
    let has_block = || {
        text.split(['\n', '\r'])
            .any(|line| line.trim_start().starts_with(['|', '>']))
    };
    // A block of text that is not indented begins in the first column.
    let is_block = reason.starts_with("a block of text is to be indented");
    let begins_block = || {
        text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
            .any(|line| line.starts_with(['|', '>', '&', '!']))
    };
    (STRICTER.contains(&reason) && (!is_block || begins_block()))
        || reason.ends_with("is a number that JSON has not")
        || (reason == "simple key expected ':'" && has_block())
        || (reason == "illegal placement of ':' indicator"
            && [":]", ":}"].iter().any(|end| text.contains(end)))
        || is_glued(text)
        || text.starts_with("\u{feff}\u{feff}")
}

/// Whether a bracket, a brace or a comma follows a colon that no quote is before, or no blank a question mark or a tag: what else is
/// wrong may be told first.
fn is_glued(text: &str) -> bool {
    let within = [',', '[', ']', '{', '}'];
    let has = |mark: &str, is_wrong: &dyn Fn(&str, &str) -> bool| {
        text.match_indices(mark)
            .any(|(at, _)| is_wrong(&text[..at], &text[at + 1..]))
    };
    // A key in quotes is one, unless it goes on with something before them.
    let is_quoted = |before: &str| {
        let text = ["'d'", "\"e\"", "'l\nm'"]
            .iter()
            .find_map(|quoted| before.strip_suffix(quoted));
        text.map_or(before.ends_with(['\'', '"']), |text| {
            text.ends_with([' ', '\t', '\n', ',', '[', '{'])
        })
    };
    has(":", &|before, behind| {
        !is_quoted(before) && behind.starts_with(within)
    }) || has("?", &|_, behind| behind.starts_with(|c: char| !c.is_whitespace()))
        || has("!!str", &|_, behind| {
            behind[4..].starts_with(|c: char| !c.is_whitespace())
        })
}

/// What the decoder says of texts, in their order: what it reads, or why nothing. What stands behind what it
/// reads is lost to it.
fn ask(texts: &[String]) -> Vec<Option<Result<(Value, bool), String>>> {
    let mut child = Command::new(decoder::find().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = texts
        .iter()
        .map(|text| Value::from(text.as_str()).to_string())
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = BufReader::new(child.stdout.take().unwrap());
    let answers = output.lines().map(|line| {
        // It may be nested deeper than is read here.
        let mut answer: Value = serde_json::from_str(&line.unwrap()).ok()?;
        Some(match answer.get_mut("refused") {
            Some(reason) => Err(reason.as_str().unwrap().to_owned()),
            None => Ok((answer["read"].take(), answer["rest"] == true)),
        })
    });
    let answers = answers.collect();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    answers
}

/// Whether both hold the same: Go writes a float without a fraction as a whole number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let held = |(key, value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(held)
        }
        _ => one == other,
    }
}

/// Whether a line of this text ends a document: the decoder reads the first one only.
fn has_documents(text: &str) -> bool {
    text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .any(|line| line.starts_with("---") || line.starts_with("..."))
}

/// Asks both, and holds the answers against each other.
fn compare(kind: &str, mut texts: Vec<String>) {
    texts.retain(|text| !has_documents(text));
    let (mut read, mut refused) = (0, 0);
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut different = Vec::new();
    let answers = ask(&texts);
    assert_eq!(answers.len(), texts.len());
    for (text, theirs) in texts.iter().zip(answers) {
        let Some(theirs) = theirs else { continue };
        match (theirs, porthole(text)) {
            (Ok((one, false)), Ok(other)) if same(&one, &other) => read += 1,
            (Err(_), Err(_)) => refused += 1,
            (Ok((_, true)), Err(_)) => {
                *known
                    .entry("something behind the document".to_owned())
                    .or_default() += 1;
            }
            // Behind an object that is JSON others may be YAML.
            (Ok((one, true)), Ok(other)) if text.starts_with('{') && same(&one, &other) => {
                *known.entry("YAML behind JSON".to_owned()).or_default() += 1;
            }
            // Tabs behind a comment behind a text that is all of a document.
            (Err(reason), Ok(Value::String(_))) if text.contains('#') && text.contains('\t') => {
                *known.entry(reason).or_default() += 1;
            }
            (Ok(_), Err(reason)) if is_known(text, &reason) => *known.entry(reason).or_default() += 1,
            (theirs, ours) => different.push((text, theirs, ours)),
        }
    }
    let alone: usize = known.values().sum();
    println!("{kind}: {read} texts are read alike, {refused} refused by both, {alone} by porthole alone");
    for (reason, count) in known {
        println!("  {count}: {reason}");
    }
    different.sort_by_key(|(text, ..)| text.len());
    for (text, theirs, ours) in different.iter().take(5) {
        println!("{text:?}\nkubectl: {theirs:?}\nporthole: {ours:?}");
    }
    assert!(
        different.is_empty(),
        "{kind}: {} are read otherwise",
        different.len()
    );
    assert!(read > texts.len() / 20, "{kind}: too few are read");
    assert!(
        alone < texts.len() / 10,
        "{kind}: too many are known to be read otherwise"
    );
}

/// So many texts, every second one with other line breaks.
fn of(mut make: impl FnMut(&mut fastrand::Rng) -> String) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(fuzz::seed());
    (0..count())
        .map(|number| {
            let text = make(&mut rng);
            if number % 2 == 0 {
                text
            } else {
                texts::with_breaks(&mut rng, &text)
            }
        })
        .collect()
}

#[test]
fn blocks_at_random() {
    compare("blocks", of(|rng| texts::tree(rng, false)));
    compare("blocks with what goes on", of(|rng| texts::tree(rng, true)));
}

#[test]
fn lines_at_random() {
    compare("lines", of(texts::lines));
}

#[test]
fn brackets_at_random() {
    compare("brackets", of(texts::flow));
}

#[test]
fn manifests_that_are_changed() {
    let short = |rng: &mut fastrand::Rng| {
        let all = seeds();
        let found = (0..100)
            .map(|_| &all[rng.usize(..all.len())])
            .find(|text| text.len() < 3000);
        found.cloned().unwrap_or_default()
    };
    compare(
        "manifests with tabs",
        of(|rng| {
            let text = short(rng);
            texts::with_tab(rng, &text)
        }),
    );
    compare(
        "manifests that are mutated",
        of(|rng| {
            let text = short(rng);
            mutate(&text, rng)
        }),
    );
}
