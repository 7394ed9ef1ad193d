//! Bindings: who has which role, and where.

use porthole_manifest::{Node, Object, Span};

use crate::user::{User, service_account_name};

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// The namespace of a RoleBinding; nothing for a ClusterRoleBinding, which counts everywhere.
    pub namespace: Option<String>,
    /// The role.
    pub role: RoleReference,
    /// Who has it.
    pub subjects: Vec<Subject>,
}

/// The role that a binding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleReference {
    /// `Role` or `ClusterRole`.
    pub kind: String,
    /// The role's name.
    pub name: String,
    /// Where the name stands, in a manifest.
    pub span: Option<Span>,
}

/// Somebody that a binding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The namespace of a service account.
    pub namespace: Option<String>,
}

impl Binding {
    /// Reads a RoleBinding in `namespace`, or a ClusterRoleBinding.
    pub(crate) fn read(object: &Object<'_>, namespace: Option<String>) -> Self {
        let role = object.node.child("roleRef");
        Self {
            name: object.name.unwrap_or_default().to_owned(),
            namespace,
            role: RoleReference {
                kind: text(role, "kind"),
                name: text(role, "name"),
                span: role.field("name").map(Node::span),
            },
            subjects: object.node.child("subjects").items().map(Subject::read).collect(),
        }
    }

    /// The first of the subjects that is `user`.
    pub(crate) fn subject_of(&self, user: &User) -> Option<&Subject> {
        self.subjects
            .iter()
            .find(|subject| subject.is(user, self.namespace.as_deref()))
    }

    /// The binding and the subject as the authoriser's reason names them.
    pub(crate) fn describe(&self, subject: &Subject) -> String {
        let role = format!("{} \"{}\"", self.role.kind, self.role.name);
        let subject = match (subject.kind.as_str(), &subject.namespace) {
            ("ServiceAccount", Some(namespace)) => format!("ServiceAccount \"{}/{namespace}\"", subject.name),
            ("ServiceAccount", None) => {
                let namespace = self.namespace.as_deref().unwrap_or_default();
                format!("ServiceAccount \"{}/{namespace}\"", subject.name)
            }
            (kind, _) => format!("{kind} \"{}\"", subject.name),
        };
        match &self.namespace {
            Some(namespace) => format!("RoleBinding \"{}/{namespace}\" of {role} to {subject}", self.name),
            None => format!("ClusterRoleBinding \"{}\" of {role} to {subject}", self.name),
        }
    }
}

impl Subject {
    fn read(node: Node<'_>) -> Self {
        Self {
            kind: text(node, "kind"),
            name: text(node, "name"),
            namespace: Some(text(node, "namespace")).filter(|namespace| !namespace.is_empty()),
        }
    }

    /// A service account without a namespace is of the binding's, where that has one.
    fn is(&self, user: &User, of_binding: Option<&str>) -> bool {
        match self.kind.as_str() {
            "User" => self.name == user.name,
            "Group" => user.is_in(&self.name),
            "ServiceAccount" => self
                .namespace
                .as_deref()
                .or(of_binding)
                .is_some_and(|namespace| service_account_name(namespace, &self.name) == user.name),
            _ => false,
        }
    }
}

fn text(node: Node<'_>, key: &str) -> String {
    node.child(key).as_str().unwrap_or_default().to_owned()
}
