//! Detached pods: what an idle supervisor costs, and 200 pods of two containers on one machine.
//!
//! - One idle pod: the supervisor's proportional memory (`Pss` of `smaps_rollup`), and how often any of its threads was
//!   switched to in a minute.
//! - 200 pods, started one after another: the median time of a start among the 11th to 30th against that among the last
//!   20. Then all are removed. Seven times over, and of the ratios the median counts: the time of a start differs from one
//!   moment to the next by more than what is looked for. Beside it the same of the floor, which does the least that a
//!   container takes and looks at no pod: what the kernel takes longer for. Nothing of them may be left.
//!
//! Fails where a figure is missed. Needs root, a C compiler, and porthole and the example `floor` built with `--release`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::traces::Traces;
use porthole_tests::{program, wait};

const PODS: usize = 200;
const ROUNDS: usize = 7;
/// What a start among many may take of the time of a start among few: as much, and what the machine's noise adds.
const ALLOWED: f64 = 1.25;
/// KiB.
const MEMORY: u64 = 6 * 1024;
const IDLE: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_pods: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<bool> {
    let machine = Machine::new()?;
    let before = Traces::read(&machine.state, "")?;
    let measured = idle(&machine).and_then(|idle| Ok(many(&machine)? && idle));
    // Whatever happened, no pod is left running.
    let removed = machine.porthole(&["rm", "--force", "--all"]);
    let good = measured?;
    removed?;
    wait::until("everything to be gone", Duration::from_secs(30), || {
        let left = Traces::read(&machine.state, "")?.nothing_more_than(&before);
        Ok(left.is_ok().then_some(()))
    })
    .or_else(|_| Traces::read(&machine.state, "")?.nothing_more_than(&before))?;
    println!("nothing is left of {PODS} pods");
    Ok(good)
}

fn idle(machine: &Machine) -> Result<bool> {
    machine.start("idle")?;
    let supervisor = machine.supervisor()?;
    // The start is over when two looks a second apart see the same.
    let mut last = switches(&supervisor)?;
    wait::until("the supervisor to come to rest", Duration::from_secs(20), || {
        std::thread::sleep(Duration::from_secs(1));
        let now = switches(&supervisor)?;
        Ok((std::mem::replace(&mut last, now) == now).then_some(()))
    })?;
    let memory = proportional(&supervisor)?;
    let start = switches(&supervisor)?;
    std::thread::sleep(IDLE);
    let woken = switches(&supervisor)? - start;
    println!(
        "an idle supervisor: {memory} KiB (allowed: {MEMORY}), woken {woken} times in a minute (allowed: 0)"
    );
    machine.porthole(&["rm", "--force", "idle"])?;
    Ok(memory < MEMORY && woken == 0)
}

fn many(machine: &Machine) -> Result<bool> {
    let mut ratios = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        for (all, one) in ratios.iter_mut().zip(round(machine)?) {
            all.push(one);
        }
    }
    let [ratio, of_floor] = ratios.map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        ratios[ROUNDS / 2]
    });
    println!(
        "a start among {PODS} pods takes {ratio:.2} of one among 20 (allowed: {ALLOWED}); the floor {of_floor:.2}"
    );
    Ok(ratio <= ALLOWED)
}

/// How many times as long it takes among all pods as among few: a start, and the floor.
fn round(machine: &Machine) -> Result<[f64; 2]> {
    let mut times = Vec::with_capacity(PODS);
    let mut floor = None;
    for number in 0..PODS {
        if number == 30 {
            floor = Some(machine.floor()?);
        }
        let start = Instant::now();
        machine.start(&format!("pod-{number}"))?;
        times.push(start.elapsed());
    }
    let few = median(&times[10..30]);
    let full = median(&times[PODS - 20..]);
    let floor = floor.ok_or_else(|| Failure::new("start pods", "there were too few"))?;
    let of_floor = machine.floor()?.as_secs_f64() / floor.as_secs_f64();
    let ratio = full.as_secs_f64() / few.as_secs_f64();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let start = Instant::now();
    machine.porthole(&["rm", "--force", "--all"])?;
    println!(
        "a start among 20 pods {:.2} ms, among {PODS} pods {:.2} ms, ratio {ratio:.2} (the floor: {of_floor:.2}); all \
         removed in {:.2} s",
        ms(few),
        ms(full),
        start.elapsed().as_secs_f64()
    );
    Ok([ratio, of_floor])
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

struct Machine {
    porthole: PathBuf,
    work: PathBuf,
    state: PathBuf,
}

impl Machine {
    /// A state directory of its own with an image whose program waits for ever.
    fn new() -> Result<Self> {
        let work = program::target()?.join("xtask").join("bench-pods");
        if work.exists() {
            std::fs::remove_dir_all(&work).doing(format!("empty `{}`", work.display()))?;
        }
        let machine = Self {
            porthole: program::target()?.join("release").join("porthole"),
            state: work.join("state"),
            work,
        };
        let rootfs = machine.work.join("rootfs");
        std::fs::create_dir_all(&rootfs).doing(format!("make `{}`", rootfs.display()))?;
        for (name, text) in [
            (
                "wait",
                "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n",
            ),
            ("end", "int main(void) { return 0; }\n"),
        ] {
            let source = machine.work.join(format!("{name}.c"));
            std::fs::write(&source, text).doing(format!("write `{}`", source.display()))?;
            let mut compile = Command::new("gcc");
            compile.args(["-static", "-O1", "-o"]);
            finish(compile.arg(rootfs.join(name)).arg(&source))?;
        }
        let add = format!("{}:/wait", rootfs.join("wait").display());
        machine.porthole(&[
            "image",
            "build",
            "-t",
            "wait:latest",
            "--platform",
            "linux/amd64",
            "--add",
            &add,
        ])?;
        Ok(machine)
    }

    fn porthole(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.porthole);
        command.args(arguments).arg("--state").arg(&self.state);
        finish(command.current_dir(&self.work))
    }

    /// How long the floor takes for a program that ends at once.
    fn floor(&self) -> Result<Duration> {
        let floor = program::target()?.join("release").join("examples").join("floor");
        let mut times = Vec::with_capacity(20);
        for _ in 0..20 {
            let mut command = Command::new(&floor);
            command.arg(self.work.join("rootfs")).arg("end");
            let start = Instant::now();
            finish(command.current_dir(&self.work))?;
            times.push(start.elapsed());
        }
        Ok(median(&times))
    }

    /// Starts a detached pod of two containers.
    fn start(&self, name: &str) -> Result<()> {
        let mut text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  hostNetwork: true\n  \
             terminationGracePeriodSeconds: 0\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n      \
             runAsUserName: \"NT AUTHORITY\\\\SYSTEM\"\n  containers:\n"
        );
        for container in ["one", "two"] {
            let _ = writeln!(
                text,
                "  - name: {container}\n    image: wait:latest\n    command: [\"%CONTAINER_SANDBOX_MOUNT_POINT%/wait\"]"
            );
        }
        let file = self.work.join(format!("{name}.yaml"));
        std::fs::write(&file, text).doing(format!("write `{}`", file.display()))?;
        self.porthole(&["run", "--detach", "--quiet", &file.display().to_string()])
    }

    /// The one supervisor of this state directory.
    fn supervisor(&self) -> Result<PathBuf> {
        let state = self.state.display().to_string();
        for process in std::fs::read_dir("/proc").doing("list `/proc`")?.flatten() {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            // The guardian has its holder's command line, and a name of its own.
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            if line.contains("supervise") && line.contains(&state) && name.trim() != "porthole-guard" {
                return Ok(process.path());
            }
        }
        Err(Failure::new(
            "find the supervisor",
            "no process is one of this state directory",
        ))
    }
}

/// KiB of memory that are a process's own, and its share of what it shares.
fn proportional(process: &Path) -> Result<u64> {
    let file = process.join("smaps_rollup");
    let text = std::fs::read_to_string(&file).doing(format!("read `{}`", file.display()))?;
    let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = pss.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Failure::new(format!("read `{}`", file.display()), "it has no `Pss`"))
}

/// How often all threads of a process together were switched to.
fn switches(process: &Path) -> Result<u64> {
    let tasks = process.join("task");
    let mut all = 0;
    for task in std::fs::read_dir(&tasks).doing(format!("list `{}`", tasks.display()))? {
        let task = task.doing(format!("list `{}`", tasks.display()))?;
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        all += status
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    Ok(all)
}

fn finish(command: &mut Command) -> Result<()> {
    let what = format!("run `{}`", command.get_program().display());
    let output = command.stdin(Stdio::null()).output().doing(&what)?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(
        what,
        format!("{}\n{}", output.status, errors.trim_end()),
    ))
}
