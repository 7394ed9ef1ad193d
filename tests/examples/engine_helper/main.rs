//! What an engine starts of its own executable, for tests whose executable is a test harness; and a holder that tests kill.
//!
//! `engine_helper STATE SCRIPT` holds a container that runs a shell script as SYSTEM,
//! `engine_helper stop STATE SCRIPT` one as a group, which it stops and removes when it has said something, and
//! `engine_helper exec STATE ID SCRIPT` runs one in a container that somebody else holds.

#[path = "../../tests/linux_engine/plans.rs"]
mod plans;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use porthole_runtime::{Stdio, os};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|verb| verb == os::GUARD_VERB) {
        args.remove(0);
        return ExitCode::from(u8::try_from(os::guard(&args)).unwrap_or(1));
    }
    let done = if args.first().is_some_and(|verb| verb == "exec") {
        exec(&args[1..])
    } else if args.first().is_some_and(|verb| verb == "stop") {
        stop(&args[1..])
    } else {
        hold(&args)
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("engine_helper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hold(args: &[OsString]) -> Result<ExitCode, String> {
    let [state, script] = args else {
        return Err("give a state directory and a script".to_owned());
    };
    let engine = os::host_engine(Path::new(state)).map_err(|error| format!("{error:?}"))?;
    let plan = plans::plan("SYSTEM", &["/bin/sh", "-c", &script.to_string_lossy()]);
    let running = engine
        .create(&plan, Stdio::Inherit)
        .map_err(|error| format!("{error:?}"))?
        .start()
        .map_err(|error| format!("{error:?}"))?;
    let code = running.wait().code();
    running.delete().map_err(|error| format!("{error:?}"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(255)))
}

fn exec(args: &[OsString]) -> Result<ExitCode, String> {
    let [state, id, script] = args else {
        return Err("give a state directory, an id and a script".to_owned());
    };
    let engine = os::host_engine(Path::new(state)).map_err(|error| format!("{error:?}"))?;
    let mut plan = plans::plan("SYSTEM", &["/bin/true"]);
    plan.id = id.to_string_lossy().into_owned();
    let entry = plans::entry(&["/bin/sh", "-c", &script.to_string_lossy()]);
    let running = engine
        .exec(&plan, &entry, Stdio::Attached)
        .map_err(|error| format!("{error:?}"))?;
    Ok(ExitCode::from(u8::try_from(running.wait().code()).unwrap_or(255)))
}

fn stop(args: &[OsString]) -> Result<ExitCode, String> {
    let [state, script] = args else {
        return Err("give a state directory and a script".to_owned());
    };
    let engine = os::host_engine(Path::new(state)).map_err(|error| format!("{error:?}"))?;
    let plan = plans::plan("audio", &["/bin/sh", "-c", &script.to_string_lossy()]);
    let running = engine
        .create(&plan, Stdio::Piped)
        .map_err(|error| format!("{error:?}"))?
        .start()
        .map_err(|error| format!("{error:?}"))?;
    if let Some(mut output) = running.take_output() {
        std::io::Read::read_exact(&mut output.stdout, &mut [0]).map_err(|error| error.to_string())?;
    }
    running
        .signal(porthole_runtime::Signal::Term)
        .map_err(|error| format!("{error:?}"))?;
    running.kill().map_err(|error| format!("{error:?}"))?;
    running.wait();
    running.delete().map_err(|error| format!("{error:?}"))?;
    Ok(ExitCode::SUCCESS)
}
