//! Which cgroup hierarchies a host has, and what a container needs of them. Pure: text in, paths and values out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Limits;

/// The parent of all containers' cgroups in every hierarchy.
const PARENT: &str = "porthole";
/// The period of CPU quotas, in microseconds: the kernel's and Kubernetes' default.
const PERIOD: u64 = 100_000;
/// The least quota that the kernel accepts, in microseconds.
const MIN_QUOTA: u64 = 1_000;

/// The hierarchies that are mounted on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Layout {
    /// The mount point of the v2 tree.
    unified: Option<PathBuf>,
    /// Controllers of the v2 tree that no v1 hierarchy has taken.
    controllers: Vec<String>,
    /// v1 controller → mount point.
    v1: BTreeMap<String, PathBuf>,
}

/// The cgroups of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Group {
    /// In the v2 tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unified: Option<PathBuf>,
    /// v1 controller → directory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) v1: BTreeMap<String, PathBuf>,
}

/// A cgroup to be made, and what is written into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Wanted {
    /// The directories.
    pub(in super::super) group: Group,
    /// v2 controllers that must be enabled for the children of the mount point and of [`PARENT`].
    pub(super) enable: Vec<&'static str>,
    /// The mount point in which they are enabled.
    pub(super) enable_in: Option<PathBuf>,
    /// File → value, in order.
    pub(super) values: Vec<(PathBuf, String)>,
    /// What kernels without accounting of swap have no file for.
    pub(super) of_swap: Option<(PathBuf, String)>,
}

/// Why a host's cgroups do not do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum LayoutError {
    #[error("no cgroup hierarchy that can hold a container is mounted; mount the v2 tree at /sys/fs/cgroup")]
    None,
    #[error("limit on {limit} needs the cgroup controller `{controller}`, which this host does not offer")]
    Controller {
        limit: &'static str,
        controller: &'static str,
    },
}

impl Layout {
    /// Reads `/proc/self/mountinfo`. `controllers` is the content of `cgroup.controllers` at the root of the v2 tree.
    pub(in super::super) fn parse(mountinfo: &str, controllers: impl Fn(&Path) -> String) -> Self {
        let mut layout = Self::default();
        for line in mountinfo.lines() {
            // "36 35 98:0 /root /mount/point options… - type source super-options" (proc_pid_mountinfo(5)).
            let Some((mount, file_system)) = line.split_once(" - ") else {
                continue;
            };
            let Some(point) = mount.split(' ').nth(4).map(unescape) else {
                continue;
            };
            let mut file_system = file_system.split(' ');
            match file_system.next() {
                Some("cgroup2") if layout.unified.is_none() => {
                    layout.controllers = controllers(&point)
                        .split_whitespace()
                        .map(str::to_owned)
                        .collect();
                    layout.unified = Some(point);
                }
                Some("cgroup") => {
                    for option in file_system.nth(1).unwrap_or_default().split(',') {
                        if ["memory", "cpu", "pids", "freezer"].contains(&option) {
                            layout
                                .v1
                                .entry(option.to_owned())
                                .or_insert_with(|| point.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        layout
    }

    /// What a container of these limits needs: the v2 tree wherever there is one, v1 hierarchies only where a limit asks
    /// for them or where nothing else can kill.
    pub(in super::super) fn want(&self, id: &str, limits: &Limits) -> Result<Wanted, LayoutError> {
        let mut wanted = Wanted::default();
        match (&self.unified, self.v1.get("freezer")) {
            (Some(unified), _) => wanted.group.unified = Some(unified.join(PARENT).join(id)),
            (None, Some(freezer)) => {
                wanted
                    .group
                    .v1
                    .insert("freezer".to_owned(), freezer.join(PARENT).join(id));
            }
            (None, None) => return Err(LayoutError::None),
        }
        if let Some(bytes) = limits.memory {
            self.limit(&mut wanted, id, "memory", "memory", |v2| {
                vec![(
                    if v2 { "memory.max" } else { "memory.limit_in_bytes" },
                    bytes.to_string(),
                )]
            })?;
            // A limit beside which a container may fill the swap would limit nothing: no swap, as for pods of a kubelet.
            wanted.of_swap = wanted.values.last().map(|(file, _)| {
                if file.ends_with("memory.max") {
                    (file.with_file_name("memory.swap.max"), "0".to_owned())
                } else {
                    let both = "memory.memsw.limit_in_bytes";
                    (file.with_file_name(both), bytes.to_string())
                }
            });
        }
        if let Some(milli) = limits.cpu_milli {
            let quota = milli.saturating_mul(PERIOD / 1000).max(MIN_QUOTA);
            self.limit(&mut wanted, id, "cpu", "cpu", |v2| {
                if v2 {
                    vec![("cpu.max", format!("{quota} {PERIOD}"))]
                } else {
                    vec![
                        ("cpu.cfs_period_us", PERIOD.to_string()),
                        ("cpu.cfs_quota_us", quota.to_string()),
                    ]
                }
            })?;
        }
        if let Some(pids) = limits.pids {
            self.limit(&mut wanted, id, "processes", "pids", |_| {
                vec![("pids.max", pids.to_string())]
            })?;
        }
        Ok(wanted)
    }

    fn limit(
        &self,
        wanted: &mut Wanted,
        id: &str,
        limit: &'static str,
        controller: &'static str,
        values: impl Fn(bool) -> Vec<(&'static str, String)>,
    ) -> Result<(), LayoutError> {
        let directory = if let Some(hierarchy) = self.v1.get(controller) {
            let directory = hierarchy.join(PARENT).join(id);
            wanted.group.v1.insert(controller.to_owned(), directory.clone());
            directory
        } else if let Some(unified) = self
            .unified
            .as_ref()
            .filter(|_| self.controllers.iter().any(|one| one == controller))
        {
            wanted.enable.push(controller);
            wanted.enable_in = Some(unified.clone());
            unified.join(PARENT).join(id)
        } else {
            return Err(LayoutError::Controller { limit, controller });
        };
        let v2 = !self.v1.contains_key(controller);
        for (file, value) in values(v2) {
            wanted.values.push((directory.join(file), value));
        }
        Ok(())
    }
}

/// Octal escapes of mountinfo: `\040` is a space.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let octal = (bytes[index] == b'\\')
            .then(|| text.get(index + 1..index + 4))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = octal {
            out.push(byte);
            index += 4;
        } else {
            out.push(bytes[index]);
            index += 1;
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:4 - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    const ALL: Limits = Limits {
        memory: Some(10 << 20),
        cpu_milli: Some(250),
        pids: Some(5),
        processors: Vec::new(),
        devices: Vec::new(),
    };

    fn layout(mountinfo: &str, controllers: &str) -> Layout {
        Layout::parse(mountinfo, |_| controllers.to_owned())
    }

    fn values(wanted: &Wanted) -> Vec<(&str, &str)> {
        wanted
            .values
            .iter()
            .map(|(file, value)| (file.to_str().unwrap(), value.as_str()))
            .collect()
    }

    #[test]
    fn uses_only_the_unified_tree_of_a_hybrid_host_without_limits() {
        let wanted = layout(HYBRID, "hugetlb").want("a", &Limits::default()).unwrap();
        assert_eq!(
            wanted.group,
            Group {
                unified: Some("/sys/fs/cgroup/unified/porthole/a".into()),
                v1: BTreeMap::new(),
            }
        );
        assert!(wanted.values.is_empty() && wanted.enable.is_empty());
    }

    #[test]
    fn limits_through_v1_on_a_hybrid_host() {
        let wanted = layout(HYBRID, "hugetlb").want("a", &ALL).unwrap();
        assert_eq!(
            values(&wanted),
            [
                (
                    "/sys/fs/cgroup/memory/porthole/a/memory.limit_in_bytes",
                    "10485760"
                ),
                (
                    "/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.cfs_period_us",
                    "100000"
                ),
                ("/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.cfs_quota_us", "25000"),
                ("/sys/fs/cgroup/pids/porthole/a/pids.max", "5"),
            ]
        );
        assert!(wanted.enable.is_empty());
        assert_eq!(
            wanted.of_swap,
            Some((
                "/sys/fs/cgroup/memory/porthole/a/memory.memsw.limit_in_bytes".into(),
                "10485760".to_owned()
            ))
        );
    }

    #[test]
    fn limits_through_enabled_controllers_on_a_v2_host() {
        let wanted = layout(
            "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate",
            "cpuset cpu io memory pids",
        )
        .want("a", &ALL)
        .unwrap();
        assert_eq!(wanted.enable, ["memory", "cpu", "pids"]);
        assert_eq!(
            values(&wanted),
            [
                ("/sys/fs/cgroup/porthole/a/memory.max", "10485760"),
                ("/sys/fs/cgroup/porthole/a/cpu.max", "25000 100000"),
                ("/sys/fs/cgroup/porthole/a/pids.max", "5"),
            ]
        );
        assert_eq!(
            wanted.of_swap,
            Some(("/sys/fs/cgroup/porthole/a/memory.swap.max".into(), "0".to_owned()))
        );
    }

    #[test]
    fn kills_through_the_freezer_where_there_is_only_v1() {
        let v1: String = HYBRID.lines().take(6).collect::<Vec<_>>().join("\n");
        let wanted = layout(&v1, "").want("a", &Limits::default()).unwrap();
        assert_eq!(wanted.group.unified, None);
        assert_eq!(wanted.group.v1.keys().collect::<Vec<_>>(), ["freezer"]);
    }

    #[test]
    fn never_asks_for_less_than_the_least_quota() {
        let limits = Limits {
            cpu_milli: Some(1),
            ..Limits::default()
        };
        let wanted = layout(HYBRID, "").want("a", &limits).unwrap();
        assert_eq!(wanted.values[1].1, "1000");
    }

    #[test]
    fn names_the_controller_that_is_missing() {
        assert_eq!(
            layout("30 23 0:26 / /c rw - cgroup2 none rw", "cpu")
                .want("a", &ALL)
                .unwrap_err()
                .to_string(),
            "limit on memory needs the cgroup controller `memory`, which this host does not offer"
        );
        assert_eq!(
            layout("", "").want("a", &Limits::default()),
            Err(LayoutError::None)
        );
    }

    #[test]
    fn reads_escaped_mount_points() {
        assert_eq!(unescape(r"/a\040b\\c"), PathBuf::from(r"/a b\\c"));
    }
}
