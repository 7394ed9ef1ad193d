//! Manifests behind `https://`: a server of this machine with an authority of its own, which `SSL_CERT_FILE` names.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use porthole_tests::program;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A bad pod, so that something is said about places in it.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: c\n    image: i\n    \
                   securityContext: {windowsOptions: {runAsUserName: ''}}\n";

struct Server {
    directory: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// Serves until the test's process ends.
    fn start() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "an authority of the tests");
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority_certificate.pem()).unwrap();

        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &Issuer::new(authority, authority_key))
            .unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                thread::spawn(move || answer(StreamOwned::new(connection, stream), port));
            }
        });
        Self { directory, port }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// What `porthole VERB URL` says when it trusts the server's authority.
    fn ask(&self, verb: &str, url: &str) -> (Option<i32>, String) {
        let mut command = porthole(verb, url);
        command.env("SSL_CERT_FILE", self.authority());
        said(&command.output().unwrap())
    }
}

/// One request, by its path.
fn answer(mut stream: impl Read + Write, port: u16) {
    let mut line = String::new();
    let mut request = BufReader::new(&mut stream);
    // Who does not trust the server says no more.
    if request.read_line(&mut line).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while request.read_line(&mut line).is_ok_and(|read| read > 2) {}
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    let text = match path.as_str() {
        "/pod.yaml" => format!("{}{POD}", head("200 OK", "")),
        "/moved" => head("302 Found", "Location: /pod.yaml\r\nContent-Length: 0\r\n"),
        "/down" => head(
            "302 Found",
            &format!("Location: http://localhost:{port}/pod.yaml\r\nContent-Length: 0\r\n"),
        ),
        "/round" => head("302 Found", "Location: /round\r\nContent-Length: 0\r\n"),
        "/endless" => {
            let _ = stream.write_all(head("200 OK", "").as_bytes());
            while stream.write_all(&[b'#'; 1 << 14]).is_ok() {}
            return;
        }
        _ => head("404 Not Found", "Content-Length: 0\r\n"),
    };
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Asks without the variables that would lead elsewhere.
fn porthole(verb: &str, url: &str) -> Command {
    let mut command = Command::new(program::host("porthole").unwrap());
    command.args([verb, url]).env("NO_COLOR", "1");
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn explains_a_pod_behind_a_url_and_names_the_url_in_places() {
    let server = Server::start();
    let (code, text) = server.ask("explain", &server.url("/pod.yaml"));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains(&format!("{}:8:", server.url("/pod.yaml"))),
        "{text}"
    );
    assert!(text.contains("windowsOptions.runAsUserName"), "{text}");
}

#[test]
fn runs_what_the_rules_allow_of_a_url() {
    let server = Server::start();
    let (code, text) = server.ask("run", &server.url("/pod.yaml"));
    assert_eq!(code, Some(125), "{text}");
    assert!(
        text.contains("Pod \"web\" is invalid") && text.contains(&format!("{}:8:", server.url("/pod.yaml"))),
        "{text}"
    );
}

#[test]
fn follows_redirects_that_stay_encrypted() {
    let server = Server::start();
    let (code, text) = server.ask("explain", &server.url("/moved"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("default/web"), "{text}");
}

#[test]
fn refuses_what_is_no_manifest_with_the_url_and_what_to_try() {
    let server = Server::start();
    for (path, why, help) in [
        ("/gone.yaml", "the server answers 404 Not Found", "check the path"),
        ("/down", "which is not encrypted", "stays with https://"),
        ("/round", "redirects more than", "the file itself"),
        ("/endless", "is longer than 67108864 bytes", "one manifest"),
    ] {
        let url = server.url(path);
        let (code, text) = server.ask("explain", &url);
        assert_eq!(code, Some(2), "{text}");
        for expected in [&format!("error: fetch `{url}`: "), why, help] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}

#[test]
fn refuses_a_server_that_nobody_vouches_for() {
    let server = Server::start();
    let stranger = Server::start();
    for (host, authority, why) in [
        ("localhost", stranger.authority(), "is not trusted"),
        // Its certificate is of another name.
        ("127.0.0.1", server.authority(), "is not trusted"),
        (
            "localhost",
            PathBuf::from("/dev/null"),
            "no certificates to trust",
        ),
    ] {
        let url = format!("https://{host}:{}/pod.yaml", server.port);
        let output = porthole("explain", &url)
            .env("SSL_CERT_FILE", authority)
            .output()
            .unwrap();
        let (code, text) = said(&output);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(why) && text.contains("SSL_CERT_FILE"), "{text}");
    }
}
