//! `porthole install`: the GMSA webhook in a cluster.
//!
//! Everything is applied by the server, under a name of its own, so that it can be run any number of times; the configurations come last, once the
//! server answers. No credential spec is ever removed, nor what defines them.

mod apply;
mod choices;
mod cluster;
mod diff;
mod ready;
mod remove;
mod take_over;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use porthole_install::{Object, Settings, configurations, definition, objects};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;
use cluster::Cluster;

/// Options of `porthole install`.
#[expect(clippy::struct_excessive_bools, reason = "a field a flag")]
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Print what would be applied, as YAML. No cluster is asked
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        num_args = 0..=1,
        default_missing_value = "all",
        require_equals = true,
        conflicts_with_all = ["dry_run", "diff", "uninstall"]
    )]
    print: Option<Printed>,
    /// Change nothing: `client` names the objects and asks no cluster, `server` has the API server judge every one
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        num_args = 0..=1,
        default_missing_value = "client",
        require_equals = true
    )]
    dry_run: DryRun,
    /// Show what would change in the cluster; the exit code is 1 where something would
    #[arg(long, conflicts_with_all = ["uninstall", "dry_run"])]
    diff: bool,
    /// Remove the webhook. Credential specs, their definition and the namespace stay
    #[arg(long)]
    uninstall: bool,
    /// Replace an installation of kubernetes-sigs/windows-gmsa: it is removed once this one answers
    #[arg(long, conflicts_with_all = ["uninstall", "diff"])]
    take_over: bool,
    /// Take fields over that others keep
    #[arg(long, conflicts_with = "uninstall")]
    force_conflicts: bool,
    /// Whether to wait until every server answers. Without it, the API server is not told to ask them before they do
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    wait: bool,
    /// How long to wait, such as 90s or 5m
    #[arg(long, value_name = "TIME", value_parser = super::wait::time, default_value = "5m")]
    timeout: Duration,
    /// The kubeconfig of the cluster [default: those that KUBECONFIG lists, else ~/.kube/config, else the pod's own cluster]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    #[command(flatten)]
    choices: choices::Choices,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// Everything
    All,
    /// The definition of credential specs
    Crd,
    /// Everything but the definition and the configurations
    Server,
    /// The configurations, by which the API server asks the webhook
    Configurations,
}

/// What is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Everything is changed
    #[default]
    None,
    /// Nothing is sent
    Client,
    /// Nothing is kept
    Server,
}

impl Install {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        if let Some(what) = self.print {
            let settings = self.choices.settings(None)?;
            print::text(&yaml(&printed(&settings, what))?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.dry_run == DryRun::Client {
            self.tell()?;
            return Ok(ExitCode::SUCCESS);
        }
        let (cluster, version) = Cluster::connect(&self, global)?;
        let settings = self.choices.settings(version)?;
        if self.uninstall {
            return remove::run(&cluster, &settings);
        }
        if self.diff {
            return diff::run(&cluster, &settings);
        }
        let plan = apply::Plan {
            take_over: self.take_over,
            wait: self.wait.then_some(self.timeout),
        };
        apply::run(&cluster, &settings, plan)
    }

    /// What would be done, as far as it is known without the cluster.
    fn tell(&self) -> Result<(), Failure> {
        let settings = self.choices.settings(None)?;
        let (references, done) = if self.uninstall {
            (remove::order(&settings), "removed")
        } else {
            let objects = printed(&settings, Printed::All).into_iter();
            (objects.map(|object| object.reference).collect(), "applied")
        };
        let lines: Vec<String> = references
            .iter()
            .map(|reference| format!("{reference} {done} (client dry run)\n"))
            .collect();
        print::text(&lines.concat())
    }
}

fn printed(settings: &Settings, what: Printed) -> Vec<Object> {
    match what {
        Printed::Crd => vec![definition(settings)],
        Printed::Configurations => configurations(settings, None).into(),
        Printed::Server => objects(settings).split_off(1),
        Printed::All => {
            let mut all = objects(settings);
            all.extend(configurations(settings, None));
            all
        }
    }
}

/// A document an object.
fn yaml(objects: &[Object]) -> Result<String, Failure> {
    let mut documents = Vec::new();
    for object in objects {
        let text = serde_saphyr::to_string(&object.value);
        documents.push(text.attempt(exit::UNASKED, || format!("print {}", object.reference))?);
    }
    Ok(documents.join("---\n"))
}
