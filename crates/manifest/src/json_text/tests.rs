use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn tree(text: &str) -> Option<Value> {
    parse_json(text, &Limits::default(), &Keep::All).map(|document| document.root().to_json())
}

#[test]
fn reads_what_stands_there_at_its_place() {
    let text = " {\"a\" : [1,-20, true,false,null, {}, [ ] ],\r\n\t\"b\":{\"c\\n\":\"d\\u00e9\\ud83d\\ude00\",\"e\":\"é\u{7f}\"}} ";
    let document = parse_json(text, &Limits::default(), &Keep::All).unwrap();
    let wanted: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document.root().to_json(), wanted);
    let item = document.root().at("a[1]").unwrap();
    assert_eq!(item.raw(), "-20");
    let number = document.root().at("b.e").unwrap();
    assert_eq!(number.raw(), "\"é\u{7f}\"");
    assert_eq!(document.root().raw(), text.trim());
}

#[test]
fn leaves_to_others_what_is_not_plain() {
    for text in [
        "",
        "[]",
        "1",
        "null",
        "{",
        "{}{}",
        "{} x",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        "{a:1}",
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":-0}"#,
        r#"{"a":1.5}"#,
        r#"{"a":1e3}"#,
        r#"{"a":1234567890123456789}"#,
        r#"{"a":tru}"#,
        r#"{"a":truer}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\u+123"}"#,
        "{\"a\":\"\\n\n\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\n\"}",
        r#"{"a":"b"#,
        r#"{"a":"b\"#,
        r#"{"a":1,"a":2}"#,
        "{\"a\":1 # b\n}",
    ] {
        assert_eq!(tree(text), None, "{text}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let limits = |max_depth| Limits {
        max_depth,
        ..Limits::default()
    };
    assert!(parse_json(&deep, &limits(41), &Keep::All).is_some());
    assert!(parse_json(&deep, &limits(40), &Keep::All).is_none());
    let few = Limits {
        max_nodes: 2,
        ..Limits::default()
    };
    assert!(
        parse_json(r#"{"a":1}"#, &few, &Keep::All).is_none(),
        "three nodes"
    );
    let short = Limits {
        max_bytes: 6,
        ..Limits::default()
    };
    assert!(
        parse_json(r#"{"a":1}"#, &short, &Keep::All).is_none(),
        "seven bytes"
    );
}

#[test]
fn only_what_is_asked_for_is_kept() {
    const KEEP: Keep = Keep::keys(&[
        ("a", Keep::All),
        ("b", Keep::keys(&[("c", Keep::keys(&[("d", Keep::All)]))])),
        ("\n", Keep::All),
    ]);
    let tree = |text: &str| {
        let document = parse_json(text, &Limits::default(), &KEEP)?;
        Some(document.root().to_json())
    };
    for (text, kept) in [
        ("{}", json!({})),
        (r#"{"x":1.5,"x":[{"y":"\ud800"}]}"#, json!({})),
        (r#"{"x":1,"a":{"x":[2]},"y":3}"#, json!({"a": {"x": [2]}})),
        (
            r#"{"b":{"c":[{"d":1,"e":2},{},{"e":1e9},7],"x":{}}, "a" : null , "\n":4}"#,
            json!({"b": {"c": [{"d": 1}, {}, {}, 7]}, "a": null, "\n": 4}),
        ),
        (r#"{"\u0061":1}"#, json!({"a": 1})),
    ] {
        assert_eq!(tree(text), Some(kept), "{text}");
    }
    for text in [
        r#"{"x":tru}"#,
        r#"{"x":1,}"#,
        r#"{"x":1"#,
        r#"{"x":1 "a":2}"#,
        r#"{"x":}"#,
        r#"{"x"}"#,
        r#"{"b":{"x":1]}"#,
        r#"{"b":{"x":1}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        assert_eq!(tree(text), None, "{text}");
    }
    let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let limits = Limits {
        max_depth: 8,
        ..Limits::default()
    };
    assert!(parse_json(&nested(7), &limits, &KEEP).is_some());
    assert!(parse_json(&nested(8), &limits, &KEEP).is_none());
}

#[test]
fn a_merge_key_in_quotes_is_a_key() {
    assert_eq!(tree(r#"{"<<":{"a":1}}"#), Some(json!({"<<": {"a": 1}})));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z\"\\\\é<]{0,4}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn is_what_was_written(value in value()) {
        let whole = json!({"value": value});
        prop_assert_eq!(tree(&whole.to_string()), Some(whole.clone()));
        let pretty = serde_json::to_string_pretty(&whole).unwrap();
        prop_assert_eq!(tree(&pretty), Some(whole));
    }

    #[test]
    fn takes_nothing_that_is_no_json(text in "[{}\\[\\]\",:0-9a\\\\tn ]{0,24}") {
        if let Some(tree) = tree(&text) {
            let wanted: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(tree, wanted);
        }
    }
}
