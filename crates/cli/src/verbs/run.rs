//! `porthole run`: pods on this host, in the foreground or detached.

mod detach;
mod foreground;
mod jobs;
mod output;
mod pull;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use porthole_manifest::pod_template;
use porthole_runtime::PodPlan;
use porthole_runtime::build::{self, Choices, HostImages, Objects, Request};
use porthole_runtime::plan::{Limits, View};
use porthole_runtime::pods::{Errand, JobOrder, Order, Pods, manifest};
use porthole_runtime::spec::{self, PodSpec, Refusal, Weight};
use porthole_runtime::{Engine, os};

use super::{rm, stop};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::limits::LimitFlags;
use crate::manifests::{self, File, Workload};
use crate::{note, pods, verdict};

pub(super) use foreground::{failure, meaning};

/// Options of `porthole run`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Files, directories, `https://` URLs, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// What an image name in a pod stands for: a plain directory, an OCI layout, or a tar archive of one
    #[arg(long, value_name = "NAME=PATH", value_parser = named_image)]
    image: Vec<(String, PathBuf)>,
    #[command(flatten)]
    pull: pull::Pull,
    /// Leave the pods and jobs running, each with a supervisor of its own, and print their names once they run
    #[arg(short, long)]
    detach: bool,
    /// Stop and remove the pods and jobs of these names first, once all that can be said of the new ones is good
    #[arg(long)]
    replace: bool,
    /// Call the pod or the job this, whatever its manifest calls it
    #[arg(long)]
    name: Option<String>,
    /// In the foreground too, start containers again as restartPolicy says, and pods of jobs as backoffLimit says
    #[arg(long, conflicts_with = "detach")]
    restart: bool,
    /// Run containers as whoever runs porthole
    #[arg(long)]
    inherit_user: bool,
    /// Run Windows pods that are not HostProcess as if they were
    #[arg(long)]
    as_host_process: bool,
    /// Run pods that are made for the other operating system
    #[arg(long)]
    any_node: bool,
    /// How containers see their rootfs and volumes [default: the best that the host can give]
    #[arg(long, value_enum)]
    view: Option<ViewName>,
    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ViewName {
    /// For themselves: a mount namespace, a silo
    Private,
    /// By links that every process of the host sees
    Links,
    /// As an ordinary directory, without volumes
    None,
}

/// Splits `NAME=PATH` at the last `=` that leaves a path: names have none.
fn named_image(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err("must be NAME=PATH, such as app:v1=./files".to_owned()),
    }
}

impl Run {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        if !self.detach {
            // While there is one thread. A supervisor does it itself.
            os::prepare_process();
        }
        let files = manifests::read(&self.paths)?;
        let workloads = manifests::workloads(&files)?;
        let mut objects = Objects::default();
        for (object, source) in manifests::all_objects(&files) {
            objects.add(&object, source, &self.namespace);
        }
        let specs = self.judge(&workloads, global)?;
        say_what_makes_no_pod(&files, global);
        self.limits.refuse_strangers(&specs)?;

        let (engine, pods) = pods::open_to_start(global)?;
        self.pull.prepare(
            pods.state(),
            &workloads,
            &self.image,
            &objects,
            &self.namespace,
            global,
        )?;
        let errands = self.errands(&engine, &files, &workloads, &specs, &objects, global)?;
        say_what_is_missing(&*engine, &errands, global);
        if self.replace {
            replace(&pods, &errands, global)?;
        }
        if self.detach {
            return detach::detach(&pods, &errands, global);
        }
        if !errands.is_empty() {
            // Before their volumes are made.
            engine.guard();
        }
        foreground::live(&engine, &pods, errands, self.restart, global)
    }

    /// Everything that can be refused is refused here.
    fn errands(
        &self,
        engine: &Arc<dyn Engine>,
        files: &[File],
        workloads: &[Workload<'_>],
        specs: &[PodSpec],
        objects: &Objects<'_>,
        global: &Global,
    ) -> Result<Vec<Errand>, Failure> {
        let state = global.state();
        let images = HostImages::new(&state, self.image.clone());
        let files: Vec<String> = files.iter().map(|file| absolute(file.source.name())).collect();
        let choices = self.choices();
        let mut errands = Vec::new();
        for (workload, spec) in workloads.iter().zip(specs) {
            let request = Request {
                template: &workload.template,
                spec,
                namespace: &self.namespace,
                objects,
                images: &images,
                facts: engine.facts(),
                state: &state,
                choices: &choices,
            };
            let made = self
                .of_workload(&request, &files)
                .map_err(|refusals| verdict::refused(workload, &self.namespace, &refusals))?;
            if made.is_empty() && !global.quiet {
                let title = workload.title(&self.namespace);
                note(&format!("{title} wants 0 pods: none is made"));
            }
            errands.extend(made);
        }
        match (&self.name, errands.len()) {
            (Some(name), several) if several > 1 => {
                let failure = Failure::unasked(format!("call {several} pods {name:?}: a name is for one"));
                Err(failure.help("leave out --name, or run the pods one by one"))
            }
            _ => Ok(errands),
        }
    }

    /// The job of a workload, or else its pods.
    fn of_workload(&self, request: &Request<'_>, files: &[String]) -> Result<Vec<Errand>, Vec<Refusal>> {
        let template = request.template;
        let origin = pods::origin(template.kind, template.object, &self.namespace);
        let lacks = |plan: &PodPlan| {
            if asks_for_limits(plan) {
                request.facts.lacks.clone()
            } else {
                Vec::new()
            }
        };
        if let Some(plan) = build::job(request)? {
            if plan.rules.parallelism == 0 || plan.rules.completions == Some(0) {
                return Ok(Vec::new());
            }
            return Ok(vec![Errand::Job(Box::new(JobOrder {
                manifest: template.object.to_json(),
                pod_manifest: manifest(template, &plan.template.identity),
                lacks: lacks(&plan.template),
                plan,
                origin,
                files: files.to_vec(),
            }))]);
        }
        let made = build::pods(request)?.into_iter().map(|plan| {
            Errand::Pod(Box::new(Order {
                manifest: manifest(template, &plan.identity),
                lacks: lacks(&plan),
                plan,
                origin: origin.clone(),
                files: files.to_vec(),
                job: None,
            }))
        });
        Ok(made.collect())
    }

    fn choices(&self) -> Choices {
        Choices {
            name: self.name.clone(),
            inherit_user: self.inherit_user,
            as_host_process: self.as_host_process,
            any_node: self.any_node,
            view: self.view.map(|view| match view {
                ViewName::Private => View::Private,
                ViewName::Links => View::Links,
                ViewName::None => View::None,
            }),
            limits: self.limits.choices(),
        }
    }

    /// The rules first: nothing starts when one of the pods is refused.
    fn judge(&self, workloads: &[Workload<'_>], global: &Global) -> Result<Vec<PodSpec>, Failure> {
        let mut specs = Vec::new();
        for workload in workloads {
            if let Some(failure) = verdict::refused_by_rules(workload, &verdict::findings(workload)) {
                return Err(failure);
            }
            let spec = spec::read(&workload.template)
                .map_err(|refusals| verdict::refused(workload, &self.namespace, &refusals))?;
            let restarts = self.detach || self.restart;
            for said in &spec.notes {
                if restarts && said.reason == spec::RUNS_ONCE {
                    continue;
                }
                if global.verbose > 0 || (said.weight == Weight::Unasked && !global.quiet) {
                    note(&format!(
                        "{}: {}: {}",
                        workload.place(said.span),
                        said.field,
                        said.reason
                    ));
                }
            }
            specs.push(spec);
        }
        Ok(specs)
    }
}

/// The objects that nothing is done about. One that is meant as a workload, in a version that is not read, is always named.
fn say_what_makes_no_pod(files: &[File], global: &Global) {
    const WORKLOADS: [&str; 9] = [
        "Pod",
        "PodTemplate",
        "Deployment",
        "DaemonSet",
        "StatefulSet",
        "ReplicaSet",
        "ReplicationController",
        "Job",
        "CronJob",
    ];
    for (object, source) in manifests::all_objects(files) {
        let (Some(kind), None) = (object.kind, pod_template(&object)) else {
            continue;
        };
        let meant = WORKLOADS.contains(&kind);
        let read = matches!((object.api_version, kind), (Some("v1"), "ConfigMap" | "Secret"));
        if read || global.quiet || (global.verbose == 0 && !meant) {
            continue;
        }
        let (place, name) = (
            source.place(object.node.span()),
            object.name.unwrap_or("without a name"),
        );
        let why = if meant {
            let version = object.api_version.unwrap_or_default();
            format!("makes no pod: {kind} of apiVersion {version:?} is not read")
        } else {
            "makes no pod, and means nothing on one machine".to_owned()
        };
        note(&format!("{place}: {kind} {name} {why}"));
    }
}

/// What this host cannot give to pods that ask for it.
fn say_what_is_missing(engine: &dyn Engine, errands: &[Errand], global: &Global) {
    let asked = errands.iter().any(|errand| {
        asks_for_limits(match errand {
            Errand::Pod(order) => &order.plan,
            Errand::Job(order) => &order.plan.template,
        })
    });
    if global.verbose > 0 || (asked && !global.quiet) {
        for lack in &engine.facts().lacks {
            note(lack);
        }
    }
}

fn asks_for_limits(plan: &PodPlan) -> bool {
    let mut containers = plan.init_containers.iter().chain(&plan.containers);
    containers.any(|container| container.plan.limits != Limits::default())
}

/// The name of a file as it is found from anywhere; URLs and standard input as they were given.
fn absolute(name: &str) -> String {
    if name == "-" || name.contains("://") {
        return name.to_owned();
    }
    std::path::absolute(name).map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}

/// Ends and removes the pods and jobs that have the names of new ones.
fn replace(pods: &Pods, errands: &[Errand], global: &Global) -> Result<(), Failure> {
    for errand in errands {
        if let Some(old) = pods::of_errand(pods, errand)? {
            if global.verbose > 0 {
                note(&format!("replacing {}", old.title()));
            }
            stop::end(&old, stop::Ending::Stop(None))?;
            rm::remove(pods, &old)?;
        }
    }
    Ok(())
}
