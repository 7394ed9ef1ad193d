//! An API server with a webhook beside it that it calls, and what they are asked.

use std::time::Duration;

use base64::Engine as _;
use porthole_tests::kubernetes::{ApiServer, Authority, Certificates, Client, Settings, Webhook, collection};
use porthole_tests::wait;
use serde_json::{Value, json};

/// What the cluster has before the webhook is registered.
pub(super) const CLUSTER: &str = include_str!("cluster.yaml");
/// Until what has changed is seen, on a machine that may be busy.
pub(super) const SEEN: Duration = Duration::from_secs(30);
pub(super) const SPECS: &str = "/apis/windows.k8s.io/v1/gmsacredentialspecs";
pub(super) const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings";
pub(super) const PODS: &str = "/api/v1/namespaces/shop/pods?dryRun=All";
/// kubectl does not validate what is put into the cluster.
const UNCHECKED: [&str; 1] = ["--validate=false"];
/// The kinds by which a webhook is registered, and its paths.
const CONFIGURATIONS: [(&str, &str); 2] = [
    ("MutatingWebhookConfiguration", "mutate"),
    ("ValidatingWebhookConfiguration", "validate"),
];
pub(super) const CONTENTS: &str = r#"{"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"DnsName":"corp.example","NetBiosName":"\u003cCORP\u003e"}}"#;

/// An API server, the webhook beside it, and its certificates.
pub(super) struct Bed {
    pub(super) webhook: Webhook,
    pub(super) certificates: Certificates,
    pub(super) authority: Authority,
    pub(super) client: Client,
    pub(super) server: ApiServer,
    _directory: tempfile::TempDir,
}

impl Bed {
    pub(super) fn new(arguments: &[&str]) -> Self {
        let server = ApiServer::start(&Settings::default()).unwrap();
        let client = Client::new(&server).unwrap();
        let directory = tempfile::tempdir().unwrap();
        server.fill(CLUSTER, &UNCHECKED).unwrap();
        let authority = Authority::new().unwrap();
        let (certificate, key) = authority.pair(&["127.0.0.1"], 2050).unwrap();
        let secret = directory.path().join("secret");
        std::fs::create_dir(&secret).unwrap();
        let certificates = Certificates::new(&secret, &certificate, &key).unwrap();
        let webhook = Webhook::start(&server, &certificates, &authority.pem(), arguments).unwrap();
        Self {
            webhook,
            certificates,
            authority,
            client,
            server,
            _directory: directory,
        }
    }

    /// Starts another webhook with the same certificates.
    pub(super) fn start(&self, arguments: &[&str]) -> Webhook {
        let authority = self.authority.pem();
        Webhook::start(&self.server, &self.certificates, &authority, arguments).unwrap()
    }

    /// Puts more into the cluster.
    pub(super) fn fill(&self, text: &str) {
        self.server.fill(text, &UNCHECKED).unwrap();
    }

    /// Registers the webhook, and waits until the API server calls it.
    pub(super) fn register(&self) {
        self.register_at(self.webhook.address());
    }

    /// The same for whatever answers at a URL.
    pub(super) fn register_at(&self, url: &str) {
        let bundle = base64::engine::general_purpose::STANDARD.encode(self.authority.pem());
        for (kind, path) in CONFIGURATIONS {
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": {"name": "gmsa"},
                "webhooks": [{
                    "name": "admission-webhook.windows-gmsa.sigs.k8s.io",
                    "clientConfig": {"url": format!("{url}/{path}"), "caBundle": bundle},
                    "rules": [{"apiGroups": [""], "apiVersions": ["*"], "resources": ["pods", "pods/ephemeralcontainers"],
                        "operations": ["CREATE", "UPDATE"]}],
                    "failurePolicy": "Fail", "admissionReviewVersions": ["v1", "v1beta1"], "sideEffects": "None",
                }],
            });
            let path = registrations(kind);
            let answer = self.client.post(&path, &configuration.to_string()).unwrap();
            assert_eq!(answer.code, 201, "{}", answer.body);
        }
        self.until("the webhooks to be called", |bed| {
            let refused = bed.create("nobody", "webapp1").0 == 403;
            (refused && contents(&bed.create("web", "webapp1").1).is_some()).then_some(())
        });
    }

    /// What becomes of pods where nobody answers: `Fail` or `Ignore`.
    pub(super) fn set_policy(&self, policy: &str) {
        let change = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": policy}]);
        for (kind, _) in CONFIGURATIONS {
            let path = format!("{}/gmsa", registrations(kind));
            let answer = self
                .client
                .patch(&path, "application/json-patch+json", &change.to_string())
                .unwrap();
            assert_eq!(answer.code, 200, "{}", answer.body);
        }
    }

    pub(super) fn until<T>(&self, what: &str, mut ready: impl FnMut(&Self) -> Option<T>) -> T {
        wait::until(what, SEEN, || Ok(ready(self)))
            .unwrap_or_else(|failure| panic!("{failure}\n{}", self.webhook.said()))
    }

    /// The API server's answer to a new pod of that service account with that credential spec.
    pub(super) fn create(&self, account: &str, spec: &str) -> (u16, Value) {
        let answer = self.client.post(PODS, &pod(account, spec).to_string()).unwrap();
        (answer.code, answer.json().unwrap())
    }

    pub(super) fn metric(&self, name: &str) -> f64 {
        let agent = self.webhook.agent(1).unwrap();
        self.webhook.metric(&agent, name).unwrap().unwrap_or_default()
    }
}

/// Where the webhook is registered, by the kind of it.
fn registrations(kind: &str) -> String {
    collection("admissionregistration.k8s.io/v1", kind, None)
}

pub(super) fn pod(account: &str, spec: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {
            "serviceAccountName": account,
            "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": spec}},
            "containers": [{"name": "c", "image": "i", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}],
        },
    })
}

pub(super) fn contents(pod: &Value) -> Option<&str> {
    pod["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"].as_str()
}

pub(super) fn message(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

/// A review as the API server would send it for such a pod.
pub(super) fn review(account: &str, spec: &str, contents: Option<&str>) -> String {
    let mut object = pod(account, spec);
    if let Some(contents) = contents {
        object["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"] = json!(contents);
    }
    review_of(&object)
}

/// The review that an API server would send of a new pod.
pub(super) fn review_of(pod: &Value) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": pod["metadata"]["namespace"], "object": pod,
        },
    })
    .to_string()
}

pub(super) fn response(body: &str) -> Value {
    let mut review: Value = serde_json::from_str(body).unwrap();
    review["response"].take()
}
