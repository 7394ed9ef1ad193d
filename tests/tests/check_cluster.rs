//! `porthole check --cluster` at a server of this test: what is asked of it, and what is said where it is none.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use porthole_tests::program;
use serde_json::Value;

const MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}";

/// A server of plain http that is asked for its version, and has nothing.
struct Server {
    address: String,
    /// The first lines of what it was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(version: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap())
                    .lines()
                    .map_while(Result::ok);
                let Some(first) = lines.next() else { continue };
                lines.find(String::is_empty);
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let name = path.rsplit('/').next().unwrap_or_default();
                let (status, body) = if path == "/version" {
                    ("200 OK", format!(r#"{{"gitVersion":"{version}"}}"#))
                } else if path.contains("reviews") {
                    (
                        "405 Method Not Allowed",
                        r#"{"kind":"Status","code":405}"#.to_owned(),
                    )
                } else if path.ends_with("/resourcequotas?limit=500")
                    || path.ends_with("/limitranges?limit=500")
                {
                    ("200 OK", r#"{"metadata":{},"items":[]}"#.to_owned())
                } else if path.contains("cronjobs") {
                    (
                        "404 Not Found",
                        r#"{"kind":"Status","reason":"NotFound","details":{}}"#.to_owned(),
                    )
                } else {
                    let status =
                        format!(r#"{{"kind":"Status","reason":"NotFound","details":{{"name":"{name}"}}}}"#);
                    ("404 Not Found", status)
                };
                seen.lock().unwrap().push(first);
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

/// `porthole check` in a directory with `x.yaml` and a kubeconfig of that server, whose context has a namespace.
fn check(address: &str, text: &str, settings: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("x.yaml", text);
    write(".porthole.yaml", settings);
    write(
        "config",
        &format!(
            "current-context: here\nclusters: [{{name: c, cluster: {{server: '{address}'}}}}]\nusers: [{{name: u, user: \
             {{token: hunter2}}}}]\ncontexts: [{{name: here, context: {{cluster: c, user: u, namespace: team}}}}, {{name: \
             broken, context: {{cluster: none, user: u}}}}]\n"
        ),
    );
    run(directory.path(), Some("config"), arguments)
}

fn run(directory: &Path, kubeconfig: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program::host("porthole").unwrap());
    command
        .args(["check", "x.yaml"])
        .args(arguments)
        .current_dir(directory)
        .env("HOME", directory)
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST");
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    let output = command.output().unwrap();
    assert!(
        !text(&output.stderr).contains("hunter2"),
        "{}",
        text(&output.stderr)
    );
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

#[test]
fn the_version_is_the_cluster_s_unless_a_flag_says_another() {
    let old = Server::start("v1.24.17-gke.1");
    let version = |arguments: &[&str]| {
        let output = check(&old.address, MAP, "kubernetesVersion: '1.30'\n", arguments);
        report(&output)["kubernetesVersion"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        version(&["-o", "json"]),
        "1.30",
        "without --cluster nobody is asked"
    );
    assert_eq!(version(&["-o", "json", "--cluster"]), "1.24");
    assert_eq!(
        version(&["-o", "json", "--cluster", "--kubernetes-version", "1.33"]),
        "1.33"
    );
    let new = Server::start("v1.99.0");
    let output = check(&new.address, MAP, "", &["--cluster"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("the rules of v1.99.0 are not known; those of Kubernetes 1.37 are asked"),
        "{said}"
    );
}

#[test]
fn only_what_the_files_refer_to_is_read_in_the_namespace_of_the_context() {
    let server = Server::start("v1.37.0");
    let output = check(&server.address, MAP, "", &["--cluster", "-o", "status"]);
    assert_eq!(
        server.asked(),
        [
            "GET /api/v1/namespaces/team HTTP/1.1",
            "GET /api/v1/namespaces/team/configmaps/x HTTP/1.1",
            "GET /api/v1/namespaces/team/resourcequotas?limit=500 HTTP/1.1",
            "GET /version HTTP/1.1",
        ]
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["status"]["message"], "namespaces \"team\" not found");
    assert_eq!(output.status.code(), Some(1));
    let server = Server::start("v1.37.0");
    let secret = MAP.replace("ConfigMap", "Secret").replace(", data: {a: b}", "");
    check(&server.address, &secret, "namespace: other\n", &["--cluster"]);
    assert_eq!(
        server.asked(),
        [
            "GET /api/v1/namespaces/other HTTP/1.1",
            "GET /api/v1/namespaces/other/resourcequotas?limit=500 HTTP/1.1",
            "GET /version HTTP/1.1",
        ],
        "no Secret is read, and settings go before the context"
    );
}

#[test]
fn kinds_that_no_cluster_keeps_are_no_failure() {
    let server = Server::start("v1.37.0");
    let text = "{apiVersion: authentication.k8s.io/v1, kind: TokenReview, metadata: {name: x}, spec: {token: a}}\n---\n{apiVersion: \
                batch/v1beta1, kind: CronJob, metadata: {name: x, namespace: team}}\n";
    let output = check(&server.address, text, "", &["--cluster", "-o", "json"]);
    assert_eq!(self::text(&output.stderr), "");
    assert!(
        server.asked().iter().any(|line| line.contains("/tokenreviews/x")),
        "{:?}",
        server.asked()
    );
    let objects = report(&output)["files"][0]["objects"].as_array().unwrap().len();
    assert_eq!(objects, 2);
}

#[test]
fn a_cluster_that_cannot_be_found_is_told_with_what_to_try() {
    let server = Server::start("v1.37.0");
    for (address, arguments, wanted) in [
        (
            server.address.as_str(),
            &["--cluster", "--context", "prod"][..],
            "error: choose the cluster: there is no context \"prod\"\nhelp: the kubeconfig has broken, here\n",
        ),
        (
            &server.address,
            &["--cluster", "--context", "broken"],
            "the context \"broken\" names the cluster \"none\", which the kubeconfig does not have",
        ),
        (
            "http://127.0.0.1:1",
            &["--cluster"],
            "error: read http://127.0.0.1:1/version: the connection is refused: nobody listens there\nhelp: check the server's address",
        ),
        (
            "http://api.example",
            &["--cluster"],
            "is not encrypted (http://) and not this machine",
        ),
        (
            &server.address,
            &["--cluster", "--kubeconfig", "none"],
            "error: read the kubeconfig none\n",
        ),
        (&server.address, &["--context", "here"], "--cluster"),
        (
            &server.address,
            &["--cluster", "--kubectl"],
            "cannot be used with",
        ),
    ] {
        let output = check(address, MAP, "", arguments);
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(2), ""),
            "{said}"
        );
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("x.yaml"), MAP).unwrap();
    let output = run(directory.path(), None, &["--cluster"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("find the cluster: there is no kubeconfig (") && said.contains(".kube"),
        "{said}"
    );
    assert!(
        said.contains("help: name one with --kubeconfig or KUBECONFIG"),
        "{said}"
    );
}

/// A server whose name only the environment's proxy knows, asked for by `ALL_PROXY`, and what the proxy was sent.
fn by_environment(scheme: &str, without: &str, answers: &'static [&'static [u8]]) -> (Output, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut bytes = [0; 4096];
        for answer in answers {
            // A head comes in as many pieces as the client likes.
            let is_whole = |seen: &[u8]| seen.first() != Some(&b'C') || seen.ends_with(b"\r\n\r\n");
            loop {
                let length = stream.read(&mut bytes).unwrap();
                seen.extend_from_slice(&bytes[..length]);
                if length == 0 {
                    return seen;
                }
                if is_whole(&seen) {
                    break;
                }
            }
            if stream.write_all(answer).is_err() {
                break;
            }
        }
        seen
    });
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("x.yaml", MAP);
    write(
        "config",
        "current-context: c\nclusters: [{name: c, cluster: {server: 'https://api.invalid:6443'}}]\n\
         contexts: [{name: c, context: {cluster: c}}]\n",
    );
    let output = Command::new(program::host("porthole").unwrap())
        .args(["check", "x.yaml", "--cluster", "--kubeconfig", "config"])
        .current_dir(directory.path())
        .env("ALL_PROXY", format!("{scheme}://127.0.0.1:{port}"))
        .env("NO_PROXY", without)
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .output()
        .unwrap();
    // Where nobody came the proxy waits no longer.
    let _ = TcpStream::connect(("127.0.0.1", port));
    (output, proxy.join().unwrap())
}

#[test]
fn the_environment_s_proxy_is_asked_for_a_server_on_another_machine() {
    // The first answer is that no user is wanted, the second that no host of the name is reached (RFC 1928 §6).
    let (output, seen) = by_environment("socks5h", "", &[&[5, 0], &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(seen, b"\x05\x01\x00\x05\x01\x00\x03\x0bapi.invalid\x19\x2b");
    assert!(
        said.contains("error: read https://api.invalid:6443/version: socks5://127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.contains(", the proxy: host unreachable\nhelp: check proxy-url"),
        "{said}"
    );

    let (output, seen) = by_environment(
        "http",
        "10.0.0.0/8, .example",
        &[b"HTTP/1.1 403 Forbidden\r\n\r\n"],
    );
    let said = text(&output.stderr);
    assert!(
        seen.starts_with(b"CONNECT api.invalid:6443 HTTP/1.1\r\n"),
        "{said}"
    );
    assert!(said.contains(", the proxy: it answers 403\n"), "{said}");

    let (output, seen) = by_environment("http", "10.0.0.0/8, invalid", &[b""]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(seen.is_empty() && !said.contains(", the proxy:"), "{said}");
}
