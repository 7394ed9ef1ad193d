//! A service of the service control manager, which `sc.exe` registers.

mod dispatch;

use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Service;

/// `ERROR_SERVICE_DOES_NOT_EXIST`.
const NO_SERVICE: i32 = 1060;
/// `ERROR_SERVICE_NOT_ACTIVE`.
const NOT_ACTIVE: i32 = 1062;
/// `ERROR_SERVICE_EXISTS`.
const EXISTS: i32 = 1073;

/// Wine's `sc.exe` ends with this whatever was wrong.
const OF_WINE: i32 = 1;

/// How long a service that was told to stop may take to let go of its program.
const ENDING: Duration = Duration::from_secs(10);

/// Stops the service, whose program's file cannot be replaced while it runs.
pub(crate) fn make_way(service: &Service) -> io::Result<()> {
    sc(&["stop", &service.name], &[NO_SERVICE, NOT_ACTIVE, OF_WINE])
}

/// Changes a file of the service as soon as it has ended: `sc.exe` does not wait for that.
pub(crate) fn once_free(change: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let deadline = Instant::now() + ENDING;
    loop {
        match change() {
            // `ERROR_ACCESS_DENIED` for a program that runs, `ERROR_SHARING_VIOLATION` for a file that is open.
            Err(error) if matches!(error.raw_os_error(), Some(5 | 32)) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            changed => return changed,
        }
    }
}

/// Returns whether the service runs now.
pub(crate) fn register(service: &Service) -> io::Result<bool> {
    let line = format!(
        "\"{}\" serve {} \"{}\"",
        service.program().display(),
        service.name,
        service.directory.display()
    );
    let create = ["create", &service.name, "binPath=", &line, "start=", "auto"];
    sc(&create, &[EXISTS, OF_WINE])?;
    sc(&["start", &service.name], &[])?;
    Ok(true)
}

pub(crate) fn unregister(service: &Service) -> io::Result<()> {
    make_way(service)?;
    sc(&["delete", &service.name], &[NO_SERVICE, OF_WINE])
}

/// Runs `sc.exe`, whose exit code is the system's error.
fn sc(arguments: &[&str], fine: &[i32]) -> io::Result<()> {
    let output = Command::new("sc.exe").args(arguments).output()?;
    match output.status.code() {
        Some(0) => Ok(()),
        Some(code) if fine.contains(&code) => Ok(()),
        _ => {
            let text = String::from_utf8_lossy(&output.stdout);
            Err(io::Error::other(format!(
                "sc.exe {}: {}: {}",
                arguments.join(" "),
                output.status,
                text.trim()
            )))
        }
    }
}

/// The service's own life.
pub(crate) fn serve(service: &Service) -> io::Result<()> {
    let started = service.started();
    dispatch::run(&service.name, move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        fs::write(started, format!("{}\n", now.as_secs()))
    })
}
