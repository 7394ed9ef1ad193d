//! Real proxies before an API server with TLS, whose name only they know.

use std::sync::Mutex;
use std::time::Duration;

use porthole_cluster::{Places, Target};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::api::{Api, JSON};
use crate::certificate::provider;
use crate::fake::Fake;
use crate::metrics::Metrics;

use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What proxies were asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// How a proxy of these tests is spoken to.
#[derive(Clone)]
enum Spoken {
    Connect,
    Encrypted(TlsAcceptor),
    Socks,
}

/// A proxy that leads everybody to one server.
async fn proxy(spoken: Spoken, to: String) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let known = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (spoken, to, known) = (spoken.clone(), to.clone(), Arc::clone(&known));
            tokio::spawn(async move {
                let mut client: Box<dyn Io> = match &spoken {
                    Spoken::Encrypted(acceptor) => match acceptor.accept(socket).await {
                        Ok(stream) => Box::new(stream),
                        // Who does not trust the proxy goes away.
                        Err(_) => return,
                    },
                    _ => Box::new(socket),
                };
                let said = match spoken {
                    Spoken::Socks => socks(&mut client).await,
                    _ => connect(&mut client).await,
                };
                known.lock().unwrap().push(said);
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, asked)
}

async fn connect(client: &mut Box<dyn Io>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await
        .unwrap();
    String::from_utf8(head).unwrap()
}

/// SOCKS 5 with a user and a password, and with a name to look up.
async fn socks(client: &mut Box<dyn Io>) -> String {
    async fn text(client: &mut Box<dyn Io>) -> String {
        let mut bytes = vec![0; client.read_u8().await.unwrap().into()];
        client.read_exact(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
    let mut head = [0; 4];
    client.read_u8().await.unwrap();
    text(client).await;
    client.write_all(&[5, 2]).await.unwrap();
    client.read_u8().await.unwrap();
    let who = [text(client).await, text(client).await].join(":");
    client.write_all(&[1, 0]).await.unwrap();
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(head, [5, 1, 0, 3]);
    let host = text(client).await;
    let port = client.read_u16().await.unwrap();
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    format!("{who} {host}:{port}")
}

/// A proxy that answers everybody so.
async fn denying(answer: &'static [u8]) -> u16 {
    denying_after(1, answer).await
}

/// The same, of at least that many bytes.
async fn denying_after(bytes: usize, answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut seen = 0;
            while seen < bytes {
                seen += client.read(&mut [0; 4096]).await.unwrap().max(1);
            }
            client.write_all(answer).await.unwrap();
        }
    });
    port
}

/// An API server with TLS before the one that is none.
async fn encrypted(acceptor: TlsAcceptor, to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let mut client = acceptor.accept(socket).await.unwrap();
            let mut server = TcpStream::connect(&to).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
    });
    address
}

/// The API server of a kubeconfig with that proxy.
fn api(authority: &Authority, proxy_url: &str) -> Api {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {
            "server": "https://api.invalid:6443", "tls-server-name": "kubernetes", "proxy-url": proxy_url,
            "certificate-authority-data": STANDARD.encode(authority.0.pem()),
        }}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&file, config.to_string()).unwrap();
    let places = Places {
        named: Some(file),
        ..Places::default()
    };
    Api::new(Target::find(&places, None).unwrap(), Arc::new(Metrics::new()))
}

const PATH: &str = "/apis/windows.k8s.io/v1/gmsacredentialspecs/webapp1";

#[tokio::test]
async fn the_api_server_is_reached_by_each_kind_of_proxy() {
    let authority = Authority::new();
    let (fake, target) = Fake::start(Duration::ZERO).await;
    fake.put("webapp1", &json!({"A": 1}));
    let plain = target.server().trim_start_matches("http://").to_owned();
    let server = encrypted(authority.acceptor("kubernetes"), plain).await;
    // me:pass
    let connect = "CONNECT api.invalid:6443 HTTP/1.1\r\nHost: api.invalid:6443\r\n\
                   Proxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n";
    for (scheme, spoken, wanted) in [
        ("http", Spoken::Connect, connect),
        (
            "https",
            Spoken::Encrypted(authority.acceptor("localhost")),
            connect,
        ),
        ("socks5", Spoken::Socks, "me:pass api.invalid:6443"),
    ] {
        let (port, asked) = proxy(spoken, server.clone()).await;
        let api = api(&authority, &format!("{scheme}://me:pass@localhost:{port}"));
        let spec = api.get(PATH, JSON, 1 << 20).await.unwrap();
        assert_eq!(spec["credspec"]["A"], 1, "{scheme}");
        assert_eq!(*asked.lock().unwrap(), [wanted], "{scheme}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_proxy_is_told_as_the_proxy_s() {
    let authority = Authority::new();
    let other = Spoken::Encrypted(Authority::new().acceptor("localhost"));
    let (strange, _) = proxy(other, String::new()).await;
    let denying = denying(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    // None of the ways to say who one is will do (RFC 1928 §3).
    let asking = denying_after(3, &[5, 0xff]).await;
    for (url, wanted) in [
        // Nobody listens there.
        ("socks5://me:hunter2@localhost:1".to_owned(), "refused"),
        (format!("https://me:hunter2@localhost:{strange}"), "certificate"),
        (format!("http://me:hunter2@localhost:{denying}"), "unsuccessful"),
        (
            format!("socks5://localhost:{asking}"),
            "it wants a user and a password",
        ),
    ] {
        let api = api(&authority, &url);
        let said = api.get(PATH, JSON, 1 << 20).await.unwrap_err().to_string();
        let address = url.replace("me:hunter2@", "");
        assert!(said.contains(&format!("{address}, the proxy: ")), "{said}");
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}
