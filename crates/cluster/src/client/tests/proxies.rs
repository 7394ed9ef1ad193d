//! Real proxies before a real server with TLS: CONNECT in the clear and over TLS, and SOCKS 5.

use std::net::Shutdown;
use std::sync::Mutex;

use super::encrypted::{Authority, serve_encrypted, server_config};
use super::*;

/// What a proxy was asked: where to, and by whom.
type Asked = Receiver<(String, Option<String>)>;

/// A proxy, which leads everybody to one server.
fn proxy(speak: impl Fn(TcpStream, mpsc::Sender<(String, Option<String>)>) + Send + 'static) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        speak(stream, sender);
    });
    (port, asked)
}

fn upstream(address: &str) -> TcpStream {
    TcpStream::connect(address.trim_start_matches("https://")).unwrap()
}

/// Where a CONNECT wants to go to, and what it says of who asks.
fn of_head(head: &str) -> (String, Option<String>) {
    let to = head.split(' ').nth(1).unwrap().to_owned();
    let by = head
        .lines()
        .find_map(|line| line.strip_prefix("Proxy-Authorization: "));
    (to, by.map(str::to_owned))
}

fn read_head(stream: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        // A client that does not trust the proxy goes away.
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

fn both_ways(client: TcpStream, server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// A CONNECT proxy behind TLS, with a certificate of that authority for `name`.
fn encrypted_proxy(authority: &Authority, name: &str, to: &str) -> (u16, Asked) {
    let config = Arc::new(server_config(authority, name, false));
    let to = to.to_owned();
    proxy(move |stream, asked| {
        let mut tls = rustls::StreamOwned::new(
            rustls::ServerConnection::new(Arc::clone(&config)).unwrap(),
            stream,
        );
        let Some(head) = read_head(&mut tls) else { return };
        let _ = asked.send(of_head(&head));
        tls.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .unwrap();
        let mut server = upstream(&to);
        let mut from_server = server.try_clone().unwrap();
        let mut socket = tls.sock.try_clone().unwrap();
        let (conn, mut to_client) = (Arc::new(Mutex::new(tls.conn)), tls.sock);
        let answering = Arc::clone(&conn);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = from_server.read(&mut bytes) {
                let mut conn = answering.lock().unwrap();
                conn.writer().write_all(&bytes[..length]).unwrap();
                while conn.wants_write() {
                    conn.write_tls(&mut to_client).unwrap();
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = socket.read(&mut bytes) {
            let mut plain = Vec::new();
            let mut rest = &bytes[..length];
            while !rest.is_empty() {
                let mut conn = conn.lock().unwrap();
                conn.read_tls(&mut rest).unwrap();
                conn.process_new_packets().unwrap();
                let _ = conn.reader().read_to_end(&mut plain);
            }
            if server.write_all(&plain).is_err() {
                return;
            }
        }
    })
}

/// A proxy of RFC 1928, which wants this user and password (RFC 1929) where there are some, and answers with this reply.
fn socks(wanted: Option<&'static str>, reply: u8, to: &str) -> (u16, Asked) {
    let to = to.to_owned();
    proxy(move |mut stream, asked| {
        let take = |stream: &mut TcpStream, length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        let greeting = take(&mut stream, 2);
        let methods = take(&mut stream, greeting[1].into());
        let method = if wanted.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            stream.write_all(&[5, 0xff]).unwrap();
            return;
        }
        stream.write_all(&[5, method]).unwrap();
        let mut by = None;
        if let Some(wanted) = wanted {
            take(&mut stream, 1);
            let [user, password] = [(); 2].map(|()| {
                let length = take(&mut stream, 1)[0];
                String::from_utf8(take(&mut stream, length.into())).unwrap()
            });
            let said = format!("{user}:{password}");
            let is_right = said == wanted;
            stream.write_all(&[1, u8::from(!is_right)]).unwrap();
            if !is_right {
                return;
            }
            by = Some(said);
        }
        let request = take(&mut stream, 4);
        let host = match request[3] {
            3 => {
                let length = take(&mut stream, 1)[0];
                String::from_utf8(take(&mut stream, length.into())).unwrap()
            }
            1 => format!("{:?}", take(&mut stream, 4)),
            other => panic!("address of kind {other}"),
        };
        let port = take(&mut stream, 2);
        let port = u16::from_be_bytes([port[0], port[1]]);
        let _ = asked.send((format!("{host}:{port}"), by));
        stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        if reply == 0 {
            both_ways(stream, upstream(&to));
        }
    })
}

/// The version that a server behind a proxy at that URL tells.
fn version(authority: &Authority, proxy_url: &str) -> Result<String> {
    let cluster = format!(
        ", certificate-authority-data: {}, tls-server-name: kubernetes, proxy-url: '{proxy_url}'",
        authority.pem_in_base64()
    );
    // Only the proxy knows the way there.
    let target = target("https://api.invalid:6443", &cluster, "token: t");
    Client::within(target, SMALL)?.version()
}

fn said(error: &Error) -> String {
    let text = format!("{error} | {}", error.help().unwrap_or_default());
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[test]
fn a_proxy_behind_tls_is_gone_by() {
    let authority = Authority::new();
    let server = serve_encrypted(&authority, false);
    let (port, asked) = encrypted_proxy(&authority, "localhost", &server);
    let told = version(&authority, &format!("https://me:hunter%322@localhost:{port}")).unwrap();
    assert_eq!(told, "v1.37.0");
    let (to, by) = asked.recv().unwrap();
    assert_eq!(to, "api.invalid:6443");
    // me:hunter22
    assert_eq!(by.unwrap(), "Basic bWU6aHVudGVyMjI=");
}

#[test]
fn a_proxy_behind_tls_is_verified_by_its_own_name_and_not_by_the_server_s() {
    let authority = Authority::new();
    for (other, name) in [(None, "kubernetes"), (Some(Authority::new()), "localhost")] {
        let issuer = other.as_ref().unwrap_or(&authority);
        let (port, _asked) = encrypted_proxy(issuer, name, "https://127.0.0.1:1");
        let said = said(&version(&authority, &format!("https://localhost:{port}")).unwrap_err());
        let wanted = format!(
            "read https://api.invalid:6443/version: https://localhost:{port}, the proxy: its certificate is not trusted: "
        );
        assert!(said.starts_with(&wanted), "{said}");
        assert!(said.contains("certificate-authority"), "{said}");
    }
}

#[test]
fn a_socks_proxy_is_gone_by_and_looks_the_name_up() {
    for (wanted, user) in [(None, ""), (Some("me:hunter2"), "me:hunter2@")] {
        let authority = Authority::new();
        let server = serve_encrypted(&authority, false);
        let (port, asked) = socks(wanted, 0, &server);
        let told = version(&authority, &format!("socks5://{user}127.0.0.1:{port}")).unwrap();
        assert_eq!(told, "v1.37.0");
        let (to, by) = asked.recv().unwrap();
        assert_eq!((to.as_str(), by.as_deref()), ("api.invalid:6443", wanted));
    }
}

#[test]
fn what_a_proxy_says_no_with_is_told_as_the_proxy_s() {
    let authority = Authority::new();
    // Nobody listens there.
    let nobody = 1;
    let denying = |answer: &'static [u8]| {
        proxy(move |mut stream, _| {
            let _ = read_head(&mut stream);
            stream.write_all(answer).unwrap();
        })
        .0
    };
    let cases = [
        ("socks5", "", socks(None, 4, "").0, "host unreachable"),
        (
            "socks5",
            "me:hunter2@",
            socks(Some("me:other"), 0, "").0,
            "password authentication failed",
        ),
        (
            "socks5",
            "",
            socks(Some("me:other"), 0, "").0,
            "no acceptable auth methods",
        ),
        (
            "http",
            "me:hunter2@",
            denying(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "it wants another user or password (407 Proxy Authentication Required)",
        ),
        (
            "http",
            "",
            denying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            "it answers 502",
        ),
        (
            "http",
            "",
            denying(b""),
            "it ends the connection without an answer",
        ),
        (
            "socks5",
            "",
            nobody,
            "the connection is refused: nobody listens there",
        ),
        (
            "https",
            "",
            nobody,
            "the connection is refused: nobody listens there",
        ),
    ];
    for (scheme, user, port, why) in cases {
        let error = version(&authority, &format!("{scheme}://{user}127.0.0.1:{port}")).unwrap_err();
        let said = said(&error);
        let wanted = format!(
            "read https://api.invalid:6443/version: {scheme}://127.0.0.1:{port}, the proxy: {why} | check proxy-url"
        );
        assert!(said.starts_with(&wanted), "{said}");
    }
}
