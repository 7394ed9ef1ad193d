//! One manifest for both: an ordinary pod on the kubelet's node, a HostProcess pod for porthole.

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use porthole_tests::guardian::Guardian;
use porthole_tests::kubernetes::{IMAGE, NODE, Node};
use porthole_tests::program;
use serde_json::Value;

/// The cluster: one for the tests that run at the same time, ended with the last of them.
pub(crate) fn node() -> Arc<Node> {
    static NODE: Mutex<Weak<Node>> = Mutex::new(Weak::new());
    // A test that could not start it leaves nothing half done.
    let mut shared = NODE.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let node = Arc::new(Node::start().unwrap());
        *shared = Arc::downgrade(&node);
        node
    })
}

/// Porthole with a state directory of its own. Its pods are removed at the end, also when this program is killed.
pub(crate) struct Porthole {
    _guardian: Guardian,
    directory: tempfile::TempDir,
}

impl Porthole {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(directory.path().join("image/bin")).unwrap();
        let mut guardian = Guardian::new().unwrap();
        guardian.remove_at_the_end(directory.path()).unwrap();
        let (program, state) = (program::host("porthole").unwrap(), directory.path().join("state"));
        let remove = [
            &*program.to_string_lossy(),
            "rm",
            "-f",
            "--all",
            "--state",
            &*state.to_string_lossy(),
        ];
        guardian.at_the_end(&remove).unwrap();
        Self {
            _guardian: guardian,
            directory,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::host("porthole").unwrap());
        command
            .arg(verb)
            .arg("--state")
            .arg(self.path("state"))
            .args(arguments);
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Starts an object, detached.
    pub(crate) fn start(&self, name: &str, manifest: &str) {
        let file = self.path(&format!("{name}.yaml"));
        fs::write(&file, manifest).unwrap();
        let mut run = self.command("run", &["--detach"]);
        run.arg("--image")
            .arg(format!("{IMAGE}={}", self.path("image").display()))
            .arg(file);
        let output = run.output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}\n{manifest}");
    }

    /// Objects as porthole shows them.
    pub(crate) fn inspect(&self, names: &[&str]) -> Vec<Value> {
        let mut inspect = self.command("inspect", &["-o", "json"]);
        let output = inspect.args(names).output().unwrap();
        assert!(output.status.success(), "{names:?}: {output:?}");
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        match shown["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![shown],
        }
    }
}

impl Drop for Porthole {
    fn drop(&mut self) {
        let removed = self.command("rm", &["-f", "--all"]).output();
        if !std::thread::panicking() {
            let removed = removed.unwrap();
            assert!(removed.status.success(), "{removed:?}");
        }
    }
}

/// Creates an object in the cluster.
pub(crate) fn create(node: &Node, manifest: &str, scratch: &Porthole) {
    let file = scratch.path("created.yaml");
    fs::write(&file, manifest).unwrap();
    let mut create = node.kubectl(&["create", "-f"]);
    let output = create.arg(file).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{manifest}");
}

/// Looks at the cluster's objects of a kind, at each as it is and again whenever it changes, until that is enough.
///
/// # Errors
/// It is not enough within the limit.
pub(crate) fn follow(
    node: &Node,
    kind: &str,
    limit: Duration,
    mut enough: impl FnMut(Value) -> bool,
) -> Result<(), RecvTimeoutError> {
    let mut get = node.kubectl(&["get", kind, "--watch", "-o", "json"]);
    let child = get.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let (sender, receiver) = mpsc::channel();
    // It ends with the cluster, as what it reads from does.
    thread::spawn(move || {
        let out = BufReader::new(child.stdout.take().unwrap());
        let objects = serde_json::Deserializer::from_reader(out).into_iter();
        for object in objects.map_while(Result::ok) {
            if sender.send(object).is_err() {
                break;
            }
        }
        let _ = child.wait();
    });
    let deadline = Instant::now() + limit;
    while !enough(receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))?) {}
    Ok(())
}

/// The pod for the kubelet, with these lines in its spec, indented by two blanks. As a host process its programs see those
/// of the host: in a namespace of their own the first of them would be spared signals.
pub(crate) fn ordinary(lines: &str) -> String {
    format!(
        "  nodeName: {NODE}\n  hostNetwork: true\n  hostPID: true\n{}",
        lines.replace("IMAGE", IMAGE)
    )
}

/// The same pod for porthole.
pub(crate) fn host_process(lines: &str) -> String {
    format!(
        "  hostNetwork: true\n  securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: SYSTEM}}}}\n{}",
        lines.replace("IMAGE", IMAGE)
    )
}

/// A Pod of a spec.
pub(crate) fn pod(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}
