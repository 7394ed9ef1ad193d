//! Ephemeral containers that come, by `pods/ephemeralcontainers`.

use porthole_admission::decide::Endpoint::{Mutate, Validate};
use serde_json::{Value, json};

use crate::support::{APP, CLASS, Cluster, OTHER, patch, pod, problems, refusal, update, windows};

const SUB: &str = "ephemeralcontainers";

/// A pod whose ephemeral containers have these names and `windowsOptions`.
fn with(containers: &[(&str, Value)]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, options)| json!({"name": name, "image": "i", "securityContext": windows(options)}))
        .collect();
    pod(&json!({"ephemeralContainers": containers}))
}

#[test]
fn those_that_come_are_filled_in_and_those_that_are_there_are_not() {
    let named = json!({"gmsaCredentialSpecName": "app"});
    let old = with(&[("old", named.clone())]);
    let new = with(&[("old", named.clone()), ("new", named)]);
    let cluster = Cluster {
        hostname: Some([0; 6]),
        ..Cluster::default()
    };
    assert_eq!(
        patch(&cluster.decide(Mutate, &update(SUB, &old, &new))),
        [(
            "/spec/ephemeralContainers/1/securityContext/windowsOptions/gmsaCredentialSpec".to_owned(),
            json!(APP)
        )]
    );
    let gone = with(&[("new", json!({"gmsaCredentialSpecName": "gone"}))]);
    let decision = cluster.decide(Mutate, &update(SUB, &with(&[]), &gone));
    assert_eq!(
        refusal(&decision),
        Some((404, "cred spec gone does not exist".to_owned()))
    );
}

#[test]
fn those_that_come_are_judged_as_a_new_pod_is() {
    let old = with(&[]);
    for (options, expected) in [
        (
            json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": APP}),
            None,
        ),
        (
            json!({"gmsaCredentialSpec": APP}),
            Some((
                422,
                "ephemeralContainer \"e\" has a GMSA cred spec set, but does not define the name of the corresponding \
                 resource",
            )),
        ),
        (
            json!({"gmsaCredentialSpecName": "secret", "gmsaCredentialSpec": APP}),
            Some((
                403,
                "service account \"web\" is not authorized to `use` GMSA cred spec \"secret\", reason: \"dummy reason\"",
            )),
        ),
        (
            json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": OTHER}),
            Some((
                422,
                "the GMSA cred spec contents for ephemeralContainer \"e\" does not match the contents of GMSA resource \
                 \"app\"",
            )),
        ),
    ] {
        let decision = Cluster::default().decide(Validate, &update(SUB, &old, &with(&[("e", options)])));
        assert_eq!(
            refusal(&decision),
            expected.map(|(code, text)| (code, text.to_owned()))
        );
    }
}

#[test]
fn those_that_are_there_do_not_change() {
    let set = |name: &str| json!({"gmsaCredentialSpecName": name, "gmsaCredentialSpec": APP});
    let old = with(&[("e", set("secret"))]);
    let added = with(&[("e", set("secret")), ("f", set("app"))]);
    let cluster = Cluster::default();
    assert_eq!(patch(&cluster.decide(Validate, &update(SUB, &old, &added))), []);
    assert_eq!(cluster.asked.take(), ["use app", "get app"]);
    for new in [with(&[("e", set("app"))]), with(&[])] {
        let decision = cluster.decide(Validate, &update(SUB, &old, &new));
        assert_eq!(decision.denial().unwrap().code(), 403);
        assert!(
            decision
                .denial()
                .unwrap()
                .message()
                .ends_with("modified on ephemeralContainer \"e\")")
        );
    }
    // One cannot come by another way.
    let decision = cluster.decide(Validate, &update("", &with(&[]), &with(&[("e", set("app"))])));
    assert_eq!(decision.denial().unwrap().code(), 403);
}

#[test]
fn windows_options_that_no_annotation_carries_are_refused() {
    let class = |mut pod: Value, options: Value| {
        pod["spec"]["runtimeClassName"] = json!(CLASS);
        pod["spec"]["securityContext"] = windows(&options);
        pod
    };
    for (of_pod, own, is_refused) in [
        (json!({}), json!({}), false),
        (json!({}), json!({"runAsUserName": "SYSTEM"}), true),
        (json!({"runAsUserName": "SYSTEM"}), json!({}), true),
    ] {
        let old = class(with(&[]), of_pod.clone());
        let new = class(with(&[("e", own.clone())]), of_pod.clone());
        let decision = Cluster::default().decide(Validate, &update(SUB, &old, &new));
        assert_eq!(decision.denial().is_some(), is_refused, "{of_pod} {own}");
        if is_refused {
            let (code, field, text) = problems(&decision).remove(0);
            assert_eq!(
                (code, field.as_str()),
                (403, "spec.ephemeralContainers[0].securityContext.windowsOptions")
            );
            assert!(
                text.starts_with("ephemeral container \"e\" cannot have windowsOptions"),
                "{text}"
            );
        }
    }
}
