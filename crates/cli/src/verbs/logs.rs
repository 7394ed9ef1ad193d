//! `porthole logs`: what a pod's containers have said, and go on saying.

mod print;
mod since;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use porthole_runtime::logs::{self, Merge, Place, Query, Reader, Watch};
use porthole_runtime::pods::{Pod, Pods};
use porthole_runtime::status::PodStatus;

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::pods;
use print::{Heard, Printer};

/// How long is waited for a change that the system does not tell, such as the death of the process that holds a pod.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Options of `porthole logs`.
#[expect(clippy::struct_excessive_bools, reason = "flags")]
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The pod: `NAME`, `NAMESPACE/NAME`, or the manifest that made it
    #[arg(value_name = "POD")]
    pod: String,
    /// The namespace of a pod that is given by its name alone
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// One container's log [default: those of all containers, each line behind its container's name where there are several]
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// All containers, as is the default
    #[arg(long, conflicts_with = "container")]
    all_containers: bool,
    /// Go on with what is said from now on, until the containers have ended
    #[arg(short, long)]
    follow: bool,
    /// The log of the attempt before the last one, where a container was started again
    #[arg(short, long, conflicts_with = "follow")]
    previous: bool,
    /// So many lines of each container, the last ones; -1 is all of them
    #[arg(long, value_name = "LINES", default_value_t = -1, allow_negative_numbers = true)]
    tail: i64,
    /// Lines that are not older, such as 30s, 5m or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = since::duration, conflicts_with = "since_time")]
    since: Option<Duration>,
    /// Lines of this moment and later, such as 2026-11-22T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since::moment)]
    since_time: Option<SystemTime>,
    /// Each line behind the moment when it was said
    #[arg(long)]
    timestamps: bool,
}

impl Logs {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        // Nothing is repaired: what a killed pod said can be read whatever is left of it.
        let all = Pods::open(&global.state()).map_err(Failure::unasked)?;
        let pod = pods::one(&all, &self.pod, &self.namespace)?;
        let names = match &self.container {
            Some(name) => vec![
                pod.container(Some(name))
                    .map_err(Failure::unasked)?
                    .plan
                    .container
                    .clone(),
            ],
            None => pod.containers().map(|one| one.plan.container.clone()).collect(),
        };
        let since = match self.since {
            Some(duration) => Some(
                SystemTime::now()
                    .checked_sub(duration)
                    .unwrap_or(SystemTime::UNIX_EPOCH),
            ),
            None => self.since_time,
        };
        let mut course = Course {
            printer: Printer::new(&names, self.timestamps),
            query: Query {
                since,
                tail: u64::try_from(self.tail).ok(),
            },
            previous: self.previous,
            waiting: names.into_iter().enumerate().collect(),
            open: Vec::new(),
            merge: Merge::default(),
            pod,
        };
        let heard = if self.follow {
            course.follow()?
        } else {
            course.read()?
        };
        if heard == Heard::Everything && !global.quiet {
            course.say_what_is_missing();
        }
        Ok(ExitCode::SUCCESS)
    }
}

struct Course {
    pod: Pod,
    printer: Printer,
    query: Query,
    previous: bool,
    /// Containers without a log so far, with their number.
    waiting: VecDeque<(usize, String)>,
    /// Whose log is read, by the log's number: the container's number, its name, and which attempt.
    open: Vec<(usize, String, u32)>,
    merge: Merge,
}

impl Course {
    fn read(&mut self) -> Result<Heard, Failure> {
        self.open()?;
        if self.open.is_empty() {
            return Err(self.nothing());
        }
        let heard = self.drain()?;
        if heard == Heard::Everything {
            return self.finish();
        }
        Ok(heard)
    }

    fn follow(&mut self) -> Result<Heard, Failure> {
        let watching = || format!("watch the logs of the pod {}", self.pod.title());
        let watch = Watch::new().attempt(exit::UNASKED, watching)?;
        // A directory that is not there yet, or no more, is looked for again in any case.
        let _ = watch.add(&self.pod.directory);
        let mut watched = 0;
        loop {
            // Asked before reading: what is said last is read then.
            let over = self.is_over();
            self.open()?;
            for (_, name, _) in &self.open[watched..] {
                let _ = watch.add(&self.pod.logs_directory(name));
            }
            if std::mem::replace(&mut watched, self.open.len()) < self.open.len() {
                // What was said before it was watched is read now, and what is said later is told.
                continue;
            }
            if self.drain()? == Heard::Enough {
                return Ok(Heard::Enough);
            }
            if over {
                if self.open.is_empty() {
                    return Err(self.nothing());
                }
                return self.finish();
            }
            watch.wait(LOOK_AGAIN).attempt(exit::UNASKED, || {
                format!("watch the logs of the pod {}", self.pod.title())
            })?;
        }
    }

    /// Opens the logs that have been begun.
    fn open(&mut self) -> Result<(), Failure> {
        for _ in 0..self.waiting.len() {
            let Some((number, name)) = self.waiting.pop_front() else {
                break;
            };
            let reading = || {
                format!(
                    "read the log of container `{name}` of the pod {}",
                    self.pod.title()
                )
            };
            let attempts = logs::attempts(&self.pod.directory, &name).attempt(exit::UNASKED, reading)?;
            let wanted = match (self.previous, attempts.as_slice()) {
                (false, [.., last]) | (true, [.., last, _]) => Some(*last),
                _ => None,
            };
            let reader = wanted.map(|attempt| {
                let place = Place::new(&self.pod.directory, &name, attempt);
                (attempt, Reader::open(&place, &self.query))
            });
            match reader {
                Some((attempt, Ok(reader))) => {
                    self.merge.add(reader);
                    self.open.push((number, name, attempt));
                }
                Some((_, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).attempt(exit::UNASKED, reading);
                }
                _ => self.waiting.push_back((number, name)),
            }
        }
        Ok(())
    }

    /// Prints what is there.
    fn drain(&mut self) -> Result<Heard, Failure> {
        while let Some((log, line)) = self.merge.next().attempt(exit::UNASKED, || {
            format!("read the logs of the pod {}", self.pod.title())
        })? {
            let (container, ..) = self.open[log];
            if self.printer.print(container, &line)? == Heard::Enough {
                return Ok(Heard::Enough);
            }
        }
        self.printer.flush()
    }

    fn finish(&mut self) -> Result<Heard, Failure> {
        for (log, line) in self.merge.rest() {
            let (container, ..) = self.open[log];
            self.printer.print(container, &line)?;
        }
        self.printer.flush()
    }

    /// Whether nothing more will be said: as with kubectl, an attempt's end is the end of its log.
    fn is_over(&self) -> bool {
        // A status that is just being removed, with the pod, is as good as none.
        let status = self.pod.status().unwrap_or_default();
        !self.pod.is_alive()
            || (self.waiting.is_empty()
                && self
                    .open
                    .iter()
                    .all(|(_, name, attempt)| has_ended(&status, name, *attempt)))
    }

    fn nothing(&self) -> Failure {
        let names: Vec<&str> = self.waiting.iter().map(|(_, name)| name.as_str()).collect();
        let names = names.join("`, `");
        let title = self.pod.title();
        if self.previous {
            let text = format!("no container `{names}` of the pod {title} was started a second time");
            return Failure::new(exit::NO, text).help("leave out --previous");
        }
        let text = format!("container `{names}` of the pod {title} has not been started, so there is no log");
        let failure = Failure::new(exit::NO, text);
        if self.pod.is_alive() {
            failure.help("wait for it with --follow")
        } else {
            failure.help(format!("see why: porthole inspect {title}"))
        }
    }

    fn say_what_is_missing(&self) {
        match self.merge.unreadable_and_missed() {
            (0, 0) => {}
            (0, missed) => crate::note(&format!(
                "{missed} files of the log were removed by rotation before they could be read"
            )),
            (unreadable, _) => {
                crate::note(&format!(
                    "{unreadable} records of the log could not be read and are left out"
                ));
            }
        }
    }
}

/// Whether a status says that an attempt of a container has ended.
fn has_ended(status: &PodStatus, container: &str, attempt: u32) -> bool {
    let Some(own) = porthole_runtime::pods::container_status(status, container) else {
        return false;
    };
    let ended = own.state.terminated.is_some() || own.last_state.terminated.is_some();
    own.restart_count > attempt || (own.restart_count == attempt && own.state.running.is_none() && ended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attempt_has_ended_when_it_is_terminated_or_another_was_begun() {
        let state = |what: &str| match what {
            "running" => json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
            "waiting" => json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            "terminated" => json!({"terminated": {
                "exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z", "containerID": "porthole://c"
            }}),
            _ => json!({}),
        };
        let status = |count: u32, now: &str, last: &str| -> PodStatus {
            let own =
                json!({"name": "c", "restartCount": count, "state": state(now), "lastState": state(last)});
            serde_json::from_value(json!({"containerStatuses": [own]})).unwrap()
        };
        assert!(!has_ended(&PodStatus::default(), "c", 0));
        assert!(!has_ended(&status(0, "waiting", "none"), "c", 0));
        assert!(!has_ended(&status(0, "running", "none"), "c", 0));
        assert!(has_ended(&status(0, "terminated", "none"), "c", 0));
        assert!(has_ended(&status(0, "waiting", "terminated"), "c", 0));
        assert!(!has_ended(&status(1, "running", "terminated"), "c", 1));
        assert!(has_ended(&status(1, "running", "terminated"), "c", 0));
        assert!(!has_ended(&status(0, "waiting", "terminated"), "c", 1));
    }
}
