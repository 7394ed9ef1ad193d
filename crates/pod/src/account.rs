//! Windows accounts.
//!
//! An account is parsed once, by the API server's own grammar of `runAsUserName`, and compared as Windows compares
//! names: without regard to case, and with the spellings of the well-known accounts taken for one.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::account_grammar::{self, AccountError};

/// A Windows account: a user, a service account or a local group.
///
/// ```
/// use porthole_pod::Account;
///
/// let service = Account::parse("NT AUTHORITY\\NetworkService").expect("well-formed");
/// assert_eq!(service, Account::parse("network service").expect("well-formed"));
/// assert_eq!(service.to_string(), "NT AUTHORITY\\NETWORK SERVICE");
/// assert_eq!(service.as_written(), "NT AUTHORITY\\NetworkService");
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    written: String,
    /// The byte of the backslash in `written`, if there is one.
    backslash: Option<usize>,
    well_known: Option<WellKnown>,
}

/// An account that every Windows host, or every container of one, has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WellKnown {
    /// `NT AUTHORITY\SYSTEM`, also `LocalSystem`.
    System,
    /// `NT AUTHORITY\LOCAL SERVICE`.
    LocalService,
    /// `NT AUTHORITY\NETWORK SERVICE`.
    NetworkService,
    /// The unprivileged account of an isolated container.
    ContainerUser,
    /// The administrator of an isolated container.
    ContainerAdministrator,
    /// The host's built-in administrator.
    Administrator,
    /// The group `BUILTIN\Administrators`.
    Administrators,
}

impl WellKnown {
    /// The one spelling that messages use.
    #[must_use]
    pub const fn canonical(self) -> &'static str {
        match self {
            Self::System => r"NT AUTHORITY\SYSTEM",
            Self::LocalService => r"NT AUTHORITY\LOCAL SERVICE",
            Self::NetworkService => r"NT AUTHORITY\NETWORK SERVICE",
            Self::ContainerUser => "ContainerUser",
            Self::ContainerAdministrator => "ContainerAdministrator",
            Self::Administrator => "Administrator",
            Self::Administrators => r"BUILTIN\Administrators",
        }
    }

    /// Windows' own spellings: services with and without their blank, each with and without the domain that it is of.
    fn find(domain: Option<&str>, name: &str) -> Option<Self> {
        let (found, of) = match name.to_lowercase().as_str() {
            "system" | "localsystem" => (Self::System, Some("nt authority")),
            "local service" | "localservice" => (Self::LocalService, Some("nt authority")),
            "network service" | "networkservice" => (Self::NetworkService, Some("nt authority")),
            "containeruser" => (Self::ContainerUser, Some("user manager")),
            "containeradministrator" => (Self::ContainerAdministrator, Some("user manager")),
            "administrator" => (Self::Administrator, None),
            "administrators" => (Self::Administrators, Some("builtin")),
            _ => return None,
        };
        match domain {
            None => Some(found),
            Some(domain) => (of == Some(domain.to_lowercase().as_str())).then_some(found),
        }
    }
}

impl Account {
    /// The account that `text` names, as `runAsUserName` spells it: `NAME` or `DOMAIN\NAME`.
    ///
    /// # Errors
    /// Every fault that the API server finds, in its order.
    pub fn parse(text: &str) -> Result<Self, Vec<AccountError>> {
        let errors = account_grammar::check(text);
        if !errors.is_empty() {
            return Err(errors);
        }
        let backslash = text.find('\\');
        let (domain, name) = split(text, backslash);
        Ok(Self {
            written: text.to_owned(),
            backslash,
            well_known: WellKnown::find(domain, name),
        })
    }

    /// The account of a well-known name.
    #[must_use]
    pub fn of(well_known: WellKnown) -> Self {
        let written = well_known.canonical().to_owned();
        Self {
            backslash: written.find('\\'),
            written,
            well_known: Some(well_known),
        }
    }

    /// The domain as it is written: `NT AUTHORITY`, a directory's domain, a computer's name.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        split(&self.written, self.backslash).0
    }

    /// The name of the user or group as it is written.
    #[must_use]
    pub fn name(&self) -> &str {
        split(&self.written, self.backslash).1
    }

    /// The account as the manifest spells it.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// Which well-known account this is, in any of its spellings.
    #[must_use]
    pub fn well_known(&self) -> Option<WellKnown> {
        self.well_known
    }

    /// Whether the account's name says that it may do everything on the host: SYSTEM, an administrator, or the group
    /// of them. Whether another account is a member of that group only the host knows.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        matches!(
            self.well_known,
            Some(
                WellKnown::System
                    | WellKnown::ContainerAdministrator
                    | WellKnown::Administrator
                    | WellKnown::Administrators
            )
        )
    }

    /// Whether the domain is one of those that Windows itself has on every host: `NT AUTHORITY`, `BUILTIN`, those of
    /// services and of application pools, and the one of containers.
    #[must_use]
    pub fn is_of_windows(&self) -> bool {
        const DOMAINS: [&str; 5] = [
            "nt authority",
            "builtin",
            "nt service",
            "iis apppool",
            "user manager",
        ];
        self.domain()
            .is_some_and(|domain| DOMAINS.contains(&domain.to_ascii_lowercase().as_str()))
    }

    /// What accounts are compared by.
    fn identity(&self) -> (Option<WellKnown>, String) {
        match self.well_known {
            Some(well_known) => (Some(well_known), String::new()),
            None => (None, self.written.to_lowercase()),
        }
    }
}

fn split(text: &str, backslash: Option<usize>) -> (Option<&str>, &str) {
    match backslash {
        Some(at) => (Some(&text[..at]), &text[at + 1..]),
        None => (None, text),
    }
}

impl std::str::FromStr for Account {
    type Err = Vec<AccountError>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Account {
    /// The canonical spelling of a well-known account, else the account as it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.well_known
                .map_or(&self.written, |account| account.canonical()),
        )
    }
}

impl Serialize for Account {
    /// As it is displayed.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    /// What [`Account::parse`] takes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|errors| {
            let reason = errors.first().map(ToString::to_string).unwrap_or_default();
            serde::de::Error::custom(reason)
        })
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Account {}

impl Hash for Account {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for Account {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Account {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> Account {
        Account::parse(text).expect("well-formed")
    }

    #[test]
    fn spellings_of_a_well_known_account_are_one_account() {
        let cases: &[(WellKnown, &[&str])] = &[
            (
                WellKnown::System,
                &[
                    "SYSTEM",
                    "system",
                    "LocalSystem",
                    r"NT AUTHORITY\SYSTEM",
                    r"nt authority\System",
                ],
            ),
            (
                WellKnown::LocalService,
                &[
                    "LOCAL SERVICE",
                    "Local service",
                    "LocalService",
                    r"NT AUTHORITY\Local service",
                ],
            ),
            (
                WellKnown::NetworkService,
                &[
                    "NETWORK SERVICE",
                    "NetworkService",
                    r"NT AUTHORITY\NetworkService",
                ],
            ),
            (
                WellKnown::ContainerUser,
                &["ContainerUser", r"User Manager\containeruser"],
            ),
            (
                WellKnown::ContainerAdministrator,
                &["ContainerAdministrator", r"User Manager\ContainerAdministrator"],
            ),
            (WellKnown::Administrator, &["Administrator", "ADMINISTRATOR"]),
            (
                WellKnown::Administrators,
                &["Administrators", r"BUILTIN\Administrators"],
            ),
        ];
        for (well_known, spellings) in cases {
            for spelling in *spellings {
                assert_eq!(account(spelling).well_known(), Some(*well_known), "{spelling}");
                assert_eq!(account(spelling), Account::of(*well_known), "{spelling}");
                assert_eq!(account(spelling).as_written(), *spelling);
                assert_eq!(account(spelling).to_string(), well_known.canonical());
            }
        }
    }

    #[test]
    fn a_domain_makes_another_account_of_a_well_known_name() {
        for text in [
            r"CORP\SYSTEM",
            r"CORP\Administrator",
            r"BUILTIN\ContainerUser",
            r"NT AUTHORITY\Administrators",
        ] {
            assert_eq!(account(text).well_known(), None, "{text}");
            assert!(!account(text).is_administrator(), "{text}");
        }
    }

    #[test]
    fn accounts_are_compared_without_case() {
        assert_eq!(account(r"CORP\Svc$"), account(r"corp\svc$"));
        assert_ne!(account(r"CORP\svc"), account("svc"));
        assert_eq!(account(r"CORP\Svc$").to_string(), r"CORP\Svc$");
        assert_eq!(
            (account(r"CORP\Svc$").domain(), account(r"CORP\Svc$").name()),
            (Some("CORP"), "Svc$")
        );
        assert_eq!((account("svc").domain(), account("svc").name()), (None, "svc"));
    }

    #[test]
    fn administrators_are_known_by_name() {
        for text in [
            "SYSTEM",
            "ContainerAdministrator",
            "administrator",
            r"BUILTIN\Administrators",
        ] {
            assert!(account(text).is_administrator(), "{text}");
        }
        for text in ["ContainerUser", "LocalService", "admin", "Users"] {
            assert!(!account(text).is_administrator(), "{text}");
        }
    }
}
