//! Namespaces for what would otherwise be the machine's: processes, mounts, network.
//!
//! A node agent writes to `/var/lib` and `/run`, mounts, listens on the host's network and leaves processes that have no
//! parent. In here it cannot but do so, and all of it is gone when the first process is.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};
use crate::guardian::{Guardian, quoted};
use crate::wait;

/// The address of the Service `kubernetes`, which pods reach the API server by: the first of those that it is given for Services.
pub(super) const KUBERNETES: &str = "10.0.0.1";

/// The address of the only interface besides the loopback: one of those that documentation may use (RFC 5737).
pub(super) const ADDRESS: &str = "192.0.2.10";

/// Run by the first process of the namespaces: their own `/run`, `/var/lib` and `/var/log`, and a network that leads nowhere. A
/// pair of interfaces is there for its one end: what serves at a loopback address alone is no node. The API server is found where
/// its Service is, as nothing leads there. The shell stays, as somebody has to wait for processes without parents.
const SETUP: &str = "
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs \"$0\"
ip link set lo up
ip link add node type veth peer name beyond
ip link set node up
ip link set beyond up
ip address add $1/24 dev node
ip address add $2/32 dev lo
ip route add default via 192.0.2.1
touch \"$0/.ready\"
while :; do
    sleep 3600 &
    wait
done
";

/// Namespaces of processes, mounts and network. They end with the guardian that they were given to.
#[derive(Debug)]
pub(super) struct Isolation {
    outer: Child,
    /// The first process in them, by its number outside.
    first: u32,
}

impl Isolation {
    /// Makes them, with a file system in memory at `directory` that is there inside only.
    ///
    /// # Errors
    /// This user may not, or a program is missing.
    pub(super) fn new(directory: &Path, guardian: &mut Guardian) -> Result<Self> {
        let what = "run `unshare`";
        let mut outer = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child=KILL",
                "--mount-proc",
            ])
            .args(["sh", "-c", SETUP])
            .arg(directory)
            .args([ADDRESS, KUBERNETES])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .doing(what)?;
        let mut errors = outer.stderr.take();
        guardian.kill_at_the_end(&outer)?;
        let children = format!("/proc/{0}/task/{0}/children", outer.id());
        let first = wait::until("namespaces of a node", Duration::from_secs(30), || {
            if let Some(status) = outer.try_wait().doing(what)? {
                let mut said = String::new();
                if let Some(errors) = &mut errors {
                    let _ = std::io::Read::read_to_string(errors, &mut said);
                }
                return Err(Failure::new(what, format!("{status}\n{said}")));
            }
            let first = std::fs::read_to_string(&children).unwrap_or_default();
            let Ok(first) = first.trim().parse::<u32>() else {
                return Ok(None);
            };
            let ready = format!("/proc/{first}/root{}/.ready", directory.display());
            Ok(Path::new(&ready).exists().then_some(first))
        })?;
        // All that is inside is killed with the first, and is gone before anything else is cleared away.
        guardian.script(&format!(
            "kill -s KILL {first}; for _ in $(seq 100); do grep -qs '^State:.[^Z]' /proc/{first}/status || break; sleep 0.1; done"
        ))?;
        Ok(Self { outer, first })
    }

    /// The way in.
    pub(super) fn entrance(&self) -> Entrance {
        Entrance { first: self.first }
    }

    /// As [`Entrance::command`].
    pub(super) fn command(&self, program: &Path) -> Command {
        self.entrance().command(program)
    }

    /// Waits for the processes outside once they have been killed.
    pub(super) fn reap(&mut self) {
        let _ = self.outer.wait();
    }
}

/// The way into namespaces, as long as they are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance {
    first: u32,
}

impl Entrance {
    /// A program inside. Its number outside is not that of the command, which waits for it.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.first.to_string()])
            .args(["--mount", "--net", "--pid", "--"])
            .arg(program);
        command
    }
}

/// Makes a cgroup of its own in every hierarchy, as the root of a node's pods. At the end it and what is left in it are
/// removed.
///
/// # Errors
/// This user may not.
pub(super) fn cgroups(name: &str, guardian: &mut Guardian) -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    let what = "make a cgroup for the pods of a node";
    let mut made = 0;
    let unified = root.join("cgroup.controllers").exists();
    let hierarchies = if unified {
        vec![root.to_owned()]
    } else {
        let entries = std::fs::read_dir(root).doing(what)?;
        entries
            .map(|entry| Ok(entry.doing(what)?.path()))
            .collect::<Result<_>>()?
    };
    for hierarchy in hierarchies {
        // What is linked is one of the others.
        if !hierarchy.is_symlink() && hierarchy.join("cgroup.procs").exists() {
            let own = hierarchy.join(name);
            guardian.script(&format!(
                "find {} -depth -type d -delete",
                quoted(&own.to_string_lossy())
            ))?;
            std::fs::create_dir(&own).doing(format!("make `{}`", own.display()))?;
            made += 1;
        }
    }
    if made == 0 {
        return Err(Failure::new(what, "no hierarchy is mounted at /sys/fs/cgroup"));
    }
    Ok(())
}
