//! Other limits for a container that runs: all of them, or those that it had.

use std::fs;
use std::io;
use std::path::Path;

use super::devices::{self, Device};
use super::layout::{Group, Layout, LayoutError};
use super::limits::{self, Setting, number};
use super::{CgroupError, collect, make_v1, write};
use crate::plan::Limits;

/// How often processes that are forked meanwhile are looked for.
const ROUNDS: u32 = 1000;

/// Why a container's limits are as they were.
#[derive(Debug)]
pub(in super::super) enum Unchanged {
    /// The host or the container cannot have such a limit.
    Refused { what: String, reason: String },
    /// The system refused.
    Io { what: String, source: io::Error },
}

impl From<LayoutError> for Unchanged {
    fn from(error: LayoutError) -> Self {
        match error {
            LayoutError::Controller { limit, .. } => Self::Refused {
                what: limit.to_owned(),
                reason: error.to_string(),
            },
            LayoutError::None => Self::Refused {
                what: "it".to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

impl From<CgroupError> for Unchanged {
    fn from(error: CgroupError) -> Self {
        Self::Io {
            what: format!("it ({})", error.doing),
            source: error.source,
        }
    }
}

/// Puts a container under other limits, and returns those that the kernel then has.
pub(in super::super) fn update(
    layout: &Layout,
    group: &Group,
    id: &str,
    limits: &Limits,
    devices: &[Device],
) -> Result<Limits, Unchanged> {
    let wanted = layout.want(id, limits, devices)?;
    for (controller, directory) in &wanted.group.v1 {
        if group.of_v1(controller).is_some() && !directory.exists() {
            make_v1(controller, directory)?;
            bring_all(group, directory).map_err(|source| Unchanged::Io {
                what: format!("it (bring its processes to {})", directory.display()),
                source,
            })?;
        }
    }
    wanted.enable()?;
    let mut settings = wanted.settings;
    settings.extend(lifted(group, limits, devices));
    if let Some((directory, v2)) = home(group, "memory", "memory.max") {
        prepare_memory(directory, v2, limits.memory, &mut settings)?;
    }
    apply(&settings, limits, group)?;
    let mut kept = read(group, devices);
    // What others have is no limit.
    kept.cpu_shares = kept.cpu_shares.filter(|_| limits.cpu_shares.is_some());
    Ok(kept)
}

/// Where a controller limits a container, and whether that is in the v2 tree, where `file` says so.
fn home<'a>(group: &'a Group, controller: &str, file: &str) -> Option<(&'a Path, bool)> {
    if let Some(directory) = group.of_v1(controller) {
        return directory.exists().then_some((directory, false));
    }
    let unified = group.unified.as_deref()?;
    unified.join(file).exists().then_some((unified, true))
}

fn of_devices(group: &Group) -> Option<(&Path, bool)> {
    home(group, "blkio", "io.max")
}

/// What is lifted, because nothing is asked for.
fn lifted(group: &Group, limits: &Limits, devices: &[Device]) -> Vec<Setting> {
    let mut settings = Vec::new();
    if limits.memory.is_none()
        && let Some((directory, v2)) = home(group, "memory", "memory.max")
    {
        settings.extend(limits::memory(directory, v2, None));
    }
    if limits.cpu_milli.is_none()
        && let Some((directory, v2)) = home(group, "cpu", "cpu.max")
    {
        settings.extend(limits::cpu(directory, v2, None));
    }
    if limits.cpu_shares.is_none()
        && let Some((directory, v2)) = home(group, "cpu", "cpu.weight")
    {
        settings.push(limits::cpu_shares(directory, v2, None));
    }
    if limits.pids.is_none()
        && let Some((directory, _)) = home(group, "pids", "pids.max")
    {
        settings.push(limits::pids(directory, None));
    }
    if limits.processors.is_empty()
        && let Some((directory, v2)) = home(group, "cpuset", "cpuset.cpus")
    {
        let all = if v2 {
            String::new()
        } else {
            parents_processors(directory)
        };
        settings.push(limits::all_processors(directory, &all));
    }
    if let Some((directory, v2)) = of_devices(group) {
        let now = devices::limited(directory, v2);
        for number in now
            .iter()
            .filter(|number| !devices.iter().any(|device| device.number == **number))
        {
            settings.extend(devices::lifted(directory, v2, number));
        }
    }
    settings
}

fn parents_processors(directory: &Path) -> String {
    let parent = directory.parent().map(|parent| parent.join("cpuset.cpus"));
    let text = parent.and_then(|file| fs::read_to_string(file).ok());
    text.unwrap_or_default().trim().to_owned()
}

/// v1 keeps the limit of memory below that of memory and swap, so that the order counts. v2 would kill where it cannot
/// reclaim: it is asked to reclaim first.
fn prepare_memory(
    directory: &Path,
    v2: bool,
    wanted: Option<u64>,
    settings: &mut [Setting],
) -> Result<(), Unchanged> {
    if !v2 {
        let now = number(&text(&directory.join("memory.limit_in_bytes")));
        let raised = match (wanted, now) {
            (None, _) => true,
            (Some(wanted), Some(now)) => wanted > now,
            (Some(_), None) => false,
        };
        let first = settings
            .iter()
            .position(|setting| setting.file.ends_with("memory.limit_in_bytes"));
        if let (true, Some(first)) = (raised, first) {
            settings.swap(first, first + 1);
        }
        return Ok(());
    }
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let current = || number(&text(&directory.join("memory.current"))).unwrap_or(0);
    let used = current();
    if used > wanted {
        // Fails where less than that could be reclaimed; what matters is what is left then.
        let _ = write(&directory.join("memory.reclaim"), &(used - wanted).to_string());
        let left = current();
        if left > wanted {
            return Err(too_much_memory(left));
        }
    }
    Ok(())
}

fn too_much_memory(used: u64) -> Unchanged {
    Unchanged::Refused {
        what: "memory".to_owned(),
        reason: format!(
            "it uses {used} bytes, and the kernel could not reclaim enough; stop part of it first"
        ),
    }
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Writes all settings; where one is refused, those before it are undone.
fn apply(settings: &[Setting], limits: &Limits, group: &Group) -> Result<(), Unchanged> {
    let mut before: Vec<Setting> = Vec::with_capacity(settings.len());
    for setting in settings {
        let undo = undone(setting);
        let Err(source) = setting.write() else {
            before.push(undo);
            continue;
        };
        for undo in before.iter().rev() {
            // What was there before is not refused.
            let _ = undo.write();
        }
        if setting.what() == "memory" && source.raw_os_error() == Some(libc::EBUSY) && limits.memory.is_some()
        {
            let used = home(group, "memory", "memory.max")
                .and_then(|(directory, _)| number(&text(&directory.join("memory.usage_in_bytes"))));
            return Err(too_much_memory(used.unwrap_or(0)));
        }
        return Err(Unchanged::Io {
            what: format!(
                "{} (write `{}` to {})",
                setting.what(),
                setting.value.trim(),
                setting.file.display()
            ),
            source,
        });
    }
    Ok(())
}

/// The setting that brings back what a file says now.
fn undone(setting: &Setting) -> Setting {
    let now = text(&setting.file);
    if setting.what() == "devices" {
        return devices::undone(setting, &now);
    }
    let now = now.trim();
    Setting {
        value: if now.is_empty() { "\n" } else { now }.to_owned(),
        ..setting.clone()
    }
}

/// Brings all processes of a container into a cgroup of a further hierarchy, also those that are forked meanwhile.
fn bring_all(group: &Group, directory: &Path) -> io::Result<()> {
    for _ in 0..ROUNDS {
        let mut there = std::collections::BTreeSet::new();
        collect(directory, &mut there)?;
        let mut brought = false;
        for member in group.members()?.difference(&there) {
            match write(&directory.join("cgroup.procs"), &member.to_string()) {
                Ok(()) => brought = true,
                // Ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        if !brought {
            return Ok(());
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "it makes processes faster than they can be brought there",
    ))
}

/// The limits as the kernel has them.
fn read(group: &Group, devices: &[Device]) -> Limits {
    let mut limits = Limits::default();
    if let Some((directory, v2)) = home(group, "memory", "memory.max") {
        let file = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
        limits.memory = number(&text(&directory.join(file)));
    }
    if let Some((directory, v2)) = home(group, "cpu", "cpu.max") {
        limits.cpu_milli = if v2 {
            let both = text(&directory.join("cpu.max"));
            both.trim()
                .split_once(' ')
                .and_then(|(quota, period)| limits::milli(quota, period))
        } else {
            let quota = text(&directory.join("cpu.cfs_quota_us"));
            limits::milli(&quota, &text(&directory.join("cpu.cfs_period_us")))
        };
    }
    if let Some((directory, v2)) = home(group, "cpu", "cpu.weight") {
        let file = if v2 { "cpu.weight" } else { "cpu.shares" };
        limits.cpu_shares = limits::read_shares(&text(&directory.join(file)), v2);
    }
    if let Some((directory, _)) = home(group, "pids", "pids.max") {
        limits.pids = number(&text(&directory.join("pids.max")));
    }
    if let Some((directory, v2)) = home(group, "cpuset", "cpuset.cpus") {
        let own = text(&directory.join("cpuset.cpus"));
        if v2 || own.trim() != parents_processors(directory) {
            limits.processors = limits::list(&own).into_iter().collect();
        }
    }
    if let Some((directory, v2)) = of_devices(group) {
        limits.devices = devices::read(directory, v2, devices);
    }
    limits
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A v2 tree of ordinary files, whose writes replace what the kernel would replace.
    fn tree(root: &Path, current: &str) -> (Layout, Group) {
        let mountinfo = format!("30 23 0:26 / {} rw - cgroup2 cgroup2 rw", root.display());
        let layout = Layout::parse(&mountinfo, |_| "cpuset cpu io memory pids".to_owned());
        let directory = root.join("porthole/a");
        fs::create_dir_all(&directory).unwrap();
        for parent in [root, &root.join("porthole")] {
            fs::write(parent.join("cgroup.subtree_control"), "cpuset cpu io memory pids").unwrap();
        }
        for (file, text) in [
            ("memory.max", "9999999999"),
            ("memory.swap.max", "max"),
            ("memory.current", current),
            ("memory.reclaim", ""),
            ("cpu.max", "999999 100000"),
            ("pids.max", "9999"),
        ] {
            fs::write(directory.join(file), text).unwrap();
        }
        let group = Group {
            unified: Some(directory),
            ..Group::default()
        };
        (layout, group)
    }

    #[test]
    fn a_v2_container_that_uses_more_than_its_new_limit_keeps_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let (layout, group) = tree(root.path(), "5000000");
        let limits = Limits {
            memory: Some(4_000_000),
            pids: Some(5),
            ..Limits::default()
        };
        let error = update(&layout, &group, "a", &limits, &[]).unwrap_err();
        assert!(
            matches!(&error, Unchanged::Refused { what, reason } if what == "memory" && reason.contains("5000000 bytes")),
            "{error:?}"
        );
        assert_eq!(text(&root.path().join("porthole/a/memory.reclaim")), "1000000");
        assert_eq!(text(&root.path().join("porthole/a/pids.max")), "9999");
    }

    #[test]
    fn a_refused_setting_undoes_those_before_it() {
        let root = tempfile::tempdir().unwrap();
        let (_, group) = tree(root.path(), "0");
        let directory = root.path().join("porthole/a");
        let settings = [
            limits::pids(&directory, Some(1234)),
            limits::cpu(&PathBuf::from("/no/such/cgroup"), true, Some(1)).remove(0),
        ];
        let error = apply(&settings, &Limits::default(), &group).unwrap_err();
        assert!(
            matches!(&error, Unchanged::Io { what, .. } if what.starts_with("cpu (write")),
            "{error:?}"
        );
        assert_eq!(text(&directory.join("pids.max")), "9999");
    }

    #[test]
    fn reads_back_what_the_kernel_has() {
        let root = tempfile::tempdir().unwrap();
        let (_, group) = tree(root.path(), "0");
        let limits = read(&group, &[]);
        assert_eq!(limits.memory, Some(9_999_999_999));
        assert_eq!((limits.cpu_milli, limits.pids), (Some(9999), Some(9999)));
        assert!(limits.processors.is_empty() && limits.devices.is_empty());
    }
}
