//! Who `runAsUserName` is, and who it becomes.

use porthole_pod::{Account, WellKnown};

/// A paragraph about an account, or nothing where the text names none.
pub(super) fn describe(text: &str) -> Option<String> {
    let account = Account::parse(text).ok()?;
    let (who, linux) = match account.well_known() {
        Some(WellKnown::System) => ("the system itself, an administrator of the host", "root"),
        Some(WellKnown::LocalService) => (
            "a service account with few rights, anonymous on the network",
            "an unprivileged uid of its own",
        ),
        Some(WellKnown::NetworkService) => (
            "a service account with few rights, the computer's account on the network",
            "an unprivileged uid of its own",
        ),
        Some(WellKnown::ContainerUser) => (
            "the unprivileged account of an isolated container: a HostProcess container cannot be it",
            "an unprivileged uid, with --as-host-process",
        ),
        Some(WellKnown::ContainerAdministrator) => (
            "the administrator of an isolated container: a HostProcess container cannot be it",
            "root, with --as-host-process",
        ),
        Some(WellKnown::Administrator) => (
            "the host's built-in administrator",
            "the user or group of that name",
        ),
        Some(WellKnown::Administrators) => (
            "a group: the container gets an account of its own that is a member of it",
            "the user of that name, else a uid of its own in the group",
        ),
        None if account.is_of_windows() => (
            "an account of Windows itself",
            "the user of that name, else a uid of its own in the group",
        ),
        None => (
            "a local group of the node, whose members the container's own account joins; else a user",
            "the user of that name, else a uid of its own in the group",
        ),
    };
    let canonical = account.well_known().map_or(text, |known| known.canonical());
    let administrator = if account.is_administrator() {
        "yes"
    } else {
        "not by its name"
    };
    Some(format!(
        "**{canonical}**: {who}.\n\nAdministrator: {administrator}. `porthole run` on Linux: {linux}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_in_every_spelling() {
        let system = describe("localsystem").expect("it is an account");
        assert!(
            system.starts_with("**NT AUTHORITY\\SYSTEM**: the system itself"),
            "{system}"
        );
        assert!(
            describe("hpc-group").is_some_and(|text| text.contains("a local group")),
            "a group"
        );
        assert_eq!(describe("a\\b\\c"), None);
    }
}
