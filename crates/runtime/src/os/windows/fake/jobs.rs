//! Jobs of the recorded Windows.

use std::io;
use std::time::Duration;

use super::super::api::{ExtendedLimit, Handle, JobInformation, Jobs, ProcessIds};
use super::{Call, Fake};

impl Jobs for Fake {
    fn create_job(&self, name: &str) -> io::Result<(Handle, bool)> {
        self.call(Call::CreateJob(name.to_owned()))?;
        let existed = self.memory().job_exists;
        Ok((self.open(), existed))
    }

    fn open_job(&self, name: &str) -> io::Result<Option<Handle>> {
        self.call(Call::OpenJob(name.to_owned()))?;
        let exists = self.memory().job_exists;
        Ok(exists.then(|| self.open()))
    }

    fn set_job_information(&self, job: &Handle, information: &JobInformation) -> io::Result<()> {
        self.call(Call::SetJob {
            job: job.raw(),
            information: *information,
        })?;
        let mut memory = self.memory();
        if let JobInformation::ExtendedLimit(limit) = information
            && !memory.forgets
        {
            memory.limit = *limit;
        }
        Ok(())
    }

    fn query_extended_limit(&self, job: &Handle) -> io::Result<ExtendedLimit> {
        self.call(Call::QueryLimit(job.raw()))?;
        Ok(self.memory().limit)
    }

    fn query_active_processes(&self, _: &Handle) -> io::Result<u32> {
        Ok(self.memory().active.pop_front().unwrap_or(0))
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
        Ok(self.open())
    }

    fn wait_completion_port(&self, _: &Handle, _: Duration) -> io::Result<Option<u32>> {
        Ok(self.memory().packets.pop_front().flatten())
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
