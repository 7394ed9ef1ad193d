//! A container without a cgroup: its processes are those below its shepherd, which alone can say that none is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::started::state_and_start;
use super::steps;
use crate::engine::Stats;

const FILE: &str = "shepherd";
/// What the kernel counts processor time in for user programs, on every architecture (`USER_HZ`).
const NANOSECONDS_A_TICK: u64 = 10_000_000;

/// The processes of a container, found by the file that names its shepherd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Herd {
    file: PathBuf,
}

/// The note of a further program's shepherd, which is no child of the container's. It goes when this is dropped.
#[derive(Debug)]
pub(super) struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        // Gone with the container's directory, or its number and start are nobody's any more.
        let _ = fs::remove_file(&self.0);
    }
}

/// What a shepherd is made with.
#[derive(Debug)]
pub(super) struct Crook {
    watched: Vec<OwnedFd>,
    told: File,
    tell: OwnedFd,
}

impl Crook {
    /// For a shepherd that does not outlive this process, nor the process of another handle.
    pub(super) fn new(other: Option<OwnedFd>) -> io::Result<Self> {
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC)?;
        let own = pidfd_open(getpid(), PidfdFlags::empty())?;
        Ok(Self {
            watched: std::iter::once(own).chain(other).collect(),
            told: told.into(),
            tell,
        })
    }

    /// What the new process does.
    pub(super) fn step(&self) -> steps::Shepherd {
        let watched = |index: usize| self.watched.get(index).map_or(-1, AsRawFd::as_raw_fd);
        steps::Shepherd {
            watched: [watched(0), watched(1)],
            tell: self.tell.as_raw_fd(),
        }
    }

    /// The first process of the container, once the shepherd was made.
    pub(super) fn first(self) -> io::Result<u32> {
        drop(self.tell);
        let mut told = self.told;
        let mut pid = [0; 4];
        told.read_exact(&mut pid)?;
        Ok(u32::from_ne_bytes(pid))
    }
}

/// What `/proc/PID/stat` says of a process.
struct Process {
    parent: i32,
    threads: u64,
    /// User and system time in ticks: its own, and of children that it has waited for.
    own: [u64; 2],
    children: [u64; 2],
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // Fields 4, 14 to 17 and 20, counted after the name, which may contain anything (proc_pid_stat(5)).
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            threads: number(20)?,
            own: [number(14)?, number(15)?],
            children: [number(16)?, number(17)?],
        })
    }
}

impl Herd {
    /// That of a container with this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self {
            file: directory.join(FILE),
        }
    }

    /// Notes the shepherd, which must not have been waited for yet.
    pub(super) fn note(&self, shepherd: Pid) -> io::Result<()> {
        note(&self.file, shepherd)
    }

    /// Notes the shepherd of a further program, in the same way.
    pub(super) fn note_program(&self, shepherd: Pid) -> io::Result<Noted> {
        let file = self.file.with_extension(shepherd.as_raw_nonzero().to_string());
        note(&file, shepherd)?;
        Ok(Noted(file))
    }

    /// The shepherd's process id and handle, while it lives.
    pub(super) fn shepherd(&self) -> io::Result<Option<(i32, OwnedFd)>> {
        noted(&self.file)
    }

    /// The processes below the shepherd, and those of further programs, below theirs.
    pub(super) fn members(&self) -> io::Result<BTreeSet<i32>> {
        let Some((shepherd, _)) = self.shepherd()? else {
            // Without it none of the others is there for long.
            return Ok(BTreeSet::new());
        };
        let mut members: BTreeSet<i32> = below(shepherd)?.into_keys().collect();
        for file in self.programs()? {
            if let Some((shepherd, _)) = noted(&file)? {
                members.extend(below(shepherd)?.into_keys());
            }
        }
        Ok(members)
    }

    /// The notes of further programs.
    fn programs(&self) -> io::Result<Vec<PathBuf>> {
        let Some(directory) = self.file.parent() else {
            return Ok(Vec::new());
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some() && path.file_stem() == self.file.file_name() {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// Has everything killed.
    pub(super) fn kill(&self) -> io::Result<()> {
        match self.shepherd()? {
            Some((_, handle)) => match pidfd_send_signal(&handle, Signal::TERM) {
                Err(rustix::io::Errno::SRCH) => Ok(()),
                sent => Ok(sent?),
            },
            None => Ok(()),
        }
    }

    /// Whether no process is left.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.shepherd()?.is_none())
    }

    /// Has everything killed and waits for it. `false` when something is still there after the time given.
    pub(super) fn kill_and_wait(&self, limit: Duration) -> io::Result<bool> {
        let Some((_, handle)) = self.shepherd()? else {
            return Ok(true);
        };
        self.kill()?;
        let deadline = std::time::Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What its processes use. What they read and write is counted nowhere.
    pub(super) fn stats(&self) -> Stats {
        let Ok(Some((shepherd, _))) = self.shepherd() else {
            return Stats::default();
        };
        let members = below(shepherd).unwrap_or_default();
        // What has ended is counted by whoever waited for it, in the end by the shepherd.
        let mut ticks = Process::read(shepherd).map_or([0, 0], |process| process.children);
        let (mut threads, mut memory) = (0, 0);
        for (pid, process) in &members {
            threads += process.threads;
            memory += proportional(*pid).unwrap_or(0);
            for (sum, index) in ticks.iter_mut().zip(0..) {
                *sum += process.own.get(index).unwrap_or(&0) + process.children.get(index).unwrap_or(&0);
            }
        }
        let [user, system] = ticks.map(|ticks| ticks.saturating_mul(NANOSECONDS_A_TICK));
        Stats {
            cpu_nanoseconds: Some(user.saturating_add(system)),
            cpu_user_nanoseconds: Some(user),
            cpu_system_nanoseconds: Some(system),
            memory_bytes: Some(memory),
            working_set_bytes: Some(memory),
            pids: Some(threads),
            ..Stats::default()
        }
    }
}

fn note(file: &Path, shepherd: Pid) -> io::Result<()> {
    let pid = shepherd.as_raw_nonzero();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, since) = state_and_start(&stat).ok_or(io::ErrorKind::InvalidData)?;
    fs::write(file, format!("{pid} {since}"))
}

/// The shepherd that a file names, while it lives.
fn noted(file: &Path) -> io::Result<Option<(i32, OwnedFd)>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let mut words = text.split(' ').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(since))) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        handle => handle?,
    };
    let number = pid.as_raw_nonzero().get();
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    Ok(match state_and_start(&stat) {
        Some((state, found)) if found == since && !matches!(state, 'Z' | 'X') => Some((number, handle)),
        _ => None,
    })
}

/// The processes that have this one among their ancestors.
fn below(ancestor: i32) -> io::Result<BTreeMap<i32, Process>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(process) = Process::read(pid) {
            all.insert(pid, process);
        }
    }
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (pid, process) in &all {
            if process.parent == ancestor || found.contains(&process.parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            break;
        }
    }
    all.retain(|pid, _| found.contains(pid));
    Ok(all)
}

/// A process's memory in bytes, what it shares with others divided among them.
fn proportional(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says_of_a_process_of_any_name() {
        let stat = "12 (a) b (c) S 7 12 12 0 -1 4194304 1 2 3 4 101 102 103 104 20 0 5 0 4711 1 1";
        let process = Process::parse(stat).unwrap();
        assert_eq!((process.parent, process.threads), (7, 5));
        assert_eq!((process.own, process.children), ([101, 102], [103, 104]));
        assert!(Process::parse("12 (a").is_none() && Process::parse("12 (a) S x").is_none());
    }

    #[test]
    fn a_shepherd_of_another_time_is_none() {
        let root = tempfile::tempdir().unwrap();
        let herd = Herd::of(root.path());
        assert!(herd.is_empty().unwrap(), "none was noted");
        herd.note(getpid()).unwrap();
        assert!(!herd.is_empty().unwrap());
        fs::write(&herd.file, format!("{} 1", std::process::id())).unwrap();
        assert!(herd.is_empty().unwrap() && herd.members().unwrap().is_empty());
        assert!(herd.kill_and_wait(Duration::ZERO).unwrap());
        for torn in ["", "x", "7", "-1 5", "99999999999999999999 1"] {
            fs::write(&herd.file, torn).unwrap();
            assert!(herd.is_empty().unwrap(), "{torn}");
        }
    }

    #[test]
    fn further_programs_are_members_as_long_as_they_are_noted() {
        let root = tempfile::tempdir().unwrap();
        let herd = Herd::of(root.path());
        let start = || {
            let mut command = std::process::Command::new("sh");
            let command = command.args(["-c", "read line; true"]);
            command.stdin(std::process::Stdio::piped()).spawn().unwrap()
        };
        let mut shepherds = [start(), start()];
        let pid = |index: usize| Pid::from_raw(i32::try_from(shepherds[index].id()).unwrap()).unwrap();
        herd.note(pid(0)).unwrap();
        let noted = herd.note_program(pid(1)).unwrap();
        assert_eq!(herd.programs().unwrap().len(), 1);
        assert!(herd.members().unwrap().is_empty(), "shepherds are none");
        // This process has both below it.
        note(&noted.0, getpid()).unwrap();
        let members = herd.members().unwrap();
        assert!(members.contains(&pid(1).as_raw_nonzero().get()), "{members:?}");
        drop(noted);
        assert!(herd.programs().unwrap().is_empty() && herd.members().unwrap().is_empty());
        for shepherd in &mut shepherds {
            shepherd.kill().unwrap();
            shepherd.wait().unwrap();
        }
    }

    #[test]
    fn knows_the_children_of_a_process() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let members = below(getpid().as_raw_nonzero().get()).unwrap();
        assert!(members.contains_key(&i32::try_from(child.id()).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
