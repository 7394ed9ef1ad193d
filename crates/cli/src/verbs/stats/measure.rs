//! What is counted, and how.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use porthole_runtime::Engine;
use porthole_runtime::engine::Stats;
use porthole_runtime::pods::Pod;
use porthole_runtime::volumes::used_of;
use serde::Serialize;

/// What each number counts: for `--help` and for the head of JSON.
pub(super) const COUNTED: &str = "\
What is counted, of each container that runs:
- CPU %: processor time of all its processes over the last second; 100 % is one processor
- MEMORY: what cannot be given up: the cgroup's memory without inactive file cache (Linux), the private working sets \
(Windows). Behind it the limit, of all memory with the file cache (Linux), or of all that is committed (Windows)
- PIDS: processes and threads (Linux), processes (Windows), and their limit
- READ: bytes from block devices (Linux), or by all reads of files and pipes (Windows), since the start
- WRITTEN: bytes likewise
- ROOTFS: what the container has written over its image, or its copy of it; not the image's shared layers
- VOLUMES: the pod's own volumes on disk, of all its containers together; not hostPath, nor volumes in memory
- LOGS: the kept logs of all attempts of the container
Disk use counts blocks, as du does, a file of several names once, at most 200000 files each: with more, `+` follows the \
number. Disks are looked at every 10 seconds. `-` is what this host does not count.";

/// Files of one place that are looked at.
const MOST_FILES: usize = 200_000;

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// What each number counts.
    counted: Vec<&'static str>,
    pub(super) containers: Vec<Row>,
}

/// One container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) id: String,
    /// Hundredths of one processor over the last second.
    pub(super) cpu_percent: Option<f64>,
    pub(super) disk: Disk,
    /// The engine's counters.
    pub(super) stats: Stats,
}

/// Bytes on disk.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Disk {
    pub(super) rootfs_bytes: u64,
    pub(super) volumes_bytes: u64,
    pub(super) logs_bytes: u64,
    /// There were too many files to look at all: the numbers are the least that it can be.
    pub(super) at_least: bool,
}

/// What was seen before.
#[derive(Default)]
pub(super) struct Meter {
    /// By container: when, and its processor time.
    before: HashMap<String, (Instant, u64)>,
    /// By container.
    disks: HashMap<String, Disk>,
}

impl Meter {
    /// Looks at the disks.
    pub(super) fn disks(&mut self, engine: &dyn Engine, chosen: &[Pod]) {
        self.disks.clear();
        for pod in chosen {
            let volumes = used(&pod.directory.join("volumes"));
            for (name, id) in running(pod) {
                let places = engine.places(&id).into_iter().map(|place| used(&place));
                let rootfs = places.fold((0, false), |sum, place| (sum.0 + place.0, sum.1 || place.1));
                let logs = used(&pod.logs_directory(&name));
                self.disks.insert(
                    id,
                    Disk {
                        rootfs_bytes: rootfs.0,
                        volumes_bytes: volumes.0,
                        logs_bytes: logs.0,
                        at_least: rootfs.1 || volumes.1 || logs.1,
                    },
                );
            }
        }
    }

    /// Asks for the counters. One that ends meanwhile is left out.
    pub(super) fn measure(&mut self, engine: &dyn Engine, chosen: &[Pod]) -> Report {
        let mut containers = Vec::new();
        for pod in chosen {
            for (container, id) in running(pod) {
                let Ok(stats) = engine.stats(&id) else { continue };
                let now = Instant::now();
                let used = stats.cpu_nanoseconds;
                let before = used.and_then(|used| self.before.insert(id.clone(), (now, used)));
                let cpu_percent = before
                    .zip(used)
                    .and_then(|((then, before), used)| percent(used.saturating_sub(before), now - then));
                containers.push(Row {
                    namespace: pod.identity().namespace.clone(),
                    pod: pod.identity().name.clone(),
                    container,
                    cpu_percent,
                    disk: self.disks.get(&id).copied().unwrap_or_default(),
                    id,
                    stats,
                });
            }
        }
        Report {
            counted: COUNTED.lines().map(str::trim).collect(),
            containers,
        }
    }
}

/// The containers of a pod that run, with the ids of their attempts.
fn running(pod: &Pod) -> Vec<(String, String)> {
    pod.containers()
        .filter_map(|one| {
            let (_, id) = pod.running(Some(&one.plan.container)).ok()?;
            Some((one.plan.container.clone(), id))
        })
        .collect()
}

fn used(path: &Path) -> (u64, bool) {
    used_of(path, MOST_FILES)
}

/// The part of a time that was used, in hundredths.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn percent(used: u64, of: std::time::Duration) -> Option<f64> {
    let of = of.as_nanos();
    (of > 0).then(|| (used as f64 / of as f64 * 1000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_use_of_a_processor_is_in_hundredths() {
        assert_eq!(percent(500_000_000, Duration::from_secs(1)), Some(50.0));
        assert_eq!(percent(3_000_000_000, Duration::from_secs(2)), Some(150.0));
        assert_eq!(percent(1, Duration::ZERO), None);
    }

    #[test]
    fn disk_use_counts_a_file_of_two_names_once_and_says_when_it_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        std::fs::write(&file, vec![1; 1 << 20]).unwrap();
        std::fs::hard_link(&file, directory.path().join("b")).unwrap();
        let (bytes, more) = used(directory.path());
        assert!(!more);
        if cfg!(unix) {
            assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
        }
        assert!(used_of(directory.path(), 1).1);
    }
}
