//! The node agents' Windows programs under Wine, detached, as far as Wine has what they ask for: files of the host by absolute
//! path, addresses, probes over HTTP. There is no logon, so everything runs as whoever runs Wine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use porthole_tests::traces::Traces;
use porthole_tests::wine::Prefix;
use porthole_tests::{program, wait};

const LIMIT: Duration = Duration::from_mins(1);

/// A state directory, an image with one agent, and what the machine looked like before.
struct Laptop {
    prefix: Prefix,
    dir: PathBuf,
    before: Traces,
}

impl Laptop {
    fn new(agent: &str) -> Self {
        let dir = program::target().unwrap().join("xtask/wine-agents").join(agent);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        let bin = dir.join("image/usr/local/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy(program::windows(agent).unwrap(), bin.join(format!("{agent}.exe"))).unwrap();
        Self {
            prefix: Prefix::ready().unwrap(),
            before: Traces::read(&dir.join("state"), "").unwrap(),
            dir,
        }
    }

    fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut porthole = self.prefix.command(&program::windows("porthole").unwrap());
        porthole.args([verb, "--state", &Prefix::windows_path(&self.dir.join("state"))]);
        porthole.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
        porthole
    }

    /// What porthole printed; it must have succeeded.
    fn porthole(&self, verb: &str, arguments: &[&str]) -> String {
        // What a detached pod inherits of Wine must not keep a pipe open: output goes to files.
        let (out, err) = (self.dir.join("out"), self.dir.join("err"));
        let status = self
            .command(verb, arguments)
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .status()
            .unwrap();
        let said = fs::read_to_string(out).unwrap();
        assert!(
            status.success(),
            "porthole {verb} {arguments:?}: {status} {said}{}",
            fs::read_to_string(err).unwrap()
        );
        said
    }

    /// Starts an agent's example, with other values in its manifest.
    fn start(&self, agent: &str, values: &[(&str, &str)]) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agents");
        let mut manifest = fs::read_to_string(example.join(format!("{agent}.yaml"))).unwrap();
        for (old, new) in values {
            assert!(manifest.contains(old), "{agent}.yaml has {old}");
            manifest = manifest.replace(old, new);
        }
        let file = self.dir.join("agent.yaml");
        fs::write(&file, manifest).unwrap();
        let image = Prefix::windows_path(&self.dir.join("image"));
        self.porthole(
            "run",
            &[
                "--detach",
                "--inherit-user",
                "--image",
                &format!("node-agents:v1={image}"),
                &Prefix::windows_path(&file),
            ],
        );
    }

    /// Waits until an agent's log holds a text, and returns the log.
    fn log(&self, agent: &str, text: &str) -> String {
        wait::until(&format!("`{text}` in the log of {agent}"), LIMIT, || {
            let log = self.porthole("logs", &[agent]);
            Ok(log.contains(text).then_some(log))
        })
        .unwrap()
    }

    /// Asks Wine's service control manager.
    fn sc(&self, arguments: &[&str]) -> std::process::Output {
        let mut sc = self.prefix.command(Path::new("sc.exe"));
        sc.args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Nothing may be left.
    fn finds_nothing(&self) {
        let state = self.dir.join("state");
        let found = wait::until("nothing to be left", LIMIT, || {
            let left = Traces::read(&state, "")?;
            Ok(left.nothing_more_than(&self.before).ok())
        });
        if found.is_err() {
            let left = Traces::read(&state, "").unwrap();
            panic!("{:?}", left.nothing_more_than(&self.before));
        }
    }
}

impl Drop for Laptop {
    /// A test that failed leaves no agents to the next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self
                .command("rm", &["--force", "--all"])
                .stdout(Stdio::null())
                .status();
        }
    }
}

#[test]
#[ignore = "needs Wine"]
fn the_agent_of_reports_keeps_its_file_on_the_host_over_two_lives() {
    let laptop = Laptop::new("report");
    let host = laptop.dir.join("of-the-host.txt");
    fs::write(&host, "told by the host\nand more\n").unwrap();
    let kept = laptop.dir.join("kept");
    fs::create_dir(&kept).unwrap();
    let path = |path: &Path| Prefix::windows_path(path);
    let start = || {
        laptop.start(
            "report",
            &[
                ("HOST_FILE: /etc/hosts", &format!("HOST_FILE: '{}'", path(&host))),
                (
                    "STATE_FILE: /var/lib/porthole-report/report.json",
                    &format!("STATE_FILE: '{}'", path(&kept.join("report.json"))),
                ),
                // Wine makes no links, so nothing can be mounted; an absolute path needs no mount.
                (
                    "        volumeMounts:\n        - {name: state, mountPath: /var/lib/porthole-report}\n      volumes:\n      - name: \
                     state\n        hostPath: {path: /var/lib/porthole-report, type: DirectoryOrCreate}\n",
                    "",
                ),
            ],
        );
    };
    let rounds = |text: &str| -> u64 {
        let (_, rest) = text.split_once("\"rounds\":").unwrap();
        rest.split([',', '}']).next().unwrap().parse().unwrap()
    };
    start();
    laptop.porthole("wait", &["--for", "ready", "--timeout", "60s", "report"]);
    let answer = get("/report");
    assert!(answer.contains("\"firstLine\":\"told by the host\""), "{answer}");
    // Its rootfs is a copy of the image, which has a program of some MiB.
    let used = laptop.porthole("stats", &["-o", "json", "report"]);
    let (_, rootfs) = used.split_once("\"rootfsBytes\": ").unwrap();
    let rootfs: u64 = rootfs.split(',').next().unwrap().parse().unwrap();
    assert!(rootfs > 1 << 20, "{used}");
    laptop.porthole("stop", &["report"]);
    let log = laptop.porthole("logs", &["report"]);
    assert!(log.ends_with("{\"stopped\":true}\n"), "it ended in order: {log}");
    laptop.porthole("rm", &["report"]);
    let before = rounds(&fs::read_to_string(kept.join("report.json")).unwrap());
    start();
    let log = laptop.log("report", "\"rounds\":");
    assert!(rounds(&log) > before, "{log}");
    laptop.porthole("rm", &["--force", "report"]);
    laptop.finds_nothing();
}

#[test]
#[ignore = "needs Wine"]
fn the_agent_of_addresses_says_them_and_further_programs_run_beside_it() {
    let laptop = Laptop::new("addresses");
    // Wine keeps no limits, and porthole refuses those that are not kept.
    laptop.start(
        "addresses",
        &[(
            "        resources:\n          limits: {memory: 64Mi, cpu: 100m}\n",
            "",
        )],
    );
    laptop.log("addresses", "127.0.0.1");
    laptop.porthole("wait", &["--for", "ready", "--timeout", "60s", "addresses"]);
    let once = laptop.porthole(
        "exec",
        &[
            "addresses",
            "--",
            "%CONTAINER_SANDBOX_MOUNT_POINT%/usr/local/bin/addresses",
            "--once",
        ],
    );
    assert!(once.contains("127.0.0.1"), "{once}");
    let listed = laptop.porthole("ps", &[]);
    assert!(listed.contains("1/1     Running"), "{listed}");
    laptop.porthole("rm", &["--force", "addresses"]);
    laptop.finds_nothing();
}

#[test]
#[ignore = "needs Wine"]
fn the_agent_of_a_service_installs_it_and_removes_it_before_it_stops() {
    let laptop = Laptop::new("service");
    let kept = laptop.dir.join("kept");
    let start = || {
        laptop.start(
        "service",
        &[
            (
                "value: /var/lib/porthole-example\n        lifecycle",
                &format!("value: '{}'\n        lifecycle", Prefix::windows_path(&kept)),
            ),
            // Wine makes no links, so nothing can be mounted; an absolute path needs no mount.
            (
                "        volumeMounts:\n        - {name: state, mountPath: /var/lib/porthole-example}\n      volumes:\n      - \
                 name: state\n        hostPath: {path: /var/lib/porthole-example, type: DirectoryOrCreate}\n",
                "",
            ),
        ],
    );
    };
    start();
    let log = laptop.log("service", "\"installed\":\"porthole-example\"");
    assert!(log.contains("\"runs\":true"), "{log}");
    let program = kept.join("porthole-example.exe");
    assert!(program.is_file(), "its copy on the host");
    // The service control manager has started it, with the arguments that it was registered with.
    wait::until("the service to say when it started", LIMIT, || {
        let told = fs::read_to_string(kept.join("started")).unwrap_or_default();
        Ok(told.trim().parse::<u64>().ok().filter(|second| *second > 0))
    })
    .unwrap();
    // A pod that is killed leaves its service behind, and the next one takes it over.
    laptop.porthole("rm", &["--force", "service"]);
    assert!(
        laptop.sc(&["query", "porthole-example"]).status.success(),
        "left behind"
    );
    start();
    laptop.log("service", "\"runs\":true");
    laptop.porthole("stop", &["service"]);
    assert!(
        !program.exists() && !kept.join("started").exists(),
        "the preStop hook removes the service: {}",
        laptop.porthole("logs", &["service"])
    );
    let asked = laptop.sc(&["query", "porthole-example"]);
    assert!(!asked.status.success(), "nobody is registered: {asked:?}");
    laptop.porthole("rm", &["service"]);
    laptop.finds_nothing();
}

#[test]
#[ignore = "needs Wine"]
fn the_agent_of_the_journal_reads_a_log_in_which_wine_writes_nothing() {
    let laptop = Laptop::new("journal");
    // Wine keeps no limits, and porthole refuses those that are not kept.
    laptop.start(
        "journal",
        &[("        resources:\n          limits: {memory: 64Mi}\n", "")],
    );
    let log = laptop.log("journal", "\"reading\":\"System\"");
    assert_eq!(log.lines().count(), 1, "Wine's wevtutil has no records: {log}");
    let listed = laptop.porthole("ps", &[]);
    assert!(listed.contains("1/1     Running"), "{listed}");
    laptop.porthole("stop", &["journal"]);
    laptop.porthole("rm", &["journal"]);
    laptop.finds_nothing();
}

fn get(path: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:8099").unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
