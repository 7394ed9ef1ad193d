//! `porthole exec` of a program that ends at once, in a detached pod that runs, against `runc exec` of the same program in a
//! container of the same rootfs that runs.
//!
//! Both are whole processes, started in turn. What counts is the median of the ratios of pairs. Fails where it is missed.
//! Needs root, runc, a C compiler, and porthole built with `--release`.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use porthole_tests::failure::{Doing, Result};
use porthole_tests::{bench, program, wait};

/// Of each, after [`WARM`] that are not counted.
const ROUNDS: usize = 100;
const WARM: usize = 5;
/// What `porthole exec` may take of the time that `runc exec` takes.
const ALLOWED: f64 = 0.5;

const POD: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: rest
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: "NT AUTHORITY\\SYSTEM"
  containers:
  - name: rest
    image: rest:latest
    command: ["%CONTAINER_SANDBOX_MOUNT_POINT%/rest"]
"#;

fn main() -> ExitCode {
    match compare() {
        Ok(ratio) if ratio <= ALLOWED => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_exec: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<f64> {
    let machine = Machine::new()?;
    let measured = machine.start().and_then(|()| machine.measure());
    // Whatever happened, nothing is left running.
    let removed = [
        bench::finish(&mut machine.porthole(&["rm", "--force", "--all"])),
        bench::finish(Command::new("runc").args(["delete", "--force", &machine.id])),
    ];
    let ratio = measured?;
    for removed in removed {
        removed?;
    }
    Ok(ratio)
}

struct Machine {
    porthole: PathBuf,
    work: PathBuf,
    /// runc's container.
    id: String,
}

impl Machine {
    fn new() -> Result<Self> {
        let work = bench::work("bench-exec")?;
        let rootfs = work.join("rootfs");
        std::fs::create_dir_all(&rootfs).doing(format!("make `{}`", rootfs.display()))?;
        bench::compile(
            "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n",
            &rootfs.join("rest"),
        )?;
        bench::compile("int main(void) { return 0; }\n", &rootfs.join("noop"))?;
        std::fs::write(work.join("pod.yaml"), POD).doing("write the pod")?;
        let config = program::checkout()
            .join("tests")
            .join("examples")
            .join("bench_run")
            .join("config.json");
        let config = std::fs::read_to_string(&config).doing("read runc's configuration")?;
        std::fs::write(work.join("config.json"), config.replace("\"/noop\"", "\"/rest\""))
            .doing("write runc's configuration")?;
        Ok(Self {
            porthole: program::target()?.join("release").join("porthole"),
            work,
            id: format!("porthole-bench-{}", std::process::id()),
        })
    }

    fn porthole(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.porthole);
        command
            .env("PORTHOLE_STATE", self.work.join("state"))
            .args(arguments)
            .current_dir(&self.work);
        command
    }

    fn start(&self) -> Result<()> {
        bench::finish(&mut self.porthole(&[
            "image",
            "build",
            "-t",
            "rest:latest",
            "--platform",
            "linux/amd64",
            "--add",
            "rootfs/rest:/rest",
            "--add",
            "rootfs/noop:/noop",
        ]))?;
        bench::finish(&mut self.porthole(&["run", "--detach", "--quiet", "pod.yaml"]))?;
        // Its outputs stay open in the container.
        let mut run = Command::new("runc");
        run.args(["run", "--detach", "--bundle"])
            .arg(&self.work)
            .arg(&self.id);
        let status = run
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .doing("run `runc`")?;
        wait::until("runc's container", Duration::from_secs(10), || {
            let state = Command::new("runc").args(["state", &self.id]).output();
            let state = state.doing("run `runc state`")?;
            let running = String::from_utf8_lossy(&state.stdout).contains("\"running\"");
            Ok((status.success() && running).then_some(()))
        })
    }

    fn measure(&self) -> Result<f64> {
        let mut times = [const { Vec::new() }; 2];
        for round in 0..WARM + ROUNDS {
            let mut porthole = self.porthole(&["exec", "rest", "--", "%CONTAINER_SANDBOX_MOUNT_POINT%/noop"]);
            let mut runc = Command::new("runc");
            runc.args(["exec", &self.id, "/noop"]);
            for (times, command) in times.iter_mut().zip([&mut porthole, &mut runc]) {
                let start = Instant::now();
                bench::finish(command)?;
                let elapsed = start.elapsed();
                if round >= WARM {
                    times.push(elapsed);
                }
            }
        }
        let ratio = bench::ratio(&times[0], &times[1]);
        println!("porthole exec  median {:6.2} ms", bench::median(&times[0]));
        println!("runc exec      median {:6.2} ms", bench::median(&times[1]));
        println!("of runc's wall time, median of {ROUNDS} pairs: {ratio:.2} (allowed: {ALLOWED})");
        Ok(ratio)
    }
}
