//! `spec.securityContext` (`validatePodSpecSecurityContext`).

use std::collections::HashSet;

use porthole_manifest::Node;

use crate::path::Path;
use crate::report::{Shown, int, is_true, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::container::security_context;
use crate::rules::{annotations, host_ports, pod, windows_options};
use crate::validate::Pass;

rules! { ApiServer:
    /// The number of a user or group is from 0 to 2147483647. A Windows account has a name instead: `runAsUserName`.
    USER_OR_GROUP_NUMBER = "user-or-group-number";
    /// A sysctl has the name of a kernel parameter, in lower case, parted by periods (or slashes), once in the pod.
    SYSCTL_NAME = "sysctl-name";
    /// A pod on the host's network sets no `net.*`, one in the host's IPC namespace none of `kernel.shm*`, `kernel.msg*`,
    /// `kernel.sem` and `fs.mqueue.*`: they would be the host's.
    SYSCTL_OF_HOST = "sysctl-of-host";
    /// A policy of the pod's security context has a value that is known: `fsGroupChangePolicy` is `Always` or
    /// `OnRootMismatch`, `supplementalGroupsPolicy` `Merge` or `Strict`, `seLinuxChangePolicy` `MountOption` or `Recursive`.
    SECURITY_CONTEXT_POLICY = "security-context-policy";
}

/// The most bytes of a sysctl's name.
const SYSCTL_LIMIT: usize = 253;

pub(crate) fn check(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let path = spec.child("securityContext");
    // Up to 1.36 the API server kept the fields of the host in the security context, and up to 1.27 the ports with them.
    host_ports::check_host_network_before_1_28(pass);
    let context = pass.spec.child("securityContext");
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        if let Some(number) = int(context, key) {
            check_number(pass, number, &path.child(key), context.child(key));
        }
    }
    let list = path.child("supplementalGroups");
    for (index, item) in items(context, "supplementalGroups").enumerate() {
        check_number(pass, item.as_i64().unwrap_or_default(), &list.index(index), item);
    }
    if !pass.at_least(37) {
        pod::check_shared_processes(pass, &path);
    }
    check_sysctls(pass, context, &path.child("sysctls"));
    if pass.feature("ConfigurableFSGroupPolicy", 23) {
        check_policy(
            pass,
            context,
            &path,
            "fsGroupChangePolicy",
            &["Always", "OnRootMismatch"],
        );
    }
    if let Some(profile) = context.field("seccompProfile") {
        security_context::check_seccomp(pass, &path.child("seccompProfile"), profile);
    } else {
        annotations::check_seccomp_field(pass, None, &path.child("seccompProfile"));
    }
    windows_options::check_pod(pass);
    if let Some(profile) = context
        .field("appArmorProfile")
        .filter(|_| security_context::knows_app_armor(pass))
    {
        security_context::check_app_armor(pass, &path.child("appArmorProfile"), profile);
    }
    if knows_groups_policy(pass) {
        check_policy(
            pass,
            context,
            &path,
            "supplementalGroupsPolicy",
            &["Merge", "Strict"],
        );
    }
    if knows_se_linux_policy(pass) {
        // Where one of old has any, the feature may have been there.
        let was_set = |old: Node<'_>| {
            !old.child("securityContext")
                .child("seLinuxChangePolicy")
                .is_null()
        };
        let policies: &[&str] = if pass.enabled("SELinuxMount") || pass.old_spec().is_some_and(was_set) {
            &["MountOption", "Recursive"]
        } else {
            &["Recursive"]
        };
        check_policy(pass, context, &path, "seLinuxChangePolicy", policies);
    }
}

/// Whether the API server keeps `supplementalGroupsPolicy`.
pub(crate) fn knows_groups_policy(pass: &Pass<'_>) -> bool {
    pass.at_least(31) && pass.enabled("SupplementalGroupsPolicy")
}

/// Whether the API server keeps `seLinuxChangePolicy`.
pub(crate) fn knows_se_linux_policy(pass: &Pass<'_>) -> bool {
    pass.at_least(32) && pass.enabled("SELinuxChangePolicy")
}

fn check_number(pass: &mut Pass<'_>, number: i64, path: &Path<'_>, node: Node<'_>) {
    let most = i64::from(i32::MAX);
    if !(0..=most).contains(&number) {
        let detail = format!("must be between 0 and {most}, inclusive");
        pass.invalid(
            &USER_OR_GROUP_NUMBER,
            path,
            Shown::Int(number),
            detail,
            node.span(),
        );
    }
}

fn check_policy(pass: &mut Pass<'_>, context: Node<'_>, path: &Path<'_>, key: &str, policies: &[&str]) {
    if let Some(policy) = some_text(context, key).filter(|policy| !policies.contains(policy)) {
        let span = place(context, key);
        let value = Shown::Named(policy);
        pass.not_supported(&SECURITY_CONTEXT_POLICY, &path.child(key), value, policies, span);
    }
}

fn check_sysctls(pass: &mut Pass<'_>, context: Node<'_>, path: &Path<'_>) {
    let mut seen = HashSet::new();
    for (index, sysctl) in items(context, "sysctls").enumerate() {
        let name = text(sysctl, "name");
        let at = path.index(index);
        let field = at.child("name");
        let span = place(sysctl, "name");
        // Slashes are taken since 1.25.
        let slashes = pass.at_least(25);
        if name.is_empty() {
            pass.required(&SYSCTL_NAME, &field, "", span);
        } else if !is_sysctl(name, slashes) {
            let detail = format!(
                "must have at most {SYSCTL_LIMIT} characters and match regex {}",
                regex(pass)
            );
            pass.invalid(&SYSCTL_NAME, &field, Shown::Str(name), detail, span);
        } else if seen.contains(name) {
            pass.duplicate(&SYSCTL_NAME, &field, Shown::Str(name), span);
        }
        if pass.at_least(29) {
            check_host_sysctl(pass, name, &field, span);
        }
        seen.insert(name);
    }
}

/// The pattern of names in the words of the version.
fn regex(pass: &Pass<'_>) -> &'static str {
    if pass.at_least(25) {
        "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
    } else {
        "([a-z0-9]([-_a-z0-9]*[a-z0-9])?\\.)*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
    }
}

fn is_sysctl(name: &str, slashes: bool) -> bool {
    let good_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= SYSCTL_LIMIT
        && name.split(|c| c == '.' || (slashes && c == '/')).all(|part| {
            let part = part.as_bytes();
            part.first().is_some_and(good_end)
                && part.last().is_some_and(good_end)
                && part
                    .iter()
                    .all(|byte| good_end(byte) || matches!(byte, b'-' | b'_'))
        })
}

/// A parameter of a namespace that the pod shares with the host.
fn check_host_sysctl(pass: &mut Pass<'_>, name: &str, path: &Path<'_>, span: porthole_manifest::Span) {
    let separator = name.find(['.', '/']);
    // Where the first separator is a slash, slashes part the name and periods are part of it.
    let name_of_kernel = match separator.and_then(|at| name.as_bytes().get(at)) {
        Some(b'/') => name
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                c => c,
            })
            .collect(),
        _ => name.to_owned(),
    };
    let plain = name_of_kernel.split('*').next().unwrap_or_default();
    let ipc = matches!(
        plain,
        "kernel.sem"
            | "kernel.shmall"
            | "kernel.shmmax"
            | "kernel.shmmni"
            | "kernel.shm_rmid_forced"
            | "kernel.msgmax"
            | "kernel.msgmnb"
            | "kernel.msgmni"
    ) || matches!(plain, "kernel.shm" | "kernel.msg")
        || plain.starts_with("fs.mqueue.");
    let detail = if plain.starts_with("net.") && pass.host_network() {
        "may not be specified when 'hostNetwork' is true"
    } else if ipc && is_true(pass.spec, "hostIPC") {
        "may not be specified when 'hostIPC' is true"
    } else {
        return;
    };
    pass.invalid(&SYSCTL_OF_HOST, path, Shown::Str(name), detail, span);
}
