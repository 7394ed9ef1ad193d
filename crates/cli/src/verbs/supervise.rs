//! `porthole supervise`: the process of a detached pod. Hidden: `run --detach` starts it, and hands it the order.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use porthole_runtime::clock::HostClock;
use porthole_runtime::life::Life;
use porthole_runtime::pods::{self, Order, Pods, Start};
use porthole_runtime::{Engine, fault, os};
use serde::{Deserialize, Serialize};

use super::run;
use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure, Told};

/// The name of the verb.
pub(super) const VERB: &str = "supervise";

/// An order has ConfigMaps and Secrets in it, of at most 1 MiB each.
const LONGEST_ORDER: u64 = 1 << 30;

/// Options of `porthole supervise`.
#[derive(Debug, Args)]
pub(crate) struct Supervise {
    /// The pod, for lists of processes; everything else comes over standard input
    #[arg(value_name = "POD")]
    pod: String,
}

/// What a supervisor says to whoever ordered it, in one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    /// The pod runs.
    Started,
    /// It does not, and nothing of it is left.
    Failed(Told),
}

impl Supervise {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        // It was for lists of processes.
        drop(self.pod);
        match supervise(global) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(failure) => {
                // Nobody listens when the pod ran before: its status says what happened then.
                let _ = say(&Answer::Failed(failure.told()));
                Err(failure)
            }
        }
    }
}

fn supervise(global: &Global) -> Result<(), Failure> {
    let order = read()?;
    fault::step("supervisor-started");
    let state = global.state();
    let pods = Pods::open(&state).map_err(Failure::unasked)?;
    let engine: Arc<dyn Engine> = os::host_engine(&state)
        .attempt(exit::OWN_FAILURE, || "look at this host".to_owned())?
        .into();
    let life = Life::new(Arc::new(HostClock));
    let handle = life.handle();
    ctrlc::set_handler(move || handle.stop(None))
        .attempt(exit::OWN_FAILURE, || "listen for the request to stop".to_owned())?;
    // Before the pod's volumes are made.
    engine.guard();
    let mut failed = None;
    let started = |start: Start<'_>| match start {
        Start::Runs => say(&Answer::Started).is_ok(),
        Start::Failed(error) => {
            let (code, help) = run::meaning(error);
            failed = Some(Told::of(code, error, help));
            true
        }
    };
    let ended = pods::supervise(&engine, &pods, life, order, started);
    match failed {
        // Said when nothing of the pod is left.
        Some(told) => Err(Failure::from_told(told)),
        None => ended.map(drop).map_err(run::failure),
    }
}

fn read() -> Result<Order, Failure> {
    let doing = || "read the order of a pod from standard input (this verb is porthole's own)".to_owned();
    let mut text = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST_ORDER)
        .read_to_end(&mut text)
        .attempt(exit::UNASKED, doing)?;
    serde_json::from_slice(&text).attempt(exit::UNASKED, doing)
}

fn say(answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut to = std::io::stdout().lock();
    to.write_all(&line)?;
    to.flush()
}
