//! The structures that porthole passes to Windows, field for field as on 64-bit Windows.
//!
//! They are written out here for the same reason as the numbers in `constants`, and compared with `windows-sys` in the same
//! place.

use super::constants::{
    JOB_OBJECT_ASSOCIATE_COMPLETION_PORT_INFORMATION, JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION,
    JOB_OBJECT_CREATE_SILO, JOB_OBJECT_EXTENDED_LIMIT_INFORMATION, JOB_OBJECT_GROUP_INFORMATION_EX,
    JOB_OBJECT_IO_ATTRIBUTION, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_JOB_LIST,
    PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE,
};

/// `JOBOBJECT_EXTENDED_LIMIT_INFORMATION`, field for field on 64-bit Windows.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtendedLimit {
    pub(super) per_process_user_time: i64,
    pub(super) per_job_user_time: i64,
    pub(super) flags: u32,
    pub(super) minimum_working_set: usize,
    pub(super) maximum_working_set: usize,
    pub(super) active_processes: u32,
    pub(super) affinity: usize,
    pub(super) priority_class: u32,
    pub(super) scheduling_class: u32,
    pub(super) io: [u64; 6],
    pub(super) process_memory: usize,
    pub(super) job_memory: usize,
    pub(super) peak_process_memory: usize,
    pub(super) peak_job_memory: usize,
}

/// `JOBOBJECT_CPU_RATE_CONTROL_INFORMATION` with the union read as a rate or a weight.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuRate {
    pub(super) flags: u32,
    /// Cycles per 10,000 that the job may use, or with `WEIGHT_BASED` its weight.
    pub(super) rate: u32,
}

/// `GROUP_AFFINITY`: processors of one group.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupAffinity {
    /// One bit a processor.
    pub(super) mask: usize,
    pub(super) group: u16,
    pub(super) reserved: [u16; 3],
}

/// `JOBOBJECT_BASIC_ACCOUNTING_INFORMATION`: times in 100 ns.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounting {
    pub(super) user_time: i64,
    pub(super) kernel_time: i64,
    pub(super) period_user_time: i64,
    pub(super) period_kernel_time: i64,
    pub(super) page_faults: u32,
    pub(super) total_processes: u32,
    pub(super) active_processes: u32,
    pub(super) terminated_processes: u32,
}

/// `JOBOBJECT_MEMORY_USAGE_INFORMATION`, which no header of the SDK has: bytes of committed memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MemoryUsage {
    pub(super) job_memory: u64,
    pub(super) peak_job_memory: u64,
}

/// `JOBOBJECT_IO_ATTRIBUTION_STATS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IoStats {
    pub(super) count: usize,
    pub(super) queue_time: u64,
    pub(super) service_time: u64,
    /// Bytes.
    pub(super) size: u64,
}

/// `JOBOBJECT_IO_ATTRIBUTION_INFORMATION`: what went to and came from disks.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IoAttribution {
    pub(super) flags: u32,
    pub(super) read: IoStats,
    pub(super) write: IoStats,
}

/// `VM_COUNTERS_EX2` of `ntddk.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MemoryCounters {
    pub(super) peak_virtual: usize,
    pub(super) virtual_size: usize,
    pub(super) page_faults: u32,
    pub(super) peak_working_set: usize,
    pub(super) working_set: usize,
    pub(super) quotas: [usize; 4],
    pub(super) pagefile: usize,
    pub(super) peak_pagefile: usize,
    pub(super) private: usize,
    pub(super) private_working_set: usize,
    pub(super) shared_commit: u64,
}

/// What `SetInformationJobObject` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobInformation {
    /// `JobObjectIoAttribution`.
    IoAttribution(IoAttribution),
    /// `JobObjectGroupInformationEx`.
    Affinity(Vec<GroupAffinity>),
    /// `JobObjectExtendedLimitInformation`.
    ExtendedLimit(ExtendedLimit),
    /// `JobObjectCpuRateControlInformation`.
    CpuRate(CpuRate),
    /// `JobObjectAssociateCompletionPortInformation`.
    CompletionPort {
        /// Comes back with every packet.
        key: usize,
        /// The port's handle.
        port: usize,
    },
    /// `JobObjectCreateSilo`, a null pointer of length 0.
    CreateSilo,
}

impl JobInformation {
    /// The `JOBOBJECTINFOCLASS`.
    pub(super) const fn class(&self) -> i32 {
        match self {
            Self::ExtendedLimit(_) => JOB_OBJECT_EXTENDED_LIMIT_INFORMATION,
            Self::CpuRate(_) => JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION,
            Self::CompletionPort { .. } => JOB_OBJECT_ASSOCIATE_COMPLETION_PORT_INFORMATION,
            Self::CreateSilo => JOB_OBJECT_CREATE_SILO,
            Self::IoAttribution(_) => JOB_OBJECT_IO_ATTRIBUTION,
            Self::Affinity(_) => JOB_OBJECT_GROUP_INFORMATION_EX,
        }
    }
}

/// The part of `JobObjectBasicProcessIdList` that fitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProcessIds {
    /// How many processes the job has.
    pub(super) assigned: usize,
    /// Those that fitted into the list.
    pub(super) ids: Vec<u32>,
}

/// One entry of a `PROC_THREAD_ATTRIBUTE_LIST`, holding handle values that outlive the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// The process is born in these jobs.
    Jobs(Vec<usize>),
    /// Of the inheritable handles, these and no others are inherited.
    Handles(Vec<usize>),
    /// The process is attached to this pseudo-console, which is itself the value and not pointed at.
    PseudoConsole(usize),
}

impl Attribute {
    /// The attribute's number.
    pub(super) const fn number(&self) -> usize {
        match self {
            Self::Jobs(_) => PROC_THREAD_ATTRIBUTE_JOB_LIST,
            Self::Handles(_) => PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
            Self::PseudoConsole(_) => PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE,
        }
    }

    /// The handle values that the attribute has.
    pub(super) fn values(&self) -> &[usize] {
        match self {
            Self::Jobs(values) | Self::Handles(values) => values,
            Self::PseudoConsole(value) => std::slice::from_ref(value),
        }
    }
}
