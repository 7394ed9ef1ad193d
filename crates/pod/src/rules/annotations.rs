//! Annotations of pods (`ValidatePodSpecificAnnotations`), and what they say beside the fields that took their place.

mod made;
mod tolerations;

use porthole_manifest::{Node, PodTemplate, Span};

pub(crate) use made::{app_armor_of_old, are_taken_away, check_keys as check_made_keys, namesake_skew};

use crate::container::{ContainerRef, containers};
use crate::names;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{Report, Shown, place, some_text, text};
use crate::rule::rules;
use crate::rules::container::security_context;
use crate::rules::os;
use crate::rules::volumes::check_descending;
use crate::validate::Pass;

rules! { ApiServer:
    /// The key of an annotation is like that of a label, in either case of letters.
    ANNOTATION_KEY = "annotation-key";
    /// All annotations of an object together have at most 256 KiB.
    ANNOTATIONS_TOO_LONG = "annotations-too-long";
    /// A pod with the annotation `kubernetes.io/config.mirror` is the mirror of a node's static pod: only kubelets make
    /// those, and they say which node.
    MIRROR_POD_WITHOUT_NODE = "mirror-pod-without-node";
    /// `controller.kubernetes.io/pod-deletion-cost` is a whole number of 32 bits, without a plus sign or leading zeros.
    POD_DELETION_COST = "pod-deletion-cost";
    /// The annotation `scheduler.alpha.kubernetes.io/tolerations` is JSON: a list of tolerations. The field
    /// `spec.tolerations` is the place for them.
    TOLERATIONS_ANNOTATION = "tolerations-annotation";
    /// A seccomp profile in an annotation is `runtime/default`, `docker/default`, `unconfined` or `localhost/` and a path
    /// below the node's directory of profiles. The field `seccompProfile` is the place for it.
    SECCOMP_ANNOTATION = "seccomp-annotation-value";
    /// An `AppArmor` profile in an annotation is `runtime/default`, `unconfined` or `localhost/` and a name, and belongs to
    /// a container of the pod. The field `appArmorProfile` is the place for it.
    APP_ARMOR_ANNOTATION = "app-armor-annotation-value";
    /// An annotation of old and the field that took its place say the same, where both are there. Leave the annotation out.
    ANNOTATION_DIFFERS = "annotation-differs";
}

pub(crate) const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
pub(crate) const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
pub(crate) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const LOCALHOST: &str = "localhost/";

/// Whether some annotation is one of which API servers make a field that only Linux knows.
pub(crate) fn are_of_linux(template: &PodTemplate<'_>) -> bool {
    template.metadata.is_some_and(|metadata| {
        metadata.child("annotations").entries().any(|entry| {
            let key = entry.key.key_text();
            key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER) || key.starts_with(APP_ARMOR)
        })
    })
}

/// The keys of annotations and their size (`ValidateAnnotations`).
pub(crate) fn check_keys(report: &mut Report<'_>, annotations: Node<'_>, path: &Path<'_>) {
    let mut size = 0;
    for entry in annotations.entries() {
        let key = entry.key.key_text();
        size += key.len() + entry.value.as_str().unwrap_or_default().len();
        let faults = names::qualified_name(&key.to_lowercase(), report.options.kubernetes_version);
        report.faults(&ANNOTATION_KEY, path, &key, faults, entry.key.span());
    }
    let most = 256 * 1024;
    if size > most {
        report.too_long(&ANNOTATIONS_TOO_LONG, path, most, annotations.span());
    }
}

/// The annotations of a Pod or template, where it has some.
fn annotations<'a>(pass: &Pass<'a>) -> Option<Node<'a>> {
    pass.template.metadata?.field("annotations")
}

/// Whether the Pod says that it is the mirror of a static pod.
pub(crate) fn is_mirror(pass: &Pass<'_>) -> bool {
    pass.is_pod() && annotations(pass).is_some_and(|annotations| annotations.get(MIRROR).is_some())
}

/// What is asked of the annotations of a Pod or a template. The API server leaves `metadata` out of a template's path.
pub(crate) fn check(pass: &mut Pass<'_>) {
    let owner = match pass.template.kind.template_path() {
        "" => "metadata",
        template => template,
    };
    let owner = Path::root(owner);
    let path = owner.child("annotations");
    let given = annotations(pass);
    if let Some(annotations) = given {
        check_given(pass, annotations, &path);
    }
    made::check_of_fields(pass, given, &path);
    let app_armor = given.filter(|_| pass.feature("AppArmor", 31));
    for entry in app_armor.into_iter().flat_map(Node::entries) {
        check_app_armor(pass, &entry.key.key_text(), entry.value, &path);
    }
    made::check_left(pass, &path);
}

fn check_given(pass: &mut Pass<'_>, annotations: Node<'_>, path: &Path<'_>) {
    let spec = pass.spec;
    let value = |key| {
        annotations
            .get(key)
            .map(|node| (node, node.as_str().unwrap_or_default()))
    };
    if let Some((node, mirror)) = value(MIRROR)
        && text(spec, "nodeName").is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        let field = path.key(MIRROR);
        pass.invalid(
            &MIRROR_POD_WITHOUT_NODE,
            &field,
            Shown::Str(mirror),
            detail,
            node.span(),
        );
    }
    if let Some((node, given)) = value(TOLERATIONS).filter(|(_, given)| !given.is_empty()) {
        tolerations::check(pass, given, node.span(), path);
    }
    if let Some((node, cost)) = value(DELETION_COST)
        && pass.enabled("PodDeletionCost")
        && !is_cost(cost)
    {
        let field = path.key(DELETION_COST);
        let detail = "must be a 32bit integer";
        pass.invalid(&POD_DELETION_COST, &field, Shown::Str(cost), detail, node.span());
    }
    if let Some((node, profile)) = value(SECCOMP_POD) {
        check_seccomp(pass, profile, &path.child(SECCOMP_POD), node);
    }
    for entry in annotations.entries() {
        let key = entry.key.key_text();
        if key.starts_with(SECCOMP_CONTAINER) {
            let profile = entry.value.as_str().unwrap_or_default();
            check_seccomp(pass, profile, &path.child(&key), entry.value);
        }
    }
}

/// Whether the text is a number of 32 bits as the API server wants it written.
fn is_cost(text: &str) -> bool {
    let good_start = text == "0" || text.starts_with(|c: char| c == '-' || matches!(c, '1'..='9'));
    good_start && text.parse::<i32>().is_ok()
}

fn check_seccomp(pass: &mut Pass<'_>, profile: &str, path: &Path<'_>, node: Node<'_>) {
    if matches!(profile, "runtime/default" | "docker/default" | "unconfined") {
        return;
    }
    if let Some(file) = profile.strip_prefix(LOCALHOST) {
        check_descending(pass, &SECCOMP_ANNOTATION, file, path, node.span());
        return;
    }
    let detail = "must be a valid seccomp profile";
    pass.invalid(
        &SECCOMP_ANNOTATION,
        path,
        Shown::Str(profile),
        detail,
        node.span(),
    );
}

fn check_app_armor(pass: &mut Pass<'_>, key: &str, value: Node<'_>, path: &Path<'_>) {
    let Some(container) = key.strip_prefix(APP_ARMOR) else {
        return;
    };
    let field = path.key(key);
    let template = pass.template;
    if !containers(&template).any(|other| other.name.unwrap_or_default() == container) {
        let detail = "container not found";
        let span = value.span();
        pass.invalid(&APP_ARMOR_ANNOTATION, &field, Shown::Str(container), detail, span);
    }
    let profile = value.as_str().unwrap_or_default();
    let known = matches!(profile, "" | "runtime/default" | "unconfined") || profile.starts_with(LOCALHOST);
    if !known {
        let detail = format!("invalid AppArmor profile name: {}", go_quote(profile));
        let span = value.span();
        pass.invalid(&APP_ARMOR_ANNOTATION, &field, Shown::Str(profile), detail, span);
    }
}

/// The annotation that the API server makes a missing `seccompProfile` of: up to 1.26, of a Pod or, by its name, of a
/// container.
pub(crate) fn seccomp_field<'a>(pass: &Pass<'a>, container: Option<&str>) -> Option<Node<'a>> {
    if pass.at_least(27) || !pass.is_pod() {
        return None;
    }
    let annotations = annotations(pass)?;
    let annotation = match container {
        None => annotations.get(SECCOMP_POD),
        Some(name) => annotations.get(&format!("{SECCOMP_CONTAINER}{name}")),
    }?;
    let profile = annotation.as_str().unwrap_or_default();
    let file = profile.strip_prefix(LOCALHOST);
    let known = matches!(profile, "unconfined" | "runtime/default" | "docker/default");
    (known || file.is_some_and(|file| !file.is_empty())).then_some(annotation)
}

/// The profile of the first container of that name that has one: up to 1.24 the API server holds the others to it, and
/// copies it into those behind it that have none. With it whether it stands before the container.
pub(crate) fn seccomp_of_namesake<'a>(
    pass: &Pass<'a>,
    container: &ContainerRef<'a>,
) -> Option<(Node<'a>, bool)> {
    if pass.at_least(25) || !pass.is_pod() {
        return None;
    }
    let template = pass.template;
    let mut before = true;
    for other in containers(&template) {
        let is_itself = other.kind == container.kind && other.index == container.index;
        before &= !is_itself;
        if other.name.unwrap_or_default() != container.name.unwrap_or_default() {
            continue;
        }
        let context = other.security_context();
        let profile = context.and_then(|context| context.field("seccompProfile"));
        if let Some(profile) = profile.filter(|profile| made::becomes_annotation(*profile)) {
            return (!is_itself).then_some((profile, before));
        }
    }
    None
}

/// The profile of the Pod, or, by its name, of a container, where it comes from an annotation.
pub(crate) fn check_seccomp_field(pass: &mut Pass<'_>, container: Option<&str>, path: &Path<'_>) {
    let Some(annotation) = seccomp_field(pass, container) else {
        return;
    };
    if let Some(file) = annotation
        .as_str()
        .and_then(|profile| profile.strip_prefix(LOCALHOST))
    {
        let field = path.child("localhostProfile");
        check_descending(pass, &SECCOMP_ANNOTATION, file, &field, annotation.span());
    }
}

/// The profile of a container that has none of its own, where it comes from an annotation or from a container of the same
/// name before it.
pub(crate) fn check_seccomp_of_others(pass: &mut Pass<'_>, container: Node<'_>, path: &Path<'_>) {
    if pass.at_least(27) || !pass.is_pod() {
        return;
    }
    let name = text(container, "name");
    if annotations(pass).is_some_and(|given| given.get(&format!("{SECCOMP_CONTAINER}{name}")).is_some()) {
        check_seccomp_field(pass, Some(name), path);
        return;
    }
    let template = pass.template;
    let itself = containers(&template).find(|of| of.node.span() == container.span());
    let namesake = itself.and_then(|itself| seccomp_of_namesake(pass, &itself));
    if let Some((profile, true)) = namesake
        && text(profile, "type") == "Localhost"
    {
        let file = text(profile, "localhostProfile");
        let field = path.child("localhostProfile");
        check_descending(
            pass,
            &SECCOMP_ANNOTATION,
            file,
            &field,
            place(profile, "localhostProfile"),
        );
    }
}

/// What is asked when an object is created: annotations of old say what the fields say.
pub(crate) fn check_create(pass: &mut Pass<'_>) {
    let given = annotations(pass);
    check_seccomp_fields(pass, given);
    check_app_armor_fields(pass, given);
}

fn check_seccomp_fields(pass: &mut Pass<'_>, annotations: Option<Node<'_>>) {
    let spec = pass.spec_path();
    let template = pass.template;
    let context = template.spec.and_then(|spec| spec.field("securityContext"));
    if let Some(profile) = context.and_then(|context| context.field("seccompProfile"))
        && let Some(annotation) = annotations.and_then(|annotations| annotations.get(SECCOMP_POD))
    {
        let context = spec.child("securityContext");
        let path = context.child("seccompProfile");
        check_profile(pass, "seccomp", profile, said_by(annotation), &path);
    }
    for container in containers(&template) {
        let context = container.security_context();
        let Some(profile) = context.and_then(|context| context.field("seccompProfile")) else {
            continue;
        };
        let key = format!("{SECCOMP_CONTAINER}{}", container.name.unwrap_or_default());
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        let context = at.child("securityContext");
        let path = context.child("seccompProfile");
        if let Some(annotation) = annotations.and_then(|annotations| annotations.get(&key)) {
            check_profile(pass, "seccomp", profile, said_by(annotation), &path);
        } else if let Some((other, _)) = seccomp_of_namesake(pass, &container) {
            check_namesake(pass, profile, other, &path);
        }
    }
}

/// The first of several containers of one name makes the annotation that the others are held to.
fn check_namesake(pass: &mut Pass<'_>, profile: Node<'_>, other: Node<'_>, path: &Path<'_>) {
    let kind = text(profile, "type");
    if !matches!(kind, "Unconfined" | "RuntimeDefault" | "Localhost") {
        return;
    }
    let of = |key| profile.field(key).and_then(Node::as_str) != other.field(key).and_then(Node::as_str);
    if of("type") {
        let detail = "seccomp type in annotation and field must match";
        pass.forbidden(&ANNOTATION_DIFFERS, &path.child("type"), detail, profile.span());
    } else if kind == "Localhost" && of("localhostProfile") {
        let detail = "seccomp profile in annotation and field must match";
        pass.forbidden(
            &ANNOTATION_DIFFERS,
            &path.child("localhostProfile"),
            detail,
            profile.span(),
        );
    }
}

fn check_app_armor_fields(pass: &mut Pass<'_>, annotations: Option<Node<'_>>) {
    if !security_context::knows_app_armor(pass) || os::is_windows(pass) {
        return;
    }
    let spec = pass.spec_path();
    let template = pass.template;
    let of_pod = template
        .spec
        .and_then(|spec| spec.field("securityContext")?.field("appArmorProfile"));
    for container in containers(&template) {
        let key = format!("{APP_ARMOR}{}", container.name.unwrap_or_default());
        let annotation = annotations.and_then(|annotations| annotations.get(&key));
        let made = made::app_armor_of_namesake(pass, &container).filter(|_| annotation.is_none());
        let said = match (annotation, &made) {
            (Some(annotation), _) => said_by(annotation),
            (None, Some(made)) => (made.as_str(), container.node.span()),
            (None, None) => continue,
        };
        let own = container
            .security_context()
            .and_then(|context| context.field("appArmorProfile"));
        // In a Pod a good annotation of a container without a field becomes its field.
        let becomes = pass.is_pod() && becomes_field(said.0);
        let Some(profile) = own.or(of_pod.filter(|_| !becomes)) else {
            continue;
        };
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        let context = at.child("securityContext");
        check_profile(pass, "apparmor", profile, said, &context.child("appArmorProfile"));
    }
}

/// Whether the API server makes a container's field of the annotation.
fn becomes_field(profile: &str) -> bool {
    let localhost = profile.strip_prefix(LOCALHOST);
    matches!(profile, "unconfined" | "runtime/default")
        || localhost.is_some_and(|name| !name.is_empty() && name.trim() == name && name.len() <= 4095)
}

/// The annotation of a container's `AppArmor` profile that the API server warns of before it validates a Pod: one without a
/// field, but where it says what the Pod's own field says (`applyAppArmorVersionSkew`, since 1.30).
pub(crate) fn app_armor_skew<'a>(
    pass: &Pass<'_>,
    annotations: Node<'a>,
    container: &ContainerRef<'_>,
) -> Option<(String, Node<'a>)> {
    let own = container
        .security_context()
        .and_then(|context| context.field("appArmorProfile"));
    if !pass.is_pod() || !security_context::knows_app_armor(pass) || os::is_windows(pass) || own.is_some() {
        return None;
    }
    let key = format!("{APP_ARMOR}{}", container.name.unwrap_or_default());
    let annotation = annotations.get(&key)?;
    (!is_that_of_pod(pass, annotation.as_str().unwrap_or_default())).then_some((key, annotation))
}

/// Whether the API server makes the Pod's own `AppArmor` profile of an annotation.
fn is_that_of_pod(pass: &Pass<'_>, given: &str) -> bool {
    let of_pod = pass.spec.child("securityContext").field("appArmorProfile");
    becomes_field(given)
        && of_pod.is_some_and(|profile| {
            let file = some_text(profile, "localhostProfile");
            match text(profile, "type") {
                "Unconfined" => given == "unconfined" && file.is_none(),
                "RuntimeDefault" => given == "runtime/default" && file.is_none(),
                "Localhost" => file.is_some() && given.strip_prefix(LOCALHOST) == file,
                _ => false,
            }
        })
}

/// The annotation of which the API server makes the `AppArmor` profile of a container of a Pod.
pub(crate) fn made_app_armor<'a>(pass: &Pass<'a>, container: &ContainerRef<'_>) -> Option<Node<'a>> {
    let annotations = pass.template.metadata?.field("annotations")?;
    let (_, annotation) = app_armor_skew(pass, annotations, container)?;
    Some(annotation).filter(|annotation| becomes_field(annotation.as_str().unwrap_or_default()))
}

/// What an annotation says, and where.
fn said_by(annotation: Node<'_>) -> (&str, Span) {
    (annotation.as_str().unwrap_or_default(), annotation.span())
}

/// Whether a field's profile is the annotation's.
fn check_profile(
    pass: &mut Pass<'_>,
    kind: &str,
    profile: Node<'_>,
    (given, span): (&str, Span),
    path: &Path<'_>,
) {
    let file = given.strip_prefix(LOCALHOST);
    let key = match text(profile, "type") {
        "Unconfined" if given != "unconfined" => "type",
        "RuntimeDefault"
            if given != "runtime/default" && !(kind == "seccomp" && given == "docker/default") =>
        {
            "type"
        }
        "Localhost" if file.is_none() => "type",
        "Localhost" if file != some_text(profile, "localhostProfile") => "localhostProfile",
        _ => return,
    };
    let what = if key == "type" { "type" } else { "profile" };
    let detail = format!("{kind} {what} in annotation and field must match");
    pass.forbidden(&ANNOTATION_DIFFERS, &path.child(key), detail, span);
}
