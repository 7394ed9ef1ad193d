//! HostProcess containers (`validateWindowsHostProcessPod` of the API server).
//!
//! A container's value counts where it is set, else the pod's. The rules hold whatever the pod's system.

use porthole_manifest::Node;

use crate::container::containers;
use crate::path::Path;
use crate::report::Shown;
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A container's `hostProcess` says what the pod's says, where both say something: a pod is one thing or the other.
    HOST_PROCESS_DIFFERS = "host-process-differs";
    /// Either every container of a pod is a HostProcess container, init and ephemeral ones included, or none is: the pod's
    /// sandbox is on the host or it is not. Set `hostProcess` once, at the pod.
    HOST_PROCESS_MIXED = "host-process-mixed";
    /// A pod of HostProcess containers sets `hostNetwork: true`: its processes are on the host's network, and the pod says
    /// so.
    HOST_NETWORK_REQUIRED = "host-network-required";
    /// The API server takes no HostProcess containers where its feature gate `WindowsHostProcessContainers` is off, as it is
    /// by default in 1.22.
    HOST_PROCESS_TURNED_OFF = "host-process-turned-off";
    /// HostProcess containers are privileged containers, and an API server without `--allow-privileged` takes none.
    HOST_PROCESS_DISALLOWED = "host-process-disallowed";
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let spec = Path::root(pass.template.prefix);
    let pod = pass
        .spec
        .at("securityContext.windowsOptions.hostProcess")
        .filter(|node| node.as_bool().is_some());
    let pod_value = pod.and_then(Node::as_bool);
    if !pass.feature("WindowsHostProcessContainers", 26) {
        check_turned_off(pass, &spec, pod);
        return;
    }
    let mut deciding = None;
    let mut other = None;
    let template = pass.template;
    for container in containers(&template) {
        let own = container.node.at("securityContext.windowsOptions.hostProcess");
        let value = own.and_then(Node::as_bool);
        if let (Some(node), Some(value), Some(pod_value)) = (own, value, pod_value)
            && value != pod_value
        {
            let list = spec.child(container.kind.field());
            let at = list.index(container.index);
            let context = at.child("securityContext");
            let options = context.child("windowsOptions");
            let detail =
                format!("pod hostProcess value must be identical if both are specified, was {pod_value}");
            let field = options.child("hostProcess");
            pass.invalid(
                &HOST_PROCESS_DIFFERS,
                &field,
                Shown::Bool(value),
                detail,
                node.span(),
            );
        }
        if value.or(pod_value).unwrap_or_default() {
            deciding = deciding.or(own.filter(|_| value.is_some())).or(pod);
        } else {
            // The name says best which container is meant.
            other = other.or(Some(container.node.field("name").unwrap_or(container.node)));
        }
    }
    let Some(deciding) = deciding else { return };
    if let Some(other) = other {
        let detail =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        pass.invalid(&HOST_PROCESS_MIXED, &spec, Shown::Str(""), detail, other.span());
    }
    if !pass.host_network() {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        let place = pass.spec.field("hostNetwork").unwrap_or(deciding);
        let field = spec.child("hostNetwork");
        pass.invalid(
            &HOST_NETWORK_REQUIRED,
            &field,
            Shown::Bool(false),
            detail,
            place.span(),
        );
    }
    if !pass.options.allow_privileged {
        let detail = "hostProcess containers are disallowed by cluster policy";
        pass.forbidden(&HOST_PROCESS_DISALLOWED, &spec, detail, deciding.span());
    }
}

/// What is said with the gate off: of the pod's field, else of each container's that sets it, and of the whole.
fn check_turned_off(pass: &mut Pass<'_>, spec: &Path<'_>, pod: Option<Node<'_>>) {
    let template = pass.template;
    let detail = "not allowed when feature gate 'WindowsHostProcessContainers' is not enabled";
    let mut refuse = |owner: &Path<'_>, node: Node<'_>| {
        let context = owner.child("securityContext");
        let options = context.child("windowsOptions");
        let field = options.child("hostProcess");
        pass.forbidden(&HOST_PROCESS_TURNED_OFF, &field, detail, node.span());
    };
    if let Some(node) = pod {
        refuse(spec, node);
        return;
    }
    let mut deciding = None;
    for container in containers(&template) {
        let own = container.node.at("securityContext.windowsOptions.hostProcess");
        let Some((node, value)) = own.and_then(|node| Some((node, node.as_bool()?))) else {
            continue;
        };
        let list = spec.child(container.kind.field());
        refuse(&list.index(container.index), node);
        if value {
            deciding = deciding.or(Some(node));
        }
    }
    if let Some(node) = deciding {
        let detail = "pod must not contain Windows hostProcess containers when feature gate \
                      'WindowsHostProcessContainers' is not enabled";
        pass.forbidden(&HOST_PROCESS_TURNED_OFF, spec, detail, node.span());
    }
}
