//! Profiles of seccomp and `AppArmor`, at the pod and in each container
//! (`validateSeccompProfileField`, `ValidateAppArmorProfileField`).

use porthole_manifest::Node;

use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Shown, place, some_text, text};
use crate::rule::rules;
use crate::rules::volumes::check_descending;
use crate::validate::Pass;

rules! { ApiServer:
    /// A seccomp profile has a type: `RuntimeDefault`, `Unconfined` or `Localhost`. The last, and only it, names a file below
    /// the node's directory of profiles in `localhostProfile`. On Windows there is none.
    SECCOMP_PROFILE = "seccomp-profile";
    /// An `AppArmor` profile has a type: `RuntimeDefault`, `Unconfined` or `Localhost`. The last, and only it, names a
    /// profile that the node has loaded in `localhostProfile`. On Windows there is none.
    APP_ARMOR_PROFILE = "app-armor-profile";
}

/// `Localhost` comes first, as the API server lists them.
const TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

/// The longest path that Linux takes, without its end.
const PATH_LIMIT: usize = 4095;

/// The `seccompProfile` of a security context.
pub(crate) fn check_seccomp(pass: &mut Pass<'_>, profile: Node<'_>, path: &Path<'_>) {
    let kind = text(profile, "type");
    let field = path.child("type");
    let span = place(profile, "type");
    if kind.is_empty() {
        let detail = "type is required when seccompProfile is set";
        pass.required(&SECCOMP_PROFILE, &field, detail, span);
    } else if !TYPES.contains(&kind) {
        pass.not_supported(&SECCOMP_PROFILE, &field, Shown::Named(kind), &TYPES, span);
    }
    let field = path.child("localhostProfile");
    let span = place(profile, "localhostProfile");
    match some_text(profile, "localhostProfile") {
        Some(file) if kind == "Localhost" => check_descending(pass, &SECCOMP_PROFILE, file, &field, span),
        Some(file) => {
            let detail = "can only be set when seccomp type is Localhost";
            let value = Shown::Raw(shown_profile(pass, kind, file));
            pass.invalid(&SECCOMP_PROFILE, &field, value, detail, span);
        }
        None if kind == "Localhost" => {
            let detail = "must be set when seccomp type is Localhost";
            pass.required(&SECCOMP_PROFILE, &field, detail, span);
        }
        None => {}
    }
}

/// The whole profile, as the API server shows it. Up to 1.33 there is an address in it, which differs in each answer.
fn shown_profile(pass: &Pass<'_>, kind: &str, file: &str) -> String {
    if pass.at_least(34) {
        let (kind, file) = (go_json(kind), go_json(file));
        format!("{{\"Type\":{kind},\"LocalhostProfile\":{file}}}")
    } else {
        let kind = go_quote(kind);
        format!("core.SeccompProfile{{Type:{kind}, LocalhostProfile:(*string)(0xc000000000)}}")
    }
}

/// Whether the API server keeps `appArmorProfile`.
pub(crate) fn knows_app_armor(pass: &Pass<'_>) -> bool {
    pass.at_least(31) || (pass.at_least(30) && pass.enabled("AppArmorFields") && pass.enabled("AppArmor"))
}

/// The `appArmorProfile` of a security context.
pub(crate) fn check_app_armor(pass: &mut Pass<'_>, profile: Node<'_>, path: &Path<'_>) {
    if !knows_app_armor(pass) {
        return;
    }
    let kind = text(profile, "type");
    let name = some_text(profile, "localhostProfile");
    let field = path.child("localhostProfile");
    let span = place(profile, "localhostProfile");
    match kind {
        "Localhost" => {
            let trimmed = name.map_or("", str::trim);
            if let Some(name) = name.filter(|name| *name != trimmed) {
                let detail = "must not be padded with whitespace";
                pass.invalid(&APP_ARMOR_PROFILE, &field, Shown::Str(name), detail, span);
            } else if trimmed.is_empty() {
                let detail = "must be set when AppArmor type is Localhost";
                pass.required(&APP_ARMOR_PROFILE, &field, detail, span);
            }
            if name.is_some_and(|name| name.len() > PATH_LIMIT) {
                pass.too_long_name(&APP_ARMOR_PROFILE, &field, PATH_LIMIT, span);
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if let Some(name) = name {
                let detail = "can only be set when AppArmor type is Localhost";
                pass.invalid(&APP_ARMOR_PROFILE, &field, Shown::Named(name), detail, span);
            }
        }
        "" => {
            let detail = "type is required when appArmorProfile is set";
            pass.required(
                &APP_ARMOR_PROFILE,
                &path.child("type"),
                detail,
                place(profile, "type"),
            );
        }
        _ => {
            let span = place(profile, "type");
            pass.not_supported(
                &APP_ARMOR_PROFILE,
                &path.child("type"),
                Shown::Named(kind),
                &TYPES,
                span,
            );
        }
    }
}
