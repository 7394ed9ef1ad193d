//! Roles and bindings, of which only one thing is of interest: that one has changed, and where.

use std::sync::Arc;

use porthole_cluster::Resource;
use serde_json::Value;

use crate::permits::Permits;
use crate::watch::{Change, Extent, Follower, Subject};

/// What is watched, and what it is called.
const KINDS: [(Resource<'static>, &str); 4] = [
    (Resource::ROLES, "roles"),
    (Resource::ROLE_BINDINGS, "rolebindings"),
    (Resource::CLUSTER_ROLES, "clusterroles"),
    (Resource::CLUSTER_ROLE_BINDINGS, "clusterrolebindings"),
];

/// Drops the answers that a change may have decided.
pub(crate) struct Roles(pub(crate) Arc<Permits>);

impl Roles {
    /// How many watches tell of changes.
    pub(crate) const WATCHES: usize = KINDS.len();

    /// What is to be watched.
    pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
        KINDS.into_iter().map(|(resource, called)| Subject {
            path: resource.path(None),
            called,
            extent: Extent::Metadata,
        })
    }
}

impl Follower for Roles {
    /// The namespace, or none of what counts everywhere.
    type Kept = Option<String>;

    fn keep(&self, object: &Value) -> Option<Self::Kept> {
        let metadata = object["metadata"].as_object()?;
        let namespace = metadata.get("namespace").and_then(Value::as_str);
        Some(namespace.map(str::to_owned))
    }

    fn replace(&self, _all: Vec<Self::Kept>) {
        // What has changed meanwhile nobody knows.
        self.0.drop_of(None);
    }

    fn apply(&self, namespace: Self::Kept, _change: Change) {
        self.0.drop_of(namespace.as_deref());
    }

    fn set_live(&self, live: bool) {
        self.0.set_live(live);
    }
}
