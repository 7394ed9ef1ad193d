//! The node whose verdict is asked for.

use std::fmt;
use std::str::FromStr;

use crate::options::Options;
use crate::version::Version;

/// A release of containerd, `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Containerd {
    major: u16,
    minor: u16,
}

/// Why a text is no release of containerd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a release of containerd; write it as 1.6, 1.7 or 2.1")]
pub struct ContainerdError(String);

impl Containerd {
    /// The newest: 2.x, whose minor releases do not differ in what is asked here.
    pub const NEWEST: Self = Self { major: 2, minor: 0 };

    /// The release `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Whether it starts HostProcess containers at all: from 1.6 on.
    #[must_use]
    pub fn has_host_process(self) -> bool {
        self >= Self::new(1, 6)
    }

    /// Whether it shows a HostProcess container its volumes where `mountPath` says, by Windows' bind filter, and knows
    /// local groups as accounts: from 1.7 on.
    #[must_use]
    pub fn binds_mounts(self) -> bool {
        self >= Self::new(1, 7)
    }
}

impl Default for Containerd {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for Containerd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Containerd {
    type Err = ContainerdError;

    /// Takes `1.6`, `v1.7`, `1.6.38` and `2.x`.
    fn from_str(text: &str) -> Result<Self, ContainerdError> {
        let malformed = || ContainerdError(text.to_owned());
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let mut number = || {
            let part = parts.next()?;
            if part == "x" {
                return Some(0);
            }
            part.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| part.parse::<u16>().ok())?
        };
        let (major, minor) = (number(), number());
        let patch = number();
        if parts.next().is_some() || patch.is_none() && text.matches('.').count() > 1 {
            return Err(malformed());
        }
        match (major, minor) {
            // There has been no other.
            (Some(major @ 1..=2), Some(minor)) => Ok(Self::new(major, minor)),
            (Some(2), None) if text.trim_start_matches('v') == "2" => Ok(Self::NEWEST),
            _ => Err(malformed()),
        }
    }
}

/// A Windows node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSetup {
    /// Its kubelet, with the kubelet's feature gates.
    pub kubelet: Options,
    /// Its containerd.
    pub containerd: Containerd,
}

impl NodeSetup {
    /// A node of a cluster: of the same version and gates, with the newest containerd.
    #[must_use]
    pub fn of(cluster: &Options) -> Self {
        Self {
            kubelet: cluster.clone(),
            containerd: Containerd::NEWEST,
        }
    }

    /// The same with another kubelet.
    #[must_use]
    pub fn with_kubelet(mut self, version: Version) -> Self {
        self.kubelet.kubernetes_version = version;
        self
    }

    /// The same with another containerd.
    #[must_use]
    pub const fn with_containerd(mut self, containerd: Containerd) -> Self {
        self.containerd = containerd;
        self
    }
}

impl Default for NodeSetup {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_containerd_are_read_in_their_spellings() {
        for (text, release) in [
            ("1.6", Containerd::new(1, 6)),
            ("v1.7.24", Containerd::new(1, 7)),
            ("2.x", Containerd::NEWEST),
            ("2", Containerd::NEWEST),
            ("2.1", Containerd::new(2, 1)),
        ] {
            assert_eq!(text.parse(), Ok(release), "{text}");
        }
        for text in ["", "1", "3.0", "1.6.1.1", "latest", "1.+6", "1."] {
            assert_eq!(
                text.parse::<Containerd>(),
                Err(ContainerdError(text.into())),
                "{text}"
            );
        }
        assert!(!Containerd::new(1, 5).has_host_process() && !Containerd::new(1, 6).binds_mounts());
        assert!(
            Containerd::new(1, 10).binds_mounts(),
            "numbers are compared, not texts"
        );
    }
}
