//! Pods that change, at `/validate`.

use porthole_admission::decide::Endpoint::Validate;
use serde_json::{Value, json};

use crate::support::{APP, Cluster, OTHER, at_each_level, patch, pod, problems, refusal, update, windows};

fn message(fields: &str, word: &str) -> String {
    format!("cannot update an existing pod's GMSA settings (GMSA {fields} modified on {word})")
}

#[test]
fn nothing_of_the_gmsa_settings_changes() {
    let set =
        |name: &str, contents: &str| json!({"gmsaCredentialSpecName": name, "gmsaCredentialSpec": contents});
    for (old, new, fields) in [
        (json!({}), json!({}), ""),
        (set("app", APP), set("app", APP), ""),
        (set("app", APP), set("other", APP), "name"),
        (set("app", APP), set("app", OTHER), "contents"),
        (set("app", "{}"), set("app", "{ }"), "contents"),
        (set("app", APP), set("other", OTHER), "name and contents"),
        (set("app", APP), json!({"gmsaCredentialSpec": APP}), "name"),
        (
            json!({"gmsaCredentialSpecName": "app"}),
            set("app", APP),
            "contents",
        ),
        (set("app", APP), json!({}), "name and contents"),
        (json!({}), set("app", APP), "name and contents"),
        (
            json!({"gmsaCredentialSpecName": null}),
            json!({"runAsUserName": "x"}),
            "",
        ),
    ] {
        for ((word, place, old), (.., new)) in at_each_level(&old).into_iter().zip(at_each_level(&new)) {
            let cluster = Cluster::default();
            let decision = cluster.decide(Validate, &update("", &old, &new));
            assert_eq!(cluster.asked.take(), [""; 0]);
            if fields.is_empty() {
                assert_eq!(patch(&decision), [], "{word}");
                continue;
            }
            let key = if fields.starts_with("name") { "Name" } else { "" };
            let field = format!("{place}.securityContext.windowsOptions.gmsaCredentialSpec{key}");
            assert_eq!(problems(&decision), [(403, field, message(fields, word))]);
        }
    }
}

#[test]
fn what_an_update_drops_is_noticed() {
    let set = json!({"gmsaCredentialSpecName": "app", "gmsaCredentialSpec": APP});
    let drop: [fn(&mut Value); 3] = [
        |node| node["securityContext"]["windowsOptions"] = Value::Null,
        |node| node["securityContext"] = json!({}),
        |node| {
            node.as_object_mut().unwrap().remove("securityContext");
        },
    ];
    for (word, place, old) in at_each_level(&set) {
        let pointer = format!("/{}", place.replace(['.', '['], "/").replace(']', ""));
        for drop in drop {
            let mut new = old.clone();
            drop(new.pointer_mut(&pointer).unwrap());
            let decision = Cluster::default().decide(Validate, &update("", &old, &new));
            assert_eq!(
                refusal(&decision),
                Some((403, message("name and contents", word)))
            );
        }
        // The container as a whole.
        let without = pod(&json!({}));
        let decision = Cluster::default().decide(Validate, &update("", &old, &without));
        assert_eq!(
            refusal(&decision),
            Some((403, message("name and contents", word)))
        );
        let decision = Cluster::default().decide(Validate, &update("", &without, &old));
        assert_eq!(
            refusal(&decision),
            Some((403, message("name and contents", word)))
        );
    }
}

#[test]
fn containers_are_known_by_their_names() {
    let set = |name: &str| windows(&json!({"gmsaCredentialSpecName": name}));
    let old = pod(&json!({"containers": [{"name": "a", "securityContext": set("app")}, {"name": "b"}]}));
    let turned = pod(
        &json!({"containers": [{"name": "b"}, {"name": "a", "image": "new", "securityContext": set("app")}]}),
    );
    assert_eq!(
        patch(&Cluster::default().decide(Validate, &update("", &old, &turned))),
        []
    );
}

#[test]
fn the_first_error_is_the_existing_webhooks() {
    let set = |name: &str| windows(&json!({"gmsaCredentialSpecName": name}));
    let old = pod(
        &json!({"securityContext": set("app"), "containers": [{"name": "a", "securityContext": set("app")}]}),
    );
    // It does not see that the pod's own settings are gone.
    let new = pod(&json!({"containers": [{"name": "a", "securityContext": set("other")}]}));
    let decision = Cluster::default().decide(Validate, &update("", &old, &new));
    assert_eq!(
        refusal(&decision),
        Some((403, message("name", "container \"a\"")))
    );
    let all: Vec<String> = problems(&decision).into_iter().map(|(.., text)| text).collect();
    assert_eq!(
        all,
        [message("name", "pod \"p\""), message("name", "container \"a\"")]
    );
}
