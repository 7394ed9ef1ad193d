//! Volumes, and the mount points that they need on the host.

use std::fs;
use std::path::Path;

use porthole_runtime::engine::Exit;
use porthole_runtime::plan::Rootfs;

use crate::bench::Bench;
use crate::plans::{mount, plan};

/// A mount point that no host has.
const PLACE: &str = "/porthole-test/deep/place";

fn missing() -> bool {
    !Path::new("/porthole-test").exists()
}

#[test]
#[ignore = "needs root"]
fn appear_at_the_mount_path_in_the_rootfs_and_relative_to_it() {
    let bench = Bench::new();
    let source = bench.directory("source");
    fs::write(source.join("file"), "volume").unwrap();
    let script =
        format!("cat {PLACE}/file /hpc{PLACE}/file porthole-test/deep/place/file && echo more > {PLACE}/new");
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", &script]);
    plan.mounts = vec![mount(&source, PLACE, false)];
    assert_eq!(bench.output(&plan), "volumevolumevolume");
    assert_eq!(fs::read_to_string(source.join("new")).unwrap(), "more\n");
    assert!(missing(), "the mount points are removed");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn of_a_file_lie_over_files_present_and_missing() {
    let bench = Bench::new();
    let (source, there) = (bench.path("source"), bench.path("there"));
    fs::write(&source, "volume").unwrap();
    fs::write(&there, "host").unwrap();
    for destination in [there.to_str().unwrap(), PLACE] {
        let mut plan = plan("SYSTEM", &["/bin/cat", destination]);
        plan.mounts = vec![mount(&source, destination, true)];
        assert_eq!(bench.output(&plan), "volume");
    }
    assert_eq!(fs::read_to_string(there).unwrap(), "host");
    assert!(missing());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn that_are_read_only_refuse_writes_at_every_place() {
    let bench = Bench::new();
    let source = bench.directory("source");
    let script = format!("for d in {PLACE} /hpc{PLACE}; do echo x > $d/new && exit 1; done; exit 0");
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", &script]);
    plan.mounts = vec![mount(&source, PLACE, true)];
    let (exit, _, err) = bench.run(&plan);
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(err.matches("Read-only file system").count(), 2, "{err}");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn of_two_containers_share_a_destination_and_not_a_view() {
    let bench = Bench::new();
    let wait_for_other =
        format!("cat {PLACE}/name; while [ ! -e {PLACE}/go ]; do sleep 0.02; done; cat {PLACE}/name");
    let mut running = Vec::new();
    for name in ["one", "two"] {
        let source = bench.directory(name);
        fs::write(source.join("name"), name).unwrap();
        let mut plan = plan("SYSTEM", &["/bin/sh", "-c", &wait_for_other]);
        plan.mounts = vec![mount(&source, PLACE, false)];
        running.push((bench.start(&plan), name));
    }
    // The first to leave must not take the mount point away from the other.
    for (container, name) in &running {
        fs::write(bench.path(name).join("go"), "").unwrap();
        container.wait_for(crate::bench::LIMIT).expect("it ends");
        let mut output = container.take_output().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut output.stdout, &mut text).unwrap();
        assert_eq!(text, format!("{name}{name}"));
        container.delete().unwrap();
    }
    assert!(missing());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn nest() {
    let bench = Bench::new();
    let (outer, inner) = (bench.directory("outer"), bench.directory("inner"));
    fs::write(inner.join("file"), "inner").unwrap();
    let sub = format!("{PLACE}/sub/dir");
    let mut plan = plan(
        "SYSTEM",
        &["/bin/sh", "-c", &format!("cat {sub}/file /hpc{sub}/file")],
    );
    plan.mounts = vec![mount(&inner, &sub, false), mount(&outer, PLACE, false)];
    assert_eq!(bench.output(&plan), "innerinner");
    assert!(
        fs::read_dir(outer).unwrap().next().is_none(),
        "the outer source is as it was"
    );
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn keep_what_was_written_to_a_mount_point_s_parent() {
    let bench = Bench::new();
    let source = bench.directory("source");
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", "echo kept > /porthole-test/note"]);
    plan.mounts = vec![mount(&source, PLACE, false)];
    bench.output(&plan);
    // A host process writes to the host: what it wrote is not ours to remove, nor what holds it.
    assert_eq!(fs::read_to_string("/porthole-test/note").unwrap(), "kept\n");
    assert!(!Path::new("/porthole-test/deep").exists());
    fs::remove_dir_all("/porthole-test").unwrap();
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn follow_an_image_s_links_inside_the_image() {
    let bench = Bench::new();
    let (image, source) = (bench.directory("image/run"), bench.directory("source"));
    std::os::unix::fs::symlink("/run", bench.path("image/var")).unwrap();
    fs::write(source.join("file"), "volume").unwrap();
    let mut plan = plan("SYSTEM", &["/bin/cat", "/hpc/run/porthole-test/file"]);
    plan.rootfs = Rootfs::Directory(bench.path("image"));
    plan.mounts = vec![mount(&source, "/hpc/var/porthole-test", false)];
    assert_eq!(bench.output(&plan), "volume");
    assert!(fs::read_dir(image).unwrap().next().is_none());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn do_not_reach_the_host() {
    let bench = Bench::new();
    let source = bench.directory("source");
    let script =
        format!("mkdir -p {PLACE}/sub && mount -t tmpfs none {PLACE}/sub && touch {PLACE}/sub/hidden");
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", &script]);
    plan.mounts = vec![mount(&source, PLACE, false)];
    bench.output(&plan);
    assert!(!source.join("sub/hidden").exists());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn do_not_show_what_the_host_mounts_in_them_later() {
    let bench = Bench::new();
    let source = bench.directory("source");
    std::fs::create_dir(source.join("disk")).unwrap();
    let mount_it = |arguments: &[&str], place: &Path| {
        let mounted = std::process::Command::new("mount")
            .args(arguments)
            .arg(place)
            .status()
            .unwrap();
        assert!(mounted.success(), "{arguments:?}");
    };
    // As the mounts of most hosts are.
    mount_it(&["--bind", source.to_str().unwrap()], &source);
    mount_it(&["--make-shared"], &source);
    let script = format!(
        "while [ ! -e {PLACE}/go ]; do sleep 0.02; done; cat {PLACE}/disk/late /hpc{PLACE}/disk/late 2>/dev/null; cat {}/disk/late",
        source.display()
    );
    let mut plan = plan("SYSTEM", &["/bin/sh", "-c", &script]);
    plan.mounts = vec![mount(&source, PLACE, false)];
    let container = bench.start(&plan);
    mount_it(&["-t", "tmpfs", "late"], &source.join("disk"));
    fs::write(source.join("disk/late"), "late").unwrap();
    fs::write(source.join("go"), "").unwrap();
    let exit = container.wait_for(crate::bench::LIMIT);
    let mut text = String::new();
    let mut output = container.take_output().unwrap();
    container.delete().unwrap();
    let unmounted = std::process::Command::new("umount")
        .arg("--recursive")
        .arg(&source)
        .status();
    std::io::Read::read_to_string(&mut output.stdout, &mut text).unwrap();
    assert!(unmounted.unwrap().success());
    assert_eq!(
        (exit, text.as_str()),
        (Some(Exit::Code(0)), "late"),
        "mountPropagation None: the host's own path shows it, the volume does not"
    );
    bench.nothing_is_left();
}
