//! A unit of systemd. Its files are all that enabling it takes; where systemd runs it is also told.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use agents::Stop;

use crate::{Service, gone};

fn unit(service: &Service) -> PathBuf {
    Path::new("/etc/systemd/system").join(format!("{}.service", service.name))
}

fn wanted(service: &Service) -> PathBuf {
    Path::new("/etc/systemd/system/multi-user.target.wants").join(format!("{}.service", service.name))
}

/// As `sd_booted(3)` asks.
fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// A running program's file can be replaced and removed.
#[expect(clippy::unnecessary_wraps, reason = "can fail elsewhere")]
pub(crate) fn make_way(_service: &Service) -> io::Result<()> {
    Ok(())
}

/// See [`make_way`].
pub(crate) fn once_free(change: impl Fn() -> io::Result<()>) -> io::Result<()> {
    change()
}

/// Returns whether the service runs now.
pub(crate) fn register(service: &Service) -> io::Result<bool> {
    let (unit, wanted) = (unit(service), wanted(service));
    fs::create_dir_all(wanted.parent().unwrap_or(&wanted))?;
    let text = format!(
        "[Unit]\nDescription=An example of a node agent's service\n\n[Service]\nExecStart={} serve {} {}\nRestart=always\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        service.program().display(),
        service.name,
        service.directory.display()
    );
    let new = unit.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, &unit)?;
    gone(fs::remove_file(&wanted), &wanted)?;
    symlink(&unit, &wanted)?;
    if !systemd_runs() {
        return Ok(false);
    }
    systemctl(&["daemon-reload"])?;
    systemctl(&["restart", &service.name])?;
    Ok(true)
}

pub(crate) fn unregister(service: &Service) -> io::Result<()> {
    let (unit, wanted) = (unit(service), wanted(service));
    if systemd_runs() && unit.exists() {
        systemctl(&["stop", &service.name])?;
    }
    gone(fs::remove_file(&wanted), &wanted)?;
    gone(fs::remove_file(&unit), &unit)?;
    if systemd_runs() {
        systemctl(&["daemon-reload"])?;
    }
    Ok(())
}

fn systemctl(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("systemctl").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "systemctl {}: {}",
        arguments.join(" "),
        text.trim()
    )))
}

/// The service's own life.
pub(crate) fn serve(service: &Service) -> io::Result<()> {
    let stop = Stop::listen()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    fs::write(service.started(), format!("{}\n", now.as_secs()))?;
    stop.wait();
    Ok(())
}
