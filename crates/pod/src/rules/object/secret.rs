//! Secrets (`ValidateSecret`).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use porthole_manifest::{Node, Span};

use super::config_map::{DATA_SIZE, SIZE_LIMIT};
use crate::base64;
use crate::json_syntax;
use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, is_removed, place, text};
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
#[derive(Clone, Copy)]
enum Data<'a> {
    Encoded(&'a str),
    Plain(&'a str),
}

impl<'a> Data<'a> {
    /// As it is written.
    fn text(self) -> &'a str {
        match self {
            Self::Encoded(text) | Self::Plain(text) => text,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Encoded(text) => base64::decoded_len(text),
            Self::Plain(text) => text.len(),
        }
    }

    fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Encoded(text) => Cow::Owned(base64::decode(text)),
            Self::Plain(text) => Cow::Borrowed(text.as_bytes()),
        }
    }
}

/// What a Secret holds: the API server makes one mapping of `data` and `stringData`.
pub(crate) struct Contents<'a>(Vec<Entry<'a>>);

struct Entry<'a> {
    key: Cow<'a, str>,
    data: Data<'a>,
    span: Span,
}

impl<'a> Contents<'a> {
    /// What is in a Secret that is made.
    pub(crate) fn of(object: Node<'a>) -> Self {
        let mut contents = Self(Vec::new());
        contents.set(None, object);
        contents
    }

    /// What is in one that takes the place of `old`: what that one was made with stays, but what is taken out of its `data` or
    /// is another in either field.
    pub(crate) fn over(old: Node<'a>, object: Node<'a>) -> Self {
        let mut contents = Self::of(old);
        let (before, now) = (old.child("data"), object.child("data"));
        if is_removed(old, object, "data") {
            contents.0.clear();
        }
        contents
            .0
            .retain(|entry| before.get(&entry.key).is_none() || now.get(&entry.key).is_some());
        for entry in &mut contents.0 {
            // It is in another file.
            entry.span = object.span();
        }
        contents.set(Some(old), object);
        contents
    }

    /// Sets what an object says that `old` does not say too.
    fn set(&mut self, old: Option<Node<'_>>, object: Node<'a>) {
        for (field, data) in [
            ("data", Data::Encoded as fn(&'a str) -> Data<'a>),
            ("stringData", Data::Plain),
        ] {
            let before = old.map(|old| old.child(field));
            let entries = object.child(field).entries().map(|entry| Entry {
                key: entry.key.key_text(),
                data: data(entry.value.as_str().unwrap_or_default()),
                span: entry.key.span(),
            });
            let is_new = |entry: &Entry<'_>| {
                let before = before.and_then(|before| before.get(&entry.key));
                before.is_none_or(|before| before.as_str().unwrap_or_default() != entry.data.text())
            };
            let said: Vec<_> = entries.filter(is_new).collect();
            let keys: HashSet<_> = said.iter().map(|entry| &*entry.key).collect();
            self.0.retain(|entry| !keys.contains(&*entry.key));
            self.0.extend(said);
        }
    }

    fn get(&self, key: &str) -> Option<Data<'a>> {
        let entry = self.0.iter().rfind(|entry| entry.key == key)?;
        Some(entry.data)
    }

    /// Whether both hold the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let bytes = |contents: &Self| -> BTreeMap<String, Vec<u8>> {
            let entries = contents.0.iter();
            entries
                .map(|entry| (entry.key.to_string(), entry.data.bytes().into_owned()))
                .collect()
        };
        bytes(self) == bytes(other)
    }
}

/// All that is asked of a Secret that holds these.
pub(crate) fn check(report: &mut Report<'_>, object: Node<'_>, contents: &Contents<'_>) {
    let path = Path::root("data");
    let mut size = 0;
    for entry in &contents.0 {
        let faults = names::config_map_key(&entry.key);
        report.faults(&SECRET_KEY, &path.key(&entry.key), &entry.key, faults, entry.span);
        size += entry.data.len();
    }
    if size > SIZE_LIMIT {
        report.too_long(&DATA_SIZE, &path, SIZE_LIMIT, object.span());
    }
    check_type(report, object, contents, &path);
}

/// The keys that the type asks for.
fn check_type(report: &mut Report<'_>, object: Node<'_>, contents: &Contents<'_>, path: &Path<'_>) {
    let span = place(object, "type");
    let has = |key: &str| contents.get(key).is_some();
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
        "kubernetes.io/dockercfg" => {
            check_json(report, contents.get(".dockercfg"), &path.key(".dockercfg"), span);
        }
        "kubernetes.io/dockerconfigjson" => {
            check_json(
                report,
                contents.get(".dockerconfigjson"),
                &path.key(".dockerconfigjson"),
                span,
            );
        }
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            // The server of 1.22 and 1.23 forgot to put the key into the path.
            let old = Path::root("data[%s]");
            let path = if report.at_least(24) { path } else { &old };
            require(report, path, "username");
            require(report, path, "password");
        }
        "kubernetes.io/ssh-auth" if contents.get("ssh-privatekey").is_none_or(|data| data.len() == 0) => {
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

fn check_json(report: &mut Report<'_>, data: Option<Data<'_>>, field: &Path<'_>, span: Span) {
    let Some(data) = data else {
        report.required(&SECRET_TYPE_KEYS, field, "", span);
        return;
    };
    if let Err(error) = json_syntax::check_object(&data.bytes()) {
        let value = Shown::Str("<secret contents redacted>");
        report.invalid(&SECRET_JSON, field, value, error.to_string(), span);
    }
}
