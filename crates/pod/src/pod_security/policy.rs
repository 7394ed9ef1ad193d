//! What a namespace asks for, by its labels.

use porthole_manifest::Node;

use super::fault::fault;
use super::level::{Level, LevelVersion, PolicyVersion};
use crate::finding::{ErrorKind, Finding};
use crate::options::Options;
use crate::path::Path;
use crate::rule::rules;

rules! { PodSecurity:
    /// The labels `pod-security.kubernetes.io/enforce`, `…/audit` and `…/warn` of a namespace are `privileged`, `baseline` or
    /// `restricted`; with `-version` behind their names they are `latest` or a version such as `v1.28`. A namespace with
    /// others is refused. Where one is there already, pods are held to `restricted`, and nothing is audited or warned of.
    NAMESPACE_LABEL = "pod-security-namespace-label";
}

/// What is asked of the pods of a namespace, by mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// What pods are refused for.
    pub enforce: LevelVersion,
    /// What the audit log tells.
    pub audit: LevelVersion,
    /// What whoever creates a pod or workload is warned of.
    pub warn: LevelVersion,
}

impl Policy {
    /// Asks nothing: what a cluster has where nobody said otherwise.
    pub const PRIVILEGED: Self = Self {
        enforce: LevelVersion::PRIVILEGED,
        audit: LevelVersion::PRIVILEGED,
        warn: LevelVersion::PRIVILEGED,
    };

    /// Whether all modes are `privileged`, at whatever version.
    #[must_use]
    pub fn is_fully_privileged(&self) -> bool {
        [self.enforce, self.audit, self.warn]
            .iter()
            .all(|mode| mode.level == Level::Privileged)
    }

    /// Whether both come to the same in every mode.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.enforce.is_equivalent(other.enforce)
            && self.audit.is_equivalent(other.audit)
            && self.warn.is_equivalent(other.warn)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::PRIVILEGED
    }
}

/// A namespace's labels, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// What is evaluated, also where labels are wrong.
    pub policy: Policy,
    /// The labels that are wrong. The API server refuses a new namespace for them; one that it has already keeps them.
    pub errors: Vec<Finding>,
}

/// The labels' common beginning, and that of the annotations in the audit log.
pub(super) const PREFIX: &str = "pod-security.kubernetes.io/";

/// A label of a namespace, by the part behind the common beginning.
pub(super) fn label<'a>(labels: Option<Node<'a>>, name: &str) -> Option<Node<'a>> {
    // A label that is null is an empty one.
    labels?
        .entries()
        .filter(|entry| entry.key.key_text().strip_prefix(PREFIX) == Some(name))
        .last()
        .map(|entry| entry.value)
}

/// The labels of an object.
pub(super) fn labels_of(object: Node<'_>) -> Option<Node<'_>> {
    object.field("metadata")?.field("labels")
}

impl NamespacePolicy {
    /// What a namespace without labels is held to.
    #[must_use]
    pub const fn unlabelled(defaults: Policy) -> Self {
        Self {
            policy: defaults,
            errors: Vec::new(),
        }
    }

    /// What the labels of `namespace`, an object of kind Namespace, ask for; `defaults` where they say nothing.
    #[must_use]
    pub fn of(namespace: Node<'_>, defaults: Policy, options: &Options) -> Self {
        let labels = labels_of(namespace);
        let mut read = Self::unlabelled(defaults);
        if labels.is_none() {
            return read;
        }
        let policy = &mut read.policy;
        let mut reader = Reader {
            labels,
            errors: &mut read.errors,
        };
        let enforce = reader.level("enforce");
        if let Some(level) = enforce {
            // Not knowing what is meant, the strictest is enforced.
            policy.enforce.level = level.unwrap_or(Level::Restricted);
        }
        reader.version("enforce-version", &mut policy.enforce);
        if let Some(level) = reader.level("audit") {
            policy.audit.level = level.unwrap_or(Level::Privileged);
        }
        reader.version("audit-version", &mut policy.audit);
        let warn = reader.level("warn");
        if let Some(level) = warn {
            policy.warn.level = level.unwrap_or(Level::Privileged);
        }
        let warn_version = reader.version("warn-version", &mut policy.warn);
        let stricter = matches!(enforce, Some(Ok(level)) if level > policy.warn.level);
        if options.at_least(26) && warn.is_none() && stricter {
            policy.warn.level = policy.enforce.level;
            if !warn_version {
                policy.warn.version = policy.enforce.version;
            }
        }
        read
    }
}

/// Reads labels, and keeps what is wrong with them.
struct Reader<'a, 'e> {
    labels: Option<Node<'a>>,
    errors: &'e mut Vec<Finding>,
}

impl Reader<'_, '_> {
    /// The level of a label, where it is set.
    fn level(&mut self, name: &str) -> Option<Result<Level, &'static str>> {
        let node = label(self.labels, name)?;
        let level = node.as_str().unwrap_or_default().parse::<Level>();
        Some(level.inspect_err(|detail| self.report(name, node, detail)))
    }

    /// Takes over the version of a label. Whether the label is set.
    fn version(&mut self, name: &str, mode: &mut LevelVersion) -> bool {
        let Some(node) = label(self.labels, name) else {
            return false;
        };
        let value = node.as_str().unwrap_or_default();
        mode.version = value.parse().unwrap_or_else(|detail| {
            self.report(name, node, detail);
            PolicyVersion::Latest
        });
        true
    }

    fn report(&mut self, name: &str, node: Node<'_>, detail: &str) {
        let labels = Path::root("metadata.labels");
        let key = format!("{PREFIX}{name}");
        let field = labels.key(&key).to_string();
        self.errors
            .push(fault(&NAMESPACE_LABEL, ErrorKind::Invalid, field, node, detail));
    }
}
