//! Host accounts at a real API server: labels of namespaces, roles of `porthole grant`, and what kubectl is told.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use porthole_tests::program;
use serde_json::json;

use super::bed::Bed;

const POD: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  serviceAccountName: web
  hostNetwork: true
  securityContext:
    windowsOptions: {hostProcess: true, runAsUserName: LocalSystem}
  containers:
  - {name: agent, image: agent}
  initContainers:
  - name: setup
    image: setup
    securityContext: {windowsOptions: {runAsUserName: 'NT AUTHORITY\Local service'}}
";
const REFUSED: &str =
    "service account \"web\" is not authorized to `use` host account \"nt authority\\\\system\"";

impl Bed {
    fn kubectl(&self, arguments: &[&str], input: &[u8]) -> Output {
        piped(self.server.kubectl(arguments), input)
    }

    /// `kubectl create` of the pod: whether it would be there, and what kubectl is told.
    fn create_agent(&self) -> (bool, String) {
        let output = self.kubectl(&["create", "--dry-run=server", "-f", "-"], POD.as_bytes());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), told)
    }

    fn label(&self, mode: &str) {
        let label = format!("porthole.dev/host-accounts={mode}");
        let output = self.kubectl(&["label", "--overwrite", "namespace", "shop", &label], b"");
        assert!(output.status.success(), "{output:?}");
    }
}

/// Runs `porthole grant`.
fn grant(arguments: &[&str]) -> Output {
    let mut command = Command::new(program::host("porthole").unwrap());
    command.arg("grant").args(arguments).env("NO_COLOR", "1");
    piped(command, b"")
}

fn piped(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_labelled_namespace_runs_pods_on_nodes_only_as_whom_they_were_granted() {
    // What was allowed is not forgotten by itself.
    let bed = Bed::new(&["--access-cache=600"]);
    bed.register();
    let (admitted, told) = bed.create_agent();
    assert!(admitted, "without a label nobody asks: {told}");

    bed.label("warn");
    let told = bed.until("kubectl to be warned", |bed| {
        let (admitted, told) = bed.create_agent();
        assert!(admitted, "{told}");
        told.contains("Warning: ").then_some(told)
    });
    assert!(told.contains(&format!("Warning: {REFUSED}")), "{told}");

    bed.label("enforce");
    let told = bed.until("the pod to be refused", |bed| {
        let (admitted, told) = bed.create_agent();
        (!admitted).then_some(told)
    });
    assert!(told.contains(&format!("denied the request: {REFUSED}")), "{told}");
    let help = "bind a ClusterRole with the verb `use` on `hostaccounts.porthole.dev` named `nt authority\\local service`";
    assert!(told.contains(help), "all of it is told: {told}");

    let kubeconfig = bed.server.kubeconfig();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let rights = [
        "-s",
        "shop/web",
        "--account",
        "SYSTEM",
        "--account",
        "LocalService",
    ];
    let may = || {
        let check = ["--check", "--cluster", "--kubeconfig", kubeconfig];
        let output = grant(&[&rights[..], &check[..]].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = may();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("shop/web may not use host account nt authority\\system"),
        "{said}"
    );
    let manifests = grant(&rights).stdout;
    let applied = bed.kubectl(&["apply", "-f", "-"], &manifests);
    assert!(applied.status.success(), "{applied:?}");
    let (code, said) = may();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(
            "shop/web may use host account nt authority\\local service (RBAC: allowed by RoleBinding"
        ),
        "{said}"
    );
    bed.until("the pod to be admitted", |bed| bed.create_agent().0.then_some(()));

    // Who may not ask cannot be told.
    let output = bed.kubectl(&["config", "view", "--raw", "-o", "json"], b"");
    let mut config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    config["users"][0]["user"] = json!({"username": "nobody", "password": "x"});
    let file = bed.server.directory().join("nobody.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let check = ["--check", "--cluster", "--kubeconfig", file.to_str().unwrap()];
    let output = grant(&[&rights[..], &check[..]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");

    // What is taken back counts as well.
    let removed = bed.kubectl(&["delete", "-f", "-"], &manifests);
    assert!(removed.status.success(), "{removed:?}");
    bed.until("the pod to be refused again", |bed| {
        (!bed.create_agent().0).then_some(())
    });
    assert!(bed.metric("porthole_webhook_host_accounts_total{result=\"refused\"}") >= 2.0);
    let said = bed.webhook.said();
    assert!(
        said.contains("\"problems\":\"host-account-unauthorized,host-account-unauthorized\""),
        "{said}"
    );
}
