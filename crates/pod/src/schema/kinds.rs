//! The kinds that objects are created of, and the life of each.

use std::sync::OnceLock;

use super::types::{TypeId, Types};
use super::{lines, range};
use crate::version::Version;

static TEXT: &str = include_str!("kinds.txt");

/// A kind of one version of its group, such as `policy/v1beta1 PodDisruptionBudget`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKind {
    /// `apiVersion`, such as `apps/v1`.
    pub api_version: &'static str,
    /// `kind`, such as `Deployment`.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// The name of its Go type, such as `apps/v1.Deployment`.
    structure: &'static str,
    known: Vec<(u16, u16)>,
    served: Vec<(u16, u16)>,
    deprecated: Option<u16>,
    removed: Option<u16>,
    replacement: Option<(&'static str, &'static str)>,
}

/// The kind of that name, where it is one of Kubernetes' own.
#[must_use]
pub fn kind(api_version: &str, kind: &str) -> Option<&'static ApiKind> {
    let all = all();
    let found = all.binary_search_by_key(&(api_version, kind), |known| (known.api_version, known.kind));
    all.get(found.ok()?)
}

/// All kinds, in the order of their versions and names.
fn all() -> &'static [ApiKind] {
    static ALL: OnceLock<Vec<ApiKind>> = OnceLock::new();
    ALL.get_or_init(|| lines(TEXT).into_iter().filter_map(parse).collect())
}

/// The kinds of that version of a group, where it is one of Kubernetes' own.
pub fn of_version(api_version: &str) -> impl Iterator<Item = &'static ApiKind> {
    all().iter().filter(move |known| known.api_version == api_version)
}

/// The kinds of that name, in all versions of all groups.
pub fn of_name(kind: &str) -> impl Iterator<Item = &'static ApiKind> {
    all().iter().filter(move |known| known.kind == kind)
}

fn parse(line: &'static str) -> Option<ApiKind> {
    let mut words = line.split(' ');
    let mut parsed = ApiKind {
        api_version: words.next()?,
        kind: words.next()?,
        namespaced: true,
        structure: words.next()?,
        known: Vec::new(),
        served: Vec::new(),
        deprecated: None,
        removed: None,
        replacement: None,
    };
    for word in words {
        match word.split_once('=') {
            None if word == "cluster" => parsed.namespaced = false,
            Some(("known", versions)) => parsed.known.push(range(versions)?),
            Some(("served", versions)) => parsed.served.push(range(versions)?),
            Some(("deprecated", minor)) => parsed.deprecated = Some(minor.parse().ok()?),
            Some(("removed", minor)) => parsed.removed = Some(minor.parse().ok()?),
            Some(("replacement", name)) => parsed.replacement = Some(name.rsplit_once('.')?),
            _ => return None,
        }
    }
    Some(parsed)
}

fn within(ranges: &[(u16, u16)], version: Version) -> bool {
    ranges
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&version.minor()))
}

impl ApiKind {
    /// The group, such as `apps`; that of the core is empty.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether the server of `version` serves the kind as it is set up by default.
    #[must_use]
    pub fn is_served(&self, version: Version) -> bool {
        within(&self.served, version)
    }

    /// Whether the code of `version` has the kind, be it served or not: alpha and beta kinds are served on demand.
    #[must_use]
    pub fn is_known(&self, version: Version) -> bool {
        within(&self.known, version)
    }

    /// Its Go type in `version`.
    #[must_use]
    pub fn structure(&self, version: Version) -> Option<TypeId> {
        Types::of(version).find(self.structure)
    }

    /// The minor version of Kubernetes from which on no server has the kind.
    #[must_use]
    pub const fn removed(&self) -> Option<u16> {
        self.removed
    }

    /// `apiVersion` and `kind` of what is used instead.
    #[must_use]
    pub const fn replacement(&self) -> Option<(&'static str, &'static str)> {
        self.replacement
    }

    /// The newest version that serves the kind by default.
    pub(crate) fn last_served(&self) -> Option<Version> {
        self.served.last().and_then(|(_, last)| Version::new(*last))
    }

    /// The oldest version that serves the kind by default.
    pub(crate) fn first_served(&self) -> Option<Version> {
        self.served.first().and_then(|(first, _)| Version::new(*first))
    }

    /// What the server of `version` warns of with each request about the kind.
    #[must_use]
    pub fn deprecation_warning(&self, version: Version) -> Option<String> {
        let deprecated = self.deprecated.filter(|minor| version.at_least(*minor))?;
        let mut text = format!(
            "{} {} is deprecated in v1.{deprecated}+",
            self.api_version, self.kind
        );
        if let Some(removed) = self.removed {
            text.push_str(", unavailable in v1.");
            text.push_str(&removed.to_string());
            text.push('+');
        }
        if let Some((api_version, kind)) = self.replacement {
            text.push_str("; use ");
            text.push_str(api_version);
            text.push(' ');
            text.push_str(kind);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_read_and_has_a_type_in_every_version_that_knows_it() {
        let all = lines(TEXT);
        assert!(all.is_sorted(), "the search needs an order");
        for line in all {
            let read = parse(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(kind(read.api_version, read.kind), Some(&read), "{line}");
            for version in Version::all().filter(|version| read.is_known(*version)) {
                assert!(read.structure(version).is_some(), "{line} in {version}");
            }
        }
    }

    #[test]
    fn kinds_are_served_while_they_live() {
        let budget = kind("policy/v1beta1", "PodDisruptionBudget").expect("it was served");
        let version = |minor| Version::new(minor).expect("it is known");
        assert!(budget.is_served(version(24)) && !budget.is_served(version(25)));
        assert_eq!(
            budget.deprecation_warning(version(24)).as_deref(),
            Some(
                "policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+, unavailable in v1.25+; \
                 use policy/v1 PodDisruptionBudget"
            )
        );
        let scaler = kind("autoscaling/v2", "HorizontalPodAutoscaler").expect("it is served");
        assert!(!scaler.is_served(version(22)) && scaler.is_served(version(23)));
        assert_eq!(scaler.deprecation_warning(Version::NEWEST), None);
        let old = kind("autoscaling/v2beta2", "HorizontalPodAutoscaler").expect("it was served");
        assert_eq!(
            old.deprecation_warning(version(22)),
            None,
            "it was deprecated in 1.23"
        );
        assert_eq!(kind("windows.k8s.io/v1", "GMSACredentialSpec"), None);
        assert_eq!(kind("v1", "PodList"), None);
    }
}
