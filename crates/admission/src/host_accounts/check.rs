//! The webhook's view of a manifest: whether the pod's service account may use the host accounts that the pod asks for.

use porthole_access::Access;
use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{Finding, Severity};

use super::{HOST_ACCOUNT_UNAUTHORIZED, HOST_ACCOUNTS_LABEL_UNKNOWN, LABEL, Mode, Policy, asks_beyond};
use crate::decide::Usable;
use crate::service_account;

/// What the webhook refuses to a pod of `namespace`, an error each, in its words and in its order; of a pod that was `old`
/// before, what is new. Nothing where it asks for no account. Which of them it tells and to whom is said by the namespace's [`Mode`].
#[must_use]
pub fn unauthorized(
    template: &PodTemplate<'_>,
    old: Option<&PodTemplate<'_>>,
    namespace: &str,
    access: &Access,
) -> Option<Vec<Finding>> {
    let account = service_account::name(template);
    let asks = asks_beyond(template, old);
    if asks.is_empty() {
        return None;
    }
    let refused = asks.into_iter().filter_map(|ask| {
        let (text, help) = Usable::HostAccount.refusal(access, namespace, account, &ask.account)?;
        let rule = &HOST_ACCOUNT_UNAUTHORIZED;
        Some(Finding::remark(rule, Severity::Error, ask.field, text, ask.span).with_help(help))
    });
    Some(refused.collect())
}

/// What is wrong with the label of a namespace.
#[must_use]
pub fn check_label(namespace: &str, label: Node<'_>) -> Option<Finding> {
    let remark = Policy::of(namespace, Some(label.as_str()?), Mode::Off).remark?;
    Some(Finding::remark(
        &HOST_ACCOUNTS_LABEL_UNKNOWN,
        Severity::Warning,
        format!("metadata.labels[{LABEL}]"),
        remark,
        label.span(),
    ))
}
