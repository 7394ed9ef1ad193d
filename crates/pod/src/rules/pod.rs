//! Fields of a pod spec that have no rules of their own module.

use crate::validate::Pass;

/// `spec.resourceClaims`.
pub(crate) fn check_resource_claims(_pass: &mut Pass<'_>) {}

/// `spec.restartPolicy` and `spec.dnsPolicy`.
pub(crate) fn check_policies(_pass: &mut Pass<'_>) {}

/// `spec.shareProcessNamespace`.
pub(crate) fn check_share_process_namespace(_pass: &mut Pass<'_>) {}

/// `spec.imagePullSecrets`.
pub(crate) fn check_image_pull_secrets(_pass: &mut Pass<'_>) {}

/// `spec.dnsConfig`.
pub(crate) fn check_dns_config(_pass: &mut Pass<'_>) {}

/// `spec.hostnameOverride`, `serviceAccountName`, `nodeName`, `activeDeadlineSeconds`, `hostname`, `subdomain`.
pub(crate) fn check_names(_pass: &mut Pass<'_>) {}

/// `spec.hostAliases`.
pub(crate) fn check_host_aliases(_pass: &mut Pass<'_>) {}

/// `spec.priorityClassName`, `runtimeClassName`, `preemptionPolicy`, `overhead`.
pub(crate) fn check_classes(_pass: &mut Pass<'_>) {}

/// `spec.schedulingGroup` and what comes after it.
pub(crate) fn check_scheduling_group(_pass: &mut Pass<'_>) {}

/// What is asked of Pods and not of templates (`validatePodMetadataAndSpec`).
pub(crate) fn check_only_pods(_pass: &mut Pass<'_>) {}

/// What is asked when a Pod is created (`ValidatePodCreate`), after ephemeral containers.
pub(crate) fn check_create(_pass: &mut Pass<'_>) {}
