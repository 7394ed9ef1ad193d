//! `service`: installs a service on the host, and removes it when the pod ends.
//!
//! | asked | does |
//! |---|---|
//! | `service install` | copies itself to the host, registers the service and starts it, where the host runs services; then waits until the pod is stopped |
//! | `service remove` | stops the service, takes its registration away and deletes the copy; what is gone already is no error. The pod's `preStop` |
//! | `service serve` | the service itself: writes when it was started to `STATE_DIR/started`, and waits |
//!
//! A node agent whose pod is killed leaves its service behind, and `install` takes it over. `STATE_DIR` is where the copy is
//! kept, `SERVICE` its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agents::{Stop, say, setting};
use serde_json::json;

#[cfg(not(windows))]
#[path = "service/linux.rs"]
mod host;
#[cfg(windows)]
#[path = "service/windows.rs"]
mod host;

fn main() -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let done = match asked.as_str() {
        "install" => install(),
        "remove" => Service::named().remove(),
        "serve" => host::serve(&Service::named()),
        _ => {
            eprintln!("usage: service install|remove|serve");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service {asked}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The service as the pod's variables name it; registered, it is told by its own command line.
pub(crate) struct Service {
    name: String,
    directory: PathBuf,
}

impl Service {
    fn named() -> Self {
        let mut told = std::env::args().skip(2);
        let (name, directory) = (told.next(), told.next());
        Self {
            name: name.unwrap_or_else(|| setting("SERVICE", "node-agent")),
            directory: PathBuf::from(
                directory.unwrap_or_else(|| setting("STATE_DIR", "/var/lib/node-agent")),
            ),
        }
    }

    /// The copy of this program on the host: a service outlives its installer's image.
    fn program(&self) -> PathBuf {
        self.directory
            .join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX))
    }

    fn started(&self) -> PathBuf {
        self.directory.join("started")
    }

    fn remove(&self) -> io::Result<()> {
        host::unregister(self)?;
        for file in [self.program(), self.started()] {
            gone(host::once_free(|| fs::remove_file(&file)), &file)?;
        }
        say(&json!({"removed": self.name}))
    }
}

fn install() -> io::Result<()> {
    let stop = Stop::listen()?;
    let service = Service::named();
    fs::create_dir_all(&service.directory)?;
    // One that was left behind may still run.
    host::make_way(&service)?;
    // Under another name first: a program's file is there as a whole or not at all.
    let new = service.directory.join("new");
    fs::copy(std::env::current_exe()?, &new)?;
    host::once_free(|| fs::rename(&new, service.program()))?;
    let runs = host::register(&service)?;
    say(&json!({"installed": service.name, "program": service.program(), "runs": runs}))?;
    stop.wait();
    Ok(())
}

/// What is gone already need not be removed.
pub(crate) fn gone(removed: io::Result<()>, what: &Path) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io::Error::new(
            error.kind(),
            format!("remove {}: {error}", what.display()),
        )),
        _ => Ok(()),
    }
}
