//! The class of a pod by its requests and limits, which its status shows. Nothing here depends on it.

use crate::spec::PodSpec;

/// The API server's rule: `Guaranteed` when every container limits processor and memory and requests as much, `BestEffort`
/// when none asks for anything, else `Burstable`.
pub(super) fn class(spec: &PodSpec) -> &'static str {
    let set = |amount: Option<u64>| amount.filter(|amount| *amount > 0);
    let (mut none, mut all) = (true, true);
    for container in spec.init_containers.iter().chain(&spec.containers) {
        let (limits, requests) = (&container.limits, &container.requests);
        let amounts = [
            (set(limits.cpu_milli), set(requests.cpu_milli)),
            (set(limits.memory), set(requests.memory)),
        ];
        for (limit, request) in amounts {
            none &= limit.is_none() && request.is_none();
            all &= limit.is_some() && limit == request;
        }
    }
    match (none, all) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}
