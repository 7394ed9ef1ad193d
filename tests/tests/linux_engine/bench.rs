//! An engine on a state directory of its own, and what the machine looked like before.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_runtime::engine::{Engine, Exit};
use porthole_runtime::{Plan, Running, Stdio, os};
use porthole_tests::traces::Traces;
use porthole_tests::{program, wait};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Containers of all tests share the mount point `/hpc`: what is left can only be told while one test runs.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct Bench {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) engine: Option<Box<dyn Engine>>,
    before: Traces,
    _alone: MutexGuard<'static, ()>,
}

/// The program that guards this harness's containers, and holds others.
pub(crate) fn helper() -> PathBuf {
    let program = program::target().unwrap().join("debug/examples/engine_helper");
    assert!(
        program.is_file(),
        "build it: cargo build -p porthole-tests --examples"
    );
    program
}

impl Bench {
    pub(crate) fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        let before = Traces::read(&directory.path().join("state"), "").unwrap();
        let engine = os::host_engine_with(&directory.path().join("state"), &helper()).unwrap();
        Self {
            directory,
            engine: Some(engine),
            before,
            _alone: alone,
        }
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        self.engine.as_deref().unwrap()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A directory or file for a test's own use.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn start(&self, plan: &Plan) -> Arc<dyn Running> {
        self.engine()
            .create(plan, Stdio::Piped)
            .unwrap_or_else(|error| panic!("{error:?}"))
            .start()
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Runs a container to its end. Returns how it ended, and what it printed.
    pub(crate) fn run(&self, plan: &Plan) -> (Exit, String, String) {
        let running = self.start(plan);
        let mut output = running.take_output().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        let exit = running
            .wait_for(LIMIT)
            .unwrap_or_else(|| panic!("the container runs longer than {LIMIT:?}"));
        output.stdout.read_to_string(&mut out).unwrap();
        output.stderr.read_to_string(&mut err).unwrap();
        running.delete().unwrap_or_else(|error| panic!("{error:?}"));
        (exit, out, err)
    }

    /// Runs a container that is to succeed. Returns what it printed.
    pub(crate) fn output(&self, plan: &Plan) -> String {
        let (exit, out, err) = self.run(plan);
        assert_eq!(exit, Exit::Code(0), "stderr: {err}");
        out
    }

    /// Ends the engine, and fails when anything is left on the machine that was not there before.
    pub(crate) fn nothing_is_left(mut self) {
        self.engine = None;
        wait::until("the machine to be as it was", LIMIT, || {
            Ok(Traces::read(&self.state(), "")?
                .nothing_more_than(&self.before)
                .ok())
        })
        .unwrap_or_else(|_| {
            let now = Traces::read(&self.state(), "").unwrap();
            panic!("{}", now.nothing_more_than(&self.before).unwrap_err())
        });
    }
}
