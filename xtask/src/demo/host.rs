//! The two machines that the demo runs on: this one, and Windows as Wine gives it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{self, Target};
use porthole_tests::traces::Traces;
use porthole_tests::wine::Prefix;

use crate::command::{self, Doing, Failure, Result, command};
use crate::{debian, place};

/// The base image of the tutorial's Dockerfile.
const BASE: &str = "mcr.microsoft.com/windows/nanoserver:1809";

/// Where the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// On this machine.
    Linux,
    /// Under Wine.
    Wine,
}

/// Everything of the demo that depends on where it runs.
pub(crate) struct Machine {
    /// Present under Wine.
    prefix: Option<Prefix>,
    manifest: &'static str,
    image: &'static str,
    platform: &'static str,
    /// The program that runs the pod.
    porthole: PathBuf,
    /// Where the demo keeps what it makes.
    work: PathBuf,
    host_file: PathBuf,
}

impl Host {
    /// Builds, and makes the directories that the pod expects.
    pub(super) fn prepare(self) -> Result<Machine> {
        let machine = match self {
            Self::Linux => linux()?,
            Self::Wine => windows()?,
        };
        let dir = machine.host_file.parent().unwrap_or(&machine.host_file);
        std::fs::create_dir_all(dir).doing(format!("make `{}`", dir.display()))?;
        Ok(machine)
    }
}

fn linux() -> Result<Machine> {
    if !command::is_root() {
        return Err(Failure::new(
            "run a HostProcess pod",
            "a private mount namespace needs root; try `sudo -E env PATH=$PATH cargo xtask demo`",
        ));
    }
    let work = place::fresh("demo")?;
    Target::Host.stage("hostfile", &work.join("builder/usr/local/app/app"))?;
    Ok(Machine {
        prefix: None,
        manifest: "examples/hostprocesspod-linux.yaml",
        image: "windowspodfilemount:v1.0.0",
        platform: "linux/amd64",
        porthole: Target::Host.program("porthole")?,
        work,
        host_file: PathBuf::from("/run/porthole-demo/hostfile.txt"),
    })
}

fn windows() -> Result<Machine> {
    let prefix = wine()?;
    let target = cargo::windows()?;
    target.build()?;
    let work = place::fresh("demo-windows")?;
    target.stage("hostfile", &work.join("builder/usr/local/app/app.exe"))?;
    Ok(Machine {
        manifest: "examples/seeds/tutorial/hostprocesspod.yaml",
        image: "coolstercodes.azurecr.io/windowspodfilemount:v1.0.0",
        platform: "windows/amd64",
        porthole: target.program("porthole")?,
        work,
        host_file: prefix.drive_c("users/azureuser/hostfile.txt"),
        prefix: Some(prefix),
    })
}

/// The Wine prefix of the tests, with what it takes.
pub(crate) fn wine() -> Result<Prefix> {
    debian::install(debian::WINDOWS)?;
    Prefix::ready()
}

impl Machine {
    /// The host's file, by its path on this machine.
    pub(super) fn host_file(&self) -> &Path {
        &self.host_file
    }

    /// What there is of porthole and of the demo's pod on this machine.
    pub(super) fn traces(&self) -> Result<Traces> {
        // The file's name alone: its directory is spelt in another way under Wine.
        Traces::read(&self.state(), "hostfile.txt")
    }

    fn state(&self) -> PathBuf {
        self.work.join("state")
    }

    /// The command that builds the image: this machine's porthole, for either system.
    pub(super) fn image_build(&self) -> Result<Command> {
        let mut build = command(
            place::short(&Target::Host.program("porthole")?),
            ["image", "build"],
        );
        build
            .current_dir(place::root())
            .args(["--platform", self.platform, "--tag", self.image]);
        build.args(["--stage", &stands_for("builder", &self.work.join("builder"))]);
        if self.prefix.is_some() {
            // The tutorial's own Dockerfile: of its base image, which is Windows, a host process needs nothing.
            build.args(["--stage", &stands_for(BASE, &made(self.work.join("nothing"))?)]);
            build.args(["--file", "examples/seeds/tutorial/Dockerfile", "--output"]);
            build.arg(place::short(&self.layout()));
        } else {
            build
                .arg("--state")
                .arg(place::short(&self.state()))
                .arg("examples/hostfile");
        }
        Ok(build)
    }

    /// Whether the demo also runs the pod in the background.
    pub(super) fn detaches(&self) -> bool {
        self.prefix.is_none()
    }

    /// `porthole VERB OPTIONS POD MORE`.
    pub(super) fn of_pod(&self, verb: &str, options: &[&str], more: &[&str]) -> Command {
        let mut porthole = self.plain(verb, options);
        porthole.arg("hostprocesspod").args(more);
        porthole
    }

    /// `porthole VERB` on the demo's manifest.
    pub(super) fn porthole(&self, verb: &str) -> Command {
        let mut porthole = self.plain(verb, &[]);
        if self.prefix.is_some() && verb == "run" {
            porthole.args([
                "--inherit-user",
                "--image",
                &stands_for(self.image, &self.layout()),
            ]);
        }
        porthole.arg(self.manifest);
        porthole
    }

    /// `porthole VERB OPTIONS` with the demo's state.
    pub(super) fn plain(&self, verb: &str, options: &[&str]) -> Command {
        let program = place::short(&self.porthole);
        let mut porthole = match &self.prefix {
            None => command(program, [verb]),
            Some(prefix) => {
                let mut wine = command("wine", [program.as_os_str(), verb.as_ref()]);
                prefix.enter(&mut wine);
                wine
            }
        };
        porthole
            .current_dir(place::root())
            .arg("--state")
            .arg(place::short(&self.state()))
            .args(options);
        porthole
    }

    /// Removes what the demo made outside the target directory.
    pub(super) fn clean(&self) -> Result<()> {
        let dir = self.host_file.parent().unwrap_or(&self.host_file);
        std::fs::remove_dir_all(dir).doing(format!("remove `{}`", dir.display()))
    }

    fn layout(&self) -> PathBuf {
        self.work.join("image")
    }
}

/// `NAME=DIR`, as options of porthole say what stands for a name.
fn stands_for(name: &str, dir: &Path) -> String {
    format!("{name}={}", place::short(dir).display())
}

fn made(dir: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&dir).doing(format!("make `{}`", dir.display()))?;
    Ok(dir)
}
