//! Job containers on Linux: a cgroup for the job object, a mount namespace for the silo, a user for the account.
//!
//! | module | knows |
//! |---|---|
//! | `container` | the way from a plan to everything but the process, and its undoing |
//! | `steps`, `raw` | the life of a new process until it is the container's program: as data, and carried out |
//! | `program`, `streams` | what a process is started with |
//! | `running` | waiting, signalling, deleting |
//! | `exec`, `started` | further programs in a container that any process of this host holds |
//! | `cgroup`, `limits` | v1, v2 and hybrid hierarchies; limits and statistics |
//! | `rootfs`, `copy`, `mounts`, `sub_path`, `places` | the overlay, volumes, and mount points on the host |
//! | `accounts`, `privileges`, `facts` | who, whether, and where |
//! | `rootless`, `delegation`, `herd` | an ordinary user's namespaces and cgroup, and containers without a cgroup |
//! | `outputs`, `watch` | reading what containers say, and waiting for files |
//! | `terminal` | this process's own terminal, lent to a program |
//! | `journal`, `ledger`, `guardian` | that nothing outlives its holder |
//! | `detach`, `channel`, `marks` | processes that outlive their maker, the way to them, and whether they live |
//!
//! Needs Linux 5.7 (`clone3` into a cgroup). `openat2` and the mount calls on descriptors are older.

mod accounts;
mod cgroup;
mod channel;
mod container;
mod copy;
mod delegation;
mod detach;
mod exec;
mod facts;
mod guardian;
mod herd;
mod journal;
mod ledger;
mod limits;
mod marks;
mod mounts;
mod outputs;
mod places;
mod privileges;
mod program;
mod raw;
mod rootfs;
mod rootless;
mod running;
mod started;
mod steps;
mod streams;
mod sub_path;
mod terminal;
#[cfg(test)]
mod v1_tests;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cgroup::Layout;
use guardian::Guardian;

use crate::engine::{
    CreateError, Created, DeleteError, Engine, Entry, ExecError, HostFacts, Running, Stats, StatsError,
    Stdio, UpdateError,
};
use crate::plan::{Limits, Plan};
use crate::state::State;

pub use channel::{Listener, Stream};
pub use detach::spawn_detached;
pub use guardian::guard;
pub(crate) use marks::{Mark, Marks};
pub(crate) use outputs::{Stop, pump};
pub use rootless::enter as prepare_process;
pub use terminal::{Attachment, terminal_size};
pub use watch::Watch;

/// What all containers of a process share.
#[derive(Debug)]
struct Host {
    facts: HostFacts,
    state: State,
    guardian: Guardian,
    layout: OnceLock<Layout>,
}

impl Host {
    fn layout(&self) -> Result<&Layout, CreateError> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let layout = if rootless::is_needed() {
            rootless::layout()
        } else {
            Layout::detect().map_err(|error| CreateError::Io {
                doing: error.doing,
                source: error.source,
            })?
        };
        Ok(self.layout.get_or_init(|| layout))
    }
}

struct LinuxEngine(Arc<Host>);

impl Engine for LinuxEngine {
    fn facts(&self) -> &HostFacts {
        &self.0.facts
    }

    fn guard(&self) {
        // Asked again by `create`, and before a process starts: there a failure has somewhere to go.
        let _ = self.0.guardian.ensure();
    }

    fn create(&self, plan: &Plan, stdio: Stdio) -> Result<Box<dyn Created>, CreateError> {
        container::create(&self.0, plan, stdio)
    }

    fn exec(&self, plan: &Plan, entry: &Entry, stdio: Stdio) -> Result<Arc<dyn Running>, ExecError> {
        exec::exec(&self.0, plan, entry, stdio)
    }

    fn stats(&self, id: &str) -> Result<Stats, StatsError> {
        limits::stats(&self.0, id)
    }

    fn places(&self, id: &str) -> Vec<PathBuf> {
        vec![self.0.state.directory(id)]
    }

    fn update(&self, id: &str, limits: &Limits) -> Result<Limits, UpdateError> {
        limits::update(&self.0, id, limits)
    }

    fn sweep_but(&self, held: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError> {
        let (swept, result) = journal::sweep(&self.0.state, held);
        result.map(|()| swept)
    }
}

/// The engine of this host. Its guardian is this process's own executable.
///
/// # Errors
/// The host says nothing about this process. What containers need is only asked of it when one is created.
pub fn host_engine(state: &Path) -> Result<Box<dyn Engine>, CreateError> {
    // Names the running program even when its file has been replaced or removed since.
    host_engine_with(state, Path::new("/proc/self/exe"))
}

/// As [`host_engine`], with another executable that calls [`guard`].
///
/// # Errors
/// As [`host_engine`].
pub fn host_engine_with(state: &Path, executable: &Path) -> Result<Box<dyn Engine>, CreateError> {
    let guardian = Guardian::new(state, executable).map_err(|source| CreateError::Io {
        doing: "look at porthole's own process in /proc".to_owned(),
        source,
    })?;
    Ok(Box::new(LinuxEngine(Arc::new(Host {
        facts: facts::host_facts(),
        state: State::new(state),
        guardian,
        layout: OnceLock::new(),
    }))))
}

/// Gives back memory that a start needed and a wait does not: to be called by a process that has started its containers and has
/// little to do from now on.
pub fn rest() {
    raw::unmap_program();
}

/// What the engine's facts say that containers lack, without an engine.
#[must_use]
pub fn lacks() -> Vec<String> {
    rootless::lacks()
}

/// Whether whoever runs porthole can make containers of nobody but itself.
#[must_use]
pub fn is_ordinary_user() -> bool {
    rootless::is_needed()
}
