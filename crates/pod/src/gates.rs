//! Feature gates: which there are in which version, whether they are on, and what may be set.

use crate::version::Version;

/// Feature gates that are set otherwise than the version has them (`--feature-gates`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    set: Vec<(String, bool)>,
}

impl Gates {
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
    ("WindowsHostProcessContainers", 23, 28),
    ("IdentifyPodOS", 24, 27),
    ("UserNamespacesSupport", 33, 99),
    ("ProcMountType", 33, 99),
    ("PodLevelResources", 34, 99),
    ("AppArmor", 22, 33),
    ("AppArmorFields", 30, 33),
    ("ContainerRestartRules", 35, 99),
    ("DownwardAPIHugePages", 23, 29),
    ("DynamicResourceAllocation", 34, 99),
    ("EnvFiles", 35, 99),
    ("EphemeralContainers", 23, 27),
    ("ImageVolume", 35, 99),
    ("InPlacePodVerticalScaling", 33, 99),
    ("PodHostIPs", 29, 32),
    ("PodLifecycleSleepAction", 30, 37),
    ("PodLifecycleSleepActionAllowZero", 33, 37),
    ("ProbeTerminationGracePeriod", 25, 29),
    ("RecursiveReadOnlyMounts", 31, 99),
    ("RelaxedEnvironmentVariableValidation", 32, 99),
    ("RestartAllContainersOnContainerExits", 36, 99),
    ("SidecarContainers", 29, 37),
];
