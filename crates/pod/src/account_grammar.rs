//! What the API server takes for an account.

/// A fault of an account's spelling; displayed in the API server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AccountError {
    /// Nothing at all.
    #[error("runAsUserName cannot be an empty string")]
    Empty,
    /// A character below the blank, or DEL; as a rule a backslash in double quotes that YAML took for an escape.
    #[error("runAsUserName cannot contain control characters")]
    ControlCharacter,
    /// Two backslashes or more.
    #[error("runAsUserName cannot contain more than one backslash")]
    Backslashes,
    /// A domain of 256 bytes or more.
    #[error("runAsUserName's Domain length must be under 256 characters")]
    DomainTooLong,
    /// A domain that is neither a NetBIOS name nor a DNS name, such as `.`.
    #[error("runAsUserName's Domain doesn't match the NetBios nor the DNS format")]
    DomainFormat,
    /// Nothing after the backslash.
    #[error("runAsUserName's User cannot be empty")]
    UserEmpty,
    /// A name of more than 104 bytes.
    #[error("runAsUserName's User length must not be longer than 104 characters")]
    UserTooLong,
    /// A name of dots and blanks only.
    #[error("runAsUserName's User cannot contain only periods or spaces")]
    UserDotsAndSpaces,
    /// A character that no name may have, as in `user@corp.example`.
    #[error(r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#)]
    UserCharacters,
}

/// The faults of `text` in the API server's order. Lengths are in bytes, as it counts them.
pub(crate) fn check(text: &str) -> Vec<AccountError> {
    if text.is_empty() {
        return vec![AccountError::Empty];
    }
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return vec![AccountError::ControlCharacter];
    }
    let mut parts = text.splitn(3, '\\');
    let (domain, user) = match (parts.next(), parts.next(), parts.next()) {
        (_, _, Some(_)) => return vec![AccountError::Backslashes],
        (Some(domain), Some(user), None) => (Some(domain), user),
        _ => (None, text),
    };
    let mut errors = Vec::new();
    if let Some(domain) = domain {
        if domain.len() >= 256 {
            errors.push(AccountError::DomainTooLong);
        }
        if !is_netbios(domain) && !is_dns(domain) {
            errors.push(AccountError::DomainFormat);
        }
    }
    if user.is_empty() {
        errors.push(AccountError::UserEmpty);
    } else if user.len() > 104 {
        errors.push(AccountError::UserTooLong);
    }
    if !user.is_empty() && user.bytes().all(|byte| matches!(byte, b'.' | b' ')) {
        errors.push(AccountError::UserDotsAndSpaces);
    }
    if user.contains([
        '"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']',
    ]) {
        errors.push(AccountError::UserCharacters);
    }
    errors
}

/// One to fifteen characters, none of `\/:*?"<>|`, the first no dot.
fn is_netbios(domain: &str) -> bool {
    let forbidden = ['\\', '/', ':', '*', '?', '"', '<', '>', '|'];
    (1..=15).contains(&domain.chars().count()) && !domain.starts_with('.') && !domain.contains(forbidden)
}

/// Labels of letters, digits and inner dashes, each of at most 63.
fn is_dns(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountError::{
        Backslashes, ControlCharacter, DomainFormat, DomainTooLong, Empty, UserCharacters, UserDotsAndSpaces,
        UserEmpty, UserTooLong,
    };

    #[test]
    fn finds_the_faults_that_the_api_server_finds() {
        let long_domain = format!(
            "{}.com\\user",
            &"a".repeat(63).chars().chain(['.']).collect::<String>().repeat(4)[..253]
        );
        let cases: &[(&str, &[AccountError])] = &[
            ("Container. User", &[]),
            (r"Network Service\Container. User", &[]),
            (&format!(r"{}.liSH\Container. User", "fOo".repeat(20)), &[]),
            (&format!(r"{}.l\Container. User", "fOo".repeat(20)), &[]),
            (&format!(r"{}\Container. User", "a".repeat(42)), &[]),
            ("", &[Empty]),
            ("Container\tUser", &[ControlCharacter]),
            ("a\u{7f}b", &[ControlCharacter]),
            ("a\u{85}b", &[]),
            (r"Container\Foo\Lish", &[Backslashes]),
            (r"\User", &[DomainFormat]),
            (r"Container\", &[UserEmpty]),
            (r"NetBios aaaaaaaa\user", &[DomainFormat]),
            (&long_domain, &[DomainTooLong]),
            (&"a".repeat(105), &[UserTooLong]),
            ("... ...", &[UserDotsAndSpaces]),
            (r".FooLish\User", &[DomainFormat]),
            (r"Foo? Lish?\User", &[DomainFormat]),
            (&format!(r"{}.com-\user", "a".repeat(32)), &[DomainFormat]),
            ("Container/User", &[UserCharacters]),
            (r"\", &[DomainFormat, UserEmpty]),
            (r"..\..", &[DomainFormat, UserDotsAndSpaces]),
            (r".\admin", &[DomainFormat]),
            ("u@corp.example", &[UserCharacters]),
            (r"NT AUTHORITY\SYSTEM", &[]),
            (r"NT AUTHORITY\NETWORK SERVICE", &[]),
            (r"CORP\svc$", &[]),
            (r"BUILTIN\Administrators", &[]),
            (&format!(r"{}\u", "x".repeat(16)), &[]),
            (&"a".repeat(104), &[]),
            (&"é".repeat(52), &[]),
            (&"é".repeat(53), &[UserTooLong]),
            (r"x y z 1 2 3 4 5 6\u", &[DomainFormat]),
            (r"é y z 1 2 3 4 5\u", &[]),
            (&format!(r"{}\u", "x".repeat(64)), &[DomainFormat]),
        ];
        for (text, expected) in cases {
            assert_eq!(check(text), *expected, "{text}");
        }
    }
}
