//! Plans for tests of engines, without a manifest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use porthole_pod::Account;
use porthole_runtime::Signal;
use porthole_runtime::engine::Entry;
use porthole_runtime::plan::{CommandLine, Limits, Mount, Plan, PodIdentity, Rootfs, Stop, User, View};

/// A plan that runs a command as an account, with an empty rootfs.
pub(crate) fn plan(account: &str, command: &[&str]) -> Plan {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Plan {
        id: format!("test-{}-{number}", std::process::id()),
        pod: PodIdentity {
            namespace: "default".to_owned(),
            name: "test".to_owned(),
            uid: "0".to_owned(),
        },
        container: "main".to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Private,
        command: CommandLine::Arguments(command.iter().map(|&argument| argument.to_owned()).collect()),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Account(Account::parse(account).expect("an account of a test")),
        limits: Limits::default(),
        stop: Stop {
            signal: Signal::Term,
            grace: Duration::from_secs(1),
        },
        credential_spec: None,
        streams: porthole_runtime::plan::Streams::default(),
    }
}

/// A further program, with nothing of its own.
pub(crate) fn entry(command: &[&str]) -> Entry {
    Entry {
        command: command.iter().map(|&argument| argument.to_owned()).collect(),
        environment: Vec::new(),
        working_directory: None,
        user: None,
    }
}

/// A volume.
#[allow(dead_code, reason = "the helper has no volumes")]
pub(crate) fn mount(source: &Path, destination: &str, read_only: bool) -> Mount {
    Mount {
        sub_path: None,
        volume: "data".to_owned(),
        source: PathBuf::from(source),
        destination: destination.to_owned(),
        read_only,
    }
}
