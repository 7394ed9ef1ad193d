//! `https` to a server whose certificate nobody vouches for.

use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

use super::*;

#[test]
fn a_certificate_that_nobody_vouches_for_is_taken() {
    let own = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let config = Arc::new(config);
        for status in [200, 500] {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            let mut text = Vec::new();
            let mut byte = [0];
            while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                text.push(byte[0]);
            }
            stream.write_all(&answer(status, "")).unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    let handler = Handler::HttpGet(HttpGet {
        secure: true,
        host: None,
        port,
        path: "/".to_owned(),
        headers: Vec::new(),
    });
    assert_eq!(performed(&handler, AMPLE), Ok(()));
    assert_eq!(
        performed(&handler, AMPLE).unwrap_err(),
        "HTTP probe failed with statuscode: 500"
    );
}

#[test]
fn https_to_a_server_without_tls_fails() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(&answer(200, ""));
    });
    let handler = Handler::HttpGet(HttpGet {
        secure: true,
        host: None,
        port,
        path: "/".to_owned(),
        headers: Vec::new(),
    });
    let message = performed(&handler, AMPLE).unwrap_err();
    assert!(
        message.starts_with(&format!("Get \"https://127.0.0.1:{port}/\": ")),
        "{message}"
    );
}
