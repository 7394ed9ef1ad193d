//! Which of an index's images are wanted.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::error::Error;
use crate::oci::Descriptor;
use crate::{Digest, Platform};

/// A platform asked for: `OS/ARCH` or `OS/ARCH/VARIANT`, with the version of Windows in brackets where one is meant, as
/// containerd writes it: `windows(10.0.20348)/amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// System and architecture.
    pub platform: Platform,
    variant: Option<String>,
    version: Option<String>,
}

impl Wanted {
    /// This host's.
    #[must_use]
    pub fn host() -> Self {
        Self {
            platform: Platform::host(),
            variant: None,
            version: None,
        }
    }
}

impl FromStr for Wanted {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::Platform {
            text: text.to_owned(),
        };
        let mut parts = text.splitn(3, '/');
        let os = parts.next().unwrap_or_default();
        let architecture = parts.next().ok_or_else(refused)?;
        let variant = parts.next().map(str::to_owned);
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if variant.as_deref().is_some_and(|variant| !plain(variant)) {
            return Err(refused());
        }
        let (os, version) = match os.strip_suffix(')').and_then(|os| os.split_once('(')) {
            Some((os, version)) if !version.is_empty() && os == "windows" => (os, Some(version.to_owned())),
            Some(_) => return Err(refused()),
            None => (os, None),
        };
        if version
            .as_deref()
            .is_some_and(|version| numbers(version).is_none())
        {
            return Err(refused());
        }
        let platform = format!("{os}/{architecture}").parse().map_err(|_| refused())?;
        Ok(Self {
            platform,
            variant,
            version,
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.platform.os)?;
        if let Some(version) = &self.version {
            write!(formatter, "({version})")?;
        }
        write!(formatter, "/{}", self.platform.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// A manifest as an index of a registry lists it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default)]
    platform: Option<EntryPlatform>,
}

#[derive(Clone, Debug, Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default, rename = "os.version")]
    version: Option<String>,
}

impl Entry {
    /// The descriptor as the store keeps it.
    pub(super) fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(&self.media_type, self.digest.clone(), self.size);
        descriptor.platform = self.platform.as_ref().map(|platform| Platform {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
        });
        descriptor
    }

    /// Whether it is an image at all: attestations and other artifacts stand beside them.
    pub(super) fn is_image(&self) -> bool {
        let unknown = self
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown");
        !unknown && self.descriptor().is_manifest()
    }

    fn shown(&self) -> String {
        match &self.platform {
            Some(platform) => Wanted {
                platform: Platform {
                    os: platform.os.clone(),
                    architecture: platform.architecture.clone(),
                },
                variant: platform.variant.clone(),
                version: platform.version.clone(),
            }
            .to_string(),
            None => "a platform that the index does not name".to_owned(),
        }
    }
}

/// The entry that fits best. An image for the very version of Windows goes before one of the same build, and the
/// newest before others: HostProcess containers use the host's own system, so an image of any version runs.
pub(super) fn choose<'a>(entries: &'a [Entry], wanted: &Wanted) -> Option<&'a Entry> {
    let mut best: Option<(&Entry, Rank)> = None;
    for entry in entries.iter().filter(|entry| entry.is_image()) {
        let Some(rank) = entry
            .platform
            .as_ref()
            .and_then(|platform| rank(platform, wanted))
        else {
            continue;
        };
        // The first of equals.
        if best
            .as_ref()
            .is_none_or(|(_, known)| rank.cmp(known) == Ordering::Greater)
        {
            best = Some((entry, rank));
        }
    }
    best.map(|(entry, _)| entry)
}

/// What an index is for, for messages.
pub(super) fn available(entries: &[Entry]) -> String {
    let mut shown: Vec<String> = entries
        .iter()
        .filter(|entry| entry.is_image())
        .map(Entry::shown)
        .collect();
    shown.dedup();
    // An index may list a thousand.
    let more = shown.len().saturating_sub(20);
    shown.truncate(20);
    match (shown.is_empty(), more) {
        (true, _) => "no platform at all".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The variant fits, same version, same build, the version's numbers.
type Rank = (bool, bool, bool, Vec<u64>);

fn rank(platform: &EntryPlatform, wanted: &Wanted) -> Option<Rank> {
    if platform.os != wanted.platform.os || platform.architecture != wanted.platform.architecture {
        return None;
    }
    let filled = |variant: &Option<String>| variant.clone().filter(|variant| !variant.is_empty());
    // 64-bit ARM is v8 where nothing is said.
    let usual = |variant: Option<String>| match variant {
        None if platform.architecture == "arm64" => Some("v8".to_owned()),
        other => other,
    };
    let (has, wants) = (usual(filled(&platform.variant)), filled(&wanted.variant));
    if wants.is_some() && has != wants {
        return None;
    }
    let preferred = has == usual(wants);
    let version = platform.version.as_deref().and_then(numbers).unwrap_or_default();
    let asked = wanted.version.as_deref().and_then(numbers).unwrap_or_default();
    let same = !asked.is_empty() && version == asked;
    let build = !asked.is_empty() && version.iter().take(3).eq(asked.iter().take(3));
    if !asked.is_empty() && !build {
        return None;
    }
    Some((preferred, same, build, version))
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u8, platform: &str) -> Entry {
        let digest = Digest::of(&[number]);
        let text = format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":1,"platform":{platform}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn place(entries: &[Entry], wanted: &str) -> Option<usize> {
        let chosen = choose(entries, &wanted.parse().unwrap())?;
        entries.iter().position(|entry| entry.digest == chosen.digest)
    }

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "linux/amd64",
            "linux/arm/v7",
            "windows/amd64",
            "windows(10.0.20348.1)/amd64",
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "linux",
            "linux/",
            "linux/arm/",
            "linux/arm/v7/x",
            "darwin/arm64",
            "linux(1)/amd64",
            "windows()/amd64",
            "windows(x)/amd64",
        ] {
            let said = text.parse::<Wanted>().unwrap_err().to_string();
            assert!(said.contains("is not OS/ARCH"), "{text}: {said}");
        }
    }

    #[test]
    fn the_newest_windows_unless_one_is_named() {
        let windows = |number, version: &str| {
            entry(
                number,
                &format!(r#"{{"os":"windows","architecture":"amd64","os.version":"{version}"}}"#),
            )
        };
        let entries = [
            windows(0, "10.0.17763.5"),
            windows(1, "10.0.20348.99"),
            windows(2, "10.0.20348.100"),
            entry(3, r#"{"os":"linux","architecture":"amd64"}"#),
        ];
        assert_eq!(place(&entries, "windows/amd64"), Some(2));
        assert_eq!(place(&entries, "windows(10.0.17763)/amd64"), Some(0));
        assert_eq!(place(&entries, "windows(10.0.20348.99)/amd64"), Some(1));
        assert_eq!(place(&entries, "windows(10.0.20348.7)/amd64"), Some(2));
        assert_eq!(place(&entries, "windows(10.0.1)/amd64"), None);
        assert_eq!(place(&entries, "linux/amd64"), Some(3));
        assert_eq!(place(&entries, "linux/arm64"), None);
    }

    #[test]
    fn variants_are_kept_apart_where_one_is_named() {
        let entries = [
            entry(0, r#"{"os":"linux","architecture":"arm","variant":"v6"}"#),
            entry(1, r#"{"os":"linux","architecture":"arm","variant":"v7"}"#),
            entry(2, r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#),
        ];
        assert_eq!(place(&entries, "linux/arm/v7"), Some(1));
        assert_eq!(place(&entries, "linux/arm/v5"), None);
        assert_eq!(place(&entries, "linux/arm"), Some(0));
        assert_eq!(place(&entries, "linux/arm64"), Some(2));
        assert_eq!(place(&entries, "linux/arm64/v8"), Some(2));
    }

    #[test]
    fn attestations_are_no_images() {
        let entries = [entry(0, r#"{"os":"unknown","architecture":"unknown"}"#)];
        assert_eq!(available(&entries), "no platform at all");
    }
}
