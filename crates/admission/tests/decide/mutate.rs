//! Pods that come, at `/mutate`.

use porthole_admission::decide::Endpoint::Mutate;
use serde_json::json;

use crate::support::{
    APP, CANNOT_BE_HAD, Cluster, OTHER, at_each_level, create, patch, pod, problems, refusal, update, windows,
};

#[test]
fn contents_are_filled_in_where_a_spec_is_named() {
    let places = [
        "/spec",
        "/spec/containers/0",
        "/spec/initContainers/0",
        "/spec/ephemeralContainers/0",
    ];
    for (place, (word, _, pod)) in places.into_iter().zip(at_each_level(
        &json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": null}),
    )) {
        let cluster = Cluster::default();
        let decision = cluster.decide(Mutate, &create(&pod));
        let path = format!("{place}/securityContext/windowsOptions/gmsaCredentialSpec");
        assert_eq!(patch(&decision), [(path, json!(APP))], "{word}");
        assert_eq!(
            decision.audit_annotations,
            [("credential-specs", "app".to_owned())]
        );
        // Who may use it, /validate asks.
        assert_eq!(cluster.asked.take(), ["get app"]);
    }
}

#[test]
fn each_level_has_its_own() {
    let named = |name: &str| windows(&json!({"gmsaCredentialSpecName": name}));
    let spec = json!({
        "securityContext": named("other"),
        "containers": [
            {"name": "a", "securityContext": named("app")}, {"name": "b"}, {"name": "c", "securityContext": named("other")},
        ],
    });
    let cluster = Cluster::default();
    let at = |place: &str| format!("/spec{place}/securityContext/windowsOptions/gmsaCredentialSpec");
    assert_eq!(
        patch(&cluster.decide(Mutate, &create(&pod(&spec)))),
        [
            (at(""), json!(OTHER)),
            (at("/containers/0"), json!(APP)),
            (at("/containers/2"), json!(OTHER)),
        ]
    );
    assert_eq!(cluster.asked.take(), ["get other", "get app"]);
}

#[test]
fn what_is_there_is_left_to_validate() {
    for options in [
        json!({}),
        json!({"gmsaCredentialSpec": "x"}),
        json!({"gmsaCredentialSpecName": "gone", "gmsaCredentialSpec": ""}),
        json!({"gmsaCredentialSpecName": "secret", "gmsaCredentialSpec": "{}"}),
    ] {
        for (word, _, pod) in at_each_level(&options) {
            let cluster = Cluster::default();
            assert_eq!(
                patch(&cluster.decide(Mutate, &create(&pod))),
                [],
                "{word} {options}"
            );
            assert_eq!(cluster.asked.take(), [""; 0]);
        }
    }
}

#[test]
fn specs_that_cannot_be_had_refuse_the_pod() {
    for (name, code, message) in CANNOT_BE_HAD {
        for (word, _, pod) in at_each_level(&json!({"gmsaCredentialSpecName": name})) {
            let decision = Cluster::default().decide(Mutate, &create(&pod));
            assert_eq!(refusal(&decision), Some((code, message.to_owned())), "{word}");
        }
    }
    // A list is no object, but it is what the resource holds.
    let (.., pod) = &at_each_level(&json!({"gmsaCredentialSpecName": "list"}))[0];
    assert_eq!(
        patch(&Cluster::default().decide(Mutate, &create(pod)))[0].1,
        json!("[1]")
    );
}

#[test]
fn the_first_error_is_the_answer_and_all_are_told() {
    let named = |name: &str| windows(&json!({"gmsaCredentialSpecName": name}));
    let spec = json!({
        "containers": [{"name": "a", "securityContext": named("app")}, {"name": "b", "securityContext": named("empty")}],
        "initContainers": [{"name": "c", "securityContext": named("gone")}],
    });
    let decision = Cluster::default().decide(Mutate, &create(&pod(&spec)));
    let codes: Vec<u16> = problems(&decision).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, [417, 404]);
    assert_eq!(decision.denial().unwrap().code(), 417);
    assert_eq!(
        decision.audit_annotations,
        [("problems", "gmsa-spec-empty,gmsa-spec-unknown".to_owned())]
    );
}

#[test]
fn random_hostnames_are_for_pods_with_a_gmsa_and_without_a_hostname() {
    let cluster = || Cluster {
        hostname: Some([0x53, 0x13, 0x52, 0x1c, 0x1b, 0x05]),
        ..Cluster::default()
    };
    let hostname = ("/spec/hostname".to_owned(), json!("5313521c-1b05-4"));
    for (word, _, pod) in at_each_level(&json!({"gmsaCredentialSpecName": "app"})) {
        let found = patch(&cluster().decide(Mutate, &create(&pod)));
        assert_eq!(found.len(), 2, "{word}");
        assert_eq!(found[1], hostname, "{word}");
        assert_eq!(patch(&Cluster::default().decide(Mutate, &create(&pod))).len(), 1);
    }
    // Contents that are there are a gMSA as well; an empty hostname is none.
    for (word, _, mut pod) in
        at_each_level(&json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": APP}))
    {
        pod["spec"]["hostname"] = json!("");
        let decision = cluster().decide(Mutate, &create(&pod));
        assert_eq!(patch(&decision), std::slice::from_ref(&hostname), "{word}");
        assert_eq!(decision.notes, [""; 0]);
        pod["spec"]["hostname"] = json!("mine");
        let decision = cluster().decide(Mutate, &create(&pod));
        assert_eq!(patch(&decision), [], "{word}");
        assert_eq!(
            decision.notes,
            ["hostname is set in spec and will be hornored instead of being randomized"]
        );
    }
    for options in [json!({}), json!({"gmsaCredentialSpec": APP})] {
        for (word, _, pod) in at_each_level(&options) {
            assert_eq!(patch(&cluster().decide(Mutate, &create(&pod))), [], "{word}");
        }
    }
}

#[test]
fn a_pod_that_changes_is_left_alone() {
    for (word, _, pod) in at_each_level(&json!({"gmsaCredentialSpecName": "app"})) {
        let cluster = Cluster {
            hostname: Some([0; 6]),
            ..Cluster::default()
        };
        assert_eq!(
            patch(&cluster.decide(Mutate, &update("", &pod, &pod))),
            [],
            "{word}"
        );
        assert_eq!(cluster.asked.take(), [""; 0]);
    }
}
