//! Which cgroup hierarchies a host has, and what a container needs of them. Pure: text in, paths and values out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::herd::Herd;
use super::devices::Device;
use super::limits::{self, Setting};
use crate::plan::Limits;

/// The parent of all containers' cgroups in every hierarchy.
const PARENT: &str = "porthole";
/// What of v1 is used: the first two count what a container uses, and are made with it.
const CONTROLLERS: [&str; 7] = ["memory", "pids", "cpu", "cpuacct", "cpuset", "blkio", "freezer"];
/// Controllers that every container has where they can be had, because what they count cannot be counted later.
const COUNTING: [&str; 3] = ["memory", "pids", "io"];

/// The hierarchies that are mounted on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Layout {
    /// The mount point of the v2 tree.
    unified: Option<PathBuf>,
    /// Controllers of the v2 tree that no v1 hierarchy has taken.
    controllers: Vec<String>,
    /// v1 controller → mount point.
    v1: BTreeMap<String, PathBuf>,
    /// An ordinary user's: containers do without what is missing.
    frugal: bool,
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
    /// v1 controllers that the container has only once it is limited by them while it runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) later: BTreeMap<String, PathBuf>,
    /// Where there is no cgroup: who is below the container's shepherd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) herd: Option<Herd>,
}

/// A cgroup to be made, and what is written into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Wanted {
    /// The directories.
    pub(in super::super) group: Group,
    /// v2 controllers that must be enabled for the children of the mount point and of [`PARENT`].
    pub(super) enable: Vec<&'static str>,
    /// Those that are enabled where that is possible.
    pub(super) count: Vec<&'static str>,
    /// The mount point in which they are enabled.
    pub(super) enable_in: Option<PathBuf>,
    /// What is written, in order.
    pub(super) settings: Vec<Setting>,
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
                        if CONTROLLERS.contains(&option) {
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

    /// What a container of these limits needs: the v2 tree wherever there is one, v1 hierarchies only where they count or
    /// limit something, or where nothing else can kill.
    pub(in super::super) fn want(
        &self,
        id: &str,
        limits: &Limits,
        devices: &[Device],
    ) -> Result<Wanted, LayoutError> {
        let mut wanted = Wanted::default();
        let (limits, devices) = self.granted(limits, devices);
        match (&self.unified, self.v1.get("freezer")) {
            (Some(unified), _) => wanted.group.unified = Some(unified.join(PARENT).join(id)),
            (None, Some(freezer)) => {
                // The v2 tree would count processor time in any case.
                for (controller, hierarchy) in std::iter::once(("freezer", freezer))
                    .chain(self.v1.get("cpuacct").map(|hierarchy| ("cpuacct", hierarchy)))
                {
                    let directory = hierarchy.join(PARENT).join(id);
                    wanted.group.v1.insert(controller.to_owned(), directory);
                }
            }
            (None, None) if self.frugal => {}
            (None, None) => return Err(LayoutError::None),
        }
        for controller in COUNTING {
            if self.v1.contains_key(controller) {
                self.place(&mut wanted, id, "", controller)?;
            } else if let Some(unified) = &self.unified
                && self.controllers.iter().any(|one| one == controller)
            {
                wanted.count.push(controller);
                wanted.enable_in = Some(unified.clone());
            }
        }
        if let Some(bytes) = limits.memory {
            let (directory, v2) = self.place(&mut wanted, id, "memory", "memory")?;
            wanted
                .settings
                .extend(limits::memory(&directory, v2, Some(bytes)));
        }
        if let Some(milli) = limits.cpu_milli {
            let (directory, v2) = self.place(&mut wanted, id, "cpu", "cpu")?;
            wanted.settings.extend(limits::cpu(&directory, v2, Some(milli)));
        }
        if let Some(shares) = limits.cpu_shares {
            let (directory, v2) = self.place(&mut wanted, id, "cpu", "cpu")?;
            wanted
                .settings
                .push(limits::cpu_shares(&directory, v2, Some(shares)));
        }
        if let Some(pids) = limits.pids {
            let (directory, _) = self.place(&mut wanted, id, "processes", "pids")?;
            wanted.settings.push(limits::pids(&directory, Some(pids)));
        }
        if !limits.processors.is_empty() {
            let (directory, _) = self.place(&mut wanted, id, "processors", "cpuset")?;
            wanted
                .settings
                .push(limits::processors(&directory, &limits.processors));
        }
        if !devices.is_empty() {
            let controller = if self.v1.contains_key("blkio") {
                "blkio"
            } else {
                "io"
            };
            let (directory, v2) = self.place(&mut wanted, id, "devices", controller)?;
            wanted
                .settings
                .extend(devices.iter().flat_map(|device| device.settings(&directory, v2)));
        }
        for (controller, hierarchy) in &self.v1 {
            if controller != "freezer" && !wanted.group.v1.contains_key(controller) {
                let directory = hierarchy.join(PARENT).join(id);
                wanted.group.later.insert(controller.clone(), directory);
            }
        }
        Ok(wanted)
    }

    /// The v2 tree below a cgroup that was handed to an ordinary user, with these controllers; or no cgroups at all.
    pub(in super::super) fn of_user(delegated: Option<(PathBuf, Vec<String>)>) -> Self {
        let (unified, controllers) = delegated.map_or((None, Vec::new()), |(unified, controllers)| {
            (Some(unified), controllers)
        });
        Self {
            unified,
            controllers,
            v1: BTreeMap::new(),
            frugal: true,
        }
    }

    /// Whether there is a cgroup for containers.
    pub(in super::super) fn has_cgroups(&self) -> bool {
        self.unified.is_some() || !self.v1.is_empty()
    }

    /// The limits that nothing enforces here, in the manifest's words.
    pub(in super::super) fn unenforced(&self) -> Vec<&'static str> {
        let all = [
            ("memory", "memory"),
            ("cpu", "cpu"),
            ("processes", "pids"),
            ("processors", "cpuset"),
            ("devices", "io"),
        ];
        let missing = all
            .into_iter()
            .filter(|(_, controller)| !self.controllers.iter().any(|one| one == controller));
        missing.map(|(limit, _)| limit).collect()
    }

    /// The first of these limits that cannot be had.
    pub(in super::super) fn denied(&self, limits: &Limits, devices: &[Device]) -> Option<&'static str> {
        if !self.frugal {
            return None;
        }
        let asks = |limit: &&str| match *limit {
            "memory" => limits.memory.is_some(),
            "cpu" => limits.cpu_milli.is_some() || limits.cpu_shares.is_some(),
            "processes" => limits.pids.is_some(),
            "processors" => !limits.processors.is_empty(),
            _ => !devices.is_empty(),
        };
        self.unenforced().into_iter().find(asks)
    }

    /// What of the limits can be had: all, or an error later, but for an ordinary user.
    fn granted<'a>(&self, limits: &'a Limits, devices: &'a [Device]) -> (Cow<'a, Limits>, &'a [Device]) {
        if !self.frugal {
            return (Cow::Borrowed(limits), devices);
        }
        let missing = self.unenforced();
        let has = |limit| !missing.contains(&limit);
        let granted = Limits {
            memory: limits.memory.filter(|_| has("memory")),
            cpu_milli: limits.cpu_milli.filter(|_| has("cpu")),
            cpu_shares: limits.cpu_shares.filter(|_| has("cpu")),
            pids: limits.pids.filter(|_| has("processes")),
            processors: Some(&limits.processors)
                .filter(|_| has("processors"))
                .cloned()
                .unwrap_or_default(),
            devices: Vec::new(),
        };
        (Cow::Owned(granted), if has("devices") { devices } else { &[] })
    }

    /// The directory in which a controller limits the container, and whether it is of the v2 tree.
    fn place(
        &self,
        wanted: &mut Wanted,
        id: &str,
        limit: &'static str,
        controller: &'static str,
    ) -> Result<(PathBuf, bool), LayoutError> {
        if let Some(hierarchy) = self.v1.get(controller) {
            let directory = hierarchy.join(PARENT).join(id);
            wanted.group.v1.insert(controller.to_owned(), directory.clone());
            return Ok((directory, false));
        }
        let unified = self
            .unified
            .as_ref()
            .filter(|_| self.controllers.iter().any(|one| one == controller))
            .ok_or(LayoutError::Controller { limit, controller })?;
        if !wanted.enable.contains(&controller) {
            wanted.enable.push(controller);
        }
        wanted.enable_in = Some(unified.clone());
        Ok((unified.join(PARENT).join(id), true))
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
        cpu_shares: Some(512),
        pids: Some(5),
        processors: Vec::new(),
        devices: Vec::new(),
    };

    fn layout(mountinfo: &str, controllers: &str) -> Layout {
        Layout::parse(mountinfo, |_| controllers.to_owned())
    }

    fn values(wanted: &Wanted) -> Vec<(&str, &str)> {
        wanted
            .settings
            .iter()
            .map(|setting| (setting.file.to_str().unwrap(), setting.value.as_str()))
            .collect()
    }

    #[test]
    fn counts_on_a_hybrid_host_what_cannot_be_counted_later() {
        let wanted = layout(HYBRID, "hugetlb")
            .want("a", &Limits::default(), &[])
            .unwrap();
        assert_eq!(
            wanted.group.unified,
            Some("/sys/fs/cgroup/unified/porthole/a".into())
        );
        assert_eq!(wanted.group.v1.keys().collect::<Vec<_>>(), ["memory", "pids"]);
        assert_eq!(wanted.group.later.keys().collect::<Vec<_>>(), ["cpu", "cpuacct"]);
        assert!(wanted.settings.is_empty() && wanted.enable.is_empty() && wanted.count.is_empty());
    }

    #[test]
    fn limits_through_v1_on_a_hybrid_host() {
        let wanted = layout(HYBRID, "hugetlb").want("a", &ALL, &[]).unwrap();
        assert_eq!(
            values(&wanted),
            [
                (
                    "/sys/fs/cgroup/memory/porthole/a/memory.limit_in_bytes",
                    "10485760"
                ),
                (
                    "/sys/fs/cgroup/memory/porthole/a/memory.memsw.limit_in_bytes",
                    "10485760"
                ),
                ("/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.cfs_quota_us", "-1"),
                (
                    "/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.cfs_period_us",
                    "100000"
                ),
                ("/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.cfs_quota_us", "25000"),
                ("/sys/fs/cgroup/cpu,cpuacct/porthole/a/cpu.shares", "512"),
                ("/sys/fs/cgroup/pids/porthole/a/pids.max", "5"),
            ]
        );
        assert!(wanted.enable.is_empty());
        assert!(wanted.settings[1].optional, "kernels without accounting of swap");
    }

    #[test]
    fn limits_through_enabled_controllers_on_a_v2_host() {
        let wanted = layout(
            "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate",
            "cpuset cpu io memory pids",
        )
        .want("a", &ALL, &[])
        .unwrap();
        assert_eq!(wanted.enable, ["memory", "cpu", "pids"]);
        assert_eq!(
            values(&wanted),
            [
                ("/sys/fs/cgroup/porthole/a/memory.max", "10485760"),
                ("/sys/fs/cgroup/porthole/a/memory.swap.max", "0"),
                ("/sys/fs/cgroup/porthole/a/cpu.max", "25000 100000"),
                ("/sys/fs/cgroup/porthole/a/cpu.weight", "20"),
                ("/sys/fs/cgroup/porthole/a/pids.max", "5"),
            ]
        );
        assert_eq!(wanted.count, ["memory", "pids", "io"]);
    }

    #[test]
    fn kills_through_the_freezer_where_there_is_only_v1() {
        let v1: String = HYBRID.lines().take(6).collect::<Vec<_>>().join("\n");
        let wanted = layout(&v1, "").want("a", &Limits::default(), &[]).unwrap();
        assert_eq!(wanted.group.unified, None);
        assert_eq!(
            wanted.group.v1.keys().collect::<Vec<_>>(),
            ["cpuacct", "freezer", "memory", "pids"]
        );
    }

    #[test]
    fn names_the_controller_that_is_missing() {
        assert_eq!(
            layout("30 23 0:26 / /c rw - cgroup2 none rw", "cpu")
                .want("a", &ALL, &[])
                .unwrap_err()
                .to_string(),
            "limit on memory needs the cgroup controller `memory`, which this host does not offer"
        );
        assert_eq!(
            layout("", "").want("a", &Limits::default(), &[]),
            Err(LayoutError::None)
        );
    }

    #[test]
    fn reads_escaped_mount_points() {
        assert_eq!(unescape(r"/a\040b\\c"), PathBuf::from(r"/a b\\c"));
    }
}
