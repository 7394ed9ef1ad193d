//! What the names of kinds may look like.

use std::borrow::Cow;

use crate::names::{self, Faults};
use crate::version::Version;

/// The form of a kind's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// Labels of a DNS name, joined by periods.
    Subdomain,
    /// The same, in the words of what types themselves declare.
    Declared,
    /// One label of a DNS name.
    Label,
    /// One label of a DNS name as RFC 1035 has it: it begins with a letter.
    Label1035,
    /// Whatever fits between two slashes of a URL.
    PathSegment,
}

impl NameForm {
    /// What is wrong with a name.
    pub(crate) fn faults(self, name: &str, version: Version) -> Faults {
        match self {
            Self::Subdomain => names::dns1123_subdomain(name),
            Self::Declared => {
                let mut faults = names::dns1123_subdomain(name);
                if name.len() > names::SUBDOMAIN_LIMIT {
                    let detail = format!("must be no more than {} bytes", names::SUBDOMAIN_LIMIT);
                    faults[0] = Cow::Owned(detail);
                }
                faults
            }
            Self::Label => names::dns1123_label(name, version),
            Self::Label1035 => names::dns1035_label(name),
            Self::PathSegment => match name {
                "." => vec![Cow::Borrowed("may not be '.'")],
                ".." => vec![Cow::Borrowed("may not be '..'")],
                _ => segment_faults(name),
            },
        }
    }

    /// What is wrong with what names are generated of. A dash at its end is left out, and the byte before it as well.
    pub(crate) fn prefix_faults(self, base: &str, version: Version) -> Faults {
        // A role's base is looked at as a name.
        if self == Self::PathSegment {
            return self.faults(base, version);
        }
        let masked = base.strip_suffix('-').filter(|rest| !rest.is_empty());
        match masked.and_then(|rest| rest.get(..rest.len() - 1)) {
            Some(rest) => self.faults(&format!("{rest}a"), version),
            None => self.faults(base, version),
        }
    }
}

fn segment_faults(name: &str) -> Faults {
    ['/', '%']
        .into_iter()
        .filter(|refused| name.contains(*refused))
        .map(|refused| Cow::Owned(format!("may not contain '{refused}'")))
        .collect()
}
