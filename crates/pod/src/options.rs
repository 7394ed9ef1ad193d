//! Whose verdict is asked for.

use crate::gates::Gates;
use crate::version::Version;

/// The cluster whose verdict is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The version of the cluster.
    pub kubernetes_version: Version,
    /// Feature gates that are set otherwise than the version has them.
    pub gates: Gates,
    /// Whether the API server runs with `--allow-privileged`, as nearly all do.
    pub allow_privileged: bool,
}

impl Options {
    /// A cluster of that version, set up as is usual.
    #[must_use]
    pub fn of(version: Version) -> Self {
        Self {
            kubernetes_version: version,
            gates: Gates::default(),
            allow_privileged: true,
        }
    }

    /// Whether the cluster is of version `1.minor` or newer.
    #[must_use]
    pub const fn at_least(&self, minor: u16) -> bool {
        self.kubernetes_version.at_least(minor)
    }

    /// Whether the feature `gate` is on. One that the version does not have is off.
    #[must_use]
    pub fn enabled(&self, gate: &str) -> bool {
        self.gates.enabled(gate, self.kubernetes_version)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::of(Version::NEWEST)
    }
}
