//! Objects that stand beside pods: what the API server asks of each kind.

mod binding;
mod config_map;
pub(crate) mod credential_spec;
mod namespace;
mod priority_class;
mod role;
pub(crate) mod runtime_class;
pub(crate) mod secret;
pub(crate) mod service;

use porthole_manifest::Node;

use crate::options::Options;
use crate::report::Report;
use crate::rule::Rule;
use crate::rules::metadata::{self, Demands, NameForm, Scope};
use crate::rules::volumes;

/// The rules of these kinds.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [
        binding::RULES,
        config_map::RULES,
        credential_spec::RULES,
        namespace::RULES,
        priority_class::RULES,
        role::RULES,
        runtime_class::RULES,
        secret::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .chain(service::all_rules())
}

/// A kind whose own rules are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    ClusterRole,
    ClusterRoleBinding,
    ConfigMap,
    CredentialSpec,
    Namespace,
    PersistentVolumeClaim,
    PriorityClass,
    Role,
    RoleBinding,
    RuntimeClass,
    Secret,
    Service,
    ServiceAccount,
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// The kinds with their groups.
const KINDS: [(&str, &str, Known); 13] = [
    (RBAC, "ClusterRole", Known::ClusterRole),
    (RBAC, "ClusterRoleBinding", Known::ClusterRoleBinding),
    ("", "ConfigMap", Known::ConfigMap),
    ("", "Namespace", Known::Namespace),
    ("", "PersistentVolumeClaim", Known::PersistentVolumeClaim),
    ("scheduling.k8s.io", "PriorityClass", Known::PriorityClass),
    (RBAC, "Role", Known::Role),
    (RBAC, "RoleBinding", Known::RoleBinding),
    ("node.k8s.io", "RuntimeClass", Known::RuntimeClass),
    (
        credential_spec::GROUP,
        credential_spec::KIND,
        Known::CredentialSpec,
    ),
    ("", "Secret", Known::Secret),
    ("", "Service", Known::Service),
    ("", "ServiceAccount", Known::ServiceAccount),
];

impl Known {
    /// The kind of that name in that group, where its rules are known.
    pub(crate) fn of(group: &str, kind: &str) -> Option<Self> {
        let mut kinds = KINDS.iter();
        let found = kinds.find(|(of, name, _)| (*of, *name) == (group, kind))?;
        Some(found.2)
    }

    pub(crate) fn demands(self, options: &Options) -> Demands {
        let name = match self {
            Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding => {
                NameForm::PathSegment
            }
            Self::Namespace => NameForm::Label,
            Self::Service if options.at_least(34) && options.enabled("RelaxedServiceNameValidation") => {
                NameForm::Label
            }
            Self::Service => NameForm::Label1035,
            _ => NameForm::Subdomain,
        };
        let scope = match self {
            Self::Namespace => Scope::Namespace,
            Self::ClusterRole
            | Self::ClusterRoleBinding
            | Self::CredentialSpec
            | Self::PriorityClass
            | Self::RuntimeClass => Scope::Cluster,
            _ => Scope::Namespaced,
        };
        Demands {
            name,
            scope,
            writes_generation: matches!(self, Self::CredentialSpec | Self::PriorityClass),
            knows_finalizers: !matches!(self, Self::CredentialSpec | Self::RuntimeClass),
            added_finalizer: (self == Self::PersistentVolumeClaim).then_some("kubernetes.io/pvc-protection"),
        }
    }

    /// All that is asked of an object of the kind as it is, which may take the place of `old`: what was stored of that stays.
    pub(crate) fn check<'n>(self, report: &mut Report<'_>, old: Option<Node<'n>>, object: Node<'n>) {
        let demands = self.demands(report.options);
        if self == Self::Service {
            service::check(report, object, demands);
            return;
        }
        metadata::check(report, object, demands, None);
        match self {
            Self::ClusterRole => role::check_cluster(report, object),
            Self::ClusterRoleBinding => binding::check(report, object, false),
            Self::ConfigMap => config_map::check(report, object),
            Self::CredentialSpec => credential_spec::check(report, object),
            Self::Namespace => namespace::check(report, object),
            Self::PersistentVolumeClaim => {
                let path = crate::path::Path::root("spec");
                let old = old.map(|old| old.child("spec"));
                volumes::claim::check_object(report, old, object.child("spec"), &path);
            }
            Self::PriorityClass => priority_class::check(report, object),
            Self::Role => role::check(report, object),
            Self::RoleBinding => binding::check(report, object, true),
            Self::RuntimeClass => runtime_class::check(report, object),
            Self::Secret => {
                let contents = match old {
                    Some(old) => secret::Contents::over(old, object),
                    None => secret::Contents::of(object),
                };
                secret::check(report, object, &contents);
            }
            Self::Service | Self::ServiceAccount => {}
        }
    }
}
