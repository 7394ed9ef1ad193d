//! The four node agents of `examples/agents` on this machine, detached, as `docs/node-agent.md` shows them.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_tests::program;
use porthole_tests::traces::Traces;
use porthole_tests::wait;

const LIMIT: Duration = Duration::from_secs(30);

/// What agents leave on the machine can only be told while one test runs.
static ALONE: Mutex<()> = Mutex::new(());

/// A state directory with the agents' image, and what the machine looked like before.
struct Laptop {
    state: PathBuf,
    before: Traces,
    _alone: MutexGuard<'static, ()>,
}

impl Laptop {
    fn new(name: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = program::target().unwrap().join("xtask/agents").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        let programs = dir.join("builder/agents");
        fs::create_dir_all(&programs).unwrap();
        // The image has all four for its users; a test needs its own.
        fs::copy(program::host(name).unwrap(), programs.join(name)).unwrap();
        let state = dir.join("state");
        let laptop = Self {
            before: Traces::read(&state, "").unwrap(),
            state,
            _alone: alone,
        };
        let builder = format!("builder={}", dir.join("builder").display());
        laptop.porthole(&[
            "image",
            "build",
            "-t",
            "node-agents:v1",
            "--stage",
            &builder,
            &example(""),
        ]);
        laptop
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut porthole = Command::new(program::host("porthole").unwrap());
        porthole
            .args(arguments)
            .env("PORTHOLE_STATE", &self.state)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        porthole
    }

    /// What porthole printed; it must have succeeded.
    fn porthole(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "porthole {arguments:?}: {out}{err}");
        out.into_owned()
    }

    fn start(&self, agent: &str) {
        self.porthole(&[
            "run",
            "--detach",
            "--any-node",
            &example(&format!("{agent}.yaml")),
        ]);
    }

    /// Waits until an agent's log holds a text, and returns the log.
    fn log(&self, agent: &str, text: &str) -> String {
        wait::until(&format!("`{text}` in the log of {agent}"), LIMIT, || {
            let log = self.porthole(&["logs", agent]);
            Ok(log.contains(text).then_some(log))
        })
        .unwrap()
    }

    /// Removes an agent by the file that made it; then nothing may be left.
    fn remove(&self, agent: &str) {
        self.porthole(&["rm", "--force", &example(&format!("{agent}.yaml"))]);
        // The supervisor has let go of everything, and may not have ended yet itself.
        wait::until(&format!("nothing is left of {agent}"), LIMIT, || {
            let left = Traces::read(&self.state, "")?;
            Ok(left.nothing_more_than(&self.before).ok())
        })
        .unwrap();
    }
}

impl Drop for Laptop {
    /// A test that failed leaves no agents to the next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.command(&["rm", "--force", "--all"]).output();
        }
    }
}

fn example(file: &str) -> String {
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agents");
    agents.join(file).display().to_string()
}

#[test]
#[ignore = "needs root"]
fn the_agent_of_addresses_says_them_and_is_ready() {
    let laptop = Laptop::new("addresses");
    laptop.start("addresses");
    let log = laptop.log("addresses", "127.0.0.1");
    assert!(log.contains("\"node\":"), "{log}");
    laptop.porthole(&["wait", "--for", "ready", "--timeout", "30s", "addresses"]);
    let once = laptop.porthole(&[
        "exec",
        "addresses",
        "--",
        "%CONTAINER_SANDBOX_MOUNT_POINT%/usr/local/bin/addresses",
        "--once",
    ]);
    assert!(once.contains("127.0.0.1"), "{once}");
    laptop.remove("addresses");
}

#[test]
#[ignore = "needs root"]
fn the_agent_of_the_journal_passes_on_what_the_host_logs() {
    let laptop = Laptop::new("journal");
    laptop.start("journal");
    laptop.log("journal", "\"reading\":");
    let said = format!("porthole-journal-agent-{}", std::process::id());
    // Where a journal runs, it takes what the kernel is told as well.
    fs::write("/dev/kmsg", format!("<3>{said}\n")).unwrap();
    laptop.log("journal", &said);
    laptop.remove("journal");
}

#[test]
#[ignore = "needs root"]
fn the_agent_of_a_service_installs_it_and_removes_it_before_it_stops() {
    let laptop = Laptop::new("service");
    let unit = Path::new("/etc/systemd/system/porthole-example.service");
    let program = Path::new("/var/lib/porthole-example/porthole-example");
    laptop.start("service");
    laptop.log("service", "\"installed\":\"porthole-example\"");
    let text = fs::read_to_string(unit).unwrap();
    assert!(
        text.contains(&format!("ExecStart={} serve", program.display())),
        "{text}"
    );
    assert!(program.is_file());
    // A removal by force would kill it; the end in order has its hooks.
    laptop.porthole(&["stop", "service"]);
    laptop.remove("service");
    assert!(
        !unit.exists() && !program.exists(),
        "the preStop hook removes the service"
    );
    fs::remove_dir("/var/lib/porthole-example").unwrap();
}

#[test]
#[ignore = "needs root"]
fn the_agent_of_reports_keeps_its_file_on_the_host_over_two_lives() {
    let laptop = Laptop::new("report");
    let kept = Path::new("/var/lib/porthole-report");
    let _ = fs::remove_dir_all(kept);
    laptop.start("report");
    laptop.porthole(&["wait", "--for", "ready", "--timeout", "30s", "report"]);
    let answer = get("/report");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"rounds\":"),
        "{answer}"
    );
    laptop.porthole(&["stop", "report"]);
    laptop.porthole(&["rm", "report"]);
    let rounds = |text: &str| -> u64 {
        let (_, rest) = text.split_once("\"rounds\":").unwrap();
        rest.split([',', '}']).next().unwrap().parse().unwrap()
    };
    let before = rounds(&fs::read_to_string(kept.join("report.json")).unwrap());
    laptop.start("report");
    let log = laptop.log("report", "\"rounds\":");
    assert!(rounds(&log) > before, "{log}");
    laptop.remove("report");
    fs::remove_dir_all(kept).unwrap();
}

fn get(path: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:8099").unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
