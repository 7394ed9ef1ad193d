//! What an engine does with containers that run: further programs, statistics, limits.

use crate::engine::{Entry, ExecError, TerminalSize, UpdateError};

use super::*;

fn entry(command: &[&str]) -> Entry {
    Entry {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: vec![
            ("B".to_owned(), "2".to_owned()),
            ("path".to_owned(), r"D:\tools".to_owned()),
        ],
        working_directory: None,
        user: None,
    }
}

/// A container that runs, and what was done to it so far.
fn running(host: &Host, plan: &Plan) -> (Arc<dyn crate::Running>, usize) {
    let running = host.create(plan).unwrap().start().unwrap();
    host.fake.job_exists();
    (running, host.fake.calls().len())
}

fn specs(host: &Host, from: usize) -> Vec<ProcessSpec> {
    let calls = host.fake.calls().into_iter().skip(from);
    calls
        .filter_map(|call| match call {
            Call::CreateProcess(spec) => Some(spec),
            _ => None,
        })
        .collect()
}

#[test]
fn a_further_program_is_born_in_the_containers_job_and_in_one_of_its_own() {
    let host = host(false);
    let plan = plan(View::Links);
    let (container, from) = running(&host, &plan);
    host.fake.exits_with(3);
    let exec = host
        .engine
        .exec(&plan, &entry(&["cmd", "/c", "a \"b\""]), Stdio::Piped)
        .unwrap();
    let calls: Vec<_> = host.fake.calls().into_iter().skip(from).collect();
    assert_eq!(
        calls[0],
        Call::OpenJob {
            name: "JobContainer_pod-c".to_owned(),
            access: 0x1 | 0x4
        }
    );
    assert_eq!(
        calls[1],
        Call::OpenProcess {
            access: 0x400 | 0x10_0000,
            id: 4711
        }
    );
    assert_eq!(
        calls[2],
        Call::OpenProcessToken {
            id: 4711,
            access: 0x8 | 0x2 | 0x1
        }
    );
    assert_eq!(calls[3], Call::CreateJob(String::new()));
    let [spec] = specs(&host, from).try_into().unwrap();
    let jobs = match &spec.attributes[..] {
        [Attribute::Handles(handles), Attribute::Jobs(jobs)] if *handles == spec.stdio => jobs.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(jobs.len(), 2);
    assert!(
        !host.fake.is_open(jobs[0]),
        "the container's job stays its holder's"
    );
    assert!(host.fake.is_open(jobs[1]));
    assert_eq!(spec.creation_flags, 0x8_0000 | 0x400 | 0x800_0000 | 0x100_0000);
    assert_eq!(spec.application, r"C:\Windows\System32\cmd.exe");
    assert_eq!(spec.command_line, r#"cmd /c "a \"b\"""#);
    assert_eq!(spec.current_directory.as_deref(), Some(r"C:\hpc\pod-c"));
    // Another process's logon: its token, with which it was started.
    assert!(spec.token.is_some());
    let block = String::from_utf16(&spec.environment.unwrap()).unwrap();
    for variable in ["A=C:\\hpc\\pod-c\0", "B=2\0", "D:\\tools;C:\\hpc\\pod-c\\;"] {
        assert!(block.contains(variable), "{variable}: {block:?}");
    }
    assert!(exec.take_output().is_some());
    // Its end is its own.
    assert_eq!(exec.wait(), Exit::Code(3));
    exec.delete().unwrap();
    let ended: Vec<_> = host
        .fake
        .calls()
        .into_iter()
        .filter_map(|call| match call {
            Call::TerminateJob { job, .. } => Some(job),
            _ => None,
        })
        .collect();
    assert!(ended.iter().all(|job| *job == jobs[1]), "{ended:?}");
    assert!(host.fake.left_behind().contains(&r"C:\hpc\pod-c".to_owned()));
    drop(exec);
    container.delete().unwrap();
    drop(container);
    host.assert_nothing_left();
}

#[test]
fn of_the_same_logon_no_token_is_needed() {
    let host = host(false);
    let plan = plan(View::Links);
    let (_container, from) = running(&host, &plan);
    host.fake.same_logon();
    host.engine.exec(&plan, &entry(&["cmd"]), Stdio::Null).unwrap();
    assert_eq!(specs(&host, from)[0].token, None);
}

#[test]
fn in_a_silo_the_launcher_starts_it() {
    let host = host(true);
    let plan = plan(View::Private);
    host.fake.contents(&["", "", "", r#"{"Started":{"pid":77}}"#]);
    let (_container, from) = running(&host, &plan);
    host.fake.contents(&["", "", "", r#"{"Started":{"pid":78}}"#]);
    let size = TerminalSize {
        columns: 80,
        rows: 25,
    };
    let exec = host
        .engine
        .exec(&plan, &entry(&["x"]), Stdio::Terminal(size))
        .unwrap();
    assert_eq!(exec.pid(), 78);
    let [spec] = specs(&host, from).try_into().unwrap();
    assert_eq!(spec.application, PORTHOLE);
    let [
        Attribute::Handles(pipes),
        Attribute::Jobs(jobs),
        Attribute::PseudoConsole(console),
    ] = &spec.attributes[..]
    else {
        panic!("{:?}", spec.attributes)
    };
    assert_eq!((pipes.len(), jobs.len()), (2, 2));
    let request: launcher::Request = serde_json::from_str(&host.fake.written(pipes[0] + 1)).unwrap();
    assert!(request.terminal);
    assert!(exec.take_terminal().is_some());
    exec.resize(TerminalSize {
        columns: 100,
        rows: 30,
    })
    .unwrap();
    assert!(host.fake.calls().contains(&Call::Resize {
        console: *console,
        columns: 100,
        rows: 30
    }));
}

#[test]
fn what_has_ended_or_is_somebody_elses_process_by_now_does_not_run() {
    type Change = fn(&Host);
    let cases: [Change; 4] = [
        |host| host.fake.ended(4711),
        |host| host.fake.outside(4711),
        |host| host.fake.fail(|call| matches!(call, Call::OpenJob { .. }), 2),
        |host| std::fs::remove_file(host.directory.path().join("state/containers/pod-c/process")).unwrap(),
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let host = host(false);
        let plan = plan(View::Links);
        let (_container, from) = running(&host, &plan);
        change(&host);
        let error = host
            .engine
            .exec(&plan, &entry(&["cmd"]), Stdio::Null)
            .err()
            .unwrap();
        if number != 2 {
            assert!(matches!(error, ExecError::NotRunning { .. }), "{number}: {error}");
        }
        assert!(specs(&host, from).is_empty(), "{number}");
    }
    let host = host(false);
    let error = host
        .engine
        .exec(&plan(View::Links), &entry(&["cmd"]), Stdio::Null)
        .err()
        .unwrap();
    assert!(matches!(error, ExecError::NotRunning { .. }), "{error}");
    assert!(host.engine.stats("pod-c").is_err());
    assert!(host.engine.stats("..").is_err());
}

#[test]
fn another_account_is_logged_on_anew_and_a_group_is_refused() {
    let host = host(false);
    let plan = plan(View::Links);
    let (_container, from) = running(&host, &plan);
    let mut as_service = entry(&["cmd"]);
    as_service.user = Some(User::Account(Account::parse("LocalService").unwrap()));
    host.engine.exec(&plan, &as_service, Stdio::Null).unwrap();
    assert!(specs(&host, from)[0].token.is_some());
    assert!(
        host.fake
            .calls()
            .iter()
            .any(|call| matches!(call, Call::Logon { kind: 5, .. }))
    );
    as_service.user = Some(User::Account(Account::parse("operators").unwrap()));
    let error = host
        .engine
        .exec(&plan, &as_service, Stdio::Null)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("temporary account"), "{error}");
}

#[test]
fn limits_change_while_the_container_runs() {
    let host = host(false);
    let plan = plan(View::Links);
    let (_container, _) = running(&host, &plan);
    let wanted = Limits {
        memory: Some(10_000_000),
        pids: Some(5),
        ..Limits::default()
    };
    let set = host.engine.update("pod-c", &wanted).unwrap();
    assert_eq!((set.memory, set.pids), (Some(9_998_336), Some(5)));
    let stats = host.engine.stats("pod-c").unwrap();
    assert_eq!(
        (stats.memory_limit_bytes, stats.pids_limit),
        (Some(9_998_336), Some(5))
    );
    let refused = host
        .engine
        .update(
            "pod-c",
            &Limits {
                memory: Some(1),
                ..Limits::default()
            },
        )
        .unwrap_err();
    assert!(matches!(refused, UpdateError::Refused { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .starts_with("limit memory to 1 of container `pod-c`"),
        "{refused}"
    );
}
