//! Accounts that cannot log on for a HostProcess container.
//!
//! The runtime logs on with an empty password: as a service where the domain is exactly `NT AUTHORITY`, otherwise as a user.
//! Where the name is a local group's, it makes an account for the time of the container instead (containerd 1.7).

use super::setup::NodeSetup;
use crate::account::{Account, WellKnown};
use crate::edit;
use crate::effective::Setting;
use crate::finding::{Finding, Fix, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsPod;

rules! { Node:
    /// `ContainerUser` and `ContainerAdministrator` are accounts of isolated containers: on the host, where a HostProcess
    /// container runs, nobody is called so. Name `NT AUTHORITY\SYSTEM`, `NT AUTHORITY\Local service`,
    /// `NT AUTHORITY\NetworkService` or a local group.
    ACCOUNT_NOT_ON_HOST = "account-not-on-host";
    /// The runtime logs a HostProcess container on as a service only where the domain is written `NT AUTHORITY`, in capitals;
    /// without it, or in another case, it tries to log on a user without a password, which fails.
    ACCOUNT_WITHOUT_NT_AUTHORITY = "account-without-nt-authority";
    /// A HostProcess container cannot run as a user who has a password, of the host or of a domain: there is nowhere to give
    /// it. Name one of the service accounts, or a local group.
    ACCOUNT_WITH_PASSWORD = "account-with-password";
    /// A HostProcess container runs as a member of a local group from containerd 1.7 on. With 1.6 the group's name is taken for
    /// a user's.
    ACCOUNT_GROUP_TOO_EARLY = "account-group-too-early";
}

const REMEDY: &str =
    r"name NT AUTHORITY\SYSTEM, NT AUTHORITY\Local service, NT AUTHORITY\NetworkService or a local group";

pub(super) fn check(pod: &WindowsPod<'_>, setup: &NodeSetup, findings: &mut Vec<Finding>) {
    if pod.inherits_user() {
        return;
    }
    let mut seen = Vec::new();
    for container in &pod.containers {
        let Some(setting) = container.options.run_as_user_name else {
            continue;
        };
        if container.options.is_host_process() && !seen.contains(&setting.span()) {
            seen.push(setting.span());
            if let Ok(account) = Account::parse(setting.value) {
                findings.extend(of_account(setting, &account, setup));
            }
        }
    }
}

fn of_account(setting: Setting<'_, &str>, account: &Account, setup: &NodeSetup) -> Option<Finding> {
    let finding = |rule, severity, text: String| {
        Finding::remark(rule, severity, setting.field(), text, setting.span()).with_help(REMEDY)
    };
    let written = account.as_written();
    match account.well_known() {
        Some(WellKnown::ContainerUser | WellKnown::ContainerAdministrator) => {
            let text = format!("the host has no account `{written}`: it is one of isolated containers");
            let mut finding = finding(&ACCOUNT_NOT_ON_HOST, Severity::Error, text);
            // Which account it shall be instead is a guess.
            finding.fix = edit::replace(setting.node, WellKnown::System.canonical()).map(|edit| Fix {
                title: format!("run as `{}`", WellKnown::System.canonical()),
                safe: false,
                edits: vec![edit],
            });
            Some(finding)
        }
        Some(service @ (WellKnown::System | WellKnown::LocalService | WellKnown::NetworkService))
            if account.domain() != Some("NT AUTHORITY") =>
        {
            let text = format!("`{written}` is logged on as a user, not as a service, and that fails");
            let mut finding = finding(&ACCOUNT_WITHOUT_NT_AUTHORITY, Severity::Warning, text);
            finding.help = Some("the domain is `NT AUTHORITY`, in capitals".to_owned());
            finding.fix = edit::replace(setting.node, service.canonical()).map(|edit| Fix {
                title: format!("write `{}`", service.canonical()),
                safe: true,
                edits: vec![edit],
            });
            Some(finding)
        }
        Some(WellKnown::Administrator) => {
            let text =
                format!("`{written}` is a user with a password, which a HostProcess container cannot give");
            Some(finding(&ACCOUNT_WITH_PASSWORD, Severity::Warning, text))
        }
        Some(WellKnown::Administrators) if account.domain().is_some() => None,
        None if account.domain().is_some() && !account.is_of_windows() => {
            let text =
                format!("`{written}` logs on with a password, which a HostProcess container cannot give");
            Some(finding(&ACCOUNT_WITH_PASSWORD, Severity::Warning, text))
        }
        None | Some(WellKnown::Administrators) if !setup.containerd.binds_mounts() => {
            let text = format!(
                "containerd {} does not know `{written}` as a local group, and a user would need a password",
                setup.containerd
            );
            Some(finding(&ACCOUNT_GROUP_TOO_EARLY, Severity::Warning, text))
        }
        _ => None,
    }
}
