//! Pods that outlive the command that runs them, each with a supervisor of its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::ExitCode;

use porthole_runtime::pods::{Order, Pods};
use porthole_runtime::{fault, os};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::pods;
use crate::verbs::rm;
use crate::verbs::stop::{self, Ending};
use crate::verbs::supervise::{self, Answer};

/// The most that a supervisor says.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Starts all pods, and names them when all of them run. Where one does not come to run, none is left.
pub(super) fn detach(pods: &Pods, orders: &[Order], global: &Global) -> Result<ExitCode, Failure> {
    let mut started = Vec::new();
    let mut failed = Vec::new();
    // Side by side: each takes its time to start its containers.
    let answers: Vec<Result<File, Failure>> = orders.iter().map(|order| order_one(order, global)).collect();
    fault::step("order-sent");
    for (order, answer) in orders.iter().zip(answers) {
        match answer.and_then(|answer| hear(answer, order)) {
            Ok(()) => started.push(order),
            Err(failure) => failed.push(failure),
        }
    }
    if let Some(first) = failed.pop() {
        for order in started {
            if let Err(failure) = take_back(pods, order) {
                failure.report();
            }
        }
        for failure in failed {
            failure.report();
        }
        return Err(first);
    }
    for order in orders {
        pods::print(&format!("{}\n", title(order)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn title(order: &Order) -> String {
    format!("{}/{}", order.plan.identity.namespace, order.plan.identity.name)
}

/// Starts a supervisor and hands the order over. What it answers comes later.
fn order_one(order: &Order, global: &Global) -> Result<File, Failure> {
    let doing = || format!("start a supervisor for the pod {}", title(order));
    let executable = std::env::current_exe().attempt(exit::OWN_FAILURE, doing)?;
    let state = std::path::absolute(global.state()).attempt(exit::OWN_FAILURE, doing)?;
    let arguments = [
        supervise::VERB.into(),
        "--state".into(),
        state.into_os_string(),
        title(order).into(),
    ];
    let text = serde_json::to_vec(order).attempt(exit::OWN_FAILURE, doing)?;
    let mut detached = os::spawn_detached(&executable, &arguments).attempt(exit::OWN_FAILURE, doing)?;
    // One that ends before it has read all of it says why in its answer.
    let _ = detached.order.write_all(&text);
    Ok(detached.answer)
}

/// Waits until the pod runs.
fn hear(answer: File, order: &Order) -> Result<(), Failure> {
    let mut line = Vec::new();
    let heard = BufReader::new(answer)
        .take(LONGEST_ANSWER)
        .read_until(b'\n', &mut line);
    heard.attempt(exit::OWN_FAILURE, || format!("hear of the pod {}", title(order)))?;
    match serde_json::from_slice(&line) {
        Ok(Answer::Started) => Ok(()),
        Ok(Answer::Failed(told)) => Err(Failure::from_told(told)),
        Err(_) => {
            let text = format!(
                "start the pod {}: its supervisor ended without a word",
                title(order)
            );
            let failure = Failure::new(exit::OWN_FAILURE, text);
            Err(failure.help("it was killed, or memory was short; the next command removes what it left"))
        }
    }
}

/// Ends a pod of which the others do not run.
fn take_back(pods: &Pods, order: &Order) -> Result<(), Failure> {
    let identity = &order.plan.identity;
    let found = pods
        .find(&identity.namespace, &identity.name)
        .map_err(Failure::unasked)?;
    found.map_or(Ok(()), |pod| {
        stop::end(&pod, Ending::Stop(None))?;
        rm::remove(pods, &pod)
    })
}
