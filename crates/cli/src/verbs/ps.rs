//! `porthole ps`: the pods of this host.

mod table;

use std::process::ExitCode;

use clap::Args;
use porthole_runtime::pods::{Pod, Pods, PodsError};
use porthole_runtime::status::{Phase, PodStatus};

use crate::arguments::{Format, Global};
use crate::failure::Failure;
use crate::pods;
use crate::print;

/// Options of `porthole ps`.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Ended pods too
    #[arg(short, long)]
    all: bool,
    /// The pods of this namespace alone
    #[arg(short, long)]
    namespace: Option<String>,
    /// A line for each container
    #[arg(long)]
    containers: bool,
    /// How the list is printed; as data it is a Kubernetes List of Pods with their status. With -q nothing but
    /// NAMESPACE/NAME is
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Ps {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        if !global.quiet {
            pods::say_what_is_broken(&pods, self.namespace.as_deref())?;
        }
        let mut found: Vec<(Pod, PodStatus)> = Vec::new();
        for pod in pods.list().map_err(Failure::unasked)? {
            let namespace = &pod.identity().namespace;
            if self.namespace.as_ref().is_some_and(|wanted| wanted != namespace) {
                continue;
            }
            let status = pod.status().unwrap_or_else(|error| unreadable(&pod, &error));
            if self.all || !status.phase.is_over() {
                found.push((pod, status));
            }
        }
        let text = match self.output {
            Format::Human if global.quiet => found.iter().map(|(pod, _)| pod.title() + "\n").collect(),
            Format::Human if self.containers => table::containers(&found),
            Format::Human => table::pods(&found) + &self.jobs(&pods)?,
            format => pods::data(format, &pods::list_of(&found))?,
        };
        print::text(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The jobs, which may have no pod at this moment; nothing where there are none.
    fn jobs(&self, pods: &Pods) -> Result<String, Failure> {
        let mut found = Vec::new();
        for job in pods.jobs().map_err(Failure::unasked)? {
            let namespace = &job.record.identity.namespace;
            if self.namespace.as_ref().is_some_and(|wanted| wanted != namespace) {
                continue;
            }
            if self.all || job.is_alive() {
                match job.status() {
                    Ok(status) => found.push((job, status)),
                    Err(error) => crate::note(&without_status("job", &job.title(), &error)),
                }
            }
        }
        Ok(table::jobs(&found))
    }
}

/// What is shown of a pod whose status is damaged; that it is, is said.
fn unreadable(pod: &Pod, error: &PodsError) -> PodStatus {
    crate::note(&without_status("pod", &pod.title(), error));
    PodStatus {
        phase: if pod.is_alive() {
            Phase::Running
        } else {
            Phase::Failed
        },
        reason: Some("StatusUnreadable".to_owned()),
        message: Some(error.to_string()),
        ..PodStatus::default()
    }
}

fn without_status(noun: &str, title: &str, error: &PodsError) -> String {
    format!("the status of the {noun} {title}: {error}; `porthole rm -f {title}` removes what is left of it")
}
