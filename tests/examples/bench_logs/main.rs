//! A gigabyte of lines of 100 bytes out of a real container into its log, against `lines | cat > file`.
//!
//! On one side `porthole run --detach` of a pod whose program says the lines, until `porthole wait` says that it has ended:
//! with the start, the supervisor, rotation and the end. On the other the same program, and `cat` on the same disk. What
//! counts is the median of the ratios of speed of pairs. The memory is the most that the supervisor was seen to have.
//! Fails where the ratio is missed. Needs root, a C compiler, and porthole built with `--release`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::{bench, program};

/// Of each, after one that is not counted.
const ROUNDS: usize = 5;
/// Of the speed of `cat`.
const WANTED: f64 = 0.7;

/// 10 000 000 lines, 500 with each write.
const LINES: &str = r"#include <string.h>
#include <unistd.h>
static char block[50000];
int main(void) {
    memset(block, 'x', sizeof block);
    for (int end = 99; end < (int)sizeof block; end += 100) block[end] = '\n';
    for (int number = 0; number < 20000; number++) {
        for (size_t done = 0; done < sizeof block;) {
            ssize_t more = write(1, block + done, sizeof block - done);
            if (more <= 0) return 1;
            done += more;
        }
    }
    return 0;
}
";

const POD: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: lines
spec:
  hostNetwork: true
  restartPolicy: Never
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: "NT AUTHORITY\\SYSTEM"
  containers:
  - name: lines
    image: lines:latest
    command: ["%CONTAINER_SANDBOX_MOUNT_POINT%/lines"]
"#;

fn main() -> ExitCode {
    match compare() {
        Ok(ratio) if ratio >= WANTED => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_logs: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<f64> {
    let machine = Machine::new()?;
    let (mut cat, mut log) = (Vec::new(), Vec::new());
    let mut memory = 0;
    for round in 0..=ROUNDS {
        let start = Instant::now();
        machine.cat()?;
        let plain = start.elapsed();
        std::fs::remove_file(machine.work.join("cat")).doing("remove what `cat` wrote")?;
        let start = Instant::now();
        let most = machine.log()?;
        let logged = start.elapsed();
        machine.check()?;
        if round > 0 {
            cat.push(plain);
            log.push(logged);
            memory = memory.max(most);
        }
    }
    let ratio = bench::ratio(&cat, &log);
    println!("lines | cat > file   median {:7.1} ms", bench::median(&cat));
    println!(
        "a container's log    median {:7.1} ms, its supervisor with at most {memory} KiB of memory",
        bench::median(&log)
    );
    println!("ratio of speed, median of {ROUNDS} pairs: {ratio:.2} (wanted: {WANTED})");
    Ok(ratio)
}

struct Machine {
    porthole: PathBuf,
    work: PathBuf,
}

impl Machine {
    fn new() -> Result<Self> {
        let machine = Self {
            porthole: program::target()?.join("release").join("porthole"),
            work: bench::work("bench-logs")?,
        };
        bench::compile(LINES, &machine.work.join("lines"))?;
        std::fs::write(machine.work.join("pod.yaml"), POD).doing("write the pod")?;
        machine.porthole(&[
            "image",
            "build",
            "-t",
            "lines:latest",
            "--platform",
            "linux/amd64",
            "--add",
            "lines:/lines",
        ])?;
        Ok(machine)
    }

    fn porthole(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.porthole);
        command
            .args(arguments)
            .env("PORTHOLE_STATE", self.work.join("state"))
            .current_dir(&self.work);
        bench::finish(&mut command)
    }

    fn cat(&self) -> Result<()> {
        let file = File::create(self.work.join("cat")).doing("make a file for `cat`")?;
        let mut lines = Command::new(self.work.join("lines"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing("say the lines")?;
        let said = lines
            .stdout
            .take()
            .ok_or_else(|| Failure::new("say the lines", "there is no pipe"))?;
        let status = Command::new("cat").stdin(said).stdout(file).status();
        let status = status.doing("run `cat`")?;
        let lines = lines.wait().doing("wait for the lines")?;
        if status.success() && lines.success() {
            return Ok(());
        }
        Err(Failure::new("run `lines | cat`", format!("{lines}, {status}")))
    }

    /// Runs the pod to its end. Returns the KiB that its supervisor was seen to have at most.
    fn log(&self) -> Result<u64> {
        self.porthole(&["run", "--detach", "--quiet", "pod.yaml"])?;
        let holder = self.holder();
        let (done, over) = std::sync::mpsc::channel::<()>();
        let watcher = std::thread::spawn(move || {
            let mut most = 0;
            // The kernel keeps the peak; what is read last before the end is nearly all of it.
            while over.recv_timeout(Duration::from_millis(50))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                most = most.max(holder.as_deref().and_then(peak).unwrap_or(0));
            }
            most
        });
        let waited = self.porthole(&["wait", "lines"]);
        drop(done);
        let most = watcher.join().unwrap_or(0);
        waited.map(|_| most)
    }

    /// The pod's directory.
    fn pod(&self) -> Option<PathBuf> {
        let mut pods = std::fs::read_dir(self.work.join("state").join("pods")).ok()?;
        pods.find_map(|pod| pod.ok().map(|pod| pod.path()).filter(|path| path.is_dir()))
    }

    /// The supervisor, in `/proc`.
    fn holder(&self) -> Option<PathBuf> {
        let number = std::fs::read_to_string(self.pod()?.join("lock")).ok()?;
        Some(Path::new("/proc").join(number.trim()))
    }

    /// The last line is in the log, and the pod is removed.
    fn check(&self) -> Result<()> {
        let tail = self.porthole(&["logs", "lines", "--tail", "1"])?;
        if tail.trim_end().len() != 99 {
            return Err(Failure::new("read the log", format!("its last line is {tail:?}")));
        }
        self.porthole(&["rm", "lines"]).map(drop)
    }
}

/// KiB that a process had at most.
fn peak(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
