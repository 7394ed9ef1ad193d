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
    ("WindowsHostProcessContainers", 23, 28),
    ("PodSecurity", 23, 28),
    ("AppArmorFields", 30, 33),
    ("IdentifyPodOS", 24, 27),
    ("UserNamespacesSupport", 33, 99),
    ("ProcMountType", 33, 99),
    ("PodLevelResources", 34, 99),
];
