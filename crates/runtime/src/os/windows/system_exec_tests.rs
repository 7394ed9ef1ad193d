//! What is asked of a container that runs, and streams other than output.

use crate::engine::{Entry, TerminalSize};

use super::*;

fn entry(command: &[&str]) -> Entry {
    Entry {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: vec![("PORTHOLE_EXEC".to_owned(), "from outside".to_owned())],
        working_directory: None,
        user: None,
    }
}

fn ended(running: &dyn Running) -> Exit {
    running.wait_for(SOON).expect("the program has ended")
}

#[test]
fn a_further_program_has_the_containers_environment_and_an_end_of_its_own() {
    let host = host();
    let mut plan = plan("exec-end", FOREVER);
    plan.environment = vec![("PORTHOLE_PLAN".to_owned(), "planned".to_owned())];
    let container = host.start(&plan);
    let command = ["cmd", "/c", "echo %PORTHOLE_PLAN% %PORTHOLE_EXEC%& cd& exit 7"];
    let exec = host.engine.exec(&plan, &entry(&command), Stdio::Piped).unwrap();
    let mut said = String::new();
    exec.take_output()
        .unwrap()
        .stdout
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(ended(&*exec), Exit::Code(7));
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    assert_eq!(lines[0], "planned from outside");
    assert!(
        lines[1].eq_ignore_ascii_case(root(&plan).to_str().unwrap()),
        "{said}"
    );
    assert!(
        container.wait_for(Duration::ZERO).is_none(),
        "the container still runs"
    );
    exec.delete().unwrap();
    container.delete().unwrap();
}

#[test]
fn a_further_program_ends_with_the_container_and_with_its_handle() {
    let host = host();
    let plan = plan("exec-both", FOREVER);
    let container = host.start(&plan);
    let first = host.engine.exec(&plan, &entry(FOREVER), Stdio::Null).unwrap();
    let second = host.engine.exec(&plan, &entry(FOREVER), Stdio::Piped).unwrap();
    // What it holds open ends with it.
    let mut output = second.take_output().unwrap().stdout;
    drop(second);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert!(first.wait_for(Duration::ZERO).is_none(), "the other still runs");
    container.kill().unwrap();
    ended(&*container);
    ended(&*first);
    let error = host
        .engine
        .exec(&plan, &entry(FOREVER), Stdio::Null)
        .err()
        .unwrap();
    assert!(error.to_string().ends_with("does not run"), "{error}");
    container.delete().unwrap();
}

#[test]
fn statistics_say_what_this_system_counts() {
    let host = host();
    let plan = plan("stats", FOREVER);
    let container = host.start(&plan);
    let stats = host.engine.stats(&plan.id).unwrap();
    assert!(stats.pids.is_some_and(|pids| pids >= 1), "{stats:?}");
    if Win32.wine_version().is_some() {
        assert_eq!(
            (stats.cpu_nanoseconds, stats.memory_bytes, stats.read_bytes),
            (None, None, None)
        );
    } else {
        assert!(stats.cpu_nanoseconds.is_some() && stats.working_set_bytes.is_some());
    }
    container.delete().unwrap();
    assert!(host.engine.stats(&plan.id).is_err());
}

#[test]
fn processors_are_kept_or_refused() {
    let host = host();
    let mut limited = plan("affinity", FOREVER);
    limited.limits.processors = vec![0];
    match host.engine.create(&limited, Stdio::Null) {
        Ok(created) => drop(created),
        Err(error) => {
            assert!(Win32.wine_version().is_some(), "{error}");
            assert_eq!(error.to_string(), "set the processors of the job object");
        }
    }
    let plan = plan("affinity-live", FOREVER);
    let container = host.start(&plan);
    let updated = host.engine.update(&plan.id, &limited.limits);
    assert_eq!(updated.is_err(), Win32.wine_version().is_some(), "{updated:?}");
    // Nothing to set or to lift is no error anywhere.
    assert_eq!(
        host.engine.update(&plan.id, &Limits::default()).unwrap().memory,
        None
    );
    container.delete().unwrap();
}

#[test]
fn a_program_with_a_terminal_ends_like_any_other() {
    let host = host();
    let plan = plan("terminal", &["cmd", "/c", "exit 4"]);
    let size = TerminalSize {
        columns: 90,
        rows: 30,
    };
    let container = host
        .engine
        .create(&plan, Stdio::Terminal(size))
        .unwrap()
        .start()
        .unwrap();
    let mut terminal = container.take_terminal().unwrap();
    assert!(container.take_terminal().is_none());
    // Wine does not resize terminals.
    assert!(container.resize(size).is_ok() || Win32.wine_version().is_some());
    let reading = std::thread::spawn(move || {
        // Ends, or fails, when the terminal is closed.
        let _ = terminal.output.read_to_end(&mut Vec::new());
    });
    assert_eq!(ended(&*container), Exit::Code(4));
    container.resize(size).unwrap();
    reading.join().unwrap();
    container.delete().unwrap();
}
