//! `porthole supervise STATE POD`: the process of a detached pod or job. `run --detach` starts it, and hands it the order.
//!
//! Hidden, and before anything is parsed: what the definitions of all verbs take would stay in its memory as long as the pod
//! runs.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use porthole_runtime::clock::HostClock;
use porthole_runtime::job::Job;
use porthole_runtime::life::Life;
use porthole_runtime::pods::{self, Errand, JobStopper, Pods, Start};
use porthole_runtime::{Engine, fault, os};
use serde::{Deserialize, Serialize};

use super::run;
use crate::exit;
use crate::failure::{Attempt as _, Failure, Told};

/// The name of the verb.
const VERB: &str = "supervise";

/// An order has ConfigMaps and Secrets in it, of at most 1 MiB each.
const LONGEST_ORDER: u64 = 1 << 30;

/// What a supervisor says to whoever ordered it, in one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    /// The pod runs, or the first of a job.
    Started,
    /// It does not, and nothing of it is left.
    Failed(Told),
}

/// The arguments of a supervisor: the pod or job is there for lists of processes, everything else comes over standard input.
pub(super) fn arguments(state: PathBuf, pod: &str) -> [OsString; 3] {
    [VERB.into(), state.into_os_string(), pod.into()]
}

/// What became of the pod, where this process was started as a supervisor.
pub(crate) fn asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != VERB {
        return None;
    }
    let state = PathBuf::from(arguments.next()?);
    let done = supervise(&state);
    Some(done.map_or_else(
        |failure| {
            // Nobody listens when the pod ran before: its status says what happened then.
            let _ = say(&Answer::Failed(failure.told()));
            failure.report()
        },
        |()| ExitCode::SUCCESS,
    ))
}

fn supervise(state: &Path) -> Result<(), Failure> {
    // While there is one thread.
    os::prepare_process();
    let errand = read()?;
    fault::step("supervisor-started");
    let pods = Pods::open(state).map_err(Failure::unasked)?;
    let engine: Arc<dyn Engine> = os::host_engine(state)
        .attempt(exit::OWN_FAILURE, || "look at this host".to_owned())?
        .into();
    // Before the pod's volumes are made.
    engine.guard();
    let failed: Arc<Mutex<Option<Told>>> = Arc::default();
    let heard = Arc::new(AtomicBool::new(false));
    let (note, hear) = (Arc::clone(&failed), Arc::clone(&heard));
    let started = move |start: Start<'_>| {
        hear.store(true, Ordering::Relaxed);
        match start {
            Start::Runs => {
                let heard = say(&Answer::Started).is_ok();
                os::rest();
                heard
            }
            Start::Failed(error) => {
                let (code, help) = run::meaning(error);
                *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(Told::of(code, error, help));
                false
            }
        }
    };
    let mut pod = None;
    let ended = match errand {
        Errand::Pod(order) => {
            pod = Some(order.plan.identity.name.clone());
            let life = Life::new(Arc::new(HostClock));
            let handle = life.handle();
            at_signal(move || handle.stop(None))?;
            pods::supervise(&engine, &pods, life, *order, started).map(drop)
        }
        Errand::Job(order) => {
            let job = Job::new();
            let stopper = JobStopper::new(job.handle());
            let at_once = stopper.clone();
            at_signal(move || at_once.stop(None))?;
            pods::supervise_job(&engine, &pods, (job, stopper), *order, started).map(drop)
        }
    };
    // Said when nothing of the pod is left.
    if let Some(told) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(Failure::from_told(told));
    }
    ended.map_err(run::failure)?;
    match pod.filter(|_| !heard.load(Ordering::Relaxed)) {
        None => Ok(()),
        Some(name) => {
            let text = format!("start the pod {name}: it was ended before it ran");
            Err(Failure::new(exit::OWN_FAILURE, text).help("somebody stopped it meanwhile; run it again"))
        }
    }
}

fn at_signal(stop: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    ctrlc::set_handler(stop).attempt(exit::OWN_FAILURE, || "listen for the request to stop".to_owned())
}

fn read() -> Result<Errand, Failure> {
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
