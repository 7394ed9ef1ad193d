//! One kube-apiserver with its etcd, on this machine alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::isolation::{Entrance, Isolation, KUBERNETES};
use super::process::Process;
use super::settings::Settings;
use super::{place, programs};
use crate::bench;
use crate::failure::{Doing, Failure, Result};
use crate::guardian::Guardian;
use crate::wait;

/// It takes four seconds on an idle machine.
const READY: Duration = Duration::from_mins(3);
/// How often another program may be faster to take a port that was free.
const ATTEMPTS: u32 = 3;
const LOOPBACK: &str = "127.0.0.1";
/// The port of the Service `kubernetes`.
const SERVICE_PORT: u16 = 443;
/// The user that may do everything.
const ADMINISTRATOR: &str = "admin";

/// An API server in progress, its etcd and its files. All of it ends when this is dropped, and when this program ends.
#[derive(Debug)]
pub struct ApiServer {
    processes: Vec<Process>,
    /// Those that were stopped before the end, and its controllers.
    others: Vec<Process>,
    settings: Settings,
    /// The ports of the server and of etcd.
    ports: (u16, u16),
    guardian: Guardian,
    directory: PathBuf,
    address: String,
    /// Name and token.
    tokens: Vec<(String, String)>,
    /// Into the namespaces that it is in.
    entrance: Option<Entrance>,
}

impl ApiServer {
    /// Starts one and waits until it answers and has its namespace `default`.
    ///
    /// # Errors
    /// A program is missing, or does not become ready.
    pub fn start(settings: &Settings) -> Result<Self> {
        Self::start_by(settings, None)
    }

    /// The same, in namespaces.
    pub(super) fn start_by(settings: &Settings, isolation: Option<&Isolation>) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::attempt(settings, isolation) {
                Err(failure)
                    if attempt < ATTEMPTS && failure.to_string().contains("address already in use") =>
                {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn attempt(settings: &Settings, isolation: Option<&Isolation>) -> Result<Self> {
        let directory = place::directory("kubernetes")?;
        let mut guardian = Guardian::new()?;
        guardian.remove_at_the_end(&directory)?;
        let [free, client, peer] = place::ports()?;
        // In namespaces of its own it is where the Service `kubernetes` says.
        let (host, secure) = match isolation {
            Some(_) => (KUBERNETES, SERVICE_PORT),
            None => (LOOPBACK, free),
        };
        let mut server = Self {
            processes: Vec::new(),
            others: Vec::new(),
            settings: settings.clone(),
            ports: (secure, client),
            guardian,
            address: format!("https://{host}:{secure}"),
            tokens: tokens(settings)?,
            directory,
            entrance: isolation.map(Isolation::entrance),
        };
        server.prepare()?;
        server.start_etcd(peer)?;
        server.start_api_server()?;
        server.wait()?;
        Ok(server)
    }

    /// Where the key is that service accounts' tokens are signed with.
    fn key(&self) -> PathBuf {
        self.directory.join("service-accounts.key")
    }

    /// Where the users' tokens are.
    fn users(&self) -> PathBuf {
        self.directory.join("tokens.csv")
    }

    /// Makes what the server is the same server with when it is started again.
    fn prepare(&self) -> Result<()> {
        bench::finish(
            Command::new("openssl")
                .args([
                    "genpkey",
                    "-quiet",
                    "-algorithm",
                    "RSA",
                    "-pkeyopt",
                    "rsa_keygen_bits:2048",
                    "-out",
                ])
                .arg(self.key()),
        )?;
        write(&self.users(), &self.token_file())
    }

    fn start_etcd(&mut self, peer: u16) -> Result<()> {
        let (_, client) = self.ports;
        let mut etcd = self.program(&programs::etcd());
        etcd.arg("--data-dir")
            .arg(self.directory.join("etcd"))
            // Nothing here outlives the test.
            .arg("--unsafe-no-fsync")
            .arg(format!("--listen-client-urls=http://127.0.0.1:{client}"))
            .arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"))
            .arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"))
            .arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"))
            .arg(format!("--initial-cluster=default=http://127.0.0.1:{peer}"));
        self.run("etcd", &mut etcd)
    }

    fn start_api_server(&mut self) -> Result<()> {
        let (settings, (secure, etcd)) = (&self.settings, self.ports);
        let key = self.key();
        let bind = if self.entrance.is_some() {
            "0.0.0.0"
        } else {
            LOOPBACK
        };
        let mut server = self.program(&programs::find("kube-apiserver", &settings.version)?);
        server
            .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
            .arg(format!("--secure-port={secure}"))
            .arg(format!("--bind-address={bind}"))
            .arg("--cert-dir")
            .arg(self.directory.join("certificates"))
            .arg("--service-account-key-file")
            .arg(&key)
            .arg("--service-account-signing-key-file")
            .arg(&key)
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg("--token-auth-file")
            .arg(self.users())
            .arg("--authorization-mode=Node,RBAC")
            .arg(format!("--allow-privileged={}", settings.allow_privileged))
            .arg("--service-cluster-ip-range=10.0.0.0/24");
        if !settings.service_accounts {
            server.arg("--disable-admission-plugins=ServiceAccount");
        }
        if !settings.feature_gates.is_empty() {
            let gates = settings.feature_gates.iter();
            let gates: Vec<String> = gates.map(|(name, on)| format!("{name}={on}")).collect();
            server.arg(format!("--feature-gates={}", gates.join(",")));
        }
        server.args(&settings.arguments);
        self.run("kube-apiserver", &mut server)
    }

    fn program(&self, path: &Path) -> Command {
        match self.entrance {
            Some(entrance) => entrance.command(path),
            None => Command::new(path),
        }
    }

    fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let process = Process::start(name, command, &self.directory, &mut self.guardian)?;
        self.processes.push(process);
        Ok(())
    }

    /// Starts the cluster's own signers beside it: they sign what is approved with this authority, for at most so long. They end with
    /// the server.
    ///
    /// # Errors
    /// There is no kube-controller-manager, or it does not start.
    pub fn start_signers(&mut self, certificate: &Path, key: &Path, longest: &str) -> Result<()> {
        let names = ["certificatesigningrequest-signing-controller"];
        self.start_manager(&names, |manager| {
            manager
                .arg("--cluster-signing-cert-file")
                .arg(certificate)
                .arg("--cluster-signing-key-file")
                .arg(key)
                .arg(format!("--cluster-signing-duration={longest}"));
        })
    }

    /// The lines that `--token-auth-file` takes: token, name, number, groups.
    fn token_file(&self) -> String {
        let groups = std::iter::once(vec!["system:masters".to_owned()])
            .chain(self.settings.users.iter().map(|(_, groups)| groups.clone()));
        let mut lines = String::new();
        for ((name, token), groups) in self.tokens.iter().zip(groups) {
            let _ = writeln!(lines, "{token},{name},{name},\"{}\"", groups.join(","));
        }
        lines
    }

    fn wait(&self) -> Result<()> {
        // The server makes its certificate when it starts; the file is complete once it answers.
        write(&self.kubeconfig(), &self.kubeconfig_of(self.token(), None))?;
        let mut answer = String::new();
        wait::until("kube-apiserver to be ready", READY, || {
            self.check()?;
            for path in ["/readyz", "/api/v1/namespaces/default"] {
                let output = self
                    .kubectl(&["get", "--raw", path])
                    .stdin(Stdio::null())
                    .output()
                    .doing("run `kubectl`")?;
                if !output.status.success() {
                    answer = String::from_utf8_lossy(&output.stderr).into_owned();
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .map_err(|failure| {
            let said: Vec<String> = self.processes.iter().map(Process::tail).collect();
            Failure::new(failure.to_string(), format!("{answer}\n{}", said.join("\n")))
        })
    }

    /// Fails when one of its programs has ended, with what that said last.
    ///
    /// # Errors
    /// One has ended.
    pub fn check(&self) -> Result<()> {
        self.processes.iter().try_for_each(Process::check)
    }

    /// Kills the server; its etcd keeps what it has.
    ///
    /// # Errors
    /// It runs no longer.
    pub fn stop(&mut self) -> Result<()> {
        let what = "stop kube-apiserver";
        let mut server = self
            .processes
            .pop()
            .ok_or_else(|| Failure::new(what, "it does not run"))?;
        server.kill()?;
        let port = self.ports.0;
        self.others.push(server);
        wait::until("kube-apiserver to be gone", READY, || {
            Ok(std::net::TcpStream::connect(("127.0.0.1", port))
                .is_err()
                .then_some(()))
        })
    }

    /// Starts the server again that was stopped, where it was, and waits until it answers.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.start_api_server()?;
        self.wait()
    }

    /// Starts controllers beside it, by their names as `kube-controller-manager` takes them. They end with the server.
    ///
    /// # Errors
    /// The program is missing.
    pub fn start_controllers(&mut self, names: &[&str]) -> Result<()> {
        self.start_manager(names, |_| {})
    }

    /// A kube-controller-manager of the server's version, with further arguments. Nobody asks it anything, so it listens nowhere.
    fn start_manager(&mut self, names: &[&str], add: impl FnOnce(&mut Command)) -> Result<()> {
        let path = programs::find("kube-controller-manager", &self.settings.version)?;
        let mut manager = self.program(&path);
        manager
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg(format!("--controllers={}", names.join(",")))
            .args([
                "--leader-elect=false",
                "--use-service-account-credentials=false",
                "--secure-port=0",
            ]);
        add(&mut manager);
        let process = Process::start(
            "kube-controller-manager",
            &mut manager,
            &self.directory,
            &mut self.guardian,
        )?;
        self.others.push(process);
        Ok(())
    }

    /// Where it answers: `https://ADDRESS:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The token of the administrator.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.tokens[0].1
    }

    /// The token of a user of the [`Settings`].
    #[must_use]
    pub fn token_of(&self, user: &str) -> Option<&str> {
        let mut tokens = self.tokens.iter();
        tokens
            .find(|(name, _)| name == user)
            .map(|(_, token)| token.as_str())
    }

    /// The certificates that its own is verified with, as PEM.
    #[must_use]
    pub fn certificates(&self) -> PathBuf {
        self.directory.join("certificates").join("apiserver.crt")
    }

    /// What clients take: its address, its certificates and the administrator's token.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// The directory of its files. It is removed at the end.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// kubectl as the administrator, with these arguments. It keeps what it caches beside the server's files.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        // Without it the command fails to start, and says which one.
        let kubectl = programs::find("kubectl", programs::NEWEST).unwrap_or_else(|_| "kubectl".into());
        let mut command = self.program(&kubectl);
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .arg("--cache-dir")
            .arg(self.directory.join("kubectl-cache"))
            .args(arguments);
        command
    }

    /// The text of a kubeconfig for whoever has this token, with the namespace of whoever names none.
    #[must_use]
    pub fn kubeconfig_of(&self, token: &str, namespace: Option<&str>) -> String {
        let namespace = namespace.map_or_else(String::new, |name| format!(r#", "namespace": "{name}""#));
        // JSON is YAML.
        format!(
            r#"{{
  "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
  "clusters": [{{"name": "testbed", "cluster": {{"server": "{}", "certificate-authority": "{}"}}}}],
  "users": [{{"name": "user", "user": {{"token": "{token}"}}}}],
  "contexts": [{{"name": "testbed", "context": {{"cluster": "testbed", "user": "user"{namespace}}}}}]
}}
"#,
            self.address,
            self.certificates().display(),
        )
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.guardian.end();
        for process in self.processes.iter_mut().chain(&mut self.others) {
            process.reap();
        }
    }
}

fn tokens(settings: &Settings) -> Result<Vec<(String, String)>> {
    let names = std::iter::once(ADMINISTRATOR).chain(settings.users.iter().map(|(name, _)| name.as_str()));
    names
        .map(|name| Ok((name.to_owned(), place::secret()?)))
        .collect()
}

/// Writes a file into the directory, which only this user can read.
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).doing(format!("write `{}`", path.display()))
}
