//! Terminals and standard input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::sync::Arc;

use porthole_runtime::engine::{Exit, Signal, TerminalSize};
use porthole_runtime::{Plan, Running, Stdio};

use crate::bench::{Bench, LIMIT};
use crate::plans::{entry, plan};

const SIZE: TerminalSize = TerminalSize {
    columns: 101,
    rows: 23,
};

/// Ends a container that a test waits for in vain: what it waits for then fails.
fn watch(running: &Arc<dyn Running>) -> std::sync::mpsc::Sender<()> {
    let (done, over) = std::sync::mpsc::channel();
    let running = Arc::clone(running);
    std::thread::spawn(move || {
        if over.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = running.kill();
        }
    });
    done
}

/// What is shown until `end` is, without the carriage returns that a terminal adds.
fn shown_until(output: &mut impl std::io::BufRead, end: &str) -> String {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        let read = output.read_line(&mut line).unwrap_or(0);
        text.push_str(&line.replace('\r', ""));
        if read == 0 || line.contains(end) {
            return text;
        }
    }
}

fn start(bench: &Bench, plan: &Plan) -> Arc<dyn Running> {
    let created = bench.engine().create(plan, Stdio::Terminal(SIZE));
    created
        .unwrap_or_else(|error| panic!("{error:?}"))
        .start()
        .unwrap()
}

const LOOK: &str = "test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; ls -l $(tty) | cut -d' ' -f3; \
                    test $(ps -o tty= -p $$) = pts/$(basename $(tty)) && echo controlling; echo typed >/dev/tty; \
                    trap 'echo resized' WINCH; echo ready; while read -r line; do stty size; echo got $line; done";

#[test]
#[ignore = "needs root"]
fn a_container_has_a_terminal_of_its_own_whose_size_follows() {
    let bench = Bench::new();
    for (account, owner) in [("SYSTEM", "root"), ("nobody", "nobody")] {
        let plan = plan(account, &["/bin/bash", "-c", LOOK]);
        let running = start(&bench, &plan);
        let _watched = watch(&running);
        let terminal = running.take_terminal().expect("a terminal");
        assert!(running.take_terminal().is_none(), "only once");
        assert!(running.take_output().is_none());
        let mut output = BufReader::new(terminal.output);
        let text = shown_until(&mut output, "ready");
        assert_eq!(
            text,
            format!("terminal\n23 101\n{owner}\ncontrolling\ntyped\nready\n"),
            "{account}"
        );
        running
            .resize(TerminalSize {
                columns: 60,
                rows: 20,
            })
            .unwrap();
        let mut input = terminal.input;
        input.write_all(b"hello\n").unwrap();
        // What is typed is shown, and then read; meanwhile the shell has noted the signal.
        let text = shown_until(&mut output, "got");
        for line in ["hello", "resized", "20 60", "got hello"] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        // Ctrl-C: the terminal's, for the session that it controls.
        input.write_all(b"\x03").unwrap();
        assert_eq!(running.wait_for(LIMIT), Some(Exit::Signal(2)), "{account}");
        let mut rest = Vec::new();
        // The end, or EIO: nobody has the other side any more.
        let _ = output.read_to_end(&mut rest);
        running.delete().unwrap();
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_in_a_container_has_one_too_with_job_control() {
    let bench = Bench::new();
    let plan = plan("nobody", &["/bin/sleep", "1000"]);
    let running = bench.start(&plan);
    let _watched = watch(&running);
    let program = bench
        .engine()
        .exec(
            &plan,
            &entry(&["/bin/bash", "--norc", "-i"]),
            Stdio::Terminal(SIZE),
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
    let terminal = program.take_terminal().unwrap();
    let (mut input, mut output) = (terminal.input, BufReader::new(terminal.output));
    input
        .write_all(b"PS1=; stty -echo; echo re''ady; stty size; sleep 1000\n")
        .unwrap();
    let text = shown_until(&mut output, "ready\r\n");
    assert!(!text.contains("no job control"), "{text}");
    assert_eq!(shown_until(&mut output, "23 101"), "23 101\n");
    // Ctrl-Z and Ctrl-C reach the job in the foreground and not the shell.
    wait_for_job(running.pid());
    input.write_all(b"\x1a").unwrap();
    let text = shown_until(&mut output, "Stopped");
    assert!(text.contains("Stopped"), "{text}");
    // The first is answered with the job that is stopped.
    input.write_all(b"exit 5\nexit 5\n").unwrap();
    assert_eq!(program.wait_for(LIMIT), Some(Exit::Code(5)));
    running.kill().unwrap();
    running.wait_for(LIMIT).unwrap();
    running.delete().unwrap();
    bench.nothing_is_left();
}

/// Waits until the container has a second `sleep`: the job.
fn wait_for_job(container: u32) {
    let cgroup = std::fs::read_to_string(format!("/proc/{container}/cgroup")).unwrap();
    porthole_tests::wait::until("the job to start", LIMIT, || {
        let sleeping = std::fs::read_dir("/proc").unwrap().flatten().filter(|process| {
            let read = |name| std::fs::read_to_string(process.path().join(name)).unwrap_or_default();
            read("comm") == "sleep\n" && read("cgroup") == cgroup
        });
        Ok((sleeping.count() == 2).then_some(()))
    })
    .unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_terminal_that_vanishes_hangs_its_program_up() {
    let bench = Bench::new();
    let plan = plan("SYSTEM", &["/bin/sleep", "1000"]);
    let running = bench.start(&plan);
    let _watched = watch(&running);
    let program = bench
        .engine()
        .exec(
            &plan,
            &entry(&[
                "/bin/sh",
                "-c",
                "trap 'exit 1' HUP; echo ready; while :; do sleep 0.05; done",
            ]),
            Stdio::Terminal(SIZE),
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
    let terminal = program.take_terminal().unwrap();
    shown_until(&mut BufReader::new(terminal.output), "ready");
    program.signal(Signal::Hup).unwrap();
    assert_eq!(program.wait_for(LIMIT), Some(Exit::Code(1)));
    assert!(program.resize(SIZE).is_ok(), "nobody is told any more");
    running.kill().unwrap();
    running.wait_for(LIMIT).unwrap();
    running.delete().unwrap();
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn standard_input_is_open_only_where_the_plan_has_one() {
    let bench = Bench::new();
    let mut plan = plan("SYSTEM", &["/bin/cat"]);
    plan.streams.stdin = true;
    let running = bench.start(&plan);
    let _watched = watch(&running);
    let mut output = running.take_output().unwrap();
    let mut stdin = output.stdin.take().expect("standard input");
    stdin.write_all(b"one\n").unwrap();
    let mut line = String::new();
    BufReader::new(&output.stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    assert!(running.wait_for(std::time::Duration::ZERO).is_none());
    drop(stdin);
    assert_eq!(running.wait_for(LIMIT), Some(Exit::Code(0)));
    running.delete().unwrap();

    plan.streams.stdin = false;
    let running = bench.start(&plan);
    let _watched = watch(&running);
    assert!(running.take_output().unwrap().stdin.is_none());
    assert_eq!(running.wait_for(LIMIT), Some(Exit::Code(0)));
    running.delete().unwrap();
    bench.nothing_is_left();
}
