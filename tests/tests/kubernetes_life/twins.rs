//! One manifest for both: an ordinary pod on the kubelet's node, a HostProcess pod for porthole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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

/// Porthole with a state directory of its own. Its pods are removed at the end.
pub(crate) struct Porthole {
    directory: tempfile::TempDir,
}

impl Porthole {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(directory.path().join("image/bin")).unwrap();
        Self { directory }
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

    /// The object as porthole shows it.
    pub(crate) fn inspect(&self, name: &str) -> Value {
        let output = self.command("inspect", &["-o", "json", name]).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
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

/// What the cluster says of all objects of a kind, by name.
pub(crate) fn list(node: &Node, kind: &str) -> Vec<Value> {
    let mut get = node.kubectl(&["get", kind, "-o", "json"]);
    let output = get.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    list["items"].as_array().unwrap().clone()
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
