//! Flags for limits, as `docker run` names them: of all containers, or of one with its name in front.

use clap::Args;
use porthole_runtime::build::limits::{self, Limit, LimitChoice, LimitChoices, Rate};
use porthole_runtime::spec::PodSpec;

use crate::exit;
use crate::failure::Failure;

/// Limits of containers, before those of the manifest.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitFlags {
    /// Bytes of memory, such as 512Mi; `none` lifts the limit
    #[arg(long, value_name = "[CONTAINER=]AMOUNT", value_parser = memory)]
    memory: Vec<LimitChoice>,
    /// Processors, such as 1.5 or 500m; `none` lifts the limit
    #[arg(long, value_name = "[CONTAINER=]NUMBER", value_parser = cpus)]
    cpus: Vec<LimitChoice>,
    /// The share of the processors beside other containers that want them; `none` is as much as others have
    #[arg(
        long,
        value_name = "[CONTAINER=]NUMBER",
        value_parser = cpu_shares,
        long_help = "The share of the processors beside other containers that want them, in the units of `docker run`: on \
                     Linux 2 to 262144, where others have 1024; on Windows 1 to 11249, of which it makes nine weights, and \
                     not together with --cpus. `none` is as much as others have"
    )]
    cpu_shares: Vec<LimitChoice>,
    /// Processes and threads; `none` lifts the limit
    #[arg(long, value_name = "[CONTAINER=]NUMBER", value_parser = pids)]
    pids_limit: Vec<LimitChoice>,
    /// The processors that may be used, by number, such as 0-3,5; `none` lifts the limit
    #[arg(long, value_name = "[CONTAINER=]LIST", value_parser = processors)]
    cpuset_cpus: Vec<LimitChoice>,
    /// Bytes read a second from a block device, or from that of a file (Linux)
    #[arg(long, value_name = "[CONTAINER=]DEVICE:RATE", value_parser = read_bytes)]
    device_read_bps: Vec<LimitChoice>,
    /// Bytes written a second to a block device, or to that of a file (Linux)
    #[arg(long, value_name = "[CONTAINER=]DEVICE:RATE", value_parser = write_bytes)]
    device_write_bps: Vec<LimitChoice>,
    /// Read operations a second on a block device, or on that of a file (Linux)
    #[arg(long, value_name = "[CONTAINER=]DEVICE:RATE", value_parser = read_operations)]
    device_read_iops: Vec<LimitChoice>,
    /// Write operations a second on a block device, or on that of a file (Linux)
    #[arg(long, value_name = "[CONTAINER=]DEVICE:RATE", value_parser = write_operations)]
    device_write_iops: Vec<LimitChoice>,
}

impl LimitFlags {
    /// What was chosen.
    pub(crate) fn choices(&self) -> LimitChoices {
        let all = [
            &self.memory,
            &self.cpus,
            &self.cpu_shares,
            &self.pids_limit,
            &self.cpuset_cpus,
            &self.device_read_bps,
            &self.device_write_bps,
            &self.device_read_iops,
            &self.device_write_iops,
        ];
        LimitChoices(all.into_iter().flatten().cloned().collect())
    }

    /// Refuses limits for containers that none of the pods has.
    pub(crate) fn refuse_strangers(&self, specs: &[PodSpec]) -> Result<(), Failure> {
        let choices = self.choices();
        let mut containers = specs
            .iter()
            .flat_map(|spec| spec.init_containers.iter().chain(&spec.containers));
        let stranger = choices
            .names()
            .find(|name| !containers.clone().any(|container| container.name == *name));
        let Some(name) = stranger else { return Ok(()) };
        let known: Vec<&str> = containers
            .by_ref()
            .map(|container| container.name.as_str())
            .collect();
        let failure = Failure::new(
            exit::OWN_FAILURE,
            format!("limit container `{name}`: no pod has one of that name"),
        );
        Err(failure.help(format!("the containers are {}", known.join(", "))))
    }
}

fn choice(text: &str, read: impl Fn(&str) -> Result<Limit, String>) -> Result<LimitChoice, String> {
    let (container, value) = limits::for_container(text);
    Ok(LimitChoice {
        container: container.map(str::to_owned),
        limit: read(value)?,
    })
}

fn memory(text: &str) -> Result<LimitChoice, String> {
    choice(text, limits::memory)
}

fn cpus(text: &str) -> Result<LimitChoice, String> {
    choice(text, limits::cpus)
}

fn cpu_shares(text: &str) -> Result<LimitChoice, String> {
    choice(text, limits::cpu_shares)
}

fn pids(text: &str) -> Result<LimitChoice, String> {
    choice(text, limits::pids)
}

fn processors(text: &str) -> Result<LimitChoice, String> {
    choice(text, limits::processors)
}

fn read_bytes(text: &str) -> Result<LimitChoice, String> {
    choice(text, |value| limits::device(Rate::ReadBytes, value))
}

fn write_bytes(text: &str) -> Result<LimitChoice, String> {
    choice(text, |value| limits::device(Rate::WriteBytes, value))
}

fn read_operations(text: &str) -> Result<LimitChoice, String> {
    choice(text, |value| limits::device(Rate::ReadOperations, value))
}

fn write_operations(text: &str) -> Result<LimitChoice, String> {
    choice(text, |value| limits::device(Rate::WriteOperations, value))
}
