//! The class of a pod by its requests and limits, which its status shows. Nothing here depends on it.

use porthole_pod::qos_class;

use crate::spec::PodSpec;

/// The class of a pod of this spec.
pub(super) fn class(spec: &PodSpec) -> &'static str {
    let set = |amount: Option<u64>| amount.filter(|amount| *amount > 0);
    let containers = spec.init_containers.iter().chain(&spec.containers);
    qos_class(containers.map(|container| {
        let (limits, requests) = (&container.limits, &container.requests);
        [
            (set(limits.cpu_milli), set(requests.cpu_milli)),
            (set(limits.memory), set(requests.memory)),
        ]
    }))
}
