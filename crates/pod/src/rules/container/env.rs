//! The environment of a container (`ValidateEnv`, `ValidateEnvFrom`).

use porthole_manifest::Node;

use super::value_from;
use crate::container::ContainerRef;
use crate::names::{self, Faults};
use crate::path::Path;
use crate::report::{Shown, items, place, text};
use crate::rule::rules;
use crate::rules::volumes;
use crate::syntax;
use crate::validate::Pass;

rules! { ApiServer:
    /// A variable of the environment has a name.
    ENV_NAME_REQUIRED = "env-name-required";
    /// The name of a variable, or the `prefix` of those of a whole `ConfigMap` or Secret, has no `=` and nothing but printable
    /// ASCII characters. Before Kubernetes 1.32 it has letters, digits, `_`, `-` and `.` only and no digit at its beginning.
    ENV_NAME_FORMAT = "env-name-format";
    /// An entry of `envFrom` names one source: `configMapRef` or `secretRef`.
    ENV_FROM_SOURCE = "env-from-source";
    /// A reference to a `ConfigMap` or Secret has a name.
    ENV_FROM_NAME_REQUIRED = "env-from-name-required";
    /// The name of a `ConfigMap` or Secret is a lower-case RFC 1123 subdomain.
    ENV_FROM_NAME_FORMAT = "env-from-name-format";
    /// `fileKeyRef` names a volume of the pod, and that is an `emptyDir`: the file is one that an init container has written.
    ENV_FILE_VOLUME = "env-file-volume";
}

/// `env`.
pub(super) fn check(pass: &mut Pass<'_>, list: &Path<'_>, container: Node<'_>) {
    for (index, variable) in items(container, "env").enumerate() {
        let at = list.index(index);
        let name = text(variable, "name");
        if name.is_empty() {
            let span = place(variable, "name");
            pass.required(&ENV_NAME_REQUIRED, &at.child("name"), "", span);
        } else {
            check_name(pass, &at, "name", variable);
        }
        value_from::check(pass, &at.child("valueFrom"), variable);
    }
}

fn check_name(pass: &mut Pass<'_>, at: &Path<'_>, key: &str, node: Node<'_>) {
    let name = text(node, key);
    for fault in syntax::env_name(pass.options, name) {
        let span = place(node, key);
        pass.invalid(&ENV_NAME_FORMAT, &at.child(key), Shown::Str(name), fault, span);
    }
}

/// `envFrom`. That there is one source is said of the list as a whole: so the API server does.
pub(super) fn check_from(pass: &mut Pass<'_>, list: &Path<'_>, container: Node<'_>) {
    for (index, source) in items(container, "envFrom").enumerate() {
        let at = list.index(index);
        if !text(source, "prefix").is_empty() {
            check_name(pass, &at, "prefix", source);
        }
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            if let Some(reference) = source.field(key) {
                sources += 1;
                check_reference(pass, &at.child(key), reference);
            }
        }
        let detail = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        pass.invalid(&ENV_FROM_SOURCE, list, Shown::Str(""), detail, source.span());
    }
}

fn check_reference(pass: &mut Pass<'_>, at: &Path<'_>, reference: Node<'_>) {
    let name = text(reference, "name");
    let field = at.child("name");
    let span = place(reference, "name");
    if name.is_empty() {
        pass.required(&ENV_FROM_NAME_REQUIRED, &field, "", span);
        return;
    }
    // Well-formed names are most of all; the rest goes by what controllers append to.
    let faults = if names::is_subdomain(name) && name.len() <= names::SUBDOMAIN_LIMIT {
        Faults::new()
    } else {
        syntax::name_prefix(name)
    };
    for fault in faults {
        pass.invalid(&ENV_FROM_NAME_FORMAT, &field, Shown::Str(name), fault, span);
    }
}

/// The volumes that variables are read from (`validateFileKeyRefVolumes`), at the end of the pod's spec.
pub(crate) fn check_file_volumes(pass: &mut Pass<'_>) {
    if !pass.enabled("EnvFiles") {
        return;
    }
    let template = pass.template;
    let spec = pass.spec_path();
    for container in crate::container::containers(&template) {
        let ContainerRef {
            kind, index, node, ..
        } = container;
        let list = spec.child(kind.field());
        let at = list.index(index);
        let env = at.child("env");
        for (index, variable) in items(node, "env").enumerate() {
            let source = variable.child("valueFrom").child("fileKeyRef");
            if source.is_null() {
                continue;
            }
            let at = env.index(index);
            let value_from = at.child("valueFrom");
            let reference = value_from.child("fileKeyRef");
            check_file_volume(pass, &reference.child("volumeName"), source);
        }
    }
}

fn check_file_volume(pass: &mut Pass<'_>, field: &Path<'_>, source: Node<'_>) {
    let name = text(source, "volumeName");
    let span = place(source, "volumeName");
    let made = volumes::claims(pass);
    let mut made = made.into_iter().map(volumes::claim_name);
    if made.any(|claim| claim == name) {
        // A `StatefulSet` takes its own claim for whatever volume has that name.
        let detail = "referenced volume must be of type emptyDir";
        pass.invalid(&ENV_FILE_VOLUME, field, Shown::Str(name), detail, span);
        return;
    }
    let volume = items(pass.spec, "volumes").filter(|volume| text(*volume, "name") == name);
    match volume.last() {
        None => pass.not_found(&ENV_FILE_VOLUME, field, Shown::Str(name), span),
        // One without any type is one.
        Some(volume) if volume.field("emptyDir").is_none() && !volumes::is_untyped(volume) => {
            let detail = "referenced volume must be of type emptyDir";
            pass.invalid(&ENV_FILE_VOLUME, field, Shown::Str(name), detail, span);
        }
        Some(_) => {}
    }
}
