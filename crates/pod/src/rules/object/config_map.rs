//! `ConfigMaps` (`ValidateConfigMap`).

use porthole_manifest::Node;

use crate::base64;
use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown};
use crate::rule::rules;

rules! { ApiServer:
    /// The keys of a `ConfigMap` become names of files: letters, digits, dashes, underscores and periods. A key stands in
    /// `data` or in `binaryData`.
    CONFIG_MAP_KEY = "config-map-key";
    /// The values of a `ConfigMap` or a Secret have 1 MiB together. Larger data belongs into a volume or an image.
    DATA_SIZE = "data-size";
}

/// How many bytes the values may have together.
pub(super) const SIZE_LIMIT: usize = 1024 * 1024;

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let data = object.child("data");
    let binary = object.child("binaryData");
    let mut size = 0;
    for (name, node) in [("data", data), ("binaryData", binary)] {
        let path = Path::root(name);
        for entry in node.entries() {
            let key = entry.key.key_text();
            let field = path.key(&key);
            let span = entry.key.span();
            report.faults(&CONFIG_MAP_KEY, &field, &key, names::config_map_key(&key), span);
            let value = entry.value.as_str().unwrap_or_default();
            if name == "binaryData" {
                size += base64::decoded_len(value);
                continue;
            }
            size += value.len();
            if binary.get(&key).is_some() {
                let detail = "duplicate of key present in binaryData";
                report.invalid(&CONFIG_MAP_KEY, &field, Shown::Str(&key), detail, span);
            }
        }
    }
    if size > SIZE_LIMIT {
        let whole = Path::root("[]");
        report.too_long(&DATA_SIZE, &whole, SIZE_LIMIT, object.span());
    }
}
