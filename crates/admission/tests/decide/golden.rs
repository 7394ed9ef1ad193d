//! Reviews as an API server writes them, and the answers as it reads them: the files in `tests/reviews`.
//!
//! The answers are compared as they are but for the patch, which stands there decoded. What is called `recorded` came from a
//! kube-apiserver 1.37 that asked both endpoints, and took their answers.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_admission::decide::Endpoint::{self, Mutate, Validate};
use serde_json::{Map, Value};

use crate::support::Cluster;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reviews")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The answer with its patch decoded.
fn answer(endpoint: Endpoint, review: &Value) -> Value {
    let cluster = Cluster {
        hostname: Some([0x53, 0x13, 0x52, 0x1c, 0x1b, 0x05]),
        ..Cluster::default()
    };
    let mut answer: Value = serde_json::from_str(&cluster.decide(endpoint, review).to_json()).unwrap();
    if let Some(patch) = answer["response"].get("patch") {
        let bytes = STANDARD.decode(patch.as_str().unwrap()).unwrap();
        answer["response"]["patch"] = serde_json::from_slice(&bytes).unwrap();
    }
    answer
}

/// Keys in the order in which Go's types have them, at every depth.
fn keys(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            found.push(key.clone());
            keys(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[track_caller]
fn check(name: &str) {
    let review = read(&format!("{name}.review.json"));
    let expected = read(&format!("{name}.answers.json"));
    let mut found = Map::new();
    found.insert("mutate".to_owned(), answer(Mutate, &review));
    found.insert("validate".to_owned(), answer(Validate, &review));
    let found = Value::Object(found);
    assert_eq!(found, expected, "{name}: {found:#}");
    let (mut of_found, mut of_expected) = (Vec::new(), Vec::new());
    keys(&found, &mut of_found);
    keys(&expected, &mut of_expected);
    assert_eq!(of_found, of_expected, "{name}");
}

#[test]
fn a_pod_of_a_replica_set() {
    check("create");
}

#[test]
fn a_pod_that_may_not() {
    check("refused");
}

#[test]
fn a_pod_of_portholes_runtime_class() {
    check("runtime-class");
}

#[test]
fn an_ephemeral_container() {
    check("ephemeral");
}

#[test]
fn a_pod_that_has_been_filled_in() {
    check("recorded-filled");
}

#[test]
fn an_ephemeral_container_that_has_been_filled_in() {
    check("recorded-ephemeral");
}

#[test]
fn a_binding_with_portholes_annotation() {
    check("recorded-binding");
}

#[test]
fn a_status_that_drops_portholes_annotation() {
    check("recorded-status");
}
