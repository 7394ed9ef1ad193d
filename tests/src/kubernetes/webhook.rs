//! `porthole webhook` at an API server of a test: the built program, its certificates as a kubelet mounts them, and HTTPS to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ureq::Agent;

use super::process::Process;
use super::{ApiServer, client, place};
use crate::failure::{Doing, Failure, Result};
use crate::guardian::Guardian;
use crate::{program, wait};

/// Until it serves, or has ended.
const LIMIT: Duration = Duration::from_mins(1);

/// A directory in which certificate and key are swapped as a kubelet does it: both at once, by one symbolic link.
#[derive(Debug)]
pub struct Certificates {
    directory: PathBuf,
    next: AtomicU32,
}

impl Certificates {
    /// Certificates in a directory that is there.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn new(directory: &Path, certificate: &str, key: &str) -> Result<Self> {
        let certificates = Self {
            directory: directory.to_owned(),
            next: AtomicU32::new(0),
        };
        certificates.swap(certificate, key)?;
        for name in ["tls.crt", "tls.key"] {
            link(&PathBuf::from("..data").join(name), &directory.join(name))?;
        }
        Ok(certificates)
    }

    /// Puts another pair there.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn swap(&self, certificate: &str, key: &str) -> Result<()> {
        let what = "swap a certificate";
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let name = format!("..{number}");
        let new = self.directory.join(&name);
        fs::create_dir(&new).doing(what)?;
        fs::write(new.join("tls.crt"), certificate).doing(what)?;
        fs::write(new.join("tls.key"), key).doing(what)?;
        let (current, renamed) = (self.directory.join("..data"), self.directory.join("..data_tmp"));
        link(Path::new(&name), &renamed)?;
        fs::rename(renamed, current).doing(what)?;
        if let Some(old) = number.checked_sub(1) {
            fs::remove_dir_all(self.directory.join(format!("..{old}"))).doing(what)?;
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, at).doing(format!("link `{}`", at.display()))
}

#[cfg(not(unix))]
fn link(_to: &Path, at: &Path) -> Result<()> {
    Err(Failure::new(
        format!("link `{}`", at.display()),
        "no kubelet does so here",
    ))
}

/// The webhook in progress.
#[derive(Debug)]
pub struct Webhook {
    process: Process,
    guardian: Guardian,
    address: String,
    authority: String,
}

impl Webhook {
    /// Starts it for the administrator of a server, and waits until it is ready. `authority` has signed its certificates, which
    /// are for 127.0.0.1.
    ///
    /// # Errors
    /// It is not built, or does not become ready.
    pub fn start(
        server: &ApiServer,
        certificates: &Certificates,
        authority: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let place = server.directory();
        Self::start_at(&server.kubeconfig(), place, certificates, authority, arguments)
    }

    /// The same, for whoever a kubeconfig says. Its log goes into `directory`.
    ///
    /// # Errors
    /// It is not built, or does not become ready.
    pub fn start_at(
        kubeconfig: &Path,
        directory: &Path,
        certificates: &Certificates,
        authority: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut command = Command::new(program::host("porthole")?);
        command
            .arg("webhook")
            .args(arguments)
            // As the existing webhook is told.
            .env("TLS_CRT", certificates.file("tls.crt"))
            .env("TLS_KEY", certificates.file("tls.key"))
            .env("QPS", "30");
        let [port] = place::ports()?;
        let webhook = Self::launch(port, directory, kubeconfig, command, authority)?;
        let agent = webhook.agent(0)?;
        let mut last = String::new();
        wait::until("porthole webhook to be ready", LIMIT, || {
            webhook.process.check()?;
            match webhook.get(&agent, "/readyz") {
                Ok((200, _)) => Ok(Some(())),
                other => {
                    last = format!("{other:?}");
                    Ok(None)
                }
            }
        })
        .map_err(|failure| Failure::new(failure.to_string(), format!("{last}\n{}", webhook.said())))?;
        Ok(webhook)
    }

    /// Starts one with certificates of its own, for whoever has this token. It is not waited for: who has signed its certificates is
    /// said in the cluster.
    ///
    /// # Errors
    /// It is not built.
    pub fn start_own(server: &ApiServer, token: &str, arguments: &[&str]) -> Result<Self> {
        let [port] = place::ports()?;
        let config = server.kubeconfig_of(token, Some("porthole-system"));
        let directory = server.directory();
        let kubeconfig = directory.join(format!("webhook-{port}.kubeconfig"));
        fs::write(&kubeconfig, config).doing("write a kubeconfig")?;
        let mut command = Command::new(program::host("porthole")?);
        command
            .args(["webhook", "--own-certificates", "--certificate-name=127.0.0.1"])
            .args(arguments)
            .env_remove("TLS_CRT")
            .env_remove("TLS_KEY")
            .env_remove("POD_NAMESPACE");
        Self::launch(port, directory, &kubeconfig, command, "")
    }

    fn launch(
        port: u16,
        directory: &Path,
        kubeconfig: &Path,
        mut command: Command,
        authority: &str,
    ) -> Result<Self> {
        command
            .args(["--address=127.0.0.1", "--log-format=json", "--kubeconfig"])
            .arg(kubeconfig)
            .env("HTTPS_PORT", port.to_string())
            .env_remove("KUBECONFIG");
        let mut guardian = Guardian::new()?;
        let name = format!("webhook-{port}");
        let process = Process::start(&name, &mut command, directory, &mut guardian)?;
        Ok(Self {
            process,
            guardian,
            address: format!("https://127.0.0.1:{port}"),
            authority: authority.to_owned(),
        })
    }

    /// Where it answers: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whoever asks it, and keeps at most so many connections open.
    ///
    /// # Errors
    /// The authority is no certificate.
    pub fn agent(&self, connections: usize) -> Result<Agent> {
        Self::agent_of(&self.authority, connections)
    }

    /// The same, who trusts these authorities.
    ///
    /// # Errors
    /// They are no certificates.
    pub fn agent_of(authorities: &str, connections: usize) -> Result<Agent> {
        let tls = client::trusting(authorities.as_bytes(), "read an authority")?;
        Ok(Agent::config_builder()
            .http_status_as_error(false)
            .https_only(true)
            .proxy(None)
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections)
            .timeout_global(Some(LIMIT))
            .tls_config(tls)
            .build()
            .new_agent())
    }

    /// What is at a path: status and body.
    ///
    /// # Errors
    /// There is no answer.
    pub fn get(&self, agent: &Agent, path: &str) -> Result<(u16, String)> {
        let answer = agent.get(format!("{}{path}", self.address)).call();
        read(answer.doing(format!("GET {path}"))?)
    }

    /// What it answers to a review: status and body.
    ///
    /// # Errors
    /// There is no answer.
    pub fn review(&self, agent: &Agent, path: &str, review: &[u8]) -> Result<(u16, String)> {
        let request = agent
            .post(format!("{}{path}", self.address))
            .header("Content-Type", "application/json");
        read(request.send(review).doing(format!("POST {path}"))?)
    }

    /// A measurement of `/metrics`, by its name and labels; nothing where it is not told.
    ///
    /// # Errors
    /// There is no answer.
    pub fn metric(&self, agent: &Agent, name: &str) -> Result<Option<f64>> {
        let (_, text) = self.get(agent, "/metrics")?;
        let mut lines = text.lines();
        Ok(lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()))
    }

    /// Its log so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// There is no `kill`.
    pub fn terminate(&self) -> Result<()> {
        let id = self.process.id().to_string();
        let mut kill = Command::new("kill");
        crate::bench::finish(kill.args(["-s", "TERM", &id])).map(drop)
    }

    /// Kills it: it has no time to say so to anybody.
    ///
    /// # Errors
    /// It runs no longer.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Waits until it has ended, and says how: 0 where all was well.
    ///
    /// # Errors
    /// It does not end.
    pub fn ended(&self) -> Result<i32> {
        wait::until("porthole webhook to end", LIMIT, || Ok(self.process.ended()))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.guardian.end();
        self.process.reap();
    }
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<(u16, String)> {
    let body = answer.body_mut().read_to_string().doing("read an answer")?;
    Ok((answer.status().as_u16(), body))
}
