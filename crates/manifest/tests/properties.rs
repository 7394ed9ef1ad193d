//! What holds of every text.

use porthole_manifest::{Document, Limits, Node, Source, Value, objects, parse, pod_template};
use proptest::prelude::*;

/// Bits of YAML that meet in real manifests, put together at random.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("a: 1\n"),
        Just("- "),
        Just("  "),
        Just("\n"),
        Just("\r\n"),
        Just("\t"),
        Just("---\n"),
        Just("...\n"),
        Just("# c\n"),
        Just("&x "),
        Just("*x"),
        Just("<<: "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(": "),
        Just("? "),
        Just("\"\\S\""),
        Just("\""),
        Just("'"),
        Just("|\n"),
        Just(">-\n"),
        Just("!!int "),
        Just("!x "),
        Just("%YAML 1.2\n"),
        Just("\u{feff}"),
        Just("\0"),
        Just("é😀"),
        Just("kind: Pod\napiVersion: v1\n"),
        Just("spec:\n  containers:\n  - name: c\n"),
        Just("0777"),
        Just("on"),
        Just("~"),
        Just("\u{85}"),
        Just("\u{2028}"),
    ];
    prop::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}

/// Every node of a document, as written.
fn nodes(node: Node<'_>, found: &mut Vec<(u32, u32)>) {
    found.push((node.span().start, node.span().end));
    match node.value() {
        Value::Sequence(items) => items.for_each(|item| nodes(item, found)),
        Value::Mapping(entries) => entries.for_each(|entry| {
            nodes(entry.key, found);
            nodes(entry.value, found);
        }),
        _ => {}
    }
}

fn check(text: &str) {
    let source = Source::new("x", text);
    let stream = source.parse(&Limits::default());
    for error in &stream.errors {
        assert!(error.span.slice(text).is_some(), "{error:?}");
        assert!(source.line(source.position(error.span.start).line).is_some());
        assert!(!error.reason.is_empty());
    }
    for document in &stream.documents {
        let _ = document.root().to_json();
        let mut places = Vec::new();
        nodes(document.root(), &mut places);
        for (start, end) in places {
            assert!(
                text.get(start as usize..end as usize).is_some(),
                "{start}..{end} of {text:?}"
            );
        }
        for comment in document.comments() {
            assert!(
                document.slice(comment.span).starts_with('#'),
                "{comment:?} of {text:?}"
            );
        }
        for object in objects(document) {
            let _ = pod_template(&object);
        }
    }
}

fn only(text: &str) -> Document {
    let mut stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, [], "{text:?}");
    stream.documents.remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn no_yaml_makes_it_panic(text in fragments()) {
        check(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(source) = Source::from_bytes("x", bytes) {
            check(source.text());
        }
    }

    #[test]
    fn a_plain_scalar_is_its_span(word in "[a-zA-Z/.]{1,20}", indent in 1_usize..8) {
        let text = format!("# x\r\nkey:\n{}- {word} # y\n", " ".repeat(indent));
        let document = only(&text);
        let node = document.root().at("key[0]").expect("it is there");
        prop_assert_eq!(node.raw(), &word);
        prop_assert_eq!(node.text(), Some(word.as_str()));
    }

    #[test]
    fn json_is_read_as_json_is_meant(key in "[ -~é]{0,12}", text in any::<String>(), number in any::<i64>()) {
        // Raw DEL and the C1 controls are JSON's, and not YAML's.
        prop_assume!(!text.chars().any(|c| c.is_control() && !c.is_ascii() || c == '\u{7f}'));
        prop_assume!(!text.contains(['\u{fffe}', '\u{ffff}', '\u{feff}']));
        let json = serde_json::json!({ key: [text, number, true, null] });
        prop_assert_eq!(only(&json.to_string()).root().to_json(), json);
    }
}
