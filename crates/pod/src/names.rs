//! Names as Kubernetes asks for them (`k8s.io/apimachinery/pkg/util/validation`).
//!
//! Each function returns what is wrong with a name, in the API server's words, in its order; nothing for a good name, and
//! then nothing is allocated. Limits are in bytes, whatever the words say.

use std::borrow::Cow;

use crate::version::Version;

/// What is wrong with a name.
pub type Faults = Vec<Cow<'static, str>>;

/// The most bytes of a DNS label (RFC 1123 and RFC 1035).
pub const LABEL_LIMIT: usize = 63;
/// The most bytes of a DNS subdomain.
pub const SUBDOMAIN_LIMIT: usize = 253;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
    end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
    must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
/// Up to 1.33 the text shows the pattern without underscores.
const UNDERSCORE_OLD: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const UNDERSCORE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation \
    is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const QUALIFIED_NAME: &str = "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
const LABEL_KEY: &str = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_MAP_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
    or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// A lower-case RFC 1123 label (`IsDNS1123Label`): the name of a container, a volume, a namespace.
#[must_use]
pub fn dns1123_label(name: &str, version: Version) -> Faults {
    let mut faults = Faults::new();
    if name.len() > LABEL_LIMIT {
        faults.push(too_long(LABEL_LIMIT));
    }
    if !is_label(name) {
        let dots = version.at_least(27) && name.split('.').all(is_label);
        faults.push(Cow::Borrowed(if dots { "must not contain dots" } else { LABEL }));
    }
    faults
}

/// A lower-case RFC 1123 subdomain (`IsDNS1123Subdomain`): the name of most objects.
#[must_use]
pub fn dns1123_subdomain(name: &str) -> Faults {
    let mut faults = Faults::new();
    if name.len() > SUBDOMAIN_LIMIT {
        faults.push(too_long(SUBDOMAIN_LIMIT));
    }
    if !is_subdomain(name) {
        faults.push(Cow::Borrowed(SUBDOMAIN));
    }
    faults
}

/// A subdomain whose labels may have underscores (`IsDNS1123SubdomainWithUnderscore`, since 1.32): a DNS search path.
#[must_use]
pub fn dns1123_subdomain_with_underscore(name: &str, version: Version) -> Faults {
    let mut faults = Faults::new();
    if name.len() > SUBDOMAIN_LIMIT {
        faults.push(too_long(SUBDOMAIN_LIMIT));
    }
    let is_label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        let inner = |byte: u8| is_lower_alphanumeric(byte) || byte == b'-' || byte == b'_';
        has_ends(label, is_lower_alphanumeric) && label.bytes().all(inner)
    };
    if !name.split('.').all(is_label) {
        let text = if version.at_least(34) {
            UNDERSCORE
        } else {
            UNDERSCORE_OLD
        };
        faults.push(Cow::Borrowed(text));
    }
    faults
}

/// An RFC 1035 label (`IsDNS1035Label`), which starts with a letter: the name of a service, a StatefulSet.
#[must_use]
pub fn dns1035_label(name: &str) -> Faults {
    let mut faults = Faults::new();
    if name.len() > LABEL_LIMIT {
        faults.push(too_long(LABEL_LIMIT));
    }
    if !is_label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        faults.push(Cow::Borrowed(LABEL_1035));
    }
    faults
}

/// A name with an optional prefix, `example.com/name` (`IsQualifiedName`): the key of a label, the name of a resource.
#[must_use]
pub fn qualified_name(text: &str, version: Version) -> Faults {
    let mut faults = Faults::new();
    let newer = version.at_least(35);
    let mut parts = text.split('/');
    let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if third.is_some() {
        faults.push(Cow::Borrowed(if newer { LABEL_KEY } else { QUALIFIED_NAME }));
        return faults;
    }
    let name = if let Some(name) = second {
        if first.is_empty() {
            faults.push(Cow::Borrowed("prefix part must be non-empty"));
        } else {
            if first.len() > SUBDOMAIN_LIMIT {
                faults.push(Cow::Owned(format!(
                    "prefix part {}",
                    too_long_label(SUBDOMAIN_LIMIT, version)
                )));
            }
            if !is_subdomain(first) {
                faults.push(Cow::Owned(format!("prefix part {SUBDOMAIN}")));
            }
        }
        name
    } else {
        first
    };
    if name.is_empty() {
        faults.push(Cow::Borrowed("name part must be non-empty"));
    } else if name.len() > LABEL_LIMIT {
        faults.push(Cow::Owned(format!(
            "name part {}",
            too_long_label(LABEL_LIMIT, version)
        )));
    }
    if !is_name_part(name) {
        faults.push(Cow::Borrowed(NAME_PART));
    }
    faults
}

/// The value of a label (`IsValidLabelValue`).
#[must_use]
pub fn label_value(value: &str, version: Version) -> Faults {
    let mut faults = Faults::new();
    if value.len() > LABEL_LIMIT {
        faults.push(too_long_label(LABEL_LIMIT, version));
    }
    if !value.is_empty() && !is_name_part(value) {
        faults.push(Cow::Borrowed(LABEL_VALUE));
    }
    faults
}

/// The key of a ConfigMap or Secret (`IsConfigMapKey`).
#[must_use]
pub fn config_map_key(key: &str) -> Faults {
    let mut faults = Faults::new();
    if key.len() > SUBDOMAIN_LIMIT {
        faults.push(too_long(SUBDOMAIN_LIMIT));
    }
    if key.is_empty() || !key.bytes().all(is_name_byte) {
        faults.push(Cow::Borrowed(CONFIG_MAP_KEY));
    }
    faults.extend(directory_fault(key).map(Cow::Borrowed));
    faults
}

/// What is wrong with a name that a file gets, where it would lead out of its directory (`hasChDirPrefix`).
#[must_use]
pub fn directory_fault(name: &str) -> Option<&'static str> {
    match name {
        "." => Some("must not be '.'"),
        ".." => Some("must not be '..'"),
        _ if name.starts_with("..") => Some("must not start with '..'"),
        _ => None,
    }
}

/// `MaxLenError`: the words say characters, the limit is of bytes.
fn too_long(most: usize) -> Cow<'static, str> {
    Cow::Owned(format!("must be no more than {most} characters"))
}

/// `MaxLenError` of keys and values of labels, which says bytes since 1.35.
fn too_long_label(most: usize, version: Version) -> Cow<'static, str> {
    if version.at_least(35) {
        Cow::Owned(format!("must be no more than {most} bytes"))
    } else {
        too_long(most)
    }
}

const fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Letters, digits, dashes, underscores and periods.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether the first and the last byte are `good`, which none of the empty text is.
fn has_ends(text: &str, good: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| good(*byte)) && bytes.last().is_some_and(|byte| good(*byte))
}

/// Lower-case letters, digits and inner dashes.
fn is_label(text: &str) -> bool {
    has_ends(text, is_lower_alphanumeric)
        && text
            .bytes()
            .all(|byte| is_lower_alphanumeric(byte) || byte == b'-')
}

/// Labels joined by periods.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_name_part(text: &str) -> bool {
    has_ends(text, |byte| byte.is_ascii_alphanumeric()) && text.bytes().all(is_name_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(minor: u16) -> Version {
        Version::new(minor).expect("it is known")
    }

    #[test]
    fn labels_and_subdomains_are_lower_case() {
        for good in ["a", "0", "a-b", "123-abc", &"a".repeat(63)] {
            assert_eq!(dns1123_label(good, Version::NEWEST), [""; 0], "{good}");
            assert_eq!(dns1123_subdomain(&format!("{good}.{good}")), [""; 0], "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a_b", "é", "a b", "a\n"] {
            assert_eq!(dns1123_label(bad, Version::NEWEST), [LABEL], "{bad}");
            assert_eq!(dns1123_subdomain(bad), [SUBDOMAIN], "{bad}");
        }
        assert_eq!(dns1123_subdomain("a..b"), [SUBDOMAIN]);
        assert_eq!(
            dns1123_subdomain(&"A".repeat(254)),
            ["must be no more than 253 characters", SUBDOMAIN]
        );
        assert!(SUBDOMAIN.ends_with(
            "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ));
        assert_eq!(dns1035_label("a1"), [""; 0]);
        assert_eq!(dns1035_label("1a"), [LABEL_1035]);
    }

    #[test]
    fn dots_in_a_label_have_words_of_their_own_since_1_27() {
        assert_eq!(dns1123_label("a.b", version(26)), [LABEL]);
        assert_eq!(dns1123_label("a.b", version(27)), ["must not contain dots"]);
        assert_eq!(dns1123_label("a..b", version(27)), [LABEL]);
    }

    #[test]
    fn search_paths_have_underscores() {
        for good in ["_sip._tcp.example.com", "a_b", "_a-b"] {
            assert_eq!(
                dns1123_subdomain_with_underscore(good, Version::NEWEST),
                [""; 0],
                "{good}"
            );
        }
        for bad in ["__a", "a_", "_", ""] {
            assert_eq!(
                dns1123_subdomain_with_underscore(bad, version(34)),
                [UNDERSCORE],
                "{bad}"
            );
            assert_eq!(
                dns1123_subdomain_with_underscore(bad, version(33)),
                [UNDERSCORE_OLD]
            );
        }
    }

    #[test]
    fn qualified_names_may_have_a_prefix() {
        for good in ["a", "A.b_c-1", "example.com/Name", "kubernetes.io/os"] {
            assert_eq!(qualified_name(good, Version::NEWEST), [""; 0], "{good}");
        }
        assert_eq!(
            qualified_name("", Version::NEWEST),
            ["name part must be non-empty", NAME_PART]
        );
        assert_eq!(
            qualified_name("/a", Version::NEWEST),
            ["prefix part must be non-empty"]
        );
        assert_eq!(
            qualified_name("A/", Version::NEWEST),
            [
                &format!("prefix part {SUBDOMAIN}"),
                "name part must be non-empty",
                NAME_PART
            ]
        );
        assert_eq!(qualified_name("a/b/c", version(34)), [QUALIFIED_NAME]);
        assert_eq!(qualified_name("a/b/c", version(35)), [LABEL_KEY]);
        let long = "a".repeat(64);
        assert_eq!(
            qualified_name(&long, version(34)),
            ["name part must be no more than 63 characters"]
        );
        assert_eq!(
            qualified_name(&long, version(35)),
            ["name part must be no more than 63 bytes"]
        );
    }

    #[test]
    fn label_values_may_be_empty() {
        assert_eq!(label_value("", Version::NEWEST), [""; 0]);
        assert_eq!(
            label_value(&"é".repeat(32), version(34)),
            ["must be no more than 63 characters", LABEL_VALUE]
        );
        assert_eq!(
            label_value(&"a".repeat(64), version(35)),
            ["must be no more than 63 bytes"]
        );
    }

    #[test]
    fn keys_of_config_maps_stay_in_their_directory() {
        assert_eq!(config_map_key("a.b_C-1"), [""; 0]);
        assert_eq!(config_map_key(""), [CONFIG_MAP_KEY]);
        assert_eq!(config_map_key("."), ["must not be '.'"]);
        assert_eq!(config_map_key(".."), ["must not be '..'"]);
        assert_eq!(config_map_key("..a"), ["must not start with '..'"]);
        assert_eq!(
            config_map_key("../a"),
            [CONFIG_MAP_KEY, "must not start with '..'"]
        );
    }
}
