//! `porthole webhook --signer`: certificates that the cluster's own signer signs, at a real API server with a real
//! kube-controller-manager, with the rights that `porthole install` gives.

#![cfg(unix)]

use std::process::Command;
use std::time::Duration;

use porthole_manifest::{Limits, objects, parse};
use porthole_tests::kubernetes::{ApiServer, Authority, Client, Settings, Webhook, collection};
use porthole_tests::{program, wait};
use serde_json::{Value, json};

/// What the cluster has before: the namespace `shop`, the kind of credential specs and one of them, and who may use it.
const CLUSTER: &str = include_str!("kubernetes_webhook/cluster.yaml");
/// Until something has happened, on a machine that may be busy.
const SEEN: Duration = Duration::from_mins(3);
const SIGNER: &str = "kubernetes.io/kubelet-serving";
const SECRET: &str = "/api/v1/namespaces/porthole-system/secrets/porthole-webhook-certificates";

/// An API server with its signers, and the webhook beside them.
struct Bed {
    webhook: Option<Webhook>,
    client: Client,
    server: ApiServer,
    directory: tempfile::TempDir,
    authority: String,
}

impl Bed {
    fn new() -> Self {
        let mut server = ApiServer::start(&Settings::default().user("webhook", &[])).unwrap();
        let client = Client::new(&server).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let (authority, private) = (authority.pem(), authority.key());
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (certificate, key) = (file("ca.crt", &authority), file("ca.key", &private));
        // Shorter than what is asked for, and counted from five minutes ago.
        server.start_signers(&certificate, &key, "3m").unwrap();
        server.fill(CLUSTER, &[]).unwrap();
        let bed = Self {
            webhook: None,
            client,
            server,
            directory,
            authority,
        };
        bed.give_rights();
        bed
    }

    /// What an installation gives the server, to the user of this test.
    fn give_rights(&self) {
        let output = Command::new(program::host("porthole").unwrap())
            .args(["install", "--print=server", "--certificates=csr", "--approve"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let stream = parse(std::str::from_utf8(&output.stdout).unwrap(), &Limits::default());
        for object in stream.documents.iter().flat_map(objects) {
            let (version, kind) = (object.api_version.unwrap(), object.kind.unwrap());
            if !(version.starts_with("rbac.") || kind == "Namespace") {
                continue;
            }
            let mut value = object.node.to_json();
            if kind.ends_with("Binding") {
                value["subjects"] =
                    json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "webhook"}]);
            }
            let path = collection(version, kind, object.namespace);
            let answer = self.client.post(&path, &value.to_string()).unwrap();
            assert_eq!(answer.code, 201, "{}", answer.body);
        }
    }

    fn start(&mut self, arguments: &[&str]) {
        let authority = self.directory.path().join("ca.crt");
        let signer = [
            "--signer",
            SIGNER,
            "--authority-file",
            authority.to_str().unwrap(),
            "--certificate-lifetime=600",
            "--drain-delay=0",
        ];
        let arguments = [&signer[..], arguments].concat();
        self.webhook = None;
        let token = self.server.token_of("webhook").unwrap();
        let started = Webhook::start_own(&self.server, token, &arguments);
        self.webhook = Some(started.unwrap());
    }

    fn said(&self) -> String {
        self.webhook.as_ref().map(Webhook::said).unwrap_or_default()
    }

    fn until<T>(&self, what: &str, mut ready: impl FnMut(&Self) -> Option<T>) -> T {
        wait::until(what, SEEN, || Ok(ready(self)))
            .unwrap_or_else(|failure| panic!("{failure}\n{}", self.said()))
    }

    /// The names of the requests that are there.
    fn requests(&self) -> Vec<String> {
        let answer = self
            .client
            .get("/apis/certificates.k8s.io/v1/certificatesigningrequests")
            .unwrap();
        let list = answer.json().unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Registers the webhook, trusting nobody yet.
    fn register(&self) {
        let address = self.webhook.as_ref().unwrap().address();
        for (kind, path) in [
            ("MutatingWebhookConfiguration", "mutate"),
            ("ValidatingWebhookConfiguration", "validate"),
        ] {
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "porthole-webhook"},
                "webhooks": [{
                    "name": "webhook.porthole.dev", "clientConfig": {"url": format!("{address}/{path}")},
                    "rules": [{"apiGroups": [""], "apiVersions": ["*"], "resources": ["pods"], "operations": ["CREATE"]}],
                    "failurePolicy": "Fail", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                }],
            });
            let path = collection("admissionregistration.k8s.io/v1", kind, None);
            let answer = self.client.post(&path, &configuration.to_string()).unwrap();
            assert_eq!(answer.code, 201, "{}", answer.body);
        }
    }

    /// The API server's answer to a pod that needs its credential spec.
    fn create(&self) -> (u16, Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
            "spec": {
                "serviceAccountName": "web",
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "webapp1"}},
                "containers": [{"name": "c", "image": "i"}],
            },
        });
        let path = "/api/v1/namespaces/shop/pods?dryRun=All";
        let answer = self.client.post(path, &pod.to_string()).unwrap();
        (answer.code, answer.json().unwrap())
    }
}

#[test]
#[ignore = "needs kube-apiserver and kube-controller-manager 1.37"]
fn the_cluster_s_own_signer_signs_what_somebody_has_approved() {
    let mut bed = Bed::new();
    bed.start(&[]);
    let name = bed.until("a request", |bed| bed.requests().pop());
    assert!(name.starts_with("porthole-webhook-certificates-"), "{name}");
    bed.until("it is told that somebody has to approve", |bed| {
        bed.said().contains("somebody has to approve").then_some(())
    });
    let secret = bed.client.get(SECRET).unwrap().json().unwrap();
    assert_eq!(secret["data"]["tls.crt"], "", "nothing is served yet");
    let approved = bed
        .server
        .kubectl(&["certificate", "approve", &name])
        .output()
        .unwrap();
    assert!(approved.status.success(), "{approved:?}");
    bed.until("the certificate", |bed| {
        bed.said().contains("a new certificate is in use").then_some(())
    });
    bed.register();
    // The API server calls it, and trusts it by the signer's authority.
    bed.until("pods to be admitted", |bed| {
        let (code, pod) = bed.create();
        let contents = &pod["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"];
        (code == 201 && contents.is_string()).then_some(())
    });
    let secret = bed.client.get(SECRET).unwrap().json().unwrap();
    let bundle = secret["data"]["ca.crt"].as_str().unwrap();
    let bundle = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, bundle).unwrap();
    let plain = |text: &str| text.replace(['\r', '\n'], "");
    assert_eq!(
        plain(std::str::from_utf8(&bundle).unwrap()),
        plain(&bed.authority)
    );

    // The next one is asked for ahead of time, and approved by the webhook itself where it may.
    bed.start(&["--approve"]);
    bed.until("the certificate of before", |bed| {
        bed.said().contains("a new certificate is in use").then_some(())
    });
    bed.until("the next certificate", |bed| {
        bed.said()
            .contains("a new certificate is in the Secret")
            .then_some(())
    });
    assert!(
        bed.said().contains("the request for a certificate is approved"),
        "{}",
        bed.said()
    );
    assert_eq!(bed.requests().len(), 2, "each is asked for once: {}", bed.said());
    assert!(!bed.said().contains("PRIVATE KEY"));
}
