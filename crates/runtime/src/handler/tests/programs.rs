//! Programs: an engine that starts them on the host, without a container around them.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio as Pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::engine::{Entry, ExecError, Exit, Output, Running, Signal, SignalError};

struct Host {
    facts: HostFacts,
    started: Mutex<Vec<Arc<Program>>>,
}

struct Program {
    child: Mutex<Child>,
    output: Mutex<Option<Output>>,
    killed: AtomicBool,
    deleted: AtomicBool,
}

impl Engine for Host {
    fn facts(&self) -> &HostFacts {
        &self.facts
    }

    fn create(&self, _: &Plan, _: Stdio) -> Result<Box<dyn Created>, CreateError> {
        unreachable!("probes create nothing")
    }

    fn sweep_but(&self, _: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError> {
        Ok(Vec::new())
    }

    fn exec(&self, _: &Plan, entry: &Entry, stdio: Stdio) -> Result<Arc<dyn Running>, ExecError> {
        assert_eq!(stdio, Stdio::Piped);
        let mut child = Command::new(&entry.command[0])
            .args(&entry.command[1..])
            .stdin(Pipe::null())
            .stdout(Pipe::piped())
            .stderr(Pipe::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let output = Output {
            stdin: None,
            stdout: File::from(OwnedFd::from(child.stdout.take().unwrap())),
            stderr: File::from(OwnedFd::from(child.stderr.take().unwrap())),
        };
        let program = Arc::new(Program {
            child: Mutex::new(child),
            output: Mutex::new(Some(output)),
            killed: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
        });
        self.started.lock().unwrap().push(Arc::clone(&program));
        Ok(program)
    }
}

impl Running for Program {
    fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    fn take_output(&self) -> Option<Output> {
        self.output.lock().unwrap().take()
    }

    fn wait(&self) -> Exit {
        self.wait_for(AMPLE).expect("the program ends")
    }

    fn wait_for(&self, limit: Duration) -> Option<Exit> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                return Some(match status.code() {
                    Some(code) => Exit::Code(code),
                    None => Exit::Signal(status.signal().unwrap()),
                });
            }
            if since.elapsed() >= limit {
                return None;
            }
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn signal(&self, _: Signal) -> Result<(), SignalError> {
        Ok(())
    }

    fn kill(&self) -> Result<(), SignalError> {
        self.killed.store(true, Ordering::Relaxed);
        self.child.lock().unwrap().kill().unwrap();
        Ok(())
    }

    fn delete(&self) -> Result<(), DeleteError> {
        self.deleted.store(true, Ordering::Relaxed);
        Ok(())
    }
}

fn run(line: &str, limit: Duration) -> (Result<(), String>, Arc<Program>) {
    let engine = Host {
        facts: facts(),
        started: Mutex::default(),
    };
    let command = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
    let plan = plan();
    let target = Target {
        engine: &engine,
        plan: &plan,
        address: "127.0.0.1",
    };
    let result = perform(&Handler::Exec(command), &target, limit).map_err(|failed| failed.message);
    let program = Arc::clone(&engine.started.lock().unwrap()[0]);
    assert!(program.deleted.load(Ordering::Relaxed), "{line}: nothing is left");
    (result, program)
}

#[test]
fn the_exit_code_decides_and_the_output_is_the_reason() {
    assert_eq!(run("echo fine", AMPLE).0, Ok(()));
    let (result, _) = run("echo out; echo err >&2; exit 3", AMPLE);
    let message = result.unwrap_err();
    assert!(
        message.contains("out\n") && message.contains("err\n"),
        "{message}"
    );
    assert_eq!(
        run("exit 3", AMPLE).0.unwrap_err(),
        "command '/bin/sh -c exit 3' exited with 3"
    );
}

#[test]
fn a_program_that_takes_too_long_is_killed() {
    let limit = Duration::from_millis(200);
    let (result, program) = run("exec sleep 1000", limit);
    assert_eq!(
        result.unwrap_err(),
        r#"command timed out: "/bin/sh -c exec sleep 1000" timed out after 200ms"#
    );
    assert!(program.killed.load(Ordering::Relaxed));
    assert_eq!(program.wait(), Exit::Signal(9));
}

#[test]
fn of_endless_output_the_first_ten_kibibytes_are_kept() {
    let (result, _) = run("head -c 5000000 /dev/zero | tr '\\0' x; exit 1", AMPLE);
    let message = result.unwrap_err();
    assert_eq!(message.len(), MOST_OUTPUT);
    assert!(message.bytes().all(|byte| byte == b'x'));
}

#[test]
fn what_a_program_leaves_behind_with_its_output_open_holds_nobody_up() {
    let since = Instant::now();
    let (result, program) = run("sleep 60 & echo said; exit 1", AMPLE);
    assert_eq!(result.unwrap_err(), "said\n");
    assert!(since.elapsed() < AMPLE, "it did not wait for the descendant");
    let group = rustix::process::Pid::from_raw(i32::try_from(program.pid()).unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn the_output_of_what_a_program_leaves_behind_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("closed");
    let line = format!(
        "(trap '' PIPE; while echo x 2> /dev/null; do sleep 0.01; done; : > {}) &",
        mark.display()
    );
    assert_eq!(run(&line, AMPLE).0, Ok(()));
    let since = Instant::now();
    while !mark.exists() {
        assert!(since.elapsed() < AMPLE, "somebody still reads what it says");
        thread::park_timeout(Duration::from_millis(2));
    }
}
