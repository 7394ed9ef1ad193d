//! Who a container runs as.

use porthole_manifest::Span;
use porthole_pod::node::{PodName, verify_run_as_non_root};
use porthole_pod::{Account, ContainerRef, EffectiveOptions};

use super::Making;
use crate::plan::User;
use crate::spec::ContainerSpec;

/// The account, and what `USERNAME` is set to when the container plays a HostProcess one.
pub(super) fn user(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    reference: ContainerRef<'_>,
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
    if breaks_non_root(making, container, reference, options, image, &account) {
        return None;
    }
    let user_name = stands_in.then(|| account.name().to_owned());
    let user = if inherits {
        User::Inherit
    } else {
        User::Account(account)
    };
    Some((user, user_name))
}

/// `runAsNonRoot`: the kubelet's check, in its words; and for host processes the same for every administrator, because
/// there the account is one of the host.
fn breaks_non_root(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    reference: ContainerRef<'_>,
    options: &EffectiveOptions<'_>,
    image: Option<&str>,
    account: &Account,
) -> bool {
    let Some(non_root) = options.run_as_non_root.filter(|non_root| non_root.value) else {
        return false;
    };
    let identity = making.identity;
    let pod = PodName {
        name: &identity.name,
        namespace: &identity.namespace,
        uid: &identity.uid,
    };
    let refused = verify_run_as_non_root(making.request.template, reference, image, pod);
    let reason = match refused {
        Some(refusal) => refusal.to_string(),
        None if options.is_host_process() && account.is_administrator() => {
            format!("the account `{account}` is an administrator of the host, which runAsNonRoot forbids")
        }
        None => return false,
    };
    let help = format!(
        "choose another account for container {}, or remove runAsNonRoot",
        container.name
    );
    making.refuse(non_root.field(), non_root.span(), reason, Some(&help));
    true
}
