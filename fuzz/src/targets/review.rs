//! Admission reviews: the text as the body of a request, and what is in it as the object of one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_access::{Access, User};
use porthole_admission::decide::{
    AccessReviews, Answer, Around, CannotTell, Contents, CredentialSpecs, Endpoint, LIMITS, Namespaces,
    Review, SpecError, Usable, decide, refuse,
};
use porthole_admission::host_accounts::{Mode, Policy};
use porthole_credspec::contents;
use porthole_manifest::{Limits, objects, parse};
use serde_json::{Value, json};

/// As many things are told of a review at most.
const MOST: usize = 100;
const CLASS: &str = "porthole";

/// A cluster that has what is called as if it were there.
struct Known;

impl CredentialSpecs for Known {
    fn contents(&self, name: &str) -> Result<Contents, SpecError> {
        match name.len() % 4 {
            0 => Err(SpecError::Unknown),
            1 => Err(SpecError::Empty),
            _ => Ok(Contents::new("{\"CmsPlugins\":[\"ActiveDirectory\"]}")),
        }
    }
}

impl AccessReviews for Known {
    fn may_use(&self, _: &User, namespace: &str, _: Usable, name: &str) -> Result<Answer, CannotTell> {
        match (namespace.len() + name.len()) % 3 {
            0 => Ok(Answer::Refused("no".to_owned())),
            1 => Err(CannotTell("away".to_owned())),
            _ => Ok(Answer::Allowed),
        }
    }
}

impl Namespaces for Known {
    fn host_accounts(&self, namespace: &str) -> Result<Policy, CannotTell> {
        Ok(Policy::of(namespace, None, Mode::Enforce))
    }
}

/// A cluster in which everything is allowed, and of which nothing else is known.
struct Open;

impl Namespaces for Open {
    fn host_accounts(&self, _: &str) -> Result<Policy, CannotTell> {
        Ok(Policy::default())
    }
}

pub(super) fn holds(text: &str) {
    body(text);
    let stream = parse(text, &Limits::default());
    for object in stream.documents.iter().flat_map(objects).take(8) {
        let object = contents(object.node);
        for (operation, resource) in [("CREATE", ""), ("UPDATE", ""), ("UPDATE", "ephemeralcontainers")] {
            let review = format!(
                r#"{{"request": {{"uid": "u", "kind": {{"version": "v1", "kind": "Pod"}}, "subResource": "{resource}",
                "operation": "{operation}", "namespace": "shop", "object": {object}, "oldObject": {{}}}}}}"#
            );
            body(&review);
            alike(&review);
        }
    }
}

/// A review of which only what is decided by is kept is answered as one that is read whole. A doubled key has it read so.
fn alike(text: &str) {
    let whole = text.replacen("{\"uid\": ", "{\"uid\": \"another\", \"uid\": ", 1);
    let [Ok(kept), Ok(whole)] = [text, &whole].map(|text| Review::read(text.as_bytes(), &LIMITS)) else {
        return;
    };
    let classes = [CLASS.to_owned()];
    for endpoint in [Endpoint::Mutate, Endpoint::Validate] {
        let [kept, whole] = [&kept, &whole].map(|review| decide(endpoint, review, &known(&classes)));
        assert_eq!(kept, whole, "{endpoint:?} {text}");
    }
}

/// Around a review in a cluster that knows something of all that it may be asked.
fn known(classes: &[String]) -> Around<'_> {
    Around {
        specs: &Known,
        access: &Known,
        namespaces: &Known,
        hostname: Some([7; 6]),
        runtime_classes: classes,
    }
}

/// Whatever the body is, the answer can be read, and a patch adds and takes nothing away.
fn body(text: &str) {
    let review = match Review::read(text.as_bytes(), &LIMITS) {
        Ok(review) => review,
        Err(error) => {
            let answer = answered(&refuse(&error).to_json(), "");
            assert_eq!(answer["status"]["code"], 400, "{answer}");
            return;
        }
    };
    let classes = [CLASS.to_owned()];
    let known = known(&classes);
    let access = Access::default();
    let open = Around {
        access: &access,
        namespaces: &Open,
        hostname: None,
        runtime_classes: &[],
        ..known
    };
    for around in [known, open] {
        for endpoint in [Endpoint::Mutate, Endpoint::Validate] {
            let answer = answered(&decide(endpoint, &review, &around).to_json(), review.uid());
            let Some(patch) = answer["patch"].as_str() else {
                continue;
            };
            assert_eq!(endpoint, Endpoint::Mutate, "{answer}");
            // What is there twice nobody else reads as the API server does.
            if let Ok(whole) = serde_json::from_str::<Value>(text) {
                adds(&whole["request"]["object"], patch);
            }
        }
    }
}

/// The answer, which says yes, or no and why.
fn answered(text: &str, uid: &str) -> Value {
    let mut review: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let answer = review["response"].take();
    assert_eq!(answer["uid"], uid);
    if answer["allowed"] == true {
        assert!(answer["status"].is_null(), "{answer}");
        return answer;
    }
    assert_eq!(answer["allowed"], false);
    let status = &answer["status"];
    let code = status["code"].as_u64().unwrap_or_default();
    assert!((400..600).contains(&code), "{answer}");
    assert!(
        !status["message"].as_str().unwrap_or_default().is_empty(),
        "{answer}"
    );
    let causes = status["details"]["causes"].as_array().map_or(0, Vec::len);
    assert!((1..=MOST).contains(&causes), "{causes} causes");
    assert!(answer["patch"].is_null(), "{answer}");
    answer
}

/// Each operation adds something at a place whose parent is there, where there was nothing before, or null or nothing to speak of.
fn adds(object: &Value, patch: &str) {
    let patch = STANDARD.decode(patch).expect("a patch is base64");
    let operations: Vec<Value> = serde_json::from_slice(&patch).expect("a patch is JSON");
    let mut object = object.clone();
    for operation in operations {
        assert_eq!(operation["op"], "add");
        let place = operation["path"].as_str().expect("a path is a text");
        let (parent, key) = place.rsplit_once('/').expect("a path begins with a slash");
        let key = key.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
        let parent = parent.unwrap_or_else(|| panic!("there is no object for {place}"));
        let before = parent.insert(key.clone(), operation["value"].clone());
        let is_ours = key.starts_with("porthole.dev/");
        assert!(
            is_ours || before.is_none_or(|before| before.is_null() || before == json!("")),
            "{place} was there"
        );
    }
}
