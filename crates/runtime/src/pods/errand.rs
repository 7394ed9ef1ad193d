//! What a supervisor is to run: a pod, or a job with all of its pods.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{JobRecord, Origin, Record};
use crate::job::JobPlan;
use crate::life::PodPlan;

/// What is to be run. It has the contents of Secrets, so it goes through a pipe and nowhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Errand {
    /// A pod.
    Pod(Box<Order>),
    /// A job.
    Job(Box<JobOrder>),
}

/// A pod that is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// What was planned.
    pub plan: PodPlan,
    /// See [`Record::manifest`].
    pub manifest: Value,
    /// See [`Record::origin`].
    pub origin: Origin,
    /// See [`Record::files`].
    pub files: Vec<String>,
    /// See [`Record::job`].
    pub job: Option<String>,
    /// See [`Record::lacks`].
    #[serde(default)]
    pub lacks: Vec<String>,
}

/// A job that is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobOrder {
    /// What was planned.
    pub plan: JobPlan,
    /// See [`JobRecord::manifest`].
    pub manifest: Value,
    /// The [`Record::manifest`] of its pods, but for what each pod has of its own.
    pub pod_manifest: Value,
    /// See [`Record::origin`].
    pub origin: Origin,
    /// See [`Record::files`].
    pub files: Vec<String>,
    /// The [`Record::lacks`] of its pods.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl Errand {
    /// `pod NAMESPACE/NAME` or `job NAMESPACE/NAME`, for people.
    #[must_use]
    pub fn title(&self) -> String {
        let (noun, name) = match self {
            Self::Pod(_) => ("pod", self.name()),
            Self::Job(_) => ("job", self.name()),
        };
        format!("{noun} {name}")
    }

    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Pod(order) => super::directory::title(&order.plan.identity),
            Self::Job(order) => super::directory::title(&order.plan.identity()),
        }
    }
}

impl Order {
    /// The record of the pod, which is made now.
    #[must_use]
    pub fn record(&self, detached: bool) -> Record {
        let mut record = Record::new(
            &self.plan,
            self.manifest.clone(),
            self.origin.clone(),
            self.files.clone(),
            detached,
        );
        record.job.clone_from(&self.job);
        record.lacks.clone_from(&self.lacks);
        record
    }
}

impl JobOrder {
    /// The record of the job, which is made now.
    #[must_use]
    pub fn record(&self, detached: bool) -> JobRecord {
        JobRecord::new(
            &self.plan,
            self.manifest.clone(),
            self.origin.clone(),
            self.files.clone(),
            detached,
        )
    }

    /// The order of one of its pods, with the marks that the job controller gives its pods.
    #[must_use]
    pub fn pod(&self, plan: PodPlan, index: Option<u32>) -> Order {
        const INDEX: &str = "batch.kubernetes.io/job-completion-index";
        let mut manifest = self.pod_manifest.clone();
        if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
            let index = index.map(|index| (INDEX, index.to_string()));
            let (name, uid) = (&self.plan.name, &self.plan.uid);
            let labels = [
                ("batch.kubernetes.io/controller-uid", uid.clone()),
                ("batch.kubernetes.io/job-name", name.clone()),
                ("controller-uid", uid.clone()),
                ("job-name", name.clone()),
            ];
            put(metadata, "labels", labels.into_iter().chain(index.clone()));
            put(metadata, "annotations", index.into_iter());
            metadata.insert("name".to_owned(), json!(plan.identity.name));
            metadata.insert("uid".to_owned(), json!(plan.identity.uid));
            let owner = json!([{
                "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true,
            }]);
            metadata.insert("ownerReferences".to_owned(), owner);
        }
        Order {
            plan,
            manifest,
            origin: self.origin.clone(),
            files: self.files.clone(),
            job: Some(self.plan.uid.clone()),
            lacks: self.lacks.clone(),
        }
    }
}

/// Puts texts under a key that holds texts.
fn put(metadata: &mut Map<String, Value>, key: &str, texts: impl Iterator<Item = (&'static str, String)>) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    let there = metadata.entry(key).or_insert_with(|| json!({}));
    if let Some(there) = there.as_object_mut() {
        there.extend(texts.map(|(key, text)| (key.to_owned(), json!(text))));
    }
}
