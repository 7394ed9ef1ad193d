//! An API server that is none, for tests: credential specs, namespaces, watches that tell what a test says, and access
//! reviews; and a log that can be read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use porthole_cluster::{Places, Target};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

mod objects;

pub(crate) use objects::Objects;

/// A log that can be read.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

type Body = BoxBody<Bytes, Infallible>;

/// What the server has and counts.
pub(crate) struct Fake {
    pub(crate) specs: Mutex<BTreeMap<String, Value>>,
    /// The labels of namespaces.
    pub(crate) namespaces: Mutex<BTreeMap<String, Value>>,
    /// Requests for one namespace.
    pub(crate) namespaces_asked: AtomicU32,
    /// Which host accounts service accounts may use.
    pub(crate) host_accounts: Mutex<Vec<(String, String)>>,
    /// Service accounts that may use every spec.
    pub(crate) users: Mutex<Vec<String>>,
    /// Access reviews that were asked.
    pub(crate) reviews: AtomicU32,
    pub(crate) lists: AtomicU32,
    /// Whether it answers 503 to all but watches.
    pub(crate) is_away: AtomicBool,
    /// Whatever else there is.
    pub(crate) objects: Objects,
    /// How long a review takes.
    pub(crate) slowness: Duration,
    events: broadcast::Sender<(&'static str, String)>,
}

impl Fake {
    /// How many watches are open.
    pub(crate) fn watches(&self) -> usize {
        self.events.receiver_count()
    }

    /// One that serves over plain HTTP on this machine, and how it is reached.
    pub(crate) async fn start(slowness: Duration) -> (Arc<Self>, Target) {
        let fake = Arc::new(Self {
            specs: Mutex::default(),
            namespaces: Mutex::default(),
            namespaces_asked: AtomicU32::new(0),
            host_accounts: Mutex::default(),
            users: Mutex::default(),
            reviews: AtomicU32::new(0),
            lists: AtomicU32::new(0),
            is_away: AtomicBool::new(false),
            objects: Objects::default(),
            slowness,
            events: broadcast::channel(64).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::clone(&fake);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let fake = Arc::clone(&served);
                let answer = service_fn(move |request| {
                    let fake = Arc::clone(&fake);
                    async move { Ok::<_, Infallible>(fake.answer(request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(socket), answer));
            }
        });
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let places = Places {
            named: Some(file),
            ..Places::default()
        };
        (fake, Target::find(&places, None).unwrap())
    }

    /// Puts a spec there without telling of it.
    pub(crate) fn put(&self, name: &str, credspec: &Value) {
        let spec = json!({"metadata": {"name": name, "resourceVersion": "2"}, "credspec": credspec});
        self.specs.lock().unwrap().insert(name.to_owned(), spec);
    }

    /// Tells the watches of a kind, by the end of its path.
    pub(crate) fn tell(&self, plural: &'static str, event: &Value) {
        let _ = self.events.send((plural, format!("{event}\n")));
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default();
        if query.contains("watch=1") {
            let accept = request.headers()["accept"].to_str().unwrap_or_default();
            return self.watch(path, accept.contains("MetadataList"));
        }
        if self.is_away.load(Ordering::SeqCst) {
            return answer(503, &json!({}));
        }
        if Objects::are_at(&path) {
            let method = request.method().clone();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let (status, value) = self.objects.answer(&method, &path, &body);
            return answer(status, &value);
        }
        if request.method() == Method::POST {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut review: Value = serde_json::from_slice(&body).unwrap();
            self.reviews.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(self.slowness).await;
            let user = review["spec"]["user"].as_str().unwrap_or_default();
            let account = user.rsplit(':').next().unwrap_or_default();
            let asked = &review["spec"]["resourceAttributes"];
            let allowed = if asked["resource"] == "hostaccounts" {
                let accounts = self.host_accounts.lock().unwrap();
                let is_one = |(user, name): &(String, String)| user == account && asked["name"] == **name;
                asked["group"] == "porthole.dev" && asked["verb"] == "use" && accounts.iter().any(is_one)
            } else {
                self.users.lock().unwrap().iter().any(|user| user == account)
            };
            review["status"] = json!({"allowed": allowed});
            return answer(201, &review);
        }
        if let Some((_, name)) = path.split_once("/api/v1/namespaces/") {
            self.namespaces_asked.fetch_add(1, Ordering::SeqCst);
            return match self.namespaces.lock().unwrap().get(name) {
                Some(labels) => answer(200, &namespace(name, labels)),
                None => answer(
                    404,
                    &json!({"kind": "Status", "details": {"name": name}, "message": "no"}),
                ),
            };
        }
        let specs = self.specs.lock().unwrap();
        if let Some((_, name)) = path.split_once("/gmsacredentialspecs/") {
            return match specs.get(name) {
                Some(spec) => answer(200, spec),
                None => answer(
                    404,
                    &json!({"kind": "Status", "details": {"name": name}, "message": "no"}),
                ),
            };
        }
        self.lists.fetch_add(1, Ordering::SeqCst);
        let is_specs = path.ends_with("/gmsacredentialspecs");
        let items: Vec<&Value> = specs.values().filter(|_| is_specs).collect();
        answer(
            200,
            &json!({"metadata": {"resourceVersion": "1"}, "items": items}),
        )
    }

    /// Changes the label of a namespace, and tells the watch of it.
    pub(crate) fn label(&self, name: &str, mode: &str) {
        let labels = json!({"porthole.dev/host-accounts": mode});
        self.tell(
            "namespaces",
            &json!({"type": "MODIFIED", "object": namespace(name, &labels)}),
        );
        self.namespaces.lock().unwrap().insert(name.to_owned(), labels);
    }

    /// Tells what changes. Where objects are asked for as lists, the first ends the watch, as an API server does.
    fn watch(&self, path: String, as_lists: bool) -> Response<Body> {
        let mut events = self.events.subscribe();
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((plural, line)) = events.recv().await {
                let is_this = path.ends_with(&format!("/{plural}"));
                if is_this && as_lists {
                    return;
                }
                if is_this && sender.send(line).await.is_err() {
                    return;
                }
            }
        });
        let stream = Receiver(receiver);
        Response::new(StreamBody::new(stream).boxed())
    }
}

/// What a watch tells, as a stream.
struct Receiver(tokio::sync::mpsc::Receiver<String>);

impl futures_core::Stream for Receiver {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = self.0.poll_recv(context);
        next.map(|line| line.map(|line| Ok(Frame::data(Bytes::from(line)))))
    }
}

fn namespace(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels, "resourceVersion": "7"}})
}

fn answer(status: u16, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).boxed();
    Response::builder().status(status).body(body).unwrap()
}
