//! The lives that are compared: each a pod, and the moment at which it is looked at.

use serde_json::Value;

use crate::status::{containers, is_put_away, is_ready, phase_is, waits};

/// One life.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Lines of the spec, indented by two blanks. `IMAGE` stands for the image.
    pub(crate) spec: &'static str,
    /// When it is looked at: something that stays so for seconds.
    pub(crate) moment: fn(&Value) -> bool,
}

fn succeeded(pod: &Value) -> bool {
    phase_is(pod, "Succeeded") && is_put_away(pod)
}

fn failed(pod: &Value) -> bool {
    phase_is(pod, "Failed") && is_put_away(pod)
}

fn over(pod: &Value) -> bool {
    succeeded(pod) || failed(pod)
}

fn loops(pod: &Value) -> bool {
    waits(pod, "CrashLoopBackOff")
}

fn started(pod: &Value) -> bool {
    phase_is(pod, "Running") && containers(pod).all(|container| container["started"] == true)
}

/// Some run, and those that do not have ended.
fn partly_ended(pod: &Value) -> bool {
    containers(pod).any(|container| container["state"].get("terminated").is_some())
        && containers(pod).any(|container| container["state"].get("running").is_some())
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "success",
        spec: "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: over,
    },
    Case {
        name: "failure",
        spec: "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 3]}]",
        moment: over,
    },
    Case {
        name: "signal",
        spec: "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, 'sh -c \"kill -9 \\$PPID\"; sleep 600']}]",
        moment: over,
    },
    Case {
        name: "on-failure-success",
        spec: "  restartPolicy: OnFailure\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: over,
    },
    Case {
        name: "on-failure-failure",
        spec: "  restartPolicy: OnFailure\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 1]}]",
        moment: loops,
    },
    Case {
        name: "always-success",
        spec: "  restartPolicy: Always\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: loops,
    },
    Case {
        name: "always-failure",
        spec: "  restartPolicy: Always\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 1]}]",
        moment: loops,
    },
    Case {
        name: "running",
        spec: "  containers: [{name: c, image: IMAGE, command: [sleep, '600']}]",
        moment: is_ready,
    },
    Case {
        name: "one-of-two-failed",
        spec: "  restartPolicy: Never\n  containers:\n  - {name: good, image: IMAGE, command: [sh, -c, exit 0]}\n  \
               - {name: bad, image: IMAGE, command: [sh, -c, exit 4]}",
        moment: over,
    },
    Case {
        name: "one-of-two-ended",
        spec: "  restartPolicy: OnFailure\n  containers:\n  - {name: short, image: IMAGE, command: [sh, -c, exit 0]}\n  \
               - {name: long, image: IMAGE, command: [sleep, '600']}",
        moment: partly_ended,
    },
    Case {
        name: "init-fails-then-succeeds",
        spec: "  restartPolicy: OnFailure\n  volumes: [{name: v, emptyDir: {}}]\n  initContainers:\n  - name: i\n    image: IMAGE\n    \
               command: [sh, -c, 'test -f /tmp/life/x || { touch /tmp/life/x; exit 1; }']\n    \
               volumeMounts: [{name: v, mountPath: /tmp/life}]\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: over,
    },
    Case {
        name: "init-fails-never",
        spec: "  restartPolicy: Never\n  initContainers:\n  - {name: i, image: IMAGE, command: [sh, -c, exit 2]}\n  \
               - {name: j, image: IMAGE, command: [sh, -c, exit 0]}\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: over,
    },
    Case {
        name: "init-fails-always",
        spec: "  initContainers:\n  - {name: i, image: IMAGE, command: [sh, -c, exit 2]}\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: loops,
    },
    Case {
        name: "init-fails-beside-a-sidecar",
        spec: "  restartPolicy: Never\n  terminationGracePeriodSeconds: 60\n  initContainers:\n  \
               - {name: s, image: IMAGE, restartPolicy: Always, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1; done']}\n  \
               - {name: i, image: IMAGE, command: [sh, -c, 'sleep 2; exit 3']}\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: failed,
    },
    Case {
        name: "init-runs",
        spec: "  initContainers:\n  - {name: i, image: IMAGE, command: [sleep, '600']}\n  \
               - {name: j, image: IMAGE, command: [sh, -c, exit 0]}\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
        moment: |pod| containers(pod).any(|container| container["state"].get("running").is_some()),
    },
    Case {
        name: "sidecar-runs",
        spec: "  initContainers:\n  - name: s\n    image: IMAGE\n    restartPolicy: Always\n    command: [sleep, '600']\n    \
               startupProbe: {exec: {command: [sh, -c, exit 0]}, periodSeconds: 1, timeoutSeconds: 60}\n  \
               containers: [{name: c, image: IMAGE, command: [sleep, '600']}]",
        moment: is_ready,
    },
    Case {
        name: "sidecar-does-not-start",
        spec: "  initContainers:\n  - name: s\n    image: IMAGE\n    restartPolicy: Always\n    command: [sleep, '600']\n    \
               startupProbe: {exec: {command: [sh, -c, exit 1]}, periodSeconds: 1, failureThreshold: 600}\n  \
               containers: [{name: c, image: IMAGE, command: [sleep, '600']}]",
        moment: |pod| containers(pod).any(|container| container["state"].get("running").is_some()),
    },
    Case {
        name: "sidecars-end-last",
        spec: "  restartPolicy: Never\n  initContainers:\n  \
               - {name: s, image: IMAGE, restartPolicy: Always, command: [sh, -c, 'trap \"sleep 2; exit 0\" TERM; while :; do sleep 1; done']}\n  \
               - {name: t, image: IMAGE, restartPolicy: Always, command: [sh, -c, 'trap \"sleep 2; exit 6\" TERM; while :; do sleep 1; done']}\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, 'sleep 1']}]",
        moment: succeeded,
    },
    Case {
        name: "not-ready",
        spec: "  containers:\n  - name: c\n    image: IMAGE\n    command: [sleep, '600']\n    \
               readinessProbe: {exec: {command: [sh, -c, exit 1]}, periodSeconds: 1}",
        moment: started,
    },
    Case {
        name: "not-started",
        spec: "  containers:\n  - name: c\n    image: IMAGE\n    command: [sleep, '600']\n    \
               startupProbe: {exec: {command: [sh, -c, exit 1]}, periodSeconds: 1, failureThreshold: 600}",
        moment: |pod| phase_is(pod, "Running"),
    },
    Case {
        name: "not-alive",
        spec: "  restartPolicy: Never\n  terminationGracePeriodSeconds: 60\n  containers:\n  - name: c\n    image: IMAGE\n    \
               command: [sh, -c, 'trap \"exit 7\" TERM; while :; do sleep 1; done']\n    \
               livenessProbe: {exec: {command: [sh, -c, exit 1]}, initialDelaySeconds: 3, periodSeconds: 1, failureThreshold: 1}",
        moment: over,
    },
    Case {
        name: "never-started",
        spec: "  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    image: IMAGE\n    \
               command: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done']\n    \
               startupProbe: {exec: {command: [sh, -c, exit 1]}, initialDelaySeconds: 3, periodSeconds: 1, failureThreshold: 1}",
        moment: over,
    },
    Case {
        name: "post-start-fails",
        spec: "  restartPolicy: Never\n  terminationGracePeriodSeconds: 60\n  containers:\n  - name: c\n    image: IMAGE\n    \
               command: [sh, -c, 'trap \"exit 7\" TERM; while :; do sleep 1; done']\n    \
               lifecycle: {postStart: {exec: {command: [sh, -c, 'sleep 2; exit 1']}}}",
        moment: over,
    },
    Case {
        name: "post-start-fails-but-well",
        spec: "  restartPolicy: OnFailure\n  terminationGracePeriodSeconds: 60\n  containers:\n  - name: c\n    image: IMAGE\n    \
               command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1; done']\n    \
               lifecycle: {postStart: {exec: {command: [sh, -c, 'sleep 2; exit 1']}}}",
        moment: |pod| over(pod) || loops(pod),
    },
    Case {
        name: "pre-stop",
        spec: "  restartPolicy: Never\n  activeDeadlineSeconds: 20\n  terminationGracePeriodSeconds: 60\n  \
               volumes: [{name: v, emptyDir: {}}]\n  containers:\n  - name: c\n    image: IMAGE\n    \
               command: [sh, -c, 'trap \"test -f /tmp/life/x && exit 5; exit 6\" TERM; while :; do sleep 1; done']\n    \
               volumeMounts: [{name: v, mountPath: /tmp/life}]\n    \
               lifecycle: {preStop: {exec: {command: [sh, -c, 'sleep 1; touch /tmp/life/x']}}}",
        moment: failed,
    },
    Case {
        name: "deadline",
        spec: "  restartPolicy: Always\n  activeDeadlineSeconds: 20\n  terminationGracePeriodSeconds: 60\n  \
               containers: [{name: c, image: IMAGE, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1; done']}]",
        moment: failed,
    },
    Case {
        name: "not-found",
        spec: "  restartPolicy: Never\n  initContainers: [{name: i, image: IMAGE, command: [sleep, '1']}]\n  \
               containers: [{name: c, image: IMAGE, command: [no-such-program]}]",
        moment: over,
    },
    Case {
        name: "not-found-again",
        spec: "  initContainers: [{name: i, image: IMAGE, command: [sleep, '1']}]\n  \
               containers: [{name: c, image: IMAGE, command: [no-such-program]}]",
        moment: loops,
    },
    Case {
        name: "message",
        spec: "  restartPolicy: Never\n  containers:\n  - name: c\n    image: IMAGE\n    terminationMessagePath: /tmp/life-message\n    \
               command: [sh, -c, 'echo so long > /tmp/life-message; exit 1']",
        moment: over,
    },
    Case {
        name: "long-message",
        spec: "  restartPolicy: Never\n  containers:\n  - name: c\n    image: IMAGE\n    terminationMessagePath: /tmp/life-message\n    \
               command: [sh, -c, 'for i in $(seq 1000 2999); do echo $i; done > /tmp/life-message; exit 0']",
        moment: over,
    },
    Case {
        name: "message-of-the-log",
        spec: "  restartPolicy: Never\n  containers:\n  - name: c\n    image: IMAGE\n    terminationMessagePolicy: FallbackToLogsOnError\n    \
               command: [sh, -c, 'echo one; sleep 5; echo two >&2; exit 1']",
        moment: over,
    },
    Case {
        name: "message-of-a-long-log",
        spec: "  restartPolicy: Never\n  containers:\n  - name: c\n    image: IMAGE\n    terminationMessagePolicy: FallbackToLogsOnError\n    \
               command: [sh, -c, 'for i in $(seq 100 299); do echo $i; done; exit 1']",
        moment: over,
    },
    Case {
        name: "no-message-of-a-success",
        spec: "  restartPolicy: Never\n  containers:\n  - name: c\n    image: IMAGE\n    terminationMessagePolicy: FallbackToLogsOnError\n    \
               command: [sh, -c, 'echo one; exit 0']",
        moment: over,
    },
];
