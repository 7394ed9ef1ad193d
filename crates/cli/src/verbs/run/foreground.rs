//! Pods and jobs that live as long as the command that runs them.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;

use porthole_runtime::clock::HostClock;
use porthole_runtime::life::{Life, LifeError, LifeHandle, Options, Outcome};
use porthole_runtime::pods::{Errand, Held, JobStopper, Order, Pods, Prepared, Registration, SuperviseError};
use porthole_runtime::{Engine, StartError, Stdio};

use super::jobs;
use super::output::Teller;
use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// A pod whose name is taken, and whose life has not begun.
pub(super) struct Claimed {
    pub(super) order: Order,
    pub(super) life: Life,
    pub(super) registration: Registration,
}

impl Claimed {
    pub(super) fn new(order: Order, held: Held, life: Life) -> Self {
        let registration = Registration::new(held, order.record(false), life.handle());
        Self {
            order,
            life,
            registration,
        }
    }
}

/// What is run, with its name taken.
enum Begun {
    Pod(Box<Claimed>),
    Job(Box<jobs::Claimed>),
}

/// Stops a pod or a job.
#[derive(Clone)]
enum Stopper {
    Pod(LifeHandle),
    Job(JobStopper),
}

impl Stopper {
    fn of(begun: &Begun) -> Self {
        match begun {
            Begun::Pod(pod) => Self::Pod(pod.life.handle()),
            Begun::Job(job) => Self::Job(job.stopper.clone()),
        }
    }

    fn stop(&self) {
        match self {
            Self::Pod(pod) => pod.stop(None),
            Self::Job(job) => job.stop(None),
        }
    }
}

/// How the pods of one command are run.
pub(super) struct Manner<'a> {
    pub(super) engine: &'a Arc<dyn Engine>,
    pub(super) pods: &'a Pods,
    pub(super) several_pods: bool,
    pub(super) restarts: bool,
    pub(super) global: &'a Global,
}

/// Runs every pod and job to its end and answers with the code of the first that failed.
pub(super) fn live(
    engine: &Arc<dyn Engine>,
    pods: &Pods,
    errands: Vec<Errand>,
    restarts: bool,
    global: &Global,
) -> Result<ExitCode, Failure> {
    let several_pods = errands.len() > 1
        || errands.iter().any(|errand| match errand {
            Errand::Pod(_) => false,
            Errand::Job(order) => jobs::has_several_pods(&order.plan.rules, restarts),
        });
    // All names first: nothing starts when one of them is taken.
    let begun = begin(pods, errands)?;
    let stoppers: Vec<Stopper> = begun.iter().map(Stopper::of).collect();
    let at_signal = stoppers.clone();
    ctrlc::set_handler(move || at_signal.iter().for_each(Stopper::stop))
        .attempt(exit::OWN_FAILURE, || "listen for Ctrl-C".to_owned())?;
    let manner = Manner {
        engine,
        pods,
        several_pods,
        restarts,
        global,
    };
    let one = |begun: Begun| {
        let result = match begun {
            Begun::Pod(pod) => live_one(*pod, &manner, &|_| {})
                .map(|outcome| code(&outcome))
                .map_err(failure),
            Begun::Job(job) => jobs::live(*job, &manner),
        };
        if result.is_err() {
            // One pod that cannot live ends the run: the others are stopped within their grace.
            for stopper in &stoppers {
                stopper.stop();
            }
        }
        result
    };
    let results: Vec<Result<i32, Failure>> = if begun.len() == 1 {
        begun.into_iter().map(one).collect()
    } else {
        std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = begun
                .into_iter()
                .map(|begun| scope.spawn(move || one(begun)))
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
        })
    };
    answer(results)
}

/// Takes the names of all, or of none.
fn begin(pods: &Pods, errands: Vec<Errand>) -> Result<Vec<Begun>, Failure> {
    let mut held: Vec<Held> = Vec::new();
    for errand in &errands {
        let claimed = match errand {
            Errand::Pod(order) => pods.claim(&order.plan.identity),
            Errand::Job(order) => pods.claim_job(&order.plan.identity()),
        };
        match claimed {
            Ok(one) => held.push(one),
            Err(error) => {
                for one in held {
                    one.remove()
                        .map_err(|error| Failure::new(exit::OWN_FAILURE, error))?;
                }
                return Err(crate::pods::without_place(error));
            }
        }
    }
    let begun = errands.into_iter().zip(held).map(|(errand, held)| match errand {
        Errand::Pod(order) => Begun::Pod(Box::new(Claimed::new(
            *order,
            held,
            Life::new(Arc::new(HostClock)),
        ))),
        Errand::Job(order) => Begun::Job(Box::new(jobs::Claimed::new(*order, held))),
    });
    Ok(begun.collect())
}

/// Runs a pod to its end. `restarted` hears how often its containers were started again so far, all together.
pub(super) fn live_one(
    claimed: Claimed,
    manner: &Manner<'_>,
    restarted: &(dyn Fn(u32) + Send + Sync),
) -> Result<Outcome, SuperviseError> {
    let Claimed {
        order: Order { mut plan, .. },
        life,
        registration,
    } = claimed;
    let several = manner.several_pods || plan.init_containers.len() + plan.containers.len() > 1;
    let result = Prepared::make(&mut plan, life.handle()).and_then(|volumes| {
        let teller = Teller::new(
            &plan,
            (several, manner.several_pods),
            &registration,
            manner.global,
            restarted,
        );
        let options = Options {
            restarts: manner.restarts,
            stdio: if several { Stdio::Piped } else { Stdio::Inherit },
            terminals: false,
        };
        let result = life.run(manner.engine, &plan, &options, &teller);
        teller.finish();
        if let Ok(outcome) = &result {
            tell_of_the_end(&plan.identity.name, outcome);
        }
        volumes.remove()?;
        result
    });
    // Its volumes with it.
    let removed = registration.remove();
    let outcome = result?;
    removed?;
    Ok(outcome)
}

/// Says what neither the containers' output nor the exit code says.
fn tell_of_the_end(pod: &str, outcome: &Outcome) {
    if let Some(failure) = &outcome.failure {
        let (reason, message) = (&failure.reason, failure.message.trim_end());
        crate::note(&format!("{pod} failed: {reason}: {message}"));
    }
    for left in &outcome.left {
        crate::note(&format!(
            "something of {pod} is left: {left}; the next command tries again"
        ));
    }
}

/// The exit code of a pod that has ended.
pub(super) fn code(outcome: &Outcome) -> i32 {
    match (outcome.exit_code(), &outcome.failure) {
        // It failed as a whole, however its containers took it.
        (0, Some(_)) => 1,
        (code, _) => code,
    }
}

fn answer(results: Vec<Result<i32, Failure>>) -> Result<ExitCode, Failure> {
    let mut first = None;
    let mut failures = results.into_iter().filter_map(|result| match result {
        Ok(code) => {
            if code != 0 && first.is_none() {
                first = Some(code);
            }
            None
        }
        Err(failure) => Some(failure),
    });
    let failed = failures.next();
    for further in failures {
        further.report();
    }
    match failed {
        Some(failure) => Err(failure),
        None => Ok(exit::code(first.unwrap_or(0))),
    }
}

/// The failure of a pod that did not come to its own end, with the exit code that users of `docker run` know.
pub(in crate::verbs) fn failure(error: SuperviseError) -> Failure {
    let error = match error {
        SuperviseError::Life(error) => error,
        SuperviseError::Pods(error) => return crate::pods::without_place(error),
        error => return Failure::new(exit::OWN_FAILURE, error),
    };
    let (code, help) = meaning(&error);
    Failure::new(code, error).help_if(help)
}

/// The exit code of a pod that did not come to run, and what to try.
pub(in crate::verbs) fn meaning(error: &LifeError) -> (u8, Option<&'static str>) {
    match error {
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
    }
}
