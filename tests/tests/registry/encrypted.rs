//! Registries over TLS, and the way there by proxies.

use std::sync::{Arc, Mutex};

use super::*;

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn a_registry_with_an_authority_of_ones_own_is_trusted_by_its_certificate_alone() {
    let room = Room::encrypted(true);
    let name = room.name("team/app:1");
    let login = room.registry.write_login(&room.path("login.json")).unwrap();
    let push = [
        "image",
        "push",
        "app:1",
        &name,
        "--authfile",
        &login.display().to_string(),
    ]
    .map(str::to_owned);
    let push: Vec<&str> = push.iter().map(String::as_str).collect();
    let with = |more: &[&'static str]| room.porthole("state", &[&push[..], more].concat());
    // Nobody vouches for it.
    let refused = with(&["--plain-http=false"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("the server's certificate is not trusted")
            && refused.err.contains("name its certificate with --tls-ca"),
        "{refused:?}"
    );
    // Somebody else does.
    let other = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(room.path("other.pem"), params.self_signed(&other).unwrap().pem()).unwrap();
    let refused = with(&["--tls-ca", "other.pem"]);
    assert!(refused.err.contains("certificate is not trusted"), "{refused:?}");
    for (file, text) in [
        ("empty.pem", ""),
        ("key.pem", &*fs::read_to_string(room.path("tls.key")).unwrap()),
    ] {
        fs::write(room.path(file), text).unwrap();
    }
    for file in ["empty.pem", "key.pem"] {
        let refused = room.porthole("state", &[&push[..], &["--tls-ca", file]].concat());
        assert!(
            refused.err.contains(file) && refused.err.contains("it holds no certificate in PEM"),
            "{refused:?}"
        );
    }
    let refused = with(&["--tls-ca", "missing.pem"]);
    assert!(refused.err.contains("missing.pem"), "{refused:?}");
    // Without TLS to a server that wants it.
    let refused = with(&[]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.err.contains("--plain-http=false"), "{refused:?}");
    let digest = with(&["--tls-ca", "ca.pem"]);
    assert_eq!(digest.code, Some(0), "{digest:?}");
    let pull = ["image", "pull", "--tls-ca", "ca.pem", &name];
    let refused = room.porthole("other", &pull);
    assert!(refused.err.contains("there are no credentials"), "{refused:?}");
    let authfile = login.display().to_string();
    let pulled = room.good("other", &[&pull[..], &["--authfile", &authfile]].concat());
    assert_eq!(pulled, digest.out);
    let pod = room.pod(&name, "", "");
    let ran = room.porthole(
        "third",
        &[
            "run",
            "--pull",
            "--tls-ca",
            "ca.pem",
            "--authfile",
            &authfile,
            &pod,
        ],
    );
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(9), "from the registry"),
        "{ran:?}"
    );
}

/// A proxy that connects everybody to one registry, wherever they want to go to. Returns where it listens, and what was asked.
fn proxy(target: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (target, asked) = (target.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let known = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (target, known) = (target.clone(), Arc::clone(&known));
            thread::spawn(move || {
                let (mut client, mut head, mut byte) = (client, Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
                    head.push(byte[0]);
                }
                known
                    .lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&head).into_owned());
                let mut server = TcpStream::connect(&target).unwrap();
                client
                    .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    .unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut server, &mut client);
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    });
    (host, asked)
}

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn a_proxy_is_asked_for_other_machines_and_not_for_those_of_no_proxy() {
    let room = Room::encrypted(false);
    let here = room.name("team/app:1");
    let (host, asked) = proxy(room.registry.host());
    let by_proxy = |state: &str, arguments: &[&str], without: &str| {
        let mut command = room.command(state, arguments);
        command
            .env("HTTPS_PROXY", format!("http://{host}"))
            .env("NO_PROXY", without);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    // This machine is never asked for by a proxy.
    let pushed = by_proxy(
        "state",
        &["image", "push", "app:1", &here, "--tls-ca", "ca.pem"],
        "",
    );
    assert_eq!(
        (pushed.0, asked.lock().unwrap().len()),
        (Some(0), 0),
        "{pushed:?}"
    );
    // There is no such host: only the proxy knows the way.
    let pull = [
        "image",
        "pull",
        "--tls-ca",
        "ca.pem",
        "registry.invalid/team/app:1",
    ];
    let pulled = by_proxy("other", &pull, "elsewhere.invalid");
    assert_eq!(pulled.0, Some(0), "{pulled:?}");
    let heads = asked.lock().unwrap().clone();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(
            head.starts_with("CONNECT registry.invalid:443 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(!head.to_ascii_lowercase().contains("\nauthorization:"), "{head}");
    }
    let before = asked.lock().unwrap().len();
    let refused = by_proxy("third", &pull, "registry.invalid");
    assert_eq!(refused.0, Some(2), "{refused:?}");
    assert!(refused.1.contains("its host has no address"), "{refused:?}");
    assert_eq!(asked.lock().unwrap().len(), before);
}
