//! Limits of a plan as a job object knows them.
//!
//! `JOBOBJECT_EXTENDED_LIMIT_INFORMATION` is read, changed and written in one go, so that neither of kill-on-close,
//! memory and process count undoes another; and it is read back, because a limit that a system accepts and does not
//! keep (Wine) must not be taken for one.
//!
//! Roundings are the kernel's own: memory to whole pages, processors to a 10,000th of all of them, shares to one of nine
//! weights; all down.

use std::io;

use crate::build::limits::one_way;
use crate::engine::CreateError;
use crate::plan::Limits;
use crate::spec::{MOST_CPU_WEIGHT, cpu_weight};

use super::api::{
    Api, CpuRate, ExtendedLimit, GroupAffinity, Handle, JOB_OBJECT_CPU_RATE_CONTROL_ENABLE,
    JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP, JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED,
    JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JobInformation,
};

/// The size of a page on every processor that Windows runs on today.
const PAGE: u64 = 4096;

/// The first build of Windows whose jobs take processors of several groups: Windows Server 2022.
const SEVERAL_GROUPS: u32 = 20_348;

/// Limits in the job object's own units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JobLimits {
    /// Bytes of committed memory of all processes together (`JobMemoryLimit`). Allocations beyond it fail.
    memory: Option<usize>,
    cpu: Option<Cpu>,
    /// Processes alive at once (`ActiveProcessLimit`).
    processes: Option<u32>,
    /// The processors that may be used; empty is all of them.
    affinity: Vec<GroupAffinity>,
}

/// How a job's use of the processors is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cpu {
    /// At most so many cycles per 10,000 of all processors together, 1 to 10,000.
    Rate(u32),
    /// A share beside other jobs: 1 to 9.
    Weight(u32),
}

/// A limit that this system, or this host, does not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `memory`, `pids`, …
    pub(super) name: &'static str,
    /// What was asked for.
    pub(super) value: String,
    /// Why not, and what to try.
    pub(super) reason: String,
}

impl Refusal {
    fn of(name: &'static str, value: impl std::fmt::Display, reason: impl Into<String>) -> Self {
        Self {
            name,
            value: value.to_string(),
            reason: reason.into(),
        }
    }
}

impl From<Refusal> for CreateError {
    fn from(refusal: Refusal) -> Self {
        Self::Host {
            doing: format!("set the {} limit of {}", refusal.name, refusal.value),
            reason: refusal.reason,
        }
    }
}

/// What limits depend on of a host.
pub(super) struct Processors {
    /// How many each group has.
    groups: Vec<u32>,
    /// `dwBuildNumber`.
    build: u32,
}

impl Processors {
    pub(super) fn of(api: &dyn Api) -> Self {
        Self {
            groups: api.processor_groups(),
            build: api.build(),
        }
    }

    fn count(&self) -> u32 {
        self.groups.iter().sum::<u32>().max(1)
    }

    /// Processors by their numbers, which count through all groups in order.
    fn affinity(&self, wanted: &[u32]) -> Result<Vec<GroupAffinity>, Refusal> {
        let listed = || wanted.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let refused = |reason: String| Refusal::of("processors", listed(), reason);
        let mut groups: Vec<GroupAffinity> = Vec::new();
        for &number in wanted {
            let mut bit = number;
            let mut place = None;
            for (group, size) in (0_u16..).zip(&self.groups) {
                if bit < *size {
                    place = Some(group);
                    break;
                }
                bit -= size;
            }
            // Windows puts at most 64 processors into a group.
            let (Some(group), true) = (place, bit < usize::BITS) else {
                return Err(refused(format!(
                    "this host has processors 0 to {}, and no {number}",
                    self.count() - 1
                )));
            };
            let mask = 1_usize << bit;
            match groups.iter_mut().find(|known| known.group == group) {
                Some(known) => known.mask |= mask,
                None => groups.push(GroupAffinity {
                    mask,
                    group,
                    reserved: [0; 3],
                }),
            }
        }
        if self.build < SEVERAL_GROUPS {
            if groups.len() > 1 {
                return Err(refused(
                    "cpu affinity with multiple processor groups requires Windows Server 2022 or later"
                        .to_owned(),
                ));
            }
            if groups.iter().any(|group| group.group != 0) {
                return Err(refused(
                    "cpu affinity with a non-zero processor group requires Windows Server 2022 or later"
                        .to_owned(),
                ));
            }
        }
        Ok(groups)
    }

    /// All of them.
    fn all(&self) -> Vec<GroupAffinity> {
        (0_u16..)
            .zip(&self.groups)
            .filter(|(_, size)| **size > 0)
            .map(|(group, size)| GroupAffinity {
                mask: usize::MAX >> (usize::BITS - (*size).min(usize::BITS)),
                group,
                reserved: [0; 3],
            })
            .collect()
    }

    /// The numbers of processors.
    fn numbers(&self, affinity: &[GroupAffinity]) -> Vec<u32> {
        let mut first = 0;
        let mut numbers = Vec::new();
        for (group, size) in (0_u16..).zip(&self.groups) {
            for known in affinity.iter().filter(|known| known.group == group) {
                numbers.extend(
                    (0..*size)
                        .filter(|bit| known.mask >> bit & 1 == 1)
                        .map(|bit| first + bit),
                );
            }
            first += size;
        }
        numbers
    }
}

/// Converts a plan's limits for a host with these processors. `helpers` is how many processes of porthole's own
/// run in the job (the launcher in a silo): they are not taken from what the container was given.
pub(super) fn convert(limits: &Limits, processors: &Processors, helpers: u32) -> Result<JobLimits, Refusal> {
    if let Some(device) = limits.devices.first() {
        return Err(Refusal::of(
            "device",
            format!("`{}`", device.device.display()),
            "a job object does not limit what a disk does: Windows' rate control of I/O has been unsupported since \
             Windows 10 1607; remove the limit from the container",
        ));
    }
    let memory = limits.memory.map(|bytes| {
        let pages = bytes / PAGE * PAGE;
        if pages == 0 {
            return Err(Refusal::of(
                "memory",
                bytes,
                format!("a job without any memory cannot run; the smallest limit is a page, {PAGE}"),
            ));
        }
        usize::try_from(pages)
            .map_err(|_| Refusal::of("memory", bytes, "memory limit specified exceeds the max size"))
    });
    let processes = limits.pids.map(|count| {
        u32::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .and_then(|count| count.checked_add(helpers))
            .ok_or_else(|| Refusal::of("pids", count, "a job object counts 1 to 4294967295 processes"))
    });
    Ok(JobLimits {
        memory: memory.transpose()?,
        cpu: cpu(limits, processors)?,
        processes: processes.transpose()?,
        affinity: processors.affinity(&limits.processors)?,
    })
}

fn cpu(limits: &Limits, processors: &Processors) -> Result<Option<Cpu>, Refusal> {
    let rate = limits.cpu_milli.map(|milli| cpu_rate(milli, processors.count()));
    let Some(shares) = limits.cpu_shares else {
        return Ok(rate.map(Cpu::Rate));
    };
    let refused = |reason: String| Refusal::of("cpu shares", shares, reason);
    one_way(None, rate.map(u64::from), Some(shares))
        .map_err(|reason| refused(format!("{reason}; lift one of them")))?;
    if shares == 0 || cpu_weight(shares) > MOST_CPU_WEIGHT {
        return Err(refused(format!(
            "processor weight value of `{}` is invalid; a job object takes 1 to 11249 shares",
            cpu_weight(shares)
        )));
    }
    Ok(u32::try_from(cpu_weight(shares)).ok().map(Cpu::Weight))
}

/// The least shares of a weight.
fn shares_of(weight: u32) -> u64 {
    (u64::from(weight.max(1) - 1) * 10_000).div_ceil(8).max(1)
}

/// Thousandths of a processor as cycles per 10,000 of all processors.
fn cpu_rate(milli: u64, processors: u32) -> u32 {
    let rate = milli.saturating_mul(10) / u64::from(processors.max(1));
    u32::try_from(rate.clamp(1, 10_000)).unwrap_or(10_000)
}

/// What the limits are in a plan's units, as the kernel has rounded them.
pub(super) fn rounded(limits: &JobLimits, processors: &Processors, helpers: u32) -> Limits {
    Limits {
        memory: limits.memory.map(|bytes| bytes as u64),
        cpu_milli: match limits.cpu {
            Some(Cpu::Rate(rate)) => Some(u64::from(rate) * u64::from(processors.count()) / 10),
            _ => None,
        },
        cpu_shares: match limits.cpu {
            Some(Cpu::Weight(weight)) => Some(shares_of(weight)),
            _ => None,
        },
        pids: limits.processes.map(|count| (count - helpers.min(count)).into()),
        processors: processors.numbers(&limits.affinity),
        devices: Vec::new(),
    }
}

/// Why a job's limits are not what was asked for.
#[derive(Debug)]
pub(super) enum LimitError {
    /// It was accepted and not kept.
    NotKept(Refusal),
    /// The call failed.
    Call {
        /// What was being done.
        doing: &'static str,
        source: io::Error,
    },
}

impl From<LimitError> for CreateError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::NotKept(refusal) => refusal.into(),
            LimitError::Call { doing, source } => Self::Io {
                doing: doing.to_owned(),
                source,
            },
        }
    }
}

fn call(doing: &'static str) -> impl Fn(io::Error) -> LimitError {
    move |source| LimitError::Call { doing, source }
}

const READING: &str = "read the limits of the job object";
const CPU: &str = "set the cpu limit of the job object";
const AFFINITY: &str = "set the processors of the job object";

/// Sets kill-on-close and the limits of a job that has none yet, and makes sure that the limits were kept.
pub(super) fn apply(api: &dyn Api, job: &Handle, limits: &JobLimits) -> Result<(), CreateError> {
    let before = api.query_extended_limit(job).map_err(call(READING))?;
    set_extended(api, job, &before, limits)?;
    if !limits.affinity.is_empty() {
        set_affinity(api, job, &limits.affinity)?;
    }
    if limits.cpu.is_some() {
        set_cpu(api, job, limits.cpu)?;
    }
    Ok(())
}

/// Puts other limits on a job that runs: all of them or, on an error, those that it had.
pub(super) fn change(
    api: &dyn Api,
    job: &Handle,
    limits: &JobLimits,
    processors: &Processors,
) -> Result<(), LimitError> {
    let extended = api.query_extended_limit(job).map_err(call(READING))?;
    // A system that cannot say what they are has never set any: then there is nothing to lift.
    let cpu = api.query_cpu_rate(job).ok();
    let affinity = api.query_affinity(job).ok().filter(|groups| !groups.is_empty());
    let all = processors.all();
    let wanted = if limits.affinity.is_empty() {
        &all
    } else {
        &limits.affinity
    };
    let changed = (|| {
        set_extended(api, job, &extended, limits)?;
        if !limits.affinity.is_empty() || affinity.as_ref().is_some_and(|had| had != wanted) {
            set_affinity(api, job, wanted)?;
        }
        let limited = cpu.is_some_and(|rate| rate.flags & JOB_OBJECT_CPU_RATE_CONTROL_ENABLE != 0);
        if limits.cpu.is_some() || limited {
            set_cpu(api, job, limits.cpu)?;
        }
        Ok(())
    })();
    if changed.is_err() {
        // Each of these was in force a moment ago; one that is refused now is told by the error that follows anyway.
        let _ = api.set_job_information(job, &JobInformation::ExtendedLimit(extended));
        if let Some(groups) = affinity {
            let _ = api.set_job_information(job, &JobInformation::Affinity(groups));
        }
        if let Some(rate) = cpu {
            let _ = api.set_job_information(job, &JobInformation::CpuRate(rate));
        }
    }
    changed
}

fn set_extended(
    api: &dyn Api,
    job: &Handle,
    before: &ExtendedLimit,
    limits: &JobLimits,
) -> Result<(), LimitError> {
    let mut wanted = *before;
    wanted.flags |= JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    wanted.flags &= !(JOB_OBJECT_LIMIT_JOB_MEMORY | JOB_OBJECT_LIMIT_ACTIVE_PROCESS);
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
        .map_err(call(match (limits.memory, limits.processes) {
            (None, None) => "have the job object kill its processes when it is closed",
            (Some(_), None) => "set the memory limit of the job object",
            (None, Some(_)) => "set the pids limit of the job object",
            (Some(_), Some(_)) => "set the memory and pids limits of the job object",
        }))?;
    if asked == 0 {
        return Ok(());
    }
    let kept = api.query_extended_limit(job).map_err(call(READING))?;
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
    Ok(())
}

fn set_affinity(api: &dyn Api, job: &Handle, groups: &[GroupAffinity]) -> Result<(), LimitError> {
    api.set_job_information(job, &JobInformation::Affinity(groups.to_vec()))
        .map_err(call(AFFINITY))
}

/// `None` switches the control of the rate off.
fn set_cpu(api: &dyn Api, job: &Handle, cpu: Option<Cpu>) -> Result<(), LimitError> {
    let information = match cpu {
        None => CpuRate::default(),
        Some(Cpu::Rate(rate)) => CpuRate {
            flags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
            rate,
        },
        Some(Cpu::Weight(weight)) => CpuRate {
            flags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED,
            rate: weight,
        },
    };
    api.set_job_information(job, &JobInformation::CpuRate(information))
        .map_err(call(CPU))
}

fn not_kept(limit: &'static str, value: u64) -> LimitError {
    LimitError::NotKept(Refusal::of(
        limit,
        value,
        "this system accepts the limit and does not keep it; remove the limit from the container to run without it",
    ))
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
