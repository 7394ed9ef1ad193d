//! The engine on the system that the tests run on: Windows, or Wine with what it has (no limits, no silos, no links, no
//! other accounts). Programs are those that every Windows has.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Created, Engine, Exit, Running, Signal, StartError, Stdio};
use crate::os::GUARD_VERB;
use crate::plan::{CommandLine, Limits, Mount, PodIdentity, Rootfs, Stop, User, View};
use crate::{Plan, state::State};

use super::api::{Accounts as _, Host as _, Jobs as _, Processes as _};
use super::host_engine::WindowsEngine;
use super::job::Job;
use super::launcher::{self, Launcher};
use super::limits::JobLimits;
use super::process;
use super::streams::Streams;
use super::win32::Win32;

#[path = "system_exec_tests.rs"]
mod exec;
#[path = "system_sub_path_tests.rs"]
mod part;

const SOON: Duration = Duration::from_mins(1);

/// Ends when it is killed.
const FOREVER: &[&str] = &["cmd", "/c", "ping -n 1000 127.0.0.1"];

struct Host {
    directory: tempfile::TempDir,
    engine: WindowsEngine,
}

fn host() -> Host {
    let directory = tempfile::tempdir().unwrap();
    let state = State::new(&directory.path().join("state"));
    let executable = std::env::current_exe().unwrap();
    let engine = WindowsEngine::new(Arc::new(Win32), state, executable.to_str().unwrap().to_owned());
    Host { directory, engine }
}

fn plan(id: &str, command: &[&str]) -> Plan {
    Plan {
        // Test runs share the host: `C:\hpc` and job names.
        id: format!("{id}-{}", std::process::id()),
        pod: PodIdentity {
            namespace: "default".to_owned(),
            name: "p".to_owned(),
            uid: "u".to_owned(),
        },
        container: "c".to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Links,
        command: CommandLine::Arguments(command.iter().map(|text| (*text).to_owned()).collect()),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Inherit,
        limits: Limits::default(),
        stop: Stop {
            signal: Signal::Term,
            grace: Duration::from_secs(1),
        },
        credential_spec: None,
        streams: crate::plan::Streams::default(),
    }
}

fn root(plan: &Plan) -> PathBuf {
    Path::new(r"C:\hpc").join(&plan.id)
}

impl Host {
    fn create(&self, plan: &Plan) -> Box<dyn Created> {
        self.engine.create(plan, Stdio::Piped).unwrap()
    }

    fn start(&self, plan: &Plan) -> Arc<dyn Running> {
        self.create(plan).start().unwrap()
    }

    /// Runs a container to its end: exit code, output, errors. Nothing of it is left.
    fn run(&self, plan: &Plan) -> (Exit, String, String) {
        let running = self.start(plan);
        let output = running.take_output().unwrap();
        let (mut stdout, mut stderr) = (output.stdout, output.stderr);
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            text
        });
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).unwrap();
        let exit = running.wait_for(SOON).expect("the container ends");
        assert_eq!(running.wait(), exit, "a second wait says the same");
        running.delete().unwrap();
        running.delete().unwrap();
        drop(running);
        self.assert_nothing_left(plan);
        // Programs of the system write in the system's own code page.
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (exit, text(output), text(errors.join().unwrap()))
    }

    fn assert_nothing_left(&self, plan: &Plan) {
        assert!(!root(plan).exists(), "the rootfs is left");
        let state = self.directory.path().join("state").join("containers");
        let left: Vec<_> = std::fs::read_dir(state)
            .map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
        // Windows forgets the name with the last handle, Wine with the last trace of the last process.
        let name = format!("JobContainer_{}", plan.id);
        let deadline = Instant::now() + SOON;
        while Win32
            .open_job(&name, super::api::JOB_OBJECT_QUERY)
            .unwrap()
            .is_some()
        {
            assert!(Instant::now() < deadline, "job object {name} is left");
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_is_made_is_trusted_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    crate::os::prepare_state(&state).unwrap();
    crate::os::prepare_state(&state).unwrap();
    // Windows answers with the list that was made; Wine with what a Unix mode can say of it.
    let text = Win32.security_of(state.to_str().unwrap()).unwrap();
    assert!(text.starts_with("O:") && text.contains("D:"), "{text}");
    std::fs::write(state.join("mine"), "").unwrap();
}

#[test]
fn exit_code_is_the_programs_own() {
    for code in [0, 1, 7, 259, -1] {
        let host = host();
        let plan = plan("exit", &["cmd", "/c", "exit", &code.to_string()]);
        assert_eq!(host.run(&plan).0, Exit::Code(code));
    }
}

#[test]
fn output_and_errors_come_through_their_own_pipes() {
    let host = host();
    let plan = plan("out", &["cmd", "/c", "echo out& echo err>&2"]);
    let (exit, stdout, stderr) = host.run(&plan);
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(stdout.trim(), "out");
    assert_eq!(stderr.trim(), "err");
}

#[test]
fn environment_is_the_accounts_block_the_plans_variables_and_the_mount_point() {
    let host = host();
    let mut plan = plan("env", &["cmd", "/c", "set"]);
    plan.environment = [
        ("ONE", "%CONTAINER_SANDBOX_MOUNT_POINT%/x"),
        ("Path", r"C:\windows\system32"),
        ("ÜMLAUT", "ä"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let (_, stdout, _) = host.run(&plan);
    let id = &plan.id;
    let has = |line: &str| assert!(stdout.lines().any(|other| other == line), "{line}\n{stdout}");
    has(&format!(r"ONE=C:\hpc\{id}/x"));
    has(&format!(r"CONTAINER_SANDBOX_MOUNT_POINT=C:\hpc\{id}\"));
    assert!(
        stdout
            .lines()
            .any(|line| line.to_lowercase().starts_with("systemroot="))
    );
    let path = stdout
        .lines()
        .find(|line| line.to_lowercase().starts_with("path="))
        .unwrap();
    assert!(
        path.ends_with(&format!(
            r"=C:\windows\system32;C:\hpc\{id}\;C:\WINDOWS\System32\WindowsPowerShell\v1.0\;C:\WINDOWS\System32\Wbem"
        )),
        "{path}"
    );
}

#[test]
fn a_command_of_the_image_comes_before_the_systems() {
    let host = host();
    let image = host.directory.path().join("image");
    std::fs::create_dir_all(image.join(r"usr\bin")).unwrap();
    // This program of tests, which is surely not the system's `ping`.
    std::fs::copy(std::env::current_exe().unwrap(), image.join(r"usr\bin\ping.exe")).unwrap();
    for command in [
        "%CONTAINER_SANDBOX_MOUNT_POINT%/usr/bin/ping.exe",
        r"$env:CONTAINER_SANDBOX_MOUNT_POINT\usr\bin\ping",
        "/usr/bin/ping",
        r"C:\usr\bin\ping.exe",
        "usr/bin/ping",
        "ping",
    ] {
        let mut plan = plan("image", &[command, "--list", "no-such-test"]);
        plan.rootfs = Rootfs::Directory(image.clone());
        plan.environment = vec![("PATH".to_owned(), r"C:\windows\system32;C:\usr\bin".to_owned())];
        let (exit, stdout, _) = host.run(&plan);
        assert!(stdout.contains("0 tests"), "{command}: {exit:?} {stdout}");
    }
    assert!(!image.join("x").exists());
}

#[test]
fn commands_of_the_system_are_found_as_windows_finds_them() {
    for (command, directory) in [
        ("cmd", None),
        ("cmd.exe", None),
        (r"windows\system32\cmd", Some(r"C:\")),
        (r"system32\cmd.exe", Some(r"C:\windows")),
        ("system32/cmd", Some(r"C:\windows\")),
        (r"C:\windows\system32\cmd", None),
    ] {
        let host = host();
        let mut plan = plan("system", &[command, "/c", "exit", "3"]);
        plan.working_directory = directory.map(str::to_owned);
        // `C:\` is the rootfs here, and the host's own drive only in a silo.
        if directory == Some(r"C:\") {
            assert!(matches!(
                host.create(&plan).start(),
                Err(StartError::NotFound { .. })
            ));
            continue;
        }
        assert_eq!(host.run(&plan).0, Exit::Code(3), "{command} in {directory:?}");
    }
}

#[test]
fn working_directory_is_the_rootfs_and_private() {
    let host = host();
    let image = host.directory.path().join("image");
    std::fs::create_dir_all(image.join("work")).unwrap();
    for (given, expected) in [
        (None, ""),
        (Some("work"), r"\work"),
        (Some(r"C:\new\one"), r"\new\one"),
    ] {
        let mut plan = plan("cwd", &["cmd", "/c", "cd& echo mine>left"]);
        plan.rootfs = Rootfs::Layers(vec![image.clone()]);
        plan.working_directory = given.map(str::to_owned);
        let (_, stdout, _) = host.run(&plan);
        assert_eq!(
            stdout.trim().to_lowercase(),
            format!(r"c:\hpc\{}{expected}", plan.id)
        );
    }
    assert!(!image.join("left").exists() && !image.join(r"work\left").exists());
}

#[test]
fn a_missing_command_says_where_it_was_looked_for_and_leaves_nothing() {
    let host = host();
    let plan = plan("missing", &["no-such-program"]);
    let error = host.create(&plan).start().err().unwrap();
    let StartError::NotFound { command, tried } = error else {
        panic!("{error}")
    };
    assert_eq!(command, "no-such-program");
    assert!(
        tried.contains(&root(&plan).join("no-such-program.exe")),
        "{tried:?}"
    );
    host.assert_nothing_left(&plan);
}

#[test]
fn a_file_that_is_no_program_cannot_be_executed() {
    let host = host();
    let image = host.directory.path().join("image");
    std::fs::create_dir_all(&image).unwrap();
    std::fs::write(image.join("text.exe"), "no program").unwrap();
    let mut plan = plan("text", &["text.exe"]);
    plan.rootfs = Rootfs::Directory(image);
    let error = host.create(&plan).start().err().unwrap();
    assert!(
        matches!(&error, StartError::NotExecutable { path, .. } if path.ends_with("text.exe")),
        "{error}"
    );
    host.assert_nothing_left(&plan);
}

#[test]
fn what_the_first_process_left_behind_is_killed_with_it() {
    let host = host();
    let plan = plan(
        "orphan",
        &["cmd", "/c", "start /b ping -n 1000 127.0.0.1 & exit 5"],
    );
    let running = host.start(&plan);
    assert_eq!(running.wait_for(SOON), Some(Exit::Code(5)));
    running.delete().unwrap();
    drop(running);
    host.assert_nothing_left(&plan);
}

#[test]
fn kill_ends_every_process_with_code_1() {
    let host = host();
    let plan = plan("kill", FOREVER);
    let running = host.start(&plan);
    assert!(running.wait_for(Duration::ZERO).is_none());
    running.kill().unwrap();
    assert_eq!(running.wait_for(SOON), Some(Exit::Code(1)));
    running.kill().unwrap();
    running.signal(Signal::Term).unwrap();
    running.delete().unwrap();
    drop(running);
    host.assert_nothing_left(&plan);
}

#[test]
fn the_job_has_its_name_while_the_container_is_held() {
    let host = host();
    let plan = plan("name", FOREVER);
    let created = host.create(&plan);
    let name = format!("JobContainer_{}", plan.id);
    let job = Win32
        .open_job(&name, super::api::JOB_OBJECT_QUERY)
        .unwrap()
        .expect("the job has its name");
    assert_eq!(Win32.query_accounting(&job).unwrap().active_processes, 0);
    let running = created.start().unwrap();
    let members = Win32.query_process_ids(&job, 64).unwrap();
    assert!(members.ids.contains(&running.pid()), "{members:?}");
    let other = self::host();
    let error = other.engine.create(&plan, Stdio::Null).err().unwrap();
    assert!(error.to_string().contains(&name), "{error}");
    drop(job);
    running.delete().unwrap();
    drop(running);
    host.assert_nothing_left(&plan);
}

#[test]
fn dropping_a_container_undoes_it() {
    let host = host();
    let plan = plan("drop", FOREVER);
    drop(host.create(&plan));
    host.assert_nothing_left(&plan);
    drop(host.start(&plan));
    host.assert_nothing_left(&plan);
}

/// This program of tests is its own launcher: `PROGRAM guard REQUEST ANSWER` runs the tests that have `guard` in their
/// names, which is this one.
#[test]
fn guard_starts_the_program_and_ends_with_its_code() {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let handle = |arg: &OsString| arg.to_str().is_some_and(|text| text.parse::<usize>().is_ok());
    if args.len() == 3 && args[0] == GUARD_VERB && args[1..].iter().all(handle) {
        std::process::exit(super::entry::guard(&args[1..]));
    }
    let host = host();
    let start = |name: &str, command: &[&str]| {
        let id = format!("{name}-{}", std::process::id());
        let job = Job::create(Arc::new(Win32), &id, &JobLimits::default()).unwrap();
        let launcher = Launcher {
            executable: std::env::current_exe().unwrap().to_str().unwrap().to_owned(),
        };
        let request = launcher::Request {
            command: launcher::Command::Arguments(command.iter().map(|text| (*text).to_owned()).collect()),
            working_directory: None,
            search_path: String::new(),
            system_root: r"C:\windows".to_owned(),
            mount_point: host.directory.path().to_str().unwrap().to_owned(),
            terminal: false,
        };
        let variables = [("SystemRoot", r"C:\windows"), ("MINE", "in the view")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let place = launcher::In {
            jobs: &[job.handle()],
            breakaway: false,
            token: None,
            environment: process::environment_block(&variables).unwrap(),
        };
        let streams = Streams::open(&Win32, Stdio::Piped, false).unwrap();
        let answer = launcher.launch(&Win32, place, streams, &request);
        (job, answer)
    };

    let (job, launched) = start(
        "launch",
        &[
            "cmd",
            "/c",
            r"echo %MINE%& C:\windows\system32\ping -n 2 127.0.0.1& exit 6",
        ],
    );
    let launched = launched.unwrap();
    assert_ne!(launched.pid, launched.process.id);
    let members = super::job::members(&Win32, job.handle()).unwrap();
    for id in [launched.pid, launched.process.id] {
        assert!(members.contains(&id), "{id} of {members:?}");
    }
    let mut output = Vec::new();
    launched
        .kept
        .output
        .unwrap()
        .stdout
        .read_to_end(&mut output)
        .unwrap();
    let output = String::from_utf8_lossy(&output);
    assert!(output.contains("in the view"), "{output}");
    assert!(Win32.wait(&launched.process.handle, Some(SOON)).unwrap());
    assert_eq!(Win32.exit_code(&launched.process.handle).unwrap(), 6);
    assert!(job.wait_until_empty(SOON).unwrap());
    drop((job, launched.process));

    let (_job, launched) = start("launch-none", &["no-such-program"]);
    let error = launched.err().unwrap();
    assert!(
        matches!(&error, StartError::NotFound { tried, .. } if tried.len() > 2),
        "{error}"
    );
}

#[test]
fn refuses_limits_and_accounts_that_wine_only_pretends_to_have() {
    if Win32.wine_version().is_none() {
        return;
    }
    let host = host();
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan("refused", &["cmd"]);
        change(&mut plan);
        let error = host.engine.create(&plan, Stdio::Null).err().unwrap().to_string();
        host.assert_nothing_left(&plan);
        error
    };
    assert!(refused(|plan| plan.limits.memory = Some(1 << 30)).contains("memory limit"));
    assert!(refused(|plan| plan.limits.pids = Some(10)).contains("pids limit"));
    assert!(refused(|plan| plan.limits.cpu_milli = Some(100)).contains("cpu limit"));
    assert!(
        refused(|plan| plan.user = User::Account(porthole_pod::Account::of(porthole_pod::WellKnown::System)))
            .contains("--inherit-user")
    );
    assert!(
        refused(|plan| {
            plan.mounts = vec![Mount {
                sub_path: None,
                volume: "v".to_owned(),
                source: r"C:\windows".into(),
                destination: "/v".to_owned(),
                read_only: false,
            }];
        })
        .contains("made no link")
    );
}

#[test]
fn passwords_come_from_the_systems_generator() {
    let (mut one, mut other) = ([0; 16], [0; 16]);
    Win32.random(&mut one).unwrap();
    Win32.random(&mut other).unwrap();
    assert!(one != other && one != [0; 16]);
}

#[test]
fn sweep_leaves_live_containers_alone() {
    let host = host();
    let plan = plan("live", FOREVER);
    let running = host.start(&plan);
    assert!(host.engine.sweep().unwrap().is_empty());
    assert!(root(&plan).exists());
    assert!(running.wait_for(Duration::ZERO).is_none());
    running.delete().unwrap();
    drop(running);
    host.assert_nothing_left(&plan);
}
