//! Volumes of HostProcess containers.

use porthole_manifest::Node;

use super::host_process::is_pipe;
use super::setup::NodeSetup;
use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::{WindowsContainer, WindowsPod};

rules! { Node:
    /// A named pipe cannot be mounted into a HostProcess container: the container does not start. It is a process of the host
    /// and opens the pipe at its own path. Take the mount out.
    PIPE_IN_HOST_PROCESS = "pipe-in-host-process";
    /// Mounts of Unix domain sockets are not supported in HostProcess containers. The container is a process of the host and
    /// opens the socket at its path there. Take the mount out.
    SOCKET_IN_HOST_PROCESS = "socket-in-host-process";
    /// With containerd 1.6 a HostProcess container finds its volumes only below `%CONTAINER_SANDBOX_MOUNT_POINT%` (or from there
    /// by a relative path); an absolute `mountPath` is a path of the host. From 1.7 on both work.
    MOUNT_PATH_OF_HOST = "mount-path-of-host";
}

pub(super) fn check(pod: &WindowsPod<'_>, setup: &NodeSetup, findings: &mut Vec<Finding>) {
    for container in pod
        .containers
        .iter()
        .filter(|container| container.options.is_host_process())
    {
        let mounts = container.node().child("volumeMounts");
        for (index, mount) in mounts.items().enumerate() {
            let Some(host_path) = host_path(pod, mount) else {
                continue;
            };
            let Some(path) = host_path.field("path") else {
                continue;
            };
            let field = format!("{}.volumeMounts[{index}]", container.path());
            let place = mount.field("mountPath").unwrap_or(mount).span();
            if is_pipe(path) {
                findings.push(
                    Finding::remark(
                        &PIPE_IN_HOST_PROCESS,
                        Severity::Error,
                        format!("{field}.mountPath"),
                        "named pipe mounts not supported for job containers - interact with the pipe directly",
                        place,
                    )
                    .with_related(path.span(), "this is a pipe")
                    .with_help("take out the mount and the volume: the container opens the pipe of the host"),
                );
            } else if is_socket(host_path, path) {
                findings.push(
                    Finding::remark(
                        &SOCKET_IN_HOST_PROCESS,
                        Severity::Warning,
                        format!("{field}.mountPath"),
                        "a HostProcess container cannot have a Unix domain socket mounted",
                        place,
                    )
                    .with_related(path.span(), "this is a socket")
                    .with_help(
                        "take out the mount and the volume: the container opens the socket of the host",
                    ),
                );
            }
        }
        if setup.containerd.has_host_process() && !setup.containerd.binds_mounts() {
            paths_of_host(container, setup, findings);
        }
    }
}

fn host_path<'a>(pod: &WindowsPod<'a>, mount: Node<'a>) -> Option<Node<'a>> {
    let volume = pod.volume(mount.field("name")?.as_str()?)?;
    volume.field("hostPath")
}

fn is_socket(host_path: Node<'_>, path: Node<'_>) -> bool {
    match host_path.field("type").and_then(Node::as_str) {
        Some("Socket") => true,
        None | Some("") => path
            .as_str()
            .is_some_and(|path| path.to_ascii_lowercase().ends_with(".sock")),
        Some(_) => false,
    }
}

/// The places where a container uses a `mountPath` as it is.
fn paths_of_host(container: &WindowsContainer<'_>, setup: &NodeSetup, findings: &mut Vec<Finding>) {
    let node = container.node();
    let mounts: Vec<(Node<'_>, String)> = node
        .child("volumeMounts")
        .items()
        .filter_map(|mount| mount.field("mountPath"))
        .filter_map(|path| Some((path, normal(path.as_str()?)?)))
        .collect();
    let mut used = Vec::new();
    for list in ["command", "args"] {
        for (index, text) in node.child(list).items().enumerate() {
            used.push((format!("{list}[{index}]"), text));
        }
    }
    if let Some(directory) = node.field("workingDir") {
        used.push(("workingDir".to_owned(), directory));
    }
    for (index, variable) in node.child("env").items().enumerate() {
        if let Some(value) = variable.field("value") {
            used.push((format!("env[{index}].value"), value));
        }
    }
    for (field, value) in used {
        let Some(text) = value.as_str() else { continue };
        let text = text.replace('/', "\\").to_ascii_lowercase();
        let Some((mount, _)) = mounts.iter().find(|(_, path)| names(&text, path)) else {
            continue;
        };
        findings.push(
            Finding::remark(
                &MOUNT_PATH_OF_HOST,
                Severity::Warning,
                format!("{}.{field}", container.path()),
                format!(
                    "with containerd {} this is a path of the host, not of the volume",
                    setup.containerd
                ),
                value.span(),
            )
            .with_related(mount.span(), "the volume is mounted here")
            .with_help("write %CONTAINER_SANDBOX_MOUNT_POINT% before it, or update containerd to 1.7"),
        );
    }
}

/// A `mountPath` as it is compared: backslashes, lower case, no drive and no backslash at its end. Nothing of a path that
/// is too short to be told from other text.
fn normal(path: &str) -> Option<String> {
    let path = path.replace('/', "\\").to_ascii_lowercase();
    let path = path.strip_prefix("c:").unwrap_or(&path).trim_end_matches('\\');
    (path.starts_with('\\') && path.len() > 3).then(|| path.to_owned())
}

/// Whether `text` names `path` or something below it, from the root on.
fn names(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].strip_suffix("c:").unwrap_or(&text[..at]);
        let begins = before
            .chars()
            .next_back()
            .is_none_or(|c| matches!(c, ' ' | '=' | '"' | '\'' | ';' | ','));
        let ends = text[at + path.len()..]
            .chars()
            .next()
            .is_none_or(|c| matches!(c, '\\' | ' ' | '"' | '\'' | ';' | ','));
        begins && ends
    })
}
