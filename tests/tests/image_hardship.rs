//! `porthole image` killed in the middle, run by many at once, and run where everything but the files differs.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use porthole_tests::{program, wait};

fn porthole(work: &Path) -> Command {
    let mut command = Command::new(program::host("porthole").unwrap());
    command
        .current_dir(work)
        .arg("image")
        .env("PORTHOLE_STATE", work.join("state"));
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Starts a command that works for long, and kills it once it has begun.
fn killed_once_begun(command: &mut Command, begun: impl Fn() -> bool) {
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait::until("work in progress", Duration::from_secs(30), || {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        Ok(begun().then_some(()))
    })
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_next_command_sweeps_what_a_killed_one_left() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path();
    fs::create_dir(path.join("files")).unwrap();
    // Bytes that do not compress keep a build, and an unpacking, at work for long.
    let mut seed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    })
    .take(4 << 20)
    .collect();
    fs::write(path.join("files/noise"), noise).unwrap();
    let build = |output: &[&str]| {
        let mut command = porthole(path);
        command
            .args(["build", "--platform", "linux/amd64", "--add", "files:/"])
            .args(output);
        command
    };
    let begun = || names(path).iter().any(|name| name.starts_with(".porthole"));
    let expect = |expected: &[&str]| assert_eq!(names(path), expected);

    killed_once_begun(&mut build(&["--output", "i.tar"]), begun);
    run(&mut build(&["--output", "i.tar"]));
    expect(&["files", "i.tar"]);

    let unpack = || {
        let mut command = porthole(path);
        command.args(["unpack", "i.tar", "root"]);
        command
    };
    killed_once_begun(&mut unpack(), begun);
    run(&mut unpack());
    expect(&["files", "i.tar", "root"]);

    let layout = path.join("layout");
    killed_once_begun(&mut build(&["--output", "layout"]), || begun() || layout.exists());
    run(&mut build(&["--output", "layout"]));
    expect(&["files", "i.tar", "layout", "root"]);
    assert_eq!(names(&layout), ["blobs", "index.json", "oci-layout"]);

    let temporary = path.join("state/images/tmp");
    killed_once_begun(&mut build(&["-t", "i"]), || {
        temporary.is_dir() && !names(&temporary).is_empty()
    });
    run(&mut build(&["-t", "i"]));
    assert!(names(&temporary).is_empty());
}

#[test]
fn an_unfinished_layout_is_completed() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("app"), "content").unwrap();
    let layout = work.path().join("layout");
    let build = || {
        run(porthole(work.path()).args(["build", "--output", "layout", "--add", "app:/"]));
    };
    build();
    let whole = names(&layout.join("blobs/sha256"));
    fs::remove_file(layout.join("index.json")).unwrap();
    fs::remove_file(layout.join("blobs/sha256").join(&whole[0])).unwrap();
    build();
    assert_eq!(names(&layout.join("blobs/sha256")), whole);
}

#[test]
fn many_at_once_leave_a_store_that_is_whole() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path();
    for index in 0..10 {
        fs::write(path.join(format!("app{index}")), vec![index; 100_000]).unwrap();
    }
    run(porthole(path).args(["build", "--output", "one.tar", "--add", "app0:/"]));
    thread::scope(|scope| {
        for worker in 0..10 {
            scope.spawn(move || {
                for turn in 0..5 {
                    let (file, target) = (format!("app{worker}:/"), format!("root-{worker}-{turn}"));
                    let arguments: &[&str] = match (worker + turn) % 5 {
                        0 => &["build", "--platform", "linux/amd64", "-t", "same", "--add", &file],
                        1 => &[
                            "build",
                            "--platform",
                            "windows/amd64",
                            "-t",
                            "same",
                            "--add",
                            &file,
                        ],
                        2 => &["unpack", "--platform", "linux/amd64", "same", &target],
                        3 => &["unpack", "one.tar", &target],
                        _ => &["rm", "same"],
                    };
                    let output = porthole(path).args(arguments).output().unwrap();
                    let said = text(&output);
                    let expected =
                        said.contains("no image \"same\"") || said.contains("is for windows/amd64");
                    assert!(output.status.success() || expected, "{arguments:?}: {said}");
                }
            });
        }
    });
    run(porthole(path).args([
        "build",
        "--platform",
        "linux/amd64",
        "-t",
        "same",
        "--add",
        "app0:/",
    ]));
    assert!(run(porthole(path).arg("ls")).contains("same"));
    run(porthole(path).args(["inspect", "same"]));
    run(porthole(path).args(["unpack", "--platform", "linux/amd64", "same", "last"]));
    assert_eq!(names(&path.join("last")), ["app0"]);
    assert!(names(&path.join("state/images/tmp")).is_empty());
    assert!(names(path).iter().all(|name| !name.starts_with(".porthole")));
}

#[test]
fn two_builds_at_once_of_two_platforms_are_one_index() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("app"), "content").unwrap();
    for turn in 0..5 {
        let name = format!("both{turn}");
        let children: Vec<Child> = ["linux/amd64", "windows/amd64"]
            .map(|platform| {
                porthole(work.path())
                    .args(["build", "--platform", platform, "-t", &name, "--add", "app:/"])
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .into();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let listed = run(porthole(work.path()).args(["inspect", &name]));
        assert!(
            listed.contains("linux/amd64") && listed.contains("windows/amd64"),
            "{listed}"
        );
    }
}

#[test]
fn time_place_user_and_language_do_not_show_in_an_image() {
    let work = tempfile::tempdir().unwrap();
    let dockerfile = "FROM scratch\nCOPY . /app/\nENV A=b\nLABEL z=1 a=2\nENTRYPOINT [\"/app/a\"]\n";
    for (directory, order, seconds) in [("one", ["a", "b", "c"], "1000"), ("two", ["c", "a", "b"], "2000")] {
        let directory = work.path().join(directory);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("Dockerfile"), dockerfile).unwrap();
        for name in order {
            fs::write(directory.join(name), name).unwrap();
            run(Command::new("touch")
                .args(["-d", &format!("@{seconds}")])
                .arg(directory.join(name)));
        }
    }
    let both = ["--platform", "windows/amd64,linux/amd64", "-t", "app"];
    let state = |name: &str| work.path().join(name);
    run(porthole(&work.path().join("one"))
        .args(["build", "--output", "../one.tar", "."])
        .args(both)
        .env("PORTHOLE_STATE", state("first")));
    let mut other = porthole(work.path());
    other
        .args(["build", "--output", "two.tar", "two"])
        .args(both)
        .envs([("TZ", "Asia/Tokyo"), ("LC_ALL", "tr_TR.UTF-8")])
        .env("PORTHOLE_STATE", state("second"));
    if fs::metadata(work.path()).is_ok_and(|metadata| metadata.uid() == 0) {
        chown(work.path(), Some(65_534), None).unwrap();
        other.uid(65_534);
    }
    run(&mut other);
    for platform in ["linux/amd64", "windows/amd64"] {
        run(porthole(&work.path().join("two"))
            .args([
                "build",
                "--platform",
                platform,
                "-t",
                "app",
                "--output",
                "../three.tar",
                ".",
            ])
            .env("PORTHOLE_STATE", state("third")));
    }
    let read = |name: &str| fs::read(work.path().join(name)).unwrap();
    assert!(read("one.tar") == read("two.tar"), "built elsewhere");
    assert!(read("one.tar") == read("three.tar"), "built one by one");
}
