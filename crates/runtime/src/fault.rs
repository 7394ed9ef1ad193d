//! Named steps at which a test can end porthole, as if it had been killed there.
//!
//! In a release a step is nothing. In a debug build the process kills itself at the step that the variable `PORTHOLE_FAULT`
//! names (`NAME`, or `NAME:N` for the Nth time that it is reached), so that a test goes through every step of a start, an
//! exec, a stop and a removal, one by one. The file that `PORTHOLE_FAULT_NOTE` names is written right before.

/// Every step, in the order in which a pod's life takes them. A step that is not here cannot be named.
pub const STEPS: &[&str] = &[
    // Start: the pod.
    "order-sent",
    "supervisor-started",
    "pod-directory",
    "pod-lock",
    "record",
    "control",
    // Start, and an update: volumes.
    "volume-made",
    "volume-swapped",
    // A life: its volumes are there.
    "pod-begun",
    // Start: a container (`job` on Windows; its directory, cgroup and streams on Linux).
    "container-directory",
    "account",
    "journal",
    "job",
    "cgroup",
    "rootfs",
    "places",
    "streams",
    "process",
    "started",
    // A further program (`exec-job` and `exec-started` on Windows, account and streams on Linux).
    "exec-job",
    "exec-account",
    "exec-streams",
    "exec-process",
    "exec-started",
    // Other limits (Windows).
    "limits",
    // A life: a container's program runs, hooks, its end.
    "pod-started",
    "post-start",
    "stop-asked",
    "pre-stop",
    "stop-signalled",
    "killed",
    // Removal: a container.
    "delete",
    // The same, on Linux.
    "container-signalled",
    "container-killed",
    "remove-processes",
    "remove-cgroup",
    "remove-places",
    "remove-container-files",
    "remove-account",
    "remove-journal",
    "pod-over",
    // The supervisor of a pod: it runs; it is over, and nothing is left but its record, status and logs.
    "pod-running",
    "pod-ended",
    // The supervisor of a job: others see it; a pod is to be made; its end is written down.
    "job-record",
    "job-pod",
    "job-ended",
    // Removal: the pod.
    "volumes-removed",
    "remove-record",
    "remove-files",
    "remove-lock",
    // Repair.
    "repair-volumes",
];

/// The process has come to a step.
#[cfg(not(debug_assertions))]
#[inline]
pub fn step(_name: &'static str) {}

/// The process has come to a step, and ends here if it was asked to.
#[cfg(debug_assertions)]
pub fn step(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);

    debug_assert!(STEPS.contains(&name), "`{name}` is not in the list of steps");
    let wanted = WANTED.get_or_init(|| {
        let wanted = std::env::var("PORTHOLE_FAULT").ok()?;
        Some(match wanted.split_once(':') {
            Some((name, times)) => (name.to_owned(), times.parse().unwrap_or(1)),
            None => (wanted, 1),
        })
    });
    if let Some((wanted, times)) = wanted
        && wanted == name
        && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *times
    {
        if let Some(note) = std::env::var_os("PORTHOLE_FAULT_NOTE") {
            // Without it the test finds no note, and fails.
            let _ = std::fs::write(note, name);
        }
        die();
    }
}

/// Without unwinding, destructors or exit handlers, and with nothing flushed.
#[cfg(all(debug_assertions, target_os = "linux"))]
fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

/// As a task manager would do it. An `abort` would have a debugger look at the process first.
#[cfg(all(debug_assertions, windows))]
fn die() -> ! {
    crate::os::kill_own_process();
    std::process::abort()
}

/// As near to being killed as this system lets a process come by itself.
#[cfg(all(debug_assertions, not(any(target_os = "linux", windows))))]
fn die() -> ! {
    std::process::abort()
}
