//! What happens to a container on its end and on a change of its resources (`validateContainerRestartPolicy`,
//! `validateInitContainerRestartPolicy`, `validateResizePolicy`).

use std::collections::HashSet;

use porthole_manifest::Node;

use super::{Scope, go_values};
use crate::path::Path;
use crate::report::{Shown, items, place, text};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// `restartPolicy` of a container is `Always`, `OnFailure` or `Never`. Before Kubernetes 1.34, and where the gate
    /// `ContainerRestartRules` is off, only init containers have one, and it is `Always`: such an init container is a
    /// sidecar.
    CONTAINER_RESTART_POLICY = "container-restart-policy";
    /// `restartPolicyRules` stand beside a `restartPolicy`, of which they are exceptions, and are at most 20.
    RESTART_RULES = "restart-rules";
    /// A restart rule has an action, and the exit codes that it is for: `operator` `In` or `NotIn`, and at most 255 values.
    RESTART_RULE = "restart-rule";
    /// `resizePolicy` names `cpu` or `memory`, each once, and `NotRequired` or `RestartContainer`.
    RESIZE_POLICY = "resize-policy";
    /// In a pod that restarts nothing, and in an init container that is no sidecar, no change of resources restarts a
    /// container.
    RESIZE_POLICY_RESTARTS = "resize-policy-restarts";
    /// Up to Kubernetes 1.32 init containers have no `resizePolicy`.
    RESIZE_POLICY_OF_INIT = "resize-policy-of-init";
}

/// `restartPolicy` and its rules, of a container.
pub(super) fn check_main(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    if pass.enabled("ContainerRestartRules") {
        check_policy(pass, at, container);
    } else if pass.at_least(28)
        && !pass.at_least(34)
        && let Some(policy) = container.field("restartPolicy")
    {
        let detail = "may not be set for non-init containers";
        let field = at.child("restartPolicy");
        pass.forbidden(&CONTAINER_RESTART_POLICY, &field, detail, policy.span());
    }
}

/// `restartPolicy` and its rules, of an init container. Whether that is a sidecar.
pub(super) fn check_init(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) -> bool {
    let knows_sidecars = pass.at_least(33) || pass.enabled("SidecarContainers");
    let node = container.field("restartPolicy").filter(|_| knows_sidecars);
    let policy = node.and_then(Node::as_str);
    let rules = container.field("restartPolicyRules");
    let rules = rules.filter(|rules| rules.items().next().is_some());
    let is_sidecar = policy == Some("Always");
    if pass.enabled("ContainerRestartRules") {
        match policy {
            None if !pass.at_least(35) => {}
            Some("Always") if !pass.enabled("RestartAllContainersOnContainerExits") => {
                if let Some(rules) = rules {
                    let detail =
                        "restartPolicyRules are not allowed for init containers with restart policy Always";
                    let field = at.child("restartPolicyRules");
                    pass.forbidden(&RESTART_RULES, &field, detail, rules.span());
                }
            }
            None => {
                if let Some(rules) = rules {
                    policy_required(pass, at, rules);
                }
            }
            Some(_) => check_policy(pass, at, container),
        }
    } else if let (Some(node), Some(policy)) = (node, policy)
        && !is_sidecar
        && !pass.at_least(34)
    {
        let field = at.child("restartPolicy");
        let shown = Shown::Named(policy);
        pass.not_supported(&CONTAINER_RESTART_POLICY, &field, shown, &["Always"], node.span());
    }
    is_sidecar
}

fn policy_required(pass: &mut Pass<'_>, at: &Path<'_>, rules: Node<'_>) {
    let detail = "must specify restartPolicy when restart rules are used";
    pass.required(&RESTART_RULES, &at.child("restartPolicy"), detail, rules.span());
}

/// `validateContainerRestartPolicy`.
fn check_policy(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    let rules = container.child("restartPolicyRules");
    let count = rules.items().count();
    match container
        .field("restartPolicy")
        .map(|node| (node, node.as_str().unwrap_or_default()))
    {
        None if count == 0 => return,
        None => policy_required(pass, at, rules),
        Some((_, "Always" | "Never" | "OnFailure")) => {}
        Some((node, policy)) => {
            let supported = ["Always", "Never", "OnFailure"];
            let field = at.child("restartPolicy");
            let shown = Shown::Named(policy);
            pass.not_supported(&CONTAINER_RESTART_POLICY, &field, shown, &supported, node.span());
        }
    }
    let list = at.child("restartPolicyRules");
    check_count(pass, &list, rules, (count, 20));
    for (index, rule) in rules.items().enumerate() {
        check_rule(pass, &list.index(index), rule);
    }
}

fn check_count(pass: &mut Pass<'_>, list: &Path<'_>, node: Node<'_>, (count, most): (usize, usize)) {
    if count <= most {
        return;
    }
    if pass.at_least(36) {
        pass.too_many(&RESTART_RULES, list, (count, most), node.span());
    } else {
        pass.too_long(&RESTART_RULES, list, most, node.span());
    }
}

fn check_rule(pass: &mut Pass<'_>, at: &Path<'_>, rule: Node<'_>) {
    let action = text(rule, "action");
    let restarts_all = pass.at_least(35) && pass.enabled("RestartAllContainersOnContainerExits");
    let actions: &[&str] = if restarts_all && pass.at_least(36) {
        &["Restart", "RestartAllContainers"]
    } else {
        &["Restart"]
    };
    if action != "Restart" && !(restarts_all && action == "RestartAllContainers") {
        let span = place(rule, "action");
        pass.not_supported(
            &RESTART_RULE,
            &at.child("action"),
            Shown::Named(action),
            actions,
            span,
        );
    }
    let exit_codes = at.child("exitCodes");
    let Some(codes) = rule.field("exitCodes") else {
        let span = place(rule, "exitCodes");
        return pass.required(&RESTART_RULE, &exit_codes, "must be specified", span);
    };
    let operator = text(codes, "operator");
    if !matches!(operator, "In" | "NotIn") {
        let span = place(codes, "operator");
        let field = exit_codes.child("operator");
        pass.not_supported(
            &RESTART_RULE,
            &field,
            Shown::Named(operator),
            &["In", "NotIn"],
            span,
        );
    }
    let values = codes.child("values");
    check_count(
        pass,
        &exit_codes.child("values"),
        values,
        (values.items().count(), 255),
    );
}

/// Whether containers have a `resizePolicy`: since 1.27, where the gate is on.
pub(super) fn knows_resize_policy(pass: &Pass<'_>) -> bool {
    pass.at_least(27) && pass.enabled("InPlacePodVerticalScaling")
}

/// `validateResizePolicy`. Most of the errors name the list and not its entry: so the API server does.
pub(super) fn check_resize_policy(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    list: &Path<'_>,
    container: Node<'_>,
) {
    if !knows_resize_policy(pass) {
        return;
    }
    let mut seen = HashSet::new();
    for (index, entry) in items(container, "resizePolicy").enumerate() {
        let resource = text(entry, "resourceName");
        let span = place(entry, "resourceName");
        // The type prints itself, without quotes, until values are shown as JSON.
        let shown = if pass.at_least(34) {
            Shown::Named(resource)
        } else {
            Shown::Raw(resource.to_owned())
        };
        if !seen.insert(resource) {
            let field = list.index(index);
            pass.duplicate(&RESIZE_POLICY, &field, shown.clone(), span);
        }
        match resource {
            "cpu" | "memory" => {}
            "" => pass.required(&RESIZE_POLICY, list, "", span),
            _ => {
                pass.not_supported(&RESIZE_POLICY, list, shown, &["cpu", "memory"], span);
            }
        }
        let policy = text(entry, "restartPolicy");
        let span = place(entry, "restartPolicy");
        match policy {
            "NotRequired" | "RestartContainer" => {}
            "" => pass.required(&RESIZE_POLICY, list, "", span),
            _ => {
                let supported = ["NotRequired", "RestartContainer"];
                pass.not_supported(&RESIZE_POLICY, list, Shown::Named(policy), &supported, span);
            }
        }
        if pass.at_least(29) && scope.restart_policy == "Never" && policy != "NotRequired" {
            let pod = if pass.at_least(36) { "pod " } else { "" };
            let detail = format!("must be 'NotRequired' when {pod}`restartPolicy` is 'Never'");
            pass.invalid(&RESIZE_POLICY_RESTARTS, list, Shown::Named(policy), detail, span);
        }
    }
}

/// What is asked of `resizePolicy` of init containers.
pub(super) fn check_init_resize_policy(
    pass: &mut Pass<'_>,
    list: &Path<'_>,
    container: Node<'_>,
    is_sidecar: bool,
) {
    if !knows_resize_policy(pass) {
        return;
    }
    let Some(node) = container.field("resizePolicy") else {
        return;
    };
    if !pass.at_least(33) && node.items().next().is_some() {
        let shown = Shown::Raw(go_values::resize_policy(node));
        let detail = "must not be set for init containers";
        pass.invalid(&RESIZE_POLICY_OF_INIT, list, shown, detail, node.span());
    }
    if !pass.at_least(36) || is_sidecar {
        return;
    }
    for (index, entry) in node.items().enumerate() {
        if text(entry, "restartPolicy") == "RestartContainer" {
            let at = list.index(index);
            let field = at.child("restartPolicy");
            let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            let span = place(entry, "restartPolicy");
            let shown = Shown::Named("RestartContainer");
            pass.invalid(&RESIZE_POLICY_RESTARTS, &field, shown, detail, span);
        }
    }
}
