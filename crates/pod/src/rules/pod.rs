//! Fields of a pod spec that have no rules of their own module.

use porthole_manifest::{Node, WorkloadKind};

use crate::names::{self, Faults};
use crate::path::Path;
use crate::report::{Shown, int, is_true, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::pod_resources;
use crate::validate::Pass;

rules! { ApiServer:
    /// The restart policy of a pod is `Always`, `OnFailure` or `Never`.
    RESTART_POLICY = "restart-policy";
    /// The DNS policy of a pod is `ClusterFirst`, `ClusterFirstWithHostNet`, `Default` or `None`.
    DNS_POLICY = "dns-policy";
    /// The containers of a pod share their processes with each other (`shareProcessNamespace`) or with the host
    /// (`hostPID`), not both.
    SHARED_PROCESSES = "shared-processes";
    /// A pod names other objects (service account, node, priority class, runtime class, pod group) by the names that these
    /// can have: lower-case letters, digits, dashes and periods.
    POD_REFERENCE = "pod-reference";
    /// `hostname` and `subdomain` are DNS labels: at most 63 lower-case letters, digits and inner dashes.
    POD_HOSTNAME = "pod-hostname";
    /// `hostnameOverride` is a DNS name of at most 64 bytes, and goes neither with the host's network nor with
    /// `setHostnameAsFQDN`.
    HOSTNAME_OVERRIDE = "hostname-override";
    /// `activeDeadlineSeconds` is from 1 to 2147483647.
    ACTIVE_DEADLINE = "active-deadline";
    /// The preemption policy of a pod is `PreemptLowerPriority` or `Never`.
    PREEMPTION_POLICY = "preemption-policy";
    /// A pod in a scheduling group says in which one.
    SCHEDULING_GROUP = "scheduling-group";
    /// A projected service account token is one of the service account that the Pod names. A cluster with the admission
    /// plug-in `ServiceAccount` fills in `default` where none is named.
    TOKEN_WITHOUT_ACCOUNT = "token-without-account";
}

/// `spec.restartPolicy` and `spec.dnsPolicy`. Where they are not set, or empty, they are filled in.
pub(crate) fn check_policies(pass: &mut Pass<'_>) {
    check_known(
        pass,
        &RESTART_POLICY,
        "restartPolicy",
        &["Always", "OnFailure", "Never"],
    );
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check_known(pass, &DNS_POLICY, "dnsPolicy", &policies);
}

fn check_known(pass: &mut Pass<'_>, rule: &'static crate::rule::Rule, key: &str, known: &[&str]) {
    let value = text(pass.spec, key);
    if !value.is_empty() && !known.contains(&value) {
        let spec = pass.spec_path();
        let span = place(pass.spec, key);
        pass.not_supported(rule, &spec.child(key), Shown::Named(value), known, span);
    }
}

/// `spec.shareProcessNamespace`, where it has a place of its own.
pub(crate) fn check_share_process_namespace(pass: &mut Pass<'_>) {
    if pass.at_least(37) {
        let spec = pass.spec_path();
        check_shared_processes(pass, &spec);
    }
}

/// Shared processes. Up to 1.36 the API server kept the field in the security context, whose path it then names.
pub(crate) fn check_shared_processes(pass: &mut Pass<'_>, owner: &Path<'_>) {
    if is_true(pass.spec, "shareProcessNamespace") && is_true(pass.spec, "hostPID") {
        let field = owner.child("shareProcessNamespace");
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        let span = place(pass.spec, "shareProcessNamespace");
        pass.invalid(&SHARED_PROCESSES, &field, Shown::Bool(true), detail, span);
    }
}

/// A name of another object, or of the pod's own, where one is given.
fn check_name(
    pass: &mut Pass<'_>,
    rule: &'static crate::rule::Rule,
    key: &str,
    faults: impl FnOnce(&str) -> Faults,
) {
    let name = text(pass.spec, key);
    if !name.is_empty() {
        let spec = pass.spec_path();
        let span = place(pass.spec, key);
        pass.faults(rule, &spec.child(key), name, faults(name), span);
    }
}

/// `spec.hostnameOverride`, `serviceAccountName`, `nodeName`, `activeDeadlineSeconds`, `hostname`, `subdomain`.
pub(crate) fn check_names(pass: &mut Pass<'_>) {
    check_hostname_override(pass);
    check_service_account(pass);
    check_name(pass, &POD_REFERENCE, "nodeName", names::dns1123_subdomain);
    if let Some(seconds) = int(pass.spec, "activeDeadlineSeconds") {
        let most = i64::from(i32::MAX);
        if !(1..=most).contains(&seconds) {
            let spec = pass.spec_path();
            let detail = format!("must be between 1 and {most}, inclusive");
            let field = spec.child("activeDeadlineSeconds");
            let span = place(pass.spec, "activeDeadlineSeconds");
            pass.invalid(&ACTIVE_DEADLINE, &field, Shown::Int(seconds), detail, span);
        }
    }
    let version = pass.options.kubernetes_version;
    // A StatefulSet gives its pods names of its own.
    let names_pods = pass.template.kind == WorkloadKind::StatefulSet;
    for key in ["hostname", "subdomain"].into_iter().filter(|_| !names_pods) {
        check_name(pass, &POD_HOSTNAME, key, |name| {
            names::dns1123_label(name, version)
        });
    }
}

fn check_hostname_override(pass: &mut Pass<'_>) {
    let known = pass.at_least(34) && pass.enabled("HostnameOverride");
    let Some(name) = some_text(pass.spec, "hostnameOverride").filter(|_| known) else {
        return;
    };
    let spec = pass.spec_path();
    let field = spec.child("hostnameOverride");
    let span = place(pass.spec, "hostnameOverride");
    for key in ["setHostnameAsFQDN", "hostNetwork"] {
        if is_true(pass.spec, key) {
            let detail = format!("may not be specified when {key} is true");
            pass.forbidden(&HOSTNAME_OVERRIDE, &field, detail, span);
        }
    }
    if name.len() > 64 {
        pass.too_long(&HOSTNAME_OVERRIDE, &field, 64, span);
    }
    let faults = names::dns1123_subdomain(name);
    pass.faults(&HOSTNAME_OVERRIDE, &field, name, faults, span);
}

/// The service account that a pod's spec names: the older `serviceAccount` stands in where `serviceAccountName` is not set.
///
/// The API server keeps the name in both fields. Of a spec that takes the place of `old`, a field of which it says nothing
/// else stays, and so does the name where it is taken out of one of them.
pub(crate) fn service_account<'a>(old: Option<Node<'a>>, spec: Node<'a>) -> &'a str {
    const KEYS: [&str; 2] = ["serviceAccountName", "serviceAccount"];
    let first = |names: [&'a str; 2]| {
        names
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
    };
    let Some(old) = old else {
        return first(KEYS.map(|key| text(spec, key)));
    };
    let kept = service_account(None, old);
    if KEYS.iter().all(|key| spec.field(key).is_none()) {
        return kept;
    }
    first(KEYS.map(|key| match (some_text(old, key), some_text(spec, key)) {
        (before, now) if before == now => kept,
        (_, now) => now.unwrap_or_default(),
    }))
}

fn check_service_account(pass: &mut Pass<'_>) {
    let name = service_account(pass.old_spec(), pass.spec);
    if !name.is_empty() {
        let spec = pass.spec_path();
        let field = spec.child("serviceAccountName");
        let keys = ["serviceAccountName", "serviceAccount"].into_iter();
        let said = keys
            .filter_map(|key| pass.spec.field(key))
            .find(|node| node.as_str() == Some(name));
        let span = said.unwrap_or(pass.spec).span();
        pass.faults(&POD_REFERENCE, &field, name, names::dns1123_subdomain(name), span);
    }
}

/// `spec.priorityClassName`, `runtimeClassName`, `preemptionPolicy`, `overhead`.
pub(crate) fn check_classes(pass: &mut Pass<'_>) {
    check_name(
        pass,
        &POD_REFERENCE,
        "priorityClassName",
        names::dns1123_subdomain,
    );
    let spec = pass.spec_path();
    if let Some(name) = some_text(pass.spec, "runtimeClassName") {
        let field = spec.child("runtimeClassName");
        let span = place(pass.spec, "runtimeClassName");
        pass.faults(&POD_REFERENCE, &field, name, names::dns1123_subdomain(name), span);
    }
    let policies = ["PreemptLowerPriority", "Never"];
    let policy =
        some_text(pass.spec, "preemptionPolicy").filter(|_| pass.feature("NonPreemptingPriority", 24));
    if let Some(policy) = policy {
        let field = spec.child("preemptionPolicy");
        let span = place(pass.spec, "preemptionPolicy");
        if policy.is_empty() {
            pass.required(&PREEMPTION_POLICY, &field, "", span);
        } else if !policies.contains(&policy) {
            pass.not_supported(&PREEMPTION_POLICY, &field, Shown::Named(policy), &policies, span);
        }
    }
    pod_resources::check_overhead(pass);
}

/// `spec.schedulingGroup`.
pub(crate) fn check_scheduling_group(pass: &mut Pass<'_>) {
    let known = pass.at_least(36) && pass.enabled("GenericWorkload");
    if let Some(group) = pass.spec.field("schedulingGroup").filter(|_| known) {
        let spec = pass.spec_path();
        let path = spec.child("schedulingGroup");
        let field = path.child("podGroupName");
        let span = place(group, "podGroupName");
        if let Some(name) = some_text(group, "podGroupName") {
            pass.faults(
                &SCHEDULING_GROUP,
                &field,
                name,
                names::dns1123_subdomain(name),
                span,
            );
        } else {
            let detail = "must specify one of: `podGroupName`";
            pass.invalid(&SCHEDULING_GROUP, &field, Shown::Null, detail, span);
        }
    }
}

/// What is asked of Pods and not of templates (`validatePodMetadataAndSpec`).
pub(crate) fn check_only_pods(pass: &mut Pass<'_>) {
    if !service_account(pass.old_spec(), pass.spec).is_empty() {
        return;
    }
    let spec = pass.spec_path();
    let volumes = spec.child("volumes");
    for (index, volume) in items(pass.spec, "volumes").enumerate() {
        let Some(projected) = volume.field("projected") else {
            continue;
        };
        let at = volumes.index(index);
        let path = at.child("projected");
        let sources = path.child("sources");
        for (index, source) in items(projected, "sources").enumerate() {
            if let Some(token) = source.field("serviceAccountToken") {
                let at = sources.index(index);
                let detail = "must not be specified when serviceAccountName is not set";
                let field = at.child("serviceAccountToken");
                pass.forbidden(&TOKEN_WITHOUT_ACCOUNT, &field, detail, token.span());
            }
        }
    }
}
