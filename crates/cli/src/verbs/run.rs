//! `porthole run`: pods on this host, in the foreground.

mod output;
mod pull;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use porthole_runtime::build::{self, Choices, HostImages, Objects, Request};
use porthole_runtime::clock::{Clock, HostClock};
use porthole_runtime::life::{Life, LifeError, LifeHandle, Options, Outcome, PodPlan};
use porthole_runtime::plan::View;
use porthole_runtime::spec::{self, PodSpec, Weight};
use porthole_runtime::{Engine, StartError, Stdio, os, volumes};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::limits::LimitFlags;
use crate::manifests::{self, Workload};
use crate::note;
use crate::verdict;

/// Options of `porthole run`.
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
        let files = manifests::read(&self.paths)?;
        let workloads = manifests::workloads(&files)?;
        let mut objects = Objects::default();
        for (object, source) in manifests::all_objects(&files) {
            objects.add(&object, source, &self.namespace);
        }
        let specs = self.judge(&workloads, global)?;
        self.limits.refuse_strangers(&specs)?;

        let state = global.state();
        let engine: Arc<dyn Engine> = os::host_engine(&state)
            .attempt(exit::OWN_FAILURE, || "look at this host".to_owned())?
            .into();
        let sweeping = || format!("remove what a dead holder left in `{}`", state.display());
        engine.sweep().attempt(exit::OWN_FAILURE, sweeping)?;
        volumes::sweep(&state).attempt(exit::OWN_FAILURE, sweeping)?;
        self.pull
            .prepare(&state, &workloads, &self.image, &objects, &self.namespace, global)?;
        let images = HostImages::new(&state, self.image.clone());
        let mut pods = Vec::new();
        for (workload, spec) in workloads.iter().zip(&specs) {
            let request = Request {
                template: &workload.template,
                spec,
                namespace: &self.namespace,
                objects: &objects,
                images: &images,
                facts: engine.facts(),
                state: &state,
                choices: &self.choices(),
            };
            match build::pods(&request) {
                Ok(made) => {
                    if made.is_empty() && !global.quiet {
                        let title = workload.title(&self.namespace);
                        note(&format!("{title} wants 0 pods: none is made"));
                    }
                    pods.extend(made);
                }
                Err(refusals) => return Err(verdict::refused(workload, &self.namespace, &refusals)),
            }
        }
        if !pods.is_empty() {
            // Before their volumes are made.
            engine.guard();
        }
        live(&engine, &pods, global)
    }

    fn choices(&self) -> Choices {
        Choices {
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
            for said in &spec.notes {
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

/// Runs every pod to its end and answers with the code of the first that failed.
fn live(engine: &Arc<dyn Engine>, pods: &[PodPlan], global: &Global) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(HostClock);
    let lives: Vec<Life> = pods.iter().map(|_| Life::new(Arc::clone(&clock))).collect();
    let handles: Vec<LifeHandle> = lives.iter().map(Life::handle).collect();
    let at_signal = handles.clone();
    ctrlc::set_handler(move || at_signal.iter().for_each(|handle| handle.stop(None)))
        .attempt(exit::OWN_FAILURE, || "listen for Ctrl-C".to_owned())?;
    let one = |life: Life, pod: &PodPlan| {
        let result = live_one(engine, life, pod, pods.len() > 1, global);
        if result.is_err() {
            // One pod that cannot live ends the run: the others are stopped within their grace.
            for handle in &handles {
                handle.stop(None);
            }
        }
        result
    };
    let results: Vec<Result<Outcome, LifeError>> = match (lives, pods) {
        (lives, [pod]) => lives.into_iter().map(|life| one(life, pod)).collect(),
        (lives, pods) => std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = lives
                .into_iter()
                .zip(pods)
                .map(|(life, pod)| scope.spawn(move || one(life, pod)))
                .collect();
            // A life does not panic; if it does, so does the run.
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        }),
    };
    answer(results)
}

fn live_one(
    engine: &Arc<dyn Engine>,
    life: Life,
    pod: &PodPlan,
    several_pods: bool,
    global: &Global,
) -> Result<Outcome, LifeError> {
    let several = several_pods || pod.init_containers.len() + pod.containers.len() > 1;
    let teller = output::Teller::new(pod, several, several_pods, global);
    let options = Options {
        restarts: false,
        stdio: if several { Stdio::Piped } else { Stdio::Inherit },
    };
    let result = life.run(engine, pod, &options, &teller);
    teller.finish();
    result
}

fn answer(results: Vec<Result<Outcome, LifeError>>) -> Result<ExitCode, Failure> {
    let mut first = None;
    let mut failures = results.into_iter().filter_map(|result| match result {
        Ok(outcome) => {
            let code = outcome.exit_code();
            if code != 0 && first.is_none() {
                first = Some(code);
            }
            None
        }
        Err(error) => Some(failure(error)),
    });
    let failed = failures.next();
    for further in failures {
        further.report();
    }
    match failed {
        Some(failure) => Err(failure),
        None => Ok(exit_code(first.unwrap_or(0))),
    }
}

fn exit_code(code: i32) -> ExitCode {
    match u8::try_from(code) {
        Ok(code) => ExitCode::from(code),
        // A program's code on Windows has 32 bits, and is passed on whole. Everything of the pods is gone by now.
        Err(_) => std::process::exit(code),
    }
}

fn failure(error: LifeError) -> Failure {
    let (code, help) = match &error {
        LifeError::Start {
            source: StartError::NotFound { .. },
            ..
        } => (
            exit::NOT_FOUND,
            Some("correct command, or build an image that has it"),
        ),
        LifeError::Start {
            source: StartError::NotExecutable { source, .. },
            ..
        } => (
            exit::NOT_EXECUTABLE,
            // A command line that is too long has nothing to do with the file, and its text says what to do.
            (source.kind() != ErrorKind::ArgumentListTooLong)
                .then_some("check the file's mode, format and interpreter"),
        ),
        _ => (exit::OWN_FAILURE, None),
    };
    let failure = Failure::new(code, error);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
