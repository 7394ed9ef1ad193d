//! Secrets (`ValidateSecret`).

use std::borrow::Cow;

use porthole_manifest::Node;

use super::config_map::{DATA_SIZE, SIZE_LIMIT};
use crate::base64;
use crate::json_syntax;
use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, place, text};
use crate::rule::rules;

rules! { ApiServer:
    /// The keys of a Secret become names of files: letters, digits, dashes, underscores and periods.
    SECRET_KEY = "secret-key";
    /// The type of a Secret says which keys it has: `kubernetes.io/tls` has `tls.crt` and `tls.key`, and so on. A service
    /// account's token names its account in an annotation.
    SECRET_TYPE_KEYS = "secret-type-keys";
    /// A Secret with access to registries holds JSON.
    SECRET_JSON = "secret-json";
}

const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// A value of a Secret: of `data`, in base64, or of `stringData`, which takes the place of it.
enum Data<'a> {
    Encoded(&'a str),
    Plain(&'a str),
}

impl<'a> Data<'a> {
    fn of(object: Node<'a>, key: &str) -> Option<Self> {
        let plain = object.child("stringData").get(key);
        let plain = plain.map(|node| Data::Plain(node.as_str().unwrap_or_default()));
        plain.or_else(|| {
            let node = object.child("data").get(key)?;
            Some(Data::Encoded(node.as_str().unwrap_or_default()))
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Encoded(text) => base64::decoded_len(text),
            Self::Plain(text) => text.len(),
        }
    }

    fn bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Encoded(text) => Cow::Owned(base64::decode(text)),
            Self::Plain(text) => Cow::Borrowed(text.as_bytes()),
        }
    }
}

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let path = Path::root("data");
    let mut size = 0;
    let strings = object.child("stringData");
    let kept = object
        .child("data")
        .entries()
        .filter(|entry| strings.get(&entry.key.key_text()).is_none());
    for entry in kept.chain(strings.entries()) {
        let key = entry.key.key_text();
        let span = entry.key.span();
        report.faults(
            &SECRET_KEY,
            &path.key(&key),
            &key,
            names::config_map_key(&key),
            span,
        );
        size += Data::of(object, &key).map_or(0, |data| data.len());
    }
    if size > SIZE_LIMIT {
        report.too_long(&DATA_SIZE, &path, SIZE_LIMIT, object.span());
    }
    check_type(report, object, &path);
}

/// The keys that the type asks for.
fn check_type(report: &mut Report<'_>, object: Node<'_>, path: &Path<'_>) {
    let span = place(object, "type");
    let has = |key: &str| Data::of(object, key).is_some();
    let require = |report: &mut Report<'_>, field: &Path<'_>, key: &str| {
        report.required(&SECRET_TYPE_KEYS, &field.key(key), "", span);
    };
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let metadata = object.child("metadata");
            if text(metadata.child("annotations"), ACCOUNT).is_empty() {
                let root = Path::root("metadata");
                require(report, &root.child("annotations"), ACCOUNT);
            }
        }
        "kubernetes.io/dockercfg" => check_json(report, object, path, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => check_json(report, object, path, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            // The server of 1.22 and 1.23 forgot to put the key into the path.
            let old = Path::root("data[%s]");
            let path = if report.at_least(24) { path } else { &old };
            require(report, path, "username");
            require(report, path, "password");
        }
        "kubernetes.io/ssh-auth" if Data::of(object, "ssh-privatekey").is_none_or(|data| data.len() == 0) => {
            let old = Path::root("data[%s]");
            let path = if report.at_least(24) { path } else { &old };
            require(report, path, "ssh-privatekey");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)) {
                require(report, path, key);
            }
        }
        _ => {}
    }
}

fn check_json(report: &mut Report<'_>, object: Node<'_>, path: &Path<'_>, key: &str) {
    let field = path.key(key);
    let span = place(object, "type");
    let Some(data) = Data::of(object, key) else {
        report.required(&SECRET_TYPE_KEYS, &field, "", span);
        return;
    };
    if let Err(error) = json_syntax::check_object(&data.bytes()) {
        let value = Shown::Str("<secret contents redacted>");
        report.invalid(&SECRET_JSON, &field, value, error.to_string(), span);
    }
}
