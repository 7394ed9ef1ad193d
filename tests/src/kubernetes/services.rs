//! Ways to servers that come and go, as a cluster's Services are: each connection goes to one of those that are ready.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::failure::{Doing, Result};

/// An address of this machine that leads to servers.
#[derive(Debug)]
pub struct Balancer {
    servers: Arc<Servers>,
    address: String,
}

impl Balancer {
    /// One that leads nowhere yet.
    ///
    /// # Errors
    /// There is no free port.
    pub fn new() -> Result<Self> {
        let what = "listen for a balancer";
        let listener = TcpListener::bind("127.0.0.1:0").doing(what)?;
        let address = listener.local_addr().doing(what)?.to_string();
        let servers = Arc::new(Servers::default());
        let accept = move || listener.accept().map(|(client, _)| client);
        servers.serve(accept, |client, servers| {
            if let Some(server) = servers.choose("") {
                connect(client, &server);
            }
        });
        Ok(Self { servers, address })
    }

    /// Where it is: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Leads new connections to these servers, in turn; to none, and they are closed. Those that are open stay.
    pub fn lead_to(&self, servers: &[&str]) {
        self.servers.set("", servers);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.servers.ended.store(true, Ordering::SeqCst);
        // So that it is seen.
        let _ = TcpStream::connect(&self.address);
    }
}

/// What an API server reaches the Services of its cluster by, which has no nodes: an egress selector that is a proxy.
#[derive(Debug)]
pub struct Services {
    servers: Arc<Servers>,
    directory: PathBuf,
}

impl Services {
    /// One that knows no Service, with its socket in a directory. [`argument`](Self::argument) is what an API server is told.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn new(directory: &Path) -> Result<Self> {
        let what = "listen for an API server's ways";
        let socket = directory.join("services.sock");
        let listener = UnixListener::bind(&socket).doing(what)?;
        let configuration = format!(
            r#"{{"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration", "egressSelections": [
                {{"name": "cluster", "connection": {{"proxyProtocol": "HTTPConnect",
                "transport": {{"uds": {{"udsName": "{}"}}}}}}}}]}}"#,
            socket.display()
        );
        std::fs::write(directory.join("services.yaml"), configuration).doing(what)?;
        let servers = Arc::new(Servers::default());
        servers.serve(move || listener.accept().map(|(client, _)| client), proxy);
        Ok(Self {
            servers,
            directory: directory.to_owned(),
        })
    }

    /// The API server's argument.
    #[must_use]
    pub fn argument(&self) -> String {
        let file = self.directory.join("services.yaml");
        format!("--egress-selector-config-file={}", file.display())
    }

    /// Leads new connections to the address of a Service, `IP:PORT`, to these servers.
    pub fn lead(&self, service: &str, servers: &[&str]) {
        self.servers.set(service, servers);
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.servers.ended.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.directory.join("services.sock"));
    }
}

/// Who is led to which servers.
#[derive(Debug, Default)]
struct Servers {
    /// Servers, such as `127.0.0.1:8443`, by the name that they are reached by.
    known: Mutex<BTreeMap<String, Vec<String>>>,
    next: AtomicUsize,
    ended: AtomicBool,
}

impl Servers {
    /// Leads each client that comes, in a thread of its own, until the end.
    fn serve<C: Send + 'static>(
        self: &Arc<Self>,
        accept: impl Fn() -> io::Result<C> + Send + 'static,
        lead: fn(C, &Self),
    ) {
        let servers = Arc::clone(self);
        thread::spawn(move || {
            loop {
                let client = accept();
                if servers.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let servers = Arc::clone(&servers);
                thread::spawn(move || lead(client, &servers));
            }
        });
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, name: &str, servers: &[&str]) {
        let servers = servers.iter().map(|&server| server.to_owned()).collect();
        self.known().insert(name.to_owned(), servers);
    }

    /// One of the servers of a name, in turn.
    fn choose(&self, name: &str) -> Option<String> {
        let known = self.known();
        let servers = known.get(name).filter(|servers| !servers.is_empty())?;
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        servers.get(next % servers.len()).cloned()
    }
}

/// Answers a `CONNECT`, and leads to one of the servers.
fn proxy(mut client: UnixStream, servers: &Servers) {
    let Ok(twin) = client.try_clone() else { return };
    // The client says no more before it is answered, so that nothing of what follows is read here.
    let mut lines = BufReader::new(twin).lines().map_while(io::Result::ok);
    let asked = lines.next().unwrap_or_default();
    let service = asked.split(' ').nth(1).unwrap_or_default().to_owned();
    if lines.by_ref().all(|line| !line.is_empty()) {
        return;
    }
    let Some(server) = servers.choose(&service) else {
        let _ = client.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        return;
    };
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
        connect(client, &server);
    }
}

/// A connection's two directions.
trait Duplex: Read + Write + Send + Sized + 'static {
    fn twin(&self) -> io::Result<Self>;
    fn end(&self, how: Shutdown);
}

impl Duplex for TcpStream {
    fn twin(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
}

impl Duplex for UnixStream {
    fn twin(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
}

/// Joins a client with a server, until both have said all.
fn connect(client: impl Duplex, server: &str) {
    let Ok(server) = TcpStream::connect(server) else {
        return;
    };
    let (Ok(client_twin), Ok(server_twin)) = (client.twin(), server.twin()) else {
        return;
    };
    let there = thread::spawn(move || copy(client_twin, server_twin));
    copy(server, client);
    let _ = there.join();
}

fn copy(mut from: impl Duplex, mut to: impl Duplex) {
    if pass(&mut from, &mut to).is_ok() {
        return to.end(Shutdown::Write);
    }
    // Who is killed says nothing any more, and is told nothing.
    from.end(Shutdown::Both);
    to.end(Shutdown::Both);
}

/// As `io::copy`, which between sockets has the kernel do it (`splice`) and then may keep back what has come.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => to.write_all(&buffer[..read])?,
        }
    }
}
