use super::*;
use crate::own::plan::{Lifetimes, Step};

const NOW: i64 = 1_800_000_000;
const LIFETIMES: Lifetimes = Lifetimes {
    leaf: 1000,
    authority: 10_000,
};

fn names() -> [String; 1] {
    ["webhook.ns.svc".to_owned()]
}

fn begun() -> Contents {
    let mut contents = Contents::absent();
    Step::Begin
        .apply(&mut contents, &names(), NOW, &LIFETIMES)
        .unwrap();
    contents
}

fn written(contents: &Contents) -> Object {
    let mut object = Object::new("ns", "name");
    object.put(contents.data().unwrap());
    object
}

#[test]
fn what_is_written_is_read_again() {
    let object = written(&begun());
    assert_eq!(object.0["type"], "kubernetes.io/tls");
    let read = Contents::read(&object, NOW);
    assert_eq!(read.faults, [""; 0]);
    assert!(read.signing.is_some() && read.covers(&names()));
    assert_eq!(read.authority_until(), NOW + 10_000);
    let held = read.held.unwrap();
    assert_eq!((held.signer, held.validity.until), (0, NOW + 1000));
}

#[test]
fn each_fault_is_named_and_nothing_of_a_key_is_told() {
    let (one, two) = (written(&begun()), written(&begun()));
    let key = one.0["data"]["ca.key"].as_str().unwrap().to_owned();
    let long = "A".repeat(LONGEST + 4);
    for (name, value, fault) in [
        ("ca.crt", json!(null), "ca.crt is missing"),
        ("ca.crt", json!(7), "ca.crt is no text in base64"),
        ("ca.crt", json!(long), "ca.crt is no text in base64"),
        ("ca.crt", json!(key), "ca.crt is no list of certificates in PEM"),
        ("ca.crt", two.0["data"]["ca.crt"].clone(), "ca.key is not the key"),
        (
            "ca.crt",
            two.0["data"]["ca.crt"].clone(),
            "tls.crt is signed by no authority",
        ),
        (
            "ca.crt",
            one.0["data"]["tls.crt"].clone(),
            "ca.key is not the key",
        ),
        ("ca.key", json!(""), "ca.key is missing"),
        ("ca.key", two.0["data"]["ca.key"].clone(), "ca.key is not the key"),
        ("tls.crt", json!("/w=="), "tls.crt is no text in base64"),
        ("tls.crt", json!(key), "tls.crt is no certificate in PEM"),
        (
            "tls.crt",
            two.0["data"]["tls.crt"].clone(),
            "tls.key is not the key of tls.crt",
        ),
        (
            "tls.key",
            two.0["data"]["tls.key"].clone(),
            "tls.key is not the key of tls.crt",
        ),
    ] {
        let mut object = Object(one.0.clone());
        object.0["data"][name] = value;
        let read = Contents::read(&object, NOW);
        let is_told = read.faults.iter().any(|told| told.starts_with(fault));
        assert!(is_told, "{fault}: {:?}", read.faults);
        assert!(read.signing.is_none() || read.held.is_none(), "{fault}");
    }
    let over = Contents::read(&one, NOW + 1001);
    assert_eq!(over.faults, ["tls.crt is not valid now"]);
    assert!(over.signing.is_some() && over.held.is_none());
    let all_over = Contents::read(&one, NOW + 10_001);
    assert!(all_over.authorities.is_empty() && all_over.signing.is_none());
}

#[test]
fn no_more_authorities_are_kept_than_are_read_and_never_without_the_one_that_counts() {
    let mut contents = begun();
    let signer = contents.authorities[0].clone();
    for _ in 0..20 {
        contents.begin(Authority::make(NOW, 10_000).unwrap());
    }
    assert_eq!(contents.authorities.len(), MOST);
    let read = Contents::read(&written(&contents), NOW);
    assert_eq!(read.faults, [""; 0]);
    assert_eq!(read.authorities[read.held.unwrap().signer], signer);
}

#[test]
fn what_is_not_valid_any_more_is_not_recalled() {
    let before = begun().good().unwrap();
    let recalled = |now| {
        let mut contents = Contents::absent();
        contents.recall(&before, now);
        contents
    };
    let good = recalled(NOW + 1000);
    assert!(good.is_recalled && good.held.is_some());
    assert_eq!(good.authorities.len(), 1);
    let over = recalled(NOW + 1001);
    assert!(!over.is_recalled && over.held.is_none() && over.authorities.is_empty());
}
