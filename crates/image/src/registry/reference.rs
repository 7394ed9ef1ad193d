//! References to images in registries, read as Docker reads them.
//!
//! Source: the grammar and the normalisation of the `distribution/reference` package, whose error texts are kept.

use std::fmt;

use crate::Digest;

/// The registry that a name without one means.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where it answers.
const DEFAULT_HOST: &str = "registry-1.docker.io";
/// The tag that a name without one means.
const DEFAULT_TAG: &str = "latest";
/// The longest repository name, with its registry.
const LONGEST_NAME: usize = 255;

/// A reference to an image in a registry, complete: with registry, repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("image reference {text:?}: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl Reference {
    /// Reads a reference, completing what it leaves out: `ping` is `docker.io/library/ping:latest`.
    ///
    /// # Errors
    /// If the text is no reference, or its digest is not of SHA-256.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let refuse = |reason: &str| ReferenceError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(refuse("repository name must have at least one component"));
        }
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return Err(refuse(
                "invalid repository name, cannot specify 64-byte hexadecimal strings",
            ));
        }
        let (registry, rest) = split_registry(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refuse(&format!(
                "invalid reference format: repository name ({path}) must be lowercase"
            )));
        }
        let fits = is_registry(registry) && path.split('/').all(is_component);
        if !fits || tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refuse("invalid reference format"));
        }
        let digest = digest
            .map(|digest| read_digest(digest).map_err(refuse))
            .transpose()?;
        let (registry, repository) = match registry {
            "" | DEFAULT_REGISTRY | "index.docker.io" => {
                let library = if path.contains('/') { "" } else { "library/" };
                (DEFAULT_REGISTRY, format!("{library}{path}"))
            }
            other => (other, path.to_owned()),
        };
        if registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(refuse("repository name must not be more than 255 characters"));
        }
        let tag = match (&digest, tag) {
            (_, Some(tag)) => Some(tag.to_owned()),
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            (Some(_), None) => None,
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }

    /// The registry as names have it: host, and port where one is named.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host, and port, that requests go to.
    pub(super) fn host(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY {
            DEFAULT_HOST
        } else {
            &self.registry
        }
    }

    /// The repository in its registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest, if the reference has one. It then decides, and the tag does not count.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The tag, if the reference has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// What a manifest is asked for by.
    pub(super) fn target(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The registry, empty where none is named, and what follows. The first component is a registry if it can be no part
/// of a path: with a dot, a port or an upper-case letter, or `localhost`.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => ("", text),
    }
}

fn is_registry(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    port && match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            let inner = label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
        }),
    }
}

/// Lower-case letters and digits, in groups between `.`, `_`, `__` or dashes.
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    ends && text
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= 128
        && bytes.next().is_some_and(word)
        && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn read_digest(text: &str) -> Result<Digest, &'static str> {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return Err("invalid reference format");
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'.');
    let hex = digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if algorithm.is_empty() || !algorithm.bytes().all(name) || !hex {
        return Err("invalid reference format");
    }
    if algorithm != "sha256" {
        return Err("unsupported digest algorithm; only sha256 is");
    }
    if digits.len() != 64 {
        return Err("invalid checksum digest length");
    }
    text.parse().map_err(|_| "invalid checksum digest format")
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn complete(text: &str) -> String {
        Reference::parse(text).unwrap().to_string()
    }

    fn refusal(text: &str) -> String {
        Reference::parse(text).unwrap_err().reason
    }

    #[test]
    fn completes_what_a_reference_leaves_out_as_docker_does() {
        for (short, full) in [
            ("ping", "docker.io/library/ping:latest"),
            ("ping:1", "docker.io/library/ping:1"),
            ("team/ping", "docker.io/team/ping:latest"),
            ("docker.io/ping", "docker.io/library/ping:latest"),
            ("index.docker.io/ping", "docker.io/library/ping:latest"),
            ("localhost/ping", "localhost/ping:latest"),
            ("localhost:5000/ping:1", "localhost:5000/ping:1"),
            ("example.com/a/b_c/d--e:1.0", "example.com/a/b_c/d--e:1.0"),
            ("[::1]:5000/ping", "[::1]:5000/ping:latest"),
            ("127.0.0.1:5000/ping", "127.0.0.1:5000/ping:latest"),
            ("Uppercase/ping", "Uppercase/ping:latest"),
        ] {
            assert_eq!(complete(short), full);
        }
    }

    #[test]
    fn a_digest_decides_and_brings_no_tag() {
        let reference = Reference::parse(&format!("ping@sha256:{HEX}")).unwrap();
        assert_eq!(
            (reference.tag(), reference.target()),
            (None, &*format!("sha256:{HEX}"))
        );
        let both = Reference::parse(&format!("example.com/ping:1@sha256:{HEX}")).unwrap();
        assert_eq!(
            (both.tag(), both.target()),
            (Some("1"), &*format!("sha256:{HEX}"))
        );
        assert_eq!(both.to_string(), format!("example.com/ping:1@sha256:{HEX}"));
    }

    #[test]
    fn the_default_registry_answers_elsewhere() {
        let reference = Reference::parse("ping").unwrap();
        assert_eq!(
            (reference.registry(), reference.host()),
            ("docker.io", "registry-1.docker.io")
        );
    }

    #[test]
    fn refuses_in_the_words_that_are_known() {
        let invalid = "invalid reference format";
        for (text, reason) in [
            ("", "repository name must have at least one component"),
            (
                HEX,
                "invalid repository name, cannot specify 64-byte hexadecimal strings",
            ),
            (
                "Ping",
                "invalid reference format: repository name (Ping) must be lowercase",
            ),
            (
                "example.com/Ping:1",
                "invalid reference format: repository name (Ping) must be lowercase",
            ),
            ("ping:", invalid),
            ("ping:a b", invalid),
            ("ping:1:2", invalid),
            (":1", invalid),
            ("-ping", invalid),
            ("ping..x", invalid),
            ("a//b", invalid),
            ("a/", invalid),
            ("../a", invalid),
            ("https://example.com/ping", invalid),
            ("example.com:port/ping", invalid),
            ("example.com:0/ping", invalid),
            ("example.com:70000/ping", invalid),
            ("ping@sha256", invalid),
            ("ping@sha256:abc", invalid),
        ] {
            assert_eq!(refusal(text), reason, "{text}");
        }
        assert_eq!(
            refusal(&format!("ping@sha512:{HEX}{HEX}")),
            "unsupported digest algorithm; only sha256 is"
        );
        assert_eq!(
            refusal(&format!("ping@sha256:{HEX}aa")),
            "invalid checksum digest length"
        );
        assert_eq!(
            refusal(&format!("ping@sha256:{}", HEX.to_uppercase())),
            "invalid checksum digest format"
        );
        assert_eq!(refusal(&format!("ping:{}", "x".repeat(129))), invalid);
        let long = "repository name must not be more than 255 characters";
        assert_eq!(refusal(&"a".repeat(300)), long);
    }

    #[test]
    fn the_error_names_the_text() {
        let said = Reference::parse("Ping").unwrap_err().to_string();
        assert!(
            said.starts_with("image reference \"Ping\": invalid reference format"),
            "{said}"
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_reads_the_same_again(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,80}") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
            }
        }
    }
}
