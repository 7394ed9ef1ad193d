//! `volumeMounts` of a container.

use porthole_manifest::Node;

use super::super::reader::{Reader, Table, Treatment};
use super::super::{VolumeMount, VolumeSpec, Written};
use super::{SubPath, supported};
use Treatment::{Read, RefuseUnless};

const MOUNT: &Table = &[
    ("mountPath", Read),
    (
        "mountPropagation",
        RefuseUnless(
            "None",
            "mounts do not travel between the host and a container's volumes; mount before the pod starts",
        ),
    ),
    ("name", Read),
    ("readOnly", Read),
    ("recursiveReadOnly", Read),
    ("subPath", Read),
    ("subPathExpr", Read),
];

pub(in super::super) fn read(
    reader: &mut Reader,
    container: Node<'_>,
    path: &str,
    volumes: &[VolumeSpec],
) -> Vec<VolumeMount> {
    let mut mounts = Vec::new();
    for (item, path) in reader.items(container, path, "volumeMounts") {
        reader.fields(item, &path, MOUNT);
        let name = reader.required(item, &path, "name");
        let destination = reader.required(item, &path, "mountPath");
        let read_only = reader
            .boolean(item, &path, "readOnly")
            .is_some_and(|read_only| read_only.value);
        recursive(reader, item, &path, read_only);
        let sub_path = sub_path(reader, item, &path);
        let (Some(name), Some(destination)) = (name, destination) else {
            continue;
        };
        // A volume that was refused itself is not named a second time.
        if !volumes.iter().any(|volume| volume.name == name.value) && reader.refusals.is_empty() {
            reader.refuse(
                format!("{path}.name"),
                name.span,
                format!("Not found: {:?}", name.value),
            );
            continue;
        }
        mounts.push(VolumeMount {
            path,
            span: destination.span,
            volume: name.value,
            destination: destination.value,
            read_only,
            sub_path,
        });
    }
    mounts
}

/// What is read-only is so with everything mounted below it, so that each of the values is kept.
fn recursive(reader: &mut Reader, item: Node<'_>, path: &str, read_only: bool) {
    let Some(mode) = reader.string(item, path, "recursiveReadOnly") else {
        return;
    };
    let field = format!("{path}.recursiveReadOnly");
    match mode.value.as_str() {
        "" | "Disabled" => {}
        "Enabled" | "IfPossible" if read_only => {}
        "Enabled" | "IfPossible" => {
            reader.refuse(
                field,
                mode.span,
                "Forbidden: may only be specified when readOnly is true",
            );
        }
        other => {
            let values = supported(["Disabled", "Enabled", "IfPossible"].into_iter());
            let reason = format!("Unsupported value: {other:?}: supported values: {values}");
            reader.refuse(field, mode.span, reason);
        }
    }
}

fn sub_path(reader: &mut Reader, item: Node<'_>, path: &str) -> Option<SubPath> {
    let mut text = |key: &str| {
        let written = reader
            .string(item, path, key)
            .filter(|text| !text.value.is_empty())?;
        let fault = fault(&written.value);
        if let Some(fault) = fault {
            let reason = format!("Invalid value: {:?}: {fault}", written.value);
            reader.refuse(format!("{path}.{key}"), written.span, reason);
            return None;
        }
        Some(written)
    };
    let (literal, expression) = (text("subPath"), text("subPathExpr"));
    match (literal, expression) {
        (Some(_), Some(Written { value, span })) => {
            let reason = format!("Invalid value: {value:?}: subPathExpr and subPath are mutually exclusive");
            reader.refuse(format!("{path}.subPathExpr"), span, reason);
            None
        }
        (Some(literal), None) => Some(SubPath::Literal(literal.value)),
        (None, Some(expression)) => Some(SubPath::Expression(expression.value)),
        (None, None) => None,
    }
}

/// Why a path does not stay in the volume, in the API server's words.
pub(crate) fn fault(path: &str) -> Option<&'static str> {
    if path.starts_with(['/', '\\']) {
        Some("must be a relative path")
    } else if path.split(['/', '\\']).any(|part| part == "..") {
        Some("must not contain '..'")
    } else if path.contains('\0') {
        Some("must not contain NUL")
    } else {
        None
    }
}
