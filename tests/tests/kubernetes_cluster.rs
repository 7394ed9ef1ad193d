//! `porthole check --cluster`, held against the dry run of the very cluster that it reads.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use porthole_manifest::{Limits, objects, parse};
use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};
use porthole_tests::kubernetes::{ApiServer, Client, Settings, collection};
use porthole_tests::{program, wait};
use serde_json::{Value, json};

/// What the cluster has before anything is checked.
const CLUSTER: &str = include_str!("kubernetes_cluster/cluster.yaml");
/// What is checked.
const FILES: &str = include_str!("kubernetes_cluster/files.yaml");

/// Namespaces with quotas, and how much of these is used.
const QUOTAS: &str = include_str!("kubernetes_cluster/quotas.yaml");
const USED: [(&str, &str, &str, &str); 4] = [
    (
        "counted",
        "amounts",
        r#"{"requests.cpu":"1","limits.memory":"1Gi","pods":"3"}"#,
        r#"{"requests.cpu":"600m","limits.memory":"0","pods":"1"}"#,
    ),
    ("filled", "brief", r#"{"pods":"0"}"#, r#"{"pods":"0"}"#),
    (
        "filled",
        "limits",
        r#"{"limits.cpu":"1","count/pods":"5"}"#,
        r#"{"limits.cpu":"0","count/pods":"4"}"#,
    ),
    (
        "things",
        "all",
        r#"{"configmaps":"0","count/deployments.apps":"0","count/cronjobs.batch":"1","services":"5","services.nodeports":"1",
            "services.loadbalancers":"1","requests.storage":"2Gi","gold.storageclass.storage.k8s.io/persistentvolumeclaims":"0"}"#,
        r#"{"configmaps":"0","count/deployments.apps":"0","count/cronjobs.batch":"0","services":"1","services.nodeports":"0",
            "services.loadbalancers":"0","requests.storage":"0","gold.storageclass.storage.k8s.io/persistentvolumeclaims":"0"}"#,
    ),
];
/// What is made there.
const PODS: &str = include_str!("kubernetes_cluster/pods.yaml");

/// Namespaces with limit ranges, and what is made there.
const LIMIT_RANGES: &str = include_str!("kubernetes_cluster/limit-ranges.yaml");
const LIMITED: &str = include_str!("kubernetes_cluster/limited.yaml");

/// A cluster with the objects of [`CLUSTER`], and a user `reader` without any right.
struct Cluster {
    /// Its version; what was built here may not know it.
    version: &'static str,
    server: ApiServer,
    client: Client,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// One for all tests.
    fn newest() -> &'static Self {
        static ONE: OnceLock<Cluster> = OnceLock::new();
        ONE.get_or_init(|| {
            let cluster = Self::of(NEWEST);
            cluster.server.fill(CLUSTER, &[]).unwrap();
            cluster
        })
    }

    /// One of that version, with nothing in it.
    fn of(version: &'static str) -> Self {
        let settings = Settings::of(version).service_accounts(true).user("reader", &[]);
        let server = ApiServer::start(&settings).unwrap();
        let client = Client::new(&server).unwrap();
        let directory = tempfile::tempdir().unwrap();
        Self {
            version,
            server,
            client,
            directory,
        }
    }

    /// Holds what `check` says to each object against the dry run's answer, and that against what the object expects, once
    /// the server knows what it watches.
    fn answers_as_expected(&self, text_of_objects: &str) {
        let stream = parse(text_of_objects, &Limits::default());
        let objects: Vec<Value> = stream
            .documents
            .iter()
            .map(|document| document.root().to_json())
            .collect();
        for object in &objects {
            let is_refused = object["metadata"]["annotations"]["expected"] == "403";
            let known = || Ok((!is_refused || self.dry_run(object)["code"] == 403).then_some(()));
            wait::until("what refuses it to be known", Duration::from_mins(1), known)
                .unwrap_or_else(|error| panic!("{error}: {}", object["metadata"]));
        }
        let arguments = ["--kubernetes-version", self.version, "-o", "status"];
        let output = self.check(&self.server.kubeconfig(), text_of_objects, &arguments);
        assert_eq!(text(&output.stderr), "");
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        assert_eq!(lines.len(), objects.len(), "{lines:?}");
        for (line, object) in lines.into_iter().zip(&objects) {
            let line: Value = serde_json::from_str(line).unwrap();
            let ours =
                json!({ "code": line["code"], "status": line["status"], "warnings": line["warnings"] });
            // Of several things that are not allowed the server begins with any.
            let theirs = || self.dry_run(object);
            let same = (0..20).any(|_| settled(&theirs()) == settled(&ours));
            assert!(same, "{}: {ours}\n{}", object["metadata"], theirs());
            let expected = object["metadata"]["annotations"]["expected"].as_str().unwrap();
            assert_eq!(line["code"].to_string(), expected, "{}", object["metadata"]);
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `porthole check --cluster` of a file with this text, as whoever that kubeconfig says.
    fn check(&self, kubeconfig: &Path, text: &str, arguments: &[&str]) -> Output {
        let file = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile_in(self.directory.path())
            .unwrap();
        std::fs::write(file.path(), text).unwrap();
        Command::new(program::host("porthole").unwrap())
            .args(["check", "--cluster", "--kubeconfig"])
            .arg(kubeconfig)
            .arg(file.path())
            .args(arguments)
            .env_remove("KUBECONFIG")
            .current_dir(&self.directory)
            .output()
            .unwrap()
    }

    /// A kubeconfig of a user with that token, whose context `reader` has the namespace `team`.
    fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "other",
            "clusters": [{"name": "c", "cluster": {
                "server": self.server.address(), "certificate-authority": self.server.certificates(),
            }}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "reader", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        });
        self.file(name, &text.to_string())
    }

    /// The server's answer to an object: as it is created, or, where it is there already, as it is replaced.
    fn dry_run(&self, object: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let path = collection(&version, &kind, Some(namespace));
        let query = "?dryRun=All&fieldValidation=Strict";
        let name = text(&object["metadata"]["name"]);
        let own = format!("{path}/{name}");
        let answer = if !name.is_empty() && self.client.get(&own).unwrap().code == 200 {
            self.client.put(&format!("{own}{query}"), &object.to_string())
        } else {
            self.client.post(&format!("{path}{query}"), &object.to_string())
        };
        let answer = answer.unwrap();
        let status = if answer.code < 300 {
            Value::Null
        } else {
            answer.json().unwrap()
        };
        json!({ "code": answer.code, "status": status, "warnings": answer.warnings })
    }
}

/// An answer in which the five characters that the server draws for a name are as porthole shows them.
fn settled(answer: &Value) -> Value {
    let mut text = answer.to_string();
    let prefix = "large-";
    let mut from = 0;
    while let Some(at) = text[from..].find(prefix) {
        let drawn = from + at + prefix.len();
        if let Some(end) = drawn.checked_add(5).filter(|end| *end <= text.len()) {
            text.replace_range(drawn..end, "xxxxx");
        }
        from = drawn;
    }
    serde_json::from_str(&text).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Each of these is among the findings.
#[track_caller]
fn assert_told(told: &[String], all: &[&str]) {
    for wanted in all {
        assert!(told.iter().any(|finding| finding == wanted), "{wanted}: {told:?}");
    }
}

/// The findings of `-o json`: object, severity and rule, but advice of porthole's own.
fn findings(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let objects = report["files"][0]["objects"].as_array().unwrap().iter();
    objects
        .flat_map(|object| {
            let name = object["name"].as_str().unwrap_or_default();
            let findings = object["findings"].as_array().unwrap().iter();
            findings
                .filter(|finding| finding["enforcer"] == "api-server" || finding["enforcer"] == "webhook")
                .map(move |finding| {
                    let [severity, rule] = ["severity", "rule"].map(|key| finding[key].as_str().unwrap());
                    format!("{name} {severity} {rule}")
                })
        })
        .collect()
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn each_answer_is_that_of_the_cluster_s_own_dry_run() {
    let cluster = Cluster::newest();
    let output = cluster.check(&cluster.server.kubeconfig(), FILES, &["-o", "status"]);
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let stream = parse(FILES, &Limits::default());
    let documents: Vec<Value> = stream
        .documents
        .iter()
        .flat_map(|document| objects(document).into_iter().map(|object| object.node.to_json()))
        .collect();
    assert_eq!(lines.len(), documents.len());
    let mut codes = Vec::new();
    for (line, document) in lines.iter().zip(&documents) {
        let ours = json!({ "code": line["code"], "status": line["status"], "warnings": line["warnings"] });
        assert_eq!(ours, cluster.dry_run(document), "{}", document["metadata"]);
        codes.push(line["code"].as_u64().unwrap());
    }
    for code in [200, 201, 403, 404, 422] {
        assert!(
            codes.contains(&code),
            "one of them is answered with {code}: {codes:?}"
        );
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn findings_know_what_the_cluster_has_and_what_it_lacks() {
    let cluster = Cluster::newest();
    let output = cluster.check(&cluster.server.kubeconfig(), FILES, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        findings(&output),
        [
            "no-namespace error namespace-unknown",
            "no-account error service-account-unknown",
            "no-class error runtime-class-unknown",
            "no-priority error priority-class-unknown",
            "wrong-priority error priority-differs",
            "other-system error runtime-class-conflict",
            "unauthorized error gmsa-unauthorized",
            "no-spec error gmsa-unauthorized",
            "no-spec error gmsa-spec-unknown",
            "fixed error immutable-data",
            "workload error service-account-unknown",
            "workload error runtime-class-unknown",
        ]
    );
    let output = cluster.check(&cluster.server.kubeconfig(), FILES, &["-v"]);
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!(
            "the cluster is {} (context \"testbed\"), v1.37.0",
            cluster.server.address()
        )),
        "{said}"
    );
    let said = text(&output.stdout);
    assert!(said.contains("cred spec none does not exist"), "{said}");
}

#[test]
#[ignore = "needs kube-apiserver 1.24 and 1.37"]
fn a_quota_without_room_refuses_in_the_words_of_the_cluster_s_own_dry_run() {
    for version in [NEWEST, OLDEST] {
        let cluster = Cluster::of(version);
        cluster.server.fill(QUOTAS, &[]).unwrap();
        for (namespace, name, hard, used) in USED {
            // Who counts is a controller, which this cluster has not.
            let path = format!("/api/v1/namespaces/{namespace}/resourcequotas/{name}");
            let mut quota: Value = cluster.client.get(&path).unwrap().json().unwrap();
            let of = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            quota["status"] = json!({"hard": of(hard), "used": of(used)});
            let answer = cluster
                .client
                .put(&format!("{path}/status"), &quota.to_string())
                .unwrap();
            assert_eq!(answer.code, 200, "{quota}");
        }
        cluster.answers_as_expected(PODS);
        let output = cluster.check(&cluster.server.kubeconfig(), PODS, &["-o", "json"]);
        let told = findings(&output);
        assert_told(
            &told,
            &[
                "unsaid error quota-unspecified",
                "much error quota-exceeded",
                "workload error quota-unspecified",
                "map error quota-exceeded",
                "there error quota-exceeded",
            ],
        );
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.24 and 1.37"]
fn what_a_limit_range_does_not_allow_is_refused_in_the_words_of_the_cluster_s_own_dry_run() {
    for version in [NEWEST, OLDEST] {
        let cluster = Cluster::of(version);
        cluster.server.fill(LIMIT_RANGES, &[]).unwrap();
        cluster.answers_as_expected(LIMITED);
        let output = cluster.check(&cluster.server.kubeconfig(), LIMITED, &["-o", "json"]);
        let told = findings(&output);
        assert_told(
            &told,
            &[
                "little error limit-range",
                "above error request-over-limit",
                "big error limit-range",
                "workload error limit-range",
                "workload error request-over-limit",
                "unlimited error request-not-limit",
                "claims error limit-range",
                "devices error request-not-limit",
            ],
        );
        let of_mended = |finding: &String| finding.starts_with("mended error ");
        assert!(!told.iter().any(of_mended), "{told:?}");
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn what_one_may_not_read_is_told_and_may_be_there() {
    let cluster = Cluster::newest();
    let token = cluster.server.token_of("reader").unwrap();
    let kubeconfig = cluster.kubeconfig("reader", token);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  serviceAccountName: none\n  runtimeClassName: none\n  \
               securityContext: {windowsOptions: {gmsaCredentialSpecName: none}}\n  containers: [{name: c, image: i}]\n";
    let output = cluster.check(&kubeconfig, pod, &["--context", "reader", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(findings(&output), ["p advice runtime-class-unknown"]);
    let said = text(&output.stderr);
    for wanted in [
        "namespaces \"team\" is forbidden: User \"reader\" cannot get resource \"namespaces\"",
        "serviceaccounts \"none\" is forbidden: User \"reader\"",
        "gmsacredentialspecs.windows.k8s.io \"none\" is forbidden: User \"reader\"",
        "clusterroles.rbac.authorization.k8s.io is forbidden: User \"reader\"",
        "rolebindings.rbac.authorization.k8s.io is forbidden: User \"reader\"",
        "runtimeclasses.node.k8s.io \"none\" is forbidden: User \"reader\"",
        "pods \"p\" is forbidden: User \"reader\" cannot get resource \"pods\" in API group \"\" in the namespace \"team\"",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains(token), "{said}");
    assert!(!said.contains("host accounts"), "it asks for none: {said}");
    let on_host = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: true\n  securityContext: {windowsOptions: \
                   {hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM'}}\n  containers: [{name: c, image: i}]\n";
    let output = cluster.check(&kubeconfig, on_host, &["--context", "reader"]);
    let said = text(&output.stderr);
    let wanted = "whether the webhook is asked about host accounts in team (porthole.dev/host-accounts) could not be told";
    assert!(said.contains(wanted), "{said}");
    let told = cluster.check(
        &kubeconfig,
        on_host,
        &["--context", "reader", "--host-accounts", "warn"],
    );
    assert!(
        !text(&told.stderr).contains("could not be told"),
        "{}",
        text(&told.stderr)
    );
    let quiet = cluster.check(&kubeconfig, pod, &["--context", "reader", "-q"]);
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_cluster_that_cannot_be_asked_is_told_in_plain_words() {
    let cluster = Cluster::newest();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n";
    let expired = cluster.kubeconfig("expired", "hunter2");
    let strange = cluster.kubeconfig("strange", "hunter2");
    let text_of = std::fs::read_to_string(&strange).unwrap();
    let certificates = cluster.server.certificates();
    let unknown = text_of.replace(
        &format!("\"certificate-authority\":\"{}\"", certificates.display()),
        "\"proxy-url\":null",
    );
    assert_ne!(unknown, text_of);
    std::fs::write(&strange, unknown).unwrap();
    let nobody = cluster.kubeconfig("nobody", "hunter2");
    let elsewhere = std::fs::read_to_string(&nobody)
        .unwrap()
        .replace(cluster.server.address(), "https://127.0.0.1:1");
    std::fs::write(&nobody, elsewhere).unwrap();
    for (kubeconfig, arguments, wanted) in [
        (
            &expired,
            &["--context", "reader"][..],
            "the server does not take the credentials (401 Unauthorized)",
        ),
        (&expired, &[], "there is no context \"other\""),
        (
            &strange,
            &["--context", "reader"],
            "the server's certificate is not trusted",
        ),
        (
            &nobody,
            &["--context", "reader"],
            "the connection is refused: nobody listens there",
        ),
        (
            &cluster.directory.path().join("none"),
            &[],
            "read the kubeconfig ",
        ),
    ] {
        let output = cluster.check(kubeconfig, pod, arguments);
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(2), ""),
            "{said}"
        );
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}
