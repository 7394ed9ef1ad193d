//! Volumes of block devices.

use porthole_manifest::Node;

use super::{Source, VOLUME_FIELD_REQUIRED, VOLUME_FIELD_VALUE, require, require_reference};
use crate::path::Path;
use crate::report::{Shown, has_items, int, is_true, place, some_text, text, texts};
use crate::validate::Pass;

pub(super) fn check_gce(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "pdName");
    check_partition(pass, source);
}

pub(super) fn check_aws(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "volumeID");
    check_partition(pass, source);
}

/// The words leave 0 out, which is taken: it stands for no partition.
fn check_partition(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    check_byte(pass, source, "partition", 1);
}

/// A number of at most 255, of which the message says where it begins.
fn check_byte(pass: &mut Pass<'_>, source: Source<'_, '_>, key: &str, least: u8) {
    if let Some(number) = int(source.node, key).filter(|number| !(0..=255).contains(number)) {
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &source.path.child(key),
            Shown::Int(number),
            format!("must be between {least} and 255, inclusive"),
            place(source.node, key),
        );
    }
}

pub(super) fn check_iscsi(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let Source { node, path, .. } = source;
    require(pass, node, path, "targetPortal");
    let name = text(node, "iqn");
    if name.is_empty() {
        require(pass, node, path, "iqn");
    } else if !is_known_initiator(name) {
        let detail = if has_initiator_prefix(name) {
            "must be valid format"
        } else {
            "must be valid format starting with iqn, eui, or naa"
        };
        let field = path.child("iqn");
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &field,
            Shown::Str(name),
            detail,
            place(node, "iqn"),
        );
    }
    check_byte(pass, source, "lun", 0);
    let authenticated = is_true(node, "chapAuthDiscovery") || is_true(node, "chapAuthSession");
    if authenticated && node.field("secretRef").is_none() {
        pass.required(
            &VOLUME_FIELD_REQUIRED,
            &path.child("secretRef"),
            "",
            place(node, "secretRef"),
        );
    }
    let Some(name) = some_text(node, "initiatorName") else {
        return;
    };
    if !is_known_initiator(name) {
        let detail = if has_initiator_prefix(name) {
            "must be valid format"
        } else {
            "must be valid format starting with iqn, eui, or naa"
        };
        let field = path.child("initiatorname");
        let span = place(node, "initiatorName");
        pass.invalid(&VOLUME_FIELD_VALUE, &field, Shown::Str(name), detail, span);
    }
}

/// With an initiator of its own, volume and portal name a directory of the node together.
pub(super) fn check_iscsi_name(pass: &mut Pass<'_>, iscsi: Node<'_>, volume: Node<'_>, path: &Path<'_>) {
    let name = text(volume, "name");
    if iscsi.field("initiatorName").is_some() && name.len() + 1 + text(iscsi, "targetPortal").len() > 64 {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                      iscsi.initiatorName is specified.";
        let span = place(volume, "name");
        pass.invalid(
            &VOLUME_FIELD_VALUE,
            &path.child("name"),
            Shown::Str(name),
            detail,
            span,
        );
    }
}

fn has_initiator_prefix(name: &str) -> bool {
    ["iqn", "eui", "naa"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Whether the name is an iSCSI qualified name, an EUI-64 or a NAA identifier, as far as the API server looks.
fn is_known_initiator(name: &str) -> bool {
    match name.get(..3) {
        // The pattern of qualified names is not bound to their start.
        Some("iqn") => name
            .match_indices("iqn.")
            .any(|(start, prefix)| is_qualified(&name[start + prefix.len()..])),
        Some("eui") => is_identifier(&name[3..], 16),
        Some("naa") => is_identifier(&name[3..], 32),
        _ => false,
    }
}

/// A year and month, a reversed domain, a colon and a name.
fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    if !(digits(0..4) && bytes.get(4) == Some(&b'-') && digits(5..7) && bytes.get(7) == Some(&b'.')) {
        return false;
    }
    let rest = &text[8..];
    let Some((domain, name)) = rest.split_once(':') else {
        return false;
    };
    let in_domain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let in_name = |c: char| {
        !matches!(
            c,
            ',' | ';' | '*' | '&' | '$' | '|' | ' ' | '\t' | '\n' | '\r' | '\x0c'
        )
    };
    !domain.is_empty() && domain.chars().all(in_domain) && !name.is_empty() && name.chars().all(in_name)
}

/// Any character, then so many letters and digits.
fn is_identifier(text: &str, count: usize) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    let rest = chars.as_str();
    first.is_some_and(|c| c != '\n')
        && rest.len() == count
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

pub(super) fn check_rbd(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require_items(pass, source, "monitors");
    require(pass, source.node, source.path, "image");
}

/// Reports the list `key` where it is not set or empty.
pub(super) fn require_items(pass: &mut Pass<'_>, source: Source<'_, '_>, key: &str) {
    if !has_items(source.node, key) {
        pass.required(
            &VOLUME_FIELD_REQUIRED,
            &source.path.child(key),
            "",
            place(source.node, key),
        );
    }
}

pub(super) fn check_cinder(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "volumeID");
    require_reference(pass, source.node, source.path, "secretRef");
}

pub(super) fn check_fc(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let Source { node, path, .. } = source;
    let names = texts(node, "targetWWNs");
    let field = path.child("targetWWNs");
    let span = place(node, "targetWWNs");
    let by_id = has_items(node, "wwids");
    if names.is_empty() && !by_id {
        let detail = "must specify either targetWWNs or wwids, but not both";
        pass.required(&VOLUME_FIELD_REQUIRED, &field, detail, span);
    }
    if !names.is_empty() && by_id {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        pass.invalid(&VOLUME_FIELD_VALUE, &field, Shown::Strings(&names), detail, span);
    }
    if !names.is_empty() {
        if node.field("lun").is_none() {
            let detail = "lun is required if targetWWNs is specified";
            pass.required(&VOLUME_FIELD_REQUIRED, &path.child("lun"), detail, span);
        } else {
            check_byte(pass, source, "lun", 0);
        }
    }
}

pub(super) fn check_vsphere(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "volumePath");
}

pub(super) fn check_photon(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "pdID");
}

pub(super) fn check_portworx(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    require(pass, source.node, source.path, "volumeID");
}

pub(super) fn check_azure_disk(pass: &mut Pass<'_>, source: Source<'_, '_>) {
    let Source { node, path, .. } = source;
    require(pass, node, path, "diskName");
    require(pass, node, path, "diskURI");
    // Both are filled in where they are not set.
    let caching = some_text(node, "cachingMode").unwrap_or("ReadWrite");
    let kind = some_text(node, "kind").unwrap_or("Shared");
    for (key, value, supported) in [
        ("cachingMode", caching, ["None", "ReadOnly", "ReadWrite"]),
        ("kind", kind, ["Dedicated", "Managed", "Shared"]),
    ] {
        if !supported.contains(&value) {
            pass.not_supported(
                &VOLUME_FIELD_VALUE,
                &path.child(key),
                Shown::Named(value),
                &supported,
                place(node, key),
            );
        }
    }
    let uri = text(node, "diskURI");
    let (start, form) = if kind == "Managed" {
        (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        )
    } else {
        (
            "https://",
            "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
        )
    };
    if !uri.starts_with(start) {
        pass.not_supported(
            &VOLUME_FIELD_VALUE,
            &path.child("diskURI"),
            Shown::Str(uri),
            &[form],
            place(node, "diskURI"),
        );
    }
}
