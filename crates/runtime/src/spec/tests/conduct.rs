//! How containers are looked after: probes, hooks, policies, streams.

use super::*;
use crate::Signal;
use crate::conduct::{Handler, HttpGet, Probe, RestartPolicy};

fn container(lines: &str) -> ContainerSpec {
    let mut spec = read_spec(&format!("{CONTAINERS}{lines}")).unwrap();
    spec.containers.remove(0)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn get(port: u16) -> HttpGet {
    HttpGet {
        secure: false,
        host: None,
        port,
        path: "/".to_owned(),
        headers: Vec::new(),
    }
}

#[test]
fn probes_have_the_api_servers_defaults() {
    let container = container(
        "    ports: [{containerPort: 8080, name: web}, {containerPort: 9}]\n    livenessProbe: {httpGet: {port: web}}\n    \
         readinessProbe: {exec: {command: [a, b]}, periodSeconds: 0, timeoutSeconds: 0}\n    startupProbe: {tcpSocket: \
         {port: 1, host: '::1'}, initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 3, successThreshold: 1, \
         failureThreshold: 2147483647, terminationGracePeriodSeconds: 9000000000000000000}",
    );
    let by_default = |handler| Probe {
        handler,
        initial_delay: Duration::ZERO,
        timeout: seconds(1),
        period: seconds(10),
        success_threshold: 1,
        failure_threshold: 3,
        grace: None,
    };
    assert_eq!(
        container.probes.liveness,
        Some(by_default(Handler::HttpGet(get(8080))))
    );
    let exec = Handler::Exec(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(container.probes.readiness, Some(by_default(exec)));
    let startup = container.probes.startup.unwrap();
    assert_eq!(
        startup.handler,
        Handler::TcpSocket {
            host: Some("::1".to_owned()),
            port: 1
        }
    );
    assert_eq!(
        (
            startup.initial_delay,
            startup.timeout,
            startup.period,
            startup.failure_threshold
        ),
        (seconds(1), seconds(2), seconds(3), i32::MAX as u32)
    );
    assert_eq!(
        startup.grace,
        Some(seconds(100 * 365 * 24 * 60 * 60)),
        "as good as for ever"
    );
}

#[test]
fn a_request_is_read_with_all_that_it_says() {
    let container = container(
        "    readinessProbe: {successThreshold: 3, httpGet: {port: 65535, scheme: HTTPS, host: web.example, path: 'a?b', \
         httpHeaders: [{name: Host, value: h}, {name: X-A}, {name: X-A, value: '2'}]}}",
    );
    let probe = container.probes.readiness.unwrap();
    assert_eq!(probe.success_threshold, 3);
    let texts = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    assert_eq!(
        probe.handler,
        Handler::HttpGet(HttpGet {
            secure: true,
            host: Some("web.example".to_owned()),
            port: 65535,
            path: "a?b".to_owned(),
            headers: texts(&[("Host", "h"), ("X-A", ""), ("X-A", "2")]),
        })
    );
}

/// What a probe says, the field below it that is refused, and the reason.
const REFUSED_PROBES: &[(&str, &str, &str)] = &[
    (
        "livenessProbe: {}",
        "",
        "Required value: must specify a handler type",
    ),
    (
        "livenessProbe: {periodSeconds: 1}",
        "",
        "Required value: must specify a handler type",
    ),
    ("livenessProbe: 5", "", "must be a mapping"),
    (
        "livenessProbe: {exec: {command: [x]}, tcpSocket: {port: 1}}",
        ".tcpSocket",
        "Forbidden: may not specify more than 1 handler type",
    ),
    (
        "livenessProbe: {grpc: {port: 1}}",
        ".grpc",
        "is not supported by this version of porthole",
    ),
    (
        "livenessProbe: {sleep: {seconds: 1}}",
        ".sleep",
        "a probe has no pause",
    ),
    ("livenessProbe: {exec: {}}", ".exec.command", "Required value"),
    (
        "livenessProbe: {exec: {command: []}}",
        ".exec.command",
        "Required value",
    ),
    (
        "livenessProbe: {exec: {command: x}}",
        ".exec.command",
        "must be a list",
    ),
    (
        "livenessProbe: {exec: {command: [1]}}",
        ".exec.command[0]",
        "must be a string",
    ),
    (
        "livenessProbe: {tcpSocket: {}}",
        ".tcpSocket.port",
        "Required value",
    ),
    (
        "livenessProbe: {tcpSocket: {port: 0}}",
        ".tcpSocket.port",
        "Invalid value: 0: must be between 1 and 65535, inclusive",
    ),
    (
        "livenessProbe: {tcpSocket: {port: 65536}}",
        ".tcpSocket.port",
        "Invalid value: 65536: must be between 1 and 65535, inclusive",
    ),
    (
        "livenessProbe: {tcpSocket: {port: -1}}",
        ".tcpSocket.port",
        "Invalid value: -1: must be between 1 and 65535, inclusive",
    ),
    (
        "livenessProbe: {tcpSocket: {port: web}}",
        ".tcpSocket.port",
        "couldn't find port: \"web\" is none of the container's ports",
    ),
    (
        "livenessProbe: {tcpSocket: {port: '80'}}",
        ".tcpSocket.port",
        "Invalid value: \"80\": must contain at least one letter (a-z)",
    ),
    (
        "livenessProbe: {tcpSocket: {port: a--b}}",
        ".tcpSocket.port",
        "must not contain consecutive hyphens",
    ),
    (
        "livenessProbe: {tcpSocket: {port: 1.5}}",
        ".tcpSocket.port",
        "must be a port's number or name",
    ),
    (
        "livenessProbe: {tcpSocket: {port: 1, host: 'a/b'}}",
        ".tcpSocket.host",
        "neither the name nor",
    ),
    (
        "livenessProbe: {httpGet: {port: 1, scheme: http}}",
        ".httpGet.scheme",
        "Unsupported value: \"http\": supported values: \"HTTP\", \"HTTPS\"",
    ),
    (
        "livenessProbe: {httpGet: {port: 1, httpHeaders: [{name: 'a b'}]}}",
        ".httpGet.httpHeaders[0]",
        "Invalid value: \"a b\": a valid HTTP header must consist",
    ),
    (
        "livenessProbe: {httpGet: {port: 1, httpHeaders: [{name: A, value: \"x\\r\\nB: y\"}]}}",
        ".httpGet.httpHeaders[0].value",
        "control characters",
    ),
    (
        "livenessProbe: {httpGet: {port: 1, url: /}}",
        ".httpGet.url",
        "unknown field",
    ),
    (
        "livenessProbe: {exec: {command: [x]}, periodSeconds: -1}",
        ".periodSeconds",
        "Invalid value: -1: must be greater than or equal to 0",
    ),
    (
        "livenessProbe: {exec: {command: [x]}, timeoutSeconds: 2147483648}",
        ".timeoutSeconds",
        "2147483648 is more than 2147483647",
    ),
    (
        "livenessProbe: {exec: {command: [x]}, timeoutSeconds: '1'}",
        ".timeoutSeconds",
        "must be a whole number",
    ),
    (
        "livenessProbe: {exec: {command: [x]}, successThreshold: 2}",
        ".successThreshold",
        "Invalid value: 2: must be 1",
    ),
    (
        "startupProbe: {exec: {command: [x]}, successThreshold: 2}",
        ".successThreshold",
        "Invalid value: 2: must be 1",
    ),
    (
        "readinessProbe: {exec: {command: [x]}, terminationGracePeriodSeconds: 5}",
        ".terminationGracePeriodSeconds",
        "Invalid value: 5: must not be set for readinessProbes",
    ),
    (
        "livenessProbe: {exec: {command: [x]}, terminationGracePeriodSeconds: 0}",
        ".terminationGracePeriodSeconds",
        "Invalid value: 0: must be greater than 0",
    ),
];

#[test]
fn probes_that_the_api_server_refuses_are_refused_in_its_words() {
    for (probe, field, reason) in REFUSED_PROBES {
        let found = refused(&format!("    {probe}"));
        let key = probe.split(':').next().unwrap();
        assert_eq!(
            found[0].0,
            format!("spec.containers[0].{key}{field}"),
            "{probe}: {found:?}"
        );
        assert!(
            found[0].1.starts_with("9: ") && found[0].1.contains(reason),
            "{probe}: {found:?}"
        );
        assert_eq!(found.len(), 1, "{probe}: {found:?}");
    }
}

#[test]
fn hooks_are_read_and_a_pause_stays_within_the_grace() {
    let hooks = container(
        "    lifecycle: {stopSignal: SIGINT, postStart: {httpGet: {port: 1}}, preStop: {sleep: {seconds: 30}}}",
    );
    assert_eq!(hooks.hooks.post_start, Some(Handler::HttpGet(get(1))));
    assert_eq!(hooks.hooks.pre_stop, Some(Handler::Sleep(seconds(30))));
    assert_eq!(hooks.stop_signal, Some(Signal::Int));
    for (name, signal) in [
        ("SIGTERM", Signal::Term),
        ("SIGHUP", Signal::Hup),
        ("SIGKILL", Signal::Kill),
    ] {
        assert_eq!(
            container(&format!("    lifecycle: {{stopSignal: {name}}}")).stop_signal,
            Some(signal)
        );
    }
    for (lifecycle, field, reason) in [
        ("{preStop: {}}", ".preStop", "must specify a handler type"),
        (
            "{preStop: {sleep: {seconds: 31}}}",
            ".preStop.sleep",
            "Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
        ),
        (
            "{preStop: {sleep: {seconds: -1}}}",
            ".preStop.sleep",
            "Invalid value: -1",
        ),
        ("{preStop: {sleep: {}}}", ".preStop.sleep.seconds", "must be set"),
        (
            "{postStart: {grpc: {port: 1}}}",
            ".postStart.grpc",
            "is not supported",
        ),
        ("{preStart: {exec: {command: [x]}}}", ".preStart", "unknown field"),
        (
            "{stopSignal: SIGUSR1}",
            ".stopSignal",
            "\"SIGUSR1\" is not supported",
        ),
        ("{stopSignal: 15}", ".stopSignal", "must be a string"),
    ] {
        let found = refused(&format!("    lifecycle: {lifecycle}"));
        assert_eq!(
            found[0].0,
            format!("spec.containers[0].lifecycle{field}"),
            "{found:?}"
        );
        assert!(found[0].1.contains(reason), "{lifecycle}: {found:?}");
    }
}

#[test]
fn of_policies_for_one_container_only_that_of_a_sidecar_is_followed() {
    let spec = read_spec(&format!(
        "{CONTAINERS}  initContainers:\n  - {{name: s, image: i, restartPolicy: Always, startupProbe: {{exec: {{command: \
         [x]}}}}, lifecycle: {{preStop: {{exec: {{command: [x]}}}}}}}}\n  - {{name: i, image: i}}"
    ))
    .unwrap();
    let sidecars: Vec<bool> = spec
        .init_containers
        .iter()
        .map(|container| container.sidecar)
        .collect();
    assert_eq!(sidecars, [true, false]);
    assert!(spec.init_containers[0].probes.startup.is_some());
    for (init, field, reason) in [
        (
            "restartPolicy: Never",
            "restartPolicy",
            "is not supported by this version",
        ),
        (
            "restartPolicyRules: [{}]",
            "restartPolicyRules",
            "is not supported by this version",
        ),
        (
            "livenessProbe: {exec: {command: [x]}}",
            "livenessProbe",
            "Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        (
            "lifecycle: {preStop: {exec: {command: [x]}}}",
            "lifecycle",
            "Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
    ] {
        let found = refused(&format!("  initContainers: [{{name: i, image: i, {init}}}]"));
        assert_eq!(found[0].0, format!("spec.initContainers[0].{field}"));
        assert!(found[0].1.contains(reason), "{init}: {found:?}");
    }
    for policy in ["Always", "OnFailure", "Never"] {
        let found = refused(&format!("    restartPolicy: {policy}"));
        assert_eq!(found[0].0, "spec.containers[0].restartPolicy");
    }
}

#[test]
fn the_pods_policy_is_always_unless_it_says_otherwise() {
    for (line, policy) in [
        ("", RestartPolicy::Always),
        ("  restartPolicy: Always", RestartPolicy::Always),
        ("  restartPolicy: OnFailure", RestartPolicy::OnFailure),
        ("  restartPolicy: Never", RestartPolicy::Never),
    ] {
        let spec = read_spec(&format!("{CONTAINERS}{line}")).unwrap();
        assert_eq!(spec.restart_policy, policy, "{line}");
    }
}

#[test]
fn deadlines_are_numbers_of_seconds() {
    let spec = read_spec(&format!("{CONTAINERS}  activeDeadlineSeconds: 5")).unwrap();
    assert_eq!(spec.active_deadline, Some(seconds(5)));
    for (value, reason) in [
        (
            "0",
            "Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        ("-1", "Invalid value: -1: must be between"),
        ("2147483648", "Invalid value: 2147483648: must be between"),
        ("'5'", "must be a whole number"),
    ] {
        let found = refused(&format!("  activeDeadlineSeconds: {value}"));
        assert_eq!(found[0].0, "spec.activeDeadlineSeconds");
        assert!(found[0].1.contains(reason), "{found:?}");
    }
}

#[test]
fn streams_and_termination_messages_are_read() {
    let streams = container(
        "    stdin: true\n    stdinOnce: true\n    tty: true\n    terminationMessagePath: /run/why\n    \
         terminationMessagePolicy: FallbackToLogsOnError",
    );
    assert!(streams.streams.stdin && streams.streams.terminal && streams.message_from_log);
    assert_eq!(
        streams.termination_path.map(|path| path.value).as_deref(),
        Some("/run/why")
    );
    let plain = container("    terminationMessagePolicy: File");
    assert!(!plain.streams.stdin && !plain.message_from_log && plain.termination_path.is_none());
    for (line, field, reason) in [
        ("tty: 'yes'", "tty", "must be true or false"),
        ("stdin: 1", "stdin", "must be true or false"),
        (
            "terminationMessagePath: [x]",
            "terminationMessagePath",
            "must be a string",
        ),
        (
            "terminationMessagePolicy: Log",
            "terminationMessagePolicy",
            "Unsupported value: \"Log\": supported values: \"FallbackToLogsOnError\", \"File\"",
        ),
    ] {
        let found = refused(&format!("    {line}"));
        assert_eq!(found[0].0, format!("spec.containers[0].{field}"));
        assert!(found[0].1.contains(reason), "{found:?}");
    }
}
