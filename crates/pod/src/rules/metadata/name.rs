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
        }
    }

    /// What is wrong with what names are generated of. A dash at its end is left out, and the byte before it as well.
    pub(crate) fn prefix_faults(self, base: &str, version: Version) -> Faults {
        let masked = base.strip_suffix('-').filter(|rest| !rest.is_empty());
        match masked.and_then(|rest| rest.get(..rest.len() - 1)) {
            Some(rest) => self.faults(&format!("{rest}a"), version),
            None => self.faults(base, version),
        }
    }
}
