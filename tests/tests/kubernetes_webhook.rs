//! `porthole webhook`, registered with a real API server and called by it.

#![cfg(unix)]

#[path = "kubernetes_webhook/answers.rs"]
mod answers;
#[path = "kubernetes_webhook/bed.rs"]
mod bed;
#[path = "kubernetes_webhook/cases.rs"]
mod cases;
#[path = "kubernetes_webhook/checked.rs"]
mod checked;
#[path = "kubernetes_webhook/generated.rs"]
mod generated;
#[path = "kubernetes_webhook/host_accounts.rs"]
mod host_accounts;
#[path = "kubernetes_webhook/load.rs"]
mod load;
#[path = "kubernetes_webhook/replicas.rs"]
mod replicas;

use std::time::{Duration, Instant};

use porthole_tests::wait;
use serde_json::json;

use bed::{BINDINGS, Bed, CONTENTS, SEEN, SPECS, contents, message, response, review};
use load::Load;

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn pods_get_their_contents_and_changes_of_specs_and_roles_are_seen() {
    let bed = Bed::new(&[]);
    bed.register();
    let (code, pod) = bed.create("web", "webapp1");
    assert_eq!((code, contents(&pod)), (201, Some(CONTENTS)));
    let (code, status) = bed.create("db", "webapp1");
    let denied = "service account \"db\" is not authorized to `use` GMSA cred spec \"webapp1\"";
    assert_eq!(code, 403);
    assert!(message(&status).ends_with(denied), "{status}");
    let (code, status) = bed.create("web", "webapp2");
    assert_eq!(code, 404);
    assert!(
        message(&status).ends_with("cred spec webapp2 does not exist"),
        "{status}"
    );

    let change = r#"{"credspec": {"CmsPlugins": ["Changed"], "DomainJoinConfig": null}}"#;
    let merge = "application/merge-patch+json";
    let answer = bed
        .client
        .patch(&format!("{SPECS}/webapp1"), merge, change)
        .unwrap();
    assert_eq!(answer.code, 200, "{}", answer.body);
    bed.until("the changed spec to be seen", |bed| {
        (contents(&bed.create("web", "webapp1").1)? == r#"{"CmsPlugins":["Changed"]}"#).then_some(())
    });
    // A new one is not waited for: what is not held is asked.
    let new = r#"{"apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": {"name": "webapp2"}, "credspec": {}}"#;
    assert_eq!(bed.client.post(SPECS, new).unwrap().code, 201);
    let (code, status) = bed.create("web", "webapp2");
    assert_eq!(code, 403, "it is there, and not for everybody: {status}");

    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "db"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use-webapp1"},
        "subjects": [{"kind": "ServiceAccount", "name": "db", "namespace": "shop"}],
    });
    assert_eq!(bed.client.post(BINDINGS, &binding.to_string()).unwrap().code, 201);
    bed.until("the new binding to be seen", |bed| {
        (bed.create("db", "webapp1").0 == 201).then_some(())
    });
    assert_eq!(bed.client.delete(&format!("{BINDINGS}/db")).unwrap().code, 200);
    bed.until("the binding that is gone to be seen", |bed| {
        (bed.create("db", "webapp1").0 == 403).then_some(())
    });
    assert_eq!(bed.create("web", "webapp1").0, 201);

    assert!(bed.metric("porthole_webhook_requests_total{path=\"/mutate\",outcome=\"patched\"}") >= 3.0);
    assert!(bed.metric("porthole_webhook_access_reviews_total{result=\"hit\"}") >= 1.0);
    let said = bed.webhook.said();
    assert!(said.contains("\"problems\":\"gmsa-unauthorized\""), "{said}");
    assert!(
        !said.contains("hunter2") && !said.contains("CmsPlugins"),
        "{said}"
    );
    assert!(said.contains("not needed"), "QPS is reported: {said}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn no_request_fails_while_certificates_are_swapped_and_the_server_ends() {
    let bed = Bed::new(&["--drain-delay=2"]);
    bed.register();
    let load = Load::new();
    let until = "porthole_webhook_certificate_not_after_seconds";
    std::thread::scope(|scope| {
        // One with a handshake for each request, one that keeps its connection, and the API server itself.
        let direct = [0, 1].map(|connections| {
            let agent = bed.webhook.agent(connections).unwrap();
            let (bed, review) = (&bed, review("web", "webapp1", None));
            load.spawn(scope, move || {
                let (code, body) = bed.webhook.review(&agent, "/mutate", review.as_bytes()).unwrap();
                assert_eq!((code, &response(&body)["allowed"]), (200, &json!(true)), "{body}");
            })
        });
        let pods = load.spawn(scope, || {
            let (code, pod) = bed.create("web", "webapp1");
            assert_eq!((code, contents(&pod)), (201, Some(CONTENTS)), "{pod}");
        });
        let before = load.during(|| {
            let mut last = bed.metric(until);
            for year in 2051..2071 {
                let (certificate, key) = bed.authority.pair(&["127.0.0.1"], year).unwrap();
                bed.certificates.swap(&certificate, &key).unwrap();
                last = bed.until("the new certificate to be used", |bed| {
                    let now = bed.metric(until);
                    (now > last).then_some(now)
                });
            }
            let before = load.answered();
            bed.webhook.terminate().unwrap();
            bed.until("the webhook to be unready", |bed| {
                let agent = bed.webhook.agent(0).unwrap();
                (bed.webhook.get(&agent, "/readyz").ok()?.0 == 503).then_some(())
            });
            before
        });
        // As endpoints are taken away: everybody has heard of it before it listens no more.
        for thread in direct.into_iter().chain([pods]) {
            thread.join().unwrap();
        }
        assert!(load.answered() > before, "the load went on");
    });
    assert_eq!(bed.webhook.ended().unwrap(), 0, "{}", bed.webhook.said());
    assert!(load.answered() > 100);
    assert_eq!(
        bed.webhook.said().matches("a new certificate is in use").count(),
        20
    );
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn what_is_known_counts_for_a_time_while_the_api_server_is_away() {
    let mut bed = Bed::new(&["--max-stale=6", "--access-cache=1"]);
    let agent = bed.webhook.agent(1).unwrap();
    let ask = |bed: &Bed, path: &str, review: &str| {
        let (code, body) = bed.webhook.review(&agent, path, review.as_bytes()).unwrap();
        assert_eq!(code, 200);
        response(&body)
    };
    let (to_mutate, to_validate) = (
        review("web", "webapp1", None),
        review("web", "webapp1", Some(CONTENTS)),
    );
    let allowed = ask(&bed, "/validate", &to_validate);
    assert_eq!(allowed["allowed"], true, "{allowed}");
    let begun = Instant::now();
    bed.server.stop().unwrap();
    if begun.elapsed() < Duration::from_secs(4) {
        assert_eq!(ask(&bed, "/mutate", &to_mutate)["allowed"], true);
        assert_eq!(ask(&bed, "/validate", &to_validate)["allowed"], true);
    }
    let other = ask(&bed, "/validate", &review("db", "webapp1", Some(CONTENTS)));
    assert_eq!(other["status"]["code"], 503, "nothing is known of it: {other}");
    let text = "cannot tell whether service account \"db\" is authorized to `use` GMSA cred spec \"webapp1\"";
    assert!(message(&other["status"]).starts_with(text), "{other}");
    wait::until("what is known to be too old", SEEN, || {
        let (mutated, judged) = (
            ask(&bed, "/mutate", &to_mutate),
            ask(&bed, "/validate", &to_validate),
        );
        Ok((mutated["status"]["code"] == 500 && judged["status"]["code"] == 503).then_some(()))
    })
    .unwrap();
    let (code, told) = bed.webhook.get(&agent, "/readyz").unwrap();
    assert_eq!(code, 503);
    assert!(told.contains("[-] credential specs are synced"), "{told}");
    assert_eq!(bed.webhook.get(&agent, "/livez").unwrap().0, 200);
    bed.server.start_again().unwrap();
    bed.until("the API server to be heard again", |bed| {
        let ready = bed.webhook.get(&agent, "/readyz").unwrap().0 == 200;
        let is_allowed = |path: &str, review: &str| ask(bed, path, review)["allowed"] == true;
        (ready && is_allowed("/mutate", &to_mutate) && is_allowed("/validate", &to_validate)).then_some(())
    });
}
