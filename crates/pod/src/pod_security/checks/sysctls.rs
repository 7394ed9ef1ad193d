//! Kernel parameters.

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::report::{items, text};
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` a pod sets only sysctls that concern itself: `kernel.shm_rmid_forced` and some of `net.ipv4`,
    /// more of them in newer versions of the standards.
    SYSCTLS = "pod-security-sysctls";
}

/// The sysctls that are allowed, each with the first version of the standards that allows it.
const ALLOWED: [(&str, u64); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

pub(in crate::pod_security) fn check(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut names = Vec::new();
    for (index, sysctl) in items(subject.context?, "sysctls").enumerate() {
        let name = text(sysctl, "name");
        let allowed = ALLOWED
            .iter()
            .any(|(known, since)| *known == name && subject.policy >= *since);
        if !allowed {
            let span = sysctl.field("name").unwrap_or(sysctl).span();
            offenders.place(
                subject,
                format_args!("securityContext.sysctls[{index}].name"),
                span,
            );
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    Some(offenders.violation(&SYSCTLS, "sysctls", "forbidden sysctls", names.join(", ")))
}
