//! One manifest, two answers.

use std::sync::OnceLock;

use porthole_manifest::{Limits, PodTemplate, parse, pod_template};
use porthole_pod::{Options, Status, status, validate};
use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};
use porthole_tests::kubernetes::{ApiServer, Client, Settings, collection};
use serde_json::Value;

/// A server of a version, and porthole's options for the same.
pub(crate) struct Asked {
    _server: ApiServer,
    client: Client,
    options: Options,
    version: &'static str,
}

impl Asked {
    fn new(version: &'static str) -> Self {
        let server = ApiServer::start(&Settings::of(version)).unwrap();
        let client = Client::new(&server).unwrap();
        let kubernetes_version = version.parse().unwrap();
        Self {
            _server: server,
            client,
            options: Options {
                kubernetes_version,
                ..Options::default()
            },
            version,
        }
    }

    /// The server of the newest version, one for all tests.
    pub(crate) fn newest() -> &'static Self {
        static NEW: OnceLock<Asked> = OnceLock::new();
        NEW.get_or_init(|| Self::new(NEWEST))
    }

    /// The server of the oldest version, one for all tests.
    pub(crate) fn oldest() -> &'static Self {
        static OLD: OnceLock<Asked> = OnceLock::new();
        OLD.get_or_init(|| Self::new(OLDEST))
    }

    /// What is different in the answers to each pod or workload of a text, in words; and how many there are in it.
    pub(crate) fn compare(&self, name: &str, text: &str) -> (usize, Vec<String>) {
        let stream = parse(text, &Limits::default());
        assert_eq!(stream.errors, [], "{name}");
        let mut count = 0;
        let mut different = Vec::new();
        for document in &stream.documents {
            for object in porthole_manifest::objects(document) {
                let Some(template) = pod_template(&object) else {
                    continue;
                };
                count += 1;
                let ours = answer(&template, &self.options);
                let theirs = self.ask(&template, &object.node.to_json());
                if ours != theirs {
                    different.push(format!(
                        "{name}, Kubernetes {}:\n  its answer  {theirs}\n  porthole's  {ours}",
                        self.version
                    ));
                }
            }
        }
        (count, different)
    }

    /// The code, and the message and causes of a refusal.
    fn ask(&self, template: &PodTemplate<'_>, object: &Value) -> String {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let path = collection(version, template.kind.name(), Some("default"));
        let answer = self
            .client
            .post(
                &format!("{path}?dryRun=All&fieldValidation=Strict"),
                &object.to_string(),
            )
            .unwrap();
        let body = answer.json().unwrap();
        shown(answer.code, &body)
    }
}

/// What porthole would answer.
fn answer(template: &PodTemplate<'_>, options: &Options) -> String {
    match status(template, &validate(template, options)) {
        Some(status) => shown(status.code, &json(&status)),
        None => shown(201, &Value::Null),
    }
}

fn json(status: &Status) -> Value {
    serde_json::to_value(status).unwrap()
}

/// An answer as text: its code, and of a refusal all that a client sees.
fn shown(code: u16, body: &Value) -> String {
    if code < 300 {
        return code.to_string();
    }
    let details = &body["details"];
    format!("{code} {} {}\n{}", body["reason"], body["message"], details)
}
