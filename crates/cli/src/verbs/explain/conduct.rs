//! How a container is looked after, in a few words each: its probes, its hooks, how it is stopped.

use std::fmt::Write as _;

use porthole_manifest::Node;
use porthole_runtime::Signal;
use porthole_runtime::conduct::{Handler, Probe};
use porthole_runtime::spec::ContainerSpec;
use serde::Serialize;

use super::pod::Decided;
use crate::manifests::Workload;

/// One thing of how a container is looked after.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// `livenessProbe`, `preStop`, ….
    pub(super) what: &'static str,
    /// For people.
    pub(super) text: String,
}

/// What a container's fields say, with the defaults.
pub(super) fn of(workload: &Workload<'_>, node: Node<'_>, spec: &ContainerSpec) -> Vec<Decided<Told>> {
    let mut all = Vec::new();
    let mut tell = |field: &str, what, text: Option<String>| {
        if let (Some(text), Some(written)) = (text, node.at(field)) {
            all.push(Decided {
                value: Told { what, text },
                place: Some(workload.place(written.span())),
                field: Some(format!("{}.{field}", spec.path)),
            });
        }
    };
    let sidecar = spec
        .sidecar
        .then(|| "sidecar: runs beside the containers".to_owned());
    tell("restartPolicy", "restartPolicy", sidecar);
    let probes = &spec.probes;
    tell("startupProbe", "startupProbe", probes.startup.as_ref().map(probe));
    tell(
        "readinessProbe",
        "readinessProbe",
        probes.readiness.as_ref().map(probe),
    );
    tell(
        "livenessProbe",
        "livenessProbe",
        probes.liveness.as_ref().map(probe),
    );
    let hooks = &spec.hooks;
    tell(
        "lifecycle.postStart",
        "postStart",
        hooks.post_start.as_ref().map(handler),
    );
    tell(
        "lifecycle.preStop",
        "preStop",
        hooks.pre_stop.as_ref().map(handler),
    );
    let signal = spec.stop_signal.map(|signal| match signal {
        Signal::Term => "SIGTERM",
        Signal::Int => "SIGINT",
        Signal::Hup => "SIGHUP",
        Signal::Kill => "SIGKILL",
    });
    tell("lifecycle.stopSignal", "stopSignal", signal.map(str::to_owned));
    let message = spec.termination_path.as_ref().map(|path| path.value.clone());
    tell("terminationMessagePath", "message", message);
    all
}

fn probe(probe: &Probe) -> String {
    let mut text = format!(
        "{}, every {} s, {} s each, {} failures",
        handler(&probe.handler),
        probe.period.as_secs(),
        probe.timeout.as_secs(),
        probe.failure_threshold
    );
    if !probe.initial_delay.is_zero() {
        let _ = write!(text, ", after {} s", probe.initial_delay.as_secs());
    }
    text
}

fn handler(handler: &Handler) -> String {
    match handler {
        Handler::Exec(command) => format!("exec {}", command.join(" ")),
        Handler::HttpGet(get) => {
            let scheme = if get.secure { "https" } else { "http" };
            let host = get.host.as_deref().unwrap_or("POD");
            format!("GET {scheme}://{host}:{}{}", get.port, get.path)
        }
        Handler::TcpSocket { host, port } => {
            format!("connect to {}:{port}", host.as_deref().unwrap_or("POD"))
        }
        Handler::Sleep(pause) => format!("wait {} s", pause.as_secs()),
    }
}
