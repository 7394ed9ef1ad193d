//! What the cluster's decoder reads where YAML 1.2 would read something else. Every answer is one of go-yaml v2.

use porthole_manifest::{Limits, Stream, parse};

fn read(text: &str) -> Stream {
    parse(text, &Limits::default())
}

/// The only document as JSON, its keys in their order; else the only error and the line and column of its place, from 1.
fn told(text: &str) -> String {
    let stream = read(text);
    match &*stream.errors {
        [] => stream.documents.first().map_or_else(
            || "null".to_owned(),
            |document| document.root().to_json().to_string(),
        ),
        [error] => {
            let before = &text[..error.span.start as usize];
            let line = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
            let (row, column) = (before.matches(['\n', '\r']).count() + 1, before.len() - line + 1);
            format!("{row}:{column}: {}", error.reason)
        }
        errors => panic!("{text:?}: {errors:?}"),
    }
}

fn all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(told(text), *expected, "{text:?}");
    }
}

#[test]
fn old_line_breaks_end_lines() {
    all(&[
        (
            "a: b\u{85}c: d\u{2028}e: f\u{2029}g: h",
            r#"{"a":"b","c":"d","e":"f","g":"h"}"#,
        ),
        ("# c\u{2028}k: v", r#"{"k":"v"}"#),
        ("k: v # c\u{85}l: w", r#"{"k":"v","l":"w"}"#),
        ("- a\u{2029}- b", r#"["a","b"]"#),
        ("k: \u{2028}  l: m", r#"{"k":{"l":"m"}}"#),
        ("k: [a,\u{2028}b]", r#"{"k":["a","b"]}"#),
        ("k: &a\u{2028} 1", r#"{"k":1}"#),
        ("k: é\r\u{85}l: w", r#"{"k":"é","l":"w"}"#),
    ]);
}

#[test]
fn old_line_breaks_are_folded_as_the_decoder_folds_them() {
    all(&[
        ("k: a\u{85} b\n", r#"{"k":"a b"}"#),
        ("k: a\u{85}\n b\n", r#"{"k":"a\nb"}"#),
        ("k: a\u{2028} b\n", "{\"k\":\"a\u{2028}b\"}"),
        ("k: a\u{2028}\n", r#"{"k":"a"}"#),
        ("k: a \u{2028} \n\n b\n", "{\"k\":\"a\u{2028}\\n\\nb\"}"),
        ("k: a\n\u{2028} b\n", "{\"k\":\"a\u{2028}b\"}"),
        ("k: 'a\u{85}\u{85} b'\n", r#"{"k":"a\nb"}"#),
        ("k: 'it''s \u{2029}  b'\n", "{\"k\":\"it's\u{2029}b\"}"),
        ("k: '\u{2029} a'\n", "{\"k\":\"\u{2029}a\"}"),
        ("k: 'a\u{2028}b'\n", "{\"k\":\"a\u{2028}b\"}"),
        ("k: \"a\\\u{2028} b\"\n", r#"{"k":"ab"}"#),
        ("k: \"a\\\u{85} b\"\n", r#"{"k":"ab"}"#),
        ("k: \"\\x41\\\u{2028}\u{2028} b\"\n", "{\"k\":\"A\u{2028}b\"}"),
        // An escape is none.
        ("k: \"a\\Lb\"\n", "{\"k\":\"a\u{2028}b\"}"),
    ]);
}

#[test]
fn old_line_breaks_in_blocks_of_text() {
    all(&[
        ("k: |\u{85}  a\u{85}  b\u{85}", r#"{"k":"a\nb\n"}"#),
        (
            "k: |\u{2028}  a\u{2028}  b\u{2028}l: c",
            "{\"k\":\"a\u{2028}b\u{2028}\",\"l\":\"c\"}",
        ),
        (
            "k: >\n  a\u{2028}  b\u{2028}l: c",
            "{\"k\":\"a\u{2028}b\u{2028}\",\"l\":\"c\"}",
        ),
        (
            "k: >\n  a\u{2028}\n\n  b\n   c\u{2028}\n  d",
            "{\"k\":\"a\u{2028}\\n\\nb\\n c\u{2028}\\nd\"}",
        ),
        ("k: >\n  a\n\u{2028}\n  b", "{\"k\":\"a\u{2028}\\nb\"}"),
        ("k: |+\n  a\u{2028}\u{2028}\n", "{\"k\":\"a\u{2028}\u{2028}\\n\"}"),
        ("k: |-\n  a\u{2028}\u{2028}\n", r#"{"k":"a"}"#),
        ("k: |+\n\u{2028}\n", "{\"k\":\"\u{2028}\\n\"}"),
        ("k: |2\u{2029}  text\r\n  \t\n\n", r#"{"k":"text\n\t\n"}"#),
        ("k: |2\u{2029}  \t\r\n\u{2028}\n", r#"{"k":"\t\n"}"#),
        ("- |2\n  \t\u{2029}\n", "[\"\\t\u{2029}\"]"),
        ("- k0: |\u{2029}\n       a\tb\n", r#"[{"k0":"\na\tb\n"}]"#),
    ]);
}

#[test]
fn places_count_in_the_source() {
    let text = "a: é\u{2028}b:\u{85} c: 'x\u{2029}y'\n";
    let stream = read(text);
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let value = stream.documents[0]
        .root()
        .get("b")
        .and_then(|b| b.get("c"))
        .expect("it is there");
    assert_eq!(value.span().slice(text), Some("'x\u{2029}y'"));
    assert_eq!(value.as_str(), Some("x\u{2029}y"));
    all(&[(
        "a: b\u{2028}c: \"\\q\"",
        "1:12: `\\q` is not an escape of a double-quoted text",
    )]);
}

#[test]
fn json_has_no_other_line_breaks() {
    all(&[
        ("{\"k\": \"a\u{2028}b\u{85}c\"}", "{\"k\":\"a\u{2028}b\u{85}c\"}"),
        ("{\"k\u{2029}\"\n: 1}", "{\"k\u{2029}\":1}"),
        ("\t{\n\t\t\"k\": 1\n\t}\n", r#"{"k":1}"#),
    ]);
}

#[test]
fn objects_follow_one_another_only_as_json() {
    assert_eq!(read("{\"a\": 1}\n{\"b\": 2} {\"c\": 3}\n").documents.len(), 3);
    assert!(!read("{\"a\": b}\n{\"b\": 2}\n").errors.is_empty());
}

#[test]
fn line_breaks_of_an_empty_block_are_kept() {
    all(&[
        ("k: |+\n", r#"{"k":""}"#),
        ("k: |+\n\n", r#"{"k":"\n"}"#),
        ("k: |+\n ", r#"{"k":""}"#),
        ("k: |+\n\n ", r#"{"k":"\n"}"#),
        ("k: |+\n\n\na: b\n", r#"{"k":"\n\n","a":"b"}"#),
        ("k: >+\n\n\na: b\n", r#"{"k":"\n\n","a":"b"}"#),
        ("k: |\n\n\na: b\n", r#"{"k":"","a":"b"}"#),
        ("k: >-\n\n\na: b\n", r#"{"k":"","a":"b"}"#),
        ("k: |+\r\n   \r\n\r\na: b\r\n", r#"{"k":"\n\n","a":"b"}"#),
        ("k: |+ # c\n\n# d\n", r#"{"k":"\n"}"#),
        ("- - |+\n\n- b\n", r#"[["\n"],"b"]"#),
        ("k: |2+\n    \n\na: b\n", r#"{"k":"  \n\n","a":"b"}"#),
    ]);
}

#[test]
fn a_comment_ends_a_block_that_is_indented_more() {
    all(&[
        ("k: |2\n # c\na: b\n", r#"{"k":"","a":"b"}"#),
        ("k: |2\n\n # c\na: b\n", r#"{"k":"","a":"b"}"#),
        ("k: >2+ # d\n\n # c\na: b\n", r#"{"k":"\n","a":"b"}"#),
        ("- |2\n # c\n- b\n", r#"["","b"]"#),
        ("k:\n  m: |4\n    # c\n  a: b\n", r#"{"k":{"m":"","a":"b"}}"#),
        ("k: |2\n a: b\n", "2:2: wrongly indented line in block scalar"),
        (
            "--- |\ntext\n",
            "2:1: a block of text is to be indented, also where nothing is around it",
        ),
    ]);
}

#[test]
fn texts_in_quotes_go_on_in_any_column() {
    all(&[
        ("k: 'a\nb'\n", r#"{"k":"a b"}"#),
        ("k: 'a  \n\n\tb'\n", r#"{"k":"a\nb"}"#),
        ("k: \"a\r\nb\r\n\\\r\nc\"\n", r#"{"k":"a b c"}"#),
        ("k:\n  l: \"a\n b\\\n c\"\n", r#"{"k":{"l":"a bc"}}"#),
        (
            "k: \"a\n# b\"\nl: 'c\u{2028}d'\n",
            "{\"k\":\"a # b\",\"l\":\"c\u{2028}d\"}",
        ),
        // What the cluster refuses as well is told as before.
        (
            "k: \"a\n--- b\"\n",
            "2:1: invalid indentation in multiline quoted scalar",
        ),
        (
            "k: 'a\nb: c\n",
            "2:1: invalid indentation in multiline quoted scalar",
        ),
        (
            "k:\n  'a\nb': c\n",
            "3:1: invalid indentation in multiline quoted scalar",
        ),
    ]);
}

#[test]
fn tabs_within_brackets_and_quotes() {
    all(&[
        ("k: {\n\t\"a\": 1,\n\t\"b\": 2\n}\n", r#"{"k":{"a":1,"b":2}}"#),
        (
            "k: [\n\t\ta, # c\n\t# d\n\t]\nl: |\n  a\n  \tb\n",
            r#"{"k":["a"],"l":"a\n\tb\n"}"#,
        ),
        ("- |\n  x\n- [\n\ta]\n", r#"["x\n",["a"]]"#),
        ("- 'a\n\n\tb'\n", r#"["a\nb"]"#),
        ("- [a\n\tb]\n", "1:4: a tab where YAML takes only spaces"),
        ("k:\n\tl: b\n", "2:1: a tab where YAML takes only spaces"),
    ]);
}

#[test]
fn escapes_are_those_of_the_decoder() {
    all(&[
        (r#"k: "it\'s""#, r#"{"k":"it's"}"#),
        (r#"k: ["\'", 'b\', "c"]"#, r#"{"k":["'","b\\","c"]}"#),
        (
            r#"k: "\ud83d\ude00""#,
            r"1:5: `\ud83d` is an escape of JSON, and not of a double-quoted text",
        ),
        (r#"{"k": "\ud83d\ude00"}"#, r#"{"k":"😀"}"#),
    ]);
}

#[test]
fn scalars_within_brackets_are_those_of_yaml_1_1() {
    all(&[
        ("k: [a?]\n", "1:6: a `?` within brackets and braces begins a key"),
        (
            "k: {a: http://x/?a=b}\n",
            "1:17: a `?` within brackets and braces begins a key",
        ),
        ("k: ['a?', \"?\"]\nl: a?\n", r#"{"k":["a?","?"],"l":"a?"}"#),
        ("k: {a: :b}\n", "1:8: a `:` within brackets and braces ends a key"),
        ("k: {a:}\n", "1:6: a blank is to follow the colon of a key"),
        ("k: {a :}\n", "1:7: a blank is to follow the colon of a key"),
        ("k: {'a':[b], c:d: e}\n", r#"{"k":{"a":["b"],"c:d":"e"}}"#),
        ("k: [!!str, a]\n", "1:10: a blank is to follow a tag"),
        ("k: {!!str#a: b}\n", "1:10: a blank is to follow a tag"),
        ("k: [!!str# ]\n", "1:10: a blank is to follow a tag"),
        ("k: [!!str , a]\n", r#"{"k":["","a"]}"#),
        ("k: [-, {a: -}]\n", r#"{"k":["-",{"a":"-"}]}"#),
    ]);
}

#[test]
fn a_key_within_brackets_has_one_line() {
    let wrong = "a key and its colon are to be on one line";
    all(&[
        ("{'a\n b': c}\n", &format!("1:2: {wrong}")),
        ("{a\n: c}\n", &format!("1:2: {wrong}")),
        ("{a # d\n: c}\n", &format!("1:2: {wrong}")),
        ("{&x\n a: c}\n", &format!("2:2: {wrong}")),
        ("{a: b, ? 'c\n d' : e}\n", r#"{"a":"b","c d":"e"}"#),
        ("{? a\n b : e}\n", r#"{"a b":"e"}"#),
        (
            "{ # d & e!\n a: b, # ?\n c: [!!str # f!, g\n 1]}\n",
            r#"{"a":"b","c":["1"]}"#,
        ),
        ("{#&g  # f\n'd': 1}\n", r#"{"d":1}"#),
        ("{ # ? c\n a\n : b}\n", &format!("2:2: {wrong}")),
        ("{a\n, b: c}\n", r#"{"a":null,"b":"c"}"#),
        ("{\"a\"\n:1}\n", r#"{"a":1}"#),
        ("? 'a\nb'\n: c\n", r#"{"a b":"c"}"#),
    ]);
}

#[test]
fn numbers_that_are_keys_are_written_as_go_writes_them() {
    for (key, name) in [
        ("1e20", "1e+20"),
        ("1.5e-7", "1.5e-07"),
        ("123456789.5", "1.2345679e+08"),
        ("1e300", ".inf"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("100000.0", "100000"),
        ("1000000.0", "1e+06"),
        ("-0.0", "-0"),
        ("08", "8"),
        ("1.29", "1.29"),
        ("-9223372036854775809", "-9.223372e+18"),
        ("-.inf", "-.inf"),
        (".NaN", ".nan"),
        ("0x1F", "31"),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        assert_eq!(told(&format!("{key}: a\n")), format!("{{\"{name}\":\"a\"}}"));
    }
    all(&[(
        "9223372036854775808: a\n",
        "1:1: a number beyond 9223372036854775807 may be no key",
    )]);
}

#[test]
fn numbers_that_json_has_not_are_refused() {
    all(&[
        ("k: .nan\n", "1:4: `.nan` is a number that JSON has not"),
        ("- -.INF\n", "1:3: `-.INF` is a number that JSON has not"),
        ("k: !!float .inf\n", "1:12: `.inf` is a number that JSON has not"),
        (
            "k: [!!str .inf, '.nan', .Nan]\n",
            r#"{"k":[".inf",".nan",".Nan"]}"#,
        ),
    ]);
}

#[test]
fn a_byte_order_mark_begins_a_document() {
    let wrong = "a byte-order mark may only begin a document";
    all(&[
        ("\u{feff}k: 1\n", r#"{"k":1}"#),
        ("\u{feff}# c\n\u{feff}k: 1\n", &format!("2:1: {wrong}")),
        ("\u{feff}\u{feff}k: 1\n", &format!("1:4: {wrong}")),
        ("# c \u{feff}\nk: 1\n", r#"{"k":1}"#),
        ("k: '\u{feff}'\n", "{\"k\":\"\u{feff}\"}"),
    ]);
}

#[test]
fn comments_need_no_blank_before_them() {
    all(&[
        (
            "k: 'a'# b\nl: [c]#d\nm: a#b\n",
            r#"{"k":"a","l":["c"],"m":"a#b"}"#,
        ),
        ("k: >-# c\n  a\n", r#"{"k":"a"}"#),
    ]);
}

#[test]
fn what_is_mended_again_and_again_takes_no_time_that_grows_with_its_square() {
    let line = "k: 'a\nb'\n";
    let many: String = (0..20_000)
        .map(|at| line.replacen('k', &format!("k{at}"), 1))
        .collect();
    assert!(!read(&many).errors.is_empty());
    let few: String = (0..50)
        .map(|at| line.replacen('k', &format!("k{at}"), 1))
        .collect();
    assert!(read(&few).errors.is_empty());
    let tabs = format!("k: {{\n{}}}\n", "\t\"a\": 1,\n".repeat(20_000));
    assert!(read(&tabs).errors.is_empty());
    let json = format!("{{{}\"x\": 1}}", "\"a\"\n: 1,".repeat(20_000));
    assert!(read(&json).errors.is_empty());
}

#[test]
fn each_document_is_mended_whatever_is_wrong_with_others() {
    // Of each document its JSON, or what is wrong with it first.
    let told = |text: &str| -> Vec<String> {
        let stream = read(text);
        let documents = stream.documents.iter();
        let documents = documents.map(|document| (document.index(), document.root().to_json().to_string()));
        let errors = stream
            .errors
            .iter()
            .map(|error| (error.document, error.reason.clone()));
        let mut all: Vec<_> = documents.chain(errors).collect();
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, text)| text).collect()
    };
    let (apostrophe, tab) = ("k: \"it\\'s\"\n", "a: b\n\tc: d\n");
    let (good, wrong) = (r#"{"k":"it's"}"#, "a tab where YAML takes only spaces");
    assert_eq!(told(&format!("{apostrophe}---\n{tab}")), [good, wrong]);
    assert_eq!(
        told(&format!("{tab}---\n{apostrophe}---\nx: z\n")),
        [wrong, good, r#"{"x":"z"}"#]
    );
    // Mended, this one has two errors.
    let more = "a0: \"x\ny\"\n...\n\ta2: b\n";
    let found = told(&format!("{more}---\n{apostrophe}"));
    assert_eq!(found.last().map(String::as_str), Some(good), "{found:?}");
    // As large as may be, and larger; the first is read twice.
    let large = |bytes: usize| format!("k: 'a\nb'\n{}", "# a comment\n".repeat(bytes / 12));
    assert!(read(&large(15 << 20)).errors.is_empty());
    assert!(!read(&large(17 << 20)).errors.is_empty());
}

#[test]
fn a_block_of_text_may_be_a_key() {
    all(&[
        ("? |\n  a\n: b\n", r#"{"a\n":"b"}"#),
        ("x:\n  ? |\n    a\n  : b # \u{85}\n", r#"{"x":{"a\n":"b"}}"#),
        ("? >-\n  a\n  b\n: |\n c\n", r#"{"a b":"c\n"}"#),
    ]);
    assert!(!read("? |\na\n: b\n").errors.is_empty());
}

#[test]
fn a_tag_that_is_written_out_in_full_ends_with_its_bracket() {
    all(&[("data: {b: !<tag:yaml.org,2002:str> c}\n", r#"{"data":{"b":"c"}}"#)]);
    for text in [
        "{b: !<tag:yaml.org,2002:str>}\n",
        "{b: !<tag:yaml.org,2002:str>, c: d}\n",
    ] {
        assert!(!read(&format!("data: {text}")).errors.is_empty(), "{text}");
    }
}

#[test]
fn blanks_before_many_values_are_passed_over_once() {
    let blanks = "\n".repeat(200_000);
    let many = read(&format!("{blanks}{}", "{}".repeat(10_000)));
    assert_eq!((many.documents.len(), many.errors.len()), (10_000, 0));
    let bad = read(&format!("{blanks}{}", "--- \"a\\/b\"\n".repeat(2_000)));
    assert_eq!((bad.documents.len(), bad.errors.len()), (0, 2_000));
    let deep = format!("{}- |\n{}\u{a0}\n", " ".repeat(40), " ".repeat(45));
    let blocks = read(&format!("# \u{85}\na:\n{}", deep.repeat(3_000)));
    assert_eq!((blocks.documents.len(), blocks.errors.len()), (1, 0));
}
