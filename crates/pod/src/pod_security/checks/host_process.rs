//! HostProcess containers.

use porthole_manifest::Node;

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::report::is_true;
use crate::rule::rules;

rules! { PodSecurity:
    /// HostProcess containers are processes of the node. Neither `baseline` nor `restricted` admits them; no other field
    /// makes up for it. Label their namespace `pod-security.kubernetes.io/enforce: privileged`, and keep it to them.
    HOST_PROCESS = "pod-security-host-process";
}

const FIELD: &str = "securityContext.windowsOptions.hostProcess";

pub(in crate::pod_security) fn check(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    if let Some(node) = host_process(subject.setting("windowsOptions")) {
        offenders.pod(subject, FIELD, node.span());
    }
    // What a container inherits from the pod does not count.
    for container in subject.containers() {
        if let Some(node) = host_process(container.setting("windowsOptions")) {
            offenders.container(subject, &container, FIELD, node.span());
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = format!("{} must not set {FIELD}=true", offenders.setters());
    Some(offenders.violation(&HOST_PROCESS, "windowsHostProcess", "hostProcess", detail))
}

/// The field that makes a HostProcess container, where it does.
fn host_process(options: Option<Node<'_>>) -> Option<Node<'_>> {
    let options = options?;
    is_true(options, "hostProcess").then(|| options.field("hostProcess"))?
}
