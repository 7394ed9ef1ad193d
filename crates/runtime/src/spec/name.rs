//! Names that become parts of paths, of job objects and of cgroups, in the API server's words.
//!
//! A name that is no DNS label (`../../etc`, `a/b`, `C:`) must not come as far as a path: whatever else generic validation
//! says is for later, this is asked here.

use porthole_manifest::PodTemplate;

use super::Written;
use super::reader::Reader;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
    end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
    must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// The most bytes of a label.
const LABEL_LIMIT: usize = 63;
/// The most bytes of a subdomain.
const SUBDOMAIN_LIMIT: usize = 253;

/// What is wrong with the name of a namespace, a container or a volume.
pub(crate) fn label_fault(name: &str) -> Option<String> {
    if name.len() > LABEL_LIMIT {
        Some(format!(
            "Invalid value: {name:?}: must be no more than {LABEL_LIMIT} characters"
        ))
    } else if !is_label(name) {
        Some(format!("Invalid value: {name:?}: {LABEL}"))
    } else {
        None
    }
}

/// What is wrong with the name of a pod.
pub(crate) fn subdomain_fault(name: &str) -> Option<String> {
    if name.len() > SUBDOMAIN_LIMIT {
        Some(format!(
            "Invalid value: {name:?}: must be no more than {SUBDOMAIN_LIMIT} characters"
        ))
    } else if !name.split('.').all(is_label) {
        Some(format!("Invalid value: {name:?}: {SUBDOMAIN}"))
    } else {
        None
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Refuses a label that is none.
pub(super) fn check_label(reader: &mut Reader, path: &str, name: &Written<String>) {
    if let Some(fault) = label_fault(&name.value) {
        reader.refuse(format!("{path}.name"), name.span, fault);
    }
}

/// Refuses names of the holder of a pod that could not be one's.
pub(super) fn check_holder(reader: &mut Reader, template: &PodTemplate<'_>) {
    let Some(metadata) = template.object.field("metadata").filter(|node| node.is_mapping()) else {
        return;
    };
    for (key, fault) in [
        ("name", subdomain_fault as fn(&str) -> Option<String>),
        ("generateName", prefix_fault),
        ("namespace", label_fault),
    ] {
        // An empty one is none.
        let written = reader.string(metadata, "metadata", key);
        let Some(written) = written.filter(|written| !written.value.is_empty()) else {
            continue;
        };
        if let Some(fault) = fault(&written.value) {
            reader.refuse(format!("metadata.{key}"), written.span, fault);
        }
    }
}

/// What is wrong with the beginning of a name: it may end in a dash.
fn prefix_fault(prefix: &str) -> Option<String> {
    subdomain_fault(&format!("{prefix}x")).map(|_| format!("Invalid value: {prefix:?}: {SUBDOMAIN}"))
}
