//! The verbs, one file each.

mod check;
mod completions;
mod exec;
mod explain;
mod grant;
pub(crate) mod guard;
mod image;
mod inspect;
mod install;
mod logs;
mod lsp;
mod man;
mod ps;
mod rm;
mod rule;
mod run;
mod stats;
mod stop;
pub(crate) mod supervise;
mod update;
mod wait;
mod webhook;

use std::process::ExitCode;

use clap::Subcommand;

use crate::arguments::Porthole;
use crate::failure::Failure;

/// What porthole is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a cluster would say of manifests, and point at the line
    Check(Box<check::Check>),
    /// Answer an editor by the Language Server Protocol: `check` while one writes
    Lsp(Box<lsp::Lsp>),
    /// Explain a rule of `check`, or list them
    Rule(rule::Rule),
    /// Run pods on this host, in the foreground or detached
    Run(Box<run::Run>),
    /// Say who a pod's containers run as, with what, and which field decided
    Explain(explain::Explain),
    /// List the pods of this host
    Ps(ps::Ps),
    /// Print what a pod's containers have said
    Logs(logs::Logs),
    /// Run a further program in a container that runs
    Exec(exec::Exec),
    /// Show what containers use
    Stats(stats::Stats),
    /// Show pods as a cluster would, with their status
    Inspect(inspect::Inspect),
    /// Change pods that run: their ConfigMaps and Secrets, or their limits
    Update(update::Update),
    /// Wait until pods have ended, or are ready
    Wait(wait::Wait),
    /// Ask pods to end, and kill them after their grace
    Stop(stop::Stop),
    /// Remove what is left of pods
    Rm(rm::Rm),
    /// Images of HostProcess containers, without Docker and without Windows
    Image(image::Image),
    /// Serve the GMSA webhook: credential specs for pods, and only for those who may use them
    Webhook(Box<webhook::Webhook>),
    /// Print the role and binding by which a service account may use credential specs and host accounts, or say whether it may
    Grant(grant::Grant),
    /// Install the GMSA webhook in a cluster, say what would change, or remove it
    Install(Box<install::Install>),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Write the man pages into a directory
    Man(man::Man),
}

/// Does what was asked for.
pub(crate) fn run(porthole: Porthole) -> Result<ExitCode, Failure> {
    let global = porthole.global;
    match porthole.verb {
        Verb::Check(check) => check.run(&global),
        Verb::Lsp(lsp) => lsp.run(),
        Verb::Rule(rule) => rule.run(&global),
        Verb::Run(run) => run.run(&global),
        Verb::Update(update) => update.run(&global),
        Verb::Logs(logs) => logs.run(&global),
        Verb::Exec(exec) => exec.run(&global),
        Verb::Stats(stats) => stats.run(&global),
        Verb::Ps(ps) => ps.run(&global),
        Verb::Stop(stop) => stop.run(&global),
        Verb::Rm(rm) => rm.run(&global),
        Verb::Wait(wait) => wait.run(&global),
        Verb::Inspect(inspect) => inspect.run(&global),
        Verb::Explain(explain) => explain.run(&global),
        Verb::Image(image) => image.run(&global),
        Verb::Webhook(webhook) => webhook.run(),
        Verb::Grant(grant) => grant.run(&global),
        Verb::Install(install) => install.run(&global),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
    }
}
