//! The pod's own fields.

use std::time::Duration;

use porthole_manifest::{Node, PodTemplate};

use super::reader::{Reader, Table, Treatment};
use super::{
    ContainerSpec, Note, PodSpec, Refusal, Weight, annotation, container, holder, job, name, node, volume,
    workload,
};
use crate::conduct::RestartPolicy;
use Treatment::{Note as Noted, Read, Refuse, RefuseUnless};

const ONE_MACHINE: &str = "there is one machine, and nothing to schedule";
const HOST_NETWORK: &str = "host processes use the host's network and name";
const NO_CLUSTER: &str = "there is no cluster that would know the service account";
pub(super) const NEXT: &str = "is not supported by this version of porthole";
const HOST_PROCESS: &str = "a host process sees the host as it is";

const POD: &Table = &[
    ("activeDeadlineSeconds", Read),
    ("affinity", Read),
    ("automountServiceAccountToken", Noted(NO_CLUSTER)),
    ("containers", Read),
    ("dnsConfig", Noted(HOST_NETWORK)),
    ("dnsPolicy", Noted(HOST_NETWORK)),
    ("enableServiceLinks", Noted("there are no services")),
    (
        "ephemeralContainers",
        Refuse("ephemeral containers are added to running pods only"),
    ),
    ("hostAliases", Refuse(HOST_PROCESS)),
    ("hostIPC", Noted(HOST_PROCESS)),
    ("hostNetwork", Read),
    ("hostPID", Noted(HOST_PROCESS)),
    ("hostUsers", RefuseUnless("true", HOST_PROCESS)),
    ("hostname", Noted(HOST_NETWORK)),
    ("hostnameOverride", Noted(HOST_NETWORK)),
    (
        "imagePullSecrets",
        Noted("registries are asked under `run --pull` alone"),
    ),
    ("initContainers", Read),
    ("nodeName", Noted(ONE_MACHINE)),
    ("nodeSelector", Read),
    ("os", Read),
    ("overhead", Noted(ONE_MACHINE)),
    ("preemptionPolicy", Noted(ONE_MACHINE)),
    ("priority", Noted(ONE_MACHINE)),
    ("priorityClassName", Noted(ONE_MACHINE)),
    (
        "readinessGates",
        Noted("nobody here sets the conditions; the pod is ready when its containers are"),
    ),
    ("resourceClaims", Refuse(NEXT)),
    (
        "resources",
        Refuse("limits of a whole pod are not supported; set them on the containers"),
    ),
    ("restartPolicy", Read),
    ("runtimeClassName", Noted("porthole is the runtime")),
    ("schedulerName", Noted(ONE_MACHINE)),
    ("schedulingGates", Noted(ONE_MACHINE)),
    ("schedulingGroup", Noted(ONE_MACHINE)),
    ("securityContext", Read),
    ("serviceAccount", Noted(NO_CLUSTER)),
    ("serviceAccountName", Read),
    ("setHostnameAsFQDN", Noted(HOST_NETWORK)),
    ("shareProcessNamespace", Noted(HOST_PROCESS)),
    ("subdomain", Noted(HOST_NETWORK)),
    ("terminationGracePeriodSeconds", Read),
    ("tolerations", Noted(ONE_MACHINE)),
    ("topologySpreadConstraints", Noted(ONE_MACHINE)),
    ("volumes", Read),
    ("workloadRef", Noted(ONE_MACHINE)),
];

const BY_ACCOUNT: &str = "a host process runs as its Windows account (windowsOptions.runAsUserName)";

const SECURITY_CONTEXT: &Table = &[
    ("appArmorProfile", Refuse(HOST_PROCESS)),
    ("fsGroup", Refuse(BY_ACCOUNT)),
    ("fsGroupChangePolicy", Refuse(BY_ACCOUNT)),
    ("runAsGroup", Refuse(BY_ACCOUNT)),
    ("runAsNonRoot", Read),
    ("runAsUser", Refuse(BY_ACCOUNT)),
    ("seLinuxChangePolicy", Refuse(HOST_PROCESS)),
    ("seLinuxOptions", Refuse(HOST_PROCESS)),
    ("seccompProfile", Refuse(HOST_PROCESS)),
    ("supplementalGroups", Refuse(BY_ACCOUNT)),
    ("supplementalGroupsPolicy", Refuse(BY_ACCOUNT)),
    ("sysctls", Refuse(HOST_PROCESS)),
    ("windowsOptions", Read),
];

/// `windowsOptions` of pods and containers: its rules and its effect are the `pod` crate's.
pub(super) const WINDOWS_OPTIONS: &Table = &[
    ("gmsaCredentialSpec", Read),
    ("gmsaCredentialSpecName", Read),
    ("hostProcess", Read),
    ("runAsUserName", Read),
];

const DEFAULT_GRACE: u64 = 30;
/// A hundred years: what is longer is as good as for ever, and no clock counts that far.
pub(super) const LONGEST_GRACE: u64 = 100 * 365 * 24 * 60 * 60;

/// Reads the pod of a template.
///
/// # Errors
/// Everything that is refused, in the order of the reading.
pub fn read(template: &PodTemplate<'_>) -> Result<PodSpec, Vec<Refusal>> {
    let mut reader = Reader::default();
    let prefix = template.prefix;
    holder::read(&mut reader, template);
    name::check_holder(&mut reader, template);
    let Some(spec) = template.spec else {
        reader.refuse(prefix, template.object.span(), "must be set");
        return Err(reader.refusals);
    };
    workload::read(&mut reader, template);
    let job = job::read(&mut reader, template);
    reader.fields(spec, prefix, POD);
    let metadata_path = prefix.strip_suffix("spec").unwrap_or_default();
    let metadata_path = format!("{metadata_path}metadata");
    let mut of_metadata = |key| match template.metadata {
        Some(metadata) if metadata.is_mapping() => reader.pairs(metadata, &metadata_path, key),
        _ => Vec::new(),
    };
    let labels = of_metadata("labels");
    let annotations = of_metadata("annotations");
    node::read(&mut reader, spec, prefix);
    if let Some(context) = spec.field("securityContext") {
        let path = format!("{prefix}.securityContext");
        reader.fields(context, &path, SECURITY_CONTEXT);
        windows_options(&mut reader, context, &path);
        reader.boolean(context, &path, "runAsNonRoot");
    }
    let volumes = volume::read(&mut reader, spec, prefix);
    let grace = reader.number(spec, prefix, "terminationGracePeriodSeconds");
    let grace = Duration::from_secs(grace.map_or(DEFAULT_GRACE, |grace| grace.value.min(LONGEST_GRACE)));
    let mut containers = |key| {
        let init = key == "initContainers";
        let items = reader.items(spec, prefix, key);
        items
            .into_iter()
            .filter_map(|(item, path)| container::read(&mut reader, item, path, &volumes, init, grace))
            .collect::<Vec<_>>()
    };
    let init_containers = containers("initContainers");
    let containers = containers("containers");
    unique_names(&mut reader, &init_containers, &containers);
    if containers.is_empty() && reader.refusals.is_empty() {
        reader.refuse(
            format!("{prefix}.containers"),
            spec.span(),
            "must name a container",
        );
    }
    let active_deadline = job::active_deadline(&mut reader, spec, prefix);
    let service_account = service_account(&mut reader, spec, prefix);
    let restart_policy = restart_policy(&mut reader, spec, prefix);
    let runtime_limits = annotation::read(&mut reader, &annotations, &metadata_path);
    if !reader.refusals.is_empty() {
        return Err(reader.refusals);
    }
    let plain = |pairs: Vec<(String, super::Written<String>)>| {
        pairs.into_iter().map(|(key, value)| (key, value.value)).collect()
    };
    Ok(PodSpec {
        prefix,
        span: spec.span(),
        labels: plain(labels),
        annotations: plain(annotations),
        init_containers,
        containers,
        volumes,
        grace,
        restart_policy,
        active_deadline,
        job,
        runtime_limits,
        service_account,
        notes: reader.notes,
    })
}

pub(super) fn windows_options(reader: &mut Reader, context: Node<'_>, path: &str) {
    if let Some(options) = context.field("windowsOptions") {
        reader.fields(options, &format!("{path}.windowsOptions"), WINDOWS_OPTIONS);
    }
}

/// Containers of one name would be one container: of one job object and one cgroup.
fn unique_names(reader: &mut Reader, init: &[ContainerSpec], main: &[ContainerSpec]) {
    let mut seen = std::collections::HashSet::new();
    for container in init.iter().chain(main) {
        if !seen.insert(container.name.as_str()) {
            let reason = format!(
                "Duplicate value: {:?}: another container of this pod has that name",
                container.name
            );
            reader.refuse(format!("{}.name", container.path), container.span, reason);
        }
    }
}

fn service_account(reader: &mut Reader, spec: Node<'_>, prefix: &str) -> String {
    match reader.string(spec, prefix, "serviceAccountName") {
        Some(name) if !name.value.is_empty() => {
            reader.note(format!("{prefix}.serviceAccountName"), name.span, NO_CLUSTER);
            name.value
        }
        _ => "default".to_owned(),
    }
}

/// What is said of a policy where nothing is started again.
pub const RUNS_ONCE: &str = "in the foreground containers run once and are not restarted";

/// The policy of the pod; with a note for where it is not followed, which is for the caller to know.
fn restart_policy(reader: &mut Reader, spec: Node<'_>, prefix: &str) -> RestartPolicy {
    let field = || format!("{prefix}.restartPolicy");
    let written = reader.string(spec, prefix, "restartPolicy");
    let written = written.filter(|policy| !policy.value.is_empty());
    let (policy, span, weight) = match &written {
        None => (RestartPolicy::Always, spec.span(), Weight::Default),
        Some(policy) => match policy.value.as_str() {
            "Never" => return RestartPolicy::Never,
            "Always" => (RestartPolicy::Always, policy.span, Weight::Unasked),
            "OnFailure" => (RestartPolicy::OnFailure, policy.span, Weight::Unasked),
            other => {
                let reason = format!("Unsupported value: {other:?}: must be Always, OnFailure or Never");
                reader.refuse(field(), policy.span, reason);
                return RestartPolicy::Never;
            }
        },
    };
    reader.notes.push(Note {
        field: field(),
        span,
        reason: RUNS_ONCE,
        weight,
    });
    policy
}
