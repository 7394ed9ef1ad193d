//! A container's `securityContext` (`ValidateSecurityContext`).

use porthole_manifest::Node;

use super::{go_values, is_privileged, mounts};
use crate::path::Path;
use crate::report::{Shown, int, items, place, text};
use crate::rule::rules;
use crate::rules::annotations;
use crate::rules::windows_options;
use crate::syntax;
use crate::validate::Pass;

rules! { ApiServer:
    /// An API server without `--allow-privileged` takes no privileged container.
    PRIVILEGED_DISALLOWED = "privileged-disallowed";
    /// `runAsUser` and `runAsGroup` are numbers of Linux users and groups, from 0 to 2147483647. A Windows container runs as
    /// `windowsOptions.runAsUserName`.
    USER_NUMBER_RANGE = "user-number-range";
    /// `procMount` is `Default` or `Unmasked`.
    PROC_MOUNT_UNKNOWN = "proc-mount-unknown";
    /// An unmasked `/proc` is for pods with users of their own: `hostUsers: false`.
    PROC_MOUNT_HOST_USERS = "proc-mount-host-users";
    /// A seccomp profile has a type: `Localhost`, `RuntimeDefault` or `Unconfined`.
    SECCOMP_TYPE = "seccomp-type";
    /// A seccomp profile of type `Localhost`, and no other, names its file: a relative path without `..`.
    SECCOMP_PROFILE = "seccomp-profile";
    /// An `AppArmor` profile has a type: `Localhost`, `RuntimeDefault` or `Unconfined`.
    APP_ARMOR_TYPE = "app-armor-type";
    /// An `AppArmor` profile of type `Localhost`, and no other, names a profile of the node, of at most 4095 bytes and without
    /// blanks around it.
    APP_ARMOR_PROFILE = "app-armor-profile";
    /// A privileged container, or one with `CAP_SYS_ADMIN`, can gain privileges: `allowPrivilegeEscalation: false`
    /// contradicts that.
    ESCALATION_CONTRADICTED = "escalation-contradicted";
}

/// The most bytes of the name of an `AppArmor` profile.
const PROFILE_LIMIT: usize = 4095;

/// `securityContext` of the container at `at`.
pub(super) fn check(pass: &mut Pass<'_>, host_users: bool, at: &Path<'_>, container: Node<'_>) {
    let at = at.child("securityContext");
    let Some(context) = container.field("securityContext") else {
        let field = at.child("seccompProfile");
        annotations::check_seccomp_of_others(pass, container, &field);
        return;
    };
    if is_privileged(container) && !pass.options.allow_privileged {
        let span = place(context, "privileged");
        let detail = "disallowed by cluster policy";
        pass.forbidden(&PRIVILEGED_DISALLOWED, &at.child("privileged"), detail, span);
    }
    for key in ["runAsUser", "runAsGroup"] {
        let number = int(context, key).unwrap_or_default();
        if let Some(fault) = syntax::user_number(number) {
            let span = place(context, key);
            pass.invalid(
                &USER_NUMBER_RANGE,
                &at.child(key),
                Shown::Int(number),
                fault,
                span,
            );
        }
    }
    check_proc_mount(pass, host_users, &at.child("procMount"), context);
    let field = at.child("seccompProfile");
    if let Some(profile) = context.field("seccompProfile") {
        check_seccomp(pass, &field, profile);
    } else {
        annotations::check_seccomp_of_others(pass, container, &field);
    }
    check_escalation(pass, &at, context, is_privileged(container));
    windows_options::check(pass, &at, Some(context));
    if let Some(profile) = context.field("appArmorProfile").filter(|_| knows_app_armor(pass)) {
        check_app_armor(pass, &at.child("appArmorProfile"), profile);
    }
}

fn check_proc_mount(pass: &mut Pass<'_>, host_users: bool, field: &Path<'_>, context: Node<'_>) {
    let Some(node) = context
        .field("procMount")
        .filter(|_| pass.enabled("ProcMountType"))
    else {
        return;
    };
    match node.as_str() {
        None | Some("Default") => {}
        Some("Unmasked") => {
            if host_users && pass.at_least(30) {
                let detail = "`hostUsers` must be false to use `Unmasked`";
                let shown = Shown::Named("Unmasked");
                pass.invalid(&PROC_MOUNT_HOST_USERS, field, shown, detail, node.span());
            }
        }
        Some(other) => {
            let supported = ["Default", "Unmasked"];
            pass.not_supported(
                &PROC_MOUNT_UNKNOWN,
                field,
                Shown::Named(other),
                &supported,
                node.span(),
            );
        }
    }
}

/// `validateSeccompProfileField`, of a container or of the pod.
pub(crate) fn check_seccomp(pass: &mut Pass<'_>, at: &Path<'_>, profile: Node<'_>) {
    let kind = text(profile, "type");
    let field = at.child("type");
    let span = place(profile, "type");
    match kind {
        "Localhost" | "RuntimeDefault" | "Unconfined" => {}
        "" => {
            let detail = "type is required when seccompProfile is set";
            pass.required(&SECCOMP_TYPE, &field, detail, span);
        }
        _ => {
            let supported = ["Localhost", "RuntimeDefault", "Unconfined"];
            pass.not_supported(&SECCOMP_TYPE, &field, Shown::Named(kind), &supported, span);
        }
    }
    let field = at.child("localhostProfile");
    let file = profile.field("localhostProfile");
    match (kind == "Localhost", file) {
        (true, None) => {
            let detail = "must be set when seccomp type is Localhost";
            pass.required(&SECCOMP_PROFILE, &field, detail, profile.span());
        }
        (true, Some(file)) => {
            let path = file.as_str().unwrap_or_default();
            if path.starts_with('/') {
                let detail = "must be a relative path";
                pass.invalid(&SECCOMP_PROFILE, &field, Shown::Str(path), detail, file.span());
            }
            if mounts::has_parent(path) {
                pass.invalid(
                    &SECCOMP_PROFILE,
                    &field,
                    Shown::Str(path),
                    mounts::PARENT,
                    file.span(),
                );
            }
        }
        (false, None) => {}
        (false, Some(file)) => {
            let shown = if pass.at_least(34) {
                go_values::profile_json(profile)
            } else {
                go_values::seccomp(profile)
            };
            let detail = "can only be set when seccomp type is Localhost";
            pass.invalid(&SECCOMP_PROFILE, &field, Shown::Raw(shown), detail, file.span());
        }
    }
}

/// Whether the API server knows the field `appArmorProfile`: since 1.30.
pub(crate) fn knows_app_armor(pass: &Pass<'_>) -> bool {
    pass.at_least(31) || (pass.at_least(30) && pass.enabled("AppArmor") && pass.enabled("AppArmorFields"))
}

/// `ValidateAppArmorProfileField`, of a container or of the pod.
pub(crate) fn check_app_armor(pass: &mut Pass<'_>, at: &Path<'_>, profile: Node<'_>) {
    let kind = text(profile, "type");
    let field = at.child("localhostProfile");
    let name = profile.field("localhostProfile");
    match kind {
        "Localhost" => check_app_armor_name(pass, &field, profile, name),
        "RuntimeDefault" | "Unconfined" => {
            if let Some(name) = name {
                let detail = "can only be set when AppArmor type is Localhost";
                let shown = Shown::Named(name.as_str().unwrap_or_default());
                pass.invalid(&APP_ARMOR_PROFILE, &field, shown, detail, name.span());
            }
        }
        "" => {
            let detail = "type is required when appArmorProfile is set";
            let span = place(profile, "type");
            pass.required(&APP_ARMOR_TYPE, &at.child("type"), detail, span);
        }
        _ => {
            let supported = ["Localhost", "RuntimeDefault", "Unconfined"];
            let span = place(profile, "type");
            let field = at.child("type");
            pass.not_supported(&APP_ARMOR_TYPE, &field, Shown::Named(kind), &supported, span);
        }
    }
}

fn check_app_armor_name(pass: &mut Pass<'_>, field: &Path<'_>, profile: Node<'_>, name: Option<Node<'_>>) {
    let detail = "must be set when AppArmor type is Localhost";
    let Some(node) = name else {
        return pass.required(&APP_ARMOR_PROFILE, field, detail, profile.span());
    };
    let name = node.as_str().unwrap_or_default();
    let trimmed = name.trim();
    if trimmed.len() != name.len() {
        let detail = "must not be padded with whitespace";
        pass.invalid(&APP_ARMOR_PROFILE, field, Shown::Str(name), detail, node.span());
    } else if trimmed.is_empty() {
        pass.required(&APP_ARMOR_PROFILE, field, detail, node.span());
    }
    if name.len() > PROFILE_LIMIT {
        pass.too_long_name(&APP_ARMOR_PROFILE, field, PROFILE_LIMIT, node.span());
    }
}

fn check_escalation(pass: &mut Pass<'_>, at: &Path<'_>, context: Node<'_>, privileged: bool) {
    let Some(node) = context.field("allowPrivilegeEscalation") else {
        return;
    };
    if node.as_bool() != Some(false) {
        return;
    }
    let capabilities = items(context.child("capabilities"), "add");
    let admins = capabilities.filter(|capability| capability.as_str() == Some("CAP_SYS_ADMIN"));
    let contradictions = privileged
        .then_some("`privileged` to true")
        .into_iter()
        .chain(admins.map(|_| "`capabilities.Add` CAP_SYS_ADMIN"));
    for contradiction in contradictions {
        let shown = if pass.at_least(34) {
            go_values::security_context_json(pass, context)
        } else {
            go_values::security_context(pass, context)
        };
        let detail = format!("cannot set `allowPrivilegeEscalation` to false and {contradiction}");
        pass.invalid(
            &ESCALATION_CONTRADICTED,
            at,
            Shown::Raw(shown),
            detail,
            node.span(),
        );
    }
}
