//! An ordinary user of this machine, and what it is left with.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use porthole_tests::{program, wait};

const LIMIT: Duration = Duration::from_mins(1);

/// Nobody's on any system: each test has a user of its own, whose processes are all the test's.
static NEXT: AtomicU32 = AtomicU32::new(0x7002_0000);

/// One user with a home.
pub(crate) struct User {
    directory: tempfile::TempDir,
    pub(crate) uid: u32,
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl User {
    pub(crate) fn new() -> Self {
        let uid = NEXT.fetch_add(1, Ordering::Relaxed) + (std::process::id() % 1000) * 16;
        let directory = tempfile::tempdir().unwrap();
        let user = Self { directory, uid };
        fs::set_permissions(user.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["home", "image", "image/bin"] {
            fs::create_dir(user.path(name)).unwrap();
            chown(user.path(name), Some(uid), Some(uid)).unwrap();
        }
        // The checkout may be where this user cannot go. Not copied by this process: while it has the copy open to write,
        // another test's child may have it open too, and what is open to write cannot be executed.
        let copied = Command::new("cp")
            .arg(program::host("porthole").unwrap())
            .arg(user.path("porthole"))
            .status();
        assert!(copied.unwrap().success());
        user
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let uid = self.uid.to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &uid, "--regid", &uid, "--clear-groups"])
            .arg(self.path("porthole"))
            .args(arguments)
            .env_remove("PORTHOLE_FAULT")
            .env_remove("PORTHOLE_STATE")
            .env_remove("XDG_STATE_HOME")
            .env("HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn porthole(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let ended = self.porthole(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out
    }

    pub(crate) fn run(&self, pod: &str, options: &[&str]) -> Ended {
        fs::write(self.path("pod.yaml"), pod).unwrap();
        let mut arguments = vec!["run", "--image", "i=image", "pod.yaml"];
        arguments.extend(options);
        self.porthole(&arguments)
    }

    /// The processes of this user, by their ids, with their names. What has ended does not count.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let owner = entry.metadata().map(|there| there.uid());
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            let Some((name, rest)) = stat.rsplit_once(')') else {
                continue;
            };
            if owner.is_ok_and(|owner| owner == self.uid) && !rest.starts_with(" Z") {
                found.push((pid, name.split_once('(').unwrap().1.to_owned()));
            }
        }
        found
    }

    pub(crate) fn finds_no_process(&self) {
        until(
            &format!("the last process of {}: {:?}", self.uid, self.processes()),
            || self.processes().is_empty(),
        );
    }

    pub(crate) fn containers(&self) -> usize {
        let containers = self.path("home/.local/state/porthole/containers");
        fs::read_dir(containers).map_or(0, Iterator::count)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    wait::until(what, LIMIT, || Ok(so().then_some(()))).unwrap();
}

/// A pod of one container, which runs a script. `more` belongs to the container, `volumes` to the pod.
pub(crate) fn pod(script: &str, more: &str, volumes: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  securityContext: {{windowsOptions: {{hostProcess: true, \
         runAsUserName: 'NT AUTHORITY\\SYSTEM'}}}}\n  hostNetwork: true\n  restartPolicy: Never\n{volumes}\n  containers:\n  \
         - name: c\n    image: i\n    command: [sh, -c, {}]\n{more}\n",
        format_args!("{script:?}")
    )
}
