//! Security identifiers.

use std::fmt;
use std::str::FromStr;

/// A security identifier in its text form, `S-1-AUTHORITY-SUB-SUB…` ([MS-DTYP] 2.4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid {
    authority: u64,
    sub_authorities: Vec<u32>,
}

/// A text that is no security identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not of the form S-1-5-21-A-B-C")]
pub struct SidError;

impl Sid {
    /// Whether this is a domain's identifier: `S-1-5-21` and three numbers.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.authority == 5 && self.sub_authorities.len() == 4 && self.sub_authorities[0] == 21
    }

    /// The domain of an account's identifier: without the account's number.
    #[must_use]
    pub fn domain_of_account(&self) -> Option<Self> {
        let is_account =
            self.authority == 5 && self.sub_authorities.len() == 5 && self.sub_authorities[0] == 21;
        is_account.then(|| Self {
            authority: 5,
            sub_authorities: self.sub_authorities[..4].to_vec(),
        })
    }
}

impl FromStr for Sid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Self, SidError> {
        let mut parts = text.split('-');
        if !parts.next().is_some_and(|first| first.eq_ignore_ascii_case("s")) || parts.next() != Some("1") {
            return Err(SidError);
        }
        let number = |part: &str| -> Result<u64, SidError> {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits {
                part.parse().map_err(|_| SidError)
            } else {
                Err(SidError)
            }
        };
        let authority = number(parts.next().ok_or(SidError)?)?;
        let sub_authorities = parts
            .map(|part| u32::try_from(number(part)?).map_err(|_| SidError))
            .collect::<Result<Vec<_>, _>>()?;
        // The binary form has room for fifteen.
        if authority >= 1 << 48 || sub_authorities.is_empty() || sub_authorities.len() > 15 {
            return Err(SidError);
        }
        Ok(Self {
            authority,
            sub_authorities,
        })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.sub_authorities
            .iter()
            .try_for_each(|number| write!(f, "-{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_accounts_are_told_apart() {
        let domain: Sid = "S-1-5-21-2126449477-2524075714-3094792973".parse().unwrap();
        assert!(domain.is_domain());
        let account: Sid = "s-1-5-21-2126449477-2524075714-3094792973-1104".parse().unwrap();
        assert!(!account.is_domain());
        assert_eq!(account.domain_of_account(), Some(domain.clone()));
        assert_eq!(domain.domain_of_account(), None);
        assert_eq!(domain.to_string(), "S-1-5-21-2126449477-2524075714-3094792973");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "S-1",
            "S-1-5",
            "S-2-5-21",
            "S-1-5-21-x",
            "S-1-5-21--1",
            "S-1-5-4294967296",
            "X-1-5-21",
            "S-1-5-+1",
        ] {
            assert_eq!(text.parse::<Sid>(), Err(SidError), "{text}");
        }
    }
}
