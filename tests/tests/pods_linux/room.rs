//! A room for one test: an image, a state directory, and a look at what was there before.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::traces::Traces;
use porthole_tests::{program, wait};

pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// What a pod left on the machine can only be told while no other test runs one.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct Room {
    directory: tempfile::TempDir,
    before: Traces,
    _alone: MutexGuard<'static, ()>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let before = Traces::read(&directory.path().join("state"), "").unwrap();
        let room = Self {
            directory,
            before,
            _alone: alone,
        };
        fs::create_dir_all(room.path("image/bin")).unwrap();
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// `porthole VERB` with the room's state.
    pub(crate) fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::host("porthole").unwrap());
        command.arg(verb).arg("--state").arg(self.path("state"));
        if verb == "run" {
            command
                .arg("--image")
                .arg(format!("i={}", self.path("image").display()));
        }
        command
            .args(arguments)
            .env("NO_COLOR", "1")
            .env_remove("PORTHOLE_FAULT")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn porthole(&self, verb: &str, arguments: &[&str]) -> Ended {
        end(&mut self.command(verb, arguments))
    }

    /// As [`porthole`](Self::porthole), which has to end well. Returns what it printed.
    pub(crate) fn good(&self, verb: &str, arguments: &[&str]) -> String {
        let ended = self.porthole(verb, arguments);
        assert_eq!(ended.code, Some(0), "{verb} {arguments:?}: {ended:?}");
        ended.out
    }

    /// Starts a manifest as a detached pod.
    pub(crate) fn detach(&self, manifest: &str) -> Ended {
        self.write("pod.yaml", manifest);
        self.porthole("run", &["--detach", "pod.yaml"])
    }

    /// The directory of the only pod.
    pub(crate) fn pod(&self) -> PathBuf {
        let mut pods = self.pods();
        assert_eq!(pods.len(), 1, "{pods:?}");
        pods.remove(0)
    }

    pub(crate) fn pods(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("state/pods")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The process that runs the only pod.
    pub(crate) fn supervisor(&self) -> String {
        fs::read_to_string(self.pod().join("lock")).unwrap()
    }

    /// The process that guards the only pod's supervisor.
    pub(crate) fn guardian(&self) -> String {
        let supervisor = self.supervisor();
        let tasks = fs::read_dir(format!("/proc/{supervisor}/task")).unwrap();
        let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap());
        let children = children.collect::<Vec<_>>().join(" ");
        let is_guardian = |process: &&str| {
            fs::read_to_string(format!("/proc/{process}/comm"))
                .is_ok_and(|name| name.trim() == "porthole-guard")
        };
        children.split_whitespace().find(is_guardian).unwrap().to_owned()
    }

    /// Whether nobody holds the only pod.
    pub(crate) fn pod_is_free(&self) -> bool {
        fs::File::open(self.pod().join("lock")).is_ok_and(|lock| lock.try_lock_shared().is_ok())
    }

    /// Waits until a container of the only pod has said something.
    pub(crate) fn hears(&self, container: &str, text: &str) {
        let log = self.pod().join("logs").join(container).join("0.log");
        until(&format!("`{text}` in {}", log.display()), || {
            fs::read_to_string(&log).is_ok_and(|said| said.contains(text))
        });
    }

    /// Finds nothing left, as soon as what was killed has ended.
    pub(crate) fn finds_nothing(&self, said: &str) {
        let found = wait::until("nothing to be left", LIMIT, || {
            let now = Traces::read(&self.path("state"), "")?;
            Ok(now.nothing_more_than(&self.before).ok())
        });
        if found.is_err() {
            let now = Traces::read(&self.path("state"), "").unwrap();
            panic!("{:?}\n{said}", now.nothing_more_than(&self.before));
        }
    }
}

impl Drop for Room {
    /// A test that failed leaves no pods to the next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.command("rm", &["-f", "--all"]).output();
        }
    }
}

pub(crate) fn end(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// Waits for something to be so.
pub(crate) fn until(what: &str, ready: impl Fn() -> bool) {
    wait::until(what, LIMIT, || Ok::<_, Failure>(ready().then_some(()))).unwrap();
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, process: &str) {
    let status = Command::new("kill").args(["-s", name, process]).status().unwrap();
    assert!(status.success(), "kill -s {name} {process}");
}

/// A HostProcess pod with these lines in its spec, indented by two blanks.
pub(crate) fn pod(name: &str, lines: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\nspec:\n  restartPolicy: Never\n  \
         hostNetwork: true\n  securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: SYSTEM}}}}\n{lines}\n"
    )
}

/// The same with one container that runs a shell script.
pub(crate) fn script(name: &str, text: &str) -> String {
    pod(
        name,
        &format!("  containers:\n  - name: c\n    image: i\n    command: [sh, -c, '{text}']"),
    )
}

/// A pod that goes on until it is asked to end, and then ends with 5.
pub(crate) fn patient(name: &str) -> String {
    script(
        name,
        "trap \"echo asked; exit 5\" TERM; echo ready; while :; do sleep 0.01; done",
    )
}
