//! Who a container runs as.

use porthole_manifest::Span;
use porthole_pod::{Account, EffectiveOptions};

use super::Making;
use crate::plan::User;
use crate::spec::ContainerSpec;

/// The root identity that the kubelet knows.
const ROOT: &str = "ContainerAdministrator";

/// The account, and what `USERNAME` is set to when the container plays a HostProcess one.
pub(super) fn user(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    options: &EffectiveOptions<'_>,
    image: Option<&str>,
) -> Option<(User, Option<String>)> {
    let image = image.filter(|name| !name.is_empty());
    let stands_in = !options.is_host_process();
    let named: Option<(&str, String, Span)> = match &options.run_as_user_name {
        Some(setting) => Some((setting.value, setting.field(), setting.span())),
        None => image.map(|name| {
            let span = container
                .image
                .as_ref()
                .map_or(container.span, |image| image.span);
            (name, format!("{}.image", container.path), span)
        }),
    };
    let chosen = named.clone().or_else(|| {
        // As the kubelet's default for the base images that ask for least.
        stands_in.then(|| ("ContainerUser", container.path.clone(), container.span))
    });
    let inherits = making.request.choices.inherit_user;
    let Some((name, field, span)) = chosen else {
        if inherits {
            return Some((User::Inherit, None));
        }
        let help = r#"set it, for example to "NT AUTHORITY\\SYSTEM" or "NT AUTHORITY\\LOCAL SERVICE", or run with --inherit-user"#;
        let field = format!("{}.securityContext.windowsOptions.runAsUserName", container.path);
        let reason =
            "must be set: a HostProcess container runs as an account of the host, and its image names none";
        making.refuse(field, container.span, reason, Some(help));
        return None;
    };
    let account = match Account::parse(name) {
        Ok(account) => account,
        Err(errors) => {
            let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
            making.refuse(
                field,
                span,
                format!("Invalid value: {name:?}: {}", reasons.join("; ")),
                None,
            );
            return None;
        }
    };
    let of_pod = options.run_as_user_name.is_some();
    if breaks_non_root(making, container, options, &account, of_pod) {
        return None;
    }
    let user_name = stands_in.then(|| account.name().to_owned());
    if inherits {
        return Some((User::Inherit, user_name));
    }
    Some((
        User::Account(if stands_in { stand_in(account) } else { account }),
        user_name,
    ))
}

/// `runAsNonRoot`: the kubelet's check, in its words; and for host processes the same for every administrator, because
/// there the account is one of the host.
fn breaks_non_root(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    options: &EffectiveOptions<'_>,
    account: &Account,
    of_pod: bool,
) -> bool {
    let Some(non_root) = container
        .run_as_non_root
        .as_ref()
        .filter(|non_root| non_root.value)
    else {
        return false;
    };
    let written = account.as_written();
    let pod = making.identity;
    let who = if of_pod { "runAsUserName" } else { "runAsUser" };
    let reason = if written.eq_ignore_ascii_case(ROOT) {
        format!(
            "container's {who} ({written}) which will be regarded as root identity and will break non-root policy \
             (pod: \"{}_{}({})\", container: {})",
            pod.name, pod.namespace, pod.uid, container.name
        )
    } else if options.is_host_process() && account.is_administrator() {
        format!("the account `{written}` is an administrator of the host, which runAsNonRoot forbids")
    } else {
        return false;
    };
    let field = format!("{}.securityContext.runAsNonRoot", container.path);
    let help = "choose another account, or remove runAsNonRoot";
    making.refuse(field, non_root.span, reason, Some(help));
    true
}
