//! What a container uses, and which limits it ran into: of v2 and v1 files, missing ones left out.

use std::fs;
use std::path::Path;

use super::layout::Group;
use super::limits::number;
use crate::engine::{Hits, Stats};

fn read(directory: &Path, file: &str) -> Option<String> {
    fs::read_to_string(directory.join(file)).ok()
}

fn value(directory: &Path, file: &str) -> Option<u64> {
    number(&read(directory, file)?)
}

/// The number behind a word at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .and_then(number)
}

impl Group {
    /// Where a v1 controller counts, else where the v2 tree does.
    fn counted_by(&self, controller: &str) -> Option<(&Path, bool)> {
        match self.of_v1(controller) {
            Some(directory) => Some((directory, false)),
            None => Some((self.unified.as_deref()?, true)),
        }
    }

    /// How often the container ran into its limits.
    pub(in super::super) fn hits(&self) -> Hits {
        let memory = self.counted_by("memory").and_then(|(directory, v2)| {
            let events = read(directory, if v2 { "memory.events" } else { "memory.oom_control" })?;
            field(&events, "oom_kill")
        });
        let pids = self
            .counted_by("pids")
            .and_then(|(directory, _)| field(&read(directory, "pids.events")?, "max"));
        Hits {
            oom_kills: memory.unwrap_or(0),
            memory_refusals: 0,
            pids_refusals: pids.unwrap_or(0),
        }
    }

    /// What it uses and has used.
    pub(in super::super) fn stats(&self) -> Stats {
        if let Some(herd) = &self.herd {
            return herd.stats();
        }
        let mut stats = Stats {
            hits: self.hits(),
            ..Stats::default()
        };
        self.processor_time(&mut stats);
        self.memory(&mut stats);
        if let Some((directory, _)) = self.counted_by("pids") {
            stats.pids = value(directory, "pids.current");
            stats.pids_limit = value(directory, "pids.max");
        }
        self.devices(&mut stats);
        stats
    }

    fn processor_time(&self, stats: &mut Stats) {
        // The v2 tree counts it in any case, whoever has the controller.
        if let Some(text) = self
            .unified
            .as_deref()
            .and_then(|unified| read(unified, "cpu.stat"))
        {
            let time = |name| Some(field(&text, name)?.saturating_mul(1000));
            stats.cpu_nanoseconds = time("usage_usec");
            stats.cpu_user_nanoseconds = time("user_usec");
            stats.cpu_system_nanoseconds = time("system_usec");
        } else if let Some(directory) = self.of_v1("cpuacct") {
            stats.cpu_nanoseconds = value(directory, "cpuacct.usage");
            stats.cpu_user_nanoseconds = value(directory, "cpuacct.usage_user");
            stats.cpu_system_nanoseconds = value(directory, "cpuacct.usage_sys");
        }
    }

    fn memory(&self, stats: &mut Stats) {
        let Some((directory, v2)) = self.counted_by("memory") else {
            return;
        };
        let [current, peak, limit, inactive] = if v2 {
            ["memory.current", "memory.peak", "memory.max", "inactive_file"]
        } else {
            [
                "memory.usage_in_bytes",
                "memory.max_usage_in_bytes",
                "memory.limit_in_bytes",
                "total_inactive_file",
            ]
        };
        stats.memory_bytes = value(directory, current);
        stats.memory_peak_bytes = value(directory, peak);
        stats.memory_limit_bytes = value(directory, limit);
        let inactive = read(directory, "memory.stat").and_then(|text| field(&text, inactive));
        stats.working_set_bytes = stats
            .memory_bytes
            .map(|bytes| bytes.saturating_sub(inactive.unwrap_or(0)));
    }

    fn devices(&self, stats: &mut Stats) {
        let Some((directory, v2)) = self.counted_by("blkio") else {
            return;
        };
        if v2 {
            if let Some(text) = read(directory, "io.stat") {
                let sum = |name| Some(of_v2(&text, name));
                stats.read_bytes = sum("rbytes=");
                stats.write_bytes = sum("wbytes=");
                stats.read_operations = sum("rios=");
                stats.write_operations = sum("wios=");
            }
        } else {
            let of = |file, name| of_v1(&read(directory, file)?, name);
            let (bytes, operations) = (
                "blkio.throttle.io_service_bytes_recursive",
                "blkio.throttle.io_serviced_recursive",
            );
            stats.read_bytes = of(bytes, "Read");
            stats.write_bytes = of(bytes, "Write");
            stats.read_operations = of(operations, "Read");
            stats.write_operations = of(operations, "Write");
        }
    }
}

/// `8:0 rbytes=1 wbytes=2 …` for each device.
fn of_v2(text: &str, name: &str) -> u64 {
    text.split_ascii_whitespace()
        .filter_map(|part| part.strip_prefix(name)?.parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// `8:0 Read 1` for each device. Without a line for any device nothing is counted: recent kernels count only the devices
/// that somebody limits.
fn of_v1(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let device = words.next()?;
            (device.contains(':') && words.next() == Some(name)).then(|| words.next().and_then(number))?
        })
        .fold(None, |sum, one| Some(sum.unwrap_or(0_u64).saturating_add(one)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        for (file, text) in files {
            fs::write(directory.join(file), text).unwrap();
        }
    }

    #[test]
    fn reads_a_v2_cgroup() {
        let root = tempfile::tempdir().unwrap();
        files(
            root.path(),
            &[
                ("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n"),
                ("memory.current", "4096\n"),
                ("memory.peak", "8192\n"),
                ("memory.max", "max\n"),
                ("memory.stat", "anon 1\ninactive_file 1024\n"),
                ("memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n"),
                ("pids.current", "3\n"),
                ("pids.max", "5\n"),
                ("pids.events", "max 7\n"),
                (
                    "io.stat",
                    "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n",
                ),
            ],
        );
        let group = Group {
            unified: Some(root.path().to_owned()),
            ..Group::default()
        };
        let stats = group.stats();
        assert_eq!(
            stats,
            Stats {
                cpu_nanoseconds: Some(30_000),
                cpu_user_nanoseconds: Some(20_000),
                cpu_system_nanoseconds: Some(10_000),
                memory_bytes: Some(4096),
                working_set_bytes: Some(3072),
                memory_peak_bytes: Some(8192),
                memory_limit_bytes: None,
                pids: Some(3),
                pids_limit: Some(5),
                read_bytes: Some(15),
                write_bytes: Some(20),
                read_operations: Some(2),
                write_operations: Some(2),
                hits: Hits {
                    oom_kills: 1,
                    memory_refusals: 0,
                    pids_refusals: 7
                },
            }
        );
    }

    #[test]
    fn reads_v1_cgroups_and_leaves_out_what_is_not_counted() {
        let root = tempfile::tempdir().unwrap();
        let of = |name: &str| (name.to_owned(), root.path().join(name));
        files(
            &root.path().join("memory"),
            &[
                ("memory.usage_in_bytes", "4096\n"),
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 96\n"),
                (
                    "memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
                ),
            ],
        );
        files(
            &root.path().join("cpuacct"),
            &[("cpuacct.usage", "70\n"), ("cpuacct.usage_user", "40\n")],
        );
        files(
            &root.path().join("blkio"),
            &[
                ("blkio.throttle.io_service_bytes_recursive", "Total 0\n"),
                (
                    "blkio.throttle.io_serviced_recursive",
                    "254:0 Read 3\n254:0 Write 4\nTotal 7\n",
                ),
            ],
        );
        let group = Group {
            v1: BTreeMap::from([of("memory"), of("cpuacct"), of("blkio")]),
            ..Group::default()
        };
        let stats = group.stats();
        assert_eq!(stats.memory_limit_bytes, None);
        assert_eq!(stats.working_set_bytes, Some(4000));
        assert_eq!(
            (stats.cpu_nanoseconds, stats.cpu_user_nanoseconds),
            (Some(70), Some(40))
        );
        assert_eq!((stats.read_bytes, stats.read_operations), (None, Some(3)));
        assert_eq!((stats.pids, stats.hits.oom_kills), (None, 3));
    }
}
