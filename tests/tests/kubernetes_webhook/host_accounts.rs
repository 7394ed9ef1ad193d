//! Host accounts at a real API server: labels of namespaces, roles of `porthole grant`, and what kubectl is told.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use porthole_manifest::{Limits, objects, parse};
use porthole_tests::program;
use serde_json::{Value, json};

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

    /// What the API server answers to the pod, and what `porthole check` says that it does.
    fn both_answers(&self) -> [Value; 2] {
        let stream = parse(POD, &Limits::default());
        let pod = objects(&stream.documents[0])[0].node.to_json().to_string();
        let path = "/api/v1/namespaces/shop/pods?dryRun=All&fieldValidation=Strict";
        let answer = self.client.post(path, &pod).unwrap();
        let mut status = answer.json().unwrap();
        if answer.code == 201 {
            status = Value::Null;
        }
        let server = json!({"code": answer.code, "status": status, "warnings": answer.warnings});

        let mut check = Command::new(program::host("porthole").unwrap());
        check.args(["check", "-o", "status", "--cluster", "--kubeconfig"]);
        check.arg(self.server.kubeconfig()).arg("-");
        let output = piped(check, POD.as_bytes());
        // The webhook is called here as the existing one is.
        let said = String::from_utf8(output.stdout).unwrap();
        let said = said.replace(
            "webhook.porthole.dev",
            "admission-webhook.windows-gmsa.sigs.k8s.io",
        );
        let mut line: Value = serde_json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said} {}", String::from_utf8_lossy(&output.stderr)));
        let told = ["code", "status", "warnings"].map(|key| (key.to_owned(), line[key].take()));
        [server, Value::Object(told.into_iter().collect())]
    }

    fn agree(&self) -> Value {
        let [server, check] = self.both_answers();
        assert_eq!(server, check);
        server
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
    let account = r#"{"metadata": {"name": "web"}}"#;
    let path = "/api/v1/namespaces/shop/serviceaccounts";
    assert_eq!(bed.client.post(path, account).unwrap().code, 201);
    let (admitted, told) = bed.create_agent();
    assert!(admitted, "without a label nobody asks: {told}");
    assert_eq!(bed.agree()["code"], 201);

    bed.label("warn");
    let told = bed.until("kubectl to be warned", |bed| {
        let (admitted, told) = bed.create_agent();
        assert!(admitted, "{told}");
        told.contains("Warning: ").then_some(told)
    });
    assert!(told.contains(&format!("Warning: {REFUSED}")), "{told}");
    assert_eq!(bed.agree()["code"], 201);

    bed.label("enforce");
    let told = bed.until("the pod to be refused", |bed| {
        let (admitted, told) = bed.create_agent();
        (!admitted).then_some(told)
    });
    assert!(told.contains(&format!("denied the request: {REFUSED}")), "{told}");
    let help = "bind a ClusterRole with the verb `use` on `hostaccounts.porthole.dev` named `nt authority\\local service`";
    assert!(told.contains(help), "all of it is told: {told}");
    let answer = bed.agree();
    assert_eq!(
        answer["status"]["details"]["causes"].as_array().map(Vec::len),
        Some(2)
    );

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
    let said = bed.until("the authoriser to hear of it", |_| {
        let (code, said) = may();
        (code == Some(0)).then_some(said)
    });
    assert!(
        said.contains(
            "shop/web may use host account nt authority\\local service (RBAC: allowed by RoleBinding"
        ),
        "{said}"
    );
    bed.until("the pod to be admitted", |bed| bed.create_agent().0.then_some(()));
    assert_eq!(bed.agree()["code"], 201);
    bed.label("Enforced");
    bed.until("the label to be told", |bed| {
        bed.create_agent().1.contains("\"Enforced\"").then_some(())
    });
    assert_eq!(bed.agree()["code"], 201);
    bed.label("enforce");

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
