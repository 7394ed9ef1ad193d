//! GET and LIST, and access reviews.

mod request;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::entrance;
use crate::error::{Error, Problem, Result};
use crate::resource::{Resource, encoded};
use crate::target::Target;
use request::{Answer, Session};

/// How much is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one answer.
    pub answer: u64,
    /// Bytes of all pages of a list.
    pub list: u64,
    /// Objects of one page.
    pub page: u32,
    /// For the name and for the connection, each.
    pub connect: Duration,
    /// For one request with everything.
    pub total: Duration,
    /// How often a request is sent to a server that is busy.
    pub attempts: u32,
    /// The longest wait for a server that asks to be left alone for a time.
    pub wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            answer: 64 << 20,
            list: 256 << 20,
            page: 500,
            connect: Duration::from_secs(15),
            total: Duration::from_mins(1),
            attempts: 4,
            wait: Duration::from_secs(10),
        }
    }
}

/// Reads objects of a cluster. It may be used by several threads at once.
#[derive(Debug)]
pub struct Client {
    target: Target,
    bounds: Bounds,
    /// The connections of who one is; nothing before the first request.
    session: Mutex<Option<Arc<Session>>>,
}

impl Client {
    /// A client of that target. Nothing is sent yet.
    ///
    /// # Errors
    /// What the kubeconfig says of the cluster cannot be used.
    pub fn new(target: Target) -> Result<Self> {
        Self::within(target, Bounds::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn within(target: Target, bounds: Bounds) -> Result<Self> {
        entrance::server_name(&target)?;
        Ok(Self {
            target,
            bounds,
            session: Mutex::new(None),
        })
    }

    /// The cluster that is asked.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The version of the server, as it calls it: `v1.37.0`.
    ///
    /// # Errors
    /// There is no answer, or none of an API server.
    pub fn version(&self) -> Result<String> {
        let path = "/version";
        let answer = self.ask(path)?;
        let version = self.json(path, answer)?.1;
        match version["gitVersion"].as_str() {
            Some(version) => Ok(request::clean(version)),
            None => Err(self.error(path, Problem::Strange("it has no gitVersion".to_owned()))),
        }
    }

    /// One object; nothing where it is not there.
    ///
    /// # Errors
    /// There is no answer, whoever asks may not read it, or the cluster has no such kind.
    pub fn get(&self, resource: &Resource<'_>, namespace: Option<&str>, name: &str) -> Result<Option<Value>> {
        let Some(path) = resource.path_of(namespace, name) else {
            return Ok(None);
        };
        let answer = self.ask(&path)?;
        if answer.status == 404 && answer.lacks_object(name) {
            return Ok(None);
        }
        let (_, object) = self.json(&path, answer)?;
        match object {
            Value::Object(object) if object.get("metadata").is_some_and(Value::is_object) => {
                Ok(Some(as_kind(object, resource)))
            }
            _ => Err(self.error(&path, Problem::Strange("it is no object".to_owned()))),
        }
    }

    /// All objects, in a namespace or in the whole cluster, page by page.
    ///
    /// # Errors
    /// As [`get`](Self::get); or the list is too long.
    pub fn list(&self, resource: &Resource<'_>, namespace: Option<&str>) -> Result<Vec<Value>> {
        let path = resource.path(namespace);
        match self.pages(resource, &path, Some(self.bounds.page)) {
            // Somebody was too slow for the pages of one state of the cluster: all at once then.
            Err(Error::Request {
                problem: Problem::Status { status: 410, .. },
                ..
            }) => self.pages(resource, &path, None),
            other => other,
        }
    }

    /// Asks the cluster whether somebody may do something in a namespace: a `LocalSubjectAccessReview`, which comes back with
    /// the answer and is not kept.
    ///
    /// # Errors
    /// There is no answer, or whoever asks may not ask that.
    pub fn review(&self, namespace: &str, review: &Value) -> Result<Value> {
        let path = Resource::LOCAL_ACCESS_REVIEWS.path(Some(namespace));
        let answer = self.send(&path, Some(review))?;
        Ok(self.json(&path, answer)?.1)
    }

    fn pages(&self, resource: &Resource<'_>, path: &str, page: Option<u32>) -> Result<Vec<Value>> {
        let mut objects = Vec::new();
        let mut bytes = 0;
        let mut next = String::new();
        loop {
            let mut query = page.map_or_else(String::new, |page| format!("?limit={page}"));
            if !next.is_empty() {
                query.push_str("&continue=");
                query.push_str(&encoded(&next));
            }
            let answer = self.ask(&format!("{path}{query}"))?;
            let (length, mut list) = self.json(path, answer)?;
            // An empty page costs as well.
            bytes += length.max(1024);
            if bytes > self.bounds.list {
                return Err(self.error(path, Problem::LongList(self.bounds.list)));
            }
            let items = match list.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => items,
                Some(Value::Null) => Vec::new(),
                _ => return Err(self.error(path, Problem::Strange("it is no list".to_owned()))),
            };
            for item in items {
                let Value::Object(item) = item else {
                    let reason = "an item of the list is no object".to_owned();
                    return Err(self.error(path, Problem::Strange(reason)));
                };
                objects.push(as_kind(item, resource));
            }
            let more = list["metadata"]["continue"].as_str().unwrap_or_default();
            if more.is_empty() || page.is_none() {
                return Ok(objects);
            }
            if more == next {
                let reason = "a page of the list goes on from where it began".to_owned();
                return Err(self.error(path, Problem::Strange(reason)));
            }
            more.clone_into(&mut next);
        }
    }

    /// Sends a GET.
    fn ask(&self, path: &str) -> Result<Answer> {
        self.send(path, None)
    }

    /// Sends a request, of a review a POST; once more where a plug-in's credential is no longer taken.
    fn send(&self, path: &str, review: Option<&Value>) -> Result<Answer> {
        let session = self.session()?;
        let answer = session.send(&self.target, &self.bounds, path, review)?;
        if answer.status != 401 || !session.is_of_plugin() {
            return Ok(answer);
        }
        self.forget(&session);
        self.session()?.send(&self.target, &self.bounds, path, review)
    }

    fn session(&self) -> Result<Arc<Session>> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*held {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::begin(&self.target, &self.bounds)?);
        *held = Some(Arc::clone(&session));
        Ok(session)
    }

    fn forget(&self, session: &Arc<Session>) {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, session)) {
            *held = None;
        }
    }

    /// The JSON of an answer that is good, with its length.
    fn json(&self, path: &str, answer: Answer) -> Result<(u64, Value)> {
        answer.json().map_err(|problem| self.error(path, problem))
    }

    fn error(&self, path: &str, problem: Problem) -> Error {
        entrance::error(&self.target, path, problem)
    }
}

/// An object as a manifest: items of lists do not name their kind, and who manages which field is nobody's business here.
fn as_kind(mut object: Map<String, Value>, resource: &Resource<'_>) -> Value {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object.insert("apiVersion".to_owned(), Value::from(resource.api_version));
    object.insert("kind".to_owned(), Value::from(resource.kind));
    Value::Object(object)
}

#[cfg(test)]
mod tests;
