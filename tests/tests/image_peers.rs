//! Images of `porthole image build`, as other programs read them: containerd's ctr, skopeo, umoci and hivex.
//! Debian packages: containerd, skopeo, umoci, libhivex-bin.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use porthole_tests::containerd::Containerd;
use porthole_tests::program;

const NAME: &str = "localhost/peers:1";

/// A layout archive and a layout directory with both platforms of one image.
fn build(work: &Path) {
    fs::write(work.join("app"), "content").unwrap();
    for output in ["both.tar", "both"] {
        run(Command::new(program::host("porthole").unwrap())
            .current_dir(work)
            .args([
                "image",
                "build",
                "--platform",
                "windows/amd64,linux/amd64",
                "-t",
                NAME,
                "--output",
                output,
            ])
            .args(["--add", "app:/bin/", "--entrypoint", "/bin/app"])
            .env("PORTHOLE_STATE", work.join("state")));
    }
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?} failed:\n{out}{err}");
    out.into_owned()
}

#[test]
#[ignore = "needs root and the Debian package skopeo"]
fn skopeo_reads_both_platforms() {
    let work = tempfile::tempdir().unwrap();
    build(work.path());
    for (os, layers) in [("windows", 2), ("linux", 1)] {
        let image = format!("oci-archive:{}:{NAME}", work.path().join("both.tar").display());
        let text = run(Command::new("skopeo").args(["inspect", "--override-os", os, &image]));
        assert!(text.contains(&format!("\"Os\": \"{os}\"")), "{text}");
        assert_eq!(text.matches("        \"sha256:").count(), layers, "{text}");
    }
}

#[test]
#[ignore = "needs root and the Debian package umoci"]
fn umoci_unpacks_the_linux_image() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("app"), "content").unwrap();
    run(Command::new(program::host("porthole").unwrap())
        .current_dir(work.path())
        .args([
            "image",
            "build",
            "--platform",
            "linux/amd64",
            "-t",
            "peers",
            "--output",
            "one",
            "--add",
            "app:/bin/",
        ])
        .env("PORTHOLE_STATE", work.path().join("state")));
    run(Command::new("umoci")
        .current_dir(work.path())
        .args(["unpack", "--image", "one:peers", "bundle"]));
    assert_eq!(
        fs::read_to_string(work.path().join("bundle/rootfs/bin/app")).unwrap(),
        "content"
    );
}

/// Files, as `find` describes them: name, mode, owner, group, time, target, links. The root's own time is left out:
/// umoci gives it the hour at which it worked.
fn described(root: &Path) -> String {
    let text = run(Command::new("find").current_dir(root).args([
        ".",
        "-mindepth",
        "1",
        "-printf",
        "%p %m %U %G %T@ %l %n\\n",
    ]));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
#[ignore = "needs root and the Debian package umoci"]
fn layers_of_umoci_unpack_to_the_same_tree_here_and_there() {
    let work = tempfile::tempdir().unwrap();
    let umoci = |arguments: &[&str]| {
        run(Command::new("umoci").current_dir(work.path()).args(arguments));
    };
    let shell = |script: &str| {
        run(Command::new("sh").current_dir(work.path()).args(["-ec", script]));
    };
    umoci(&["init", "--layout", "one"]);
    umoci(&["new", "--image", "one:x"]);
    // Three layers: the second hides, replaces and links, the third is an archive that describes no directory.
    umoci(&["unpack", "--image", "one:x", "first"]);
    shell(
        "cd first/rootfs; mkdir -m 1777 tmp; mkdir -p d/e gone; echo a > d/a; ln d/a d/b; ln -s ../nowhere d/l
         echo s > d/set; chown 5:6 d/set; chmod 4755 d/set; echo g > gone/g; echo e > d/e/e; chown 7:8 d/e; chmod 711 d/e
         touch -h -d @1000 d/l d/a d/e/e d/e tmp gone d",
    );
    umoci(&["repack", "--image", "one:x", "first"]);
    umoci(&["unpack", "--image", "one:x", "second"]);
    shell(
        "cd second/rootfs; rm -r gone d/l; rm d/b; mkdir d/l; echo n > d/l/n; ln d/set d/again; touch -d @2000 d/l d",
    );
    umoci(&["repack", "--image", "one:x", "second"]);
    shell("mkdir -p third/tmp third/d/e; echo f > third/tmp/f; echo f > third/d/e/f; touch -d @3000 third/tmp/f third/d/e/f
         tar -C third -cf third.tar tmp/f d/e/f");
    umoci(&["raw", "add-layer", "--image", "one:x", "third.tar"]);
    umoci(&["unpack", "--image", "one:x", "theirs"]);
    run(Command::new(program::host("porthole").unwrap())
        .current_dir(work.path())
        .args(["image", "unpack", "one", "ours"])
        .env("PORTHOLE_STATE", work.path().join("state")));
    let (theirs, ours) = (
        described(&work.path().join("theirs/rootfs")),
        described(&work.path().join("ours")),
    );
    assert!(
        ours.contains("./tmp 1777 0 0 ") && ours.contains("./d/set 4755 5 6 "),
        "{ours}"
    );
    assert_eq!(ours, theirs);
    assert!(
        !work.path().join("state").exists(),
        "a layout leaves nothing in the store"
    );
}

#[test]
#[ignore = "needs root and the Debian package libhivex-bin"]
fn hivex_opens_the_hives_of_the_base_layer() {
    let work = tempfile::tempdir().unwrap();
    build(work.path());
    let mut seen = 0;
    for blob in fs::read_dir(work.path().join("both/blobs/sha256")).unwrap() {
        let files = work.path().join(format!("layer-{seen}"));
        fs::create_dir(&files).unwrap();
        let mut tar = Command::new("tar");
        let tar = tar
            .arg("-xzf")
            .arg(blob.unwrap().path())
            .arg("-C")
            .arg(&files)
            .stderr(Stdio::null());
        let hives = files.join("Files/Windows/System32/config");
        if tar.status().unwrap().success() && hives.exists() {
            for name in ["DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM"] {
                let text = run(Command::new("hivexml").arg(hives.join(name)));
                assert!(text.contains("<node name=\"ROOT\" root=\"1\">"), "{text}");
                seen += 1;
            }
        }
        fs::remove_dir_all(&files).unwrap();
    }
    assert_eq!(seen, 5, "one base layer with five hives");
}

#[test]
#[ignore = "needs root and the Debian package containerd"]
fn containerd_imports_both_platforms_under_the_full_name() {
    let work = tempfile::tempdir().unwrap();
    build(work.path());
    let containerd = Containerd::start(work.path()).unwrap();
    let ctr = |arguments: &[&str]| containerd.ctr(arguments);
    let archive = work.path().join("both.tar").display().to_string();
    run(&mut ctr(&[
        "images",
        "import",
        "--all-platforms",
        "--no-unpack",
        &archive,
    ]));
    let listed = run(&mut ctr(&["images", "ls"]));
    assert!(listed.contains(NAME), "{listed}");
    assert!(listed.contains("linux/amd64,windows/amd64"), "{listed}");
    let checked = run(&mut ctr(&["images", "check"]));
    assert!(checked.contains("complete"), "{checked}");
}

/// A program for Linux on x86-64 that needs no library and exits with 7.
fn exits_with_seven() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    // mov edi, 7 · mov eax, 60 (exit) · syscall
    const CODE: [u8; 12] = [0xbf, 7, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    let size = HEADERS + CODE.len() as u64;
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    // Entry, program headers, section headers; flags; sizes and counts.
    for word in [BASE + HEADERS, 64, 0] {
        program.extend(word.to_le_bytes());
    }
    program.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        program.extend(half.to_le_bytes());
    }
    // One segment, readable and executable, of the whole file.
    program.extend(1_u32.to_le_bytes());
    program.extend(5_u32.to_le_bytes());
    for word in [0, BASE, BASE, size, size, 0x1000] {
        program.extend(word.to_le_bytes());
    }
    program.extend(CODE);
    program
}

#[test]
#[ignore = "needs root and the Debian packages containerd and runc"]
fn containerd_runs_a_linux_image() {
    let work = tempfile::tempdir().unwrap();
    let program = work.path().join("seven");
    fs::write(&program, exits_with_seven()).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    run(Command::new(program::host("porthole").unwrap())
        .current_dir(work.path())
        .args(["image", "build", "--platform", "linux/amd64", "-t", NAME])
        .args([
            "--output",
            "seven.tar",
            "--add",
            "seven:/bin/",
            "--entrypoint",
            "/bin/seven",
        ])
        .env("PORTHOLE_STATE", work.path().join("state")));
    let containerd = Containerd::start(work.path()).unwrap();
    let archive = work.path().join("seven.tar").display().to_string();
    run(&mut containerd.ctr(&["images", "import", &archive]));
    let name = format!("porthole-peers-{}", std::process::id());
    let output = containerd.ctr(&["run", "--rm", NAME, &name]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

/// A small file system, unmounted when dropped.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_is_one_error_and_leaves_nothing() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("large"), vec![7; 4 << 20]).unwrap();
    let state = work.path().join("state");
    let porthole = |arguments: &[&str]| {
        let mut command = Command::new(program::host("porthole").unwrap());
        command
            .current_dir(work.path())
            .args(arguments)
            .env("PORTHOLE_STATE", &state);
        command
    };
    run(&mut porthole(&[
        "image",
        "build",
        "--platform",
        "linux/amd64",
        "-t",
        "large",
        "--add",
        "large:/large",
    ]));
    let disk = work.path().join("disk");
    fs::create_dir(&disk).unwrap();
    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&disk));
    let _small = Small(&disk);
    let output = porthole(&["image", "unpack", "large", "disk/target"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("write \"large\"") && text.contains("No space left on device"),
        "{text}"
    );
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0, "nothing partial remains");
}
