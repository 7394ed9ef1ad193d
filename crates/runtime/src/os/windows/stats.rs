//! What a container uses, from its job. A number that this system does not count is none; it never fails the others.

use std::io;

use crate::engine::Stats;

use super::api::{
    Api, Handle, JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_JOB_MEMORY, PROCESS_QUERY_INFORMATION,
};
use super::job;

/// Nanoseconds of one tick of a job's clock.
const TICK: u64 = 100;

/// Asks an open job. `helpers` is how many of its processes are porthole's own.
///
/// # Errors
/// The job does not even say how many processes it has.
pub(super) fn of(api: &dyn Api, job: &Handle, helpers: u32) -> io::Result<Stats> {
    let accounting = api.query_accounting(job)?;
    let mut stats = Stats {
        pids: Some(accounting.active_processes.saturating_sub(helpers).into()),
        working_set_bytes: working_set(api, job),
        ..Stats::default()
    };
    // Wine answers, and counts no time.
    if api.wine_version().is_none() {
        let user = accounting.user_time.max(0).unsigned_abs().saturating_mul(TICK);
        let system = accounting.kernel_time.max(0).unsigned_abs().saturating_mul(TICK);
        stats.cpu_user_nanoseconds = Some(user);
        stats.cpu_system_nanoseconds = Some(system);
        stats.cpu_nanoseconds = Some(user.saturating_add(system));
    }
    if let Ok(usage) = api.query_memory_usage(job) {
        stats.memory_bytes = Some(usage.job_memory);
        stats.memory_peak_bytes = Some(usage.peak_job_memory);
    }
    if let Ok(limit) = api.query_extended_limit(job) {
        if stats.memory_peak_bytes.is_none() && limit.peak_job_memory > 0 {
            stats.memory_peak_bytes = Some(limit.peak_job_memory as u64);
        }
        if limit.flags & JOB_OBJECT_LIMIT_JOB_MEMORY != 0 {
            stats.memory_limit_bytes = Some(limit.job_memory as u64);
        }
        if limit.flags & JOB_OBJECT_LIMIT_ACTIVE_PROCESS != 0 {
            stats.pids_limit = Some(limit.active_processes.saturating_sub(helpers).into());
        }
    }
    if let Ok(io) = api.query_io_attribution(job) {
        stats.read_bytes = Some(io.read.size);
        stats.write_bytes = Some(io.write.size);
        stats.read_operations = Some(io.read.count as u64);
        stats.write_operations = Some(io.write.count as u64);
    }
    Ok(stats)
}

/// The private working sets of all processes together. A process that ends meanwhile, or is none of the job's any more, has
/// none; `None` if no process tells.
fn working_set(api: &dyn Api, job: &Handle) -> Option<u64> {
    let mut sum = None;
    for id in job::members(api, job).ok()? {
        let Ok(Some(process)) = api.open_process(PROCESS_QUERY_INFORMATION, id) else {
            continue;
        };
        if !api.is_process_in_job(&process, job).unwrap_or(false) {
            continue;
        }
        if let Ok(counters) = api.memory_counters(&process) {
            *sum.get_or_insert(0) += counters.private_working_set as u64;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::api::{
        Accounting, ExtendedLimit, IoAttribution, IoStats, JobInformation, Jobs as _, MemoryUsage,
    };
    use super::super::fake::{Call, Fake};
    use super::*;

    #[test]
    fn everything_that_a_job_counts() {
        let fake = Fake::new();
        let (job, _) = fake.create_job(None).unwrap();
        let limit = ExtendedLimit {
            flags: 0x200 | 0x8,
            job_memory: 1 << 30,
            active_processes: 11,
            ..ExtendedLimit::default()
        };
        fake.set_job_information(&job, &JobInformation::ExtendedLimit(limit))
            .unwrap();
        let io = |count, size| IoStats {
            count,
            size,
            ..IoStats::default()
        };
        fake.count(
            Accounting {
                user_time: 30,
                kernel_time: 12,
                ..Accounting::default()
            },
            MemoryUsage {
                job_memory: 5000,
                peak_job_memory: 7000,
            },
            IoAttribution {
                flags: 1,
                read: io(3, 300),
                write: io(4, 400),
            },
        );
        fake.active(&[4]);
        fake.members(&[(10, "a.exe"), (11, "b.exe"), (12, "c.exe")]);
        fake.outside(12);
        fake.private_working_set(1000);
        let expected = Stats {
            cpu_nanoseconds: Some(4200),
            cpu_user_nanoseconds: Some(3000),
            cpu_system_nanoseconds: Some(1200),
            memory_bytes: Some(5000),
            working_set_bytes: Some(2000),
            memory_peak_bytes: Some(7000),
            memory_limit_bytes: Some(1 << 30),
            pids: Some(3),
            pids_limit: Some(10),
            read_bytes: Some(300),
            write_bytes: Some(400),
            read_operations: Some(3),
            write_operations: Some(4),
            ..Stats::default()
        };
        assert_eq!(of(&*fake, &job, 1).unwrap(), expected);
        assert!(fake.calls().contains(&Call::OpenProcess {
            access: 0x400,
            id: 10
        }));
    }

    #[test]
    fn what_wine_does_not_count_is_none() {
        let fake = Fake::new();
        fake.wine("8.0");
        let (job, _) = fake.create_job(None).unwrap();
        fake.active(&[2]);
        fake.members(&[(10, "a.exe")]);
        let expected = Stats {
            pids: Some(2),
            ..Stats::default()
        };
        assert_eq!(of(&*fake, &job, 0).unwrap(), expected);
    }
}
