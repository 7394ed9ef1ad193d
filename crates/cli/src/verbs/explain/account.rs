//! An account in its one spelling, and what it comes to on this host.

use porthole_pod::{Account, Setting, WellKnown};

/// What is said of an account.
pub(super) struct Explained {
    /// In its one spelling.
    pub(super) name: String,
    /// What it becomes here.
    pub(super) on_this_host: Option<&'static str>,
    /// Whether its name says that it is an administrator: of the host, or of a container that is isolated from it.
    pub(super) administrator: Option<bool>,
}

/// Explains what a field says.
pub(super) fn of(setting: &Setting<'_, &str>, host_process: bool) -> Explained {
    let Ok(account) = Account::parse(setting.value) else {
        // The findings below the table say what is wrong with it.
        return Explained {
            name: setting.value.to_owned(),
            on_this_host: None,
            administrator: None,
        };
    };
    Explained {
        name: account.to_string(),
        on_this_host: on_this_host(&account, host_process),
        administrator: Some(account.is_administrator()),
    }
}

#[cfg(not(windows))]
fn on_this_host(account: &Account, host_process: bool) -> Option<&'static str> {
    Some(match account.well_known() {
        _ if !host_process => return None,
        Some(WellKnown::System | WellKnown::ContainerAdministrator) => "root",
        Some(WellKnown::LocalService | WellKnown::NetworkService | WellKnown::ContainerUser) => {
            "an unprivileged user of its own"
        }
        _ => "the user of that name, else an unprivileged user in the group of that name",
    })
}

#[cfg(windows)]
fn on_this_host(account: &Account, host_process: bool) -> Option<&'static str> {
    Some(match account.well_known() {
        _ if !host_process => return None,
        Some(WellKnown::System | WellKnown::LocalService | WellKnown::NetworkService) => {
            "the service account"
        }
        Some(WellKnown::ContainerAdministrator) => "a temporary user in the group Administrators",
        Some(WellKnown::ContainerUser) => "a temporary user in the group Users",
        _ => "a temporary user in the group of that name, else the user of that name",
    })
}
