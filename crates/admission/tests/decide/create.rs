//! Pods that come, at `/validate`.

use porthole_admission::decide::Endpoint::Validate;
use serde_json::json;

use crate::support::{
    APP, CANNOT_BE_HAD, Cluster, OTHER, at_each_level, create, patch, pod, problems, refusal, review, windows,
};

#[test]
fn contents_have_to_be_those_of_the_spec_that_is_named() {
    let differs = |spec: &str| format!(" does not match the contents of GMSA resource \"{spec}\"");
    let formatted =
        "{ \"DomainJoinConfig\": {\"NetBiosName\": \"<CORP>\"},\n\"CmsPlugins\": [\"ActiveDirectory\"] }";
    for (name, contents, code, tail) in [
        ("app", APP, 0, String::new()),
        ("app", formatted, 0, String::new()),
        ("app", OTHER, 422, differs("app")),
        (
            "app",
            "{\"a\"",
            422,
            differs("app")
                + ": unable to parse \"{\\\"a\\\"\" as a JSON object: unexpected end of JSON input",
        ),
        (
            "app",
            "",
            422,
            differs("app") + ": unable to parse \"\" as a JSON object: unexpected end of JSON input",
        ),
        (
            "list",
            "{}",
            422,
            differs("list")
                + ": unable to parse CRD \"[1]\" as a JSON object: json: cannot unmarshal array into Go value of type \
                   map[string]interface {}",
        ),
    ] {
        let options = json!({"gmsaCredentialSpecName": name, "gmsaCredentialSpec": contents});
        for (word, place, pod) in at_each_level(&options) {
            let decision = Cluster::default().decide(Validate, &create(&pod));
            if code == 0 {
                assert_eq!(patch(&decision), [], "{word} {contents}");
                continue;
            }
            let message = format!("the GMSA cred spec contents for {word}{tail}");
            let field = format!("{place}.securityContext.windowsOptions.gmsaCredentialSpec");
            assert_eq!(
                refusal(&decision),
                Some((code, message.clone())),
                "{word} {contents}"
            );
            assert_eq!(problems(&decision), [(code, field, message)]);
        }
    }
}

#[test]
fn specs_that_cannot_be_had_are_told_as_mutate_tells_them() {
    for (name, code, message) in CANNOT_BE_HAD {
        let options = json!({"gmsaCredentialSpecName": name, "gmsaCredentialSpec": APP});
        for (word, place, pod) in at_each_level(&options) {
            let decision = Cluster::default().decide(Validate, &create(&pod));
            let field = format!("{place}.securityContext.windowsOptions.gmsaCredentialSpecName");
            assert_eq!(refusal(&decision), Some((code, message.to_owned())), "{word}");
            assert_eq!(problems(&decision), [(code, field, message.to_owned())], "{word}");
        }
    }
}

#[test]
fn the_service_account_has_to_be_allowed_and_nobody_else_learns_of_the_spec() {
    let unauthorized = "service account \"web\" is not authorized to `use` GMSA cred spec";
    for (name, code, message) in [
        ("secret", 403, format!("{unauthorized} \"secret\", reason: \"dummy reason\"")),
        ("quiet", 403, format!("{unauthorized} \"quiet\"")),
        (
            "unsure",
            503,
            "cannot tell whether service account \"web\" is authorized to `use` GMSA cred spec \"unsure\": error when \
             checking authz access: connection refused"
                .to_owned(),
        ),
    ] {
        for contents in [json!(APP), json!(OTHER), json!(null)] {
            let options = json!({"gmsaCredentialSpecName": name, "gmsaCredentialSpec": contents});
            for (word, _, pod) in at_each_level(&options) {
                let cluster = Cluster::default();
                let decision = cluster.decide(Validate, &create(&pod));
                assert_eq!(refusal(&decision), Some((code, message.clone())), "{word} {contents}");
                assert_eq!(cluster.asked.take(), [format!("use {name}")]);
            }
        }
    }
}

#[test]
fn who_may_not_use_a_spec_is_told_which_binding_is_missing() {
    let options = json!({"gmsaCredentialSpecName": "secret", "gmsaCredentialSpec": APP});
    let spec = json!({"securityContext": windows(&options),
        "containers": [{"name": "c", "securityContext": windows(&options)}]});
    let decision = Cluster::default().decide(Validate, &create(&pod(&spec)));
    assert_eq!(
        decision.warnings,
        [
            "bind a ClusterRole with the verb `use` on `gmsacredentialspecs.windows.k8s.io` named `secret` to service \
             account `web` in namespace `shop`"
        ]
    );
    assert_eq!(
        decision.audit_annotations,
        [("problems", "gmsa-unauthorized".to_owned())]
    );
}

#[test]
fn contents_need_a_name_whatever_they_are() {
    for contents in [APP, ""] {
        for (word, place, pod) in at_each_level(&json!({"gmsaCredentialSpec": contents})) {
            let cluster = Cluster::default();
            let decision = cluster.decide(Validate, &create(&pod));
            let message = format!(
                "{word} has a GMSA cred spec set, but does not define the name of the corresponding resource"
            );
            let field = format!("{place}.securityContext.windowsOptions.gmsaCredentialSpecName");
            assert_eq!(problems(&decision), [(422, field, message)]);
            assert_eq!(cluster.asked.take(), [""; 0]);
        }
    }
}

#[test]
fn a_name_without_contents_means_that_mutate_has_not_seen_the_pod() {
    for (word, place, pod) in at_each_level(&json!({"gmsaCredentialSpecName": "app"})) {
        let decision = Cluster::default().decide(Validate, &create(&pod));
        let message = format!(
            "the GMSA cred spec contents for {word} are missing: nobody has filled in those of GMSA resource \"app\""
        );
        let field = format!("{place}.securityContext.windowsOptions.gmsaCredentialSpec");
        assert_eq!(problems(&decision), [(422, field, message)]);
    }
    let (.., pod) = &at_each_level(&json!({"gmsaCredentialSpecName": "gone"}))[0];
    let decision = Cluster::default().decide(Validate, &create(pod));
    assert_eq!(
        refusal(&decision),
        Some((404, "cred spec gone does not exist".to_owned()))
    );
}

#[test]
fn the_first_error_is_the_existing_webhooks_and_all_are_told() {
    let container =
        |name: &str, options: &serde_json::Value| json!({"name": name, "securityContext": windows(options)});
    let spec = json!({
        "ephemeralContainers": [container("e", &json!({"gmsaCredentialSpec": APP}))],
        "initContainers": [container("i", &json!({"gmsaCredentialSpecName": "gone", "gmsaCredentialSpec": APP}))],
        "containers": [
            container("a", &json!({"gmsaCredentialSpecName": "app"})),
            container("b", &json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": OTHER})),
            container("c", &json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": APP})),
        ],
    });
    let decision = Cluster::default().decide(Validate, &create(&pod(&spec)));
    let found = problems(&decision);
    let fields: Vec<_> = found
        .iter()
        .map(|(code, field, _)| (*code, field.as_str()))
        .collect();
    let field = |place: &str, key: &str| format!("spec.{place}.securityContext.windowsOptions.{key}");
    assert_eq!(
        fields,
        [
            // The existing webhook takes contents that are missing, so this is not its first error.
            (422, field("containers[0]", "gmsaCredentialSpec").as_str()),
            (422, field("containers[1]", "gmsaCredentialSpec").as_str()),
            (404, field("initContainers[0]", "gmsaCredentialSpecName").as_str()),
            (
                422,
                field("ephemeralContainers[0]", "gmsaCredentialSpecName").as_str()
            ),
        ]
    );
    assert_eq!(refusal(&decision), Some((422, found[1].2.clone())));
}

#[test]
fn a_spec_that_the_existing_webhook_does_not_look_up_is_not_its_first_error() {
    let spec = json!({
        "securityContext": windows(&json!({"gmsaCredentialSpecName": "gone"})),
        "containers": [{"name": "c", "securityContext": windows(&json!({"gmsaCredentialSpec": APP}))}],
    });
    let decision = Cluster::default().decide(Validate, &create(&pod(&spec)));
    let codes: Vec<u16> = problems(&decision).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, [404, 422]);
    assert_eq!(decision.denial().unwrap().code(), 422);
}

#[test]
fn each_spec_is_asked_for_once() {
    let options = windows(&json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": "{}"}));
    let spec = json!({"securityContext": options, "containers": [
        {"name": "a", "securityContext": options}, {"name": "b", "securityContext": options},
    ]});
    let cluster = Cluster::default();
    assert_eq!(problems(&cluster.decide(Validate, &create(&pod(&spec)))).len(), 3);
    assert_eq!(cluster.asked.take(), ["use app", "get app"]);
}

#[test]
fn pods_without_a_gmsa_are_nobodys_business() {
    for spec in [
        json!({}),
        json!({"securityContext": {}}),
        json!({"securityContext": windows(&json!({"runAsUserName": "x"}))}),
        json!({"securityContext": windows(&json!({"gmsaCredentialSpecName": null, "gmsaCredentialSpec": null}))}),
        json!({"containers": null, "initContainers": [{"name": "i"}]}),
    ] {
        let cluster = Cluster::default();
        assert_eq!(
            patch(&cluster.decide(Validate, &create(&pod(&spec)))),
            [],
            "{spec}"
        );
        assert_eq!(cluster.asked.take(), [""; 0]);
    }
}

#[test]
fn other_kinds_and_operations_are_refused() {
    let pod = pod(&json!({}));
    let mut deployment = create(&pod);
    deployment["request"]["kind"] = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let null = json!(null);
    let unreadable = "unable to unmarshall pod JSON object: unexpected end of JSON input";
    for (review, message) in [
        (deployment, "expected a Pod object, got a Deployment"),
        (review("DELETE", "", &null, &pod), unreadable),
        (review("DELETE", "", &pod, &null), "unpexpected operation DELETE"),
        (
            review("CONNECT", "exec", &pod, &null),
            "unpexpected operation CONNECT",
        ),
        (review("", "", &pod, &null), "unpexpected operation "),
        (review("UPDATE", "", &pod, &null), unreadable),
    ] {
        let decision = Cluster::default().decide(Validate, &review);
        assert_eq!(refusal(&decision), Some((400, message.to_owned())));
        assert_eq!(decision.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    }
}

#[test]
fn the_pods_name_is_what_it_is_called_by_once_it_has_one() {
    let mut pod = pod(&json!({"securityContext": windows(&json!({"gmsaCredentialSpec": APP}))}));
    pod["metadata"] = json!({"generateName": "web-7d4b9-"});
    let decision = Cluster::default().decide(Validate, &create(&pod));
    let message =
        "pod \"\" has a GMSA cred spec set, but does not define the name of the corresponding resource";
    assert_eq!(refusal(&decision), Some((422, message.to_owned())));
    let answer: serde_json::Value = serde_json::from_str(&decision.to_json()).unwrap();
    assert_eq!(answer["response"]["status"]["details"]["name"], "web-7d4b9-");
}
