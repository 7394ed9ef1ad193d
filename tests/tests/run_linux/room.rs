//! A room for one test: an image, a state directory, manifests, and a look at what was there before.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_tests::program;
use porthole_tests::session::Session;
use porthole_tests::traces::Traces;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What a pod left on the machine can only be told while no other test runs one.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct Room {
    directory: tempfile::TempDir,
    before: Traces,
    _alone: MutexGuard<'static, ()>,
}

/// How a run ended.
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

    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// `porthole run` with the room's state and image.
    pub(crate) fn porthole(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::host("porthole").unwrap());
        command
            .args(["run", "--state"])
            .arg(self.path("state"))
            .arg("--image")
            .arg(format!("i={}", self.path("image").display()))
            .args(arguments)
            .env("NO_COLOR", "1")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a manifest to its end, and finds nothing left of it.
    pub(crate) fn run(&self, manifest: &str, arguments: &[&str]) -> Ended {
        self.write("pod.yaml", manifest, 0o644);
        let mut all = vec!["pod.yaml"];
        all.extend(arguments);
        self.end(self.porthole(&all))
    }

    pub(crate) fn end(&self, mut command: Command) -> Ended {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ended = Ended {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        self.finds_nothing(&ended.err);
        ended
    }

    /// Starts a manifest that does not end by itself.
    pub(crate) fn start(&self, manifest: &str) -> Session {
        self.write("pod.yaml", manifest, 0o644);
        Session::start(&mut self.porthole(&["pod.yaml"])).unwrap()
    }

    pub(crate) fn finds_nothing(&self, said: &str) {
        let now = Traces::read(&self.path("state"), "").unwrap();
        if let Err(failure) = now.nothing_more_than(&self.before) {
            panic!("{failure}\n{said}");
        }
    }
}

/// A HostProcess pod with these lines in its spec, indented by two blanks.
pub(crate) fn pod(lines: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{app: web}}}}\nspec:\n  restartPolicy: Never\n  \
         hostNetwork: true\n  securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: SYSTEM}}}}\n{lines}\n"
    )
}

/// The same with one container that runs a shell script.
pub(crate) fn script(text: &str) -> String {
    pod(&format!(
        "  containers:\n  - name: c\n    image: i\n    command: [sh, -c, '{text}']"
    ))
}

/// Whether a path is there; for closures.
pub(crate) fn is_there(path: &Path) -> bool {
    path.exists()
}
