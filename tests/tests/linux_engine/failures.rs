//! Containers that cannot be had: one clear error each, and nothing left behind.

use std::error::Error as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use porthole_runtime::engine::{CreateError, StartError};
use porthole_runtime::plan::{Rootfs, View};
use porthole_runtime::{Plan, Stdio};
use porthole_tests::wait;

use crate::bench::{Bench, LIMIT, helper};
use crate::plans::{mount, plan};

/// What makes a good plan a bad one.
type Change = Box<dyn Fn(&mut Plan)>;

fn start_error(bench: &Bench, plan: &Plan) -> StartError {
    let created = bench
        .engine()
        .create(plan, Stdio::Null)
        .unwrap_or_else(|error| panic!("{error:?}"));
    match created.start() {
        Err(error) => error,
        Ok(running) => panic!("it runs as {}", running.pid()),
    }
}

fn create_error(bench: &Bench, plan: &Plan) -> CreateError {
    match bench.engine().create(plan, Stdio::Null) {
        Err(error) => error,
        Ok(_) => panic!("it was created"),
    }
}

#[test]
#[ignore = "needs root"]
fn a_missing_command_says_where_it_was_looked_for() {
    let bench = Bench::new();
    let mut plan = plan("SYSTEM", &["no-such-command", "x"]);
    plan.environment = vec![("PATH".into(), "/bin:/opt/none".into())];
    let StartError::NotFound { command, tried } = start_error(&bench, &plan) else {
        panic!("another error");
    };
    assert_eq!(command, "no-such-command");
    let expected = ["/hpc/bin", "/hpc/opt/none", "/bin", "/opt/none"]
        .map(|directory| PathBuf::from(directory).join("no-such-command"));
    assert_eq!(tried, expected);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_file_that_is_no_program_says_why() {
    let bench = Bench::new();
    let image = bench.directory("image");
    for (name, content, mode, reason) in [
        ("plain", "text", 0o644, "permission denied"),
        ("garbage", "text", 0o755, "not a program of this machine"),
        (
            "script",
            "#!/no/such/interpreter\n",
            0o755,
            "its interpreter does not exist",
        ),
    ] {
        let file = image.join(name);
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let mut plan = plan("SYSTEM", &[&format!("/{name}")]);
        plan.rootfs = Rootfs::Directory(image.clone());
        let error = start_error(&bench, &plan);
        let StartError::NotExecutable { path, source } = &error else {
            panic!("{name}: {error:?}");
        };
        assert_eq!(*path, PathBuf::from(format!("/hpc/{name}")));
        assert!(source.to_string().contains(reason), "{name}: {source}");
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_plan_that_this_host_cannot_have_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    let source = bench.directory("source");
    let with_mount = |source: PathBuf, destination: &'static str| -> Change {
        Box::new(move |plan| plan.mounts = vec![mount(&source, destination, false)])
    };
    let pipe = bench.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let cases: Vec<(&str, Change)> = vec![
        (
            "neither a user `nobody-here`",
            Box::new(|plan| {
                plan.user = crate::plans::plan("nobody-here", &["x"]).user;
            }),
        ),
        (
            "domain accounts cannot log on here",
            Box::new(|plan| {
                plan.user = crate::plans::plan(r"CONTOSO\web$", &["x"]).user;
            }),
        ),
        (
            "does not exist on this host",
            with_mount(bench.path("gone"), "/data"),
        ),
        ("is a named pipe", with_mount(pipe, "/data")),
        (
            "is a file on this host",
            with_mount(source.clone(), "/etc/passwd"),
        ),
        (
            "nothing can be mounted in /proc",
            with_mount(source.clone(), "/proc/x"),
        ),
        ("mount volume `data` at `/`", with_mount(source.clone(), "/")),
        (
            "mount volume `data` at `/hpc`",
            with_mount(source.clone(), "/hpc"),
        ),
        ("volume `data` is mounted there already", {
            let source = source.clone();
            Box::new(move |plan| {
                plan.mounts = vec![mount(&source, "/data", false), mount(&source, "/data/", true)];
            })
        }),
        ("ids are 1 to 127", Box::new(|plan| plan.id = "../x".to_owned())),
        (
            "on Linux a container has a mount namespace",
            Box::new(|plan| plan.view = View::None),
        ),
        (
            "not a member of a domain",
            Box::new(|plan| plan.credential_spec = Some("{}".to_owned())),
        ),
        (
            "neither the container nor its image names one",
            Box::new(|plan| {
                plan.command = porthole_runtime::plan::CommandLine::Arguments(Vec::new());
            }),
        ),
    ];
    for (reason, change) in cases {
        let mut plan = plan("SYSTEM", &["/bin/true"]);
        change(&mut plan);
        let error = create_error(&bench, &plan).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(!bench.state().exists(), "{reason}: nothing was made");
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_missing_layer_undoes_what_was_made() {
    let bench = Bench::new();
    let mut plan = plan("SYSTEM", &["/bin/true"]);
    plan.rootfs = Rootfs::Layers(vec![bench.path("gone")]);
    let error = create_error(&bench, &plan).to_string();
    assert!(error.contains("unpack the image again"), "{error}");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_file_over_a_directory_of_the_image_is_refused_and_undone() {
    let bench = Bench::new();
    bench.directory("image/etc/app");
    let source = bench.path("source");
    fs::write(&source, "").unwrap();
    let mut plan = plan("SYSTEM", &["/bin/true"]);
    plan.rootfs = Rootfs::Directory(bench.path("image"));
    plan.mounts = vec![mount(&source, "/hpc/etc/app", false)];
    let error = create_error(&bench, &plan).to_string();
    assert!(error.contains("is a directory in the image"), "{error}");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn guardians_that_are_killed_again_and_again_end_the_container() {
    let bench = Bench::new();
    // Other tests of this process have guardians too: these are the ones of this program.
    let program = bench.path("program");
    fs::copy("/bin/true", &program).unwrap();
    let engine = porthole_runtime::os::host_engine_with(&bench.state(), &program).unwrap();
    let created = engine
        .create(&plan("SYSTEM", &["/bin/sleep", "1000"]), Stdio::Null)
        .unwrap_or_else(|error| panic!("{error:?}"));
    let running = created.start().unwrap();
    let exit = wait::until("the container to be given up", LIMIT, || {
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let descriptors = fs::read_dir(process.path().join("fd"));
            let ours = descriptors
                .into_iter()
                .flatten()
                .flatten()
                .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|opened| opened == program));
            let id = process.file_name().into_string().unwrap_or_default();
            if ours && id != std::process::id().to_string() {
                let _ = Command::new("kill").args(["-KILL", &id]).output().unwrap();
            }
        }
        Ok(running.wait_for(std::time::Duration::from_millis(1)))
    })
    .unwrap();
    assert_eq!(exit.code(), 137);
    running.delete().unwrap();
    drop(running);
    drop(engine);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_cgroup_of_another_s_is_neither_used_nor_removed() {
    let bench = Bench::new();
    let plan = plan("SYSTEM", &["/bin/sleep", "1000"]);
    let running = bench.start(&plan);
    let other = porthole_runtime::os::host_engine_with(&bench.path("other"), &helper()).unwrap();
    let error = other
        .create(&plan, Stdio::Null)
        .err()
        .expect("it cannot be created");
    assert!(error.to_string().contains("another state directory"), "{error}");
    assert!(
        running.wait_for(std::time::Duration::ZERO).is_none(),
        "the other goes on"
    );
    running.delete().unwrap();
    drop(other);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_limit_below_what_can_run_undoes_what_was_made() {
    let bench = Bench::new();
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", "/bin/true; exit 3"]);
    plan.limits.memory = Some(4096);
    match bench.engine().create(&plan, Stdio::Null) {
        Err(_) => {}
        Ok(created) => match created.start() {
            Err(_) => {}
            Ok(running) => {
                let exit = running.wait_for(LIMIT).expect("it ends");
                assert_ne!(exit.code(), 0);
                running.delete().unwrap();
            }
        },
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn an_unwritable_state_directory_is_named() {
    let bench = Bench::new();
    let file = bench.path("file");
    fs::write(&file, "").unwrap();
    let engine = porthole_runtime::os::host_engine_with(&file.join("state"), &helper()).unwrap();
    let error = engine
        .create(&plan("SYSTEM", &["/bin/true"]), Stdio::Null)
        .err()
        .expect("it cannot be created");
    assert!(error.to_string().contains("--state DIR"), "{error}");
    assert!(error.source().is_some());
    drop(engine);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_leaves_nothing() {
    let bench = Bench::new();
    let disk = bench.directory("disk");
    // The state directory takes three inodes, a container's own directory and journal two, its rootfs some more.
    for inodes in 4..9 {
        let options = format!("size=64k,nr_inodes={inodes}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(&disk)
            .status()
            .unwrap();
        assert!(mounted.success());
        let engine = porthole_runtime::os::host_engine_with(&disk.join("state"), &helper()).unwrap();
        let mut plan = plan("SYSTEM", &["/bin/true"]);
        plan.rootfs = Rootfs::Directory(bench.directory("image"));
        let error = engine.create(&plan, Stdio::Null).err();
        drop(engine);
        let left = walk(&disk.join("state/containers"));
        // The guardian may still be on its way to where it closes what it inherited.
        wait::until("the disk to be unused", LIMIT, || {
            let unmounted = Command::new("umount").arg(&disk).output().unwrap();
            Ok(unmounted.status.success().then_some(()))
        })
        .unwrap();
        assert_eq!(left, Vec::<PathBuf>::new(), "{inodes}: {error:?}");
        if inodes < 7 {
            let error = error.expect("it cannot be created");
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            assert!(source.contains("No space left"), "{inodes}: {error}: {source}");
        }
    }
    bench.nothing_is_left();
}

fn walk(directory: &std::path::Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|entry| {
            let mut all = walk(&entry.path());
            all.push(entry.path());
            all
        })
        .collect()
}

#[test]
#[ignore = "needs root"]
fn without_a_guardian_nothing_starts() {
    let bench = Bench::new();
    let engine = porthole_runtime::os::host_engine_with(&bench.state(), &bench.path("no-program")).unwrap();
    let created = engine
        .create(&plan("SYSTEM", &["/bin/true"]), Stdio::Null)
        .unwrap_or_else(|error| panic!("{error:?}"));
    let error = created.start().err().expect("it cannot be started");
    assert!(error.to_string().contains("start the guardian"), "{error}");
    drop(engine);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn an_id_that_is_in_use_is_refused_and_the_other_left_alone() {
    let bench = Bench::new();
    let plan = plan("SYSTEM", &["/bin/sleep", "30"]);
    let running = bench.start(&plan);
    let error = create_error(&bench, &plan).to_string();
    assert!(error.contains("runs a container of this id"), "{error}");
    assert!(
        bench.engine().sweep().unwrap().is_empty(),
        "what is held is not swept"
    );
    assert!(running.wait_for(std::time::Duration::ZERO).is_none());
    running.kill().unwrap();
    assert_eq!(running.wait().code(), 137);
    running.delete().unwrap();
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn without_privileges_the_error_says_what_is_missing() {
    let bench = Bench::new();
    fs::set_permissions(bench.directory.path(), Permissions::from_mode(0o777)).unwrap();
    // Nobody must be able to reach the program itself.
    let program = bench.path("helper");
    fs::copy(helper(), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .arg(bench.state())
        .arg("true")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains(
            "without root porthole can only run containers as whoever runs it; give --inherit-user"
        ),
        "{error}"
    );
    assert!(!bench.state().exists());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_container_that_is_never_started_is_undone() {
    let bench = Bench::new();
    let source = bench.directory("source");
    let mut plan = plan("audio", &["/bin/true"]);
    plan.mounts = vec![mount(&source, "/porthole-test/never", false)];
    let created = bench
        .engine()
        .create(&plan, Stdio::Piped)
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert!(std::path::Path::new("/porthole-test/never").exists());
    drop(created);
    assert!(!std::path::Path::new("/porthole-test").exists());
    bench.nothing_is_left();
}
