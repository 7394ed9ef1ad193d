//! The pods that a command is about: by `NAME`, by `NAMESPACE/NAME`, or by the manifest that made them.

mod objects;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use porthole_manifest::{Node, Object, WorkloadKind, pod_template};
use porthole_runtime::clock::Timestamp;
use porthole_runtime::pods::{Broken, Errand, HostJob, Origin, Pod, Pods, PodsError, Seen};
use porthole_runtime::status::{Phase, PodStatus};
use porthole_runtime::{Engine, os};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::manifests;

pub(crate) use objects::{data, job_object, list, list_of, object};

/// The host as every verb about pods finds it: what dead holders left has been removed.
///
/// # Errors
/// The state directory is a newer porthole's, or the host says nothing. What cannot be removed is reported, and is the next
/// command's again.
pub(crate) fn open(global: &Global) -> Result<(Arc<dyn Engine>, Pods), Failure> {
    let (engine, pods) = host(global)?;
    let seen = pods.look().map_err(Failure::unasked)?;
    if let Err(failure) = sweep(&*engine, &pods, &seen) {
        failure.report();
    }
    repair_seen(&pods, &seen, global);
    expire(&pods, global);
    Ok((engine, pods))
}

/// As [`open`], for what starts containers: beside what cannot be removed none is started.
///
/// # Errors
/// As for [`open`], or something of a dead holder cannot be removed.
pub(crate) fn open_to_start(global: &Global) -> Result<(Arc<dyn Engine>, Pods), Failure> {
    let (engine, pods) = host(global)?;
    let seen = pods.look().map_err(Failure::unasked)?;
    sweep(&*engine, &pods, &seen)?;
    repair_seen(&pods, &seen, global);
    expire(&pods, global);
    Ok((engine, pods))
}

fn host(global: &Global) -> Result<(Arc<dyn Engine>, Pods), Failure> {
    let state = global.state();
    let pods = Pods::open(&state).map_err(Failure::unasked)?;
    let engine = os::host_engine(&state).attempt(exit::OWN_FAILURE, || "look at this host".to_owned())?;
    Ok((engine.into(), pods))
}

fn sweep(engine: &dyn Engine, pods: &Pods, seen: &Seen) -> Result<(), Failure> {
    let doing = || format!("remove what a dead holder left in `{}`", pods.state().display());
    let swept = engine.sweep_but(&|container| seen.is_held(container));
    swept.map(drop).attempt(exit::OWN_FAILURE, doing)
}

/// Repairs the pods whose holder has died meanwhile, and says so. Their containers are gone by now.
///
/// # Errors
/// The directory of the pods cannot be read.
pub(crate) fn repair(pods: &Pods, global: &Global) -> Result<(), Failure> {
    let seen = pods.look().map_err(Failure::unasked)?;
    repair_seen(pods, &seen, global);
    Ok(())
}

fn repair_seen(pods: &Pods, seen: &Seen, global: &Global) {
    let repaired = pods.repair(seen);
    if !global.quiet {
        for title in &repaired.lost {
            crate::note(&format!(
                "the pod {title} is lost: the porthole process that ran it was killed"
            ));
        }
        for title in &repaired.lost_jobs {
            crate::note(&format!(
                "the job {title} is lost: the porthole process that ran it was killed"
            ));
        }
        for newer in &repaired.newer {
            crate::note(&newer.to_string());
        }
    }
    for failed in repaired.failed {
        Failure::new(exit::OWN_FAILURE, failed).report();
    }
}

/// Removes jobs whose time after their end is over. What cannot be removed is reported, and is the next command's again.
fn expire(pods: &Pods, global: &Global) {
    match pods.expire_jobs(Timestamp::from(SystemTime::now())) {
        Ok(expired) => {
            for title in expired.iter().filter(|_| global.verbose > 0) {
                crate::note(&format!(
                    "the ended job {title} is removed: its ttlSecondsAfterFinished has passed"
                ));
            }
        }
        Err(error) => {
            Failure::new(exit::OWN_FAILURE, error).report();
        }
    }
}

/// The failure of a pod or a job of which nothing is known but its name.
pub(crate) fn unreadable(broken: Broken) -> Failure {
    let help = format!("remove what is left of it: porthole rm -f {}", broken.title());
    Failure::unasked(broken.error).help(help)
}

/// Says which pods and jobs a list is without.
pub(crate) fn say_what_is_broken(pods: &Pods, namespace: Option<&str>) -> Result<(), Failure> {
    for broken in pods.broken().map_err(Failure::unasked)? {
        if namespace.is_none_or(|wanted| wanted == broken.namespace) {
            let (noun, title) = (broken.noun(), broken.title());
            crate::note(&format!(
                "the {noun} {title} is left out: {}; `porthole rm -f {title}` removes what is left of it",
                broken.error
            ));
        }
    }
    Ok(())
}

/// The failure of a pod that has no place on the disk.
pub(crate) fn without_place(error: PodsError) -> Failure {
    let denied = matches!(
        &error,
        PodsError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied
    );
    let failure = Failure::new(exit::OWN_FAILURE, error);
    if denied {
        failure.help("run porthole as root, or name a state directory of your own with --state")
    } else {
        failure
    }
}

/// The one pod that is meant.
///
/// # Errors
/// None is, or several are.
pub(crate) fn one(pods: &Pods, wanted: &str, namespace: &str) -> Result<Pod, Failure> {
    let mut found = select(pods, &[wanted.to_owned()], namespace)?;
    match (found.pop(), found.is_empty()) {
        (Some(pod), true) => Ok(pod),
        (last, _) => {
            let mut titles: Vec<String> = found.iter().map(Pod::title).collect();
            titles.extend(last.as_ref().map(Pod::title));
            let failure = Failure::unasked(format!("`{wanted}` made several pods: {}", titles.join(", ")));
            Err(failure.help("name one of them"))
        }
    }
}

/// What can be stopped, waited for and removed.
pub(crate) enum Target {
    /// A pod by itself.
    Pod(Pod),
    /// A job, with the pods that it has made so far.
    Job(HostJob, Vec<Pod>),
    /// A pod or a job whose record cannot be read: it can be stopped and removed, and no more.
    Broken(Broken),
}

impl Target {
    /// `NAMESPACE/NAME`.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Pod(pod) => pod.title(),
            Self::Job(job, _) => job.title(),
            Self::Broken(broken) => broken.title(),
        }
    }

    /// Whether a process runs it.
    pub(crate) fn is_alive(&self) -> bool {
        match self {
            Self::Pod(pod) => pod.is_alive(),
            Self::Job(job, pods) => job.is_alive() || pods.iter().any(Pod::is_alive),
            Self::Broken(broken) => broken.is_alive(),
        }
    }

    fn directory(&self) -> &Path {
        match self {
            Self::Pod(pod) => &pod.directory,
            Self::Job(job, _) => &job.directory,
            Self::Broken(broken) => &broken.directory,
        }
    }
}

/// Everything on this host: jobs, and the pods that are of none of them.
pub(crate) fn everything(pods: &Pods) -> Result<Vec<Target>, Failure> {
    let mut all = pods.list().map_err(Failure::unasked)?;
    let mut targets = Vec::new();
    for job in pods.jobs().map_err(Failure::unasked)? {
        let (own, others) = all.into_iter().partition(|pod| job.made(pod));
        all = others;
        targets.push(Target::Job(job, own));
    }
    targets.extend(all.into_iter().map(Target::Pod));
    let broken = pods.broken().map_err(Failure::unasked)?;
    targets.extend(broken.into_iter().map(Target::Broken));
    Ok(targets)
}

/// What an errand has made, or somebody else under its name.
pub(crate) fn of_errand(pods: &Pods, errand: &Errand) -> Result<Option<Target>, Failure> {
    match errand {
        Errand::Pod(order) => {
            let identity = &order.plan.identity;
            let found = pods.find(&identity.namespace, &identity.name);
            match found.map_err(Failure::unasked)? {
                Some(pod) => Ok(Some(Target::Pod(pod))),
                None => broken_of(pods, &identity.namespace, &identity.name, "pod"),
            }
        }
        Errand::Job(order) => {
            let (namespace, name) = (&order.plan.namespace, &order.plan.name);
            match job_of(pods, namespace, name)? {
                Some(job) => Ok(Some(job)),
                None => broken_of(pods, namespace, name, "job"),
            }
        }
    }
}

fn broken_of(pods: &Pods, namespace: &str, name: &str, noun: &str) -> Result<Option<Target>, Failure> {
    let all = pods.find_broken(namespace, name).map_err(Failure::unasked)?;
    Ok(all.into_iter().find(|one| one.noun() == noun).map(Target::Broken))
}

fn job_of(pods: &Pods, namespace: &str, name: &str) -> Result<Option<Target>, Failure> {
    let Some(job) = pods.find_job(namespace, name).map_err(Failure::unasked)? else {
        return Ok(None);
    };
    let mut own = pods.list().map_err(Failure::unasked)?;
    own.retain(|pod| job.made(pod));
    Ok(Some(Target::Job(job, own)))
}

/// The pods that are meant, those of jobs among them, each once, in the order in which they are named.
///
/// # Errors
/// One that is named is not there, a job has no pod, or a manifest cannot be read.
pub(crate) fn select(pods: &Pods, wanted: &[String], namespace: &str) -> Result<Vec<Pod>, Failure> {
    let mut chosen = Vec::new();
    for target in targets(pods, wanted, namespace)? {
        match target {
            Target::Pod(pod) => chosen.push(pod),
            Target::Job(job, own) if own.is_empty() => {
                let text = format!("the job {} has no pod at this moment", job.title());
                return Err(Failure::new(exit::NO, text));
            }
            Target::Job(_, own) => chosen.extend(own),
            Target::Broken(broken) => return Err(unreadable(broken)),
        }
    }
    Ok(chosen)
}

/// The pods and jobs that are meant, each once, in the order in which they are named.
///
/// # Errors
/// One that is named is not there, or a manifest cannot be read.
pub(crate) fn targets(pods: &Pods, wanted: &[String], namespace: &str) -> Result<Vec<Target>, Failure> {
    let (chosen, missing) = search(pods, wanted, namespace)?;
    if missing.is_empty() {
        return Ok(chosen);
    }
    let failure = Failure::new(exit::NO, format!("no pod of {} on this host", missing.join(", ")));
    let file = wanted
        .iter()
        .find(|text| !is_manifest(text) && Path::new(text).exists());
    Err(match file {
        Some(file) => failure.help(format!("for the manifest of that name, write ./{file}")),
        None => failure.help("see which there are: porthole ps -a"),
    })
}

/// As [`targets`], without those that are not there.
///
/// # Errors
/// A manifest cannot be read, or a name is none.
pub(crate) fn existing(pods: &Pods, wanted: &[String], namespace: &str) -> Result<Vec<Target>, Failure> {
    search(pods, wanted, namespace).map(|(chosen, _)| chosen)
}

/// What is there, and the names of what is not. A name is a pod's, or else a job's.
fn search(pods: &Pods, wanted: &[String], namespace: &str) -> Result<(Vec<Target>, Vec<String>), Failure> {
    let mut chosen: Vec<Target> = Vec::new();
    let mut missing = Vec::new();
    for text in wanted {
        let mut found = Vec::new();
        if is_manifest(text) {
            for origin in origins(Path::new(text), namespace)? {
                let before = found.len();
                found.extend(everything(pods)?.into_iter().filter(|target| {
                    origin
                        == *match target {
                            Target::Pod(pod) => &pod.record.origin,
                            Target::Job(job, _) => &job.record.origin,
                            // What made it is not known.
                            Target::Broken(_) => return false,
                        }
                }));
                if found.len() == before {
                    missing.push(format!("{} {}/{}", origin.kind, origin.namespace, origin.name));
                }
            }
        } else {
            let (namespace, name) = split(text, namespace)?;
            match pods.find(namespace, name).map_err(Failure::unasked)? {
                Some(pod) => found.push(Target::Pod(pod)),
                None => found.extend(job_of(pods, namespace, name)?),
            }
            if found.is_empty() {
                let broken = pods.find_broken(namespace, name).map_err(Failure::unasked)?;
                found.extend(broken.into_iter().map(Target::Broken));
            }
            if found.is_empty() {
                missing.push(format!("{namespace}/{name}"));
            }
        }
        for target in found {
            if chosen.iter().all(|other| other.directory() != target.directory()) {
                chosen.push(target);
            }
        }
    }
    Ok((chosen, missing))
}

/// Whether a word on the command line is a manifest, and no pod's name: by its look, whatever files there are.
fn is_manifest(text: &str) -> bool {
    let extension = Path::new(text).extension();
    let known = extension.is_some_and(|found| ["yaml", "yml", "json"].iter().any(|known| found == *known));
    known || text == "-" || text.contains("://") || text.starts_with(['.', '/', '\\']) || text.contains(":\\")
}

fn split<'a>(text: &'a str, namespace: &'a str) -> Result<(&'a str, &'a str), Failure> {
    let (namespace, name) = text.split_once('/').unwrap_or((namespace, text));
    let odd = |part: &str| part.is_empty() || part.contains(['/', '\\', '_']) || part.contains("..");
    if odd(namespace) || odd(name) {
        let failure = Failure::unasked(format!("{text:?} is no name of a pod"));
        return Err(failure.help("name it NAME or NAMESPACE/NAME, or give the manifest that made it"));
    }
    Ok((namespace, name))
}

/// What made a workload's pods, as their records name it.
pub(crate) fn origin(kind: WorkloadKind, object: Node<'_>, namespace: &str) -> Origin {
    let text = |path| {
        object
            .at(path)
            .and_then(Node::as_str)
            .filter(|text| !text.is_empty())
    };
    Origin {
        kind: kind.name().to_owned(),
        namespace: text("metadata.namespace").unwrap_or(namespace).to_owned(),
        name: text("metadata.name")
            .or(text("metadata.generateName"))
            .unwrap_or("pod")
            .to_owned(),
    }
}

fn origins(path: &Path, namespace: &str) -> Result<Vec<Origin>, Failure> {
    let files = manifests::read(&[PathBuf::from(path)])?;
    let of = |object: Object<'_>| {
        let template = pod_template(&object)?;
        Some(origin(template.kind, template.object, namespace))
    };
    let origins: Vec<Origin> = manifests::all_objects(&files)
        .filter_map(|(object, _)| of(object))
        .collect();
    if origins.is_empty() {
        manifests::workloads(&files)?;
    }
    Ok(origins)
}

/// The exit code of a pod that has ended: that of its first container, in the order of the spec, that failed. A sidecar that
/// was ended after the others is no failure of a pod that succeeded.
pub(crate) fn exit_code(status: &PodStatus) -> i32 {
    if status.phase == Phase::Succeeded {
        return 0;
    }
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let mut codes = all
        .filter_map(|one| one.state.terminated.as_ref())
        .map(|ended| ended.exit_code);
    match codes.find(|code| *code != 0) {
        Some(code) => code,
        None => i32::from(status.phase == Phase::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_told_from_a_name_by_its_look() {
        for text in [
            "pod.yaml",
            "./web",
            "/etc/pod",
            "-",
            "https://example.com/pod",
            "a/b.json",
            r"C:\pods\a",
            "../x",
        ] {
            assert!(is_manifest(text), "{text}");
        }
        for text in ["web", "default/web", "web.example.com", "a-1"] {
            assert!(!is_manifest(text), "{text}");
        }
    }

    #[test]
    fn names_have_a_namespace_and_no_separators() {
        assert_eq!(split("web", "n").unwrap(), ("n", "web"));
        assert_eq!(split("m/web", "n").unwrap(), ("m", "web"));
        for text in ["", "/web", "web/", "a/b/c", "a\\b", "..", "a/..", "a_b"] {
            let failure = split(text, "n").unwrap_err().to_string();
            assert!(failure.contains("is no name of a pod"), "{text}: {failure}");
        }
    }
}
