//! The containers of a pod (`validateContainers`, `validateInitContainers`, `validateContainerCommon`), in the API server's
//! order. Up to 1.24 the order is another one, see [`before_1_25`].

mod before_1_25;
pub(crate) mod env;
pub(crate) mod ephemeral;
mod go_values;
mod handlers;
mod init;
mod mounts;
mod ports;
mod probes;
pub(crate) mod resources;
mod restart;
pub(crate) mod security_context;
pub(crate) mod value_from;
pub(crate) mod warnings;

use porthole_manifest::Node;

pub(crate) use handlers::{HOOKS, drops_sleep, keeps_hook, lifecycle};

use crate::container::ContainerKind;
use crate::names;
use crate::path::Path;
use crate::report::{Shown, int, is_true, items, place, text};
use crate::rule::{Rule, rules};
use crate::rules::{host_ports, volumes};
use crate::seen::Seen;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod has at least one container in `containers`; init and ephemeral containers do not count.
    CONTAINERS_REQUIRED = "containers-required";
    /// Every container has a name: `kubectl logs` and `exec`, the pod's status and other fields speak of it by its name.
    CONTAINER_NAME_REQUIRED = "container-name-required";
    /// The name of a container is an RFC 1123 label: at most 63 lower-case letters, digits and inner dashes, no periods. It
    /// becomes part of names on the node that take no more.
    CONTAINER_NAME_FORMAT = "container-name-format";
    /// The name of a container is there once in the pod, over containers, init and ephemeral containers. Rename one.
    CONTAINER_NAME_DUPLICATE = "container-name-duplicate";
    /// A container names its image. An image that a controller or an admission webhook fills in is written as a blank in a
    /// template, and even that is refused in a Pod.
    IMAGE_REQUIRED = "image-required";
    /// The image of a Pod's container has no blanks around it. In templates they are taken, and the pods then fail.
    IMAGE_WHITESPACE = "image-whitespace";
    /// `terminationMessagePolicy` is `File` (the default) or `FallbackToLogsOnError`.
    TERMINATION_MESSAGE_POLICY_UNKNOWN = "termination-message-policy-unknown";
    /// `imagePullPolicy` is `Always`, `IfNotPresent` or `Never`, with these capitals. Left out, it is `Always` for the tag
    /// `latest` and `IfNotPresent` otherwise.
    IMAGE_PULL_POLICY_UNKNOWN = "image-pull-policy-unknown";
}

/// The rules of this module and those below.
pub(crate) static ALL: &[&[&Rule]] = &[
    RULES,
    env::RULES,
    ephemeral::RULES,
    handlers::RULES,
    init::RULES,
    mounts::RULES,
    ports::RULES,
    probes::RULES,
    resources::RULES,
    restart::RULES,
    security_context::RULES,
    value_from::RULES,
    warnings::RULES,
];

/// What the containers of a pod refer to.
struct Scope<'a> {
    /// The pod's volumes that are well, by their names.
    volumes: Vec<(&'a str, Node<'a>)>,
    /// The names of the pod's volumes of images, where a gate drops these with what is mounted of them.
    dropped: Vec<&'a str>,
    /// The names of the pod's resource claims.
    claims: Vec<&'a str>,
    /// The pod's termination grace period in seconds.
    grace_period: i64,
    /// The pod's restart policy.
    restart_policy: &'a str,
    /// Whether the pod uses the host's user namespace.
    host_users: bool,
    /// The pod's system, where `spec.os` is set.
    os: Option<&'a str>,
}

impl<'a> Scope<'a> {
    fn of(pass: &Pass<'a>) -> Self {
        let spec = pass.spec;
        let path = pass.spec_path();
        let list = path.child("volumes");
        let made = volumes::claims(pass);
        let made = made.into_iter().enumerate();
        let made = made.map(|(index, claim)| (index, volumes::claim_name(claim), claim));
        let given = volumes::of(pass, spec).map(|(index, volume)| (index, text(volume, "name"), volume));
        let volumes = made
            .chain(given)
            .filter(|(index, ..)| !pass.has_error_under(&list.index(*index)))
            .map(|(_, name, volume)| (name, volume))
            .collect();
        let dropped = items(spec, "volumes").filter(|volume| volumes::drops(pass, *volume));
        let dropped = dropped.map(|volume| text(volume, "name")).collect();
        let names = items(spec, "resourceClaims").map(|claim| text(claim, "name"));
        let mut claims: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        claims.sort_unstable();
        claims.dedup();
        let grace_period = int(spec, "terminationGracePeriodSeconds").unwrap_or(30);
        Self {
            volumes,
            dropped,
            claims,
            // What is below nothing is one second in a Pod, and stays in a template.
            grace_period: if grace_period < 0 && pass.is_pod() {
                1
            } else {
                grace_period
            },
            restart_policy: text(spec, "restartPolicy"),
            host_users: !pass.enabled("UserNamespacesSupport")
                || spec.field("hostUsers").and_then(Node::as_bool) != Some(false),
            os: spec.field("os").map(|os| text(os, "name")),
        }
    }

    /// What a container mounts.
    fn mounts<'n>(&self, container: Node<'n>) -> impl Iterator<Item = Node<'n>> + use<'_, 'a, 'n> {
        items(container, "volumeMounts").filter(|mount| !self.dropped.contains(&text(*mount, "name")))
    }

    fn volume(&self, name: &str) -> Option<Node<'a>> {
        let mut found = self.volumes.iter().filter(|(other, _)| *other == name);
        found.next().map(|(_, volume)| *volume)
    }
}

/// `spec.containers`, `spec.initContainers` and `spec.ephemeralContainers`.
pub(crate) fn check(pass: &mut Pass<'_>) {
    let scope = Scope::of(pass);
    if pass.at_least(25) {
        check_main(pass, &scope);
        init::check(pass, &scope);
        ephemeral::check(pass, &scope);
    } else {
        before_1_25::check(pass, &scope);
    }
}

/// `validateContainers`.
fn check_main(pass: &mut Pass<'_>, scope: &Scope<'_>) {
    let spec = pass.spec_path();
    let list = spec.child(ContainerKind::Main.field());
    let containers: Vec<_> = items(pass.spec, ContainerKind::Main.field()).collect();
    if containers.is_empty() {
        return containers_required(pass, &list, pass.spec);
    }
    let mut names = Seen::new();
    for (index, container) in containers.iter().copied().enumerate() {
        let at = list.index(index);
        check_common(pass, scope, &at, container, ContainerKind::Main);
        if !names.insert(text(container, "name")) {
            duplicate_name(pass, &at, container);
        }
        probes::check_all(pass, scope, &at, container);
        restart::check_main(pass, &at, container);
    }
    host_ports::check_duplicates(pass, &list, ContainerKind::Main, &containers);
}

fn containers_required(pass: &mut Pass<'_>, list: &Path<'_>, holder: Node<'_>) {
    let span = place(holder, ContainerKind::Main.field());
    pass.required(&CONTAINERS_REQUIRED, list, "", span);
}

/// `validateContainerCommon`.
fn check_common(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    at: &Path<'_>,
    container: Node<'_>,
    kind: ContainerKind,
) {
    check_name(pass, at, container);
    check_image(pass, at, container);
    let policy = text(container, "terminationMessagePolicy");
    if !matches!(policy, "" | "File" | "FallbackToLogsOnError") {
        pass.not_supported(
            &TERMINATION_MESSAGE_POLICY_UNKNOWN,
            &at.child("terminationMessagePolicy"),
            Shown::Named(policy),
            &["File", "FallbackToLogsOnError"],
            place(container, "terminationMessagePolicy"),
        );
    }
    check_uses(pass, scope, at, container, kind);
}

fn check_name(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    let name = text(container, "name");
    let field = at.child("name");
    if name.is_empty() {
        pass.required(&CONTAINER_NAME_REQUIRED, &field, "", place(container, "name"));
        return;
    }
    for fault in names::dns1123_label(name, pass.options.kubernetes_version) {
        let span = place(container, "name");
        pass.invalid(&CONTAINER_NAME_FORMAT, &field, Shown::Str(name), fault, span);
    }
}

fn check_image(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    if text(container, "image").is_empty() {
        let span = place(container, "image");
        pass.required(&IMAGE_REQUIRED, &at.child("image"), "", span);
    }
}

/// What stands at the end of `validateContainerCommon`, and in every version in this order.
fn check_uses(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    at: &Path<'_>,
    container: Node<'_>,
    kind: ContainerKind,
) {
    ports::check(pass, &at.child("ports"), kind, container);
    env::check(pass, &at.child("env"), container);
    env::check_from(pass, &at.child("envFrom"), container);
    mounts::check(pass, scope, &at.child("volumeMounts"), container);
    mounts::check_devices(pass, scope, &at.child("volumeDevices"), container);
    let policy = text(container, "imagePullPolicy");
    if !matches!(policy, "" | "Always" | "IfNotPresent" | "Never") {
        pass.not_supported(
            &IMAGE_PULL_POLICY_UNKNOWN,
            &at.child("imagePullPolicy"),
            Shown::Named(policy),
            &["Always", "IfNotPresent", "Never"],
            place(container, "imagePullPolicy"),
        );
    }
    let resources = container.child("resources");
    // In the containers and init containers of a Pod, requests that are not set are taken from the limits.
    let (limits, requests) = resources::of_container(pass, container, kind != ContainerKind::Ephemeral);
    let at_resources = at.child("resources");
    resources::check(
        pass,
        &scope.claims,
        &at_resources,
        resources,
        (&limits, &requests),
    );
    restart::check_resize_policy(pass, scope, &at.child("resizePolicy"), container);
    security_context::check(pass, scope.host_users, at, container);
}

fn duplicate_name(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    pass.duplicate(
        &CONTAINER_NAME_DUPLICATE,
        &at.child("name"),
        Shown::Str(text(container, "name")),
        place(container, "name"),
    );
}

/// What is asked of the containers and init containers of a Pod, and not of those of a template
/// (`validateContainersOnlyForPod`).
pub(crate) fn check_only_pods(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    for kind in [ContainerKind::Main, ContainerKind::Init] {
        let list = spec.child(kind.field());
        for (index, container) in items(pass.spec, kind.field()).enumerate() {
            check_image_blanks(pass, &list.index(index), container);
        }
    }
}

/// The image of a Pod's container once more, where the Pod is changed.
pub(crate) fn check_changed_image(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    if text(container, "image").is_empty() {
        pass.required(&IMAGE_REQUIRED, &at.child("image"), "", place(container, "image"));
    }
    check_image_blanks(pass, at, container);
}

fn check_image_blanks(pass: &mut Pass<'_>, at: &Path<'_>, container: Node<'_>) {
    let image = text(container, "image");
    if image.trim().len() != image.len() {
        let detail = "must not have leading or trailing whitespace";
        let span = place(container, "image");
        pass.invalid(
            &IMAGE_WHITESPACE,
            &at.child("image"),
            Shown::Str(image),
            detail,
            span,
        );
    }
}

/// Whether the container is privileged.
fn is_privileged(container: Node<'_>) -> bool {
    is_true(container.child("securityContext"), "privileged")
}
