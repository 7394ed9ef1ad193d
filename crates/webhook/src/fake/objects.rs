//! Objects that are written: Secrets, Leases and webhook configurations, each version once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hyper::Method;
use serde_json::{Value, json};

/// Objects by their paths, and how many versions there were.
#[derive(Default)]
pub(crate) struct Objects {
    held: Mutex<(BTreeMap<String, Value>, u64)>,
    /// Paths whose objects nobody may write.
    pub(crate) forbidden: Mutex<Vec<String>>,
}

impl Objects {
    pub(super) fn are_at(path: &str) -> bool {
        [
            "/secrets",
            "/leases",
            "webhookconfigurations",
            "/certificatesigningrequests",
        ]
        .iter()
        .any(|plural| path.contains(plural))
    }

    /// What is there.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.held.lock().unwrap().0.get(path).cloned()
    }

    /// All that are at paths that begin like this.
    pub(crate) fn all(&self, prefix: &str) -> Vec<(String, Value)> {
        let held = self.held.lock().unwrap();
        let all = held.0.iter().filter(|(path, _)| path.starts_with(prefix));
        all.map(|(path, object)| (path.clone(), object.clone())).collect()
    }

    /// Puts an object there, or takes it away.
    pub(crate) fn set(&self, path: &str, object: Option<Value>) {
        let mut held = self.held.lock().unwrap();
        held.1 += 1;
        let version = held.1.to_string();
        match object {
            Some(mut object) => {
                object["metadata"]["resourceVersion"] = json!(version);
                held.0.insert(path.to_owned(), object);
            }
            None => drop(held.0.remove(path)),
        }
    }

    pub(super) fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let status = |code: u16| {
            (
                code,
                json!({"kind": "Status", "code": code, "message": format!("it is {code}")}),
            )
        };
        if *method != Method::GET
            && self
                .forbidden
                .lock()
                .unwrap()
                .iter()
                .any(|place| path.starts_with(place))
        {
            return status(403);
        }
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let (path, code) = if *method == Method::POST {
            let name = sent["metadata"]["name"].as_str().unwrap();
            (format!("{path}/{name}"), 201)
        } else {
            (path.trim_end_matches("/approval").to_owned(), 200)
        };
        let found = self.get(&path);
        let object = match (method, found) {
            (&Method::POST, None) => sent,
            (&Method::POST, Some(_)) => return status(409),
            (_, None) => return status(404),
            (&Method::GET, Some(object)) => return (code, object),
            (&Method::PUT, Some(object)) => {
                if sent["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
                    return status(409);
                }
                sent
            }
            (_, Some(mut object)) => {
                for change in sent.as_array().unwrap() {
                    let place = change["path"].as_str().unwrap();
                    if change["op"] == "test" && object.pointer(place) != Some(&change["value"]) {
                        return status(422);
                    }
                    if change["op"] == "add" {
                        let (above, name) = place.rsplit_once('/').unwrap();
                        object.pointer_mut(above).unwrap()[name] = change["value"].clone();
                    }
                }
                object
            }
        };
        self.set(&path, Some(object));
        (code, self.get(&path).unwrap())
    }
}
