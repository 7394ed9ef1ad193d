//! A cluster whose webhooks run: the servers of an installation that was there before, and those of the one that comes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_tests::kubernetes::programs::NEWEST;
use porthole_tests::kubernetes::{Authority, Certificates, Services, Settings, Webhook};
use serde_json::{Value, json};

use super::bed::{Bed, DEPLOYMENT, Said, meanwhile};
use super::taking_over::{OLD, fill};

const PODS: &str = "/api/v1/namespaces/shop/pods?dryRun=All";
const SECRET: &str = "/api/v1/namespaces/porthole-system/secrets/porthole-webhook-certificates";
const OLD_DEPLOYMENT: &str = "/apis/apps/v1/namespaces/gmsa/deployments/old";
/// What stands in a pod of the credential spec that the cluster is filled with.
pub(super) const CONTENTS: &str = r#"{"DomainJoinConfig":{"Sid":"wrong"}}"#;
const SHOP: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: use-webapp1}
rules:
- {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], verbs: [use], resourceNames: [webapp1]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web-uses-webapp1, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-webapp1}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
";

/// The cluster with the old installation, whose server answers.
pub(super) struct Live {
    pub(super) bed: Bed,
    services: Services,
    old: Webhook,
    /// Whether it was asked to end.
    is_ending: AtomicBool,
    /// The servers of the new installation, once there are some.
    new: Mutex<Vec<Webhook>>,
    /// The certificate of the authority of the cluster's signers, where it has some.
    signers: Option<PathBuf>,
    _directory: tempfile::TempDir,
}

impl Live {
    pub(super) fn new() -> Self {
        Self::with(false)
    }

    /// The same, with the cluster's own signers.
    pub(super) fn with_signers() -> Self {
        Self::with(true)
    }

    fn with(signers: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let services = Services::new(directory.path()).unwrap();
        let mut bed = Bed::of(NEWEST, &Settings::of(NEWEST).argument(services.argument()));
        let signers = signers.then(|| {
            let authority = Authority::new().unwrap();
            let [certificate, key] = ["signers.crt", "signers.key"].map(|name| directory.path().join(name));
            fs::write(&certificate, authority.pem()).unwrap();
            fs::write(&key, authority.key()).unwrap();
            bed.server.start_signers(&certificate, &key, "24h").unwrap();
            certificate
        });
        let (authority, certificates) = certificates(directory.path());
        let bundle = STANDARD.encode(&authority);
        let old = OLD.replace(
            "clientConfig: {",
            &format!("clientConfig: {{caBundle: {bundle}, "),
        );
        fill(&bed, &old);
        bed.create(SHOP);
        let old = Webhook::start(&bed.server, &certificates, &authority, &["--drain-delay=1"]).unwrap();
        let live = Self {
            bed,
            services,
            old,
            is_ending: AtomicBool::new(false),
            new: Mutex::default(),
            signers,
            _directory: directory,
        };
        live.lead("/api/v1/namespaces/gmsa/services/old", &[&live.old]);
        live
    }

    /// Leads what is sent to a Service to these servers.
    fn lead(&self, service: &str, servers: &[&Webhook]) {
        let service = self.bed.get(service).unwrap();
        let address = format!("{}:443", service["spec"]["clusterIP"].as_str().unwrap());
        let servers: Vec<&str> = servers
            .iter()
            .map(|server| server.address().strip_prefix("https://").unwrap())
            .collect();
        self.services.lead(&address, &servers);
    }

    /// What the API server answers to a new pod of that service account: code, and the contents that it is given.
    pub(super) fn create(&self, account: &str) -> (u16, Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
            "spec": {
                "serviceAccountName": account,
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "webapp1"}},
                "containers": [{"name": "c", "image": "i"}],
            },
        });
        let answer = self.bed.client.post(PODS, &pod.to_string()).unwrap();
        (answer.code, answer.json().unwrap())
    }

    /// `porthole install`, while controllers start the servers that it asks for, with its rights and its command line, and
    /// end those that are no longer asked for.
    pub(super) fn install(&self, arguments: &[&str]) -> Said {
        let pause = Duration::from_millis(50);
        let said = meanwhile(pause, || self.control(), || self.bed.install(arguments));
        // What was deleted last is ended as well.
        self.control();
        said
    }

    fn control(&self) {
        // A second request would end it at once.
        if !self.bed.has(OLD_DEPLOYMENT) && !self.is_ending.swap(true, Ordering::SeqCst) {
            self.old.terminate().unwrap();
        }
        let Some(deployment) = self.bed.get(DEPLOYMENT) else {
            return;
        };
        let mut new = self.new.lock().unwrap();
        let replicas = usize::try_from(deployment["spec"]["replicas"].as_u64().unwrap()).unwrap();
        while new.len() < replicas {
            new.push(self.start(&deployment));
        }
        let Some(authority) = self.bed.get(SECRET).and_then(|secret| {
            let authority = secret["data"]["ca.crt"].as_str()?;
            String::from_utf8(STANDARD.decode(authority).ok()?).ok()
        }) else {
            return;
        };
        let agent = Webhook::agent_of(&authority, 0).unwrap();
        let is_ready = |server: &&Webhook| matches!(server.get(&agent, "/readyz"), Ok((200, _)));
        let ready: Vec<&Webhook> = new.iter().filter(is_ready).collect();
        self.lead(
            "/api/v1/namespaces/porthole-system/services/porthole-webhook",
            &ready,
        );
        let status = json!({"status": {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
            "updatedReplicas": replicas, "readyReplicas": ready.len(), "availableReplicas": ready.len(),
        }});
        let merge = "application/merge-patch+json";
        let path = format!("{DEPLOYMENT}/status");
        let answer = self.bed.client.patch(&path, merge, &status.to_string()).unwrap();
        assert_eq!(answer.code, 200, "{}", answer.body);
    }

    /// One server of the new installation, as its Deployment says: its service account and its arguments.
    fn start(&self, deployment: &Value) -> Webhook {
        let pod = &deployment["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/porthole-system/serviceaccounts/{account}/token");
        let request = r#"{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}"#;
        let token = self.bed.client.post(&path, request).unwrap().json().unwrap();
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        let arguments: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
        assert_eq!(arguments[0], "webhook");
        // Ports are chosen here, since all of them are on one machine.
        let is_chosen = |argument: &&str| {
            argument.starts_with("--port=")
                || argument.starts_with("--log-format=")
                || *argument == "--own-certificates"
        };
        let mut arguments: Vec<&str> = arguments[1..]
            .iter()
            .copied()
            .filter(|argument| !is_chosen(argument))
            .collect();
        if let Some(signers) = &self.signers {
            // A pod finds it where its service account's token is.
            arguments.extend(["--authority-file", signers.to_str().unwrap()]);
        }
        let token = token["status"]["token"].as_str().unwrap();
        Webhook::start_own(&self.bed.server, token, &arguments).unwrap()
    }

    /// What all servers have said.
    pub(super) fn said(&self) -> String {
        let new = self.new.lock().unwrap();
        let said = new.iter().chain([&self.old]).map(Webhook::said);
        said.collect::<Vec<_>>().join("\n----\n")
    }
}

/// An authority, and certificates of it for the old Service and for this machine.
fn certificates(directory: &Path) -> (String, Certificates) {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.pair(&["127.0.0.1", "old.gmsa.svc"], 2050).unwrap();
    let secret: PathBuf = directory.join("old");
    fs::create_dir(&secret).unwrap();
    let certificates = Certificates::new(&secret, &certificate, &key).unwrap();
    (authority.pem(), certificates)
}
