//! The image of the webhook: what is in it, and its server as containerd runs it.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use porthole_tests::bench::finish;
use porthole_tests::containerd::Containerd;
use porthole_tests::guardian::Guardian;
use porthole_tests::image::{self, PROGRAM};
use porthole_tests::kubernetes::{ApiServer, Settings, Webhook, ports};
use porthole_tests::{program, wait};
use serde_json::{Value, json};

/// Until it answers, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(2);

/// A containerd that has imported the image.
struct Host {
    work: tempfile::TempDir,
    containerd: Containerd,
}

impl Host {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let containerd = Containerd::start(work.path()).unwrap();
        let archive = image::archive().unwrap();
        finish(&mut containerd.ctr(&["images", "import", archive.to_str().unwrap()])).unwrap();
        Self { work, containerd }
    }

    /// The name that containerd keeps it under.
    fn image(&self) -> String {
        let names = finish(&mut self.containerd.ctr(&["images", "ls", "--quiet"])).unwrap();
        let name = names.trim().to_owned();
        assert!(name.ends_with(&image::name()), "{names}");
        name
    }

    /// Runs the image once, with options of `ctr run` and with arguments that stand for its entrypoint and command.
    fn run(&self, id: &str, options: &[&str], arguments: &[&str]) -> Command {
        let mut run = self.containerd.ctr(&["run"]);
        run.args(options).args([&self.image(), id]).args(arguments);
        run
    }
}

/// What it says on standard output and standard error, whether or not it succeeds.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
#[ignore = "needs root, containerd and the image of `cargo xtask image`"]
fn it_is_one_small_program_that_runs_as_nobody() {
    let host = Host::new();
    let root = host.work.path().join("image");
    fs::create_dir(&root).unwrap();
    let mut guardian = Guardian::new().unwrap();
    guardian.at_the_end(&["umount", root.to_str().unwrap()]).unwrap();
    finish(
        &mut host
            .containerd
            .ctr(&["images", "mount", &host.image(), root.to_str().unwrap()]),
    )
    .unwrap();
    let found = files(&root);
    assert_eq!(found, [root.join(&PROGRAM[1..])]);
    let metadata = fs::metadata(&found[0]).unwrap();
    assert!(metadata.len() <= image::LARGEST, "{} bytes", metadata.len());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    // It needs no library.
    let linked = said(Command::new("ldd").arg(&found[0]));
    assert!(
        linked.contains("statically linked") || linked.contains("not a dynamic executable"),
        "{linked}"
    );
    drop(guardian);

    // The entrypoint is the program, without a shell around it.
    let help = said(&mut host.run("help", &["--rm", "--read-only"], &[]));
    assert!(help.contains("Usage: porthole"), "{help}");
    let version =
        finish(&mut host.run("version", &["--rm", "--read-only"], &[PROGRAM, "--version"])).unwrap();
    assert_eq!(version, format!("porthole {}\n", env!("CARGO_PKG_VERSION")));
}

/// A certificate for 127.0.0.1 that is its own authority, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// What a pod would be given: whom to ask, and a certificate. Only nobody can read the keys.
fn configure(directory: &Path, server: &ApiServer, certificate: &str, key: &str) {
    let authority = fs::read_to_string(server.certificates()).unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server.address(), "certificate-authority": "/config/ca.crt"}}],
        "users": [{"name": "test", "user": {"token": server.token()}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    let nobody: u32 = image::USER.split(':').next().unwrap().parse().unwrap();
    for (name, text) in [
        ("ca.crt", authority.as_str()),
        ("kubeconfig", &kubeconfig.to_string()),
        ("tls.crt", certificate),
        ("tls.key", key),
    ] {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        chown(&path, Some(nobody), Some(nobody)).unwrap();
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The definition, without which the server is never ready.
fn define(server: &ApiServer, work: &Path) {
    let definition =
        finish(Command::new(program::host("porthole").unwrap()).args(["install", "--print=crd"])).unwrap();
    let file = work.join("definition.yaml");
    fs::write(&file, definition).unwrap();
    finish(&mut server.kubectl(&["apply", "-f", file.to_str().unwrap()])).unwrap();
}

/// A field of a file of `/proc`.
fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name}: {text}")).trim().to_owned()
}

#[test]
#[ignore = "needs root, containerd, kube-apiserver 1.37 and the image of `cargo xtask image`"]
fn containerd_runs_it_without_root_on_a_root_that_is_read_only() {
    let server = ApiServer::start(&Settings::default()).unwrap();
    let host = Host::new();
    define(&server, host.work.path());
    let config = host.work.path().join("config");
    fs::create_dir(&config).unwrap();
    fs::set_permissions(host.work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (certificate, key) = certificate();
    configure(&config, &server, &certificate, &key);

    let socket = host.work.path().join("containerd.sock");
    let mut guardian = Guardian::new().unwrap();
    let remove = [
        "ctr",
        "--address",
        socket.to_str().unwrap(),
        "tasks",
        "rm",
        "--force",
        "webhook",
    ];
    guardian.at_the_end(&remove).unwrap();
    let [port] = ports().unwrap();
    let mount = format!("type=bind,src={},dst=/config,options=rbind:ro", config.display());
    let port_flag = format!("--port={port}");
    let options = ["--detach", "--net-host", "--read-only", "--mount", &mount];
    let arguments = [
        PROGRAM,
        "webhook",
        "--kubeconfig=/config/kubeconfig",
        "--tls-cert=/config/tls.crt",
        "--tls-key=/config/tls.key",
        "--address=127.0.0.1",
        &port_flag,
    ];
    finish(&mut host.run("webhook", &options, &arguments)).unwrap();

    let agent = Webhook::agent_of(&certificate, 1).unwrap();
    let address = format!("https://127.0.0.1:{port}");
    let mut last = String::new();
    wait::until("the webhook to be ready", LIMIT, || {
        let answer = agent.get(format!("{address}/readyz")).call();
        last = format!("{answer:?}");
        Ok(answer.is_ok_and(|answer| answer.status() == 200).then_some(()))
    })
    .unwrap_or_else(|failure| panic!("{failure}: {last}"));

    // Who it is, and what it may.
    let tasks = finish(&mut host.containerd.ctr(&["tasks", "ls"])).unwrap();
    let line = tasks.lines().find(|line| line.starts_with("webhook ")).unwrap();
    let process = line.split_whitespace().nth(1).unwrap();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert_eq!(field(&status, "Uid:"), ["65532"; 4].join("\t"));
    assert_eq!(field(&status, "Gid:"), ["65532"; 4].join("\t"));
    assert_eq!(field(&status, "CapEff:"), "0".repeat(16));
    let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
    let root = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some("/"))
        .unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{root}");

    // And it decides.
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "namespace": "default",
            "object": {"metadata": {"name": "web"}, "spec": {"serviceAccountName": "default", "containers": [{"name": "app",
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "nobodys"}}}]}},
        },
    });
    let answer = agent
        .post(format!("{address}/mutate"))
        .header("Content-Type", "application/json")
        .send(review.to_string());
    let answer: Value = serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(
        answer["response"]["status"]["message"],
        "cred spec nobodys does not exist"
    );

    // It ends when it is told to, as a pod's container is.
    finish(
        &mut host
            .containerd
            .ctr(&["tasks", "kill", "--signal", "SIGTERM", "webhook"]),
    )
    .unwrap();
    wait::until("the webhook to end", LIMIT, || {
        let tasks = finish(&mut host.containerd.ctr(&["tasks", "ls"]))?;
        Ok(tasks.contains("STOPPED").then_some(()))
    })
    .unwrap();
    // This fails where its exit code is not 0.
    finish(&mut host.containerd.ctr(&["tasks", "rm", "webhook"])).unwrap();
}
