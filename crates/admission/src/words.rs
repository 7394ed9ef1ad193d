//! The words of the GMSA webhook, which people and tools look for, and those of host accounts, which are made like them.
//!
//! Of credential specs they are those of kubernetes-sigs/windows-gmsa to the letter, its spelling included. Names and contents are quoted as
//! Go's `%q` does.

use porthole_pod::go_quote;

use crate::decide::{CannotTell, Usable};

/// The service account may not use it. `reason` is the authoriser's and may be empty.
pub(crate) fn unauthorized(account: &str, what: Usable, name: &str, reason: &str) -> String {
    let mut text = format!(
        "service account {} is not authorized to `use` {} {}",
        go_quote(account),
        what.word(),
        go_quote(name)
    );
    if !reason.is_empty() {
        text.push_str(", reason: ");
        text.push_str(&go_quote(reason));
    }
    text
}

/// Nobody can tell whether the service account may use it.
pub(crate) fn unsure(account: &str, what: Usable, name: &str, error: &CannotTell) -> String {
    format!(
        "cannot tell whether service account {} is authorized to `use` {} {}: error when checking authz access: {error}",
        go_quote(account),
        what.word(),
        go_quote(name)
    )
}

/// What to try where the service account may not use it.
pub(crate) fn grant(account: &str, namespace: &str, what: Usable, name: &str) -> String {
    let (resource, group) = (what.resource(), what.group());
    format!(
        "bind a ClusterRole with the verb `use` on `{resource}.{group}` named `{name}` to service account \
         `{account}` in namespace `{namespace}`"
    )
}

/// There is no such resource.
pub(crate) fn unknown(spec: &str) -> String {
    format!("cred spec {spec} does not exist")
}

/// The resource has no contents.
pub(crate) fn empty(spec: &str) -> String {
    format!("cred spec {spec} does not have a credspec key")
}

/// The resource cannot be asked for.
pub(crate) fn unavailable(spec: &str, reason: &str) -> String {
    format!("unable to retrieve the contents of cred spec {spec}: {reason}")
}

/// The pod's contents are not those of the resource. `reason` says which side is no JSON object, where one is not.
pub(crate) fn differs(word: &str, name: &str, spec: &str, reason: Option<&str>) -> String {
    let text = format!(
        "the GMSA cred spec contents for {word} {} does not match the contents of GMSA resource {}",
        go_quote(name),
        go_quote(spec)
    );
    match reason {
        Some(reason) => format!("{text}: {reason}"),
        None => text,
    }
}

/// Contents without the name of a resource.
pub(crate) fn nameless(word: &str, name: &str) -> String {
    format!(
        "{word} {} has a GMSA cred spec set, but does not define the name of the corresponding resource",
        go_quote(name)
    )
}

/// An update changes what it may not. `fields` is `name`, `contents` or `name and contents`.
pub(crate) fn changed(fields: &str, word: &str, name: &str) -> String {
    format!(
        "cannot update an existing pod's GMSA settings (GMSA {fields} modified on {word} {})",
        go_quote(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_go_quotes_them() {
        assert_eq!(
            unauthorized("web", Usable::CredentialSpec, "app", ""),
            "service account \"web\" is not authorized to `use` GMSA cred spec \"app\""
        );
        assert_eq!(
            unauthorized("web", Usable::CredentialSpec, "app", "quota \"100%\" used"),
            "service account \"web\" is not authorized to `use` GMSA cred spec \"app\", reason: \"quota \\\"100%\\\" used\""
        );
        assert_eq!(
            differs("pod", "a\"b", "app", Some("why")),
            "the GMSA cred spec contents for pod \"a\\\"b\" does not match the contents of GMSA resource \"app\": why"
        );
    }
}
