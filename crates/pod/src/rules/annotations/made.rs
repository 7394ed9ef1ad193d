//! Annotations that the API server makes of the fields of a Pod that is made, and then looks at as if they were given.

use std::collections::BTreeMap;

use porthole_manifest::Node;

use super::{
    APP_ARMOR, APP_ARMOR_ANNOTATION, LOCALHOST, SECCOMP_ANNOTATION, SECCOMP_CONTAINER, SECCOMP_POD,
    annotations,
};
use crate::container::{ContainerRef, containers};
use crate::names;
use crate::path::Path;
use crate::report::{Shown, is_removed, items, some_text, text};
use crate::rule::Rule;
use crate::rules::container::security_context;
use crate::rules::os;
use crate::rules::volumes::check_descending;
use crate::validate::Pass;

/// The field that takes the place of the annotations of `AppArmor`.
const APP_ARMOR_FIELD: &str = "appArmorProfile";

/// Up to 1.24 the API server made annotations of the fields of a Pod that is made, and looked at those too.
pub(super) fn check_of_fields(pass: &mut Pass<'_>, annotations: Option<Node<'_>>, path: &Path<'_>) {
    if pass.at_least(25) || !pass.is_pod() || pass.old.is_some() {
        return;
    }
    let template = pass.template;
    let of_pod = template.spec.and_then(|spec| spec.field("securityContext"));
    let pod = std::iter::once((SECCOMP_POD.to_owned(), of_pod));
    let others = containers(&template).map(|container| {
        let key = format!("{SECCOMP_CONTAINER}{}", container.name.unwrap_or_default());
        (key, container.security_context())
    });
    let mut made = Vec::new();
    for (key, context) in pod.chain(others) {
        let Some(profile) = context.and_then(|context| context.field("seccompProfile")) else {
            continue;
        };
        // Of containers of one name the first one's counts.
        let given =
            annotations.is_some_and(|annotations| annotations.get(&key).is_some()) || made.contains(&key);
        if becomes_annotation(profile) {
            made.push(key.clone());
        }
        if let Some(file) = some_text(profile, "localhostProfile")
            && text(profile, "type") == "Localhost"
            && !given
        {
            let span = profile.child("localhostProfile").span();
            check_descending(pass, &SECCOMP_ANNOTATION, file, &path.child(&key), span);
        }
    }
}

/// The keys of the annotations that the API server makes of a Pod's fields are looked at as those that are given: of seccomp
/// profiles up to 1.24, of `AppArmor` profiles from 1.30 to 1.33 (`applyAppArmorVersionSkew`).
pub(crate) fn check_keys(pass: &mut Pass<'_>) {
    if !pass.is_pod() {
        return;
    }
    if !pass.at_least(25) {
        check_keys_of(pass, SECCOMP_CONTAINER, &SECCOMP_ANNOTATION, |container| {
            container.security_context()?.field("seccompProfile")
        });
    }
    if makes_app_armor(pass) && !os::is_windows(pass) {
        let of_pod = pass.spec.child("securityContext").field(APP_ARMOR_FIELD);
        check_keys_of(pass, APP_ARMOR, &APP_ARMOR_ANNOTATION, |container| {
            let own = container.security_context();
            own.and_then(|own| own.field(APP_ARMOR_FIELD)).or(of_pod)
        });
    }
}

/// Whether the API server makes annotations of `AppArmor` profiles: from 1.30 to 1.33, where it knows them.
fn makes_app_armor(pass: &Pass<'_>) -> bool {
    security_context::knows_app_armor(pass) && !pass.at_least(34)
}

/// The annotations that the API server has made of the `AppArmor` profiles of the Pod that is changed, where it has not been given
/// them: keys and values, in the order of the keys (`applyAppArmorVersionSkew`, 1.30 to 1.33).
pub(crate) fn app_armor_of_old(pass: &Pass<'_>) -> BTreeMap<String, String> {
    let Some(old) = pass.old.filter(|_| pass.is_pod() && makes_app_armor(pass)) else {
        return BTreeMap::new();
    };
    let spec = old.child("spec");
    if text(spec.child("os"), "name") == os::WINDOWS {
        return BTreeMap::new();
    }
    let given = old.child("metadata").child("annotations");
    let of_pod = spec.child("securityContext").field(APP_ARMOR_FIELD);
    let mut made = BTreeMap::new();
    for container in ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| items(spec, list))
    {
        let key = format!("{APP_ARMOR}{}", text(container, "name"));
        let own = container.child("securityContext").field(APP_ARMOR_FIELD);
        if let Some(value) = own.or(of_pod).and_then(annotation_of)
            && given.get(&key).is_none()
        {
            // Of containers of one name the first one's counts.
            made.entry(key).or_insert(value);
        }
    }
    made
}

/// The annotation that the API server makes of the first container of that name, where it stands before this one, for which it is as
/// good as given.
pub(super) fn app_armor_of_namesake(pass: &Pass<'_>, container: &ContainerRef<'_>) -> Option<String> {
    if !pass.is_pod() || pass.old.is_some() || !makes_app_armor(pass) || os::is_windows(pass) {
        return None;
    }
    let of_pod = pass.spec.child("securityContext").field(APP_ARMOR_FIELD);
    let template = pass.template;
    containers(&template)
        .take_while(|other| (other.kind, other.index) != (container.kind, container.index))
        .filter(|other| other.name.unwrap_or_default() == container.name.unwrap_or_default())
        .find_map(|other| {
            let own = other.security_context();
            let own = own.and_then(|own| own.field(APP_ARMOR_FIELD));
            own.or(of_pod).and_then(annotation_of)
        })
}

/// The key of such an annotation, where the API server warns of it: of a container that has no profile of its own.
pub(crate) fn namesake_skew(pass: &Pass<'_>, container: &ContainerRef<'_>) -> Option<String> {
    let own = container.security_context();
    let key = format!("{APP_ARMOR}{}", container.name.unwrap_or_default());
    let is_given = annotations(pass).is_some_and(|given| given.get(&key).is_some());
    if is_given || own.is_some_and(|own| own.field(APP_ARMOR_FIELD).is_some()) {
        return None;
    }
    let made = app_armor_of_namesake(pass, container)?;
    (!super::is_that_of_pod(pass, &made)).then_some(key)
}

/// Whether what is given takes the annotations away as a whole, and with them what was made in them.
pub(crate) fn are_taken_away(pass: &Pass<'_>) -> bool {
    let Some(old) = pass.old else {
        return false;
    };
    let object = pass.template.object;
    let [before, after] = [old, object].map(|object| object.child("metadata"));
    is_removed(old, object, "metadata") || is_removed(before, after, "annotations")
}

/// Those that were made of the `AppArmor` profiles of the Pod that is changed are still there, and of containers that it is to
/// have.
pub(super) fn check_left(pass: &mut Pass<'_>, path: &Path<'_>) {
    if are_taken_away(pass) {
        return;
    }
    let template = pass.template;
    let is_kept = |name: &str| containers(&template).any(|other| other.name.unwrap_or_default() == name);
    let now = template.object.child("metadata").child("annotations");
    let span = pass.spec.span();
    for key in app_armor_of_old(pass).into_keys() {
        let name = key.strip_prefix(APP_ARMOR).unwrap_or_default();
        if now.get(&key).is_none() && !is_kept(name) {
            let field = path.key(&key);
            let detail = "container not found";
            pass.invalid(&APP_ARMOR_ANNOTATION, &field, Shown::Str(name), detail, span);
        }
    }
}

/// The keys of annotations with that prefix, made of what `profile` finds for each container.
fn check_keys_of<'n>(
    pass: &mut Pass<'n>,
    prefix: &str,
    rule: &'static Rule,
    profile: impl Fn(&ContainerRef<'n>) -> Option<Node<'n>>,
) {
    let template = pass.template;
    let given = annotations(pass);
    let mut made = Vec::new();
    for container in containers(&template) {
        let Some(profile) = profile(&container).filter(|profile| becomes_annotation(*profile)) else {
            continue;
        };
        let key = format!("{prefix}{}", container.name.unwrap_or_default());
        if !made.contains(&key) && given.is_none_or(|given| given.get(&key).is_none()) {
            let path = Path::root("metadata");
            let faults = names::qualified_name(&key.to_lowercase(), pass.options.kubernetes_version);
            pass.faults(rule, &path.child("annotations"), &key, faults, profile.span());
            made.push(key);
        }
    }
}

/// Whether the API server makes an annotation of a profile.
pub(super) fn becomes_annotation(profile: Node<'_>) -> bool {
    annotation_of(profile).is_some()
}

/// The annotation that it makes of a profile (`appArmorAnnotationForField`).
fn annotation_of(profile: Node<'_>) -> Option<String> {
    match text(profile, "type") {
        "Unconfined" => Some("unconfined".to_owned()),
        "RuntimeDefault" => Some("runtime/default".to_owned()),
        "Localhost" => some_text(profile, "localhostProfile").map(|file| format!("{LOCALHOST}{file}")),
        _ => None,
    }
}
