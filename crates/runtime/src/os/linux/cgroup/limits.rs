//! Limits as the files of a cgroup say them, in both directions. Text in, text out.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::write;
use crate::plan::Limits;

/// The period of CPU quotas, in microseconds: the kernel's and Kubernetes' default.
const PERIOD: u64 = 100_000;
/// The longest one, for quotas that would be too small in the usual one.
const LONG_PERIOD: u64 = 1_000_000;
/// The least quota that the kernel accepts, in microseconds.
const MIN_QUOTA: u64 = 1_000;
/// `PID_MAX_LIMIT` of 64-bit kernels.
const MAX_PIDS: u64 = 4 * 1024 * 1024;
/// Less does not hold a process from its making to its program: page tables, stacks and the loader's pages.
pub(super) const MIN_MEMORY: u64 = 1024 * 1024;
/// v1 says "no limit" by the largest number of pages.
const NO_BYTES: u64 = 1 << 62;

/// One value in one file of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) file: PathBuf,
    pub(super) value: String,
    /// Not every kernel has the file.
    pub(super) optional: bool,
}

impl Setting {
    fn new(directory: &Path, file: &str, value: impl Into<String>) -> Self {
        Self {
            file: directory.join(file),
            value: value.into(),
            optional: false,
        }
    }

    pub(super) fn device(directory: &Path, file: &str, value: String) -> Self {
        Self::new(directory, file, value)
    }

    pub(super) fn write(&self) -> io::Result<()> {
        match write(&self.file, &self.value) {
            Err(error) if self.optional && error.kind() == io::ErrorKind::NotFound => Ok(()),
            written => written,
        }
    }

    /// The limit that the file is about.
    pub(super) fn what(&self) -> &'static str {
        let name = self
            .file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        match name.split('.').next() {
            Some("memory") => "memory",
            Some("cpu") => "cpu",
            Some("pids") => "processes",
            Some("cpuset") => "processors",
            _ => "devices",
        }
    }
}

/// A limit beside which a container may fill the swap would limit nothing: no swap, as for pods of a kubelet.
pub(super) fn memory(directory: &Path, v2: bool, bytes: Option<u64>) -> [Setting; 2] {
    let text = |none: &str| bytes.map_or_else(|| none.to_owned(), |bytes| bytes.to_string());
    let (limit, mut swap) = if v2 {
        (
            Setting::new(directory, "memory.max", text("max")),
            Setting::new(
                directory,
                "memory.swap.max",
                if bytes.is_some() { "0" } else { "max" },
            ),
        )
    } else {
        (
            Setting::new(directory, "memory.limit_in_bytes", text("-1")),
            Setting::new(directory, "memory.memsw.limit_in_bytes", text("-1")),
        )
    };
    swap.optional = true;
    [limit, swap]
}

/// Quota and period that are exactly these thousandths of a processor.
fn quota(milli: u64) -> (u64, u64) {
    let in_usual = milli.saturating_mul(PERIOD / 1000);
    if in_usual >= MIN_QUOTA {
        (in_usual, PERIOD)
    } else {
        (milli * (LONG_PERIOD / 1000), LONG_PERIOD)
    }
}

pub(super) fn cpu(directory: &Path, v2: bool, milli: Option<u64>) -> Vec<Setting> {
    let quota = milli.map(quota);
    let period = quota.map_or(PERIOD, |(_, period)| period);
    let text = |none: &str| quota.map_or_else(|| none.to_owned(), |(quota, _)| quota.to_string());
    if v2 {
        return vec![Setting::new(
            directory,
            "cpu.max",
            format!("{} {period}", text("max")),
        )];
    }
    let mut settings = vec![Setting::new(directory, "cpu.cfs_quota_us", "-1")];
    settings.push(Setting::new(directory, "cpu.cfs_period_us", period.to_string()));
    if quota.is_some() {
        settings.push(Setting::new(directory, "cpu.cfs_quota_us", text("-1")));
    }
    settings
}

/// What others have: the kernel's defaults of `cpu.shares` and `cpu.weight`.
const USUAL_SHARES: u64 = 1024;
const USUAL_WEIGHT: u64 = 100;
/// What the kernel takes as `cpu.shares`; what is beyond, it cuts.
const SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;
/// What the kernel takes as `cpu.weight`.
const WEIGHTS: std::ops::RangeInclusive<u64> = 1..=10_000;

/// Shares as a `cpu.weight`: the one range upon the other, as container runtimes have always done it.
fn weight(shares: u64) -> u64 {
    let from_least = shares.clamp(*SHARES.start(), *SHARES.end()) - SHARES.start();
    WEIGHTS.start() + from_least * (WEIGHTS.end() - WEIGHTS.start()) / (SHARES.end() - SHARES.start())
}

/// The least shares of a `cpu.weight`.
fn shares_of(weight: u64) -> u64 {
    let from_least = weight.clamp(*WEIGHTS.start(), *WEIGHTS.end()) - WEIGHTS.start();
    let (shares, weights) = (SHARES.end() - SHARES.start(), WEIGHTS.end() - WEIGHTS.start());
    SHARES.start() + (from_least * shares).div_ceil(weights)
}

/// `None` is what others have.
pub(super) fn cpu_shares(directory: &Path, v2: bool, shares: Option<u64>) -> Setting {
    if v2 {
        let weight = shares.map_or(USUAL_WEIGHT, weight);
        return Setting::new(directory, "cpu.weight", weight.to_string());
    }
    let shares = shares.map_or(USUAL_SHARES, |shares| {
        shares.clamp(*SHARES.start(), *SHARES.end())
    });
    Setting::new(directory, "cpu.shares", shares.to_string())
}

/// Shares as a file says them: `cpu.weight` (v2) or `cpu.shares`.
pub(super) fn read_shares(text: &str, v2: bool) -> Option<u64> {
    let number = number(text)?;
    Some(if v2 { shares_of(number) } else { number })
}

pub(super) fn pids(directory: &Path, pids: Option<u64>) -> Setting {
    Setting::new(
        directory,
        "pids.max",
        pids.map_or_else(|| "max".to_owned(), |pids| pids.to_string()),
    )
}

pub(super) fn processors(directory: &Path, processors: &[u32]) -> Setting {
    let list: Vec<String> = processors.iter().map(ToString::to_string).collect();
    Setting::new(directory, "cpuset.cpus", list.join(","))
}

/// As many processors as the parent has: what it says (v1), or nothing (v2).
pub(super) fn all_processors(directory: &Path, parent: &str) -> Setting {
    // An empty write is none.
    Setting::new(
        directory,
        "cpuset.cpus",
        if parent.is_empty() { "\n" } else { parent },
    )
}

/// What no container can have. `online` is the kernel's list of processors.
pub(in super::super) fn check(limits: &Limits, online: &str) -> Result<(), (&'static str, String)> {
    let refused = |what, reason: String| Err((what, reason));
    match limits.memory {
        Some(bytes) if bytes < MIN_MEMORY => {
            return refused(
                "memory",
                format!("no process starts in {bytes} bytes; give it at least {MIN_MEMORY} (1Mi)"),
            );
        }
        _ => {}
    }
    if limits.cpu_milli == Some(0) {
        return refused(
            "cpu",
            "nothing runs on 0 processors; give it at least 1m, or leave the limit out".to_owned(),
        );
    }
    if let Some(shares) = limits.cpu_shares
        && !(1..=*SHARES.end()).contains(&shares)
    {
        return refused(
            "cpu",
            format!(
                "{shares} is no share of the processors; give it 2 to {}",
                SHARES.end()
            ),
        );
    }
    match limits.pids {
        Some(0) => {
            return refused(
                "processes",
                "0 processes are no container; give it at least 1, or leave the limit out".to_owned(),
            );
        }
        Some(pids) if pids > MAX_PIDS => {
            return refused(
                "processes",
                format!("this system has no more than {MAX_PIDS} processes; leave the limit out"),
            );
        }
        _ => {}
    }
    let present = list(online);
    if let Some(missing) = limits
        .processors
        .iter()
        .find(|processor| !present.contains(processor))
    {
        return refused(
            "processors",
            format!("this host has no processor {missing}; it has {}", online.trim()),
        );
    }
    Ok(())
}

/// The kernel's lists: `0-2,5`.
pub(super) fn list(text: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            // More processors than any kernel is built for are not read.
            numbers.extend(first..=last.min(first.saturating_add(8192)));
        }
    }
    numbers
}

/// A number of bytes or of processes; `None` is no limit.
pub(super) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|number| *number < NO_BYTES)
}

/// Thousandths of a processor of quota and period.
pub(super) fn milli(quota: &str, period: &str) -> Option<u64> {
    let (quota, period) = (number(quota)?, number(period)?);
    quota.checked_mul(1000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_exact_down_to_a_thousandth() {
        for (milli, expected) in [
            (1, (1000, LONG_PERIOD)),
            (9, (9000, LONG_PERIOD)),
            (10, (1000, PERIOD)),
            (250, (25_000, PERIOD)),
            (4000, (400_000, PERIOD)),
        ] {
            assert_eq!(quota(milli), expected);
            let (quota, period) = expected;
            assert_eq!(super::milli(&quota.to_string(), &period.to_string()), Some(milli));
        }
        assert_eq!(super::milli("-1", "100000"), None);
        assert_eq!(super::milli("max", "100000"), None);
    }

    #[test]
    fn shares_become_weights_and_back() {
        for (shares, expected) in [
            (1, 1),
            (2, 1),
            (28, 1),
            (29, 2),
            (1024, 39),
            (5000, 191),
            (262_144, 10_000),
        ] {
            assert_eq!(weight(shares), expected, "{shares}");
        }
        // What is shown is the least that would be the same.
        for shown in WEIGHTS {
            assert_eq!(weight(shares_of(shown)), shown);
            assert!(shown == 1 || weight(shares_of(shown) - 1) < shown, "{shown}");
        }
        let value = |v2, shares| cpu_shares(Path::new("/c"), v2, shares);
        for (v2, shares, file, expected) in [
            (true, Some(2), "/c/cpu.weight", "1"),
            (true, None, "/c/cpu.weight", "100"),
            (false, Some(1), "/c/cpu.shares", "2"),
            (false, Some(512), "/c/cpu.shares", "512"),
            (false, None, "/c/cpu.shares", "1024"),
        ] {
            let setting = value(v2, shares);
            assert_eq!((setting.file.to_str(), &*setting.value), (Some(file), expected));
            assert_eq!(setting.what(), "cpu");
        }
        assert_eq!(read_shares("512\n", false), Some(512));
        assert_eq!(read_shares("39\n", true), Some(shares_of(39)));
    }

    #[test]
    fn reads_lists_of_processors() {
        for (text, expected) in [
            ("0-1\n", &[0, 1][..]),
            ("0,2-3", &[0, 2, 3]),
            ("", &[]),
            ("x,1", &[1]),
        ] {
            assert_eq!(list(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_run_by_its_name() {
        for (limits, what, reason) in [
            (
                Limits {
                    memory: Some(4096),
                    ..Limits::default()
                },
                "memory",
                "no process starts in 4096 bytes",
            ),
            (
                Limits {
                    cpu_milli: Some(0),
                    ..Limits::default()
                },
                "cpu",
                "nothing runs on 0 processors",
            ),
            (
                Limits {
                    cpu_shares: Some(262_145),
                    ..Limits::default()
                },
                "cpu",
                "262145 is no share of the processors; give it 2 to 262144",
            ),
            (
                Limits {
                    pids: Some(0),
                    ..Limits::default()
                },
                "processes",
                "0 processes are no container",
            ),
            (
                Limits {
                    pids: Some(1 << 40),
                    ..Limits::default()
                },
                "processes",
                "no more than 4194304",
            ),
            (
                Limits {
                    processors: vec![0, 7],
                    ..Limits::default()
                },
                "processors",
                "has no processor 7; it has 0-1",
            ),
        ] {
            let (named, said) = check(&limits, "0-1\n").unwrap_err();
            assert_eq!(named, what);
            assert!(said.contains(reason), "{said}");
        }
        assert_eq!(check(&Limits::default(), ""), Ok(()));
    }
}
