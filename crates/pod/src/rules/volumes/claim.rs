//! Volumes by claim: `persistentVolumeClaim`, and `ephemeral`, which makes a claim for the pod.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::{EPHEMERAL_CLAIM, Source, VOLUME_FIELD_REQUIRED, VOLUME_FIELD_VALUE, VOLUME_NAME, require};
use crate::names;
use crate::path::Path;
use crate::quantity::Quantity;
use crate::render::go_quote;
use crate::report::{Report, Shown, has_items, int, items, place, some_text, text};
use crate::rules::{annotations, labels};
use crate::validate::Pass;

pub(super) fn check_claim(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "claimName");
}

/// The names of the claims that the ephemeral volumes of a pod of that name make.
pub(super) fn created(pass: &Pass<'_>, pod_name: Option<&str>) -> HashSet<String> {
    let Some(pod_name) = pod_name else {
        return HashSet::new();
    };
    super::of(pass, pass.spec)
        .filter(|(_, volume)| volume.field("ephemeral").is_some() && !super::is_dropped(pass, "ephemeral"))
        .map(|(_, volume)| format!("{pod_name}-{}", text(volume, "name")))
        .collect()
}

/// A claim that the pod makes is mounted as the ephemeral volume that it belongs to.
pub(super) fn check_not_created(
    pass: &mut Pass<'_>,
    volume: Node<'_>,
    path: &Path<'_>,
    created: &HashSet<String>,
) {
    if created.is_empty() {
        return;
    }
    let Some(claim) = volume.field("persistentVolumeClaim") else {
        return;
    };
    let name = text(claim, "claimName");
    if created.contains(name) {
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &path.child("persistentVolumeClaim").child("claimName"),
            Shown::Str(name),
            "must not reference a PVC that gets created for an ephemeral volume",
            place(claim, "claimName"),
        );
    }
}

pub(super) fn check_ephemeral(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let path = source.path.child("volumeClaimTemplate");
    if let Some(template) = source.node.field("volumeClaimTemplate") {
        if let Some(metadata) = template.field("metadata") {
            check_metadata(pass, metadata, &path.child("metadata"));
        }
        check_spec(pass, template.child("spec"), &path.child("spec"));
    } else {
        let span = source.node.span();
        pass.required(&VOLUME_FIELD_REQUIRED, &path, "", span);
    }
    let volume = source.volume_name();
    if let Some(pod) = super::pod_name(pass).filter(|_| !volume.is_empty()) {
        let claim = format!("{pod}-{volume}");
        for fault in names::dns1123_subdomain(&claim) {
            pass.invalid(
                &VOLUME_NAME,
                &source.volume_path.child("name"),
                Shown::Str(volume),
                format!("PVC name {}: {fault}", go_quote(&claim)),
                place(source.volume, "name"),
            );
        }
    }
}

/// Only labels and annotations are taken over (`ValidateTemplateObjectMeta`).
fn check_metadata(pass: &mut Pass<'_>, metadata: Node<'_>, path: &Path<'_>) {
    if let Some(given) = metadata.field("annotations") {
        annotations::check_keys(pass, given, &path.child("annotations"));
    }
    if let Some(given) = metadata.field("labels") {
        labels::check(pass, given, &path.child("labels"));
    }
    let detail = if pass.at_least(26) {
        "cannot be set"
    } else {
        "cannot be set for an ephemeral volume"
    };
    // The names are those of Go, their first letters made small.
    for (key, name) in [
        ("name", "name"),
        ("generateName", "generateName"),
        ("namespace", "namespace"),
        ("selfLink", "selfLink"),
        ("uid", "uID"),
        ("resourceVersion", "resourceVersion"),
        ("generation", "generation"),
        ("creationTimestamp", "creationTimestamp"),
        ("deletionTimestamp", "deletionTimestamp"),
        ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
        ("ownerReferences", "ownerReferences"),
        ("finalizers", "finalizers"),
        ("clusterName", "clusterName"),
        ("managedFields", "managedFields"),
    ] {
        let Some(value) = metadata.field(key) else {
            continue;
        };
        let empty = value.as_str() == Some("")
            || (key == "generation" && int(metadata, key) == Some(0))
            || (key == "clusterName" && pass.at_least(24));
        if !empty {
            pass.forbidden(&EPHEMERAL_CLAIM, &path.child(name), detail, value.span());
        }
    }
}

/// `ValidatePersistentVolumeClaimSpec`.
pub(crate) fn check_spec(pass: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let sources = Sources {
        source: spec.field("dataSource"),
        reference: spec.field("dataSourceRef"),
    };
    check_fields(pass, spec, sources, path);
}

/// The spec of a claim that is an object of its own, and maybe takes the place of `old`: the API server has looked at its data
/// sources before.
pub(crate) fn check_object(pass: &mut Report<'_>, old: Option<Node<'_>>, spec: Node<'_>, path: &Path<'_>) {
    let sources = Sources::of_object(pass, old, spec);
    check_fields(pass, spec, sources, path);
}

/// What a claim is filled with: the old field and the new one.
#[derive(Clone, Copy)]
struct Sources<'n> {
    source: Option<Node<'n>>,
    reference: Option<Node<'n>>,
}

impl<'n> Sources<'n> {
    /// As the API server makes them of a claim's: an old field that names neither a claim nor a snapshot is dropped, and where
    /// one field is set, so is the other. Of a claim that takes the place of `old`, what was dropped then and is the same is
    /// not there, and where that one is filled with something, nothing is dropped.
    fn of_object(pass: &Report<'_>, old: Option<Node<'_>>, spec: Node<'n>) -> Self {
        let any = pass.feature("AnyVolumeDataSource", 33);
        let far = |reference: &Node<'_>| pass.at_least(26) && !text(*reference, "namespace").is_empty();
        let [has_source, has_reference] = old.map_or([false; 2], |old| {
            let before = Sources::of_object(pass, None, old);
            [before.source.is_some(), before.reference.is_some()]
        });
        let said = |key: &str, kept: bool| {
            let before = old.and_then(|old| old.field(key)).filter(|_| !kept);
            let before = before.map(Node::to_json);
            spec.field(key).filter(|node| before != Some(node.to_json()))
        };
        let reference = said("dataSourceRef", has_reference).filter(|reference| {
            let known = !far(reference) || pass.enabled("CrossNamespaceVolumeDataSource");
            has_reference || any && known
        });
        let known = |source: &Node<'_>| match text(*source, "apiGroup") {
            "" => text(*source, "kind") == "PersistentVolumeClaim",
            group => group == "snapshot.storage.k8s.io" && text(*source, "kind") == "VolumeSnapshot",
        };
        let filled = has_source || has_reference;
        let source =
            said("dataSource", has_source).filter(|source| filled || reference.is_some() || known(source));
        if !any {
            return Self { source, reference };
        }
        Self {
            source: source.or(reference.filter(|reference| !far(reference))),
            reference: reference.or(source),
        }
    }
}

fn check_fields(pass: &mut Report<'_>, spec: Node<'_>, sources: Sources<'_>, path: &Path<'_>) {
    check_access_modes(pass, spec, path);
    check_size(pass, spec, path);
    check_class(pass, spec, path, "storageClassName");
    let modes = ["Block", "Filesystem"];
    if let Some(mode) = some_text(spec, "volumeMode").filter(|mode| !modes.contains(mode)) {
        pass.not_supported(
            &EPHEMERAL_CLAIM,
            &path.child("volumeMode"),
            Shown::Named(mode),
            &modes,
            place(spec, "volumeMode"),
        );
    }
    if let Some(source) = sources.source {
        check_data_source(pass, source, &path.child("dataSource"), false);
    }
    if let Some(reference) = sources.reference {
        check_data_source(pass, reference, &path.child("dataSourceRef"), true);
    }
    check_data_sources(pass, sources, path);
    if pass.at_least(29) && pass.enabled("VolumeAttributesClass") {
        check_class(pass, spec, path, "volumeAttributesClassName");
    }
}

fn check_access_modes(pass: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let field = path.child("accessModes");
    let span = place(spec, "accessModes");
    if !has_items(spec, "accessModes") {
        let detail = "at least 1 access mode is required";
        pass.required(&EPHEMERAL_CLAIM, &field, detail, span);
    }
    if let Some(selector) = spec.field("selector") {
        labels::check_selector(pass, selector, &path.child("selector"));
    }
    let known = [
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOnce",
        "ReadWriteOncePod",
    ];
    let known = if pass.feature("ReadWriteOncePod", 29) {
        &known[..]
    } else {
        &known[..3]
    };
    let (mut alone, mut shared) = (false, false);
    for item in items(spec, "accessModes") {
        let mode = item.as_str().unwrap_or_default();
        if !known.contains(&mode) {
            pass.not_supported(&EPHEMERAL_CLAIM, &field, Shown::Named(mode), known, item.span());
        }
        alone |= mode == "ReadWriteOncePod";
        shared |= mode != "ReadWriteOncePod" && known.contains(&mode);
    }
    if alone && shared {
        let detail = "may not use ReadWriteOncePod with other access modes";
        pass.forbidden(&EPHEMERAL_CLAIM, &field, detail, span);
    }
}

fn check_size(pass: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let resources = spec.child("resources");
    let requests = resources.child("requests");
    let list = path.child("resources");
    let field = list.key("storage");
    let Some(node) = requests.get("storage") else {
        pass.required(&EPHEMERAL_CLAIM, &field, "", place(spec, "resources"));
        return;
    };
    let size = if node.is_null() {
        Some(Quantity::parse("0"))
    } else {
        Quantity::of(node)
    };
    if let Some(Ok(size)) = size
        && (size.is_negative() || size.is_zero())
    {
        let value = size.to_string();
        pass.invalid(
            &EPHEMERAL_CLAIM,
            &field,
            Shown::Str(&value),
            "must be greater than zero",
            node.span(),
        );
    }
}

fn check_class(pass: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>, key: &str) {
    let name = text(spec, key);
    if !name.is_empty() {
        let faults = names::dns1123_subdomain(name);
        pass.faults(&EPHEMERAL_CLAIM, &path.child(key), name, faults, place(spec, key));
    }
}

fn check_data_source(pass: &mut Report<'_>, source: Node<'_>, path: &Path<'_>, reference: bool) {
    for key in ["name", "kind"] {
        if text(source, key).is_empty() {
            pass.required(&EPHEMERAL_CLAIM, &path.child(key), "", place(source, key));
        }
    }
    let group = text(source, "apiGroup");
    let kind = text(source, "kind");
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let detail = if pass.at_least(26) {
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        } else {
            ""
        };
        let span = place(source, "kind");
        pass.invalid(&EPHEMERAL_CLAIM, path, Shown::Str(kind), detail, span);
    }
    if !group.is_empty() && pass.at_least(29) {
        let faults = names::dns1123_subdomain(group);
        let span = place(source, "apiGroup");
        pass.faults(&EPHEMERAL_CLAIM, &path.child("apiGroup"), group, faults, span);
    }
    let namespace = text(source, "namespace");
    if reference && !namespace.is_empty() && pass.at_least(26) {
        let faults = names::dns1123_label(namespace, pass.options.kubernetes_version);
        let span = place(source, "namespace");
        pass.faults(
            &EPHEMERAL_CLAIM,
            &path.child("namespace"),
            namespace,
            faults,
            span,
        );
    }
}

/// The old field and the new one say the same.
fn check_data_sources(pass: &mut Report<'_>, sources: Sources<'_>, path: &Path<'_>) {
    let (Some(source), Some(reference)) = (sources.source, sources.reference) else {
        return;
    };
    let namespaced = pass.at_least(26) && !text(reference, "namespace").is_empty();
    let same = text(source, "kind") == text(reference, "kind")
        && text(source, "name") == text(reference, "name")
        && some_text(source, "apiGroup") == some_text(reference, "apiGroup");
    let detail = if namespaced {
        "may not be specified when dataSourceRef.namespace is specified"
    } else if same {
        return;
    } else {
        "must match dataSourceRef"
    };
    // The API server shows a path here, of which JSON has nothing and Go an address, another one each time.
    let value = if pass.at_least(34) {
        "{}".to_owned()
    } else {
        let address = 0xc0_0000_0000 + pass.count();
        format!("field.Path{{name:\"dataSource\", index:\"\", parent:(*field.Path)({address:#x})}}")
    };
    pass.invalid(&EPHEMERAL_CLAIM, path, Shown::Raw(value), detail, source.span());
}
