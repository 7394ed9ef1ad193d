//! Other contents of ConfigMaps and Secrets for the pods that run.

use std::path::PathBuf;
use std::process::ExitCode;

use porthole_runtime::build::Objects;
use porthole_runtime::pods::{Pod, Pods};
use porthole_runtime::spec::ObjectKind;
use porthole_runtime::volumes::{self, Content, ObjectData, PartSource};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;
use crate::{manifests, note};

/// An object of the files.
pub(super) struct Given {
    kind: ObjectKind,
    namespace: String,
    name: String,
    data: ObjectData,
}

impl Given {
    fn title(&self) -> String {
        format!("{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// All objects of the files; one that is none is the end of it, before anything is changed.
pub(super) fn read(paths: &[PathBuf], namespace: &str, global: &Global) -> Result<Vec<Given>, Failure> {
    let files = manifests::read(paths)?;
    let mut objects = Objects::default();
    let mut others: Vec<&str> = Vec::new();
    for (object, source) in manifests::all_objects(&files) {
        if !objects.add(&object, source, namespace) {
            let kind = object.kind.unwrap_or("an object without kind");
            if !others.contains(&kind) {
                others.push(kind);
            }
        }
    }
    let mut given = Vec::new();
    for (kind, namespace, name) in objects.names() {
        let Some(data) = objects.object(kind, namespace, name) else {
            continue;
        };
        given.push(Given {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            data: data.map_err(Failure::unasked)?,
        });
    }
    if given.is_empty() {
        let failure = Failure::unasked("no ConfigMap and no Secret in the files");
        return Err(failure.help("for other changes to a pod, run it again with --replace"));
    }
    if !others.is_empty() && !global.quiet {
        let kinds = others.join(", ");
        note(&format!(
            "only ConfigMaps and Secrets are updated; left alone: {kinds}"
        ));
    }
    Ok(given)
}

/// Brings the objects into every pod that runs. One pod that cannot have them does not keep the others from it.
pub(super) fn update(pods: &Pods, given: &[Given], global: &Global) -> Result<ExitCode, Failure> {
    let mut used = vec![false; given.len()];
    let mut failed: Option<Failure> = None;
    for pod in pods.list().map_err(Failure::unasked)? {
        let mine: Vec<usize> = (0..given.len())
            .filter(|index| uses(&pod, &given[*index]))
            .collect();
        if mine.is_empty() || !pod.is_alive() {
            continue;
        }
        for index in &mine {
            used[*index] = true;
        }
        let find = |kind: ObjectKind, name: &str| {
            let mut found = mine.iter().map(|index| &given[*index]);
            let found = found.rfind(|one| one.kind == kind && one.name == name)?;
            Some(found.data.clone())
        };
        match volumes::update(&pod.directory, &pod.record.plan.volumes, &find) {
            // It ended meanwhile.
            Err(volumes::UpdateError::Ended) => {}
            Err(error) if !pod.is_alive() => drop(error),
            Err(error) => {
                let failure: Result<(), _> =
                    Err(error).attempt(exit::NO, || format!("update the pod {}", pod.title()));
                if let Err(failure) = failure
                    && let Some(before) = failed.replace(failure)
                {
                    before.report();
                }
            }
            Ok(changed) => say(&pod, &changed, global)?,
        }
    }
    for (given, used) in given.iter().zip(used) {
        if !used && !global.quiet {
            note(&format!("no pod that runs has {} in a volume", given.title()));
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Whether a volume of the pod has files of an object.
fn uses(pod: &Pod, given: &Given) -> bool {
    let of_given = |source: &PartSource| match source {
        PartSource::Object(object) => object.kind == given.kind && object.name == given.name,
        PartSource::Pod => false,
    };
    pod.identity().namespace == given.namespace
        && pod
            .record
            .plan
            .volumes
            .iter()
            .any(|volume| match &volume.content {
                Content::Files(parts) => parts.iter().any(|part| of_given(&part.source)),
                _ => false,
            })
}

fn say(pod: &Pod, changed: &[String], global: &Global) -> Result<(), Failure> {
    if changed.is_empty() {
        if global.verbose > 0 {
            note(&format!(
                "{}: its volumes have these contents already",
                pod.title()
            ));
        }
        return Ok(());
    }
    if !global.quiet {
        print::text(&format!("{}: {}\n", pod.title(), changed.join(", ")))?;
        for container in pod.containers() {
            let plan = &container.plan;
            let parts = plan.mounts.iter().filter(|mount| mount.sub_path.is_some());
            for mount in parts.filter(|mount| changed.contains(&mount.volume)) {
                note(&format!(
                    "{}: container `{}` has a subPath of volume `{}` and keeps what it has, as in a cluster",
                    pod.title(),
                    plan.container,
                    mount.volume
                ));
            }
        }
    }
    Ok(())
}
