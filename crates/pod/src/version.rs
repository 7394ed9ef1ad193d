//! Versions of Kubernetes.

use std::fmt;
use std::str::FromStr;

/// A minor version of Kubernetes whose answers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    minor: u16,
}

/// Why a text is no version that porthole knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not of the form `1.N`.
    #[error("`{0}` is not a version of Kubernetes; write it as {newest}", newest = Version::NEWEST)]
    Malformed(String),
    /// A version whose rules are not known.
    #[error("the rules of Kubernetes {0} are not known; known are {oldest} to {newest}", oldest = Version::OLDEST, newest = Version::NEWEST)]
    Unknown(String),
}

impl Version {
    /// Kubernetes 1.22, the oldest known: the first with HostProcess containers.
    pub const OLDEST: Self = Self { minor: 22 };
    /// Kubernetes 1.37, the newest known.
    pub const NEWEST: Self = Self { minor: 37 };

    /// `1.minor`, where its rules are known.
    #[must_use]
    pub const fn new(minor: u16) -> Option<Self> {
        if minor >= Self::OLDEST.minor && minor <= Self::NEWEST.minor {
            Some(Self { minor })
        } else {
            None
        }
    }

    /// Every version that is known, the oldest first.
    #[must_use]
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (Self::OLDEST.minor..=Self::NEWEST.minor).map(|minor| Self { minor })
    }

    /// The version that a server calls itself, such as `v1.34.2-eks-1a2b`, where its rules are known.
    #[must_use]
    pub fn of_server(said: &str) -> Option<Self> {
        said.split(['-', '+']).next()?.parse().ok()
    }

    /// Whether this is `1.minor` or newer.
    #[must_use]
    pub const fn at_least(self, minor: u16) -> bool {
        self.minor >= minor
    }

    /// The number after `1.`.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.minor
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Takes `1.37`, `v1.37` and `1.37.2`.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let malformed = || VersionError::Malformed(text.to_owned());
        let number = text.strip_prefix('v').unwrap_or(text);
        let mut parts = number.split('.').map(|part| {
            part.parse::<u16>()
                .ok()
                .filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let major = parts.next().flatten().ok_or_else(malformed)?;
        let minor = parts.next().flatten().ok_or_else(malformed)?;
        if parts.next().is_some_and(|patch| patch.is_none()) || parts.next().is_some() {
            return Err(malformed());
        }
        let known = (major == 1).then(|| Self::new(minor)).flatten();
        known.ok_or_else(|| VersionError::Unknown(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_known_versions_in_their_spellings() {
        for text in ["1.37", "v1.37", "1.37.0"] {
            assert_eq!(text.parse(), Ok(Version::NEWEST), "{text}");
        }
        assert_eq!(Version::NEWEST.to_string(), "1.37");
        assert_eq!("v1.22.17".parse(), Ok(Version::OLDEST));
        assert_eq!(Version::all().count(), 16);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in ["1.21", "1.38", "2.37", "1.99"] {
            assert_eq!(
                text.parse::<Version>(),
                Err(VersionError::Unknown(text.into())),
                "{text}"
            );
        }
        for text in ["", "1", "latest", "1.x", "1.37.x", "1.37.0.0", "1.+37", "37"] {
            assert_eq!(
                text.parse::<Version>(),
                Err(VersionError::Malformed(text.into())),
                "{text}"
            );
        }
    }
}
