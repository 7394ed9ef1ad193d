use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

const SMALL: Bounds = Bounds {
    bytes: 1000,
    redirects: 2,
    connect: Duration::from_secs(10),
    total: Duration::from_secs(20),
};

/// A server of plain http that answers one request with `answer`, and its URL.
fn serve(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/pod.yaml", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = BufReader::new(stream.try_clone().unwrap());
        // Up to the empty line that ends a request.
        request
            .lines()
            .map_while(Result::ok)
            .find(String::is_empty)
            .unwrap();
        answer(&mut stream);
    });
    Address::parse(&url).unwrap().unwrap()
}

fn says(text: &'static str) -> Address {
    serve(move |stream| stream.write_all(text.as_bytes()).unwrap())
}

fn refusal(address: &Address, bounds: Bounds) -> String {
    fetch_within(address, bounds).unwrap_err().of(address).to_string()
}

#[test]
fn fetches_from_this_machine() {
    let address = says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nkind: Pod\n");
    assert_eq!(fetch(&address).unwrap(), b"kind: Pod\n");
}

#[test]
fn says_the_status_and_what_to_try() {
    let address = says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let said = refusal(&address, SMALL);
    assert!(
        said.contains(&format!(
            "fetch `{}`: the server answers 404 Not Found",
            address.name()
        )),
        "{said}"
    );
    assert!(said.contains("check the path"), "{said}");
}

#[test]
fn follows_no_redirect_from_plain_http() {
    let address =
        says("HTTP/1.1 302 Found\r\nLocation: http://example.org/x?sig=hunter2\r\nContent-Length: 0\r\n\r\n");
    let said = refusal(&address, SMALL);
    assert!(said.contains("redirects to `http://example.org/x?…`"), "{said}");
}

#[test]
fn refuses_pages_for_a_browser() {
    let address =
        says("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>");
    assert!(refusal(&address, SMALL).contains("an HTML page"));
}

#[test]
fn refuses_a_length_beyond_the_limit_at_once() {
    let address = says("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    assert!(refusal(&address, SMALL).contains("longer than 1000 bytes"));
}

#[test]
fn takes_as_much_as_the_limit() {
    let address = serve(|stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream.write_all(&[b'#'; 1000]).unwrap();
    });
    assert_eq!(fetch_within(&address, SMALL).unwrap().len(), 1000);
}

#[test]
fn cuts_an_endless_body() {
    let address = serve(|stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            .unwrap();
        // Until the other end has had enough.
        while stream.write_all(&[b'#'; 4096]).is_ok() {}
    });
    assert!(refusal(&address, SMALL).contains("longer than 1000 bytes"));
}

#[test]
fn waits_for_a_silent_server_no_longer_than_the_limit() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let address = serve(move |_stream| {
        let _ = ended.recv();
    });
    let short = Bounds {
        total: Duration::from_millis(200),
        ..SMALL
    };
    let said = refusal(&address, short);
    drop(end);
    assert!(said.contains("not done within"), "{said}");
}

#[test]
fn says_that_a_body_was_cut_off() {
    let address = says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nkind: Pod\n");
    assert!(refusal(&address, SMALL).contains("disconnected"));
}

#[test]
fn says_that_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/pod.yaml", listener.local_addr().unwrap());
    drop(listener);
    let address = Address::parse(&url).unwrap().unwrap();
    let said = refusal(&address, SMALL);
    assert!(said.contains("refused"), "{said}");
}
