//! Both sides of the tests of `wine_engine`: what drives the engine, and what runs in its containers.
//!
//! ```text
//! wine_driver hold STATE ID COMMAND…            holds a container that writes to this program's own output
//! wine_driver signal STATE ID SIGNAL COMMAND…   sends a signal when the container says `ready`; says how it ended
//! wine_driver exec STATE ID COMMAND…            runs a program in a container that another process holds
//! wine_driver stats STATE ID                    how many processes a container has
//! wine_driver detach FILE                       starts `detached FILE` that way, and says what it answered
//! wine_driver detached FILE                     answers a line, and writes the file when its maker is gone
//! wine_driver type STATE ID COMMAND…            types a line into a container, closes its input, and shows its output
//! wine_driver echo                              shows what is typed
//! wine_driver code N                            says `here` and ends with N
//! wine_driver sweep STATE                       says whose remains it removed
//! wine_driver tree N                            says `ready N` and waits for ever, beside a child that is `tree N-1`
//! wine_driver handler                           says `ready`, and ends with 42 when it is asked to
//! ```

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, exit};
use std::sync::Arc;
use std::time::Duration;

use porthole_runtime::engine::Entry;
use porthole_runtime::plan::{CommandLine, Limits, PodIdentity, Rootfs, Stop, User, View};
use porthole_runtime::{Engine, Plan, Running, Signal, Stdio, os};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|verb| verb == os::GUARD_VERB) {
        exit(os::guard(&args[1..]));
    }
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["hold", state, id, command @ ..] => {
            let (_, running) = start(state, id, command, Stdio::Inherit)?;
            exit(running.wait().code());
        }
        ["signal", state, id, signal, command @ ..] => send(state, id, signal, command),
        ["exec", state, id, command @ ..] => {
            let entry = Entry {
                command: command.iter().map(|text| (*text).to_owned()).collect(),
                environment: Vec::new(),
                working_directory: None,
                user: None,
            };
            let engine = os::host_engine(Path::new(state))?;
            let running = engine.exec(&plan(id, &[]), &entry, Stdio::Inherit)?;
            exit(running.wait().code());
        }
        ["stats", state, id] => {
            let used = os::host_engine(Path::new(state))?.stats(id)?;
            println!("{}", used.pids.unwrap_or_default());
            Ok(())
        }
        ["type", state, id, command @ ..] => {
            let mut plan = plan(id, command);
            plan.streams.stdin = true;
            let engine = os::host_engine(Path::new(state))?;
            let running = engine.create(&plan, Stdio::Piped)?.start()?;
            let mut output = running.take_output().ok_or("no output")?;
            writeln!(output.stdin.take().ok_or("no input")?, "typed")?;
            std::io::copy(&mut output.stdout, &mut std::io::stdout())?;
            let code = running.wait().code();
            running.delete()?;
            exit(code);
        }
        ["echo"] => {
            std::io::copy(&mut std::io::stdin(), &mut std::io::stdout())?;
            Ok(())
        }
        ["detach", file] => detach(file),
        ["detached", file] => detached(file),
        ["code", code] => {
            println!("here");
            exit(code.parse()?);
        }
        ["sweep", state] => {
            for id in os::host_engine(Path::new(state))?.sweep()? {
                println!("{id}");
            }
            Ok(())
        }
        ["tree", depth] => tree(depth.parse()?),
        ["handler"] => {
            ctrlc::set_handler(|| {
                println!("asked");
                exit(42);
            })?;
            println!("ready");
            for_ever()
        }
        other => Err(format!("what is {other:?}?").into()),
    }
}

fn start(
    state: &str,
    id: &str,
    command: &[&str],
    stdio: Stdio,
) -> Result<(Box<dyn Engine>, Arc<dyn Running>)> {
    let engine = os::host_engine(Path::new(state))?;
    let running = engine.create(&plan(id, command), stdio)?.start()?;
    Ok((engine, running))
}

fn plan(id: &str, command: &[&str]) -> Plan {
    Plan {
        id: id.to_owned(),
        pod: PodIdentity {
            namespace: "default".to_owned(),
            name: "p".to_owned(),
            uid: "u".to_owned(),
        },
        container: "c".to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Links,
        command: CommandLine::Arguments(command.iter().map(|text| (*text).to_owned()).collect()),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Inherit,
        limits: Limits::default(),
        stop: Stop {
            signal: Signal::Term,
            grace: Duration::from_secs(1),
        },
        credential_spec: None,
        streams: porthole_runtime::plan::Streams::default(),
    }
}

fn detach(file: &str) -> Result<()> {
    let arguments = ["detached", file].map(OsString::from);
    let mut detached = os::spawn_detached(&std::env::current_exe()?, &arguments)?;
    writeln!(detached.order, "hello")?;
    let mut answer = String::new();
    BufReader::new(&detached.answer).read_line(&mut answer)?;
    print!("{answer}");
    Ok(())
}

fn detached(file: &str) -> Result<()> {
    let mut order = std::io::stdin().lines();
    let word = order.next().ok_or("no order")??;
    println!("heard {word}");
    // The end of its maker closes the pipe.
    while order.next().is_some_and(|line| line.is_ok()) {}
    std::fs::write(file, "alive")?;
    Ok(())
}

fn send(state: &str, id: &str, signal: &str, command: &[&str]) -> Result<()> {
    let signal = match signal {
        "term" => Signal::Term,
        "int" => Signal::Int,
        "hup" => Signal::Hup,
        "kill" => Signal::Kill,
        other => return Err(format!("signal {other}").into()),
    };
    let (_engine, running) = start(state, id, command, Stdio::Piped)?;
    let output = running.take_output().ok_or("no output")?;
    for line in BufReader::new(output.stdout).lines() {
        let line = line?;
        println!("{line}");
        if line == "ready" {
            running.signal(signal)?;
        }
    }
    println!("exit {}", running.wait().code());
    running.delete()?;
    Ok(())
}

fn tree(depth: u32) -> Result<()> {
    let _child = depth
        .checked_sub(1)
        .map(|below| {
            Command::new(std::env::current_exe()?)
                .args(["tree", &below.to_string()])
                .spawn()
        })
        .transpose()?;
    println!("ready {depth}");
    for_ever()
}

fn for_ever() -> ! {
    loop {
        std::thread::park();
    }
}
