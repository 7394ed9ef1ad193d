//! What porthole must be allowed to do.

use rustix::thread::{CapabilitySet, capabilities};

use super::rootless;
use crate::engine::CreateError;
use crate::plan::User;

const NEEDED: [(CapabilitySet, &str, &str); 5] = [
    (CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN", "mount namespaces"),
    (CapabilitySet::SETUID, "CAP_SETUID", "accounts"),
    (CapabilitySet::SETGID, "CAP_SETGID", "accounts"),
    (CapabilitySet::KILL, "CAP_KILL", "stopping containers"),
    (
        CapabilitySet::DAC_OVERRIDE,
        "CAP_DAC_OVERRIDE",
        "cgroups and mount points",
    ),
];

/// Refuses to begin what would fail halfway. `user` is whom the container is to be.
pub(super) fn check(user: &User) -> Result<(), CreateError> {
    if rootless::is_needed() {
        check_user(user)?;
        return rootless::entered();
    }
    judge(effective()?)
}

/// The same for a further program in a container, for which no namespaces are made.
pub(super) fn check_entry(user: &User) -> Result<(), CreateError> {
    if rootless::is_needed() {
        return check_user(user);
    }
    judge(effective()?)
}

/// Without root nobody can be anybody else.
fn check_user(user: &User) -> Result<(), CreateError> {
    match user {
        User::Inherit => Ok(()),
        User::Account(_) => Err(CreateError::Host {
            doing: "prepare a container".to_owned(),
            reason: "without root porthole can only run containers as whoever runs it; give --inherit-user for that, or \
                     run porthole as root, for example with sudo"
                .to_owned(),
        }),
    }
}

/// Whether this process has all that containers need.
pub(super) fn suffice() -> bool {
    effective().is_ok_and(|effective| judge(effective).is_ok())
}

fn effective() -> Result<CapabilitySet, CreateError> {
    capabilities(None)
        .map(|sets| sets.effective)
        .map_err(|errno| CreateError::Io {
            doing: "read porthole's own capabilities".to_owned(),
            source: errno.into(),
        })
}

fn judge(effective: CapabilitySet) -> Result<(), CreateError> {
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|(capability, ..)| !effective.contains(*capability))
        .map(|(_, name, purpose)| format!("{name} ({purpose})"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CreateError::Host {
        doing: "prepare a container".to_owned(),
        reason: format!(
            "HostProcess containers on Linux need root, and porthole lacks {}; run it as root, for example with sudo, and \
             inside another container with `--privileged`",
            missing.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_exactly_what_is_missing() {
        judge(CapabilitySet::all()).unwrap();
        let error = judge(CapabilitySet::all() - CapabilitySet::SYS_ADMIN)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("lacks CAP_SYS_ADMIN (mount namespaces);"),
            "{error}"
        );
    }
}
