//! Limits of a plan as a job object knows them.
//!
//! `JOBOBJECT_EXTENDED_LIMIT_INFORMATION` is read, changed and written in one go, so that neither of kill-on-close,
//! memory and process count undoes another; and it is read back, because a limit that a system accepts and does not
//! keep (Wine) must not be taken for one.

use crate::engine::CreateError;
use crate::plan::Limits;

use super::api::{
    Api, CpuRate, Handle, JOB_OBJECT_CPU_RATE_CONTROL_ENABLE, JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
    JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JobInformation,
};

/// Limits in the job object's own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct JobLimits {
    /// Bytes of committed memory of all processes together (`JobMemoryLimit`). Allocations beyond it fail.
    memory: Option<usize>,
    /// Cycles per 10,000 of all processors together, 1 to 10,000.
    cpu_rate: Option<u32>,
    /// Processes alive at once (`ActiveProcessLimit`).
    processes: Option<u32>,
}

/// Converts a plan's limits for a host with so many processors. `helpers` is how many processes of porthole's own
/// run in the job (the launcher in a silo): they are not taken from what the container was given.
pub(super) fn convert(limits: &Limits, processors: u32, helpers: u32) -> Result<JobLimits, CreateError> {
    let memory = limits.memory.map(|bytes| {
        if bytes == 0 {
            return Err(refused("memory", bytes, "a job without any memory cannot run"));
        }
        usize::try_from(bytes)
            .map_err(|_| refused("memory", bytes, "memory limit specified exceeds the max size"))
    });
    let processes = limits.pids.map(|count| {
        u32::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .and_then(|count| count.checked_add(helpers))
            .ok_or_else(|| refused("pids", count, "a job object counts 1 to 4294967295 processes"))
    });
    Ok(JobLimits {
        memory: memory.transpose()?,
        cpu_rate: limits.cpu_milli.map(|milli| cpu_rate(milli, processors)),
        processes: processes.transpose()?,
    })
}

/// Thousandths of a processor as cycles per 10,000 of all processors.
fn cpu_rate(milli: u64, processors: u32) -> u32 {
    let rate = milli.saturating_mul(10) / u64::from(processors.max(1));
    u32::try_from(rate.clamp(1, 10_000)).unwrap_or(10_000)
}

/// Sets kill-on-close and the limits, and makes sure that the limits were kept.
pub(super) fn apply(api: &dyn Api, job: &Handle, limits: &JobLimits) -> Result<(), CreateError> {
    let doing = |doing: &str| {
        let doing = doing.to_owned();
        move |source| CreateError::Io { doing, source }
    };
    let mut wanted = api
        .query_extended_limit(job)
        .map_err(doing("read the limits of the job object"))?;
    wanted.flags |= JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    let mut asked = 0;
    if let Some(memory) = limits.memory {
        asked |= JOB_OBJECT_LIMIT_JOB_MEMORY;
        wanted.job_memory = memory;
    }
    if let Some(processes) = limits.processes {
        asked |= JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
        wanted.active_processes = processes;
    }
    wanted.flags |= asked;
    api.set_job_information(job, &JobInformation::ExtendedLimit(wanted))
        .map_err(doing(match (limits.memory, limits.processes) {
            (None, None) => "have the job object kill its processes when it is closed",
            (Some(_), None) => "set the memory limit of the job object",
            (None, Some(_)) => "set the pids limit of the job object",
            (Some(_), Some(_)) => "set the memory and pids limits of the job object",
        }))?;
    if asked != 0 {
        let kept = api
            .query_extended_limit(job)
            .map_err(doing("read the limits of the job object"))?;
        if let Some(memory) = limits.memory
            && (kept.flags & JOB_OBJECT_LIMIT_JOB_MEMORY == 0 || kept.job_memory != memory)
        {
            return Err(not_kept("memory", memory as u64));
        }
        if let Some(processes) = limits.processes
            && (kept.flags & JOB_OBJECT_LIMIT_ACTIVE_PROCESS == 0 || kept.active_processes != processes)
        {
            return Err(not_kept("pids", processes.into()));
        }
    }
    if let Some(rate) = limits.cpu_rate {
        let information = JobInformation::CpuRate(CpuRate {
            flags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
            rate,
        });
        api.set_job_information(job, &information)
            .map_err(doing("set the cpu limit of the job object"))?;
    }
    Ok(())
}

fn refused(limit: &str, value: u64, reason: &str) -> CreateError {
    CreateError::Host {
        doing: format!("set the {limit} limit of {value}"),
        reason: reason.to_owned(),
    }
}

fn not_kept(limit: &str, value: u64) -> CreateError {
    refused(
        limit,
        value,
        "this system accepts the limit and does not keep it; remove the limit from the container to run without it",
    )
}

#[cfg(test)]
mod tests {
    use super::super::api::{ExtendedLimit, Jobs as _};
    use super::super::fake::{Call, Fake};
    use super::*;

    fn limits(memory: Option<u64>, cpu_milli: Option<u64>, pids: Option<u64>) -> Limits {
        Limits {
            memory,
            cpu_milli,
            pids,
            ..Limits::default()
        }
    }

    #[test]
    fn cpu_rate_is_the_share_of_all_processors() {
        for (processors, milli, rate) in [
            (10, 1000, 1000),
            (10, 5000, 5000),
            (20, 5000, 2500),
            (1, 1000, 10_000),
            (1, 0, 1),
            (64, 1, 1),
            (2, 90_000, 10_000),
            (1, u64::MAX, 10_000),
        ] {
            assert_eq!(cpu_rate(milli, processors), rate, "{milli} of {processors}");
        }
    }

    #[test]
    fn one_write_keeps_what_was_set_and_adds_the_limits() {
        let fake = Fake::new();
        let (job, _) = fake.create_job("j").unwrap();
        fake.preset_limit(ExtendedLimit {
            flags: 0x400,
            scheduling_class: 5,
            ..ExtendedLimit::default()
        });
        let converted = convert(&limits(Some(41_943_041), Some(500), Some(3)), 4, 1).unwrap();
        apply(&*fake, &job, &converted).unwrap();
        assert_eq!(
            fake.sets(),
            [
                JobInformation::ExtendedLimit(ExtendedLimit {
                    flags: 0x400 | 0x2000 | 0x200 | 0x8,
                    scheduling_class: 5,
                    job_memory: 41_943_041,
                    active_processes: 4,
                    ..ExtendedLimit::default()
                }),
                JobInformation::CpuRate(CpuRate {
                    flags: 0x5,
                    rate: 1250
                }),
            ]
        );
        let classes: Vec<_> = fake.sets().iter().map(JobInformation::class).collect();
        assert_eq!(classes, [9, 15]);
    }

    #[test]
    fn kill_on_close_is_set_without_any_limit() {
        let fake = Fake::new();
        let (job, _) = fake.create_job("j").unwrap();
        apply(&*fake, &job, &JobLimits::default()).unwrap();
        assert_eq!(
            fake.sets(),
            [JobInformation::ExtendedLimit(ExtendedLimit {
                flags: 0x2000,
                ..ExtendedLimit::default()
            })]
        );
    }

    #[test]
    fn refuses_limits_that_are_accepted_and_not_kept() {
        for (asked, name) in [
            (limits(Some(1 << 20), None, None), "memory limit of 1048576"),
            (limits(None, None, Some(7)), "pids limit of 7"),
        ] {
            let fake = Fake::new();
            fake.forget_limits();
            let (job, _) = fake.create_job("j").unwrap();
            let error = apply(&*fake, &job, &convert(&asked, 1, 0).unwrap()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.to_string().contains("does not keep it"), "{error}");
        }
    }

    #[test]
    fn names_the_cpu_limit_when_it_cannot_be_set() {
        let fake = Fake::new();
        fake.fail(
            |call| {
                matches!(
                    call,
                    Call::SetJob {
                        information: JobInformation::CpuRate(_),
                        ..
                    }
                )
            },
            87,
        );
        let (job, _) = fake.create_job("j").unwrap();
        let error = apply(
            &*fake,
            &job,
            &convert(&limits(None, Some(1), None), 1, 0).unwrap(),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "set the cpu limit of the job object");
    }

    #[test]
    fn refuses_limits_that_make_no_sense() {
        for (asked, text) in [
            (limits(Some(0), None, None), "set the memory limit of 0: "),
            (limits(None, None, Some(0)), "set the pids limit of 0: "),
            (
                limits(None, None, Some(1 << 32)),
                "set the pids limit of 4294967296: ",
            ),
        ] {
            let error = convert(&asked, 1, 0).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
