//! From a Job to its plan: one pod with marks, and the rules by which pods are made of it.

use super::{Request, identity, pod};
use crate::job::{JobPlan, Marks};
use crate::plan::PodIdentity;
use crate::spec::{ContainerSpec, Env, EnvValue, Refusal};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The plan of the Job that a template belongs to, or of the Job that a CronJob makes, which is run once; nothing for what
/// is no job.
///
/// # Errors
/// Everything that is refused.
pub fn job(request: &Request<'_>) -> Result<Option<JobPlan>, Vec<Refusal>> {
    let Some(rules) = request.spec.job.clone() else {
        return Ok(None);
    };
    super::refusals_of_the_host(request)?;
    let mut holder = identity::holder(request);
    if let Some(name) = &request.choices.name {
        holder.name.clone_from(name);
    }
    let marks = Marks::fresh();
    let mut spec = request.spec.clone();
    // As the job controller labels its pods.
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &holder.uid),
        ("batch.kubernetes.io/job-name", &holder.name),
        ("controller-uid", &holder.uid),
        ("job-name", &holder.name),
    ] {
        spec.labels.retain(|(other, _)| other != key);
        spec.labels.push((key.to_owned(), value.clone()));
    }
    if rules.indexed {
        for pairs in [&mut spec.labels, &mut spec.annotations] {
            pairs.retain(|(key, _)| key != INDEX);
            pairs.push((INDEX.to_owned(), marks.index.clone()));
        }
        for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
            add_index(container);
        }
    }
    let identity = PodIdentity {
        namespace: holder.namespace.clone(),
        name: marks.name.clone(),
        uid: marks.uid.clone(),
    };
    let request = Request {
        spec: &spec,
        ..*request
    };
    Ok(Some(JobPlan {
        template: pod(&request, identity)?,
        namespace: holder.namespace,
        name: holder.name,
        uid: holder.uid,
        rules,
        marks,
    }))
}

/// The variable that tells a pod its index, unless the manifest has one of that name.
fn add_index(container: &mut ContainerSpec) {
    if container.env.iter().any(|env| env.name == INDEX_VARIABLE) {
        return;
    }
    container.env.push(Env {
        path: format!("{}.env", container.path),
        name: INDEX_VARIABLE.to_owned(),
        value: EnvValue::Field(format!("metadata.annotations['{INDEX}']")),
        span: container.span,
    });
}
