//! The roles and bindings of a grant.
//!
//! A service account is used by pods of its own namespace, and it is asked there whether it may: a Role of that namespace is
//! enough. Each right is a Role and each service account's share in it a RoleBinding, so that what is granted later takes
//! nothing away, and one right of one account can be taken back alone.

use porthole_admission::decide::Usable;
use porthole_install::{Kind, Object, Reference};
use serde_json::{Value, json};

use super::{Right, ServiceAccount};

const GROUP: &str = "rbac.authorization.k8s.io";
/// The longest part of a name that is taken from what is granted.
const LONGEST: usize = 63;

/// The objects: of each namespace the roles first.
pub(super) fn of(accounts: &[ServiceAccount], rights: &[Right]) -> Vec<Object> {
    let mut namespaces: Vec<&str> = Vec::new();
    for account in accounts {
        if !namespaces.contains(&account.namespace.as_str()) {
            namespaces.push(&account.namespace);
        }
    }
    let mut objects = Vec::new();
    for namespace in namespaces {
        objects.extend(rights.iter().map(|right| role(namespace, right)));
        let here = accounts.iter().filter(|account| account.namespace == namespace);
        objects.extend(here.flat_map(|account| rights.iter().map(|right| binding(account, right))));
    }
    objects
}

fn role(namespace: &str, right: &Right) -> Object {
    object(Kind::ROLE, namespace, name(right), |value| {
        value["rules"] = json!([{
            "apiGroups": [right.what.group()],
            "resources": [right.what.resource()],
            "resourceNames": [right.name],
            "verbs": ["use"],
        }]);
    })
}

fn binding(account: &ServiceAccount, right: &Right) -> Object {
    let role = name(right);
    let ServiceAccount { namespace, name } = account;
    object(Kind::ROLE_BINDING, namespace, format!("{role}:{name}"), |value| {
        value["roleRef"] = json!({"apiGroup": GROUP, "kind": Kind::ROLE.name, "name": role});
        value["subjects"] = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
    })
}

fn object(kind: Kind, namespace: &str, name: String, fill: impl FnOnce(&mut Value)) -> Object {
    let mut value = json!({
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/name": "porthole",
                "app.kubernetes.io/component": "grant",
                "app.kubernetes.io/managed-by": "porthole",
            },
        },
    });
    fill(&mut value);
    Object {
        reference: Reference::new(kind, namespace, name),
        value,
    }
}

/// The name of the role. Where it does not tell the right from all others, a number does.
fn name(right: &Right) -> String {
    let kind = match right.what {
        Usable::CredentialSpec => "credential-spec",
        Usable::HostAccount => "host-account",
    };
    let mut words = String::new();
    for character in right.name.chars() {
        if words.len() == LONGEST {
            break;
        }
        let is_plain = character.is_ascii_lowercase() || character.is_ascii_digit() || character == '.';
        if is_plain {
            words.push(character);
        } else if !words.is_empty() && !words.ends_with('-') {
            words.push('-');
        }
    }
    let words = words.trim_end_matches('-');
    if words == right.name {
        format!("porthole:{kind}:{words}")
    } else {
        format!("porthole:{kind}:{words}:{:08x}", number(&right.name))
    }
}

/// The same for the same text, always: 32 bits of FNV-1a.
fn number(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(what: Usable, name: &str) -> Right {
        Right {
            what,
            name: name.to_owned(),
        }
    }

    fn account(namespace: &str, name: &str) -> ServiceAccount {
        ServiceAccount {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn names_are_legal_and_tell_rights_apart() {
        for (right, expected) in [
            (
                right(Usable::CredentialSpec, "webapp1"),
                "porthole:credential-spec:webapp1",
            ),
            (
                right(Usable::HostAccount, "administrator"),
                "porthole:host-account:administrator",
            ),
            (
                right(Usable::HostAccount, r"nt authority\system"),
                "porthole:host-account:nt-authority-system:41686ee7",
            ),
            (
                right(Usable::HostAccount, r"nt-authority\system"),
                "porthole:host-account:nt-authority-system:c52d8120",
            ),
            (
                right(Usable::HostAccount, "администратор"),
                "porthole:host-account::c29a6db2",
            ),
        ] {
            assert_eq!(name(&right), expected);
            assert!(!expected.contains(['/', '%', '\\']));
        }
        let long = "x".repeat(104);
        assert!(name(&right(Usable::HostAccount, &long)).len() < 253 - 63);
        assert_ne!(
            name(&right(Usable::HostAccount, &long)),
            name(&right(Usable::HostAccount, &long[1..]))
        );
    }

    #[test]
    fn a_grant_is_a_role_for_each_right_and_a_binding_for_each_account() {
        let accounts = [
            account("shop", "web"),
            account("bank", "web"),
            account("shop", "db"),
        ];
        let rights = [
            right(Usable::CredentialSpec, "webapp1"),
            right(Usable::HostAccount, "web"),
        ];
        let objects = of(&accounts, &rights);
        let identities: Vec<_> = objects
            .iter()
            .map(|object| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let metadata = &object.value["metadata"];
                format!(
                    "{} {}/{}",
                    text(&object.value["kind"]),
                    text(&metadata["namespace"]),
                    text(&metadata["name"])
                )
            })
            .collect();
        assert_eq!(
            identities,
            [
                "Role shop/porthole:credential-spec:webapp1",
                "Role shop/porthole:host-account:web",
                "RoleBinding shop/porthole:credential-spec:webapp1:web",
                "RoleBinding shop/porthole:host-account:web:web",
                "RoleBinding shop/porthole:credential-spec:webapp1:db",
                "RoleBinding shop/porthole:host-account:web:db",
                "Role bank/porthole:credential-spec:webapp1",
                "Role bank/porthole:host-account:web",
                "RoleBinding bank/porthole:credential-spec:webapp1:web",
                "RoleBinding bank/porthole:host-account:web:web",
            ]
        );
        assert_eq!(
            objects[1].value["rules"],
            json!([{"apiGroups": ["porthole.dev"], "resources": ["hostaccounts"], "resourceNames": ["web"], "verbs": ["use"]}])
        );
    }
}
