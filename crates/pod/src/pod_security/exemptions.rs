//! Who is exempt from Pod Security, and whether the lists of them are valid.

use std::collections::BTreeSet;

use porthole_manifest::{Node, PodTemplate};

use super::fault::fault;
use crate::finding::{ErrorKind, Finding};
use crate::names;
use crate::path::Path;
use crate::report::text;
use crate::rule::Rule;
use crate::version::Version;

/// Who is exempt from Pod Security. Names are compared exactly; there are no patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemptions {
    /// Users that may create any pod. Pods that a controller creates are the controller's, not its user's.
    pub usernames: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// RuntimeClasses.
    pub runtime_classes: Vec<String>,
}

/// Why a pod is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exemption {
    /// Its namespace is exempt.
    Namespace,
    /// Whoever creates it is exempt.
    User,
    /// Its RuntimeClass is exempt.
    RuntimeClass,
}

impl Exemption {
    /// The word in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::User => "user",
            Self::RuntimeClass => "runtimeClass",
        }
    }
}

/// Whether `name` is one of `names`; an empty name never is.
fn is_listed(names: &[String], name: &str) -> bool {
    !name.is_empty() && names.iter().any(|listed| listed == name)
}

impl Exemptions {
    /// Whether the namespace is exempt.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        is_listed(&self.namespaces, name)
    }

    /// Whether the user is exempt.
    #[must_use]
    pub fn has_user(&self, name: &str) -> bool {
        is_listed(&self.usernames, name)
    }

    /// Whether the pod's RuntimeClass is exempt.
    #[must_use]
    pub fn has_runtime_class_of(&self, template: &PodTemplate<'_>) -> bool {
        let spec = template.spec;
        spec.is_some_and(|spec| is_listed(&self.runtime_classes, text(spec, "runtimeClassName")))
    }

    /// The lists below `exemptions`, and what is wrong with them, in the API server's order.
    pub(super) fn read(exemptions: Option<Node<'_>>, rule: &'static Rule) -> (Self, Vec<Finding>) {
        let mut errors = Vec::new();
        let mut list = |key: &str, fault_of: fn(&str) -> String| {
            let mut seen = BTreeSet::new();
            let mut names = Vec::new();
            let path = Path::root("exemptions");
            let path = path.child(key);
            let items = exemptions.and_then(|exemptions| exemptions.field(key));
            for (index, node) in items.into_iter().flat_map(Node::items).enumerate() {
                let name = node.as_str().unwrap_or_default();
                names.push(name.to_owned());
                let detail = fault_of(name);
                let kind = match (detail.is_empty(), seen.contains(name)) {
                    (false, _) => ErrorKind::Invalid,
                    (true, true) => ErrorKind::Duplicate,
                    (true, false) => {
                        seen.insert(name);
                        continue;
                    }
                };
                errors.push(fault(rule, kind, path.index(index).to_string(), node, detail));
            }
            names
        };
        let namespaces = list("namespaces", |name| {
            names::dns1123_label(name, Version::NEWEST).join(", ")
        });
        let runtime_classes = list("runtimeClasses", |name| names::dns1123_subdomain(name).join(", "));
        let usernames = list("usernames", |name| {
            if name.is_empty() {
                "username must not be empty".to_owned()
            } else {
                String::new()
            }
        });
        let exemptions = Self {
            usernames,
            namespaces,
            runtime_classes,
        };
        (exemptions, errors)
    }
}
