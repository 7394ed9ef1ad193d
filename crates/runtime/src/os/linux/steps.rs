//! What a new process does before it becomes the container's program, as data.
//!
//! The list is made before the process exists, by pure functions; [`raw`](super::raw) then carries it out between `clone3`
//! and `execve`, where nothing may be allocated or locked. A step that fails is reported by its index, so that every
//! failure has a name.

use std::ffi::{CStr, CString};
use std::os::fd::RawFd;

use serde::{Deserialize, Serialize};

/// What lists of processes call a guardian. At most 15 bytes.
const GUARDIAN: &CStr = c"porthole-guard";

/// One step of a new process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Enters a v1 cgroup through its open `tasks`.
    EnterCgroup(RawFd),
    /// A session of its own: no terminal, no process group of porthole's.
    Session,
    /// Standard input, a terminal that is nobody's yet, becomes that of the session.
    Terminal,
    /// Every signal back to its default, none blocked.
    DefaultSignals,
    /// `to` becomes a copy of `from` that survives `execve`.
    Stream {
        /// Open in porthole.
        from: RawFd,
        /// 0, 1 or 2.
        to: RawFd,
    },
    /// Closes all descriptors of these ranges, both ends included.
    Close(Vec<(u32, u32)>),
    /// A mount namespace of its own, into which later mounts of the host still come, and out of which nothing goes.
    PrivateMounts,
    /// Divides the process: what follows is done by its child, the container's first process.
    Shepherd(Shepherd),
    /// Enters another process's user namespace, through the open file that stands for it.
    EnterUser(RawFd),
    /// Enters another process's mount namespace, through the open file that stands for it.
    EnterMounts(RawFd),
    /// What has been attached since is cut off from the host's as well.
    CutOffMounts,
    /// Attaches a mount that has no place yet. The target is reached without following a symbolic link.
    Attach {
        /// From `fsmount` or `open_tree`.
        mount: RawFd,
        /// Absolute.
        target: CString,
    },
    /// Makes a bind mount read-only by the older call, where `mount_setattr` is missing.
    ReadOnly {
        /// Absolute.
        target: CString,
    },
    /// The working directory.
    WorkingDirectory(CString),
    /// The file mode mask.
    Umask(u32),
    /// No program started from here on can have a capability.
    EmptyBoundingSet,
    /// Supplementary groups.
    Groups(Vec<u32>),
    /// Real, effective and saved group.
    Gid(u32),
    /// Real, effective and saved user.
    Uid(u32),
    /// Gives up every capability.
    NoCapabilities,
    /// Set-uid programs give nothing any more.
    NoNewPrivileges,
    /// The kernel kills this process when the thread that made it ends. Comes after the change of user, which resets it.
    DieWithParent {
        /// Porthole's process id: if it is no longer the parent, porthole is dead already.
        parent: i32,
    },
    /// What lists of processes call it.
    Name(CString),
    /// Reports that all went well, and goes on only when the process whose handle is standard input has ended.
    OutliveHolder {
        /// The pipe over which the new process reports.
        report: RawFd,
    },
    /// Becomes the first of these programs that can be executed.
    Execute(Program),
}

/// The parent of all that is left of a container without a cgroup: it lives until nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shepherd {
    /// Handles of processes, or -1: at the end of one of them everything is killed.
    pub(super) watched: [RawFd; 2],
    /// The pipe that is told the process id of the first process.
    pub(super) tell: RawFd,
}

/// The last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Absolute paths, in the order in which they are tried.
    pub(super) candidates: Vec<CString>,
    /// `argv`, the program's name included.
    pub(super) arguments: Vec<CString>,
    /// `NAME=value`.
    pub(super) environment: Vec<CString>,
}

impl Step {
    /// What was being done, for errors.
    pub(super) fn doing(&self) -> String {
        match self {
            Self::EnterCgroup(_) => "enter the container's cgroup".to_owned(),
            Self::Session => "make a session".to_owned(),
            Self::Terminal => "make the terminal that of the session".to_owned(),
            Self::DefaultSignals => "reset signals".to_owned(),
            Self::Stream { to, .. } => format!("set up standard stream {to}"),
            Self::Close(_) => "close porthole's files".to_owned(),
            Self::PrivateMounts => {
                "make a mount namespace (needs CAP_SYS_ADMIN; a container's default profile forbids it)"
                    .to_owned()
            }
            Self::Shepherd(_) => "make a parent for what the container leaves behind".to_owned(),
            Self::EnterUser(_) => "enter the container's user namespace".to_owned(),
            Self::EnterMounts(_) => {
                "enter the container's mount namespace (needs CAP_SYS_ADMIN and CAP_SYS_CHROOT)".to_owned()
            }
            Self::CutOffMounts => "cut the container's mounts off from the host's".to_owned(),
            Self::Attach { target, .. } => format!("mount at `{}`", target.to_string_lossy()),
            Self::ReadOnly { target } => format!("make `{}` read-only", target.to_string_lossy()),
            Self::WorkingDirectory(directory) => {
                format!("change to working directory `{}`", directory.to_string_lossy())
            }
            Self::Umask(_) => "set the file mode mask".to_owned(),
            Self::EmptyBoundingSet | Self::NoCapabilities => "give up capabilities".to_owned(),
            Self::Groups(groups) => format!("set supplementary groups {groups:?}"),
            Self::Gid(gid) => format!("become group {gid}"),
            Self::Uid(uid) => format!("become user {uid}"),
            Self::NoNewPrivileges => "forbid new privileges".to_owned(),
            Self::DieWithParent { .. } => "tie the process to porthole".to_owned(),
            Self::Name(_) => "name the process".to_owned(),
            Self::OutliveHolder { .. } => "wait for the holder's end".to_owned(),
            Self::Execute(_) => "execute the program".to_owned(),
        }
    }
}

/// Who a process becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Supplementary groups.
    pub(super) groups: Vec<u32>,
}

impl Credentials {
    /// Root keeps its capabilities, everybody else has none and can get none.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.uid != 0 {
            steps.push(Step::EmptyBoundingSet);
        }
        steps.extend([
            Step::Groups(self.groups.clone()),
            Step::Gid(self.gid),
            Step::Uid(self.uid),
        ]);
        if self.uid != 0 {
            steps.extend([Step::NoCapabilities, Step::NoNewPrivileges]);
        }
        steps
    }
}

/// A detached mount that the new process attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) mount: RawFd,
    pub(super) target: CString,
    /// The mount could not be made read-only before.
    pub(super) then_read_only: bool,
}

/// Where a new process sees the container's rootfs and volumes.
#[derive(Clone, Debug)]
pub(super) enum Mounts {
    /// In a mount namespace of its own: rootfs first, then volumes, shallow ones first.
    New(Vec<Attachment>),
    /// In that of the container's first process.
    Entered {
        /// The user namespace to which it belongs, unless that is this process's own.
        user: Option<RawFd>,
        mounts: RawFd,
    },
}

impl Mounts {
    /// The descriptors that are needed until the mounts are there.
    fn kept(&self) -> Vec<RawFd> {
        match self {
            Self::New(attachments) => attachments.iter().map(|attachment| attachment.mount).collect(),
            Self::Entered { user, mounts } => user.iter().copied().chain([*mounts]).collect(),
        }
    }

    fn steps(&self) -> Vec<Step> {
        let attachments = match self {
            Self::New(attachments) => attachments,
            Self::Entered { user, mounts } => {
                let user = user.map(Step::EnterUser);
                return user.into_iter().chain([Step::EnterMounts(*mounts)]).collect();
            }
        };
        let mut steps = vec![Step::PrivateMounts];
        for attachment in attachments {
            let target = &attachment.target;
            steps.push(Step::Attach {
                mount: attachment.mount,
                target: target.clone(),
            });
            if attachment.then_read_only {
                steps.push(Step::ReadOnly {
                    target: target.clone(),
                });
            }
        }
        steps.push(Step::CutOffMounts);
        steps
    }
}

/// All that the steps of a container's process depend on: of its first one, or of one that is started in it later.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Open `tasks` of v1 hierarchies.
    pub(super) cgroups: Vec<RawFd>,
    /// What becomes standard input, output and error; `None` keeps porthole's own.
    pub(super) streams: [Option<RawFd>; 3],
    /// The streams are a terminal of the process's own.
    pub(super) terminal: bool,
    pub(super) mounts: Mounts,
    pub(super) working_directory: CString,
    /// `None` stays who porthole is.
    pub(super) credentials: Option<Credentials>,
    /// Porthole's process id.
    pub(super) parent: i32,
    /// Where no cgroup holds the container together: then porthole is its grandparent.
    pub(super) shepherd: Option<Shepherd>,
    pub(super) program: Program,
}

impl Launch {
    /// The steps. `report` is the pipe over which the new process reports.
    pub(super) fn steps(&self, report: RawFd) -> Vec<Step> {
        let mut steps: Vec<Step> = self.cgroups.iter().map(|fd| Step::EnterCgroup(*fd)).collect();
        steps.extend(self.shepherd.map(Step::Shepherd));
        steps.extend([Step::Session, Step::DefaultSignals]);
        steps.extend(streams(&self.streams));
        if self.terminal {
            steps.push(Step::Terminal);
        }
        let mut kept = self.mounts.kept();
        kept.push(report);
        steps.push(Step::Close(gaps(&kept)));
        steps.extend(self.mounts.steps());
        steps.extend([
            Step::Umask(0o022),
            Step::WorkingDirectory(self.working_directory.clone()),
        ]);
        steps.extend(self.credentials.iter().flat_map(Credentials::steps));
        if self.shepherd.is_none() {
            steps.push(Step::DieWithParent { parent: self.parent });
        }
        steps.push(Step::Execute(self.program.clone()));
        steps
    }
}

/// The steps of the guardian: `own` become its standard streams, the first of them the holder, and `executable` is what
/// `program` is executed from.
///
/// It keeps all signals blocked, as a new process has them, before and after it executes anything: it outlives whatever is
/// sent to porthole.
///
/// Until its holder ends it is nothing but a copy of it that waits: a program of its own would cost every run the time
/// of loading it, and is needed by none that ends well.
pub(super) fn guardian(own: [RawFd; 3], executable: RawFd, report: RawFd, program: Program) -> Vec<Step> {
    let mut steps = vec![Step::Session];
    steps.extend(streams(&own.map(Some)));
    steps.extend([
        Step::Close(gaps(&[report, executable])),
        Step::WorkingDirectory(c"/".to_owned()),
        Step::Name(GUARDIAN.to_owned()),
        Step::OutliveHolder { report },
        Step::Execute(program),
    ]);
    steps
}

/// The steps of a process that outlives its maker, with these standard streams.
pub(super) fn detached(own: [RawFd; 3], report: RawFd, program: Program) -> Vec<Step> {
    let mut steps = vec![Step::Session, Step::DefaultSignals];
    steps.extend(streams(&own.map(Some)));
    steps.extend([
        Step::Close(gaps(&[report])),
        Step::WorkingDirectory(c"/".to_owned()),
        Step::Execute(program),
    ]);
    steps
}

fn streams(streams: &[Option<RawFd>; 3]) -> impl Iterator<Item = Step> + '_ {
    streams
        .iter()
        .zip(0..)
        .filter_map(|(from, to)| from.map(|from| Step::Stream { from, to }))
}

/// The descriptors from 3 on that are not `kept`, as ranges.
fn gaps(kept: &[RawFd]) -> Vec<(u32, u32)> {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut gaps = Vec::new();
    let mut next = 3;
    for fd in kept {
        if fd > next {
            gaps.push((next, fd - 1));
        }
        next = next.max(fd + 1);
    }
    gaps.push((next, u32::MAX));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            candidates: vec![c"/hpc/bin/true".to_owned(), c"/bin/true".to_owned()],
            arguments: vec![c"/bin/true".to_owned()],
            environment: vec![c"A=1".to_owned()],
        }
    }

    fn launch() -> Launch {
        Launch {
            cgroups: vec![8],
            streams: [Some(4), None, Some(5)],
            terminal: false,
            mounts: Mounts::New(vec![
                Attachment {
                    mount: 6,
                    target: c"/hpc".to_owned(),
                    then_read_only: false,
                },
                Attachment {
                    mount: 9,
                    target: c"/data".to_owned(),
                    then_read_only: true,
                },
            ]),
            working_directory: c"/hpc".to_owned(),
            credentials: Some(Credentials {
                uid: 7,
                gid: 8,
                groups: vec![8, 9],
            }),
            parent: 42,
            shepherd: None,
            program: program(),
        }
    }

    #[test]
    fn takes_exactly_these_steps() {
        assert_eq!(
            launch().steps(7),
            [
                Step::EnterCgroup(8),
                Step::Session,
                Step::DefaultSignals,
                Step::Stream { from: 4, to: 0 },
                Step::Stream { from: 5, to: 2 },
                Step::Close(vec![(3, 5), (8, 8), (10, u32::MAX)]),
                Step::PrivateMounts,
                Step::Attach {
                    mount: 6,
                    target: c"/hpc".to_owned()
                },
                Step::Attach {
                    mount: 9,
                    target: c"/data".to_owned()
                },
                Step::ReadOnly {
                    target: c"/data".to_owned()
                },
                Step::CutOffMounts,
                Step::Umask(0o022),
                Step::WorkingDirectory(c"/hpc".to_owned()),
                Step::EmptyBoundingSet,
                Step::Groups(vec![8, 9]),
                Step::Gid(8),
                Step::Uid(7),
                Step::NoCapabilities,
                Step::NoNewPrivileges,
                Step::DieWithParent { parent: 42 },
                Step::Execute(program()),
            ]
        );
    }

    #[test]
    fn enters_a_container_before_it_becomes_its_user() {
        let mut launch = launch();
        launch.mounts = Mounts::Entered {
            user: Some(7),
            mounts: 6,
        };
        launch.streams = [Some(4); 3];
        launch.terminal = true;
        let steps = launch.steps(7);
        assert_eq!(
            steps[1..12],
            [
                Step::Session,
                Step::DefaultSignals,
                Step::Stream { from: 4, to: 0 },
                Step::Stream { from: 4, to: 1 },
                Step::Stream { from: 4, to: 2 },
                Step::Terminal,
                Step::Close(vec![(3, 5), (8, u32::MAX)]),
                Step::EnterUser(7),
                Step::EnterMounts(6),
                Step::Umask(0o022),
                Step::WorkingDirectory(c"/hpc".to_owned()),
            ]
        );
        assert!(!steps.contains(&Step::PrivateMounts) && steps.contains(&Step::Uid(7)));
    }

    #[test]
    fn leaves_root_its_capabilities_and_an_inherited_user_everything() {
        let mut launch = launch();
        launch.credentials = Some(Credentials {
            uid: 0,
            gid: 0,
            groups: vec![0],
        });
        let steps = launch.steps(7);
        assert!(!steps.contains(&Step::NoCapabilities) && !steps.contains(&Step::NoNewPrivileges));
        assert!(steps.contains(&Step::Uid(0)));
        launch.credentials = None;
        assert!(
            !launch
                .steps(7)
                .iter()
                .any(|step| matches!(step, Step::Uid(_) | Step::Groups(_)))
        );
    }

    #[test]
    fn closes_around_what_is_kept() {
        for (kept, expected) in [
            (&[][..], &[(3, u32::MAX)][..]),
            (&[3], &[(4, u32::MAX)]),
            (&[7, 5, 5], &[(3, 4), (6, 6), (8, u32::MAX)]),
            (&[1, 4], &[(3, 3), (5, u32::MAX)]),
        ] {
            assert_eq!(gaps(kept), expected, "{kept:?}");
        }
    }
}
