//! Porthole's annotation: written for pods of its `RuntimeClass`, and by nobody else.

use porthole_admission::decide::Endpoint::{self, Mutate, Validate};
use porthole_admission::decide::annotation::WINDOWS_OPTIONS;
use serde_json::{Value, json};

use crate::support::{APP, CLASS, Cluster, create, patch, pod, problems, update, windows};

/// What a pod of [`ours`] is to have.
const WANTED: &str = r#"{"c":{"runAsUserName":"NT AUTHORITY\\LOCAL SERVICE","hostProcess":true},"i":{"runAsUserName":"SYSTEM","hostProcess":true,"gmsaCredentialSpecName":"app"}}"#;

/// A pod of porthole's class, with these annotations.
fn ours(annotations: &Value) -> Value {
    let options =
        json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": APP, "runAsUserName": "SYSTEM"});
    let mut pod = pod(&json!({
        "runtimeClassName": CLASS,
        "securityContext": windows(&json!({"hostProcess": true, "runAsUserName": "NT AUTHORITY\\LOCAL SERVICE"})),
        "initContainers": [{"name": "i", "securityContext": windows(&options)}],
    }));
    pod["metadata"]["annotations"] = annotations.clone();
    pod
}

/// A pod of no class, with these annotations.
fn other(annotations: &Value) -> Value {
    let mut pod = pod(&json!({}));
    pod["metadata"]["annotations"] = annotations.clone();
    pod
}

fn is_refused(endpoint: Endpoint, review: &Value) -> bool {
    let decision = Cluster::default().decide(endpoint, review);
    if decision.denial().is_none() {
        return false;
    }
    for (code, field, text) in problems(&decision) {
        assert_eq!(code, 403);
        assert!(field.starts_with("metadata.annotations[porthole.dev/"), "{field}");
        assert!(text.starts_with("annotation \"porthole.dev/"), "{text}");
    }
    true
}

#[test]
fn it_is_written_for_new_pods_of_the_class() {
    let key = format!("/metadata/annotations/{}", WINDOWS_OPTIONS.replace('/', "~1"));
    for (annotations, path, value) in [
        (json!({"a": "b"}), key.as_str(), json!(WANTED)),
        (
            json!(null),
            "/metadata/annotations",
            json!({ WINDOWS_OPTIONS: WANTED }),
        ),
    ] {
        let decision = Cluster::default().decide(Mutate, &create(&ours(&annotations)));
        assert_eq!(patch(&decision), [(path.to_owned(), value)]);
    }
    let right = json!({ WINDOWS_OPTIONS: WANTED });
    assert_eq!(
        patch(&Cluster::default().decide(Mutate, &create(&ours(&right)))),
        []
    );
    assert_eq!(
        patch(&Cluster::default().decide(Mutate, &create(&other(&json!({}))))),
        []
    );
    let mut second = other(&json!({}));
    second["spec"]["runtimeClassName"] = json!("runhcs");
    assert_eq!(patch(&Cluster::default().decide(Mutate, &create(&second))), []);
}

#[test]
fn a_container_that_another_webhook_adds_is_added_to_it() {
    let part = r#"{"c":{"runAsUserName":"NT AUTHORITY\\LOCAL SERVICE","hostProcess":true}}"#;
    let pod = ours(&json!({ WINDOWS_OPTIONS: part }));
    let decision = Cluster::default().decide(Mutate, &create(&pod));
    let key = format!("/metadata/annotations/{}", WINDOWS_OPTIONS.replace('/', "~1"));
    assert_eq!(patch(&decision), [(key, json!(WANTED))]);
    // Unless it is added when nobody can write any more.
    assert!(is_refused(Validate, &create(&pod)));
}

#[test]
fn nobody_brings_one_that_says_something_else() {
    let forged = r#"{"c":{"runAsUserName":"SYSTEM","hostProcess":true}}"#;
    for annotations in [
        json!({ WINDOWS_OPTIONS: forged }),
        json!({ WINDOWS_OPTIONS: "" }),
        json!({ WINDOWS_OPTIONS: "null" }),
        json!({ WINDOWS_OPTIONS: WANTED, "porthole.dev/more": "" }),
    ] {
        for pod in [ours(&annotations), other(&annotations)] {
            assert!(is_refused(Mutate, &create(&pod)), "{annotations}");
            assert!(is_refused(Validate, &create(&pod)), "{annotations}");
        }
    }
    // Right for a pod of the class is wrong for one of none.
    let right = json!({ WINDOWS_OPTIONS: WANTED });
    assert!(!is_refused(Validate, &create(&ours(&right))));
    assert!(is_refused(Validate, &create(&other(&right))));
    assert!(is_refused(Mutate, &create(&other(&right))));
    assert!(!is_refused(
        Validate,
        &create(&other(&json!({"porthole.example/x": "y"})))
    ));
    // A pod of the class without it was not seen by mutate.
    assert!(is_refused(Validate, &create(&ours(&json!({})))));
}

#[test]
fn nobody_changes_it() {
    let right = json!({ WINDOWS_OPTIONS: WANTED });
    let wrong = json!({ WINDOWS_OPTIONS: r#"{"c":{"runAsUserName":"SYSTEM"}}"# });
    let none = json!({});
    let foreign = json!({"porthole.dev/more": "a"});
    // From, to, refused for a pod of the class, refused for another.
    for (old, new, of_ours, of_other) in [
        (&none, &none, false, false),
        (&right, &right, false, false),
        (&right, &wrong, true, true),
        (&right, &none, true, false),
        (&none, &right, false, true),
        (&none, &wrong, true, true),
        (&wrong, &wrong, false, false),
        (&wrong, &right, false, true),
        (&wrong, &none, true, false),
        (&none, &foreign, true, true),
        (&foreign, &foreign, false, false),
        (&foreign, &none, false, false),
        (&foreign, &json!({"porthole.dev/more": "b"}), true, true),
    ] {
        for sub_resource in ["", "status", "resize", "ephemeralcontainers"] {
            let review = update(sub_resource, &ours(old), &ours(new));
            assert_eq!(is_refused(Validate, &review), of_ours, "{old} {new}");
            let review = update(sub_resource, &other(old), &other(new));
            assert_eq!(is_refused(Validate, &review), of_other, "{old} {new}");
        }
    }
}

#[test]
fn an_update_takes_nothing_from_it() {
    let right = json!({ WINDOWS_OPTIONS: WANTED });
    let part = json!({ WINDOWS_OPTIONS: "{}" });
    for endpoint in [Mutate, Validate] {
        assert!(is_refused(endpoint, &update("", &ours(&right), &ours(&part))));
    }
}

#[test]
fn an_update_that_would_drop_it_has_it_again() {
    let right = json!({ WINDOWS_OPTIONS: WANTED });
    for sub_resource in ["", "status"] {
        let review = update(sub_resource, &ours(&right), &ours(&json!({})));
        let decision = Cluster::default().decide(Mutate, &review);
        let key = format!("/metadata/annotations/{}", WINDOWS_OPTIONS.replace('/', "~1"));
        assert_eq!(patch(&decision), [(key, json!(WANTED))]);
    }
    // A pod from before the webhook has none, and keeps none.
    let review = update("", &ours(&json!({})), &ours(&json!({})));
    assert_eq!(patch(&Cluster::default().decide(Mutate, &review)), []);
}

#[test]
fn a_binding_brings_none() {
    let bind = |annotations: &Value| {
        let binding =
            json!({"kind": "Binding", "metadata": {"name": "p", "annotations": annotations}, "target": {}});
        let mut review = create(&binding);
        review["request"]["kind"]["kind"] = json!("Binding");
        review["request"]["subResource"] = json!("binding");
        review
    };
    for endpoint in [Mutate, Validate] {
        assert!(is_refused(endpoint, &bind(&json!({ WINDOWS_OPTIONS: WANTED }))));
        assert!(!is_refused(endpoint, &bind(&json!({"a": "b"}))));
        assert!(!is_refused(endpoint, &bind(&json!(null))));
    }
}
