//! Which pods the API server asks about: the expressions of the configurations, at the server that reads them.

use std::time::Duration;

use base64::Engine as _;
use porthole_tests::kubernetes::programs::NEWEST;
use porthole_tests::kubernetes::{Certificates, Webhook};
use porthole_tests::wait;
use serde_json::{Value, json};

use super::bed::{Bed, NAME, REGISTRATION};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// The webhook as a process, which the configurations of an installation lead to.
struct Asked {
    bed: Bed,
    webhook: Webhook,
    _directory: tempfile::TempDir,
}

impl Asked {
    fn new() -> Self {
        let bed = Bed::new(NEWEST);
        let (code, out, err) = bed.install_with_controllers(&["--runtime-class=porthole"]);
        assert_eq!(code, Some(0), "{out}{err}");
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let pem = made.cert.pem();
        let directory = tempfile::tempdir().unwrap();
        let certificates =
            Certificates::new(directory.path(), &pem, &made.signing_key.serialize_pem()).unwrap();
        let class = ["--runtime-class=porthole"];
        let webhook = Webhook::start(&bed.server, &certificates, &pem, &class).unwrap();
        let asked = Self {
            bed,
            webhook,
            _directory: directory,
        };
        asked.lead("validating", "validate", &pem);
        asked.lead("mutating", "mutate", &pem);
        let class = r#"{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "porthole"}, "handler": "h"}"#;
        let classes = "/apis/node.k8s.io/v1/runtimeclasses";
        for class in [class.to_owned(), class.replace("\"porthole\"", "\"other\"")] {
            assert_eq!(asked.bed.client.post(classes, &class).unwrap().code, 201);
        }
        // What has been written is read a moment later.
        let written =
            pod(&json!({"securityContext": {"windowsOptions": {"runAsUserName": "ContainerUser"}}}));
        wait::until("both webhooks to be asked", Duration::from_secs(30), || {
            let before = asked.counts();
            asked.create(&written);
            let after = asked.counts();
            Ok((after.0 > before.0 && after.1 > before.1).then_some(()))
        })
        .unwrap();
        asked
    }

    /// Leads a configuration to the process.
    fn lead(&self, kind: &str, path: &str, pem: &str) {
        let mut configuration = self.bed.configuration(kind).unwrap();
        for webhook in configuration["webhooks"].as_array_mut().unwrap() {
            webhook["clientConfig"] = json!({
                "url": format!("{}/{path}", self.webhook.address()),
                "caBundle": base64::engine::general_purpose::STANDARD.encode(pem),
            });
        }
        let at = format!("{REGISTRATION}/{kind}webhookconfigurations/{NAME}");
        let answer = self.bed.client.put(&at, &configuration.to_string()).unwrap();
        assert_eq!(answer.code, 200, "{}", answer.body);
    }

    /// How often `/mutate` and `/validate` were asked.
    fn counts(&self) -> (u64, u64) {
        let (_, text) = self
            .webhook
            .get(&self.webhook.agent(1).unwrap(), "/metrics")
            .unwrap();
        let count = |path: &str| -> u64 {
            let start = format!("porthole_webhook_requests_total{{path=\"{path}\"");
            let lines = text.lines().filter(|line| line.starts_with(&start));
            lines
                .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
                .sum()
        };
        (count("/mutate"), count("/validate"))
    }

    fn create(&self, pod: &Value) -> (u16, String) {
        let answer = self
            .bed
            .client
            .post(&format!("{PODS}?dryRun=All"), &pod.to_string())
            .unwrap();
        (answer.code, answer.body)
    }

    /// Which of both are asked by what is done.
    fn asks<T>(&self, act: impl FnOnce() -> T) -> (bool, bool) {
        let before = self.counts();
        act();
        let after = self.counts();
        (after.0 > before.0, after.1 > before.1)
    }

    fn patch(&self, path: &str, change: &Value) -> u16 {
        let strategic = "application/strategic-merge-patch+json";
        let answer = self
            .bed
            .client
            .patch(path, strategic, &change.to_string())
            .unwrap();
        answer.code
    }
}

/// A pod with a container `c` and these fields.
fn pod(spec: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    let fields = pod["spec"].as_object_mut().unwrap();
    fields.extend(spec.as_object().unwrap().clone());
    pod
}

fn options(options: &Value) -> Value {
    json!({"windowsOptions": options})
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn new_pods_are_asked_about_where_they_concern_the_webhook() {
    let asked = Asked::new();
    let user = options(&json!({"runAsUserName": "ContainerUser"}));
    let container = |more: &Value| json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i", "securityContext": more}]);
    for (name, spec, concerned) in [
        ("nothing", json!({}), false),
        ("an empty securityContext", json!({"securityContext": {}}), false),
        (
            "nothing of Windows",
            json!({"securityContext": {"runAsUser": 1}}),
            false,
        ),
        (
            "no option",
            json!({"securityContext": options(&json!({}))}),
            false,
        ),
        (
            "null",
            json!({"securityContext": null, "initContainers": null}),
            false,
        ),
        ("an account", json!({"securityContext": user}), true),
        (
            "a gMSA",
            json!({"securityContext": options(&json!({"gmsaCredentialSpecName": "x"}))}),
            true,
        ),
        (
            "contents",
            json!({"securityContext": options(&json!({"gmsaCredentialSpec": "{}"}))}),
            true,
        ),
        (
            "HostProcess",
            json!({"hostNetwork": true, "securityContext": options(&json!({"hostProcess": true}))}),
            true,
        ),
        (
            "a container's account",
            json!({"containers": container(&user)}),
            true,
        ),
        (
            "a container's nothing",
            json!({"containers": container(&options(&json!({})))}),
            false,
        ),
        (
            "an init container's account",
            json!({"initContainers": container(&user)}),
            true,
        ),
        ("a class", json!({"runtimeClassName": "porthole"}), true),
        ("another class", json!({"runtimeClassName": "other"}), false),
        (
            "eight hundred containers",
            json!({"containers": (0..800).map(|number| json!({
            "name": format!("c{number}"), "image": "i", "securityContext": {"runAsUser": 1},
        })).collect::<Vec<_>>()}),
            false,
        ),
    ] {
        let mut answer = (0, String::new());
        let seen = asked.asks(|| answer = asked.create(&pod(&spec)));
        assert_eq!(seen.0, concerned, "{name}: {answer:?}");
        // Where `/mutate` has refused, `/validate` is not asked.
        if !concerned || answer.0 == 201 {
            assert_eq!(seen.1, concerned, "{name}: {answer:?}");
        }
        assert!(concerned || answer.0 == 201, "{name}: {answer:?}");
    }
    for (key, concerned) in [
        ("porthole.dev/x", true),
        ("microsoft.com/hostprocess-container", true),
        ("example.com/porthole.dev", false),
    ] {
        let mut annotated = pod(&json!({}));
        annotated["metadata"]["annotations"] = json!({key: "v"});
        let seen = asked.asks(|| asked.create(&annotated));
        assert_eq!(seen.0, concerned, "{key}");
    }
    // In these namespaces nobody is asked.
    for namespace in ["kube-system", "porthole-system"] {
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        let text = pod(&json!({"securityContext": user})).to_string();
        let seen = asked.asks(|| asked.bed.client.post(&path, &text).unwrap());
        assert_eq!(seen, (false, false), "{namespace}");
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn changed_pods_are_asked_about_as_they_were_and_as_they_are_to_be() {
    let asked = Asked::new();
    let make = |name: &str, spec: &Value| {
        let mut pod = pod(spec);
        pod["metadata"]["name"] = json!(name);
        let answer = asked.bed.client.post(PODS, &pod.to_string()).unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
    };
    make("plain", &json!({}));
    make(
        "windows",
        &json!({"securityContext": options(&json!({"runAsUserName": "ContainerUser"}))}),
    );
    let at = |name: &str, part: &str| format!("{PODS}/{name}{part}");
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(
        asked.asks(|| asked.patch(&at("plain", ""), &label)),
        (false, false)
    );
    assert_eq!(
        asked.asks(|| asked.patch(&at("windows", ""), &label)),
        (false, true)
    );

    let ephemeral = |more: &Value| json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "i", "securityContext": more}]}});
    let plain = ephemeral(&json!({"runAsUser": 1}));
    assert_eq!(
        asked.asks(|| asked.patch(&at("plain", "/ephemeralcontainers"), &plain)),
        (false, false)
    );
    let account = ephemeral(&options(&json!({"runAsUserName": "ContainerUser"})));
    let account = json!({"spec": {"ephemeralContainers": [
        {"name": "f", "image": "i", "securityContext": account["spec"]["ephemeralContainers"][0]["securityContext"]},
    ]}});
    assert_eq!(
        asked.asks(|| asked.patch(&at("plain", "/ephemeralcontainers"), &account)),
        (true, true)
    );
    // Now it has concerned the webhook: a change of anything is seen.
    let label = json!({"metadata": {"labels": {"a": "c"}}});
    assert_eq!(
        asked.asks(|| asked.patch(&at("plain", ""), &label)),
        (false, true)
    );

    // A kubelet tells of its pods all the time, and is not held up.
    let status = json!({"status": {"message": "m"}});
    assert_eq!(
        asked.asks(|| asked.patch(&at("windows", "/status"), &status)),
        (false, false)
    );
    let forged = json!({"metadata": {"annotations": {"porthole.dev/windows-options": "{}"}}});
    let mut code = 0;
    assert_eq!(
        asked.asks(|| code = asked.patch(&at("windows", "/status"), &forged)),
        (false, true)
    );
    assert_eq!(code, 403, "{}", asked.webhook.said());

    let binding = |annotations: &Value| {
        json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "plain", "annotations": annotations},
            "target": {"kind": "Node", "name": "n"},
        })
        .to_string()
    };
    let bind = |path: &str, annotations: &Value| {
        let mut code = 0;
        let seen = asked.asks(|| code = asked.bed.client.post(path, &binding(annotations)).unwrap().code);
        (seen, code)
    };
    let forged = json!({"porthole.dev/windows-options": "{}"});
    for path in [
        at("plain", "/binding"),
        "/api/v1/namespaces/default/bindings".to_owned(),
    ] {
        assert_eq!(bind(&path, &forged), ((false, true), 403), "{path}");
    }
    assert_eq!(
        bind(&at("plain", "/binding"), &json!({"a": "b"})),
        ((false, false), 201)
    );
}
