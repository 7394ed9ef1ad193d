//! What is meant to differ: each of these is a row of `docs/differences.md`.

/// Names of lives, and the lines in which porthole's status (`+`) is not the kubelet's (`-`).
const MEANT: &[(&str, &str)] = &[
    (
        "not-alive",
        r#"- c state terminated 7 reason="Error"
+ c state terminated 7 reason="Error" message="the container failed its liveness probe"
"#,
    ),
    (
        "never-started",
        r#"- c state terminated 137 reason="Error"
+ c state terminated 137 reason="Error" message="the container failed its startup probe"
"#,
    ),
    (
        "post-start-fails",
        r#"- c state terminated 7 reason="Error"
+ c state terminated 7 reason="Error" message="FailedPostStartHook: command 'sh -c sleep 2; exit 1' exited with 1"
"#,
    ),
    (
        "post-start-fails-but-well",
        r#"- phase Succeeded
- condition ContainersReady False reason="PodCompleted"
- condition Initialized True reason="PodCompleted"
- condition PodReadyToStartContainers False reason="PodSandboxNotReady" message="pod sandbox is not ready"
- condition Ready False reason="PodCompleted"
- containerStatuses c ready false started false restarts 0
- c state terminated 0 reason="Completed"
- c lastState none
+ phase Running
+ condition ContainersReady False reason="ContainersNotReady" message="containers with unready status: [c]"
+ condition Initialized True
+ condition PodReadyToStartContainers True
+ condition Ready False reason="ContainersNotReady" message="containers with unready status: [c]"
+ containerStatuses c ready false started false restarts BEFORE
+ c state waiting reason="CrashLoopBackOff" message="back-off DELAY restarting failed container=c pod=post-start-fails-but-well_default(UID)"
+ c lastState terminated 0 reason="Completed" message="FailedPostStartHook: command 'sh -c sleep 2; exit 1' exited with 1"
"#,
    ),
];

/// What is meant to differ in a life.
pub(crate) fn of(name: &str) -> &'static str {
    let mut all = MEANT.iter();
    all.find(|(own, _)| *own == name).map_or("", |(_, lines)| lines)
}
