//! Pods that outlive the command that runs them, each with a supervisor of its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::ExitCode;

use porthole_runtime::pods::{Errand, Pods};
use porthole_runtime::{fault, os};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::pods;
use crate::print;
use crate::verbs::rm;
use crate::verbs::stop::{self, Ending};
use crate::verbs::supervise::{self, Answer};

/// The most that a supervisor says.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Starts all pods, and names them when all of them run. Where one does not come to run, none is left.
pub(super) fn detach(pods: &Pods, errands: &[Errand], global: &Global) -> Result<ExitCode, Failure> {
    let mut started = Vec::new();
    let mut failed = Vec::new();
    // Side by side: each takes its time to start its containers.
    let answers: Vec<Result<File, Failure>> =
        errands.iter().map(|errand| order_one(errand, global)).collect();
    fault::step("order-sent");
    for (errand, answer) in errands.iter().zip(answers) {
        match answer.and_then(|answer| hear(answer, errand)) {
            Ok(()) => started.push(errand),
            Err(failure) => failed.push(failure),
        }
    }
    if let Some(first) = failed.pop() {
        for errand in started {
            if let Err(failure) = take_back(pods, errand) {
                failure.report();
            }
        }
        for failure in failed {
            failure.report();
        }
        return Err(first);
    }
    for errand in errands {
        print::text(&format!("{}\n", errand.name()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a supervisor and hands the order over. What it answers comes later.
fn order_one(errand: &Errand, global: &Global) -> Result<File, Failure> {
    let doing = || format!("start a supervisor for the {}", errand.title());
    let executable = std::env::current_exe().attempt(exit::OWN_FAILURE, doing)?;
    let state = std::path::absolute(global.state()).attempt(exit::OWN_FAILURE, doing)?;
    let arguments = supervise::arguments(state, &errand.name());
    let text = serde_json::to_vec(errand).attempt(exit::OWN_FAILURE, doing)?;
    let mut detached = os::spawn_detached(&executable, &arguments).attempt(exit::OWN_FAILURE, doing)?;
    // One that ends before it has read all of it says why in its answer.
    let _ = detached.order.write_all(&text);
    Ok(detached.answer)
}

/// Waits until the pod runs, or the first of a job.
fn hear(answer: File, errand: &Errand) -> Result<(), Failure> {
    let mut line = Vec::new();
    let heard = BufReader::new(answer)
        .take(LONGEST_ANSWER)
        .read_until(b'\n', &mut line);
    heard.attempt(exit::OWN_FAILURE, || format!("hear of the {}", errand.title()))?;
    match serde_json::from_slice(&line) {
        Ok(Answer::Started) => Ok(()),
        Ok(Answer::Failed(told)) => Err(Failure::from_told(told)),
        Err(_) => {
            let text = format!(
                "start the {}: its supervisor ended without a word",
                errand.title()
            );
            let failure = Failure::new(exit::OWN_FAILURE, text);
            Err(failure.help("it was killed, or memory was short; the next command removes what it left"))
        }
    }
}

/// Ends a pod or a job of which the others do not run.
fn take_back(pods: &Pods, errand: &Errand) -> Result<(), Failure> {
    pods::of_errand(pods, errand)?.map_or(Ok(()), |made| {
        stop::end(&made, Ending::Stop(None))?;
        rm::remove(pods, &made)
    })
}
