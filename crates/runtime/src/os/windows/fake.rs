//! A Windows that does nothing and remembers every call, so that flags and structures are asserted on every system.

mod accounts_and_host;
mod jobs;
mod pipes;
mod processes;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read as _, Seek as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};

use super::api::{
    AccountInformation, Accounting, CloseHandle, CpuRate, ExtendedLimit, GroupAffinity, Handle,
    IoAttribution, JobInformation, MemoryUsage, PipeSpec, ProcessSpec,
};

/// A call as it was made. Handles are their values, counted from 1 in the order in which they were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    CreateJob(String),
    OpenJob {
        name: String,
        access: u32,
    },
    SetJob {
        job: usize,
        information: JobInformation,
    },
    QueryLimit(usize),
    TerminateJob {
        job: usize,
        code: u32,
    },
    CreatePort,
    PseudoConsole {
        columns: i16,
        rows: i16,
        input: usize,
        output: usize,
    },
    Resize {
        console: usize,
        columns: i16,
        rows: i16,
    },
    BindFilter {
        job: usize,
        flags: u32,
        root: String,
        target: String,
    },
    CreateProcess(ProcessSpec),
    OpenProcess {
        access: u32,
        id: u32,
    },
    OpenProcessToken {
        id: u32,
        access: u32,
    },
    RemoteThread {
        process: u32,
        start: usize,
        argument: u32,
    },
    CreatePipe,
    Inheritable(usize),
    Logon {
        name: String,
        domain: Option<String>,
        has_password: bool,
        kind: u32,
    },
    GroupInformation(String),
    UserAdd {
        name: String,
        flags: u32,
    },
    UserDelete(String),
    AddMember {
        group: String,
        sid: Vec<u8>,
    },
    CreateDirectory(String),
    CreatePrivateDirectory {
        path: String,
        sddl: String,
    },
    OpenFile {
        path: String,
        access: u32,
        share: u32,
        flags: u32,
    },
    Grant {
        path: String,
        sid: Vec<u8>,
        access: u32,
    },
    RemoveDirectory(String),
    RemoveTree(String),
    CopyTree {
        from: String,
        to: String,
    },
    SymbolicLink {
        link: String,
        target: String,
        flags: u32,
    },
    NamedPipe(PipeSpec),
    OpenPipe {
        name: String,
        access: u32,
        flags: u32,
    },
    Close(usize),
}

type Failure = Box<dyn Fn(&Call) -> bool + Send>;

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Memory {
    calls: Vec<Call>,
    made: usize,
    left: Vec<String>,
    handles: usize,
    open: HashSet<usize>,
    processes: HashMap<usize, u32>,
    limit: ExtendedLimit,
    forgets: bool,
    job_exists: bool,
    members: Vec<(u32, String)>,
    active: VecDeque<u32>,
    /// Of each completion port, the last of which is `port`.
    packets: HashMap<usize, VecDeque<u32>>,
    port: usize,
    cpu_rate: CpuRate,
    affinity: Vec<GroupAffinity>,
    accounting: Accounting,
    usage: Option<MemoryUsage>,
    io: Option<IoAttribution>,
    private_working_set: Option<usize>,
    logons: HashMap<usize, u64>,
    same_logon: bool,
    outside: HashSet<u32>,
    ended: HashSet<u32>,
    failures: Vec<(Failure, i32)>,
    fails_at: Option<usize>,
    dies_at: Option<usize>,
    files: HashSet<String>,
    directories: HashSet<String>,
    links: HashSet<String>,
    /// Where links lead that lead anywhere.
    targets: HashMap<String, String>,
    /// Of handles of files and directories.
    opened: HashMap<usize, String>,
    /// How many files were opened, and which path is made a link to which before the how many-th.
    opens: usize,
    link_at_open: Option<(usize, String, String)>,
    console: bool,
    shown: Arc<Mutex<Vec<u8>>>,
    security: HashMap<String, String>,
    users: HashMap<usize, Vec<u8>>,
    variables: HashMap<String, String>,
    groups: HashSet<String>,
    accounts: HashMap<String, AccountInformation>,
    wine: Option<String>,
    exit_code: u32,
    contents: VecDeque<String>,
    files_of: HashMap<usize, std::fs::File>,
    pipe_owner: Option<Vec<u8>>,
    /// Whole and short name of the computer.
    names: Option<(String, String)>,
    /// Names of groups by their SIDs; English ones without.
    aliases: HashMap<Vec<u8>, String>,
}

/// See the module.
pub(super) struct Fake {
    memory: Mutex<Memory>,
    packet: Condvar,
    this: Weak<Fake>,
}

/// What `CtrlRoutine` is said to be at.
const CTRL_ROUTINE: usize = 0xC7A1;

impl Fake {
    pub(super) fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            memory: Mutex::default(),
            packet: Condvar::new(),
            this: this.clone(),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// Remembers a call; fails it if a test asked for that.
    fn call(&self, call: Call) -> io::Result<()> {
        let mut memory = self.memory();
        let failure = memory
            .failures
            .iter()
            .find(|(matches, _)| matches(&call))
            .map(|(_, code)| *code)
            .or_else(|| (memory.fails_at == Some(memory.made)).then_some(5))
            .or_else(|| memory.dies_at.is_some_and(|at| memory.made >= at).then_some(5));
        memory.made += 1;
        if failure.is_none() {
            match &call {
                Call::CreateDirectory(made)
                | Call::CreatePrivateDirectory { path: made, .. }
                | Call::UserAdd { name: made, .. } => {
                    memory.left.push(made.clone());
                }
                Call::UserDelete(gone) | Call::RemoveDirectory(gone) => {
                    memory.left.retain(|other| other != gone);
                }
                Call::RemoveTree(gone) => memory.left.retain(|other| !other.starts_with(gone)),
                _ => {}
            }
        }
        memory.calls.push(call);
        failure.map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)))
    }

    fn status(&self, call: Call) -> u32 {
        self.call(call)
            .map_or_else(|error| error.raw_os_error().unwrap().cast_unsigned(), |()| 0)
    }

    fn open(&self) -> Handle {
        let mut memory = self.memory();
        memory.handles += 1;
        let raw = memory.handles;
        memory.open.insert(raw);
        drop(memory);
        Handle::new(raw, self.this.upgrade().unwrap())
    }

    /// Every call but the closing of handles.
    pub(super) fn calls(&self) -> Vec<Call> {
        let memory = self.memory();
        memory
            .calls
            .iter()
            .filter(|call| !matches!(call, Call::Close(_)))
            .cloned()
            .collect()
    }

    /// The handles that were closed, in their order.
    pub(super) fn closed(&self) -> Vec<usize> {
        let closed = |call: &Call| match call {
            Call::Close(raw) => Some(*raw),
            _ => None,
        };
        self.memory().calls.iter().filter_map(closed).collect()
    }

    /// How many calls were made, without the closing of handles.
    pub(super) fn calls_made(&self) -> usize {
        self.memory().made
    }

    /// What `SetInformationJobObject` was given.
    pub(super) fn sets(&self) -> Vec<JobInformation> {
        self.calls()
            .into_iter()
            .filter_map(|call| match call {
                Call::SetJob { information, .. } => Some(information),
                _ => None,
            })
            .collect()
    }

    pub(super) fn open_handles(&self) -> usize {
        self.memory().open.len()
    }

    pub(super) fn is_open(&self, raw: usize) -> bool {
        self.memory().open.contains(&raw)
    }

    /// Fails the calls that match with this Win32 error or status.
    pub(super) fn fail(&self, matches: impl Fn(&Call) -> bool + Send + 'static, code: i32) {
        self.memory().failures.push((Box::new(matches), code));
    }

    /// Fails the call of this number, counted from 0.
    pub(super) fn fail_at(&self, number: usize) {
        self.memory().fails_at = Some(number);
    }

    /// From the call of this number on, counted from 0, none does anything: whoever makes them is dead.
    pub(super) fn die_at(&self, number: usize) {
        self.memory().dies_at = Some(number);
    }

    /// No call fails any more.
    pub(super) fn heal(&self) {
        let mut memory = self.memory();
        memory.failures.clear();
        memory.fails_at = None;
        memory.dies_at = None;
    }

    pub(super) fn preset_limit(&self, limit: ExtendedLimit) {
        self.memory().limit = limit;
    }

    /// Accepts limits and does not keep them, as Wine 8 does.
    pub(super) fn forget_limits(&self) {
        self.memory().forgets = true;
    }

    pub(super) fn job_exists(&self) {
        self.memory().job_exists = true;
    }

    pub(super) fn members(&self, members: &[(u32, &str)]) {
        self.memory().members = members
            .iter()
            .map(|(id, name)| (*id, (*name).to_owned()))
            .collect();
    }

    /// How many processes the job has, answer by answer, and none after that.
    pub(super) fn active(&self, counts: &[u32]) {
        self.memory().active = counts.iter().copied().collect();
    }

    pub(super) fn file(&self, path: &str) {
        self.memory().files.insert(path.to_ascii_lowercase());
    }

    pub(super) fn directory(&self, path: &str) {
        self.memory().directories.insert(path.to_ascii_lowercase());
    }

    /// A link to a directory.
    pub(super) fn link(&self, path: &str) {
        self.directory(path);
        self.memory().links.insert(path.to_ascii_lowercase());
    }

    /// A link to a path, which need not be there.
    pub(super) fn link_to(&self, path: &str, target: &str) {
        let mut memory = self.memory();
        memory.links.insert(path.to_ascii_lowercase());
        memory
            .targets
            .insert(path.to_ascii_lowercase(), target.to_owned());
    }

    /// The files and directories that were opened, by their handles.
    pub(super) fn opened(&self) -> HashMap<usize, String> {
        self.memory().opened.clone()
    }

    /// Somebody makes a path a link right before the open of this number, counted from 0.
    pub(super) fn link_at_open(&self, number: usize, path: &str, target: &str) {
        self.memory().link_at_open = Some((number, path.to_owned(), target.to_owned()));
    }

    /// Porthole's own streams are a console.
    pub(super) fn console(&self) {
        self.memory().console = true;
    }

    /// What was written to porthole's own streams.
    pub(super) fn shown(&self) -> String {
        let shown = self.memory().shown.clone();
        let shown = shown.lock().unwrap();
        String::from_utf8(shown.clone()).unwrap()
    }

    /// What `security_of` answers for a path; a directory of the system without.
    pub(super) fn security(&self, path: &str, descriptor: &str) {
        self.memory()
            .security
            .insert(path.to_ascii_lowercase(), descriptor.to_owned());
    }

    pub(super) fn group(&self, name: &str) {
        self.memory().groups.insert(name.to_ascii_lowercase());
    }

    pub(super) fn account(&self, name: &str, domain: &str, kind: i32, sid: &[u8]) {
        let information = AccountInformation {
            sid: sid.to_vec(),
            domain: domain.to_owned(),
            kind,
        };
        self.memory()
            .accounts
            .insert(name.to_ascii_lowercase(), information);
    }

    pub(super) fn wine(&self, version: &str) {
        self.memory().wine = Some(version.to_owned());
    }

    /// What the files of handles hold, in the order in which handles become files.
    pub(super) fn contents(&self, contents: &[&str]) {
        self.memory().contents = contents.iter().map(|text| (*text).to_owned()).collect();
    }

    /// What was written into the file of a handle.
    pub(super) fn written(&self, raw: usize) -> String {
        let mut memory = self.memory();
        let file = memory.files_of.get_mut(&raw).unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    /// What porthole made and has not removed: directories and accounts.
    pub(super) fn left_behind(&self) -> Vec<String> {
        self.memory().left.clone()
    }

    pub(super) fn exits_with(&self, code: u32) {
        self.memory().exit_code = code;
    }
}

impl CloseHandle for Fake {
    fn close(&self, raw: usize) {
        let mut memory = self.memory();
        assert!(memory.open.remove(&raw), "handle {raw} closed twice");
        memory.calls.push(Call::Close(raw));
    }
}
