//! Other limits for the containers of pods that run.

use std::process::ExitCode;

use porthole_runtime::build::limits::LimitChoices;
use porthole_runtime::conduct::Role;
use porthole_runtime::plan::Limits;
use porthole_runtime::pods::{Answer, Pod, Request};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

/// Puts limits on the containers of every pod. One that cannot have them does not keep the others from it.
pub(super) fn update(
    chosen: &[Pod],
    choices: &LimitChoices,
    only: Option<&str>,
    global: &Global,
) -> Result<ExitCode, Failure> {
    let mut failed: Option<Failure> = None;
    for pod in chosen {
        if let Err(failure) = one(pod, choices, only, global)
            && let Some(before) = failed.replace(failure)
        {
            before.report();
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn one(pod: &Pod, choices: &LimitChoices, only: Option<&str>, global: &Global) -> Result<(), Failure> {
    let containers = concerned(pod, choices, only)?;
    let mut applied = pod
        .limits()
        .attempt(exit::NO, || format!("limit the pod {}", pod.title()))?;
    for container in containers {
        let mut limits = applied.of(&container);
        choices.apply(&container, &mut limits);
        let request = Request::Limits {
            container: container.clone(),
            limits: limits.clone(),
        };
        let answer = pod
            .control()
            .ask(&request)
            .map_err(|error| Failure::new(exit::NO, error))?;
        // What was asked for, not what it was rounded to: rounded again and again it would creep.
        applied
            .note(&container, limits)
            .attempt(exit::NO, || format!("limit the pod {}", pod.title()))?;
        if let (Answer::Limits(rounded), false) = (answer, global.quiet) {
            let shown = shown(&rounded);
            print::text(&format!("{}/{container}: {shown}\n", pod.title()))?;
        }
    }
    Ok(())
}

/// The containers that limits are for.
fn concerned(pod: &Pod, choices: &LimitChoices, only: Option<&str>) -> Result<Vec<String>, Failure> {
    for name in choices.names().chain(only) {
        pod.container(Some(name))
            .map_err(|error| Failure::new(exit::NO, error))?;
    }
    let for_all = choices.0.iter().any(|choice| choice.container.is_none());
    let is_concerned = |name: &str, role: Role| match only {
        Some(only) => name == only,
        // An init container runs once and is over; one that is meant all the same is named.
        None => (for_all && role != Role::Init) || choices.names().any(|chosen| chosen == name),
    };
    let found: Vec<String> = pod
        .containers()
        .filter(|one| is_concerned(&one.plan.container, one.role))
        .map(|one| one.plan.container.clone())
        .collect();
    Ok(found)
}

/// Limits in words, in the units of the flags.
fn shown(limits: &Limits) -> String {
    let mut words = Vec::new();
    words.extend(limits.memory.map(|bytes| format!("memory {bytes}")));
    words.extend(limits.cpu_milli.map(|milli| format!("cpus {milli}m")));
    words.extend(limits.cpu_shares.map(|shares| format!("cpu-shares {shares}")));
    words.extend(limits.pids.map(|count| format!("pids {count}")));
    if !limits.processors.is_empty() {
        let numbers: Vec<String> = limits.processors.iter().map(u32::to_string).collect();
        words.push(format!("processors {}", numbers.join(",")));
    }
    for device in &limits.devices {
        let rates = [
            ("read", device.read_bytes, "B/s"),
            ("write", device.write_bytes, "B/s"),
            ("read", device.read_operations, "operations/s"),
            ("write", device.write_operations, "operations/s"),
        ];
        for (what, rate, unit) in rates {
            words.extend(rate.map(|rate| format!("{} {what} {rate} {unit}", device.device.display())));
        }
    }
    if words.is_empty() {
        "no limits".to_owned()
    } else {
        words.join(", ")
    }
}
