//! `porthole install` in a cluster whose kubelet runs what is installed: the image of the webhook, in pods of its Deployment, asked
//! by the API server.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::Duration;

use porthole_tests::kubernetes::Node;
use porthole_tests::{image, program, wait};
use serde_json::{Value, json};

/// On a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(3);

/// What the pods of the test need, but the right to use the credential spec.
const SHOP: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: other, namespace: shop}
---
apiVersion: windows.k8s.io/v1
kind: GMSACredentialSpec
metadata: {name: webapp1}
credspec:
  CmsPlugins: [ActiveDirectory]
  DomainJoinConfig: {NetBiosName: CORP, DnsName: corp.example, DnsTreeName: corp.example, MachineAccountName: webapp1,
    Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a, Sid: S-1-5-21-2126449477-2524075714-3094792973}
  ActiveDirectoryConfig: {GroupManagedServiceAccounts: [{Name: webapp1, Scope: corp.example}, {Name: webapp1, Scope: CORP}]}
";

struct Bed {
    node: Node,
}

impl Bed {
    fn new() -> Self {
        let node = Node::with_deployments().unwrap();
        node.import(&image::archive().unwrap()).unwrap();
        Self { node }
    }

    /// `porthole` on the node, which succeeds; its standard output.
    fn porthole(&self, verb: &str, arguments: &[&str]) -> String {
        let mut command = self.node.command(&program::host("porthole").unwrap());
        command
            .arg(verb)
            .arg("--kubeconfig")
            .arg(self.node.kubeconfig())
            .args(arguments);
        let (good, out, err) = said(command.stdin(Stdio::null()));
        assert!(good, "{out}{err}{}", self.state());
        out
    }

    /// Whether kubectl succeeds, what it prints, and its errors.
    fn kubectl(&self, arguments: &[&str]) -> (bool, String, String) {
        said(self.node.kubectl(arguments).stdin(Stdio::null()))
    }

    fn create(&self, text: &str) -> (bool, String, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("objects.yaml");
        std::fs::write(&file, text).unwrap();
        self.kubectl(&["create", "--output=json", "--filename", file.to_str().unwrap()])
    }

    fn get(&self, arguments: &[&str]) -> Value {
        let (good, out, err) = self.kubectl(&[&["get", "--output=json"], arguments].concat());
        assert!(good, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// The pods of the webhook.
    fn servers(&self) -> Vec<Value> {
        let pods = self.get(&["pods", "--namespace=porthole-system"]);
        pods["items"].as_array().unwrap().clone()
    }

    /// What a failure is understood by.
    fn state(&self) -> String {
        let (_, pods, _) = self.kubectl(&["describe", "pods", "--all-namespaces"]);
        let (_, logs, errors) = self.kubectl(&[
            "logs",
            "--namespace=porthole-system",
            "--selector=app.kubernetes.io/name=porthole",
            "--prefix",
            "--tail=50",
        ]);
        format!("{pods}\n{logs}{errors}\n{}", self.node.said())
    }
}

fn said(command: &mut Command) -> (bool, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A pod with a gMSA. No Linux node runs it.
fn pod(name: &str, account: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "serviceAccountName": account, "nodeSelector": {"kubernetes.io/os": "windows"},
            "containers": [{"name": "c", "image": "i", "securityContext": {"windowsOptions": {
                "gmsaCredentialSpecName": "webapp1"}}}],
        },
    })
    .to_string()
}

#[test]
#[ignore = "needs root, containerd, a kubelet and the image of `cargo xtask image`"]
fn what_is_installed_runs_and_is_asked() {
    let bed = Bed::new();
    let out = bed.porthole("install", &["--timeout=3m"]);
    assert!(out.contains("deployment.apps/porthole-webhook"), "{out}");

    // It waits: both servers are there, and nothing of them was started twice.
    let servers = bed.servers();
    assert_eq!(servers.len(), 2, "{}", bed.state());
    for server in &servers {
        let status = &server["status"]["containerStatuses"][0];
        assert_eq!(
            (&status["ready"], &status["restartCount"]),
            (&json!(true), &json!(0)),
            "{}",
            bed.state()
        );
    }

    // A pod is given the contents once its account may use them.
    let (good, out, err) = bed.create(SHOP);
    assert!(good, "{out}{err}");
    let (good, _, err) = bed.create(&pod("early", "web"));
    assert!(!good && err.contains("is not authorized"), "{err}");
    bed.porthole(
        "grant",
        &[
            "--apply",
            "--service-account=shop/web",
            "--credential-spec=webapp1",
        ],
    );
    let created = wait::until("the grant to count", LIMIT, || {
        let (good, out, _) = bed.create(&pod("web", "web"));
        Ok(good.then_some(out))
    });
    let created: Value = serde_json::from_str(&created.unwrap()).unwrap();
    let options = &created["spec"]["containers"][0]["securityContext"]["windowsOptions"];
    let contents: Value =
        serde_json::from_str(options["gmsaCredentialSpec"].as_str().unwrap_or_default()).unwrap();
    assert_eq!(contents["DomainJoinConfig"]["MachineAccountName"], "webapp1");
    let (good, _, err) = bed.create(&pod("other", "other"));
    assert!(!good && err.contains("is not authorized"), "{err}");

    // A server that goes is missed by nobody: pods are admitted while another takes its place.
    let gone = servers[0]["metadata"]["name"].as_str().unwrap();
    let (good, _, err) = bed.kubectl(&[
        "delete",
        "pod",
        gone,
        "--namespace=porthole-system",
        "--wait=false",
    ]);
    assert!(good, "{err}");
    let mut admitted = 0;
    wait::until("another server", LIMIT, || {
        let (good, out, err) = bed.create(&pod(&format!("meanwhile-{admitted}"), "web"));
        assert!(good, "{out}{err}{}", bed.state());
        admitted += 1;
        let servers = bed.servers();
        let is_ready = |server: &&Value| server["status"]["containerStatuses"][0]["ready"] == json!(true);
        let is_gone = servers.iter().all(|server| server["metadata"]["name"] != gone);
        Ok((is_gone && servers.iter().filter(is_ready).count() == 2).then_some(()))
    })
    .unwrap();
    println!("{admitted} pods were admitted while a server was replaced");

    // Removed, it lets pods pass, and what pods need stays.
    bed.porthole("install", &["--uninstall"]);
    wait::until("the servers to be gone", LIMIT, || {
        Ok(bed.servers().is_empty().then_some(()))
    })
    .unwrap();
    let (good, _, err) = bed.create(&pod("late", "other"));
    assert!(good, "{err}");
    assert_eq!(
        bed.get(&["gmsacredentialspecs"])["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    bed.node.check().unwrap();
}
