//! The question and its answer.

use std::collections::HashMap;

use porthole_manifest::Object;

use crate::aggregation;
use crate::binding::Binding;
use crate::built_in;
use crate::role::{Role, RoleKey, Rule};
use crate::user::User;

/// The group of roles and bindings.
const GROUP: &str = "rbac.authorization.k8s.io";
/// Its members may do everything, whatever roles there are.
const MASTERS: &str = "system:masters";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The verb, such as `use`.
    pub verb: &'a str,
    /// The API group; the core's is empty.
    pub group: &'a str,
    /// The resource in its plural, such as `gmsacredentialspecs`.
    pub resource: &'a str,
    /// The subresource, or nothing.
    pub subresource: &'a str,
    /// The name of the object; empty means all of them.
    pub name: &'a str,
    /// The namespace; empty means the whole cluster.
    pub namespace: &'a str,
}

impl<'a> Request<'a> {
    /// A request for all objects of a resource in the whole cluster.
    #[must_use]
    pub const fn new(verb: &'a str, group: &'a str, resource: &'a str) -> Self {
        Self {
            verb,
            group,
            resource,
            subresource: "",
            name: "",
            namespace: "",
        }
    }

    /// The same for one object.
    #[must_use]
    pub const fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// The same in a namespace.
    #[must_use]
    pub const fn in_namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, in the words of the API server's authoriser; empty where no rule says so.
    pub reason: String,
    /// Roles that bindings of the user name and that are not there: what is asked for may be in them.
    pub missing: Vec<RoleKey>,
}

/// Roles and bindings.
#[derive(Clone, Debug)]
pub struct Access {
    roles: HashMap<RoleKey, Role>,
    bindings: Vec<Binding>,
    names_authorizer: bool,
}

impl Default for Access {
    /// The roles that every cluster has.
    fn default() -> Self {
        Self {
            roles: built_in::cluster_roles().collect(),
            bindings: Vec::new(),
            names_authorizer: false,
        }
    }
}

impl Access {
    /// Whether the API server says which of its authorisers gives a reason for a refusal, as it does from 1.37 on.
    pub fn name_authorizer(&mut self, names: bool) {
        self.names_authorizer = names;
    }

    /// Takes a Role, ClusterRole, RoleBinding or ClusterRoleBinding; answers whether the object is one. What names no
    /// namespace is in `default`. A later role of a name replaces the earlier one, as applying both does.
    pub fn add(&mut self, object: &Object<'_>) -> bool {
        self.add_in(object, "default")
    }

    /// [`add`](Self::add) with the namespace of objects that name none.
    pub fn add_in(&mut self, object: &Object<'_>, default_namespace: &str) -> bool {
        if object.group() != GROUP {
            return false;
        }
        let name = || object.name.unwrap_or_default().to_owned();
        let namespace = || Some(object.namespace.unwrap_or(default_namespace).to_owned());
        match object.kind {
            Some("Role") => {
                let key = RoleKey {
                    namespace: namespace(),
                    name: name(),
                };
                self.roles.insert(key, Role::read(object));
            }
            Some("ClusterRole") => {
                let key = RoleKey {
                    namespace: None,
                    name: name(),
                };
                self.roles.insert(key, Role::read(object));
            }
            Some("RoleBinding") => self.bind(Binding::read(object, namespace())),
            Some("ClusterRoleBinding") => self.bind(Binding::read(object, None)),
            _ => return false,
        }
        true
    }

    /// Takes a binding; one of the same name and namespace is replaced.
    pub fn bind(&mut self, binding: Binding) {
        let same = |other: &&mut Binding| other.name == binding.name && other.namespace == binding.namespace;
        match self.bindings.iter_mut().find(same) {
            Some(earlier) => *earlier = binding,
            None => self.bindings.push(binding),
        }
    }

    /// The bindings, in the order in which they came.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The role of that key.
    #[must_use]
    pub fn role(&self, key: &RoleKey) -> Option<&Role> {
        self.roles.get(key)
    }

    /// Whether the user may.
    #[must_use]
    pub fn authorize(&self, user: &User, request: &Request<'_>) -> Verdict {
        if user.is_in(MASTERS) {
            return Verdict {
                allowed: true,
                reason: String::new(),
                missing: Vec::new(),
            };
        }
        let mut missing = Vec::new();
        // Bindings of the cluster are asked before those of the namespace.
        let cluster = self.bindings.iter().filter(|binding| binding.namespace.is_none());
        let local = self.bindings.iter().filter(|binding| {
            !request.namespace.is_empty() && binding.namespace.as_deref() == Some(request.namespace)
        });
        for binding in cluster.chain(local) {
            let Some(subject) = binding.subject_of(user) else {
                continue;
            };
            match self.rules_of(binding) {
                Ok(rules) if rules.iter().any(|rule| rule.allows(request)) => {
                    return Verdict {
                        allowed: true,
                        reason: format!("RBAC: allowed by {}", binding.describe(subject)),
                        missing,
                    };
                }
                Ok(_) => {}
                Err(key) => missing.push(key),
            }
        }
        let mut reason = not_found(&missing);
        if self.names_authorizer && !reason.is_empty() {
            reason.insert_str(0, "rbac: ");
        }
        Verdict {
            allowed: false,
            reason,
            missing,
        }
    }

    /// The rules that a binding gives, or the role that it names and that is not there.
    fn rules_of(&self, binding: &Binding) -> Result<Vec<&Rule>, RoleKey> {
        let namespace = match binding.role.kind.as_str() {
            "Role" => binding.namespace.clone(),
            _ => None,
        };
        let key = RoleKey {
            namespace,
            name: binding.role.name.clone(),
        };
        match self.roles.get(&key) {
            Some(role) => Ok(aggregation::rules_of(role, &self.roles)),
            None => Err(key),
        }
    }
}

/// What the authoriser says of roles that are not there.
fn not_found(missing: &[RoleKey]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for key in missing {
        let kind = if key.namespace.is_some() {
            "role"
        } else {
            "clusterrole"
        };
        let text = format!("{kind}.{GROUP} \"{}\" not found", key.name);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        several => format!("RBAC: [{}]", several.join(", ")),
    }
}
