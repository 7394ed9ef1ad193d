//! The fields around a pod spec: of the object, of its metadata, and of templates.
//!
//! A field that stands one level too high (`hostNetwork` beside `spec`) is refused as unknown, and not passed over.

use porthole_manifest::{PodTemplate, WorkloadKind};

use super::meant;
use super::reader::{Reader, Table, Treatment};
use Treatment::{Note, Read};

const RESULT: &str = "is written by clusters";

const WITH_SPEC: &Table = &[
    ("apiVersion", Read),
    ("kind", Read),
    ("metadata", Read),
    ("spec", Read),
    ("status", Note(RESULT)),
];

const WITH_TEMPLATE: &Table = &[
    ("apiVersion", Read),
    ("kind", Read),
    ("metadata", Read),
    ("template", Read),
];

const TEMPLATE: &Table = &[("metadata", Read), ("spec", Read)];

const METADATA: &Table = &[
    ("annotations", Read),
    ("creationTimestamp", Note(RESULT)),
    ("deletionGracePeriodSeconds", Note(RESULT)),
    ("deletionTimestamp", Note(RESULT)),
    ("finalizers", Note(RESULT)),
    ("generateName", Read),
    ("generation", Note(RESULT)),
    ("labels", Read),
    ("managedFields", Note(RESULT)),
    ("name", Read),
    ("namespace", Read),
    ("ownerReferences", Note(RESULT)),
    ("resourceVersion", Note(RESULT)),
    ("selfLink", Note(RESULT)),
    ("uid", Note(RESULT)),
];

/// Goes through everything above the pod spec but the specs of workloads.
pub(super) fn read(reader: &mut Reader, template: &PodTemplate<'_>) {
    let object = template.object;
    let (table, templates): (_, &[&str]) = match template.kind {
        WorkloadKind::Pod => (WITH_SPEC, &[]),
        WorkloadKind::PodTemplate => (WITH_TEMPLATE, &["template"]),
        WorkloadKind::CronJob => (WITH_SPEC, &["spec.jobTemplate", "spec.jobTemplate.spec.template"]),
        _ => (WITH_SPEC, &["spec.template"]),
    };
    for entry in object.entries().filter(|entry| !entry.value.is_null()) {
        let key = entry.key.key_text();
        match table.iter().find(|(name, _)| *name == key) {
            Some((_, Note(reason))) => reader.note(key, entry.key.span(), reason),
            Some(_) => {}
            None => {
                let reason = meant::unknown(&key, table);
                reader.refuse(key, entry.key.span(), reason);
            }
        }
    }
    if let Some(metadata) = object.field("metadata") {
        reader.fields(metadata, "metadata", METADATA);
    }
    for path in templates {
        if let Some(template) = object.at(path).filter(|node| !node.is_null()) {
            reader.fields(template, path, TEMPLATE);
            if let Some(metadata) = template.field("metadata") {
                reader.fields(metadata, &format!("{path}.metadata"), METADATA);
            }
        }
    }
}
