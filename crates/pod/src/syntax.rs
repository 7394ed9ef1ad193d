//! How what stands in a container is spelt: environment variables, ports, headers, users
//! (`k8s.io/apimachinery/pkg/util/validation`). As in [`names`](crate::names), each function says what is wrong, in the API
//! server's words.

use crate::names::{Faults, directory_fault, dns1123_subdomain};
use crate::options::Options;

const ENV_NAME: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', \
    and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation \
    is '[-._a-zA-Z][-._a-zA-Z0-9]*')";
const RELAXED_ENV_NAME: &str =
    "a valid environment variable name must consist only of printable ASCII characters other than '='";
const HEADER_NAME: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', \
    regex used for validation is '[-A-Za-z0-9]+')";

/// What another name is put behind: a dash at its end is no fault.
pub(crate) fn name_prefix(text: &str) -> Faults {
    match text.strip_suffix('-') {
        // Two bytes are taken off and one is put there, which may split a character: such a text is wrong anyway.
        Some(rest) if !rest.is_empty() && rest.is_ascii() => {
            dns1123_subdomain(&format!("{}a", &rest[..rest.len() - 1]))
        }
        _ => dns1123_subdomain(text),
    }
}

/// The name of an environment variable, or what such names begin with.
pub(crate) fn env_name(options: &Options, text: &str) -> Faults {
    if options.enabled("RelaxedEnvironmentVariableValidation") {
        return relaxed_env_name(text);
    }
    let mut faults = Faults::new();
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.bytes().all(is) || text.bytes().next().is_none_or(|byte| byte.is_ascii_digit()) {
        faults.push(ENV_NAME.into());
    }
    faults.extend(directory_fault(text).map(Into::into));
    faults
}

/// The name of an environment variable by the rules that are the only ones since 1.34.
pub(crate) fn relaxed_env_name(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.is_empty() {
        faults.push("environment variable name must be non-empty".into());
    }
    if text
        .bytes()
        .any(|byte| !(b' '..=b'~').contains(&byte) || byte == b'=')
    {
        faults.push(RELAXED_ENV_NAME.into());
    }
    faults
}

/// The name of a port (RFC 6335).
pub(crate) fn port_name(options: &Options, text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > 15 {
        faults.push("must be no more than 15 characters".into());
    }
    let is = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || !text.bytes().all(is) {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let fault = if options.at_least(25) {
            "must contain at least one letter (a-z)"
        } else {
            "must contain at least one letter or number (a-z, 0-9)"
        };
        faults.push(fault.into());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".into());
    }
    faults
}

/// The number of a port.
pub(crate) fn port_number(number: i64) -> Option<&'static str> {
    (!(1..=65535).contains(&number)).then_some("must be between 1 and 65535, inclusive")
}

/// The number of a Linux user or group.
pub(crate) fn user_number(number: i64) -> Option<&'static str> {
    (!(0..=i64::from(i32::MAX)).contains(&number)).then_some("must be between 0 and 2147483647, inclusive")
}

/// The name of an HTTP header.
pub(crate) fn header_name(text: &str) -> Option<&'static str> {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (text.is_empty() || !text.bytes().all(is)).then_some(HEADER_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    fn under(minor: u16) -> Options {
        Options::of(Version::new(minor).expect("known"))
    }

    #[test]
    fn names_are_refused_in_the_words_of_the_version() {
        assert_eq!(
            port_name(&under(24), "-"),
            [
                "must contain at least one letter or number (a-z, 0-9)",
                "must not begin or end with a hyphen",
            ]
        );
        assert_eq!(
            port_name(&under(25), "80"),
            ["must contain at least one letter (a-z)"]
        );
        assert_eq!(env_name(&under(31), "1a"), [ENV_NAME]);
        assert_eq!(env_name(&under(32), "1a b"), [""; 0]);
        assert_eq!(env_name(&under(32), "a=b"), [RELAXED_ENV_NAME]);
        assert_eq!(env_name(&under(31), "..a"), ["must not start with '..'"]);
        assert_eq!(name_prefix("a-"), [""; 0]);
        assert!(name_prefix("-")[0].starts_with("a lowercase RFC 1123 subdomain"));
    }
}
