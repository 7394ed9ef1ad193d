//! The engine against a Windows that remembers every call.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use porthole_pod::Account;

use crate::engine::{CreateError, Engine as _, Exit, Signal, StartError, Stdio};
use crate::plan::{CommandLine, Limits, Mount, PodIdentity, Rootfs, Stop, User, View};
use crate::{Plan, state::State};

use super::api::{Attribute, JobInformation, ProcessSpec, SID_TYPE_USER};
use super::fake::{Call, Fake};
use super::host_engine::WindowsEngine;
use super::launcher;

#[path = "exec_tests.rs"]
mod exec;
#[path = "rights_tests.rs"]
mod rights;
#[path = "undo_tests.rs"]
mod undo;

const PORTHOLE: &str = r"C:\Program Files\porthole\porthole.exe";

struct Host {
    directory: tempfile::TempDir,
    fake: Arc<Fake>,
    engine: WindowsEngine,
}

/// A host with or without a bind filter, and what the plans below need.
fn host(bind_filter: bool) -> Host {
    let fake = Fake::new();
    if bind_filter {
        fake.file(r"C:\Windows\System32\bindfltapi.dll");
    }
    for directory in [r"C:\", r"C:\data", r"C:\layers\1", r"C:\layers\2"] {
        fake.directory(directory);
    }
    fake.file(r"C:\config.txt");
    fake.file(r"C:\Windows\System32\cmd.exe");
    fake.group("operators");
    let directory = tempfile::tempdir().unwrap();
    let engine = WindowsEngine::new(
        fake.clone(),
        State::new(&directory.path().join("state")),
        PORTHOLE.to_owned(),
    );
    Host {
        directory,
        fake,
        engine,
    }
}

impl Host {
    fn create(&self, plan: &Plan) -> Result<Box<dyn crate::Created>, CreateError> {
        self.engine.create(plan, Stdio::Piped)
    }

    /// What the container's own directory is called.
    fn backing(&self, plan: &Plan) -> String {
        let directory = ["state", "containers", &plan.id]
            .iter()
            .fold(self.directory.path().to_owned(), |path, part| path.join(part));
        format!(r"{}\rootfs", directory.display())
    }

    fn refuses(&self, plan: &Plan) -> String {
        let error = self.create(plan).err().expect("refused");
        self.assert_nothing_left();
        error.to_string()
    }

    fn assert_nothing_left(&self) {
        assert_eq!(self.fake.left_behind(), Vec::<String>::new());
        assert_eq!(self.fake.open_handles(), 0);
        let containers = self.directory.path().join("state/containers");
        let left = std::fs::read_dir(containers).map_or(0, Iterator::count);
        assert_eq!(left, 0, "containers in the state directory");
    }

    fn spec(&self) -> ProcessSpec {
        let spec = self.fake.calls().into_iter().find_map(|call| match call {
            Call::CreateProcess(spec) => Some(spec),
            _ => None,
        });
        spec.expect("a process was created")
    }
}

fn plan(view: View) -> Plan {
    Plan {
        id: "pod-c".to_owned(),
        pod: PodIdentity {
            namespace: "default".to_owned(),
            name: "pod".to_owned(),
            uid: "u".to_owned(),
        },
        container: "c".to_owned(),
        rootfs: Rootfs::Layers(vec![PathBuf::from(r"C:\layers\1"), PathBuf::from(r"C:\layers\2")]),
        view,
        command: CommandLine::Arguments(["cmd", "/c", "say \"hi\""].map(str::to_owned).to_vec()),
        working_directory: None,
        environment: vec![("A".to_owned(), "%CONTAINER_SANDBOX_MOUNT_POINT%".to_owned())],
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

fn mount(source: &str, destination: &str, read_only: bool) -> Mount {
    Mount {
        sub_path: None,
        volume: "v".to_owned(),
        source: source.into(),
        destination: destination.to_owned(),
        read_only,
    }
}

fn filters(fake: &Fake) -> Vec<(u32, String, String)> {
    fake.calls()
        .into_iter()
        .filter_map(|call| match call {
            Call::BindFilter {
                flags, root, target, ..
            } => Some((flags, root, target)),
            _ => None,
        })
        .collect()
}

#[test]
fn offers_a_private_view_only_where_the_bind_filter_is() {
    assert_eq!(
        host(true).engine.facts().views,
        [View::Private, View::Links, View::None]
    );
    assert_eq!(host(false).engine.facts().views, [View::Links, View::None]);
    assert_eq!(host(false).engine.facts().hostname, "host");
}

#[test]
fn private_view_is_a_silo_with_bound_rootfs_and_volumes() {
    let host = host(true);
    let mut plan = plan(View::Private);
    plan.mounts = vec![
        mount(r"C:\data", "/var/data", false),
        mount(r"C:\config.txt", r"D:\etc\config.txt", true),
    ];
    let created = host.create(&plan).unwrap();
    let backing = host.backing(&plan);
    let calls = host.fake.calls();
    let position = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted).unwrap();
    let silo = position(&|call| {
        matches!(
            call,
            Call::SetJob {
                information: JobInformation::CreateSilo,
                ..
            }
        )
    });
    assert!(silo < position(&|call| matches!(call, Call::BindFilter { .. })));
    assert_eq!(
        calls
            .iter()
            .filter(|call| matches!(call, Call::CopyTree { .. }))
            .cloned()
            .collect::<Vec<_>>(),
        [r"C:\layers\1", r"C:\layers\2"].map(|from| Call::CopyTree {
            from: from.to_owned(),
            to: backing.clone()
        })
    );
    let config = r"D:\etc\config.txt";
    assert_eq!(
        filters(&host.fake),
        [
            (0x4, r"C:\hpc", backing.as_str()),
            (0x4, r"C:\var\data", r"C:\data"),
            (0x4, r"C:\hpc\var\data", r"C:\data"),
            (0x5, config, r"C:\config.txt"),
            (0x5, r"C:\hpc\etc\config.txt", r"C:\config.txt"),
        ]
        .map(|(flags, root, target)| (flags, root.to_owned(), target.to_owned()))
    );
    // The parents of the destinations, on the host and in the rootfs.
    for directory in [
        r"C:\var".to_owned(),
        r"D:\etc".to_owned(),
        format!(r"{backing}\var"),
        format!(r"{backing}\etc"),
    ] {
        let made = |call: &Call| match call {
            Call::CreateDirectory(path) | Call::CreatePrivateDirectory { path, .. } => *path == directory,
            _ => false,
        };
        assert!(calls.iter().any(made), "{directory}");
    }
    drop(created);
    host.assert_nothing_left();
}

#[test]
fn a_silos_program_is_started_by_a_launcher_inside() {
    let host = host(true);
    host.fake.contents(&["", "", "", r#"{"Started":{"pid":77}}"#]);
    host.fake.exits_with(9);
    let running = host.create(&plan(View::Private)).unwrap().start().unwrap();
    assert_eq!(running.pid(), 77);
    let spec = host.spec();
    assert_eq!(spec.application, PORTHOLE);
    let mut words = spec
        .command_line
        .strip_prefix(r#""C:\Program Files\porthole\porthole.exe" guard "#)
        .expect("porthole is called")
        .split(' ')
        .map(|handle| handle.parse::<usize>().unwrap());
    let (request, answer) = (words.next().unwrap(), words.next().unwrap());
    assert_eq!(
        spec.attributes,
        [
            Attribute::Handles(vec![spec.stdio[0], spec.stdio[1], spec.stdio[2], request, answer]),
            Attribute::Jobs(vec![1]),
        ]
    );
    assert!(!host.fake.is_open(request) && !host.fake.is_open(answer));
    let block = String::from_utf16(&spec.environment.unwrap()).unwrap();
    assert!(
        block.contains("A=C:\\hpc\0") && block.contains("CONTAINER_SANDBOX_MOUNT_POINT=C:\\hpc\\\0"),
        "{block:?}"
    );
    // The write end was opened just after the read end.
    let request: launcher::Request = serde_json::from_str(&host.fake.written(request + 1)).unwrap();
    assert_eq!(request.mount_point, r"C:\hpc");
    assert_eq!(request.system_root, r"C:\Windows");
    // The launcher is no program of the container's.
    host.fake
        .members(&[(4711, r"C:\porthole.exe"), (77, r"C:\hpc\app.exe")]);
    running.signal(Signal::Term).unwrap();
    assert!(
        host.fake
            .calls()
            .iter()
            .all(|call| !matches!(call, Call::OpenProcess { id: 4711, .. }))
    );
    assert_eq!(running.wait(), Exit::Code(9));
    running.delete().unwrap();
    drop(running);
    host.assert_nothing_left();
}

#[test]
fn what_the_launcher_found_wrong_is_the_start_error() {
    type Expected = fn(&StartError) -> bool;
    let cases: [(&str, Expected); 4] = [
        (
            r#"{"NotFound":{"command":"x","tried":["C:\\hpc\\x.exe"]}}"#,
            |error| matches!(error, StartError::NotFound { tried, .. } if tried.len() == 1),
        ),
        (
            r#"{"NotExecutable":{"path":"C:\\x.exe","error":{"Code":193}}}"#,
            |error| matches!(error, StartError::NotExecutable { source, .. } if source.raw_os_error() == Some(193)),
        ),
        (
            r#"{"Step":{"doing":"d","error":{"Text":"t"}}}"#,
            |error| matches!(error, StartError::Step { doing, .. } if doing == "d"),
        ),
        (
            "",
            |error| matches!(error, StartError::Step { doing, .. } if doing.contains("launcher")),
        ),
    ];
    for (answer, expected) in cases {
        let host = host(true);
        host.fake.contents(&["", "", "", answer]);
        let error = host.create(&plan(View::Private)).unwrap().start().err().unwrap();
        assert!(expected(&error), "{answer}: {error}");
        host.assert_nothing_left();
    }
}

#[test]
fn links_are_made_below_a_rootfs_that_everybody_sees() {
    let host = host(false);
    let mut plan = plan(View::Links);
    plan.mounts = vec![
        mount(r"C:\data", "/var/data", false),
        mount(r"C:\config.txt", r"C:\etc\config.txt", false),
    ];
    let running = host.create(&plan).unwrap().start().unwrap();
    let links: Vec<_> = host
        .fake
        .calls()
        .into_iter()
        .filter(|call| matches!(call, Call::SymbolicLink { .. }))
        .collect();
    assert_eq!(
        links,
        [
            (r"C:\hpc\pod-c\var\data", r"C:\data", 0x3),
            (r"C:\hpc\pod-c\etc\config.txt", r"C:\config.txt", 0x2),
        ]
        .map(|(link, target, flags)| Call::SymbolicLink {
            link: link.to_owned(),
            target: target.to_owned(),
            flags
        })
    );
    let spec = host.spec();
    assert_eq!(spec.application, r"C:\Windows\system32\cmd.exe");
    assert_eq!(spec.command_line, r#"cmd /c "say \"hi\"""#);
    assert_eq!(spec.current_directory.as_deref(), Some(r"C:\hpc\pod-c"));
    assert_eq!(spec.creation_flags, 0x8_0000 | 0x400 | 0x800_0000);
    assert_eq!(spec.token, None);
    assert!(running.take_output().is_some() && running.take_output().is_none());
    running.delete().unwrap();
    let calls = host.fake.calls();
    assert!(calls.contains(&Call::RemoveTree(r"C:\hpc\pod-c".to_owned())));
    assert!(calls.contains(&Call::RemoveDirectory(r"C:\hpc".to_owned())));
    drop(running);
    host.assert_nothing_left();
}

#[test]
fn what_another_porthole_takes_away_above_a_rootfs_is_made_again() {
    for (times, is_made) in [(1, true), (usize::MAX, false)] {
        let host = host(false);
        let seen = AtomicUsize::new(0);
        // "Not found" on either system.
        host.fake.fail(
            move |call| match call {
                Call::CreatePrivateDirectory { path, .. } if path == r"C:\hpc\pod-c" => {
                    seen.fetch_add(1, Ordering::Relaxed) < times
                }
                _ => false,
            },
            2,
        );
        match host.create(&plan(View::Links)) {
            Ok(created) if is_made => drop(created.start().unwrap()),
            Err(error) if !is_made => assert!(error.to_string().contains("make the rootfs"), "{error}"),
            _ => panic!("{times}"),
        }
        host.assert_nothing_left();
    }
}

#[test]
fn no_view_is_an_ordinary_directory_without_silo_or_links() {
    let host = host(true);
    drop(host.create(&plan(View::None)).unwrap().start().unwrap());
    assert!(
        host.fake
            .sets()
            .iter()
            .all(|set| *set != JobInformation::CreateSilo)
    );
    assert!(filters(&host.fake).is_empty());
    assert_eq!(host.spec().current_directory.as_deref(), Some(r"C:\hpc\pod-c"));
    host.assert_nothing_left();
}

#[test]
fn refuses_before_anything_is_made() {
    type Change = fn(&mut Plan);
    let cases: [(View, Change, &str); 14] = [
        (View::Links, |plan| plan.id = "..".to_owned(), "use container id"),
        (View::Links, |plan| plan.id = "a/b".to_owned(), "use container id"),
        (
            View::Links,
            |plan| plan.credential_spec = Some("{}".to_owned()),
            "credential spec",
        ),
        (
            View::Links,
            |plan| plan.limits.memory = Some(0),
            "memory limit of 0",
        ),
        (
            View::Links,
            |plan| plan.rootfs = Rootfs::Directory(r"C:\nowhere".into()),
            r"no directory `C:\nowhere`",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"\\.\pipe\x", "/x", false)],
            "named pipe mounts not supported for job containers",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"C:\data", "C:", false)],
            "destination path can not be C drive",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"C:\missing", "/x", false)],
            r"no file or directory `C:\missing`",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount("data", "/x", false)],
            "not an absolute path",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"C:\data", "/x", true)],
            "a link cannot be read-only",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"C:\data", "/x", false), mount(r"C:\data", r"c:\X", false)],
            "mounted there already",
        ),
        (
            View::Links,
            |plan| plan.mounts = vec![mount(r"C:\data", "/x", false), mount(r"C:\data", "/x/y", false)],
            "links are not made in volumes",
        ),
        (
            View::None,
            |plan| plan.mounts = vec![mount(r"C:\data", "/x", false)],
            "a container without a view has no volumes",
        ),
        (
            View::Links,
            |plan| plan.user = User::Account(Account::parse("nobody").unwrap()),
            "neither a group nor a user",
        ),
    ];
    for (view, change, expected) in cases {
        let host = host(false);
        let mut plan = plan(view);
        change(&mut plan);
        let error = host.refuses(&plan);
        assert!(error.contains(expected), "{expected}: {error}");
        let made = host.fake.calls();
        assert!(
            made.iter().all(|call| matches!(call, Call::GroupInformation(_))),
            "{expected}: {made:?}"
        );
    }
    let error = host(false).refuses(&plan(View::Private));
    assert!(error.contains("bindfltapi.dll"), "{error}");
}
