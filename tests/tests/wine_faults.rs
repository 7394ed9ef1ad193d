//! Porthole's Windows program is killed at every step that it comes to under Wine, whichever process of it takes the step.
//! After the next command nothing is left: no process, no directory, no record.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use porthole_runtime::fault;
use porthole_tests::traces::Traces;
use porthole_tests::wine::Prefix;
use porthole_tests::{program, wait};

const LIMIT: Duration = Duration::from_mins(2);

/// The steps of the engine of Linux alone.
const ON_LINUX: &[&str] = &[
    "container-directory",
    "cgroup",
    "streams",
    "exec-account",
    "exec-streams",
    "container-signalled",
    "container-killed",
    "remove-processes",
    "remove-cgroup",
    "remove-places",
    "remove-container-files",
    "remove-account",
    "remove-journal",
];

/// Wine has no accounts and no links: the tests of the engine's own crate die at these, through the os seam.
const NOT_UNDER_WINE: &[&str] = &["account", "volume-swapped"];

/// The steps of a pod in the foreground that take another way than those of a detached one.
const FOREGROUND: &[&str] = &[
    "journal",
    "rootfs",
    "process",
    "started",
    "pod-begun",
    "delete",
    "pod-over",
];

/// A verb and its arguments. `kill` kills the supervisor.
type Life = &'static [(&'static str, &'static [&'static str])];

const SHORT: Life = &[("run", &["short.yaml"])];
const WHOLE: Life = &[
    ("run", &["--detach", "pod.yaml"]),
    ("wait", &["--for", "ready", "--timeout", "60s", "p"]),
    ("exec", &["p", "--", PROGRAM, "code", "0"]),
    ("update", &["--pids-limit", "100", "p"]),
    ("stop", &["p"]),
    ("rm", &["p"]),
];
const JOB: Life = &[
    ("run", &["--detach", "job.yaml"]),
    ("wait", &["--timeout", "60s", "job.yaml"]),
    ("rm", &["-f", "job.yaml"]),
];
const FORCED: Life = &[
    ("run", &["--detach", "pod.yaml"]),
    ("wait", &["--for", "ready", "--timeout", "60s", "p"]),
    ("rm", &["-f", "p"]),
];
const LOST: Life = &[
    ("run", &["--detach", "pod.yaml"]),
    ("wait", &["--for", "ready", "--timeout", "60s", "p"]),
    ("kill", &[]),
    ("ps", &[]),
];

const PROGRAM: &str = "%CONTAINER_SANDBOX_MOUNT_POINT%/porthole-faults.exe";

#[test]
#[ignore = "needs Wine"]
fn whoever_dies_at_whatever_step_the_next_command_leaves_nothing() {
    let reached = |step: &&&str| !ON_LINUX.contains(step) && !NOT_UNDER_WINE.contains(step);
    // Hundreds of commands come one after the other.
    let _up = Prefix::ready().unwrap();
    let mut missed = Vec::new();
    for step in fault::STEPS.iter().filter(reached) {
        let life = match *step {
            "job-record" | "job-pod" | "job-ended" => JOB,
            "killed" => FORCED,
            "repair-volumes" => LOST,
            _ => WHOLE,
        };
        if !Room::new(step).dies_at(step, life) {
            missed.push(*step);
        }
    }
    for step in FOREGROUND {
        if !Room::new(step).dies_at(step, SHORT) {
            missed.push(step);
        }
    }
    assert!(missed.is_empty(), "never reached: {}", missed.join(", "));
}

/// A state directory of its own, and what was there before.
struct Room {
    prefix: Prefix,
    dir: PathBuf,
    before: Traces,
    rootfs_before: BTreeSet<PathBuf>,
}

impl Room {
    fn new(step: &str) -> Self {
        let dir = program::target()
            .unwrap()
            .join("xtask/porthole-faults")
            .join(step);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::create_dir_all(dir.join("image")).unwrap();
        let driver = program::windows_example("wine_driver").unwrap();
        fs::copy(driver, dir.join("image/porthole-faults.exe")).unwrap();
        fs::write(dir.join("pod.yaml"), whole()).unwrap();
        fs::write(dir.join("short.yaml"), pod("short", &one("code', '0"))).unwrap();
        fs::write(dir.join("job.yaml"), job()).unwrap();
        let prefix = Prefix::ready().unwrap();
        Self {
            before: traces(&dir),
            rootfs_before: entries(&prefix.drive_c("hpc")),
            prefix,
            dir,
        }
    }

    /// Takes a pod through its life until a process of porthole's dies at the step. Returns whether one did.
    fn dies_at(&self, step: &str, life: Life) -> bool {
        let note = self.dir.join("reached");
        let mut said = String::new();
        for (verb, arguments) in life {
            if *verb == "kill" {
                self.kill_supervisor();
                continue;
            }
            let mut command = self.command(verb, arguments);
            command
                .env("PORTHOLE_FAULT", step)
                .env("PORTHOLE_FAULT_NOTE", Prefix::windows_path(&note));
            let ended = self.end(&mut command);
            let _ = writeln!(said, "{step}: {verb} {arguments:?}: {ended:?}");
            if note.exists() {
                break;
            }
        }
        let reached = note.exists();
        // The next command repairs; what it may keep of a lost pod is removed like any ended pod.
        for (verb, arguments) in [("ps", &["-a"][..]), ("rm", &["-f", "--all"])] {
            let next = self.end(&mut self.command(verb, arguments));
            assert_eq!(next.0, Some(0), "{said}{verb}: {next:?}");
        }
        self.finds_nothing(&said);
        reached
    }

    fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut porthole = self.prefix.command(&program::windows("porthole").unwrap());
        porthole.args([verb, "--state", &Prefix::windows_path(&self.dir.join("state"))]);
        if verb == "run" {
            let image = Prefix::windows_path(&self.dir.join("image"));
            porthole.args(["--inherit-user", "--image", &format!("i={image}")]);
        }
        porthole
            .args(arguments)
            .env("NO_COLOR", "1")
            .env_remove("PORTHOLE_FAULT")
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        porthole
    }

    /// How a command ended, and what it said. A detached pod inherits of Wine what would keep a pipe open: output goes to a
    /// file.
    fn end(&self, command: &mut Command) -> (Option<i32>, String) {
        let file = self.dir.join("said");
        let said = fs::File::create(&file).unwrap();
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let mut child = command.spawn().unwrap();
        let ended = wait::until("a command to end", LIMIT, || Ok(child.try_wait().unwrap()));
        let said = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let Ok(status) = ended else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} does not end: {said}");
        };
        (status.code(), said)
    }

    /// SIGKILL: it does nothing more.
    fn kill_supervisor(&self) {
        let is_supervisor = |line: &str| line.contains("supervise") && line.contains(&windows(&self.dir));
        let found = processes()
            .into_iter()
            .find(|(_, line)| is_supervisor(line))
            .unwrap();
        let killed = Command::new("kill")
            .args(["-s", "KILL", &found.0])
            .status()
            .unwrap();
        assert!(killed.success());
        wait::until("the supervisor to be gone", LIMIT, || {
            let still = processes().into_iter().any(|(_, line)| is_supervisor(&line));
            Ok((!still).then_some(()))
        })
        .unwrap();
    }

    /// Finds nothing left, as soon as what was killed has ended.
    fn finds_nothing(&self, said: &str) {
        let left = || {
            let rootfs = entries(&self.prefix.drive_c("hpc"));
            let rootfs: Vec<&PathBuf> = rootfs.difference(&self.rootfs_before).collect();
            match traces(&self.dir).nothing_more_than(&self.before) {
                Ok(()) if rootfs.is_empty() => None,
                found => Some(format!("{found:?} {rootfs:?}")),
            }
        };
        let found = wait::until("nothing to be left", LIMIT, || Ok(left().is_none().then_some(())));
        assert!(found.is_ok(), "{:?}\n{said}", left());
    }
}

impl Drop for Room {
    /// A test that failed leaves no pods to the next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self
                .command("rm", &["-f", "--all"])
                .stdout(Stdio::null())
                .status();
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Of the state directory, and of processes: porthole's own name it, and those of containers have the word in their name.
fn traces(dir: &Path) -> Traces {
    Traces::read(&dir.join("state"), "porthole-faults").unwrap()
}

fn windows(path: &Path) -> String {
    Prefix::windows_path(path)
}

fn entries(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// All processes, by their numbers, and their command lines.
fn processes() -> Vec<(String, String)> {
    entries(Path::new("/proc"))
        .into_iter()
        .filter_map(|process| {
            let line = fs::read(process.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some((process.file_name()?.to_str()?.to_owned(), line))
        })
        .collect()
}

/// The field `command` of the program that is both sides of these tests.
fn command(arguments: &str) -> String {
    format!("command: ['{PROGRAM}', '{arguments}']")
}

fn one(arguments: &str) -> String {
    format!("  containers: [{{name: c, image: i, {}}}]\n", command(arguments))
}

const TEMPLATE: &str = "hostNetwork: true, securityContext: {windowsOptions: {hostProcess: true, runAsUserName: 'NT \
                        AUTHORITY\\SYSTEM'}}";

fn pod(name: &str, lines: &str) -> String {
    let template = TEMPLATE.replace(", securityContext", "\n  securityContext");
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never\n  {template}\n{lines}"
    )
}

/// A pod with everything that takes steps: an init container, hooks, volumes of several kinds, which Wine cannot mount.
fn whole() -> String {
    let code = command("code', '0");
    let lines = format!(
        "  initContainers: [{{name: first, image: i, {code}}}]\n  containers:\n  - name: c\n    image: i\n    {}\n    \
         lifecycle: {{postStart: {{exec: {{{code}}}}}, preStop: {{exec: {{{code}}}}}}}\n  volumes: [{{name: s, secret: \
         {{secretName: s}}}}, {{name: e, emptyDir: {{}}}}]\n",
        command("tree', '0")
    );
    format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: one}}\n",
        pod("p", &lines)
    )
}

/// A job of two short pods.
fn job() -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  completions: 2\n  template:\n    spec: \
         {{restartPolicy: Never, {TEMPLATE}, containers: [{{name: c, image: i, {}}}]}}\n",
        command("code', '0")
    )
}
