//! Pods that live as long as the command that runs them.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;

use porthole_runtime::clock::{Clock, HostClock};
use porthole_runtime::life::{Life, LifeError, LifeHandle, Options, Outcome};
use porthole_runtime::pods::{Held, Order, Pods, Prepared, Record, Registration, SuperviseError};
use porthole_runtime::{Engine, StartError, Stdio};

use super::output::Teller;
use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::verbs::exit_code;

/// A pod whose name is taken, and whose life has not begun.
struct Claimed {
    order: Order,
    life: Life,
    registration: Registration,
}

/// How the pods of one command are run.
struct Manner<'a> {
    engine: &'a Arc<dyn Engine>,
    several_pods: bool,
    restarts: bool,
    global: &'a Global,
}

/// Runs every pod to its end and answers with the code of the first that failed.
pub(super) fn live(
    engine: &Arc<dyn Engine>,
    pods: &Pods,
    orders: Vec<Order>,
    restarts: bool,
    global: &Global,
) -> Result<ExitCode, Failure> {
    // All names first: nothing starts when one of them is taken.
    let claimed = claim(pods, orders)?;
    let handles: Vec<LifeHandle> = claimed.iter().map(|claimed| claimed.life.handle()).collect();
    let at_signal = handles.clone();
    ctrlc::set_handler(move || at_signal.iter().for_each(|handle| handle.stop(None)))
        .attempt(exit::OWN_FAILURE, || "listen for Ctrl-C".to_owned())?;
    let manner = Manner {
        engine,
        several_pods: claimed.len() > 1,
        restarts,
        global,
    };
    let one = |claimed: Claimed| {
        let result = live_one(claimed, &manner);
        if result.is_err() {
            // One pod that cannot live ends the run: the others are stopped within their grace.
            for handle in &handles {
                handle.stop(None);
            }
        }
        result
    };
    let results: Vec<Result<Outcome, SuperviseError>> = if claimed.len() == 1 {
        claimed.into_iter().map(one).collect()
    } else {
        std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = claimed
                .into_iter()
                .map(|claimed| scope.spawn(move || one(claimed)))
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

fn claim(pods: &Pods, orders: Vec<Order>) -> Result<Vec<Claimed>, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(HostClock);
    let mut held: Vec<Held> = Vec::new();
    for order in &orders {
        match pods.claim(&order.plan.identity) {
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
    let claimed = orders.into_iter().zip(held).map(|(order, held)| {
        let life = Life::new(Arc::clone(&clock));
        let record = Record::new(
            &order.plan,
            order.manifest.clone(),
            order.origin.clone(),
            order.files.clone(),
            false,
        );
        let registration = Registration::new(held, record, life.handle());
        Claimed {
            order,
            life,
            registration,
        }
    });
    Ok(claimed.collect())
}

fn live_one(claimed: Claimed, manner: &Manner<'_>) -> Result<Outcome, SuperviseError> {
    let Claimed {
        order: Order { mut plan, .. },
        life,
        registration,
    } = claimed;
    let several = manner.several_pods || plan.init_containers.len() + plan.containers.len() > 1;
    let result = Prepared::make(&mut plan, life.handle()).and_then(|volumes| {
        let teller = Teller::new(&plan, several, manner.several_pods, &registration, manner.global);
        let options = Options {
            restarts: manner.restarts,
            stdio: if several { Stdio::Piped } else { Stdio::Inherit },
        };
        let result = life.run(manner.engine, &plan, &options, &teller);
        teller.finish();
        if let Ok(Outcome {
            failure: Some(failure),
            ..
        }) = &result
        {
            let (reason, message) = (&failure.reason, failure.message.trim_end());
            crate::note(&format!("{} failed: {reason}: {message}", plan.identity.name));
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

fn answer(results: Vec<Result<Outcome, SuperviseError>>) -> Result<ExitCode, Failure> {
    let mut first = None;
    let mut failures = results.into_iter().filter_map(|result| match result {
        Ok(outcome) => {
            let code = match (outcome.exit_code(), &outcome.failure) {
                // It failed as a whole, however its containers took it.
                (0, Some(_)) => 1,
                (code, _) => code,
            };
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

/// The failure of a pod that did not come to its own end, with the exit code that users of `docker run` know.
pub(in crate::verbs) fn failure(error: SuperviseError) -> Failure {
    let error = match error {
        SuperviseError::Life(error) => error,
        SuperviseError::Pods(error) => return crate::pods::without_place(error),
        error => return Failure::new(exit::OWN_FAILURE, error),
    };
    let (code, help) = meaning(&error);
    let failure = Failure::new(code, error);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
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
