//! The system and processor that an image is made for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Operating system and architecture in Go's spelling, as OCI uses it: `windows/amd64`, `linux/arm64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `windows` or `linux`.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
}

impl Platform {
    /// Windows on 64-bit x86.
    #[must_use]
    pub fn windows_amd64() -> Self {
        Self {
            os: "windows".to_owned(),
            architecture: "amd64".to_owned(),
        }
    }

    /// Linux on 64-bit x86.
    #[must_use]
    pub fn linux_amd64() -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
        }
    }

    /// The platform of the machine that porthole was built for.
    #[must_use]
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self {
            os: std::env::consts::OS.to_owned(),
            architecture: architecture.to_owned(),
        }
    }

    /// Whether images of this platform hold Windows layers.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        self.os == "windows"
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::Platform {
            text: text.to_owned(),
        };
        let (os, architecture) = text.split_once('/').ok_or_else(refused)?;
        let plain = !architecture.is_empty() && architecture.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if matches!(os, "windows" | "linux") && plain {
            Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
            })
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn reads_what_it_writes() {
        for text in ["windows/amd64", "linux/amd64", "linux/arm64"] {
            assert_eq!(
                text.parse::<Platform>()
                    .map(|platform| platform.to_string())
                    .ok()
                    .as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn rejects_other_systems_and_half_platforms() {
        for text in [
            "",
            "windows",
            "windows/",
            "darwin/arm64",
            "linux/../x",
            "linux/arm/v7",
        ] {
            let error = text.parse::<Platform>().err().map(|error| error.to_string());
            assert_eq!(
                error,
                Some(format!(
                    "platform {text:?} is not windows/ARCHITECTURE or linux/ARCHITECTURE, such as windows/amd64"
                ))
            );
        }
    }
}
