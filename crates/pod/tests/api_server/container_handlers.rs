//! Probes and lifecycle hooks.

use crate::pods::{assert_containers, texts, texts_at};

#[test]
fn a_handler_does_one_thing() {
    assert_containers(&[
        (
            37,
            "livenessProbe: {}",
            &["livenessProbe: Required value: must specify a handler type"],
        ),
        (
            37,
            "lifecycle: {preStop: {exec: {}}}",
            &["lifecycle.preStop.exec.command: Required value"],
        ),
        (
            37,
            "readinessProbe: {exec: {command: [a]}, grpc: {port: 0}}",
            &["readinessProbe.grpc: Forbidden: may not specify more than 1 handler type"],
        ),
        (
            22,
            "readinessProbe: {grpc: {port: 1}}",
            &["readinessProbe: Required value: must specify a handler type"],
        ),
        (
            37,
            "startupProbe: {httpGet: {port: '80', scheme: http, httpHeaders: [{name: a b}]}}",
            &[
                "startupProbe.httpGet.port: Invalid value: \"80\": must contain at least one letter (a-z)",
                "startupProbe.httpGet.scheme: Unsupported value: \"http\": supported values: \"HTTP\", \"HTTPS\"",
                "startupProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric \
             characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ],
        ),
        (
            37,
            "livenessProbe: {tcpSocket: {}}",
            &["livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        ),
    ]);
}

#[test]
fn numbers_of_probes_are_not_negative() {
    let exec = "exec: {command: [a]}";
    assert_containers(&[
        (
            37,
            &format!("livenessProbe: {{{exec}, periodSeconds: -1, successThreshold: 2, timeoutSeconds: 0}}"),
            &[
                "livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                "livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (
            37,
            &format!("readinessProbe: {{{exec}, successThreshold: 2, terminationGracePeriodSeconds: 0}}"),
            &[
                "readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
                "readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must not be set for readinessProbes",
            ],
        ),
        (
            24,
            &format!("startupProbe: {{{exec}, terminationGracePeriodSeconds: -1}}"),
            &[],
        ),
        (
            25,
            &format!("startupProbe: {{{exec}, terminationGracePeriodSeconds: -1}}"),
            &["startupProbe.terminationGracePeriodSeconds: Invalid value: -1: must be greater than 0"],
        ),
    ]);
}

#[test]
fn up_to_1_24_the_startup_probe_is_asked_twice() {
    let failure = "startupProbe.failureThreshold: Invalid value: -1: must be greater than or equal to 0";
    assert_containers(&[(
        24,
        "startupProbe: {exec: {command: [a]}, failureThreshold: -1}, terminationMessagePolicy: x, readinessProbe: {}",
        &[
            failure,
            failure,
            "terminationMessagePolicy: Invalid value: \"x\": must be 'File' or 'FallbackToLogsOnError'",
            "readinessProbe: Required value: must specify a handler type",
        ],
    )]);
}

#[test]
fn hooks_sleep_within_the_grace_period() {
    let sleep = |seconds| format!("lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}");
    let hint = ". Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.";
    let old = "lifecycle.preStop.sleep: Invalid value: 0: must be greater than 0 and less than terminationGracePeriodSeconds (30)";
    let new = "lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)";
    assert_containers(&[
        (
            29,
            &sleep(0),
            &["lifecycle.preStop: Required value: must specify a handler type"],
        ),
        (31, &sleep(0), &[old]),
        (32, &sleep(0), &[&format!("{old}{hint}")]),
        (33, &sleep(0), &[]),
        (37, &sleep(31), &[new]),
        (37, &sleep(30), &[]),
    ]);
    // A Pod's negative grace period is one second; a template's stays.
    let spec = format!(
        "terminationGracePeriodSeconds: -5\ncontainers: [{{name: c, image: i, {}}}]",
        sleep(2)
    );
    assert_eq!(
        texts(&spec)[0],
        "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 2: must be non-negative and less than \
         terminationGracePeriodSeconds (1)"
    );
}

#[test]
fn a_stop_signal_is_dropped_while_its_gate_is_off() {
    for minor in [33, 37] {
        let spec = "containers: [{name: c, image: i, lifecycle: {stopSignal: SIGUSR1}}]\n\
            initContainers: [{name: d, image: i, lifecycle: {stopSignal: SIGUSR1}}]";
        assert_eq!(texts_at(minor, spec), [""; 0], "1.{minor}");
    }
}
