//! Further programs in a container that runs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio as Streams};
use std::sync::Arc;
use std::time::Duration;

use porthole_pod::Account;
use porthole_runtime::engine::{Entry, ExecError, Exit, Signal, StartError};
use porthole_runtime::plan::{Rootfs, User};
use porthole_runtime::{Plan, Running, Stdio};
use porthole_tests::wait;

use crate::bench::{Bench, LIMIT, helper};
use crate::plans::{entry, mount, plan};

/// A container that does nothing until it is killed.
fn idle(account: &str) -> Plan {
    plan(account, &["/bin/sleep", "1000"])
}

fn exec(bench: &Bench, plan: &Plan, entry: &Entry) -> Arc<dyn Running> {
    bench
        .engine()
        .exec(plan, entry, Stdio::Piped)
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Runs a program in a container to its end. Returns how it ended, and all that it printed.
fn run(bench: &Bench, plan: &Plan, entry: &Entry) -> (Exit, String) {
    let program = exec(bench, plan, entry);
    let mut output = program.take_output().unwrap();
    let exit = program.wait_for(LIMIT).expect("the program ends");
    let mut text = String::new();
    output.stdout.read_to_string(&mut text).unwrap();
    output.stderr.read_to_string(&mut text).unwrap();
    (exit, text)
}

fn shell(script: &str) -> Entry {
    entry(&["/bin/sh", "-c", script])
}

fn end(running: &Arc<dyn Running>) {
    running.kill().unwrap();
    running.wait_for(LIMIT).expect("the container ends");
    running.delete().unwrap();
}

fn cgroup_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

fn exists(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
#[ignore = "needs root"]
fn a_program_has_the_container_s_view_environment_and_directory() {
    let bench = Bench::new();
    let (image, data) = (bench.directory("image"), bench.directory("data"));
    fs::create_dir_all(image.join("srv/app")).unwrap();
    fs::write(image.join("file"), "image").unwrap();
    fs::write(data.join("file"), "data").unwrap();
    let mut plan = idle("SYSTEM");
    plan.rootfs = Rootfs::Directory(image);
    plan.mounts = vec![mount(&data, "/porthole-test/data", true)];
    plan.working_directory = Some("/srv/app".to_owned());
    plan.environment = vec![
        ("A".to_owned(), "%CONTAINER_SANDBOX_MOUNT_POINT%/a".to_owned()),
        ("B".to_owned(), "container".to_owned()),
    ];
    let running = bench.start(&plan);
    let mut entry = shell(
        "pwd; cat /hpc/file /porthole-test/data/file; echo; echo $A $B $C $HOME $CONTAINER_SANDBOX_MOUNT_POINT; \
         echo x > /porthole-test/data/file; exit 7",
    );
    entry.environment = vec![
        ("B".to_owned(), "exec".to_owned()),
        ("C".to_owned(), "new".to_owned()),
    ];
    let (exit, text) = run(&bench, &plan, &entry);
    assert_eq!(exit, Exit::Code(7), "{text}");
    assert!(
        text.starts_with("/hpc/srv/app\nimagedata\n/hpc/a exec new /root /hpc\n"),
        "{text}"
    );
    assert!(text.contains("Read-only file system"), "{text}");
    entry = shell("pwd");
    entry.working_directory = Some("/porthole-test/data".to_owned());
    // Found in the rootfs first, as the container's own would be: volumes are there too.
    assert_eq!(run(&bench, &plan, &entry).1, "/hpc/porthole-test/data\n");
    assert!(
        running.wait_for(Duration::ZERO).is_none(),
        "the container goes on"
    );
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_is_in_every_cgroup_of_the_container_and_so_are_its_descendants() {
    let bench = Bench::new();
    let mut plan = idle("SYSTEM");
    plan.limits.memory = Some(64 << 20);
    plan.limits.pids = Some(50);
    let running = bench.start(&plan);
    let program = exec(
        &bench,
        &plan,
        &shell("setsid sh -c 'echo $$; exec sleep 1000' & exec sleep 1000"),
    );
    assert_eq!(cgroup_of(program.pid()), cgroup_of(running.pid()));
    let mut output = std::io::BufReader::new(program.take_output().unwrap().stdout);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let descendant: u32 = line.trim().parse().unwrap();
    assert_eq!(cgroup_of(descendant), cgroup_of(running.pid()));
    // Its own end is not that of what it left behind; the container's is.
    program.kill().unwrap();
    assert_eq!(program.wait_for(LIMIT), Some(Exit::Signal(9)));
    assert!(exists(descendant));
    end(&running);
    assert!(!exists(descendant));
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_is_who_the_container_is() {
    let bench = Bench::new();
    for account in ["SYSTEM", "LocalService", "nobody", "audio"] {
        let plan = plan(account, &["/bin/sh", "-c", "id -u; id -G; exec sleep 1000"]);
        let running = bench.start(&plan);
        let mut output = std::io::BufReader::new(running.take_output().unwrap().stdout);
        let mut own = String::new();
        for _ in 0..2 {
            std::io::BufRead::read_line(&mut output, &mut own).unwrap();
        }
        let (exit, text) = run(&bench, &plan, &shell("id -u; id -G"));
        assert_eq!((exit, text), (Exit::Code(0), own), "{account}");
        let (_, status) = run(&bench, &plan, &entry(&["/bin/cat", "/proc/self/status"]));
        let bounded = status.contains("CapBnd:\t0000000000000000");
        assert_eq!(bounded, account != "SYSTEM", "{account}: {status}");
        end(&running);
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_may_be_somebody_else() {
    let bench = Bench::new();
    let plan = idle("audio");
    let running = bench.start(&plan);
    let container = fs::metadata(format!("/proc/{}", running.pid())).unwrap();
    let user = |name: &str| Some(User::Account(Account::parse(name).unwrap()));
    let mut entry = shell("echo $(id -u) $(id -gn) $USERNAME");
    entry.user = user("SYSTEM");
    assert_eq!(run(&bench, &plan, &entry).1, "0 root SYSTEM\n");
    // Another group's uid is another one, and is given back at the program's end.
    entry.user = user("video");
    let (_, text) = run(&bench, &plan, &entry);
    let (uid, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, "video video\n");
    let uid: u32 = uid.parse().unwrap();
    assert_ne!(uid, std::os::unix::fs::MetadataExt::uid(&container));
    let claims = fs::read_dir(bench.state().join("claims/uids")).unwrap();
    assert_eq!(claims.count(), 1, "the container's own");
    entry.user = user(r"CONTOSO\web");
    let error = bench.engine().exec(&plan, &entry, Stdio::Null).err().unwrap();
    assert!(
        error.to_string().contains("domain accounts cannot log on here"),
        "{error}"
    );
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_that_cannot_start_says_why() {
    let bench = Bench::new();
    let mut plan = idle("SYSTEM");
    plan.environment = vec![("PATH".to_owned(), "/bin".to_owned())];
    let running = bench.start(&plan);
    let fails = |entry: &Entry| bench.engine().exec(&plan, entry, Stdio::Null).err().unwrap();
    match fails(&entry(&["no-such-command"])) {
        ExecError::Start(StartError::NotFound { command, tried }) => {
            assert_eq!(command, "no-such-command");
            assert_eq!(
                tried,
                ["/hpc/bin/no-such-command", "/bin/no-such-command"].map(std::path::PathBuf::from)
            );
        }
        other => panic!("{other:?}"),
    }
    let error = fails(&entry(&["/etc/passwd"]));
    assert!(
        matches!(&error, ExecError::Start(StartError::NotExecutable { path, .. }) if path.ends_with("etc/passwd")),
        "{error:?}"
    );
    let mut elsewhere = shell("true");
    elsewhere.working_directory = Some("/no/such/directory".to_owned());
    assert!(fails(&elsewhere).to_string().contains("no such directory"));
    assert!(fails(&entry(&[])).to_string().contains("none is given"));
    assert!(fails(&entry(&["/bin/echo", "a\0b"])).to_string().contains("NUL"));
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_container_that_does_not_run_is_said_not_to() {
    let bench = Bench::new();
    let plan = idle("SYSTEM");
    let not_running = |plan: &Plan| {
        let error = bench.engine().exec(plan, &shell("true"), Stdio::Null).err();
        assert!(
            matches!(&error, Some(ExecError::NotRunning { id }) if *id == plan.id),
            "{error:?}"
        );
    };
    not_running(&plan);
    for id in ["../x", "/", "", "a/b"] {
        let mut bad = plan.clone();
        bad.id = id.to_owned();
        not_running(&bad);
    }
    let created = bench
        .engine()
        .create(&plan, Stdio::Null)
        .unwrap_or_else(|error| panic!("{error}"));
    not_running(&plan);
    let running = created.start().unwrap();
    assert_eq!(run(&bench, &plan, &shell("exit 3")).0, Exit::Code(3));
    running.kill().unwrap();
    running.wait_for(LIMIT).unwrap();
    not_running(&plan);
    running.delete().unwrap();
    not_running(&plan);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_removal_ends_every_program_and_leaves_nothing_of_those_that_are_being_started() {
    let bench = Bench::new();
    for round in 0..10 {
        let plan = idle("audio");
        let running = bench.start(&plan);
        let started = std::thread::scope(|scope| {
            let programs = scope.spawn(|| {
                let mut programs = Vec::new();
                loop {
                    match bench
                        .engine()
                        .exec(&plan, &shell("trap '' TERM INT HUP; sleep 1000"), Stdio::Null)
                    {
                        Ok(program) => programs.push(program),
                        Err(ExecError::NotRunning { .. }) => return programs,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
            wait::until("a program", LIMIT, || {
                Ok((fs::read_dir(format!("/proc/{}", running.pid())).is_ok()).then_some(()))
            })
            .unwrap();
            std::thread::yield_now();
            running.kill().unwrap();
            running.wait_for(LIMIT).expect("the container ends");
            running.delete().unwrap();
            programs.join().unwrap()
        });
        for program in started {
            let exit = program.wait_for(LIMIT).expect("it ends with the container");
            assert_eq!(exit, Exit::Signal(9), "round {round}");
        }
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn another_process_enters_a_container_and_its_death_ends_what_it_started() {
    let bench = Bench::new();
    let plan = idle("SYSTEM");
    let running = bench.start(&plan);
    let command = |script: &str| {
        let mut command = Command::new(helper());
        command.arg("exec").arg(bench.state()).args([&plan.id, script]);
        command
    };
    let mut child = command("cat; echo $0 $$ >&2; exit 9")
        .stdin(Streams::piped())
        .stdout(Streams::piped())
        .stderr(Streams::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{output:?}");
    assert_eq!(output.stdout, b"typed\n");
    let mut child = command("echo $$; exec sleep 1000")
        .stdout(Streams::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let pid: u32 = line.trim().parse().unwrap();
    assert_eq!(cgroup_of(pid), cgroup_of(running.pid()));
    child.kill().unwrap();
    child.wait().unwrap();
    wait::until("the program to end with what made it", LIMIT, || {
        Ok((!exists(pid)).then_some(()))
    })
    .unwrap();
    assert!(
        running.wait_for(Duration::ZERO).is_none(),
        "the container goes on"
    );
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_outlives_the_thread_that_asked_for_it() {
    let bench = Bench::new();
    let plan = idle("SYSTEM");
    let running = bench.start(&plan);
    let program = std::thread::scope(|scope| {
        scope
            .spawn(|| exec(&bench, &plan, &shell("read line; exit 4")))
            .join()
            .unwrap()
    });
    // Standard input is empty: it ends by itself, and not by the thread's end.
    assert_eq!(program.wait_for(LIMIT), Some(Exit::Code(4)));
    let program = exec(
        &bench,
        &plan,
        &shell("trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done"),
    );
    let mut ready = [0; 6];
    let mut output = program.take_output().unwrap();
    output.stdout.read_exact(&mut ready).unwrap();
    program.signal(Signal::Term).unwrap();
    assert_eq!(program.wait_for(LIMIT), Some(Exit::Code(6)));
    assert_eq!(program.wait(), Exit::Code(6), "and can be asked again");
    // One that nobody wants any more does not stay.
    let program = exec(&bench, &plan, &entry(&["/bin/sleep", "1000"]));
    let pid = program.pid();
    drop(program);
    assert!(!exists(pid));
    end(&running);
    bench.nothing_is_left();
}
