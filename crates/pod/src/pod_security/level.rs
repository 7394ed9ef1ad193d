//! Levels and versions of the Pod Security Standards.

use std::fmt;
use std::str::FromStr;

/// A level of the Pod Security Standards, the laxest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Asks nothing. HostProcess pods need it.
    Privileged,
    /// Refuses what is known to reach the host.
    Baseline,
    /// Asks for what hardens a pod.
    Restricted,
}

/// Which version of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyVersion {
    /// The newest that the server knows.
    Latest,
    /// That of Kubernetes 1.N. One that the server does not know yet is its newest.
    Minor(u64),
}

/// A level at a version, written `baseline:v1.28` or `restricted:latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LevelVersion {
    /// The level.
    pub level: Level,
    /// The version.
    pub version: PolicyVersion,
}

impl Level {
    /// The level as labels spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = &'static str;

    /// Takes the level exactly as labels spell it; else the API server's words for what it may be.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err("must be one of privileged, baseline, restricted"),
        }
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

impl FromStr for PolicyVersion {
    type Err = &'static str;

    /// Takes `latest` and `v1.N`, without leading zeroes; else the API server's words for what it may be.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        text.strip_prefix("v1.")
            .filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|minor| *minor == "0" || !minor.starts_with('0'))
            // The server holds it in Go's `int`.
            .and_then(|minor| minor.parse::<i64>().ok())
            .and_then(|minor| u64::try_from(minor).ok())
            .map(Self::Minor)
            .ok_or("must be \"latest\" or \"v1.x\"")
    }
}

impl LevelVersion {
    /// That level at that version.
    #[must_use]
    pub const fn new(level: Level, version: PolicyVersion) -> Self {
        Self { level, version }
    }

    /// Asks nothing.
    pub const PRIVILEGED: Self = Self::new(Level::Privileged, PolicyVersion::Latest);

    /// Whether both come to the same: at the level `privileged` the version does not matter.
    #[must_use]
    pub fn is_equivalent(self, other: Self) -> bool {
        (self.level == Level::Privileged && other.level == Level::Privileged) || self == other
    }
}

impl FromStr for LevelVersion {
    type Err = String;

    /// Takes `baseline` and `baseline:v1.28`; without a version it is the latest.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (level, version) = text.split_once(':').unwrap_or((text, "latest"));
        let error = |of: &str, value: &str, error: &str| format!("{of} `{value}` of Pod Security {error}");
        Ok(Self {
            level: level.parse().map_err(|why| error("the level", level, why))?,
            version: version
                .parse()
                .map_err(|why| error("the version", version, why))?,
        })
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_versions_as_the_server_does() {
        for (text, version) in [
            ("latest", PolicyVersion::Latest),
            ("v1.0", PolicyVersion::Minor(0)),
            ("v1.37", PolicyVersion::Minor(37)),
            (
                "v1.9223372036854775807",
                PolicyVersion::Minor(9_223_372_036_854_775_807),
            ),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
            assert_eq!(version.to_string(), text);
        }
        for text in [
            "",
            "Latest",
            "1.37",
            "v1.",
            "v1.01",
            "v1.-1",
            "v1.+1",
            "v2.0",
            "v1.1.0",
            "v1.9223372036854775808",
        ] {
            assert_eq!(
                text.parse::<PolicyVersion>(),
                Err("must be \"latest\" or \"v1.x\""),
                "{text}"
            );
        }
        assert!("Baseline".parse::<Level>().is_err(), "levels have one spelling");
    }
}
