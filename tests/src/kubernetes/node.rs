//! A cluster of one node: an API server, a containerd, a kubelet and controllers, in namespaces of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::image;
use super::isolation::{self, ADDRESS, Isolation};
use super::network::Network;
use super::process::Process;
use super::{ApiServer, Settings, place, programs};
use crate::bench;
use crate::failure::{Doing, Failure, Result};
use crate::guardian::Guardian;
use crate::wait;

/// The name of the node: what a pod says in `spec.nodeName`, as there is no scheduler.
pub const NODE: &str = "node";

/// It takes ten seconds on an idle machine.
const READY: Duration = Duration::from_mins(3);

/// A cluster in progress. All of it ends when this is dropped, and when this program ends.
#[derive(Debug)]
pub struct Node {
    // Ended in this order: who asks before who is asked.
    processes: Vec<Process>,
    server: ApiServer,
    isolation: Isolation,
    guardian: Guardian,
    directory: PathBuf,
}

impl Node {
    /// Starts one of the newest version, and waits until its node is ready. Its pods are on the node's network and name the node
    /// themselves; the only controller is that of Jobs.
    ///
    /// # Errors
    /// This user is not root, a program is missing, or something does not become ready.
    pub fn start() -> Result<Self> {
        Self::with(Network::Host)
    }

    /// The same as most clusters are: pods have addresses of their own, a scheduler finds their node, and Deployments and Services
    /// are looked after. Nothing leads to the address of a Service but `kubernetes`: the API server asks the pods behind it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_deployments() -> Result<Self> {
        Self::with(Network::OfPods)
    }

    fn with(network: Network) -> Result<Self> {
        let directory = place::directory("node")?;
        let mut guardian = Guardian::new()?;
        guardian.remove_at_the_end(&directory)?;
        let name = directory
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        isolation::cgroups(&name, &mut guardian)?;
        // Files that both sides see are beside the file system that only the node sees.
        let own = directory.join("own");
        fs::create_dir(&own).doing(format!("make `{}`", own.display()))?;
        let isolation = Isolation::new(&own, &mut guardian)?;
        let settings = Settings::default()
            .argument(format!("--advertise-address={ADDRESS}"))
            .argument("--kubelet-preferred-address-types=InternalIP");
        let settings = network.settings(settings);
        let server = ApiServer::start_by(&settings, Some(&isolation))?;
        let mut node = Self {
            processes: Vec::new(),
            server,
            isolation,
            guardian,
            directory,
        };
        node.start_containerd(network)?;
        node.start_kubelet(&name)?;
        node.start_controllers(network)?;
        node.wait()?;
        Ok(node)
    }

    /// kubectl as the administrator, with these arguments.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        self.server.kubectl(arguments)
    }

    /// Fails when one of its programs has ended, with what that said last.
    ///
    /// # Errors
    /// One has ended.
    pub fn check(&self) -> Result<()> {
        self.processes.iter().try_for_each(Process::check)?;
        self.server.check()
    }

    /// What is kept for the node alone: seen from its own programs.
    fn own(&self, name: &str) -> PathBuf {
        self.directory.join("own").join(name)
    }

    fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let process = Process::start(name, command, &self.directory, &mut self.guardian)?;
        self.processes.push(process);
        Ok(())
    }

    fn start_containerd(&mut self, of_pods: Network) -> Result<()> {
        let network = self.directory.join("network");
        fs::create_dir(&network).doing("make a directory for the network's configuration")?;
        self.write("network/10-pods.conflist", of_pods.configuration())?;
        let config = format!(
            "version = 2\nroot = '{root}'\nstate = '{state}'\n[grpc]\naddress = '{socket}'\n\
             [plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = '{sandbox}'\nrestrict_oom_score_adj = true\n\
             disable_apparmor = true\n[plugins.\"io.containerd.grpc.v1.cri\".cni]\nbin_dir = \"/usr/lib/cni\"\n\
             conf_dir = '{network}'\n",
            root = self.own("containerd").display(),
            state = self.own("containerd-state").display(),
            socket = self.socket().display(),
            sandbox = image::SANDBOX,
            network = network.display(),
        );
        self.write("containerd.toml", &config)?;
        let mut containerd = self.isolation.command(Path::new("containerd"));
        containerd
            .arg("--config")
            .arg(self.directory.join("containerd.toml"));
        self.run("containerd", &mut containerd)?;
        wait::until("containerd to answer", READY, || {
            self.processes.iter().try_for_each(Process::check)?;
            let mut version = self.ctr(&["version"]);
            let answered = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
            Ok(answered.is_ok_and(|status| status.success()).then_some(()))
        })?;
        image::archive(&self.directory)?;
        self.import(&self.directory.join("images.tar"))
    }

    /// Gives the node the images of an archive.
    ///
    /// # Errors
    /// It holds none.
    pub fn import(&self, archive: &Path) -> Result<()> {
        let mut import = self.ctr(&["--namespace", "k8s.io", "images", "import"]);
        bench::finish(import.arg(archive)).map(drop)
    }

    fn socket(&self) -> PathBuf {
        self.own("containerd.sock")
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut ctr = self.isolation.command(Path::new("ctr"));
        ctr.arg("--address").arg(self.socket()).args(arguments);
        ctr
    }

    fn start_kubelet(&mut self, cgroup: &str) -> Result<()> {
        let config = format!(
            r#"{{
  "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
  "address": "{ADDRESS}", "containerRuntimeEndpoint": "unix://{socket}",
  "authentication": {{"anonymous": {{"enabled": true}}, "webhook": {{"enabled": false}}}},
  "authorization": {{"mode": "AlwaysAllow"}},
  "cgroupDriver": "cgroupfs", "cgroupRoot": "/{cgroup}", "failCgroupV1": false, "failSwapOn": false,
  "runtimeRequestTimeout": "10m", "enforceNodeAllocatable": [], "podLogsDir": "{logs}", "volumePluginDir": "{plugins}",
  "evictionHard": {{"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"}},
  "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99
}}
"#,
            socket = self.socket().display(),
            logs = self.own("pod-logs").display(),
            plugins = self.own("volume-plugins").display(),
        );
        self.write("kubelet.json", &config)?;
        let mut kubelet = self
            .isolation
            .command(&programs::find("kubelet", programs::NEWEST)?);
        kubelet
            .arg("--config")
            .arg(self.directory.join("kubelet.json"))
            .arg(format!("--hostname-override={NODE}"))
            .arg(format!("--node-ip={ADDRESS}"))
            .arg("--root-dir")
            .arg(self.own("kubelet"))
            .arg("--cert-dir")
            .arg(self.own("kubelet-certificates"))
            .arg("--kubeconfig")
            .arg(self.server.kubeconfig());
        self.run("kubelet", &mut kubelet)
    }

    fn start_controllers(&mut self, network: Network) -> Result<()> {
        let mut controllers = self.with_kubeconfig("kube-controller-manager")?;
        controllers
            .arg(format!("--controllers={}", network.controllers().join(",")))
            .arg("--root-ca-file")
            .arg(self.server.certificates())
            .arg("--use-service-account-credentials=false");
        self.run("kube-controller-manager", &mut controllers)?;
        if network == Network::OfPods {
            let mut scheduler = self.with_kubeconfig("kube-scheduler")?;
            self.run("kube-scheduler", &mut scheduler)?;
        }
        Ok(())
    }

    /// A program that asks the API server, and is asked nothing.
    fn with_kubeconfig(&self, name: &str) -> Result<Command> {
        let mut command = self.command(&programs::find(name, programs::NEWEST)?);
        command
            .arg("--kubeconfig")
            .arg(self.server.kubeconfig())
            .args(["--leader-elect=false", "--secure-port=0"]);
        Ok(command)
    }

    /// A program on the node.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        self.isolation.command(program)
    }

    /// What clients on the node take.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.server.kubeconfig()
    }

    fn wait(&self) -> Result<()> {
        let ready = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
        wait::until("the node to be ready", READY, || {
            self.check()?;
            let output = self
                .kubectl(&["get", "node", NODE, "-o", ready])
                .stdin(Stdio::null())
                .output()
                .doing("run `kubectl`")?;
            Ok((output.stdout == b"True").then_some(()))
        })
        .map_err(|failure| Failure::new(failure.to_string(), self.said()))
    }

    /// What its programs said last.
    #[must_use]
    pub fn said(&self) -> String {
        let said: Vec<String> = self.processes.iter().map(Process::tail).collect();
        said.join("\n")
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, text).doing(format!("write `{}`", path.display()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.guardian.end();
        for process in &mut self.processes {
            process.reap();
        }
        self.isolation.reap();
    }
}
