//! An API server, and `porthole install` at it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use porthole_tests::kubernetes::{ApiServer, Client, Settings};
use porthole_tests::program;
use serde_json::{Value, json};

pub(super) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/porthole-system/deployments/porthole-webhook";
pub(super) const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";
pub(super) const NAME: &str = "porthole-webhook";
pub(super) const SPECS: &str = "/apis/windows.k8s.io/v1/gmsacredentialspecs";
pub(super) const DEFINITION: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gmsacredentialspecs.windows.k8s.io";

/// Exit code, standard output and standard error.
pub(super) type Said = (Option<i32>, String, String);

pub(super) struct Bed {
    /// `1.N`, as the command line takes it: a server that was built by hand may call itself otherwise.
    version: String,
    pub(super) client: Client,
    pub(super) server: ApiServer,
}

impl Bed {
    pub(super) fn new(version: &str) -> Self {
        Self::of(version, &Settings::of(version))
    }

    /// The same with further settings of the API server.
    pub(super) fn of(version: &str, settings: &Settings) -> Self {
        let server = ApiServer::start(settings).unwrap();
        let client = Client::new(&server).unwrap();
        let (version, _patch) = version.rsplit_once('.').unwrap();
        Self {
            version: version.to_owned(),
            client,
            server,
        }
    }

    /// `porthole install`, with nobody who starts pods.
    pub(super) fn install(&self, arguments: &[&str]) -> Said {
        self.install_as(&self.server.kubeconfig(), arguments)
    }

    /// The same as whoever a kubeconfig says.
    pub(super) fn install_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Said {
        let mut command = Command::new(program::host("porthole").unwrap());
        command
            .args(["install", "--kubeconfig"])
            .arg(kubeconfig)
            .args(["--kubernetes-version", &self.version])
            .args(arguments)
            .env_remove("KUBECONFIG");
        said(&mut command)
    }

    /// The same, with controllers: pods are there as soon as they are asked for, and so is the server's certificate.
    pub(super) fn install_with_controllers(&self, arguments: &[&str]) -> Said {
        self.with_controllers(|| self.install(arguments))
    }

    /// Does something while controllers do what they do.
    pub(super) fn with_controllers<T>(&self, happen: impl FnOnce() -> T) -> T {
        meanwhile(Duration::from_millis(100), || self.control(), happen)
    }

    /// What the controllers of a cluster and the server itself would do by now.
    fn control(&self) {
        let Some(deployment) = self.get(DEPLOYMENT) else {
            return;
        };
        let replicas = &deployment["spec"]["replicas"];
        let status = json!({"status": {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
            "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        }});
        let merge = "application/merge-patch+json";
        let path = format!("{DEPLOYMENT}/status");
        let answer = self.client.patch(&path, merge, &status.to_string()).unwrap();
        assert_eq!(answer.code, 200, "{}", answer.body);
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "porthole-webhook-certificates", "labels": {"app.kubernetes.io/name": "porthole"}},
            "stringData": {"ca.crt": authority()},
        });
        // A second one is refused.
        let secrets = "/api/v1/namespaces/porthole-system/secrets";
        self.client.post(secrets, &secret.to_string()).unwrap();
    }

    /// What is at a path; nothing where there is nothing.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        let answer = self.client.get(path).unwrap();
        (answer.code == 200).then(|| answer.json().unwrap())
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    pub(super) fn configuration(&self, kind: &str) -> Option<Value> {
        self.get(&format!("{REGISTRATION}/{kind}webhookconfigurations/{NAME}"))
    }

    /// Creates the objects of a text.
    pub(super) fn create(&self, text: &str) {
        let (code, out, err) = self.kubectl(&["create", "-f", "-"], text);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    }

    /// The same, until what they define is served.
    pub(super) fn define(&self, text: &str) {
        self.create(text);
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd",
            "--all",
        ];
        let (code, out, err) = self.kubectl(&wait, "");
        assert_eq!(code, Some(0), "{out}{err}");
    }

    /// kubectl, with a text as its standard input.
    pub(super) fn kubectl(&self, arguments: &[&str], text: &str) -> Said {
        let mut child = self
            .server
            .kubectl(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// Does something, and meanwhile something else again and again, with a pause after each time: others need the machine too.
pub(super) fn meanwhile<T>(pause: Duration, mut again: impl FnMut() + Send, happen: impl FnOnce() -> T) -> T {
    /// However it ends.
    struct Ended<'a>(&'a AtomicBool);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                again();
                thread::sleep(pause);
            }
        });
        let _ended = Ended(&ended);
        happen()
    })
}

/// A certificate that is its own authority: the API server wants one that can be read.
pub(super) fn authority() -> String {
    static AUTHORITY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let made = || {
        rcgen::generate_simple_self_signed(vec!["porthole".to_owned()])
            .unwrap()
            .cert
            .pem()
    };
    AUTHORITY.get_or_init(made).clone()
}

/// What is printed for a cluster, which is not asked.
pub(super) fn printed(what: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program::host("porthole").unwrap());
    let (code, out, err) = said(
        command
            .args(["install", &format!("--print={what}")])
            .args(arguments),
    );
    assert_eq!((code, err.as_str()), (Some(0), ""));
    out
}

fn said(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
