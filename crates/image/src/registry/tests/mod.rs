//! Pulls and pushes against a server that does its worst.

mod hostile;
mod login;
mod push;
mod resume;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::session::Patience;
use super::{Client, Connection, Credentials, Platforms, Reference, Silent};
use crate::{Digest, Store};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A request as it came.
#[derive(Clone, Debug)]
struct Seen {
    /// Method and path with query.
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is(&self, method: &str, end: &str) -> bool {
        let path = self.line.split('?').next().unwrap_or_default();
        path.starts_with(&format!("{method} ")) && path.ends_with(end)
    }
}

/// A server on this machine, one answer a connection.
struct Server {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn start(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&seen);
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, known) = (Arc::clone(&answer), Arc::clone(&known));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    if let Some(request) = read_request(&stream) {
                        known.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { host, seen }
    }

    /// One that answers as an honest registry with that image, unless `odd` does first.
    fn registry(image: Fake, odd: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        Self::start(move |request, stream| {
            if !odd(request, stream) {
                image.answer(request, stream);
            }
        })
    }

    fn reference(&self) -> Reference {
        Reference::parse(&format!("{}/team/app:1", self.host)).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.line.clone())
            .collect()
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (!line.is_empty()).then_some(Seen { line, headers, body })
}

fn reply(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut text = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text = format!("{text}{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    // The other end may have had enough.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.write_all(body);
}

/// An image as a registry has it.
#[derive(Clone)]
struct Fake {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Fake {
    /// One with a layer of that content.
    fn new(layer: &[u8], os: &str) -> Self {
        let config = format!(
            r#"{{"architecture":"amd64","os":"{os}","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::of(layer)
        )
        .into_bytes();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
            Digest::of(&config),
            config.len(),
            Digest::of(layer),
            layer.len()
        );
        Self {
            manifest: manifest.into_bytes(),
            config,
            layer: layer.to_vec(),
        }
    }

    fn layer_path(&self) -> String {
        format!("/blobs/{}", Digest::of(&self.layer))
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    fn answer(&self, request: &Seen, stream: &mut TcpStream) {
        if request.line.contains("/manifests/") {
            reply(stream, "200 OK", &[("Content-Type", MANIFEST)], &self.manifest);
        } else if let Some(blob) = [&self.config, &self.layer]
            .into_iter()
            .find(|blob| request.line.ends_with(Digest::of(blob).as_str()))
        {
            reply(stream, "200 OK", &[], blob);
        } else {
            reply(
                stream,
                "404 Not Found",
                &[],
                br#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#,
            );
        }
    }
}

/// Waits that are only written down.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<Duration>>>);

impl Patience for Noted {
    fn wait(&self, time: Duration) {
        self.0.lock().unwrap().push(time);
    }
}

/// A store, and a client that does not wait.
struct Bench {
    directory: tempfile::TempDir,
    store: Store,
    client: Client,
    waits: Noted,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let waits = Noted::default();
        let mut client = Client::new(Connection::default(), Credentials::none());
        client.patience = Box::new(waits.clone());
        client.bounds.idle = Duration::from_secs(20);
        Self {
            directory,
            store,
            client,
            waits,
        }
    }

    fn with_login(mut self, server: &Server) -> Self {
        let text = format!(
            r#"{{"auths":{{"{}":{{"username":"me","password":"hunter2"}}}}}}"#,
            server.host
        );
        self.client
            .credentials
            .prepend(text.as_bytes(), "the test")
            .unwrap();
        self
    }

    fn pull(&self, server: &Server) -> super::Result<super::Pulled> {
        self.pull_for(server, "linux/amd64")
    }

    fn pull_for(&self, server: &Server, platform: &str) -> super::Result<super::Pulled> {
        let wanted = Platforms::These(vec![platform.parse().unwrap()]);
        self.client
            .pull(&self.store, &server.reference(), "app", &wanted, &Silent)
    }

    /// The refusal of a pull, after which nothing has a name.
    fn refusal(&self, server: &Server) -> String {
        let said = self.pull(server).unwrap_err().to_string();
        assert!(self.store.list().unwrap().is_empty());
        said
    }

    fn blobs(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("blobs/sha256"))
            .unwrap()
            .count()
    }
}

#[test]
fn an_image_is_pulled_once() {
    let image = Fake::new(b"layer", "linux");
    let server = Server::registry(image.clone(), |_, _| false);
    let bench = Bench::new();
    let pulled = bench.pull(&server).unwrap();
    assert_eq!(pulled.digest, image.digest());
    assert_eq!(
        pulled.transferred,
        (image.config.len() + image.layer.len()) as u64
    );
    let listed = bench.store.list().unwrap();
    assert_eq!(
        (listed[0].name.as_str(), &listed[0].digest),
        ("app", &image.digest())
    );
    assert_eq!(bench.pull(&server).unwrap().transferred, 0);
    let blobs = server
        .lines()
        .iter()
        .filter(|line| line.contains("/blobs/"))
        .count();
    assert_eq!(blobs, 2);
}

/// An index of two images.
fn index(images: &[(&Fake, &str)]) -> Vec<u8> {
    let entries: Vec<String> = images
        .iter()
        .map(|(image, os)| {
            format!(
                r#"{{"mediaType":"{MANIFEST}","digest":"{}","size":{},"platform":{{"os":"{os}","architecture":"amd64"}}}}"#,
                image.digest(),
                image.manifest.len()
            )
        })
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#,
        entries.join(",")
    )
    .into_bytes()
}

fn both() -> (Server, Vec<u8>) {
    let (linux, windows) = (
        Fake::new(b"of linux", "linux"),
        Fake::new(b"of windows", "windows"),
    );
    let list = index(&[(&linux, "linux"), (&windows, "windows")]);
    let text = list.clone();
    let server = Server::start(move |request, stream| {
        let of_windows = [&windows.manifest, &windows.config, &windows.layer];
        if request.is("GET", "/manifests/1") {
            reply(stream, "200 OK", &[("Content-Type", INDEX)], &text);
        } else if of_windows
            .iter()
            .any(|blob| request.line.ends_with(Digest::of(blob).as_str()))
        {
            windows.answer(request, stream);
        } else {
            linux.answer(request, stream);
        }
    });
    (server, list)
}

#[test]
fn windows_images_are_pulled_anywhere_and_alone() {
    let (server, list) = both();
    let bench = Bench::new();
    let pulled = bench.pull_for(&server, "windows/amd64").unwrap();
    assert_eq!(pulled.digest, Digest::of(&list));
    let (_, images) = bench.store.inspect("app").unwrap().unwrap();
    let platforms: Vec<String> = images.iter().map(|image| image.platform.to_string()).collect();
    assert_eq!(platforms, ["windows/amd64"]);
    // Its manifest, its configuration, its layer.
    assert_eq!(bench.blobs(), 3);
}

#[test]
fn all_platforms_are_the_registrys_own_index() {
    let (server, list) = both();
    let bench = Bench::new();
    let all = Platforms::All;
    bench
        .client
        .pull(&bench.store, &server.reference(), "app", &all, &Silent)
        .unwrap();
    let (target, images) = bench.store.inspect("app").unwrap().unwrap();
    assert_eq!((target.digest, images.len()), (Digest::of(&list), 2));
}

#[test]
fn a_platform_that_is_not_there_is_refused_with_those_that_are() {
    let (server, _) = both();
    let bench = Bench::new();
    let said = bench.pull_for(&server, "linux/arm64").unwrap_err().to_string();
    assert!(
        said.ends_with("is not for linux/arm64; it is for linux/amd64, windows/amd64"),
        "{said}"
    );
    let single = Server::registry(Fake::new(b"x", "linux"), |_, _| false);
    let said = bench.pull_for(&single, "windows/amd64").unwrap_err().to_string();
    assert!(
        said.ends_with("is not for windows/amd64; it is for linux/amd64"),
        "{said}"
    );
    assert!(bench.store.list().unwrap().is_empty());
}
