//! Pods and containers for people, in kubectl's words.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use porthole_runtime::conduct::{ContainerPlan, Role};
use porthole_runtime::plan::User;
use porthole_runtime::pods::{HostJob, JobStatus, Pod};
use porthole_runtime::status::{ContainerState, ContainerStatus, PodStatus};

/// A line for each pod.
pub(super) fn pods(found: &[(Pod, PodStatus)]) -> String {
    let mut rows = vec![["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"].map(str::to_owned)];
    for (pod, status) in found {
        let identity = pod.identity();
        rows.push([
            identity.namespace.clone(),
            identity.name.clone(),
            ready(pod, status),
            summary(pod, status),
            status.restarts().to_string(),
            age(pod.record.created),
        ]);
    }
    table(&rows)
}

/// A line for each job, below the pods; nothing where there are none.
pub(super) fn jobs(found: &[(HostJob, JobStatus)]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let head = ["NAMESPACE", "JOB", "STATUS", "COMPLETIONS", "AGE"];
    let mut rows = vec![head.map(str::to_owned)];
    for (job, status) in found {
        let record = &job.record;
        let state = state_of_job(status);
        let completions = record.rules.completions.unwrap_or(1);
        rows.push([
            record.identity.namespace.clone(),
            record.identity.name.clone(),
            state,
            format!("{}/{completions}", status.succeeded),
            age(record.created),
        ]);
    }
    format!("\n{}", table(&rows))
}

/// `Running`, `Complete`, or why it has failed; with its end decided and pods that still run, what that end will be.
fn state_of_job(status: &JobStatus) -> String {
    let Some(last) = status.conditions.last() else {
        return "Running".to_owned();
    };
    match (last.kind.as_str(), &last.reason) {
        ("Failed" | "FailureTarget", Some(reason)) => reason.clone(),
        (kind, _) => kind.to_owned(),
    }
}

/// A line for each container, init containers first.
pub(super) fn containers(found: &[(Pod, PodStatus)]) -> String {
    let head = [
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "STATE",
        "RESTARTS",
        "ACCOUNT",
        "IMAGE",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for (pod, status) in found {
        let identity = pod.identity();
        for container in pod.containers() {
            let own = of(status, &container.plan.container);
            rows.push([
                identity.namespace.clone(),
                identity.name.clone(),
                container.plan.container.clone(),
                own.map_or_else(|| "Waiting".to_owned(), |own| state(&own.state)),
                own.map_or(0, |own| own.restart_count).to_string(),
                account(container),
                container.image.clone(),
            ]);
        }
    }
    table(&rows)
}

fn of<'a>(status: &'a PodStatus, name: &str) -> Option<&'a ContainerStatus> {
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    all.into_iter().find(|own| own.name == name)
}

fn account(container: &ContainerPlan) -> String {
    match &container.plan.user {
        User::Inherit => "(porthole's own)".to_owned(),
        User::Account(account) => account.to_string(),
    }
}

fn state(state: &ContainerState) -> String {
    if state.running.is_some() {
        "Running".to_owned()
    } else if let Some(ended) = &state.terminated {
        format!("{} ({})", ended.reason, ended.exit_code)
    } else {
        state
            .waiting
            .as_ref()
            .map_or("Waiting", |waiting| &waiting.reason)
            .to_owned()
    }
}

/// Containers and sidecars that are ready, of all.
fn ready(pod: &Pod, status: &PodStatus) -> String {
    let sidecars: Vec<&str> = pod
        .record
        .plan
        .init_containers
        .iter()
        .filter(|one| one.role == Role::Sidecar)
        .map(|one| one.plan.container.as_str())
        .collect();
    let counted = status
        .init_container_statuses
        .iter()
        .filter(|own| sidecars.contains(&own.name.as_str()))
        .chain(&status.container_statuses);
    let ready = counted.filter(|own| own.ready).count();
    format!("{ready}/{}", sidecars.len() + pod.record.plan.containers.len())
}

/// What kubectl shows in the column STATUS.
fn summary(pod: &Pod, status: &PodStatus) -> String {
    if let Some(reason) = status.reason.as_ref().filter(|reason| !reason.is_empty()) {
        return reason.clone();
    }
    if let Some(initialising) = initialising(pod, status) {
        return initialising;
    }
    let mut summary = status.phase.as_str().to_owned();
    let mut running = false;
    for own in status.container_statuses.iter().rev() {
        if let Some(waiting) = own.state.waiting.as_ref().filter(|one| !one.reason.is_empty()) {
            summary.clone_from(&waiting.reason);
        } else if let Some(ended) = &own.state.terminated {
            summary = ending(ended.reason.as_str(), ended.signal, ended.exit_code);
        } else if own.ready && own.state.running.is_some() {
            running = true;
        }
    }
    if summary == "Completed" && running {
        return if status.is_ready() { "Running" } else { "NotReady" }.to_owned();
    }
    summary
}

fn ending(reason: &str, signal: Option<i32>, code: i32) -> String {
    match signal {
        _ if !reason.is_empty() => reason.to_owned(),
        Some(signal) => format!("Signal:{signal}"),
        None => format!("ExitCode:{code}"),
    }
}

/// `Init:1/2` and the like, as long as the init containers are not done.
fn initialising(pod: &Pod, status: &PodStatus) -> Option<String> {
    let plans = &pod.record.plan.init_containers;
    for (index, own) in status.init_container_statuses.iter().enumerate() {
        let sidecar = plans.get(index).is_some_and(|plan| plan.role == Role::Sidecar);
        match &own.state {
            ContainerState {
                terminated: Some(ended),
                ..
            } => {
                if ended.exit_code != 0 && !sidecar {
                    return Some(format!(
                        "Init:{}",
                        ending(&ended.reason, ended.signal, ended.exit_code)
                    ));
                }
            }
            _ if sidecar && own.started == Some(true) => {}
            ContainerState {
                waiting: Some(waiting),
                ..
            } if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
                return Some(format!("Init:{}", waiting.reason));
            }
            _ => return Some(format!("Init:{index}/{}", plans.len())),
        }
    }
    None
}

fn age(created: SystemTime) -> String {
    short(SystemTime::now().duration_since(created).unwrap_or_default())
}

/// A length of time as kubectl prints it.
fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |big: u64, unit: char, small: u64, small_unit: char| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        _ => format!("{days}d"),
    }
}

/// Columns as wide as what is in them, the last one without blanks after it.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}   ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_kubectls() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (601, "10m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (30_000, "8h"),
            (200_000, "2d7h"),
            (900_000, "10d"),
        ] {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A      B\nlong   x\n");
    }
}
