//! Linux capabilities.

use porthole_manifest::Node;

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::{Container, Subject};
use crate::pod_security::violation::Violation;
use crate::report::items;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` containers add no capability beyond those that container runtimes give them anyway:
    /// `AUDIT_WRITE`, `CHOWN`, `DAC_OVERRIDE`, `FOWNER`, `FSETID`, `KILL`, `MKNOD`, `NET_BIND_SERVICE`, `SETFCAP`, `SETGID`,
    /// `SETPCAP`, `SETUID` and `SYS_CHROOT`, spelt exactly so.
    CAPABILITIES_BASELINE = "pod-security-capabilities-baseline";
    /// At the level `restricted` every container drops `ALL` capabilities and adds at most `NET_BIND_SERVICE`. Since version
    /// 1.25 of the standards a pod with `os: {name: windows}` is not asked: Windows has no capabilities.
    CAPABILITIES_RESTRICTED = "pod-security-capabilities-restricted";
}

const DEFAULTS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(in crate::pod_security) fn check_baseline(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    for container in subject.containers() {
        if let Some(capabilities) = container.setting("capabilities") {
            check_added(subject, &container, capabilities, &DEFAULTS, &mut offenders);
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = added_text(&offenders);
    let reason = "non-default capabilities";
    Some(offenders.violation(&CAPABILITIES_BASELINE, "capabilities_baseline", reason, detail))
}

pub(in crate::pod_security) fn check_restricted(subject: &Subject<'_>) -> Option<Violation> {
    if subject.policy >= 25 && subject.is_windows() {
        return None;
    }
    let mut keeping = Offenders::default();
    let mut adding = Offenders::default();
    for container in subject.containers() {
        let capabilities = container.setting("capabilities");
        let drops_all = capabilities.is_some_and(|capabilities| {
            items(capabilities, "drop").any(|capability| capability.as_str() == Some("ALL"))
        });
        if !drops_all {
            let drop = capabilities.map(|capabilities| capabilities.get("drop").unwrap_or(capabilities));
            let place = drop.or_else(|| container.security_context());
            let span = place.unwrap_or(container.node).span();
            keeping.container(subject, &container, "securityContext.capabilities.drop", span);
        }
        if let Some(capabilities) = capabilities {
            check_added(
                subject,
                &container,
                capabilities,
                &["NET_BIND_SERVICE"],
                &mut adding,
            );
        }
    }
    let mut details = Vec::new();
    if !keeping.is_empty() {
        let containers = keeping.containers_text();
        details.push(format!(
            "{containers} must set securityContext.capabilities.drop=[\"ALL\"]"
        ));
    }
    if !adding.is_empty() {
        details.push(added_text(&adding));
    }
    if details.is_empty() {
        return None;
    }
    keeping.absorb(adding);
    Some(keeping.violation(
        &CAPABILITIES_RESTRICTED,
        "capabilities_restricted",
        "unrestricted capabilities",
        details.join("; "),
    ))
}

fn check_added<'a>(
    subject: &Subject<'a>,
    container: &Container<'a>,
    capabilities: Node<'a>,
    allowed: &[&str],
    offenders: &mut Offenders<'a>,
) {
    for (index, capability) in items(capabilities, "add").enumerate() {
        let name = capability.as_str().unwrap_or_default();
        if !allowed.contains(&name) {
            let field = format_args!("securityContext.capabilities.add[{index}]");
            offenders.container(subject, container, field, capability.span());
            offenders.value(name);
        }
    }
}

fn added_text(offenders: &Offenders<'_>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        offenders.containers_text(),
        offenders.values_text()
    )
}
