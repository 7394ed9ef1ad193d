//! A stand-in of an API server: credential specs and roles, watches that tell of changes, and access reviews that are all
//! answered with yes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use porthole_tests::failure::{Doing, Result};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

use super::pods;

/// Changes that a slow watch may be behind.
const BEHIND: usize = 4096;

#[derive(Clone)]
struct Cluster {
    specs: usize,
    roles: usize,
    version: Arc<AtomicU64>,
    changes: broadcast::Sender<(&'static str, Bytes)>,
}

pub(crate) fn kubeconfig(directory: &Path, address: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{address}"),
            "certificate-authority": directory.join("ca.crt")}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

pub(crate) fn serve(directory: &Path, specs: &str, roles: &str, changes: &str) -> Result<()> {
    let number = |text: &str| text.parse::<usize>().doing(format!("read the number `{text}`"));
    let cluster = Cluster {
        specs: number(specs)?,
        roles: number(roles)?,
        version: Arc::new(AtomicU64::new(1)),
        changes: broadcast::channel(BEHIND).0,
    };
    let changes = u32::try_from(number(changes)?).doing("read the changes a second")?;
    if changes > 0 {
        let cluster = cluster.clone();
        std::thread::spawn(move || cluster.change(Duration::from_secs(1) / changes));
    }
    let router = Router::new()
        .route(
            "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews",
            post(review),
        )
        .fallback(get(list))
        .with_state(cluster);
    super::server::serve(directory, router)
}

impl Cluster {
    /// Changes credential specs and roles in turn, for ever.
    fn change(&self, every: Duration) {
        let mut random = fastrand::Rng::new();
        loop {
            std::thread::sleep(every);
            let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
            let (plural, object) = if random.bool() && self.roles > 0 {
                ("clusterroles", role(random.usize(..self.roles), version))
            } else {
                ("gmsacredentialspecs", spec(random.usize(..self.specs), version))
            };
            let event = json!({"type": "MODIFIED", "object": object});
            let _ = self.changes.send((plural, Bytes::from(format!("{event}\n"))));
        }
    }

    fn count(&self, plural: &str) -> usize {
        match plural {
            "gmsacredentialspecs" => self.specs,
            "clusterroles" => self.roles,
            _ => 0,
        }
    }
}

fn spec(number: usize, version: u64) -> Value {
    // At the first version it is what the load sends.
    json!({
        "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec",
        "metadata": {"name": pods::spec(number), "resourceVersion": version.to_string(),
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "credspec": pods::contents(number, version.saturating_sub(1)),
    })
}

fn role(number: usize, version: u64) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": format!("use-{number:04}"), "resourceVersion": version.to_string()},
        "rules": [{"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["use"],
            "resourceNames": [pods::spec(number)]}],
    })
}

/// A page of a list, or a watch.
async fn list(
    State(cluster): State<Cluster>,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let plural = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    if query.contains_key("watch") {
        let changes = BroadcastStream::new(cluster.changes.subscribe());
        let lines = changes.filter_map(move |change| {
            let (of, line) = change.ok()?;
            (of == plural).then_some(Ok::<_, Infallible>(line))
        });
        return Body::from_stream(lines).into_response();
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let all = cluster.count(&plural);
    let first = number("continue").unwrap_or(0);
    let end = all.min(first.saturating_add(number("limit").unwrap_or(all)));
    let make = if plural == "clusterroles" { role } else { spec };
    let items: Vec<Value> = (first..end).map(|number| make(number, 1)).collect();
    let version = cluster.version.load(Ordering::Relaxed).to_string();
    let next = if end < all { end.to_string() } else { String::new() };
    Json(json!({"metadata": {"resourceVersion": version, "continue": next}, "items": items})).into_response()
}

async fn review(Json(mut review): Json<Value>) -> Response {
    review["status"] = json!({"allowed": true});
    (axum::http::StatusCode::CREATED, Json(review)).into_response()
}
