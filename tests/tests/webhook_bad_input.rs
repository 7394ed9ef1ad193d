//! `porthole webhook` fed with what no API server sends: each body has a clear answer, nothing of it is logged, nothing stays in
//! memory, and the next pod is answered as if nothing had been.

#![cfg(unix)]

#[path = "webhook_bad_input/bed.rs"]
mod bed;

use std::time::{Duration, Instant};

use fastrand::Rng;
use porthole_fuzz::{mutate, seeds};
use porthole_tests::fuzz::{seconds, seed};
use serde_json::{Value, json};

use bed::Bed;

/// What stands in pods and is nobody's business.
const SECRET: &str = "hunter2";
/// As long as an API server waits at most, for a build without optimisation on a machine that may be busy.
const IN_TIME: Duration = Duration::from_secs(30);
/// By how much the memory of a server may grow that has seen all of it before, in KiB: threads have pieces of their own.
const GROWTH: u64 = 24 << 10;
/// The same where each body is as long as one may be: less than what two rounds of them would leave behind.
const GROWTH_OF_ROUNDS: u64 = 64 << 10;

fn pod() -> Value {
    let spec = json!({"gmsaCredentialSpecName": "webapp1"});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {
            "serviceAccountName": "web",
            "securityContext": {"windowsOptions": spec},
            "containers": [{"name": "c", "image": "i", "env": [{"name": "DB_PASSWORD", "value": SECRET}]}],
        },
    })
}

fn review(object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0a1b", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": "shop", "object": object,
        },
    })
}

/// The same with another value at a place.
fn with(path: &str, value: Value) -> String {
    let mut review = review(&pod());
    if let Some(there) = review.pointer_mut(path) {
        *there = value;
    } else {
        let (parent, key) = path.rsplit_once('/').unwrap();
        review.pointer_mut(parent).unwrap()[key] = value;
    }
    review.to_string()
}

/// Code and message of a refusal, which has the uid of its request.
fn refused(bed: &Bed, path: &str, body: &[u8], uid: &str) -> (u64, String) {
    let answer = bed.answer(path, body);
    assert_eq!(
        (&answer["uid"], &answer["allowed"]),
        (&json!(uid), &json!(false)),
        "{answer}"
    );
    let status = &answer["status"];
    (
        status["code"].as_u64().unwrap(),
        status["message"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_body_that_is_no_review_is_refused_without_a_uid() {
    let bed = Bed::start();
    let good = review(&pod()).to_string();
    let unreadable = "unable to unmarshall JSON body as an admission review: ";
    let too_deep = good.replace("\"shop\"", &format!("{}1{}", "[".repeat(5000), "]".repeat(5000)));
    for (body, message) in [
        (String::new(), unreadable),
        (good[..good.len() / 2].to_owned(), unreadable),
        (format!("{good}x"), unreadable),
        ("[]".to_owned(), unreadable),
        ("\"review\"".to_owned(), unreadable),
        ("{}".to_owned(), "no 'Request' field in JSON body"),
        ("null".to_owned(), "no 'Request' field in JSON body"),
        (with("/request", Value::Null), "no 'Request' field in JSON body"),
        (with("/request", json!(7)), unreadable),
        (with("/request/uid", json!(["x"])), unreadable),
        (with("/request/kind", json!("Pod")), unreadable),
        (too_deep, unreadable),
        (format!("[{}]", "0,".repeat(4_000_000)), unreadable),
    ] {
        for path in ["/mutate", "/validate"] {
            let (code, said) = refused(&bed, path, body.as_bytes(), "");
            assert_eq!(code, 400, "{said}");
            assert!(said.starts_with(message), "{said}, not {message}");
        }
    }
    let answer = bed.answer_to_too_much("/mutate", &format!("{}{good}", " ".repeat(9 << 20)));
    let message = answer["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("couldn't read request body: it has "),
        "{message}"
    );
    let (code, said) = refused(&bed, "/mutate", b"{\"request\": {\"uid\": \"\xff\"}}", "");
    assert_eq!((code, said.contains("UTF-8")), (400, true), "{said}");
    bed.is_well(SECRET);
}

#[test]
fn a_review_of_something_odd_is_answered_under_its_uid() {
    let bed = Bed::start();
    let good = review(&pod()).to_string();
    let deep = |depth: usize| {
        with("/request/object/metadata/managedFields", {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            serde_json::from_str(&text).unwrap_or_default()
        })
    };
    let twice = good.replacen("\"uid\":\"0a1b\"", "\"uid\":\"first\",\"uid\":\"0a1b\"", 1);
    assert_ne!(twice, good);
    // Of pods that are none, or of other things.
    for (body, code, message) in [
        (
            with("/request/kind/kind", json!("Deployment")),
            400,
            "expected a Pod object, got a Deployment",
        ),
        (
            with("/request/operation", json!("CONNECT")),
            400,
            "unpexpected operation CONNECT",
        ),
        (
            with("/request/operation", json!("")),
            400,
            "unpexpected operation ",
        ),
        (
            with("/request/object", Value::Null),
            400,
            "unable to unmarshall pod JSON object: ",
        ),
        (
            with("/request/object", json!("pod")),
            400,
            "unable to unmarshall pod JSON object: ",
        ),
        (
            with("/request/object/spec", json!([])),
            400,
            "unable to unmarshall pod JSON object: ",
        ),
        (
            with("/request/object/spec/containers", json!({"0": {}})),
            400,
            "unable to unmarshall pod JSON object: ",
        ),
        (
            with(
                "/request/object/spec/securityContext/windowsOptions/gmsaCredentialSpecName",
                json!(1),
            ),
            400,
            "unable to unmarshall pod JSON object: ",
        ),
        (
            with(
                "/request/object/spec/securityContext/windowsOptions/gmsaCredentialSpecName",
                json!("a~1b/../c"),
            ),
            500,
            "unable to retrieve the contents of cred spec a~1b/../c: invalid resource name \"a~1b/../c\": [may not contain '/']",
        ),
    ] {
        let (found, said) = refused(&bed, "/mutate", body.as_bytes(), "0a1b");
        assert_eq!(found, code, "{said}");
        assert!(said.starts_with(message), "{said}, not {message}");
    }
    // What is odd and no fault is answered as anything else: the later of two keys counts, and so on.
    for body in [
        good.clone(),
        twice,
        deep(50),
        with("/apiVersion", json!("admission.k8s.io/v1beta1")),
    ] {
        let answer = bed.answer("/mutate", body.as_bytes());
        assert_eq!(
            (&answer["uid"], &answer["allowed"]),
            (&json!("0a1b"), &json!(true)),
            "{answer}"
        );
        assert!(answer["patch"].is_string(), "{answer}");
    }
    // Names are no paths in a patch: the parts of it are counted.
    let hostile = with(
        "/request/object/spec/containers/0",
        json!({"name": "~0/../../spec", "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "webapp1"}}}),
    );
    let patch = bed.patch(&hostile);
    assert_eq!(
        patch[1]["path"], "/spec/containers/0/securityContext/windowsOptions/gmsaCredentialSpec",
        "{patch}"
    );
    bed.is_well(SECRET);
}

#[test]
fn only_what_is_not_there_does_not_exist_and_no_text_is_a_format() {
    let bed = Bed::start();
    let place = "/request/object/spec/securityContext/windowsOptions/gmsaCredentialSpecName";
    let (code, said) = refused(&bed, "/mutate", with(place, json!("gone")).as_bytes(), "0a1b");
    assert_eq!((code, said.as_str()), (404, "cred spec gone does not exist"));
    for spec in ["forbidden", "short", "wordless", "page", "nonsense"] {
        let (code, said) = refused(&bed, "/mutate", with(place, json!(spec)).as_bytes(), "0a1b");
        let begins = format!("unable to retrieve the contents of cred spec {spec}: ");
        assert!(
            code == 500 && said.starts_with(&begins) && said.len() > begins.len(),
            "{code} {said}"
        );
    }
    let account = |name: &str| {
        let mut object = pod();
        object["spec"]["serviceAccountName"] = json!(name);
        let held = "{\"CmsPlugins\":[\"ActiveDirectory\"]}";
        object["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] = json!(held);
        refused(&bed, "/validate", review(&object).to_string().as_bytes(), "0a1b")
    };
    for (name, reason) in [
        ("quota", ", reason: \"quota 100% used: %s%d \\\"x\\\"\""),
        ("denied", ""),
        ("%s", ""),
    ] {
        let (code, said) = account(name);
        let expected = format!(
            "service account \"{name}\" is not authorized to `use` GMSA cred spec \"webapp1\"{reason}"
        );
        assert_eq!((code, said), (403, expected));
    }
    // Neither an outage nor a review without an answer is a refusal.
    let (code, said) = account("silent");
    assert!(
        code == 503 && said.ends_with("the API server's review has no answer"),
        "{code} {said}"
    );
    let (code, said) = account("away");
    assert!(
        code == 503 && said.starts_with("cannot tell whether service account \"away\" is authorized"),
        "{code} {said}"
    );
    bed.is_well(SECRET);
}

/// A pod of so many containers, each of which names a credential spec.
fn crowd(count: usize, spec: &str) -> String {
    let container = |at: usize| {
        json!({"name": format!("c{at}"), "env": [{"name": "A", "value": SECRET}],
            "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": spec}}})
    };
    with(
        "/request/object/spec/containers",
        (0..count).map(container).collect(),
    )
}

#[test]
fn what_is_enormous_is_answered_in_time_and_given_back() {
    let bed = Bed::start();
    let bodies = [
        crowd(10_000, "webapp1"),
        crowd(10_000, "unknown"),
        "[".repeat(8_000_000),
        with("/request/object/metadata/labels", json!("x".repeat(3 << 20))),
        with(
            "/request/object/spec/securityContext/windowsOptions/gmsaCredentialSpec",
            json!("{".repeat(2 << 20)),
        ),
    ];
    let round = || {
        for (number, body) in bodies.iter().enumerate() {
            for path in ["/mutate", "/validate"] {
                let asked = Instant::now();
                let answer = bed.answer(path, body.as_bytes());
                assert!(answer["allowed"].is_boolean(), "{number}");
                assert!(
                    asked.elapsed() < IN_TIME,
                    "body {number} takes {:?}",
                    asked.elapsed()
                );
                let causes = answer["status"]["details"]["causes"]
                    .as_array()
                    .map_or(0, Vec::len);
                assert!(causes <= 100, "{causes} causes");
            }
        }
        let answer = bed.answer_to_too_much("/mutate", &" ".repeat(20 << 20));
        assert_eq!(answer["status"]["code"], 400, "{answer}");
    };
    // How much of it lies about between two bodies is chance, so that more than two moments are compared.
    let memories = |rounds: usize| -> Vec<u64> {
        let after = |_| {
            round();
            bed.memory()
        };
        (0..rounds).map(after).collect()
    };
    let (first, then) = (memories(2), memories(3));
    let is_flat = then.iter().min().unwrap() < &(first.iter().max().unwrap() + GROWTH_OF_ROUNDS);
    assert!(is_flat, "from {first:?} KiB to {then:?} KiB");
    bed.is_well(SECRET);
}

#[test]
fn who_does_not_speak_https_harms_nobody() {
    let bed = Bed::start();
    bed.say_in_the_clear(b"GET /livez HTTP/1.1\r\n\r\n");
    bed.say_in_the_clear(&[0x16, 0x03, 0x01, 0xff, 0xff, 0x01, 0x00]);
    bed.say_in_the_clear(&[0; 1000]);
    for (request, status) in [
        (b"\0\0\0\r\n\r\n".to_vec(), "400"),
        (b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_vec(), "400"),
        (b"POST /mutate HTTP/9.9\r\nHost: a\r\n\r\n".to_vec(), "4"),
        (
            format!("GET /livez HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(70 << 10)).into_bytes(),
            "431",
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "%2e%2e/".repeat(1000)).into_bytes(),
            "404",
        ),
        (
            b"POST /mutate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
            "415",
        ),
    ] {
        let said = bed.say(&request);
        let head = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{head:?}: {said:?}");
    }
    // Whoever hangs up in the middle of a body.
    bed.hang_up_after(b"POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"request\":");
    bed.is_well(SECRET);
}

/// Whether what is meant for pods has come to where a review says what it is about, which the log tells.
fn is_logged(body: &[u8]) -> bool {
    let Ok(review) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let told = ["uid", "namespace", "name", "operation"].map(|key| review["request"][key].to_string());
    told.iter()
        .any(|told| told.contains(SECRET) || told.contains("CmsPlugins"))
}

/// Bodies that nobody has thought of.
#[test]
fn fuzz_of_reviews() {
    let bed = Bed::start();
    let mut random = Rng::with_seed(seed());
    let reviews: Vec<String> = seeds()
        .iter()
        .filter(|seed| seed.contains("AdmissionReview"))
        .cloned()
        .chain([
            review(&pod()).to_string(),
            serde_json::to_string_pretty(&review(&pod())).unwrap(),
        ])
        .collect();
    assert!(reviews.len() > 5);
    let begun = Instant::now();
    let (mut tried, mut read, mut warm) = (0, 0, None);
    while begun.elapsed() < Duration::from_secs(seconds()) || tried < 200 {
        let mut body = mutate(random.choice(&reviews).unwrap(), &mut random).into_bytes();
        if random.u8(0..10) == 0 && !body.is_empty() {
            let at = random.usize(0..body.len());
            body[at] = random.u8(..);
        }
        if is_logged(&body) {
            continue;
        }
        let path = random.choice(["/mutate", "/validate"]).unwrap();
        let answer = bed.answer(path, &body);
        let text = String::from_utf8_lossy(&body);
        let uid = answer["uid"].as_str().unwrap();
        assert!(
            uid.is_empty() || text.contains(uid) || text.contains('\\'),
            "{uid}: {text}"
        );
        if answer["allowed"] != true {
            let code = answer["status"]["code"].as_u64().unwrap_or_default();
            let is_answer = matches!(code, 400 | 403 | 404 | 413 | 417 | 422 | 500 | 503);
            assert!(
                answer["allowed"] == false && is_answer,
                "{answer} of seed {}: {text}",
                seed()
            );
        }
        read += u32::from(!uid.is_empty());
        tried += 1;
        if tried == 150 {
            warm = Some(bed.memory());
        }
    }
    assert!(read > 20, "of {tried} only {read} were read");
    let (before, after) = (warm.unwrap(), bed.memory());
    assert!(after < before + GROWTH, "from {before} KiB to {after} KiB");
    bed.is_well(SECRET);
    println!("texts tried: {tried}");
}
