//! `cargo xtask demo`: the tutorial's pod, from its YAML to the changed host file.

mod host;

use std::process::Stdio;
use std::time::Duration;

use porthole_tests::traces::Traces;
use porthole_tests::wait;

use crate::cargo::Target;
use crate::command::{self, Doing, Failure, Result, command};

use host::Machine;
pub(crate) use host::{Host, wine};

/// What the host's file holds at first: as the tutorial's, it lacks its last newline.
const BEFORE: &str = "Hello from the host";
/// And what it holds once the pod has run.
const AFTER: &str = "Hello from the hostHello from the container!\n";
/// How long the pod may take to change the file, and then to end: twice the usual grace.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs the demo, and fails unless all of it came about.
pub(crate) fn run(host: Host) -> Result<()> {
    Target::Host.build()?;
    let machine = host.prepare()?;
    let done = show(&machine);
    let cleaned = machine.clean();
    done.and(cleaned)
}

fn show(machine: &Machine) -> Result<()> {
    title("The image, from the app's binary and a Dockerfile");
    command::run(&mut machine.image_build()?)?;

    title("A file of the host");
    let file = machine.host_file();
    std::fs::write(file, BEFORE).doing(format!("write `{}`", file.display()))?;
    show_file(machine)?;

    title("The pod: who would run, and why");
    command::run(&mut machine.porthole("explain"))?;

    title("The pod runs");
    let before = machine.traces()?;
    let mut run = machine.porthole("run");
    command::show(&run);
    let mut pod = run
        .stdin(Stdio::null())
        .spawn()
        .doing(format!("run `{}`", command::words(&run)))?;
    let changed = wait::until("the pod to change the host's file", LIMIT, || {
        if let Some(status) = pod.try_wait().doing("look whether the pod still runs")? {
            return Err(Failure::new(
                "run the pod",
                format!("it ended before it changed the file: {status}"),
            ));
        }
        let text = std::fs::read_to_string(file).doing(format!("read `{}`", file.display()))?;
        Ok((text == AFTER).then_some(()))
    });
    if changed.is_ok() {
        title("The host's file has changed");
        show_file(machine)?;
        title("Ctrl-C stops the pod");
    }
    // The demo ends the pod in any case: an app that sleeps for an hour outlives nobody's patience.
    // By the shell's own `kill`: the program of that name is missing on a small Debian.
    let interrupt = format!("kill -INT {}", pod.id());
    command::run_quietly(&mut command("sh", ["-c", &interrupt]))?;
    let ended = wait::until("the pod to end", LIMIT, || {
        pod.try_wait().doing("look whether the pod has ended")
    });
    if ended.is_err() {
        pod.kill().doing("kill porthole, which did not end")?;
    }
    changed?;
    println!("porthole run ended with {}", ended?);
    nothing_more_than(machine, &before)?;
    if machine.detaches() {
        detached(machine)?;
        nothing_more_than(machine, &before)?;
    }
    Ok(())
}

fn nothing_more_than(machine: &Machine, before: &Traces) -> Result<()> {
    machine.traces()?.nothing_more_than(before)?;
    println!("nothing of it is left: no process, no mount, no cgroup, no file of a container");
    Ok(())
}

/// The same pod in the background, and what can be asked of it there.
fn detached(machine: &Machine) -> Result<()> {
    let file = machine.host_file();
    std::fs::write(file, BEFORE).doing(format!("write `{}`", file.display()))?;

    title("The same pod, detached");
    let mut run = machine.porthole("run");
    command::run(run.arg("--detach"))?;
    let asked = ask(machine);
    // In any case: a detached pod outlives the demo.
    title("It is removed");
    command::run(&mut machine.of_pod("rm", &["--force"], &[]))?;
    asked
}

fn ask(machine: &Machine) -> Result<()> {
    let file = machine.host_file();
    wait::until("the pod to change the host's file", LIMIT, || {
        let text = std::fs::read_to_string(file).doing(format!("read `{}`", file.display()))?;
        Ok((text == AFTER).then_some(()))
    })?;
    title("What runs, what it has said, and what it uses");
    command::run(&mut machine.plain("ps", &[]))?;
    command::run(&mut machine.of_pod("logs", &[], &[]))?;
    command::run(&mut machine.plain("stats", &["--no-stream"]))?;
    title("A further program in its container");
    command::run(&mut machine.of_pod("exec", &[], &["--", "cat", &file.display().to_string()]))?;
    title("It is stopped within its grace");
    command::run(&mut machine.of_pod("stop", &[], &[]))?;
    command::run(&mut machine.plain("ps", &["--all"]))
}

fn show_file(machine: &Machine) -> Result<()> {
    let file = machine.host_file();
    command::run(&mut command("cat", [file]))?;
    let text = std::fs::read_to_string(file).doing(format!("read `{}`", file.display()))?;
    if !text.ends_with('\n') {
        println!();
    }
    Ok(())
}

fn title(text: &str) {
    println!("\n# {text}");
}
