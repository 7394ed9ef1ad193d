//! Broken and hostile texts: one clear error each, at its place, and no more memory than the text deserves.

use std::fmt::Write as _;

use porthole_manifest::{Limits, Source, Stream, SyntaxError, parse};

fn stream(text: &str) -> Stream {
    parse(text, &Limits::default())
}

#[track_caller]
fn error(text: &str) -> SyntaxError {
    let mut stream = stream(text);
    assert!(stream.documents.is_empty(), "it has documents");
    assert_eq!(stream.errors.len(), 1, "{text:?}: {:?}", stream.errors);
    stream.errors.remove(0)
}

#[track_caller]
fn fails(text: &str, place: &str, reason: &str, help: &str) {
    let error = error(text);
    assert_eq!(
        Source::new("f", text).place(error.span),
        format!("f:{place}"),
        "{error}"
    );
    assert!(error.reason.contains(reason), "{error}");
    assert!(
        error.help.as_deref().unwrap_or_default().contains(help),
        "{error}"
    );
}

#[test]
fn refuses_tabs_as_indentation() {
    fails(
        "a:\n\tb: 1\n",
        "2:1",
        "a tab where YAML takes only spaces",
        "indent with spaces",
    );
}

#[test]
fn refuses_a_tab_in_a_line_that_holds_nothing_else() {
    fails(
        "a:\n  b: 1\n\t\n  c: 2\n",
        "3:1",
        "a tab where YAML takes only spaces",
        "to be empty",
    );
}

#[test]
fn refuses_an_escaped_slash_outside_of_json() {
    fails(
        "a: \"b\\/c\"\n",
        "1:6",
        "an escape of JSON",
        "leave the backslash out",
    );
    let stream = porthole_manifest::parse(r#"{"a": "b\/c"}"#, &porthole_manifest::Limits::default());
    assert!(stream.errors.is_empty());
}

#[test]
fn refuses_an_account_in_double_quotes_and_says_how_to_write_it() {
    fails(
        "user: \"NT AUTHORITY\\SYSTEM\"\n",
        "1:20",
        "`\\S` is not an escape",
        "single quotes",
    );
}

#[test]
fn refuses_an_unclosed_quote() {
    fails("a: \"x", "1:4", "unclosed quote", "close the quote");
    fails(
        "a: \"x\nb: 1\n",
        "2:1",
        "invalid indentation in multiline quoted scalar",
        "close the quote",
    );
}

#[test]
fn refuses_an_unknown_alias_by_name() {
    fails("a: *base\n", "1:4", "`*base` is an alias", "quote a text");
}

#[test]
fn refuses_a_template_that_was_not_rendered() {
    fails(
        "a: {{ .Values.x }}\n",
        "1:5",
        "a key must be a scalar",
        "render a template",
    );
    fails(
        "{{- if .Values.enabled }}\nkind: Pod\n{{- end }}\n",
        "1:3",
        "inside a block",
        "render a template",
    );
}

#[test]
fn says_what_is_indented_unlike_its_neighbours() {
    fails(
        "metadata:\n  name: x\n labels: {}\n",
        "3:2",
        "did not find expected key",
        "indent what belongs together alike",
    );
}

#[test]
fn refuses_null_keys_and_merges_of_scalars() {
    fails("~: 1\n", "1:1", "a key may not be empty or null", "quote it");
    fails("<<: 5\n", "1:5", "`<<` merges a mapping", "");
    fails("a: &a {x: 1}\n<<: [*a, 7]\n", "2:5", "`<<` merges a mapping", "");
}

#[test]
fn refuses_a_tag_that_its_text_does_not_fit() {
    fails(
        "a: !!int five\n",
        "1:10",
        "`five` is not a value of the tag !!int",
        "",
    );
}

#[test]
fn refuses_control_characters_and_reads_the_other_documents() {
    let stream = stream("a: 1\n---\nb: x\0y\n---\nc: 3\n");
    let found: Vec<_> = stream
        .documents
        .iter()
        .map(porthole_manifest::Document::index)
        .collect();
    assert_eq!(found, [0, 2]);
    assert_eq!(stream.errors.len(), 1);
    assert_eq!(stream.errors[0].document, 1);
    assert!(
        stream.errors[0]
            .reason
            .contains("byte 13 is the control character 0x00"),
        "{}",
        stream.errors[0]
    );
}

#[test]
fn refuses_an_alias_within_its_own_anchor() {
    fails("a: &a [1, *a]\n", "1:11", "within what it is an alias of", "");
}

#[test]
fn refuses_an_alias_bomb() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..=9 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").expect("write to a string");
    }
    let error = error(&text);
    assert!(error.reason.contains("aliases multiply this document"), "{error}");
}

#[test]
fn refuses_depth_that_is_written() {
    let error = error(&format!("{}{}", "[".repeat(5000), "]".repeat(5000)));
    assert!(error.reason.contains("more than 128 levels"), "{error}");
    let mut text = String::new();
    for level in 0..300 {
        writeln!(text, "{}a:", " ".repeat(level)).expect("write to a string");
    }
    let error = stream(&text).errors.remove(0);
    assert!(error.reason.contains("more than 128 levels"), "{error}");
}

#[test]
fn refuses_depth_that_aliases_make() {
    let mut text = String::from("a0: &a0 [x]\n");
    for level in 1..300 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).expect("write to a string");
    }
    let error = error(&text);
    assert!(error.reason.contains("more than 128 levels"), "{error}");
}

#[test]
fn refuses_too_many_bytes_and_nodes() {
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    assert!(
        parse("a: 12345678", &limits).errors[0]
            .reason
            .contains("at most 10")
    );
    let limits = Limits {
        max_nodes: 10,
        ..Limits::default()
    };
    assert!(parse("[1,2,3,4,5,6,7,8,9]", &limits).errors.is_empty());
    assert!(
        parse("[1,2,3,4,5,6,7,8,9,10]", &limits).errors[0]
            .reason
            .contains("more than 10 nodes")
    );
    // The limit is the stream's: documents cannot add up to more.
    assert!(
        parse("[1,2,3,4,5]\n---\n[1,2,3,4,5]", &limits).errors[0]
            .reason
            .contains("more than 10 nodes")
    );
}

#[test]
fn reads_a_long_block_of_comments() {
    let text = format!("a:\n{}  b: 1\n", "  # x\n".repeat(5000));
    let stream = stream(&text);
    assert_eq!(stream.errors, []);
    assert_eq!(stream.documents[0].comments().len(), 5000);
}

#[test]
fn a_truncated_file_is_an_error_at_its_end() {
    let error = error("apiVersion: v1\nspec: {a: [1, 2");
    assert_eq!(error.document, 0);
    assert!(!error.reason.is_empty());
}
