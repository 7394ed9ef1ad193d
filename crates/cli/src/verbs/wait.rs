//! `porthole wait`: until pods have ended, or are ready.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use porthole_runtime::pods::{HostJob, JobStatus, Pod};
use porthole_runtime::status::PodStatus;

use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::note;
use crate::pods::{self, Target};

/// Options of `porthole wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Pods and jobs: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required = true, value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// What is waited for; after an end, the exit code is that of the first pod that failed
    #[arg(long = "for", value_enum, value_name = "WHAT", default_value_t)]
    condition: Condition,
    /// How long, such as 90, 90s, 5m or 1h; for ever where it is not given
    #[arg(long, value_parser = time, value_name = "TIME")]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Condition {
    /// The pod's end
    #[default]
    Ended,
    /// All of its containers are ready
    Ready,
}

/// Reads a length of time.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "must be whole seconds, or a number with s, m or h".to_owned())
}

impl Wait {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        let mut chosen = pods::targets(&pods, &self.pods, &self.namespace)?;
        if let Some(position) = chosen.iter().position(|one| matches!(one, Target::Broken(_)))
            && let Target::Broken(broken) = chosen.swap_remove(position)
        {
            return Err(pods::unreadable(broken));
        }
        let deadline = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let mut code = 0;
        for target in &chosen {
            match self.condition {
                Condition::Ended => {
                    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                    let over = match target {
                        Target::Pod(pod) => pod.wait_for_end(left),
                        Target::Job(job, _) => job.wait_for_end(left),
                        Target::Broken(broken) => broken.wait_for_end(left),
                    };
                    if !over {
                        return Err(self.late(&target.title(), "has not ended"));
                    }
                    // One that was lost says so only now.
                    pods::repair(&pods, global)?;
                    if code == 0 {
                        code = match target {
                            Target::Pod(pod) => pods::exit_code(&ended(pod)?),
                            Target::Job(job, _) => ended_job(job, global)?,
                            Target::Broken(_) => 0,
                        };
                    }
                }
                Condition::Ready => match target {
                    Target::Pod(pod) => self.ready(pod, deadline)?,
                    Target::Broken(_) => {}
                    Target::Job(job, _) => {
                        let text = format!("wait until {} is ready: it is a job", job.title());
                        let failure = Failure::unasked(text);
                        return Err(failure.help("wait for its end, or name one of its pods"));
                    }
                },
            }
        }
        Ok(crate::exit::code(code))
    }

    fn ready(&self, pod: &Pod, deadline: Option<Instant>) -> Result<(), Failure> {
        const STEP: Duration = Duration::from_millis(50);
        loop {
            let alive = pod.is_alive();
            if pod.status().map_err(Failure::unasked)?.is_ready() && alive {
                return Ok(());
            }
            if !alive {
                let text = format!("wait until {} is ready: it has ended", pod.title());
                return Err(Failure::new(exit::NO, text));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(self.late(&pod.title(), "is not ready"));
            }
            thread::sleep(STEP);
        }
    }

    fn late(&self, title: &str, what: &str) -> Failure {
        let seconds = self.timeout.unwrap_or_default().as_secs();
        Failure::new(exit::NO, format!("{title} {what} within {seconds} s"))
    }
}

/// The last status of a pod that has ended. One that ran in the foreground has left nothing.
fn ended(pod: &Pod) -> Result<PodStatus, Failure> {
    if pod.record.detached {
        pod.status().map_err(Failure::unasked)
    } else {
        Ok(PodStatus::default())
    }
}

/// The exit code of a job that has ended. Why it has failed is said.
fn ended_job(job: &HostJob, global: &Global) -> Result<i32, Failure> {
    let status = job.status().map_err(Failure::unasked)?;
    let failed = status.end().filter(|end| end.kind == "Failed");
    if let (false, Some(end)) = (global.quiet, failed) {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        note(&format!(
            "the job {} has failed ({} succeeded, {} failed): {}: {}{}",
            job.title(),
            status.succeeded,
            status.failed,
            part(&end.reason),
            part(&end.message),
            last_failure(&status),
        ));
    }
    Ok(status.exit_code.unwrap_or(0))
}

fn last_failure(status: &JobStatus) -> String {
    match &status.last_failure {
        Some(last) => format!("; the last pod that failed, {}: {}", last.pod, last.message),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lengths_of_time() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("5m", 300), ("1h", 3600)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "1d",
            "1.5",
            "99999999999999999999",
            "9999999999999999999h",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
