//! Probes and `lifecycle`, with the API server's defaults and in its words.

use std::time::Duration;

use porthole_manifest::Node;

use super::handler::{self, For, GRPC, Ports};
use super::pod::LONGEST_GRACE;
use super::reader::{Reader, Table, Treatment};
use crate::Signal;
use crate::conduct::{Hooks, Probe, Probes};
use Treatment::{Read, Refuse};

const PROBE: &Table = &[
    ("exec", Read),
    ("failureThreshold", Read),
    ("grpc", GRPC),
    ("httpGet", Read),
    ("initialDelaySeconds", Read),
    ("periodSeconds", Read),
    (
        "sleep",
        Refuse("a probe has no pause of its own; set initialDelaySeconds"),
    ),
    ("successThreshold", Read),
    ("tcpSocket", Read),
    ("terminationGracePeriodSeconds", Read),
    ("timeoutSeconds", Read),
];

const LIFECYCLE: &Table = &[("postStart", Read), ("preStop", Read), ("stopSignal", Read)];
const HOOK: &Table = &[
    ("exec", Read),
    ("grpc", GRPC),
    ("httpGet", Read),
    ("sleep", Read),
    ("tcpSocket", Read),
];

/// A container's probes.
pub(super) fn probes(reader: &mut Reader, node: Node<'_>, path: &str) -> Probes {
    let ports = Ports::of(node);
    let mut read = |key: &str| {
        let probe = node.field(key).filter(|probe| !probe.is_null())?;
        self::probe(reader, probe, &format!("{path}.{key}"), key, &ports)
    };
    Probes {
        liveness: read("livenessProbe"),
        readiness: read("readinessProbe"),
        startup: read("startupProbe"),
    }
}

fn probe(reader: &mut Reader, node: Node<'_>, path: &str, key: &str, ports: &Ports<'_>) -> Option<Probe> {
    reader.fields(node, path, PROBE);
    if !node.is_mapping() {
        return None;
    }
    let handler = handler::read(reader, node, path, ports, For::Probe);
    let mut number = |key: &str, unset: u32| match int32(reader, node, path, key) {
        // Zero is how Go spells that nothing is set.
        None | Some(0) => unset,
        Some(number) => number,
    };
    let initial_delay = number("initialDelaySeconds", 0);
    let timeout = number("timeoutSeconds", 1);
    let period = number("periodSeconds", 10);
    let success_threshold = number("successThreshold", 1);
    let failure_threshold = number("failureThreshold", 3);
    if key != "readinessProbe" && success_threshold != 1 {
        let span = node.field("successThreshold").unwrap_or(node).span();
        let reason = format!("Invalid value: {success_threshold}: must be 1");
        reader.refuse(format!("{path}.successThreshold"), span, reason);
    }
    let grace = grace(reader, node, path, key == "readinessProbe");
    Some(Probe {
        handler: handler?,
        initial_delay: seconds(initial_delay),
        timeout: seconds(timeout),
        period: seconds(period),
        success_threshold,
        failure_threshold,
        grace,
    })
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// A whole number of 32 bits, not negative.
pub(super) fn int32(reader: &mut Reader, node: Node<'_>, path: &str, key: &str) -> Option<u32> {
    let value = node.field(key).filter(|value| !value.is_null())?;
    let field = format!("{path}.{key}");
    match value.as_i64() {
        None => reader.refuse(field, value.span(), "must be a whole number"),
        Some(number) if number < 0 => {
            let reason = format!("Invalid value: {number}: must be greater than or equal to 0");
            reader.refuse(field, value.span(), reason);
        }
        Some(number) => match i32::try_from(number)
            .ok()
            .and_then(|number| u32::try_from(number).ok())
        {
            Some(number) => return Some(number),
            None => reader.refuse(field, value.span(), format!("{number} is more than {}", i32::MAX)),
        },
    }
    None
}

fn grace(reader: &mut Reader, node: Node<'_>, path: &str, readiness: bool) -> Option<Duration> {
    const KEY: &str = "terminationGracePeriodSeconds";
    let value = node.field(KEY).filter(|value| !value.is_null())?;
    let field = format!("{path}.{KEY}");
    let Some(number) = value.as_i64() else {
        reader.refuse(field, value.span(), "must be a whole number");
        return None;
    };
    if readiness {
        let reason = format!("Invalid value: {number}: must not be set for readinessProbes");
        reader.refuse(field, value.span(), reason);
        return None;
    }
    match u64::try_from(number) {
        Ok(number) if number > 0 => Some(Duration::from_secs(number.min(LONGEST_GRACE))),
        _ => {
            let reason = format!("Invalid value: {number}: must be greater than 0");
            reader.refuse(field, value.span(), reason);
            None
        }
    }
}

/// A container's hooks, and the signal that asks it to stop where it names one.
pub(super) fn lifecycle(
    reader: &mut Reader,
    node: Node<'_>,
    path: &str,
    grace: Duration,
) -> (Hooks, Option<Signal>) {
    let Some(lifecycle) = node.field("lifecycle").filter(|lifecycle| !lifecycle.is_null()) else {
        return (Hooks::default(), None);
    };
    let path = format!("{path}.lifecycle");
    reader.fields(lifecycle, &path, LIFECYCLE);
    let ports = Ports::of(node);
    let mut hook = |key: &str| {
        let hook = lifecycle.field(key).filter(|hook| !hook.is_null())?;
        let path = format!("{path}.{key}");
        reader.fields(hook, &path, HOOK);
        handler::read(reader, hook, &path, &ports, For::Hook(grace))
    };
    let hooks = Hooks {
        post_start: hook("postStart"),
        pre_stop: hook("preStop"),
    };
    (hooks, stop_signal(reader, lifecycle, &path))
}

fn stop_signal(reader: &mut Reader, lifecycle: Node<'_>, path: &str) -> Option<Signal> {
    let name = reader.string(lifecycle, path, "stopSignal")?;
    Some(match name.value.as_str() {
        "" => return None,
        "SIGTERM" => Signal::Term,
        "SIGINT" => Signal::Int,
        "SIGHUP" => Signal::Hup,
        "SIGKILL" => Signal::Kill,
        other => {
            let reason = format!("{other:?} is not supported by this version of porthole");
            let help = "use SIGTERM, SIGINT, SIGHUP or SIGKILL: Windows has an event for each of them";
            reader.refuse_with_help(format!("{path}.stopSignal"), name.span, reason, help);
            return None;
        }
    })
}
