//! What porthole must be allowed to do.

use rustix::thread::{CapabilitySet, capabilities};

use crate::engine::CreateError;

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

/// Refuses to begin what would fail halfway.
pub(super) fn check() -> Result<(), CreateError> {
    let effective = capabilities(None).map_err(|errno| CreateError::Io {
        doing: "read porthole's own capabilities".to_owned(),
        source: errno.into(),
    })?;
    judge(effective.effective)
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
