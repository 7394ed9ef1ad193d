//! How the directory of a pod or a job is called after it, also where its names are longer than a file's may be.

use std::borrow::Cow;

use porthole_image::Digest;

use crate::plan::PodIdentity;

/// The most bytes of a file's name, on every file system that a state directory is likely to be on.
pub(super) const LONGEST_NAME: usize = 255;
/// The most bytes of namespace and name together: the rest is for a uid of 36, and what is between the parts.
const LONGEST_PARTS: usize = LONGEST_NAME - 36 - 2;
/// The digits of the digest that a name which was cut ends with.
const DIGITS: usize = 16;

/// The name of a pod's directory: `NAMESPACE_NAME_UID`. Kubernetes allows 63 and 253 bytes for the first two; a name for
/// which there is no room is cut and ends with `~` and the beginning of its digest, which no name can be mistaken for.
pub(crate) fn directory_name(identity: &PodIdentity) -> String {
    let PodIdentity { namespace, name, uid } = identity;
    format!("{namespace}_{}_{uid}", part(namespace, name))
}

/// Whether a directory's name is of a pod of that name. No part of it can have a `_`.
pub(super) fn is_of(directory: &str, namespace: &str, name: &str) -> bool {
    let mut parts = directory.split('_');
    parts.next() == Some(namespace) && parts.next() == Some(&*part(namespace, name)) && parts.count() == 1
}

/// The uid at the end of a directory's name.
pub(super) fn uid(directory: &str) -> Option<&str> {
    directory.split('_').nth(2)
}

/// What stands for a name. Depends on nothing that a search by name does not know.
fn part<'a>(namespace: &str, name: &'a str) -> Cow<'a, str> {
    let room = LONGEST_PARTS.saturating_sub(namespace.len());
    if name.len() <= room {
        return Cow::Borrowed(name);
    }
    let digest = Digest::of(name.as_bytes());
    let digits = digest.hex().get(..DIGITS).unwrap_or_default();
    let kept = name.floor_char_boundary(room.saturating_sub(DIGITS + 1));
    Cow::Owned(format!("{}~{digits}", &name[..kept]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn identity(namespace: &str, name: &str) -> PodIdentity {
        PodIdentity {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: UID.to_owned(),
        }
    }

    #[test]
    fn what_fits_is_called_as_it_is() {
        for name in ["web-0", &"n".repeat(217 - 7)] {
            let directory = directory_name(&identity("default", name));
            assert_eq!(directory, format!("default_{name}_{UID}"));
            assert!(is_of(&directory, "default", name) && directory.len() <= LONGEST_NAME);
            assert_eq!(uid(&directory), Some(UID));
        }
    }

    #[test]
    fn the_longest_names_of_kubernetes_have_directories_of_their_own() {
        let namespace = "s".repeat(63);
        // They differ where they are cut.
        let (one, other) = ("n".repeat(253), "n".repeat(252) + "m");
        let directory = directory_name(&identity(&namespace, &one));
        assert_eq!(directory.len(), LONGEST_NAME);
        assert!(is_of(&directory, &namespace, &one));
        assert!(!is_of(&directory, &namespace, &other));
        assert_ne!(directory, directory_name(&identity(&namespace, &other)));
    }

    #[test]
    fn no_part_of_a_name_is_another() {
        let directory = directory_name(&identity("default", "web"));
        for (namespace, name) in [("default", "we"), ("defaul", "web"), ("other", "web")] {
            assert!(!is_of(&directory, namespace, name), "{namespace}/{name}");
        }
    }
}
