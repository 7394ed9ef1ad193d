//! `--watch`: the check again, whenever something has changed that it reads.
//!
//! The files are looked at, a few times a second. A file that was replaced, one in a directory that is new, a network's or
//! a container's mount: all are seen by that, where notifications of the system differ or say nothing.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use super::config::Config;
use super::{Check, Output, gather, pod_security};
use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::fetch::Address;
use crate::print;

/// How long nothing is looked at, at least.
const PAUSE: Duration = Duration::from_millis(200);
/// How many times as long as a look the pause after it is, at least: looking takes no more than this part of a processor.
const PAUSE_PER_LOOK: u32 = 20;
/// Clears the terminal and what was scrolled out of it.
const CLEAR: &str = "\x1b[2J\x1b[3J\x1b[H";

/// What can be seen of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
}

/// Everything that is read, as it was at one time.
type Look = BTreeMap<PathBuf, Option<Seen>>;

/// Checks, waits for a change, and checks again, until Ctrl-C.
///
/// # Errors
/// What is asked for cannot be watched, or cannot be asked at all.
pub(super) fn run(check: &Check, global: &Global) -> Result<ExitCode, Failure> {
    refuse(check)?;
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .attempt(exit::UNASKED, || "listen for Ctrl-C".to_owned())?;
    let clears = check.output == Output::Human && std::io::stdout().is_terminal();
    let mut first = true;
    let mut seen = look(check);
    loop {
        if clears {
            print::text(CLEAR)?;
        }
        match check.once(global) {
            Ok(_) => {}
            // What cannot be asked from the start is a mistake of the command line; later it is one that is being mended.
            Err(failure) if first => return Err(failure),
            Err(failure) => {
                failure.report();
            }
        }
        first = false;
        if !global.quiet && check.output == Output::Human {
            crate::note("waiting for a change; Ctrl-C ends this");
        }
        match wait(check, seen, &stopped) {
            Some(changed) => seen = changed,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// What cannot be looked at again, and what cannot be told apart.
fn refuse(check: &Check) -> Result<(), Failure> {
    for path in &check.paths {
        let unseen = path.as_os_str() == "-" || path.to_str().and_then(Address::parse).is_some();
        if unseen {
            let failure = Failure::unasked(format!(
                "watch `{}`: it is no file of this machine",
                path.display()
            ));
            return Err(failure.help("--watch takes files and directories"));
        }
    }
    if matches!(check.output, Output::Sarif | Output::Github | Output::Status) {
        let failure = Failure::unasked("--watch: this output has no place for more than one run");
        return Err(failure.help("-o human, json and yaml have"));
    }
    Ok(())
}

/// The next state that differs and has lasted for a pause, since editors write in several steps; nothing after Ctrl-C.
fn wait(check: &Check, mut before: Look, stopped: &Receiver<()>) -> Option<Look> {
    let mut changed = false;
    loop {
        let start = Instant::now();
        let now = look(check);
        if now == before {
            if changed {
                return Some(now);
            }
        } else {
            changed = true;
            before = now;
        }
        let pause = PAUSE.max(start.elapsed() * PAUSE_PER_LOOK);
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return None,
        }
    }
}

/// Looks at the files that are named, at those in directories that are named, and at the settings.
fn look(check: &Check) -> Look {
    let named = check.config.as_deref();
    // Settings that cannot be read leave nothing out; that they change is seen all the same.
    let config = Config::find(named).unwrap_or_default();
    let mut paths = Config::candidates(named);
    let configured = check
        .flags
        .pod_security_config
        .clone()
        .or(config.pod_security_config());
    paths.extend(configured.iter().flat_map(|path| pod_security::files(path)));
    for path in check.paths.iter().chain(&check.old) {
        if path.is_dir() {
            paths.extend(gather::manifests(path, &config));
        }
        paths.push(path.clone());
    }
    paths.into_iter().map(|path| (path.clone(), see(&path))).collect()
}

fn see(path: &Path) -> Option<Seen> {
    let metadata = std::fs::metadata(path).ok()?;
    // A directory changes with every file that an editor puts beside; what counts in it is looked at by itself.
    let file = metadata.is_file();
    Some(Seen {
        length: if file { metadata.len() } else { 0 },
        modified: metadata.modified().ok().filter(|_| file),
    })
}
