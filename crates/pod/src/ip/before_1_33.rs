//! What the API server warned of in the addresses and ranges of services up to 1.32, in the words of Go's `net/netip`.

use std::net::IpAddr;

use super::cidr::has_bad_bits;
use crate::render::go_quote;

/// What the API server warned of an address up to 1.32, as far as the usual mistakes go.
pub(crate) fn address_warning(text: &str) -> Option<String> {
    match text.parse::<IpAddr>() {
        Err(_) => Some(format!(
            "IP address was accepted, but will be invalid in a future Kubernetes release: {}",
            address_error(text)
        )),
        Ok(address) if address.is_ipv6() && address.to_string() != text => Some(format!(
            "IPv6 address {} is not in RFC 5952 canonical format (\"{address}\"), which may cause controller apply-loops",
            go_quote(text)
        )),
        Ok(_) => None,
    }
}

/// What the API server warned of a range up to 1.32, as far as the usual mistakes go.
pub(crate) fn range_warning(text: &str) -> Option<String> {
    let quoted = go_quote(text);
    let failed = |why: String| {
        Some(format!(
            "IP prefix was accepted, but will be invalid in a future Kubernetes release: netip.ParsePrefix({quoted}): {why}"
        ))
    };
    let Some((address, length)) = text.rsplit_once('/') else {
        return failed("no '/'".to_owned());
    };
    let Ok(parsed) = address.parse::<IpAddr>() else {
        return failed(address_error(address));
    };
    if has_bad_bits(length) {
        return failed(format!("bad bits after slash: {}", go_quote(length)));
    }
    let canonical = format!("{parsed}/{length}");
    (parsed.is_ipv6() && canonical != text).then(|| {
        format!(
            "IPv6 prefix {quoted} is not in RFC 5952 canonical format (\"{canonical}\"), which may cause controller \
             apply-loops"
        )
    })
}

/// Why Go's `netip.ParseAddr` does not take a text.
fn address_error(text: &str) -> String {
    let quoted = go_quote(text);
    let why = match text.find(['.', ':', '%']).map(|at| &text[at..=at]) {
        None => "unable to parse IP".to_owned(),
        Some("%") => "missing IPv6 address".to_owned(),
        Some(".") => v4_error(text),
        Some(_) => v6_error(text),
    };
    format!("ParseAddr({quoted}): {why}")
}

/// The first group that is none.
fn v6_error(text: &str) -> String {
    let mut rest = text.strip_prefix("::").unwrap_or(text);
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let at = |rest| go_quote(rest);
        if digits > 4 {
            return format!("each group must have 4 or less digits (at {})", at(rest));
        }
        if digits == 0 {
            let why = "each colon-separated field must have at least one digit";
            return format!("{why} (at {})", at(rest));
        }
        rest = &rest[digits..];
        match rest.strip_prefix(':') {
            None if rest.is_empty() => return "address string too short".to_owned(),
            None => return format!("unexpected character, want colon (at {})", at(rest)),
            Some("") => return format!("colon must be followed by more characters (at {})", at(rest)),
            Some(next) => rest = next.strip_prefix(':').unwrap_or(next),
        }
    }
}

fn v4_error(text: &str) -> String {
    let (mut value, mut digits, mut fields) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if let Some(digit) = c.to_digit(10) {
            if digits == 1 && value == 0 {
                return "IPv4 field has octet with leading zero".to_owned();
            }
            value = value * 10 + digit;
            digits += 1;
            if value > 255 {
                return "IPv4 field has value >255".to_owned();
            }
        } else if c == '.' {
            if at == 0 || at + 1 == text.len() || text[..at].ends_with('.') {
                return format!(
                    "IPv4 field must have at least one digit (at {})",
                    go_quote(&text[at..])
                );
            }
            if fields == 3 {
                return "IPv4 address too long".to_owned();
            }
            fields += 1;
            (value, digits) = (0, 0);
        } else {
            return format!("unexpected character (at {})", go_quote(&text[at..]));
        }
    }
    "IPv4 address too short".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_says_why_it_does_not_take_an_address() {
        for (text, why) in [
            ("x", "unable to parse IP"),
            ("010.0.0.1", "IPv4 field has octet with leading zero"),
            ("1.2.3", "IPv4 address too short"),
            ("1.2.3.256", "IPv4 field has value >255"),
            (" 1.2.3.4", "unexpected character (at \" 1.2.3.4\")"),
        ] {
            assert_eq!(address_error(text), format!("ParseAddr({text:?}): {why}"));
        }
    }
}
