//! Feature gates: which there are in which version, whether they are on, and what may be set.

use crate::version::Version;

/// Feature gates that are set otherwise than the version has them (`--feature-gates`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    set: Vec<(String, bool)>,
}

impl Gates {
    /// The same with `gate` on or off, whatever the version has it.
    #[must_use]
    pub fn with(mut self, gate: impl Into<String>, on: bool) -> Self {
        self.set.push((gate.into(), on));
        self
    }

    /// Whether `gate` is on in `version`.
    #[must_use]
    pub fn enabled(&self, gate: &str, version: Version) -> bool {
        if let Some((_, on)) = self.set.iter().rev().find(|(name, _)| name == gate) {
            return *on;
        }
        let minor = version.minor();
        DEFAULTS
            .iter()
            .find(|(name, ..)| *name == gate)
            .is_some_and(|(_, on_from, gone_from)| minor >= *on_from && minor < *gone_from)
    }
}

/// Gates by their name: the first minor version in which they are on, and the first that no longer has them.
const DEFAULTS: &[(&str, u16, u16)] = &[
    ("AppArmor", 22, 33),
    ("CSIInlineVolume", 22, 27),
    ("ClusterTrustBundleProjection", 37, 99),
    ("ConfigurableFSGroupPolicy", 22, 25),
    ("ContainerRestartRules", 35, 99),
    ("DownwardAPIHugePages", 23, 29),
    ("DynamicResourceAllocation", 34, 99),
    ("EnvFiles", 35, 99),
    ("EphemeralContainers", 23, 27),
    ("ExpandedDNSConfig", 26, 30),
    ("GenericEphemeralVolume", 22, 25),
    ("HostnameOverride", 35, 99),
    ("PodSecurity", 23, 28),
    ("AppArmorFields", 30, 33),
    ("IdentifyPodOS", 24, 27),
    ("ImageVolume", 35, 99),
    ("InPlacePodVerticalScaling", 33, 99),
    ("LocalStorageCapacityIsolation", 22, 27),
    ("MatchLabelKeysInPodAffinity", 31, 99),
    ("MatchLabelKeysInPodTopologySpread", 27, 99),
    ("MatchLabelKeysInPodTopologySpreadSelectorMerge", 34, 99),
    ("MinDomainsInPodTopologySpread", 27, 32),
    ("NodeInclusionPolicyInPodTopologySpread", 26, 99),
    ("NonPreemptingPriority", 22, 26),
    ("PodAffinityNamespaceSelector", 22, 26),
    ("PodCertificateRequest", 37, 99),
    ("PodDeletionCost", 22, 99),
    ("PodHostIPs", 29, 32),
    ("PodLevelResources", 34, 99),
    ("PodLifecycleSleepAction", 30, 37),
    ("PodLifecycleSleepActionAllowZero", 33, 37),
    ("PodOverhead", 22, 26),
    ("PodSchedulingReadiness", 27, 99),
    ("ProbeTerminationGracePeriod", 25, 29),
    ("ProcMountType", 33, 99),
    ("ReadWriteOncePod", 27, 31),
    ("RecursiveReadOnlyMounts", 31, 99),
    ("RelaxedDNSSearchValidation", 33, 37),
    ("RelaxedEnvironmentVariableValidation", 32, 99),
    ("RestartAllContainersOnContainerExits", 36, 99),
    ("SELinuxChangePolicy", 33, 99),
    ("SELinuxMount", 37, 99),
    ("SidecarContainers", 29, 37),
    ("StrictIPCIDRValidation", 36, 99),
    ("SupplementalGroupsPolicy", 33, 99),
    ("UserNamespacesSupport", 33, 99),
    ("VolumeAttributesClass", 34, 99),
    ("WindowsHostProcessContainers", 23, 28),
];
