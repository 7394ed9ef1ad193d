//! A patch changes nothing but what it adds.

use porthole_admission::decide::Endpoint::{Mutate, Validate};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{APP, CLASS, Cluster, OTHER, create, windows};

/// Applies a patch of `add`s as RFC 6902 has it.
fn apply(object: &mut Value, operations: &Value) {
    for operation in operations.as_array().expect("a patch is a list") {
        assert_eq!(operation["op"], "add");
        let path = operation["path"].as_str().expect("a path is a string");
        let (parent, last) = path.rsplit_once('/').expect("a path has a parent");
        let key = last.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).expect("the parent is there");
        let parent = parent.as_object_mut().expect("the parent is an object");
        parent.insert(key, operation["value"].clone());
    }
}

fn options() -> impl Strategy<Value = Value> {
    let name = prop::option::of(prop::sample::select(vec!["app", "other"]));
    let contents = prop::sample::select(vec![json!(null), json!(null), json!(APP)]);
    (name, contents, prop::option::of("[A-Z]{1,8}")).prop_map(|(name, contents, account)| {
        let mut options = json!({"future": {"field": [1.5, "é\u{2028}"]}});
        if let Some(name) = name {
            options["gmsaCredentialSpecName"] = json!(name);
            options["gmsaCredentialSpec"] = if name == "app" { contents } else { json!(null) };
        }
        if let Some(account) = account {
            options["runAsUserName"] = json!(account);
        }
        options
    })
}

fn containers(prefix: &'static str) -> impl Strategy<Value = Value> {
    let container = (options(), any::<String>(), any::<bool>());
    prop::collection::vec(container, 0..4).prop_map(move |containers| {
        let containers = containers
            .into_iter()
            .enumerate()
            .map(|(index, (options, text, is_set))| {
                let mut container = json!({"name": format!("{prefix}{index}"), "command": [text]});
                if is_set {
                    container["securityContext"] = windows(&options);
                }
                container
            });
        containers.collect()
    })
}

fn pods() -> impl Strategy<Value = Value> {
    let annotations = prop::sample::select(vec![json!(null), json!({}), json!({"a/b~c": "x", "~1": ""})]);
    let hostname = prop::sample::select(vec![json!(null), json!(""), json!("mine")]);
    let class = prop::sample::select(vec![json!(null), json!(CLASS), json!("runhcs")]);
    (options(), containers("c"), containers("i"), annotations, hostname, class).prop_map(
        |(options, main, init, annotations, hostname, class)| {
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "p", "annotations": annotations, "later": {"than": ["this"]}},
                "spec": {
                    "serviceAccountName": "web", "securityContext": windows(&options), "containers": main,
                    "initContainers": init, "hostname": hostname, "runtimeClassName": class, "unknown": [null, {}],
                },
            })
        },
    )
}

/// The pod without what a patch may add, where it may add it.
fn rest(pod: &Value) -> Value {
    let mut rest = pod.clone();
    let strip = |node: &mut Value| {
        let options = node
            .pointer_mut("/securityContext/windowsOptions")
            .and_then(Value::as_object_mut);
        if let Some(options) = options {
            options.retain(|key, _| key != "gmsaCredentialSpec");
        }
    };
    strip(&mut rest["spec"]);
    for list in ["containers", "initContainers"] {
        rest["spec"][list]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .for_each(strip);
    }
    rest["spec"]["hostname"] = Value::Null;
    let annotations = rest["metadata"]["annotations"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    rest["metadata"]["annotations"] = annotations
        .into_iter()
        .filter(|(key, _)| key != "porthole.dev/windows-options")
        .collect::<serde_json::Map<_, _>>()
        .into();
    rest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_adds_what_validate_asks_for_and_nothing_else(pod in pods()) {
        let cluster = Cluster { hostname: Some([7; 6]), ..Cluster::default() };
        let decision = cluster.decide(Mutate, &create(&pod));
        let patch: Value = serde_json::from_str(&decision.patch().expect("it is allowed").to_json()).unwrap();
        let mut patched = pod.clone();
        apply(&mut patched, &patch);
        prop_assert_eq!(rest(&patched), rest(&pod));
        // Each level has the contents of the spec that it names, and what was there is there.
        for pointer in ["/spec", "/spec/containers/0", "/spec/containers/1", "/spec/initContainers/0"] {
            let at = |pod: &Value| pod.pointer(&format!("{pointer}/securityContext/windowsOptions")).cloned();
            let (Some(before), Some(after)) = (at(&pod), at(&patched)) else { continue };
            let expected = match before["gmsaCredentialSpecName"].as_str() {
                Some("app") => json!(APP),
                Some(_) => json!(OTHER),
                None => json!(null),
            };
            prop_assert_eq!(&after["gmsaCredentialSpec"], &expected);
        }
        if pod["spec"]["hostname"] == "mine" {
            prop_assert_eq!(&patched["spec"]["hostname"], "mine");
        }
        // What is patched is admitted, and needs no further patch.
        let verdict = cluster.decide(Validate, &create(&patched));
        prop_assert_eq!(verdict.denial(), None);
        let again = cluster.decide(Mutate, &create(&patched));
        prop_assert!(again.patch().expect("it is allowed").is_empty());
    }
}
