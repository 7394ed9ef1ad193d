//! What an editor sends while somebody writes, at random: the server lives, answers, and has the same text as the editor.

use std::time::{Duration, Instant};

use fastrand::Rng;
use porthole_fuzz::{mutate, seeds};
use porthole_tests::fuzz::{seconds, seed};
use serde_json::{Value, json};

use super::editor::Editor;

/// A text as the editor has it, which counts characters in its own way.
struct Text {
    text: String,
    encoding: &'static str,
}

impl Text {
    /// The position of a byte, counted character by character. `\n`, `\r\n` and `\r` end a line.
    fn position(&self, offset: usize) -> Value {
        let (mut line, mut character) = (0, 0);
        for (at, next) in self.text[..offset].char_indices() {
            let ends = next == '\n' || (next == '\r' && !self.text[at + 1..].starts_with('\n'));
            if ends {
                (line, character) = (line + 1, 0);
            } else {
                character += match self.encoding {
                    "utf-8" => next.len_utf8(),
                    "utf-16" => next.len_utf16(),
                    _ => 1,
                };
            }
        }
        json!({"line": line, "character": character})
    }

    /// A place between two characters, and not within the end of a line.
    fn place(&self, random: &mut Rng) -> usize {
        let at = self.text.floor_char_boundary(random.usize(0..=self.text.len()));
        let within = self.text[..at].ends_with('\r') && self.text[at..].starts_with('\n');
        at - usize::from(within)
    }

    /// Replaces a piece by another one; answers with the change as it is sent.
    fn change(&mut self, random: &mut Rng) -> Value {
        let start = self.place(random);
        let most = if random.u8(0..8) == 0 { self.text.len() } else { 40 };
        let end = self
            .text
            .floor_char_boundary((start + random.usize(0..=most)).min(self.text.len()))
            .max(start);
        let within = self.text[..end].ends_with('\r') && self.text[end..].starts_with('\n');
        let end = end + usize::from(within);
        let new = match random.u8(0..4) {
            0 => String::new(),
            1 => "ü😀: x\r\n".to_owned(),
            2 => "\n- ".to_owned(),
            _ => mutate(&self.text[start..end], random),
        };
        let range = json!({"start": self.position(start), "end": self.position(end)});
        self.text.replace_range(start..end, &new);
        json!({"range": range, "text": new})
    }
}

#[test]
fn fuzz_of_messages() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut random = Rng::with_seed(seed());
    let mut tried: u64 = 0;
    let is_over = || started.elapsed() > Duration::from_secs(seconds());
    for encoding in ["utf-16", "utf-8", "utf-32"].into_iter().cycle() {
        let mut editor = Editor::start();
        editor.initialize_counting(folder.path(), &[encoding]);
        for _ in 0..50 {
            if is_over() && tried > 0 {
                break;
            }
            written(&mut editor, encoding, tried, &mut random);
            tried += 1;
        }
        editor.send(&[
            json!({"jsonrpc": "2.0", "id": "end", "method": "shutdown"}),
            json!({"jsonrpc": "2.0", "method": "exit"}),
        ]);
        assert_eq!(editor.exit_code(), Some(0));
        if is_over() {
            break;
        }
    }
    println!("texts tried: {tried}");
}

/// Says what a text was when a test fails over it, however it fails.
struct Told<'a>(&'a str);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the text was {:?}", self.0);
        }
    }
}

/// Somebody opens a text and writes; then the same text is opened afresh, and the same is said of it.
fn written(editor: &mut Editor, encoding: &'static str, number: u64, random: &mut Rng) {
    let seeds = seeds();
    let mut text = Text {
        text: mutate(&seeds[random.usize(0..seeds.len())], random),
        encoding,
    };
    let began = text.text.clone();
    let uri = format!("untitled:{number}");
    editor.open(&uri, &text.text);
    let mut changes = Vec::new();
    for _ in 0..random.usize(1..5) {
        changes.push(text.change(random));
    }
    let id = |question: u64| number * 2 + question + 1000;
    let at = |text: &Text, random: &mut Rng| text.position(text.place(random));
    let range = json!({"start": at(&text, random), "end": at(&text, random)});
    editor.send(&[
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": {"uri": uri, "version": 2}, "contentChanges": changes,
        }}),
        json!({"jsonrpc": "2.0", "id": id(0), "method": "textDocument/hover", "params": {
            "textDocument": {"uri": uri}, "position": at(&text, random),
        }}),
        json!({"jsonrpc": "2.0", "id": id(1), "method": "textDocument/codeAction", "params": {
            "textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": []},
        }}),
    ]);
    let _told = Told(&text.text);
    // In whichever order they come.
    let mut edited = None;
    let mut answers = 0;
    editor.wait("both answers and the diagnostics", |message| {
        if message["id"] == id(0) || message["id"] == id(1) {
            assert!(message["error"].is_null(), "{message}\nof {:?}", text.text);
            answers += 1;
        } else if message["params"]["version"] == 2 {
            edited = message["params"]["diagnostics"].as_array().cloned();
        }
        answers == 2 && edited.is_some()
    });
    let edited = edited.unwrap();
    let close = |uri: &str| json!({"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}});
    editor.send(&[close(&uri)]);
    // The same name, since findings carry it.
    editor.send(&[
        json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {
            "textDocument": {"uri": uri, "languageId": "yaml", "version": 3, "text": text.text},
        }}),
    ]);
    let fresh = editor.diagnostics(3);
    assert_eq!(
        edited, fresh,
        "the server's text differs from the editor's after {changes:?} of {began:?}, counted in {encoding}"
    );
    editor.send(&[close(&uri)]);
}
