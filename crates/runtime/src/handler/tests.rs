use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::conduct::HttpGet;
use crate::engine::{CreateError, Created, DeleteError, Engine, HostFacts, Os, Stdio};
use crate::plan::{CommandLine, Limits, Plan, PodIdentity, Rootfs, Stop, Streams, User, View};

#[cfg(unix)]
mod programs;
mod tls;

/// Long enough that only what hangs runs into it.
const AMPLE: Duration = Duration::from_secs(30);

fn plan() -> Plan {
    Plan {
        id: "1-c".to_owned(),
        pod: PodIdentity {
            namespace: "n".to_owned(),
            name: "p".to_owned(),
            uid: "1".to_owned(),
        },
        container: "c".to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Private,
        command: CommandLine::Arguments(vec!["c".to_owned()]),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Inherit,
        limits: Limits::default(),
        stop: Stop {
            signal: crate::Signal::Term,
            grace: Duration::ZERO,
        },
        credential_spec: None,
        streams: Streams::default(),
    }
}

/// An engine that runs nothing.
struct NoEngine(HostFacts);

impl Engine for NoEngine {
    fn facts(&self) -> &HostFacts {
        &self.0
    }

    fn create(&self, _: &Plan, _: Stdio) -> Result<Box<dyn Created>, CreateError> {
        Err(CreateError::Host {
            doing: "create".to_owned(),
            reason: "none".to_owned(),
        })
    }

    fn sweep_but(&self, _: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError> {
        Ok(Vec::new())
    }
}

fn facts() -> HostFacts {
    HostFacts {
        os: Os::Linux,
        hostname: "h".to_owned(),
        address: "127.0.0.1".to_owned(),
        views: vec![View::Private],
        lacks: Vec::new(),
    }
}

fn performed(handler: &Handler, limit: Duration) -> Result<(), String> {
    let (engine, plan) = (NoEngine(facts()), plan());
    let target = Target {
        engine: &engine,
        plan: &plan,
        address: "127.0.0.1",
    };
    perform(handler, &target, limit).map_err(|failed| failed.message)
}

/// Answers every connection, one after the other, with the next of these texts; hands out what was asked.
fn server(answers: Vec<Vec<u8>>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = asked.send(request(&mut stream));
            let _ = stream.write_all(&answer);
        }
    });
    (port, requests)
}

fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn get(port: u16, path: &str) -> Handler {
    Handler::HttpGet(HttpGet {
        secure: false,
        host: None,
        port,
        path: path.to_owned(),
        headers: Vec::new(),
    })
}

fn answer(status: u16, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n{more}\r\nok").into_bytes()
}

#[test]
fn a_status_from_200_to_399_is_success_and_another_is_named() {
    for (status, message) in [
        (200, None),
        (204, None),
        (304, None),
        (399, None),
        (400, Some("HTTP probe failed with statuscode: 400")),
        (503, Some("HTTP probe failed with statuscode: 503")),
    ] {
        let (port, _requests) = server(vec![answer(status, "")]);
        let result = performed(&get(port, "/healthz"), AMPLE);
        assert_eq!(result.err().as_deref(), message, "{status}");
    }
}

#[test]
fn a_request_has_the_kubelets_headers_and_the_manifests() {
    let (port, requests) = server(vec![answer(200, ""), answer(200, "")]);
    let mut handler = HttpGet {
        secure: false,
        host: None,
        port,
        path: "a b?x=%41#part".to_owned(),
        headers: vec![
            ("Host".to_owned(), "web.example".to_owned()),
            ("X-A".to_owned(), "1".to_owned()),
            ("x-a".to_owned(), "2".to_owned()),
        ],
    };
    performed(&Handler::HttpGet(handler.clone()), AMPLE).unwrap();
    let asked = requests.recv_timeout(AMPLE).unwrap().to_lowercase();
    assert!(asked.starts_with("get /a%20b?x=%41 http/1.1\r\n"), "{asked}");
    for header in [
        "host: web.example",
        "x-a: 1",
        "x-a: 2",
        "user-agent: kube-probe/1.37",
        "accept: */*",
    ] {
        assert_eq!(
            asked.matches(&format!("\r\n{header}\r\n")).count(),
            1,
            "{header} in {asked}"
        );
    }
    handler.headers = vec![
        ("User-Agent".to_owned(), String::new()),
        ("accept".to_owned(), "text/plain".to_owned()),
    ];
    performed(&Handler::HttpGet(handler), AMPLE).unwrap();
    let asked = requests.recv_timeout(AMPLE).unwrap().to_lowercase();
    assert!(
        !asked.contains("user-agent") && asked.contains("accept: text/plain\r\n"),
        "{asked}"
    );
    assert_eq!(asked.matches("accept:").count(), 1, "{asked}");
}

#[test]
fn redirects_are_followed_on_the_same_host_only_and_not_for_ever() {
    let (port, requests) = server(vec![answer(302, "Location: next?a\r\n"), answer(500, "")]);
    let result = performed(&get(port, "/dir/x"), AMPLE);
    assert_eq!(result.unwrap_err(), "HTTP probe failed with statuscode: 500");
    requests.recv_timeout(AMPLE).unwrap();
    assert!(
        requests
            .recv_timeout(AMPLE)
            .unwrap()
            .starts_with("GET /dir/next?a ")
    );

    // Nobody listens there: asking would fail.
    let (port, _requests) = server(vec![answer(301, "Location: https://elsewhere.invalid/\r\n")]);
    assert_eq!(performed(&get(port, "/"), AMPLE), Ok(()));

    let (port, _requests) = server(vec![answer(307, "Location: /again\r\n"); 20]);
    let message = performed(&get(port, "/"), AMPLE).unwrap_err();
    assert!(message.ends_with("stopped after 10 redirects"), "{message}");
}

#[test]
fn a_server_that_says_nothing_or_never_ends_is_given_up_on() {
    let limit = Duration::from_millis(300);
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let message = performed(&get(port, "/x"), limit).unwrap_err();
    assert_eq!(
        message,
        format!(
            "Get \"http://127.0.0.1:{port}/x\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )
    );

    let (port, _requests) = slow(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun");
    let message = performed(&get(port, "/"), limit).unwrap_err();
    assert!(
        message.contains("context deadline exceeded") && message.contains("while reading body"),
        "{message}"
    );
}

/// A server that sends this and then holds the connection.
fn slow(begin: &'static [u8]) -> (u16, Receiver<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (held, streams) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream);
        stream.write_all(begin).unwrap();
        let _ = held.send(stream);
    });
    (port, streams)
}

#[test]
fn of_an_endless_body_only_the_beginning_is_read() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (ended, end) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
        let _ = ended.send(());
    });
    assert_eq!(performed(&get(port, "/"), AMPLE), Ok(()));
    end.recv_timeout(AMPLE)
        .expect("the server is hung up on while it still writes");
}

#[test]
fn garbage_is_no_answer() {
    for garbage in [
        &b"\x00\xff\xfe rubbish\r\n\r\n"[..],
        b"HTTP/1.1 abc X\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"",
    ] {
        let (port, _requests) = server(vec![garbage.to_vec()]);
        let message = performed(&get(port, "/"), AMPLE).unwrap_err();
        assert!(
            message.starts_with(&format!("Get \"http://127.0.0.1:{port}/\": ")),
            "{message}"
        );
    }
    let mut headers = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..20_000 {
        headers.extend(format!("X-{number}: {}\r\n", "y".repeat(100)).bytes());
    }
    let (port, _requests) = server(vec![headers]);
    assert!(performed(&get(port, "/"), AMPLE).is_err());
}

#[test]
fn a_closed_port_is_refused_in_the_kubelets_words() {
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    assert_eq!(
        performed(&get(port, "/"), AMPLE).unwrap_err(),
        format!("Get \"http://127.0.0.1:{port}/\": dial tcp 127.0.0.1:{port}: connect: connection refused")
    );
    let socket = Handler::TcpSocket { host: None, port };
    assert_eq!(
        performed(&socket, AMPLE).unwrap_err(),
        format!("dial tcp 127.0.0.1:{port}: connect: connection refused")
    );
}

#[test]
fn a_connection_is_success_for_names_and_both_kinds_of_addresses() {
    for bound in ["127.0.0.1", "::1"] {
        let Ok(listener) = TcpListener::bind((bound, 0)) else {
            // A host without IPv6.
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let tcp = |host: &str| Handler::TcpSocket {
            host: Some(host.to_owned()),
            port,
        };
        assert_eq!(performed(&tcp(bound), AMPLE), Ok(()), "{bound}");
        if bound == "::1" {
            assert_eq!(performed(&tcp("[::1]"), AMPLE), Ok(()));
        } else {
            assert_eq!(performed(&tcp("localhost"), AMPLE), Ok(()));
        }
    }
    let unknown = Handler::TcpSocket {
        host: Some("no-such-name.invalid".to_owned()),
        port: 1,
    };
    assert_eq!(
        performed(&unknown, AMPLE).unwrap_err(),
        "dial tcp: lookup no-such-name.invalid: no such host"
    );
}

#[test]
fn requests_reach_ipv6_hosts() {
    let Ok(listener) = TcpListener::bind(("::1", 0)) else {
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = asked.send(request(&mut stream));
        let _ = stream.write_all(&answer(200, ""));
    });
    let handler = Handler::HttpGet(HttpGet {
        secure: false,
        host: Some("::1".to_owned()),
        port,
        path: "/".to_owned(),
        headers: Vec::new(),
    });
    assert_eq!(performed(&handler, AMPLE), Ok(()));
    let asked = requests.recv_timeout(AMPLE).unwrap().to_lowercase();
    assert!(asked.contains(&format!("host: [::1]:{port}\r\n")), "{asked}");
}

#[test]
fn a_program_that_cannot_be_started_says_why() {
    let message = performed(&Handler::Exec(vec!["x".to_owned()]), AMPLE).unwrap_err();
    assert!(message.contains("1-c"), "{message}");
}

#[test]
fn a_pause_is_no_longer_than_its_limit() {
    let pause = |time, limit| performed(&Handler::Sleep(time), limit);
    assert_eq!(pause(Duration::from_millis(1), AMPLE), Ok(()));
    let message = pause(AMPLE * 100, Duration::from_millis(1)).unwrap_err();
    assert!(message.contains("did not end within 1ms"), "{message}");
}
