//! Documents as the cluster's decoder reads them.

use porthole_manifest::{Document, Kind, Limits, Stream, parse};
use serde_json::json;

fn stream(text: &str) -> Stream {
    parse(text, &Limits::default())
}

fn document(text: &str) -> Document {
    let mut stream = stream(text);
    assert_eq!(stream.errors, [], "{text}");
    assert_eq!(stream.documents.len(), 1, "{text}");
    stream.documents.remove(0)
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "json!() makes a value at every call"
)]
fn reads(text: &str, expected: serde_json::Value) {
    assert_eq!(document(text).root().to_json(), expected, "{text}");
}

#[test]
fn reads_block_and_flow_and_json_alike() {
    let expected = json!({"a": [1, "x", null], "b": {"c": true}});
    reads("a:\n- 1\n- x\n-\nb:\n  c: true\n", expected.clone());
    reads("{a: [1, x, ~], b: {c: true}}", expected.clone());
    reads("{\"a\":[1,\"x\",null],\"b\":{\"c\":true}}", expected.clone());
    reads(
        "\u{feff}{\n\t\"a\": [1, \"x\", null],\n\t\"b\": {\"c\": true}\n}\n",
        expected,
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let text = "\u{feff}kind: Pod\r\nspec:\r\n  name: \"a b\"\r\n";
    let document = document(text);
    assert_eq!(
        document.root().to_json(),
        json!({"kind": "Pod", "spec": {"name": "a b"}})
    );
    let name = document.root().at("spec.name").expect("there");
    assert_eq!(name.raw(), "\"a b\"");
}

#[test]
fn quoted_scalars_are_strings_and_plain_ones_are_typed() {
    reads(
        "a: 'on'\nb: on\nc: \"0777\"\nd: 0777\ne: 1e3\nf: !!str 5\ng: ! '7'\nh: !mine 8\ni: |\n  12\n",
        json!({"a": "on", "b": true, "c": "0777", "d": 511, "e": 1000, "f": "5", "g": 7, "h": "8", "i": "12\n"}),
    );
}

#[test]
fn text_is_decoded_and_its_place_kept() {
    let document = document("a: \"x\\ty\"\nb: 'it''s'\nc: one\n  two\n");
    let root = document.root();
    let at = |key| root.get(key).expect("there");
    assert_eq!((at("a").as_str(), at("a").raw()), (Some("x\ty"), "\"x\\ty\""));
    assert_eq!((at("b").as_str(), at("b").raw()), (Some("it's"), "'it''s'"));
    assert_eq!((at("c").as_str(), at("c").raw()), (Some("one two"), "one\n  two"));
}

#[test]
fn collections_span_from_their_first_to_their_last_child() {
    let text = "a:\n  b: 1\n  c: [2, 3]  # end\n\n\nd: x\n";
    let document = document(text);
    assert_eq!(
        document.root().get("a").expect("there").raw(),
        "b: 1\n  c: [2, 3]"
    );
    assert_eq!(document.root().at("a.c").expect("there").raw(), "[2, 3]");
    assert_eq!(document.root().at("a.c[1]").expect("there").raw(), "3");
    assert_eq!(document.root().raw(), text.trim_end());
}

#[test]
fn a_missing_value_is_null_at_the_end_of_its_key() {
    let document = document("a:\nb: 1\n");
    let missing = document.root().get("a").expect("there");
    assert_eq!(missing.kind(), Kind::Null);
    assert_eq!((missing.span().start, missing.span().end), (1, 1));
    assert!(document.root().field("a").is_none());
}

#[test]
fn the_last_of_equal_keys_counts_and_both_are_reported() {
    let text = "a: 1\nb: 2\na: 3\nc: {x: 1, \"x\": 2}\n1: y\n0x1: z\n";
    let document = document(text);
    assert_eq!(
        document.root().get("a").and_then(porthole_manifest::Node::as_i64),
        Some(3)
    );
    let found: Vec<_> = document
        .duplicate_keys()
        .iter()
        .map(|twice| (twice.key.as_str(), twice.first.start, document.slice(twice.again)))
        .collect();
    assert_eq!(found, [("x", 19, "\"x\""), ("a", 0, "a"), ("1", 33, "0x1")]);
}

#[test]
fn documents_are_numbered_and_empty_ones_left_out() {
    let stream = stream("# nothing\n---\na: 1\n---\n---\n# none\n---\nb: 2\n...\n");
    let found: Vec<_> = stream
        .documents
        .iter()
        .map(|document| (document.index(), document.root().to_json()))
        .collect();
    assert_eq!(found, [(0, json!({"a": 1})), (3, json!({"b": 2}))]);
    assert_eq!(stream.errors, []);
}

#[test]
fn a_broken_document_does_not_stop_the_others() {
    let stream = stream("a: 1\n---\nb: [1, 2\n---\nc: *none\n---\nd: 4\n");
    let found: Vec<_> = stream
        .documents
        .iter()
        .map(porthole_manifest::Document::index)
        .collect();
    assert_eq!(found, [0, 3]);
    let broken: Vec<_> = stream.errors.iter().map(|error| error.document).collect();
    assert_eq!(broken, [1, 2]);
}

#[test]
fn aliases_are_the_node_they_name_at_their_own_place() {
    let text = "a: &x {k: 1}\nb: *x\nc: [*x, *x]\n";
    let document = document(text);
    assert_eq!(
        document.root().to_json(),
        json!({"a": {"k": 1}, "b": {"k": 1}, "c": [{"k": 1}, {"k": 1}]})
    );
    let alias = document.root().get("b").expect("there");
    assert!(alias.is_alias());
    assert_eq!(alias.raw(), "*x");
    assert_eq!(document.slice(alias.target_span()), "{k: 1}");
    assert_eq!(alias.at("k").expect("there").raw(), "1");
}

#[test]
fn a_later_anchor_of_the_same_name_replaces_the_earlier() {
    reads("- &a 1\n- *a\n- &a 2\n- *a\n", json!([1, 1, 2, 2]));
}

#[test]
fn merge_keys_follow_the_text_as_the_decoder_does() {
    reads(
        "a: &a {x: 1, z: 2}\nb: {<<: *a, z: 3}\n",
        json!({"a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}}),
    );
    // A merge after a key replaces its value: the decoder writes as it reads.
    reads(
        "a: &a {x: 1}\nb: {x: 9, <<: *a}\n",
        json!({"a": {"x": 1}, "b": {"x": 1}}),
    );
    reads(
        "a: &a {x: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n",
        json!({
            "a": {"x": 1}, "b": {"x": 2, "z": 2}, "c": {"x": 1, "z": 2}
        }),
    );
    reads("'<<': 5\n", json!({"<<": 5}));
}

#[test]
fn merged_entries_are_found_by_name_and_path() {
    let document = document("base: &base\n  hostNetwork: true\nspec:\n  <<: *base\n  os: {name: windows}\n");
    assert_eq!(
        document
            .root()
            .at("spec.hostNetwork")
            .and_then(porthole_manifest::Node::as_bool),
        Some(true)
    );
    assert_eq!(
        document
            .root()
            .at("spec.os.name")
            .and_then(porthole_manifest::Node::as_str),
        Some("windows")
    );
}

#[test]
fn comments_are_kept_with_their_place() {
    let text = "# above\na: 1 # beside\n  # porthole:ignore x\nb: 2\n";
    let document = document(text);
    let found: Vec<_> = document
        .comments()
        .iter()
        .map(|comment| (document.slice(comment.span), comment.own_line))
        .collect();
    assert_eq!(
        found,
        [
            ("# above", true),
            ("# beside", false),
            ("# porthole:ignore x", true)
        ]
    );
}

#[test]
fn paths_may_name_keys_with_dots() {
    let document = document("metadata:\n  labels:\n    kubernetes.io/os: windows\n");
    let label = document
        .root()
        .at("metadata.labels[kubernetes.io/os]")
        .expect("there");
    assert_eq!(label.as_str(), Some("windows"));
    assert!(document.root().at("metadata.labels[x]").is_none());
    assert!(document.root().at("metadata[0]").is_none());
    assert!(document.root().at("metadata.labels[").is_none());
}

#[test]
fn whole_floats_are_integers_to_json() {
    let document = document("a: 1e3\nb: 1.5\n");
    let root = document.root();
    assert_eq!(
        root.get("a").and_then(porthole_manifest::Node::as_i64),
        Some(1000)
    );
    assert_eq!(root.get("b").and_then(porthole_manifest::Node::as_i64), None);
    assert_eq!(root.to_json(), json!({"a": 1000, "b": 1.5}));
}

#[test]
fn comments_at_the_end_belong_to_their_document() {
    let stream = stream("a: 1\n# one\n---\n# two\nb: 2\n# three\n");
    let found: Vec<Vec<_>> = stream
        .documents
        .iter()
        .map(|document| {
            document
                .comments()
                .iter()
                .map(|comment| document.slice(comment.span))
                .collect()
        })
        .collect();
    assert_eq!(found, [vec!["# one"], vec!["# two", "# three"]]);
}

#[test]
fn json_objects_may_follow_one_another() {
    for text in [
        r#"{"a":1}{"a":2}{"a":"é"}"#,
        "\u{feff}\n{\"a\":1}\n{\"a\":2}\r\n{\"a\":\"é\"}\n",
        "{\"a\":1}\n---\n{\"a\":2}\n{\n\t\"a\": \"é\"\n}\n",
    ] {
        let stream = parse(text, &Limits::default());
        assert_eq!(stream.errors, [], "{text}");
        let found: Vec<(usize, String)> = stream
            .documents
            .iter()
            .map(|document| (document.index(), document.root().to_json().to_string()))
            .collect();
        let expected = [(0, r#"{"a":1}"#), (1, r#"{"a":2}"#), (2, r#"{"a":"é"}"#)];
        assert_eq!(
            found,
            expected.map(|(index, json)| (index, json.to_owned())),
            "{text}"
        );
        let last = stream.documents[2].root().get("a").expect("there");
        assert_eq!(last.raw(), "\"é\"", "{text}");
    }
}

#[test]
fn what_follows_a_json_object_is_an_object_or_an_error_at_its_place() {
    for (text, place) in [
        ("{\"a\":1}\n{\"a\":}}\n", 14),
        ("{\"a\":1} x", 8),
        ("a: {}\n{}\n", 6),
    ] {
        let stream = parse(text, &Limits::default());
        let places: Vec<u32> = stream.errors.iter().map(|error| error.span.start).collect();
        assert_eq!(places, [place], "{text}: {:?}", stream.errors);
    }
}

#[test]
fn the_child_that_no_key_sets_is_null_where_its_holder_stands() {
    let stream = parse("a: {b: 1}\nc: &x [1]\nd: *x\n", &Limits::default());
    let root = stream.documents[0].root();
    assert_eq!(root.child("a").child("b").as_i64(), Some(1));
    assert!(root.child("a").is_written());
    for key in ["a", "c", "d"] {
        let nothing = root.child(key).child("z");
        assert!(nothing.is_null() && !nothing.is_written(), "{key}");
        assert_eq!(nothing.entries().count() + nothing.items().count(), 0, "{key}");
        assert_eq!(nothing.span(), root.child(key).span(), "{key}");
        assert_eq!(nothing.child("y").kind(), Kind::Null, "{key}");
    }
}
