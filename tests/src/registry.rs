//! A registry on this machine: the Debian package docker-registry.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};
use crate::session::Session;

const LIMIT: Duration = Duration::from_secs(30);

/// The user and password of a registry that wants one.
pub const LOGIN: (&str, &str) = ("me", "hunter2");
/// The same as `htpasswd -B` writes it.
const HTPASSWD: &str = "me:$2y$05$c2ess7ZTERQw4K5Oh8hYj..3ks0aZlYojYnQghi56WsQ9fSGxnGWi\n";

/// A registry in progress. It ends when this is dropped.
#[derive(Debug)]
pub struct Registry {
    _session: Session,
    host: String,
}

impl Registry {
    /// Starts one that keeps its images in a directory; with `closed`, for those who have [`LOGIN`] alone.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(directory: &Path, closed: bool) -> Result<Self> {
        Self::start_with(directory, closed, "")
    }

    /// As [`start`](Self::start), over TLS with the certificate and key in these files.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_encrypted(directory: &Path, closed: bool, certificate: &Path, key: &Path) -> Result<Self> {
        let tls = format!(
            ", tls: {{certificate: '{}', key: '{}'}}",
            certificate.display(),
            key.display()
        );
        Self::start_with(directory, closed, &tls)
    }

    fn start_with(directory: &Path, closed: bool, http: &str) -> Result<Self> {
        let configuration = directory.join("registry.yml");
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '127.0.0.1:0'{http}}}\n",
            directory.join("registry").display()
        );
        if closed {
            let users = directory.join("users");
            std::fs::write(&users, HTPASSWD).doing("write the registry's users")?;
            let _ = writeln!(
                text,
                "auth: {{htpasswd: {{realm: porthole, path: '{}'}}}}",
                users.display()
            );
        }
        std::fs::write(&configuration, text).doing("write the registry's configuration")?;
        let mut session = Session::start(Command::new("docker-registry").arg("serve").arg(configuration))?;
        session.wait_for("listening on", LIMIT)?;
        let said = session.said();
        let host = said
            .split("listening on ")
            .nth(1)
            .and_then(|rest| rest.split(['"', ' ', ',', '\n']).next())
            .ok_or_else(|| Failure::new("find where the registry listens", &said))?;
        Ok(Self {
            host: host.to_owned(),
            _session: session,
        })
    }

    /// Its address: host and port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Writes a credentials file as docker does, with [`LOGIN`] for this registry.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_login(&self, path: &Path) -> Result<PathBuf> {
        let (user, password) = LOGIN;
        let text = format!(
            r#"{{"auths": {{"{}": {{"username": "{user}", "password": "{password}"}}}}}}"#,
            self.host
        );
        std::fs::write(path, text).doing("write a credentials file")?;
        Ok(path.to_owned())
    }
}
