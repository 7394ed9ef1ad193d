//! What the existing webhook's integration tests ask of a cluster: pods of controllers, pods that change, hostnames.

use serde_json::{Value, json};

use super::bed::{Bed, CONTENTS, SPECS, contents, message, pod};

const PODS: &str = "/api/v1/namespaces/shop/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/shop/replicasets";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const OPERATIONS: &str = "application/json-patch+json";
/// The same contents as a hand would write them.
const BY_HAND: &str = "{\n  \"DomainJoinConfig\": {\"NetBiosName\": \"<CORP>\", \"DnsName\": \"corp.example\"},\n  \"CmsPlugins\": [\"ActiveDirectory\"]\n}";

fn options(name: Option<&str>, contents: Option<&str>) -> Value {
    json!({"windowsOptions": {"gmsaCredentialSpecName": name, "gmsaCredentialSpec": contents}})
}

/// A Deployment of one pod, whose pod and whose container have these security contexts.
fn deployment(name: &str, account: &str, of_pod: &Value, of_container: &Value) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "serviceAccountName": account, "securityContext": of_pod,
                    "containers": [{"name": "c", "image": "i", "securityContext": of_container}],
                },
            },
        },
    })
    .to_string()
}

impl Bed {
    /// The items of a list that belong to a Deployment.
    fn of_deployment(&self, list: &str, name: &str) -> Vec<Value> {
        let answer = self
            .client
            .get(&format!("{list}?labelSelector=app%3D{name}"))
            .unwrap();
        let list = answer.json().unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37 and kube-controller-manager 1.37"]
fn pods_of_deployments_come_up_or_their_replica_sets_say_why_not() {
    let mut bed = Bed::new(&[]);
    bed.register();
    bed.server
        .start_controllers(&["deployment-controller", "replicaset-controller"])
        .unwrap();
    let (none, named) = (json!({}), options(Some("webapp1"), None));
    let by_hand = options(Some("webapp1"), Some(BY_HAND));
    let good = [
        ("at-pod", &named, &none, [Some(CONTENTS), None]),
        ("at-container", &none, &named, [None, Some(CONTENTS)]),
        ("at-both", &named, &named, [Some(CONTENTS), Some(CONTENTS)]),
        ("by-hand", &by_hand, &none, [Some(BY_HAND), None]),
    ];
    let unknown = options(Some("i-sure-dont-exist"), None);
    let nameless = options(None, Some("{}"));
    let other = options(Some("webapp1"), Some("{\"CmsPlugins\":[]}"));
    let differs =
        "the GMSA cred spec contents for pod \"{}\" does not match the contents of GMSA resource \"webapp1\"";
    let bad = [
        (
            "no-rights",
            "db",
            &named,
            &none,
            "service account \"db\" is not authorized to `use` GMSA cred spec \"webapp1\"",
        ),
        (
            "not-there",
            "web",
            &unknown,
            &none,
            "cred spec i-sure-dont-exist does not exist",
        ),
        (
            "no-name-pod",
            "web",
            &nameless,
            &none,
            "has a GMSA cred spec set, but does not define the name of the corresponding resource",
        ),
        (
            "no-name-container",
            "web",
            &none,
            &nameless,
            "container \"c\" has a GMSA cred spec set, but does not define the name of the corresponding resource",
        ),
        (
            "others",
            "web",
            &other,
            &none,
            differs.rsplit_once("\"{}\"").unwrap().1,
        ),
    ];
    for (name, of_pod, of_container, _) in good {
        let answer = bed
            .client
            .post(DEPLOYMENTS, &deployment(name, "web", of_pod, of_container))
            .unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
    }
    for (name, account, of_pod, of_container, _) in bad {
        let answer = bed
            .client
            .post(DEPLOYMENTS, &deployment(name, account, of_pod, of_container))
            .unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
    }
    for (name, .., expected) in good {
        let pod = bed.until(&format!("the pod of {name}"), |bed| {
            bed.of_deployment(PODS, name).pop()
        });
        let of_container =
            &pod["spec"]["containers"][0]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"];
        assert_eq!([contents(&pod), of_container.as_str()], expected, "{name}");
    }
    for (name, .., expected) in bad {
        let said = bed.until(&format!("the replica set of {name} to say why"), |bed| {
            let set = bed.of_deployment(REPLICA_SETS, name).pop()?;
            let condition = &set["status"]["conditions"][0];
            (condition["type"] == "ReplicaFailure" && condition["reason"] == "FailedCreate")
                .then(|| message(condition).to_owned())
        });
        assert!(said.contains(expected), "{name}: {said}");
        assert_eq!(bed.of_deployment(PODS, name).len(), 0);
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_pod_that_is_there_keeps_its_gmsa_and_changes_otherwise() {
    let bed = Bed::new(&[]);
    bed.register();
    let answer = bed.client.post(PODS, &pod("web", "webapp1").to_string()).unwrap();
    assert_eq!(answer.code, 201, "{}", answer.body);
    let at = format!("{PODS}/p");
    let place = "/spec/securityContext/windowsOptions";
    for operation in [
        json!({"op": "replace", "path": format!("{place}/gmsaCredentialSpec"), "value": "{}"}),
        json!({"op": "replace", "path": format!("{place}/gmsaCredentialSpecName"), "value": "webapp2"}),
        json!({"op": "remove", "path": format!("{place}/gmsaCredentialSpec")}),
        json!({"op": "remove", "path": place}),
        json!({"op": "remove", "path": "/spec/securityContext"}),
    ] {
        let answer = bed
            .client
            .patch(&at, OPERATIONS, &json!([operation]).to_string())
            .unwrap();
        assert!(matches!(answer.code, 403 | 422), "{operation}: {}", answer.body);
    }
    let image = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "other"}]);
    let answer = bed.client.patch(&at, OPERATIONS, &image.to_string()).unwrap();
    let changed = answer.json().unwrap();
    assert_eq!(
        (answer.code, contents(&changed)),
        (200, Some(CONTENTS)),
        "{changed}"
    );

    // Whom the existing webhook does not see: ephemeral and init containers.
    let add = |options: &Value| {
        let container = json!({"name": "d", "image": "i", "securityContext": options});
        let patch = json!({"spec": {"ephemeralContainers": [container]}}).to_string();
        let answer = bed
            .client
            .patch(&format!("{at}/ephemeralcontainers?dryRun=All"), STRATEGIC, &patch)
            .unwrap();
        (answer.code, answer.json().unwrap())
    };
    let (code, status) = add(&options(None, Some("{}")));
    let nameless = "has a GMSA cred spec set, but does not define the name of the corresponding resource";
    assert_eq!(code, 422);
    assert!(
        message(&status).ends_with(&format!("ephemeralContainer \"d\" {nameless}")),
        "{status}"
    );
    let (code, status) = add(&options(Some("webapp2"), None));
    assert_eq!(code, 404, "{status}");
    let (code, filled) = add(&options(Some("webapp1"), None));
    let container = &filled["spec"]["ephemeralContainers"][0];
    let held = &container["securityContext"]["windowsOptions"]["gmsaCredentialSpec"];
    assert_eq!((code, held.as_str()), (200, Some(CONTENTS)), "{filled}");
    let mut hidden = pod("web", "webapp1");
    hidden["metadata"]["name"] = json!("hidden");
    hidden["spec"]["initContainers"] =
        json!([{"name": "i", "image": "i", "securityContext": options(None, Some("{}"))}]);
    let answer = bed.client.post(PODS, &hidden.to_string()).unwrap();
    assert_eq!(answer.code, 422);
    assert!(
        answer
            .body
            .contains("initContainer \\\"i\\\" has a GMSA cred spec set"),
        "{}",
        answer.body
    );
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_spec_that_is_larger_than_a_pod_can_hold_is_told_by_the_api_server_and_an_empty_one_is_filled_in() {
    let bed = Bed::new(&[]);
    bed.register();
    let change = |credspec: Value| {
        let merge = "application/merge-patch+json";
        let change = json!({"credspec": credspec}).to_string();
        let answer = bed
            .client
            .patch(&format!("{SPECS}/webapp1"), merge, &change)
            .unwrap();
        assert_eq!(answer.code, 200, "{}", answer.body);
    };
    let account = |input: Value| json!({"HostAccountConfig": {"PluginInput": input}});
    change(json!({"ActiveDirectoryConfig": account(json!("x".repeat(70_000)))}));
    let said = bed.until("the large spec to be seen", |bed| {
        let (code, status) = bed.create("web", "webapp1");
        // One that changes between `/mutate` and `/validate` is the webhook's to refuse.
        let is_servers = code == 422 && !message(&status).contains("denied the request");
        is_servers.then(|| message(&status).to_owned())
    });
    let field = "spec.securityContext.windowsOptions.gmsaCredentialSpec";
    assert!(
        said.contains(field) && !said.contains("denied the request"),
        "{said}"
    );
    change(json!({"ActiveDirectoryConfig": null, "CmsPlugins": null, "DomainJoinConfig": null}));
    bed.until("the empty spec to be seen", |bed| {
        (contents(&bed.create("web", "webapp1").1)? == "{}").then_some(())
    });
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn hostnames_are_random_where_that_is_asked_for_and_nobody_has_chosen_one() {
    let bed = Bed::new(&["--random-hostname=true"]);
    bed.register();
    let hostname = |change: &dyn Fn(&mut Value)| {
        let mut pod = pod("web", "webapp1");
        change(&mut pod["spec"]);
        let answer = bed
            .client
            .post(&format!("{PODS}?dryRun=All"), &pod.to_string())
            .unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
        answer.json().unwrap()["spec"]["hostname"]
            .as_str()
            .map(str::to_owned)
    };
    let (one, other) = (hostname(&|_| {}).unwrap(), hostname(&|_| {}).unwrap());
    assert_ne!(one, other);
    for name in [&one, &other] {
        assert!(name.len() == 15 && name.ends_with("-4"), "{name}");
    }
    assert_eq!(
        hostname(&|spec| spec["hostname"] = json!("chosen")).as_deref(),
        Some("chosen")
    );
    assert_eq!(hostname(&|spec| spec["securityContext"] = json!({})), None);
}
