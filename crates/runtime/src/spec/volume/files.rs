//! Volumes of files: `configMap`, `secret`, `downwardAPI`, and `projected` from several of them.

use porthole_manifest::Node;

use super::super::env::{self, EnvValue};
use super::super::reader::{Reader, Table, Treatment};
use super::super::{ObjectKind, Quantity};
use super::{DownwardFile, FilesSource, FilesSpec, Item, supported};
use crate::volumes::ObjectPart;
use Treatment::{Read, Refuse};

/// The mode of files that have none of their own, as the API server's defaults have it.
const MODE: u32 = 0o644;

const CONFIG_MAP: &Table = &[
    ("defaultMode", Read),
    ("items", Read),
    ("name", Read),
    ("optional", Read),
];
const SECRET: &Table = &[
    ("defaultMode", Read),
    ("items", Read),
    ("optional", Read),
    ("secretName", Read),
];
const DOWNWARD: &Table = &[("defaultMode", Read), ("items", Read)];
const PROJECTED: &Table = &[("defaultMode", Read), ("sources", Read)];
const NO_CLUSTER: &str = "there is no API server here that would issue it; keep one in a Secret";
const SOURCE: &Table = &[
    (
        "clusterTrustBundle",
        Refuse("there is no cluster whose bundles could be read; keep the certificates in a ConfigMap"),
    ),
    ("configMap", Read),
    ("downwardAPI", Read),
    ("podCertificate", Refuse(NO_CLUSTER)),
    ("secret", Read),
    ("serviceAccountToken", Refuse(NO_CLUSTER)),
];
/// The same within a projected volume, which has the mode.
const PROJECTED_OBJECT: &Table = &[("items", Read), ("name", Read), ("optional", Read)];
const PROJECTED_DOWNWARD: &Table = &[("items", Read)];
const DOWNWARD_FILE: &Table = &[
    ("fieldRef", Read),
    ("mode", Read),
    ("path", Read),
    ("resourceFieldRef", Read),
];
/// Fields of a pod that a volume can show.
const FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const RESOURCES: [&str; 4] = ["limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

pub(super) fn read(reader: &mut Reader, node: Node<'_>, path: String, key: &str) -> Option<Vec<FilesSpec>> {
    let source = match key {
        "projected" => return projected(reader, node, &path),
        "configMap" => object(reader, node, &path, ObjectKind::ConfigMap, None)?,
        "secret" => object(reader, node, &path, ObjectKind::Secret, None)?,
        _ => {
            reader.fields(node, &path, DOWNWARD);
            let mode = mode(reader, node, &path, "defaultMode").unwrap_or(MODE);
            downward(reader, node, &path, mode)
        }
    };
    Some(vec![FilesSpec {
        path,
        span: node.span(),
        source,
    }])
}

fn projected(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<Vec<FilesSpec>> {
    reader.fields(node, path, PROJECTED);
    let before = reader.refusals.len();
    let mode = mode(reader, node, path, "defaultMode").unwrap_or(MODE);
    let mut sources: Vec<FilesSpec> = Vec::new();
    let mut paths: Vec<String> = Vec::new();
    for (item, path_of_source) in reader.items(node, path, "sources") {
        reader.fields(item, &path_of_source, SOURCE);
        let mut named = item.entries().filter(|entry| !entry.value.is_null());
        let (Some(entry), None) = (named.next(), named.next()) else {
            let reason = "Forbidden: must specify exactly 1 volume type";
            reader.refuse(path_of_source, item.span(), reason);
            continue;
        };
        let (key, node) = (entry.key.key_text(), entry.value);
        let source_path = format!("{path_of_source}.{key}");
        let source = match key.as_ref() {
            "configMap" => object(reader, node, &source_path, ObjectKind::ConfigMap, Some(mode)),
            "secret" => object(reader, node, &source_path, ObjectKind::Secret, Some(mode)),
            "downwardAPI" => {
                reader.fields(node, &source_path, PROJECTED_DOWNWARD);
                Some(downward(reader, node, &source_path, mode))
            }
            // Refused by the table.
            _ => None,
        };
        let Some(source) = source else { continue };
        // The API server compares the paths that are written; keys that meet without one lie over each other.
        let (name, own): (&str, Vec<&String>) = match &source {
            FilesSource::Object(object) => {
                (&object.name, object.items.iter().map(|item| &item.path).collect())
            }
            FilesSource::Downward(files) => ("", files.iter().map(|file| &file.file).collect()),
        };
        for file in own {
            if paths.contains(file) {
                let shown = if name.is_empty() { file } else { name };
                let reason = format!("Invalid value: {shown:?}: conflicting duplicate paths: {file:?}");
                reader.refuse(path, node.span(), reason);
            } else {
                paths.push(file.clone());
            }
        }
        sources.push(FilesSpec {
            path: source_path,
            span: node.span(),
            source,
        });
    }
    (reader.refusals.len() == before).then_some(sources)
}

/// A ConfigMap or Secret; within a projected volume the mode is that volume's.
fn object(
    reader: &mut Reader,
    node: Node<'_>,
    path: &str,
    kind: ObjectKind,
    projected: Option<u32>,
) -> Option<FilesSource> {
    let (table, name) = match kind {
        _ if projected.is_some() => (PROJECTED_OBJECT, "name"),
        ObjectKind::ConfigMap => (CONFIG_MAP, "name"),
        ObjectKind::Secret => (SECRET, "secretName"),
    };
    reader.fields(node, path, table);
    let name = reader.required(node, path, name)?.value;
    let optional = reader
        .boolean(node, path, "optional")
        .is_some_and(|optional| optional.value);
    let mode = match projected {
        Some(mode) => mode,
        None => mode(reader, node, path, "defaultMode").unwrap_or(MODE),
    };
    let mut items: Vec<Item> = Vec::new();
    for (item, path) in reader.items(node, path, "items") {
        reader.fields(item, &path, &[("key", Read), ("mode", Read), ("path", Read)]);
        let key = reader.required(item, &path, "key");
        let file = file(reader, item, &path);
        let mode = self::mode(reader, item, &path, "mode");
        let (Some(key), Some(file)) = (key, file) else {
            continue;
        };
        if projected.is_none() && items.iter().any(|earlier| earlier.path == file) {
            let reason = format!("Duplicate value: {file:?}");
            reader.refuse(format!("{path}.path"), item.span(), reason);
        } else {
            items.push(Item {
                key: key.value,
                path: file,
                mode,
            });
        }
    }
    Some(FilesSource::Object(ObjectPart {
        kind,
        name,
        items,
        mode,
        optional,
        immutable: false,
    }))
}

fn downward(reader: &mut Reader, node: Node<'_>, path: &str, default: u32) -> FilesSource {
    let mut files: Vec<DownwardFile> = Vec::new();
    for (item, path) in reader.items(node, path, "items") {
        reader.fields(item, &path, DOWNWARD_FILE);
        let file = file(reader, item, &path);
        let mode = mode(reader, item, &path, "mode").unwrap_or(default);
        let value = value(reader, item, &path);
        if let (Some(file), Some(value)) = (file, value) {
            files.push(DownwardFile {
                span: item.span(),
                path,
                file,
                mode,
                value,
            });
        }
    }
    FilesSource::Downward(files)
}

fn value(reader: &mut Reader, item: Node<'_>, path: &str) -> Option<EnvValue> {
    match (item.field("fieldRef"), item.field("resourceFieldRef")) {
        (Some(_), Some(_)) => {
            let reason = "Invalid value: \"resource\": fieldRef and resourceFieldRef can not be specified simultaneously";
            reader.refuse(path, item.span(), reason);
            None
        }
        (None, None) => {
            let reason = "Required value: one of fieldRef and resourceFieldRef is required";
            reader.refuse(path, item.span(), reason);
            None
        }
        (Some(node), None) => {
            let path = format!("{path}.fieldRef");
            reader.fields(node, &path, &[("apiVersion", Read), ("fieldPath", Read)]);
            let field = reader.required(node, &path, "fieldPath")?;
            let of_one = |prefix: &str| {
                let key = field
                    .value
                    .strip_prefix(prefix)?
                    .strip_prefix("['")?
                    .strip_suffix("']")?;
                (!key.is_empty()).then_some(())
            };
            if !FIELDS.contains(&field.value.as_str())
                && of_one("metadata.labels")
                    .or_else(|| of_one("metadata.annotations"))
                    .is_none()
            {
                let values = supported(FIELDS.into_iter());
                let reason = format!("Unsupported value: {:?}: supported values: {values}", field.value);
                reader.refuse(format!("{path}.fieldPath"), field.span, reason);
                return None;
            }
            Some(EnvValue::Field(field.value))
        }
        (None, Some(node)) => {
            let path = format!("{path}.resourceFieldRef");
            reader.required(node, &path, "containerName")?;
            let value = env::resource(reader, node, &path)?;
            let EnvValue::Resource {
                resource, divisor, ..
            } = &value
            else {
                return None;
            };
            if !RESOURCES.contains(&resource.as_str()) {
                let values = supported(RESOURCES.into_iter());
                let reason = format!("Unsupported value: {resource:?}: supported values: {values}");
                reader.refuse(format!("{path}.resource"), node.span(), reason);
                return None;
            }
            if let Some(reason) = divisor.and_then(|divisor| divisor_fault(resource, divisor)) {
                reader.refuse(format!("{path}.divisor"), node.span(), reason);
                return None;
            }
            Some(value)
        }
    }
}

/// The divisors that the API server takes.
fn divisor_fault(resource: &str, divisor: Quantity) -> Option<String> {
    const CPU: [&str; 2] = ["1m", "1"];
    const MEMORY: [&str; 13] = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let (kind, allowed, shown): (&str, &[&str], &str) = if matches!(resource, "limits.cpu" | "requests.cpu") {
        ("cpu", &CPU, "1m and 1")
    } else {
        (
            "memory",
            &MEMORY,
            "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei",
        )
    };
    let known = divisor.milli() == Some(0)
        || allowed.iter().any(|text| {
            Quantity::parse(text)
                .is_ok_and(|allowed| (allowed.units(), allowed.milli()) == (divisor.units(), divisor.milli()))
        });
    (!known).then(|| {
        format!("Invalid value: {resource:?}: only divisor's values {shown} are supported with the {kind} resource")
    })
}

/// The `path` of an item, which stays in the volume on every system.
fn file(reader: &mut Reader, item: Node<'_>, path: &str) -> Option<String> {
    let file = reader.required(item, path, "path")?;
    let inside = !file.value.starts_with(['/', '\\'])
        && !file.value.starts_with("..")
        && !file.value.contains([':', '\0'])
        && file
            .value
            .split(['/', '\\'])
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.len() <= 255);
    if !inside || file.value.len() > 4096 {
        let reason = "must be a relative path without `..`";
        reader.refuse(format!("{path}.path"), file.span, reason);
        return None;
    }
    Some(if cfg!(windows) {
        file.value.replace('\\', "/")
    } else {
        file.value
    })
}

fn mode(reader: &mut Reader, node: Node<'_>, path: &str, key: &str) -> Option<u32> {
    let mode = reader.number(node, path, key)?;
    match u32::try_from(mode.value) {
        Ok(bits) if bits <= 0o777 => Some(bits),
        _ => {
            reader.refuse(
                format!("{path}.{key}"),
                mode.span,
                "must be a number between 0 and 0777 (octal), both inclusive",
            );
            None
        }
    }
}
