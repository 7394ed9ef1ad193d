//! The proxy that the environment has for a server, as Go's programs read it (`golang.org/x/net/http/httpproxy`), and with curl's
//! `ALL_PROXY` beside it.

use std::net::IpAddr;

use ureq::http::Uri;

/// The variables that may name it, for a server at `https://` and at `http://`.
const ENCRYPTED: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const PLAIN: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// Those that name servers for which there is none.
const NONE: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy for `server`, and the variable that names it.
pub(crate) fn proxy_of(
    server: &Uri,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = variable(name)?;
            (!value.is_empty()).then_some((*name, value))
        })
    };
    let is_plain = server.scheme_str() == Some("http");
    let named = first(if is_plain { &PLAIN } else { &ENCRYPTED })?;
    let host = server.host()?.trim_matches(['[', ']']);
    let port = server.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    let (_, without) = first(&NONE).unwrap_or_default();
    (!without.split(',').any(|entry| is_named(entry.trim(), host, port))).then_some(named)
}

/// Whether an entry of `NO_PROXY` names a server: `*`, an address, a range of addresses, or a name, which stands for all below it
/// too; with a dot before it for those alone. Behind an address or a name there may be a port.
fn is_named(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let address = host.parse::<IpAddr>().ok();
    if let Some((range, length)) = entry.split_once('/') {
        let range = range.parse().ok().zip(length.parse().ok());
        return range
            .zip(address)
            .is_some_and(|((range, length), address)| is_within(range, length, address));
    }
    // An IPv6 address without brackets has colons of its own.
    let (name, of_port) = match entry.rsplit_once(':') {
        Some((name, of_port)) if !name.contains(':') || name.ends_with(']') => (name, Some(of_port)),
        _ => (entry, None),
    };
    if of_port.is_some_and(|of_port| of_port.parse() != Ok(port)) {
        return false;
    }
    let name = name.trim_matches(['[', ']']);
    if let Ok(named) = name.parse::<IpAddr>() {
        return address == Some(named);
    }
    let name = if name.starts_with("*.") { &name[1..] } else { name };
    let name = name.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let below = name.strip_prefix('.');
    let Some(above) = host.strip_suffix(below.unwrap_or(&name)) else {
        return false;
    };
    !name.is_empty() && (above.ends_with('.') || above.is_empty() && below.is_none())
}

/// Whether an address begins with the same `length` bits as `range`.
fn is_within(range: IpAddr, length: u32, address: IpAddr) -> bool {
    let (range, address, bits) = match (range, address) {
        (IpAddr::V4(range), IpAddr::V4(address)) => (range.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(range), IpAddr::V6(address)) => (range.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let Some(rest) = u32::checked_sub(bits, length) else {
        return false;
    };
    let differs: u128 = range ^ address;
    differs.checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(server: &str, variables: &[(&str, &str)]) -> Option<(&'static str, String)> {
        proxy_of(&server.parse().unwrap(), |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
        let all = [
            ("ALL_PROXY", "a"),
            ("HTTPS_PROXY", ""),
            ("https_proxy", "s"),
            ("HTTP_PROXY", "h"),
        ];
        assert_eq!(
            found("https://one:6443", &all),
            Some(("https_proxy", "s".to_owned()))
        );
        assert_eq!(
            found("http://one:8080", &all),
            Some(("HTTP_PROXY", "h".to_owned()))
        );
        assert_eq!(
            found("https://one", &all[..1]),
            Some(("ALL_PROXY", "a".to_owned()))
        );
        assert_eq!(found("https://one", &all[3..]), None, "another scheme's");
        assert_eq!(found("https://one", &[]), None);
    }

    #[test]
    fn servers_without_a_proxy_are_named_as_go_reads_it() {
        for (none, server, is_none) in [
            ("*", "https://a.example", true),
            ("example.com", "https://example.com", true),
            ("example.com", "https://api.Example.com:6443", true),
            ("example.com", "https://badexample.com", false),
            (".example.com", "https://api.example.com", true),
            (".example.com", "https://example.com", false),
            ("*.example.com", "https://api.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("x, .svc", "https://kubernetes.default.svc", true),
            ("example.com:6443", "https://example.com:6443", true),
            ("example.com:443", "https://example.com", true),
            ("example.com:6443", "https://example.com", false),
            ("10.0.0.0/8, .svc", "https://10.96.0.1", true),
            ("10.0.0.0/8", "https://11.0.0.1", false),
            ("0.0.0.0/0", "https://11.0.0.1", true),
            ("10.0.0.0/33", "https://10.0.0.0", false),
            ("10.0.0.1/32", "https://10.0.0.1", true),
            ("10.0.0.1/32", "https://10.0.0.2", false),
            ("fd00::/8", "https://[fd12::1]:6443", true),
            ("fd00::/8", "https://[fe80::1]:6443", false),
            ("::/0", "https://[fe80::1]:6443", true),
            ("fd12::1", "https://[fd12::1]:6443", true),
            ("[fd12::1]:6443", "https://[fd12::1]:6443", true),
            ("[fd12::1]:443", "https://[fd12::1]:6443", false),
            ("10.96.0.1", "https://10.96.0.1", true),
            ("10.96.0.1", "https://10.96.0.10", false),
            ("", "https://one", false),
            (",", "https://one", false),
            (".", "https://one", false),
            ("*.", "https://one", false),
        ] {
            let variables = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", none)];
            assert_eq!(found(server, &variables).is_none(), is_none, "{none} {server}");
        }
    }
}
