//! What no API server sends.

use porthole_admission::decide::Endpoint::{Mutate, Validate};
use porthole_admission::decide::{Around, LIMITS, Review, decide, refuse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{APP, Cluster, LARGE, both_ways, create, pod, refusal, update, windows};

#[test]
fn fields_of_the_wrong_type_are_refused_at_both_endpoints() {
    for (pointer, value, reason) in [
        ("", json!([]), "the pod is an array where an object is expected"),
        (
            "/spec",
            json!("x"),
            "spec is a string where an object is expected",
        ),
        (
            "/metadata",
            json!(1),
            "metadata is a number where an object is expected",
        ),
        (
            "/metadata/annotations",
            json!({"a": {}}),
            "metadata.annotations[a] is an object where a string is expected",
        ),
        (
            "/spec/serviceAccountName",
            json!(false),
            "spec.serviceAccountName is a boolean where a string is expected",
        ),
        (
            "/spec/containers",
            json!({}),
            "spec.containers is an object where an array is expected",
        ),
        (
            "/spec/containers",
            json!([null]),
            "spec.containers[0] is null where an object is expected",
        ),
        (
            "/spec/initContainers",
            json!([{"securityContext": windows(&json!({"gmsaCredentialSpecName": 7}))}]),
            "spec.initContainers[0].securityContext.windowsOptions.gmsaCredentialSpecName is a number where a string is \
             expected",
        ),
        (
            "/spec/securityContext",
            json!({"windowsOptions": []}),
            "spec.securityContext.windowsOptions is an array where an object is expected",
        ),
        (
            "/spec/securityContext",
            windows(&json!({"hostProcess": "true"})),
            "spec.securityContext.windowsOptions.hostProcess is a string where a boolean is expected",
        ),
        (
            "/spec/ephemeralContainers",
            json!([{"securityContext": windows(&json!({"gmsaCredentialSpec": {"CmsPlugins": []}}))}]),
            "spec.ephemeralContainers[0].securityContext.windowsOptions.gmsaCredentialSpec is an object where a string \
             is expected",
        ),
    ] {
        let good = pod(&json!({"initContainers": [], "ephemeralContainers": [], "securityContext": {}}));
        let mut bad = good.clone();
        bad["metadata"]["annotations"] = json!({});
        *bad.pointer_mut(pointer).expect("it is there") = value;
        for endpoint in [Mutate, Validate] {
            for review in [create(&bad), update("", &good, &bad), update("", &bad, &good)] {
                let decision = Cluster::default().decide(endpoint, &review);
                let message = format!("unable to unmarshall pod JSON object: {reason}");
                assert_eq!(refusal(&decision), Some((400, message)));
            }
        }
    }
}

#[test]
fn a_name_that_looks_like_a_key_or_a_path_stays_a_name() {
    let key = "<<";
    let mut sneaky = pod(&json!({}));
    // A merge key of YAML is an unknown field of JSON.
    sneaky["spec"][key] = json!({"securityContext": windows(&json!({"gmsaCredentialSpec": APP}))});
    assert_eq!(
        refusal(&Cluster::default().decide(Validate, &create(&sneaky))),
        None
    );
}

#[test]
fn many_containers_are_answered_at_once() {
    let options = windows(&json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": "{}"}));
    let containers: Vec<Value> = (0..2_000)
        .map(|index| json!({"name": format!("c{index}"), "securityContext": options}))
        .collect();
    let large = pod(&json!({"containers": containers}));
    let decision = Cluster::default().decide(Validate, &create(&large));
    let answer: Value = serde_json::from_str(&decision.to_json()).unwrap();
    let causes = answer["response"]["status"]["details"]["causes"]
        .as_array()
        .unwrap();
    assert_eq!(causes.len(), 100, "the answer stays small");
    let decision = Cluster::default().decide(Validate, &update("", &large, &large));
    assert_eq!(refusal(&decision), None);
}

#[test]
fn the_cluster_is_not_asked_for_more_than_is_told() {
    for (endpoint, contents, asked) in [(Mutate, json!(null), 100), (Validate, json!(APP), 200)] {
        let containers: Vec<Value> = (0..2_000)
            .map(|index| {
                let options = json!({"gmsaCredentialSpecName": format!("gone-{index}"), "gmsaCredentialSpec": contents});
                json!({"name": format!("c{index}"), "securityContext": windows(&options)})
            })
            .collect();
        let cluster = Cluster::default();
        let decision = cluster.decide(endpoint, &create(&pod(&json!({"containers": containers}))));
        assert_eq!(decision.denial().unwrap().problems().len(), 100);
        assert_eq!(cluster.asked.take().len(), asked);
    }
}

#[test]
fn a_patch_is_no_larger_than_a_pod_may_be() {
    let options = windows(&json!({"gmsaCredentialSpecName": "large"}));
    let most = (3 << 20) / LARGE;
    for (count, code) in [(most, None), (most + 1, Some(413))] {
        let containers: Vec<Value> = (0..count).map(|_| json!({"securityContext": options})).collect();
        let decision = Cluster::default().decide(Mutate, &create(&pod(&json!({"containers": containers}))));
        assert_eq!(refusal(&decision).map(|(code, _)| code), code);
    }
}

#[test]
fn a_body_that_is_no_review_is_answered() {
    let error = Review::read(b"{", &LIMITS).unwrap_err();
    let answer: Value = serde_json::from_str(&refuse(&error).to_json()).unwrap();
    assert_eq!(answer["response"]["uid"], "");
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 400);
    assert_eq!(
        answer["response"]["status"]["message"],
        "unable to unmarshall JSON body as an admission review: unexpected end of JSON input"
    );
}

/// JSON in which the fields of pods are more frequent than by chance.
fn values() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "metadata",
        "annotations",
        "spec",
        "containers",
        "initContainers",
        "ephemeralContainers",
        "securityContext",
        "windowsOptions",
        "gmsaCredentialSpecName",
        "gmsaCredentialSpec",
        "hostname",
        "name",
        "runtimeClassName",
        "porthole.dev/windows-options",
        "request",
        "object",
        "oldObject",
        "kind",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["app", "porthole", "{}", "", "gone"]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Review::read(&bytes, &LIMITS) {
            prop_assert_eq!(refuse(&error).denial().unwrap().code(), 400);
        }
    }

    #[test]
    fn no_objects_make_it_panic(new in values(), old in values(), is_validate: bool, is_create: bool) {
        let review = if is_create { create(&new) } else { update("ephemeralcontainers", &old, &new) };
        let cluster = porthole_access::Access::default();
        let around = Around { specs: &Cluster::default(), access: &cluster, namespaces: &Cluster::default(), hostname: Some([0; 6]), runtime_classes: &[] };
        let endpoint = if is_validate { Validate } else { Mutate };
        let [decision, other] = both_ways(&review.to_string()).map(|review| decide(endpoint, &review, &around));
        prop_assert_eq!(&decision, &other);
        let answer: Value = serde_json::from_str(&decision.to_json()).expect("it is JSON");
        prop_assert_eq!(&answer["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    }
}
