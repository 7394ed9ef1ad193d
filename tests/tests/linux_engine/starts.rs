//! Containers that start.

use crate::bench::{Bench, LIMIT};
use crate::plans::plan;
use porthole_runtime::Stdio;
use porthole_runtime::engine::{Exit, Signal};
use porthole_runtime::plan::Rootfs;

#[test]
#[ignore = "needs root"]
fn reports_exit_codes_and_signals() {
    let bench = Bench::new();
    for (script, expected) in [
        ("exit 0", Exit::Code(0)),
        ("exit 7", Exit::Code(7)),
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -15 $$", Exit::Signal(15)),
    ] {
        let (exit, _, err) = bench.run(&plan("SYSTEM", &["/bin/sh", "-c", script]));
        assert_eq!(exit, expected, "{script}: {err}");
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn starts_the_image_s_command_before_the_system_s() {
    let bench = Bench::new();
    let image = bench.directory("image/bin");
    std::os::unix::fs::symlink("/bin/echo", image.join("true")).unwrap();
    let mut plan = plan("SYSTEM", &["true", "from the image"]);
    plan.rootfs = Rootfs::Directory(bench.path("image"));
    assert_eq!(bench.output(&plan), "from the image\n");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn gives_each_account_its_user() {
    let bench = Bench::new();
    for (account, expected) in [
        ("SYSTEM", "0 0 0"),
        ("ContainerAdministrator", "0 0 0"),
        (r"NT AUTHORITY\Local service", "1879048211 1879048211 1879048211"),
        ("NetworkService", "1879048212 1879048212 1879048212"),
        ("ContainerUser", "1879048285 1879048285 1879048285"),
        ("nobody", "65534 65534 65534"),
    ] {
        let plan = plan(account, &["/bin/sh", "-c", "echo $(id -u) $(id -g) $(id -G)"]);
        assert_eq!(bench.output(&plan).trim(), expected, "{account}");
    }
    let plan = plan(
        "audio",
        &["/bin/sh", "-c", "echo $(id -u) $(id -gn); echo $USERNAME $HOME"],
    );
    let output = bench.output(&plan);
    let (uid, rest) = output.split_once(' ').unwrap();
    assert!(
        (0x7001_0000..0x7002_0000).contains(&uid.parse::<u32>().unwrap()),
        "{output}"
    );
    assert_eq!(rest, "audio\naudio /\n");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn leaves_an_unprivileged_account_no_privilege() {
    let bench = Bench::new();
    let status = bench.output(&plan("LocalService", &["/bin/cat", "/proc/self/status"]));
    for line in [
        "NoNewPrivs:\t1",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "SigBlk:\t0000000000000000",
        "SigIgn:\t0000000000000000",
    ] {
        assert!(status.lines().any(|one| one == line), "{line} is not in {status}");
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn hands_on_nothing_of_porthole_s_own() {
    let bench = Bench::new();
    let script =
        "ls /proc/self/fd | wc -l; readlink /proc/self/fd/0; umask; ps -o sid= -p $$ | tr -d ' '; echo $$";
    let output = bench.output(&plan("SYSTEM", &["/bin/sh", "-c", script]));
    let lines: Vec<&str> = output.lines().collect();
    // The fourth descriptor is the directory that `ls` reads.
    assert_eq!(lines[..3], ["4", "/dev/null", "0022"]);
    assert_eq!(lines[3], lines[4], "a session of its own");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn composes_environment_and_working_directory() {
    let bench = Bench::new();
    let mut plan = plan(
        "SYSTEM",
        &[
            "/bin/sh",
            "-c",
            "echo $A; echo $PATH; pwd; echo ${CONTAINER_SANDBOX_MOUNT_POINT}",
        ],
    );
    plan.environment = vec![
        ("A".into(), "%CONTAINER_SANDBOX_MOUNT_POINT%/x".into()),
        ("PATH".into(), "/usr/bin:/bin".into()),
    ];
    plan.working_directory = Some("/made/for it".into());
    assert_eq!(
        bench.output(&plan),
        "/hpc/x\n/hpc/usr/bin:/hpc/bin:/usr/bin:/bin\n/hpc/made/for it\n/hpc\n"
    );
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn writes_to_the_rootfs_are_private_and_layers_stack() {
    let bench = Bench::new();
    let (lower, upper) = (bench.directory("lower"), bench.directory("upper"));
    std::fs::write(lower.join("a"), "lower").unwrap();
    std::fs::write(lower.join("b"), "lower").unwrap();
    std::fs::write(upper.join("b"), "upper").unwrap();
    let mut plan = plan(
        "SYSTEM",
        &["/bin/sh", "-c", "cat a b && echo new > a && rm b && cat a"],
    );
    plan.rootfs = Rootfs::Layers(vec![lower.clone(), upper.clone()]);
    assert_eq!(bench.output(&plan), "loweruppernew\n");
    assert_eq!(std::fs::read_to_string(lower.join("a")).unwrap(), "lower");
    assert!(upper.join("b").exists());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn takes_many_layers() {
    let bench = Bench::new();
    let layers: Vec<_> = (0..60)
        .map(|number| {
            let layer = bench.directory(&format!("{}/{number}", "a-long-name-of-a-directory".repeat(4)));
            std::fs::write(layer.join("top"), number.to_string()).unwrap();
            layer
        })
        .collect();
    let mut plan = plan("SYSTEM", &["/bin/cat", "/hpc/top"]);
    plan.rootfs = Rootfs::Layers(layers);
    assert_eq!(bench.output(&plan), "59");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn copies_the_image_where_overlays_cannot_write() {
    let bench = Bench::new();
    let image = bench.directory("image");
    std::fs::write(image.join("file"), "image").unwrap();
    // An overlay's upper directory cannot lie on an overlay: a state directory in a container does.
    let [lower, upper, work, place] =
        ["o/lower", "o/upper", "o/work", "o/place"].map(|name| bench.directory(name));
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let status = std::process::Command::new("mount")
        .args(["-t", "overlay", "overlay", "-o", &options])
        .arg(&place)
        .status()
        .unwrap();
    assert!(status.success());
    let engine =
        porthole_runtime::os::host_engine_with(&place.join("state"), &crate::bench::helper()).unwrap();
    let mut plan = plan(
        "SYSTEM",
        &["/bin/sh", "-c", "grep -q image /hpc/file && echo x > /hpc/file"],
    );
    plan.rootfs = Rootfs::Directory(image.clone());
    let running = engine.create(&plan, Stdio::Null).unwrap().start().unwrap();
    let exit = running.wait_for(LIMIT);
    let deleted = running.delete();
    drop(running);
    drop(engine);
    let unmounted = std::process::Command::new("umount").arg(&place).status().unwrap();
    assert_eq!(exit, Some(Exit::Code(0)));
    deleted.unwrap();
    assert!(unmounted.success());
    assert_eq!(std::fs::read_to_string(image.join("file")).unwrap(), "image");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn signals_every_process() {
    let bench = Bench::new();
    let script = "trap 'echo parent' TERM; (trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.05; done) & \
                  while kill -0 $!; do wait $!; done";
    let running = bench.start(&plan("SYSTEM", &["/bin/sh", "-c", script]));
    let output = running.take_output().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(output.stdout));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    running.signal(Signal::Term).unwrap();
    running.wait_for(LIMIT).expect("both ended");
    let mut rest: Vec<String> = lines.map(Result::unwrap).collect();
    rest.sort();
    assert_eq!(rest, ["child", "parent"]);
    running.signal(Signal::Term).unwrap();
    running.delete().unwrap();
    running.delete().unwrap();
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn enforces_limits() {
    let bench = Bench::new();
    let mut plan = plan(
        "SYSTEM",
        &["/bin/sh", "-c", "for i in 1 2 3 4 5 6; do sleep 20 & done; wait"],
    );
    plan.limits.pids = Some(4);
    let (exit, _, err) = bench.run(&plan);
    assert_ne!(exit, Exit::Code(0));
    assert!(err.contains("Cannot fork") || err.contains("fork"), "{err}");
    let mut plan = crate::plans::plan(
        "SYSTEM",
        &[
            "/bin/sh",
            "-c",
            "dd if=/dev/zero of=/dev/null bs=64M count=1; echo $?",
        ],
    );
    plan.limits.memory = Some(8 << 20);
    plan.limits.cpu_milli = Some(500);
    assert_eq!(bench.output(&plan).trim(), "137");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn state_and_images_lie_below_any_name() {
    let bench = Bench::new();
    // Separators and escapes of overlayfs's options, a name that is no text, and more than an option takes.
    let names: [&[u8]; 5] = [
        b"back\\slash",
        b"a:b,c\\:d e",
        "\u{fc}n\u{ef}".as_bytes(),
        b"no\xff\ntext",
        &[b'x'; 250],
    ];
    for name in names {
        let directory =
            bench
                .path("names")
                .join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(
                    name,
                ));
        let image = directory.join("image");
        std::fs::create_dir_all(&image).unwrap();
        std::fs::write(image.join("file"), "image").unwrap();
        let engine =
            porthole_runtime::os::host_engine_with(&directory.join("state"), &crate::bench::helper())
                .unwrap();
        let mut plan = plan(
            "SYSTEM",
            &[
                "/bin/sh",
                "-c",
                "grep -q image /hpc/file && echo x > /hpc/file && grep -q ' /hpc .* - overlay porthole ' \
                 /proc/self/mountinfo",
            ],
        );
        plan.rootfs = Rootfs::Directory(image.clone());
        let running = engine.create(&plan, Stdio::Null).unwrap().start().unwrap();
        let exit = running.wait_for(LIMIT);
        running.delete().unwrap();
        assert_eq!(exit, Some(Exit::Code(0)), "{}", directory.display());
        assert_eq!(std::fs::read_to_string(image.join("file")).unwrap(), "image");
    }
    bench.nothing_is_left();
}
