//! Programs that an image is known not to have.

use porthole_manifest::Node;

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::{WindowsContainer, WindowsPod};

rules! { Node:
    /// The program of `command` is not in the image, as far as its name tells: Nano Server has no `powershell.exe`, neither
    /// Windows Server nor its base images have `pwsh.exe`, and none has a shell of Linux. A HostProcess container also finds
    /// the programs of the host.
    COMMAND_NOT_IN_IMAGE = "command-not-in-image";
}

/// Base images whose contents are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    NanoServer,
    /// Server Core, and the whole Windows Server.
    Server,
    /// The empty one of HostProcess containers, and the pause image.
    Empty,
}

pub(super) fn check(pod: &WindowsPod<'_>, container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    let node = container.node();
    let image = node.field("image").and_then(Node::as_str);
    let (Some(image), Some(first)) = (image, node.child("command").items().next()) else {
        return;
    };
    let (Some(base), Some(command)) = (base(image), first.as_str()) else {
        return;
    };
    let host_process = container.options.is_host_process();
    let program = program(command);
    let missing = match program.as_str() {
        "powershell" => base == Base::NanoServer && !host_process,
        "pwsh" | "bash" | "sh" | "ash" | "zsh" => true,
        _ => false,
    };
    if !missing {
        return;
    }
    let where_else = if host_process { " and Windows Server" } else { "" };
    let verb = if host_process { "have" } else { "has" };
    let help = match program.as_str() {
        "pwsh" if host_process || base == Base::Server => {
            "use powershell.exe, or an image that brings PowerShell 7"
        }
        "pwsh" | "powershell" => "use cmd.exe, or an image that brings PowerShell",
        _ => "use cmd.exe or powershell.exe, or an image that brings the program",
    };
    findings.push(
        Finding::remark(
            &COMMAND_NOT_IN_IMAGE,
            Severity::Warning,
            format!("{}.command[0]", container.path()),
            format!("`{image}`{where_else} {verb} no `{program}.exe`"),
            first.span(),
        )
        .with_related(
            node.field("image").map_or(pod.meant.span, Node::span),
            "this is the image",
        )
        .with_help(help),
    );
}

/// The base image that a reference names, where it names one by its own name and nothing that is built on it.
fn base(image: &str) -> Option<Base> {
    let name = image.split('@').next()?;
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    };
    let path = repository.split_once('/').filter(|(host, _)| host.contains('.'));
    let path = path.map_or(repository, |(_, path)| path);
    // Images of Server Core that bring something more have a path of their own below it.
    match path {
        "windows/nanoserver" | "microsoft/nanoserver" => Some(Base::NanoServer),
        "windows/servercore" | "windows/server" | "windows" | "microsoft/windowsservercore" => {
            Some(Base::Server)
        }
        "oss/kubernetes/windows-host-process-containers-base-image" => Some(Base::Empty),
        "oss/kubernetes/pause" if tag.contains("windows") => Some(Base::Empty),
        _ => None,
    }
}

/// The name of the program, without its directory and `.exe`.
fn program(command: &str) -> String {
    let name = command
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(command)
        .to_ascii_lowercase();
    name.strip_suffix(".exe").map_or(name.clone(), str::to_owned)
}
