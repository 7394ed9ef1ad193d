//! Jobs of the recorded Windows.

use std::io;

use super::super::api::{
    Accounting, CpuRate, ExtendedLimit, GroupAffinity, Handle, IoAttribution, JobInformation, Jobs,
    MemoryUsage, ProcessIds,
};
use super::{Call, Fake, Memory};

impl Fake {
    /// What the job has counted. Without this the system counts nothing, as Wine does.
    pub(in super::super) fn count(&self, accounting: Accounting, usage: MemoryUsage, io: IoAttribution) {
        let mut memory = self.memory();
        (memory.accounting, memory.usage, memory.io) = (accounting, Some(usage), Some(io));
    }

    fn counted<T>(&self, what: impl Fn(&Memory) -> Option<T>) -> io::Result<T> {
        what(&self.memory()).ok_or_else(|| io::Error::from_raw_os_error(87))
    }

    /// What the completion port of the job says, at once.
    pub(in super::super) fn packets(&self, packets: &[u32]) {
        let mut memory = self.memory();
        let port = memory.port;
        memory.packets.entry(port).or_default().extend(packets);
        drop(memory);
        self.packet.notify_all();
    }
}

impl Jobs for Fake {
    fn create_job(&self, name: Option<&str>) -> io::Result<(Handle, bool)> {
        self.call(Call::CreateJob(name.unwrap_or_default().to_owned()))?;
        let existed = name.is_some() && self.memory().job_exists;
        Ok((self.open(), existed))
    }

    fn open_job(&self, name: &str, access: u32) -> io::Result<Option<Handle>> {
        self.call(Call::OpenJob {
            name: name.to_owned(),
            access,
        })?;
        let exists = self.memory().job_exists;
        Ok(exists.then(|| self.open()))
    }

    fn set_job_information(&self, job: &Handle, information: &JobInformation) -> io::Result<()> {
        self.call(Call::SetJob {
            job: job.raw(),
            information: information.clone(),
        })?;
        let mut memory = self.memory();
        match information {
            JobInformation::ExtendedLimit(limit) if !memory.forgets => memory.limit = *limit,
            JobInformation::CpuRate(rate) => memory.cpu_rate = *rate,
            JobInformation::Affinity(groups) => memory.affinity.clone_from(groups),
            _ => {}
        }
        Ok(())
    }

    fn query_extended_limit(&self, job: &Handle) -> io::Result<ExtendedLimit> {
        self.call(Call::QueryLimit(job.raw()))?;
        Ok(self.memory().limit)
    }

    fn query_accounting(&self, _: &Handle) -> io::Result<Accounting> {
        let mut memory = self.memory();
        let active_processes = memory.active.pop_front().unwrap_or(0);
        Ok(Accounting {
            active_processes,
            ..memory.accounting
        })
    }

    fn query_memory_usage(&self, _: &Handle) -> io::Result<MemoryUsage> {
        self.counted(|memory| memory.usage)
    }

    fn query_io_attribution(&self, _: &Handle) -> io::Result<IoAttribution> {
        self.counted(|memory| memory.io)
    }

    fn query_cpu_rate(&self, _: &Handle) -> io::Result<CpuRate> {
        Ok(self.memory().cpu_rate)
    }

    fn query_affinity(&self, _: &Handle) -> io::Result<Vec<GroupAffinity>> {
        Ok(self.memory().affinity.clone())
    }

    fn query_process_ids(&self, _: &Handle, room: usize) -> io::Result<ProcessIds> {
        let memory = self.memory();
        Ok(ProcessIds {
            assigned: memory.members.len(),
            ids: memory.members.iter().map(|(id, _)| *id).take(room).collect(),
        })
    }

    fn terminate_job(&self, job: &Handle, code: u32) -> io::Result<()> {
        self.call(Call::TerminateJob { job: job.raw(), code })
    }

    fn create_completion_port(&self) -> io::Result<Handle> {
        self.call(Call::CreatePort)?;
        let port = self.open();
        self.memory().port = port.raw();
        Ok(port)
    }

    fn wait_completion_port(&self, port: &Handle) -> io::Result<u32> {
        let mut memory = self.memory();
        loop {
            if let Some(message) = memory.packets.entry(port.raw()).or_default().pop_front() {
                return Ok(message);
            }
            memory = self.packet.wait(memory).unwrap();
        }
    }

    fn post_completion_port(&self, port: &Handle, message: u32) -> io::Result<()> {
        let mut memory = self.memory();
        memory.packets.entry(port.raw()).or_default().push_back(message);
        drop(memory);
        self.packet.notify_all();
        Ok(())
    }

    fn bf_setup_filter(&self, job: &Handle, flags: u32, root: &str, target: &str) -> io::Result<()> {
        self.call(Call::BindFilter {
            job: job.raw(),
            flags,
            root: root.to_owned(),
            target: target.to_owned(),
        })
    }
}
