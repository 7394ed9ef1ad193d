//! Ranges of IP addresses as Kubernetes reads them (`k8s.io/apimachinery/pkg/util/validation/ip.go`), and what it warns of in
//! the addresses and ranges of services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{is_mapped, number, parse_v4, parse_v6};
use crate::names::Faults;
use crate::options::Options;
use crate::render::go_quote;

/// A range: an address, and how many of its bits all addresses in the range have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    address: IpAddr,
    length: u32,
}

impl Range {
    fn bits(self) -> u32 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// The address without the bits beyond those that count.
    fn masked(self) -> IpAddr {
        let beyond = self.bits() - self.length;
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(beyond).unwrap_or_default();
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(beyond).unwrap_or_default();
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        }
    }

    /// As Go writes it: an IPv4 address is written as such, with the length that the text had.
    fn network(self) -> String {
        format!("{}/{}", self.masked().to_canonical(), self.length)
    }
}

/// Go's `ParseCIDR` of old (`netutils.ParseCIDRSloppy`).
pub(crate) fn parse(text: &str) -> Option<Range> {
    let (address, length) = text.split_once('/')?;
    let (address, bits) = match parse_v4(address) {
        Some(address) => (IpAddr::V4(address), 32),
        None => (IpAddr::V6(parse_v6(address)?), 128),
    };
    let (length, rest) = number(length, 10, bits)?;
    rest.is_empty().then_some(Range { address, length })
}

/// Whether Go's strict parser (`netip.ParsePrefix`) takes it.
fn is_strict(text: &str) -> bool {
    let Some((address, length)) = text.rsplit_once('/') else {
        return false;
    };
    address.parse::<IpAddr>().is_ok() && !has_bad_bits(length)
}

fn has_bad_bits(length: &str) -> bool {
    length.len() > 1 && length.starts_with('0') || !length.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with a range in a field of old (`IsValidCIDRForLegacyField`).
pub(crate) fn faults(text: &str, options: &Options) -> Faults {
    let mut faults = Faults::new();
    let Some(range) = parse(text) else {
        faults.push("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".into());
        return faults;
    };
    if options.enabled("StrictIPCIDRValidation") {
        if !is_strict(text) {
            faults.push("must not have leading 0s in IP or prefix length".into());
        } else if is_mapped(range.address) {
            faults.push("must not have an IPv4-mapped IPv6 address".into());
        } else if range.masked() != range.address {
            faults.push("must not have bits set beyond the prefix length".into());
        }
    }
    faults
}

/// What the API server warns of a range, since 1.33 (`GetWarningsForCIDR`).
pub(crate) fn warnings(text: &str, options: &Options) -> Vec<String> {
    let Some(range) = parse(text) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    let (quoted, network) = (go_quote(text), range.network());
    if range.masked() != range.address {
        let alone = format!("{}/{}", range.address.to_canonical(), range.bits());
        warnings.push(format!(
            "CIDR value {quoted} is ambiguous in this context (should be \"{network}\" or \"{alone}\"?)"
        ));
    }
    if !is_strict(text) || is_mapped(range.address) {
        let said = if options.at_least(36) {
            "is invalid"
        } else {
            "will be considered invalid in a future Kubernetes release"
        };
        warnings.push(format!(
            "non-standard CIDR value {quoted} {said}: use \"{network}\""
        ));
    }
    let canonical = format!("{}/{}", range.address, range.length);
    if warnings.is_empty() && range.address.is_ipv6() && canonical != text {
        warnings.push(format!(
            "IPv6 CIDR value {quoted} should be in RFC 5952 canonical format (\"{canonical}\")"
        ));
    }
    warnings
}

/// What the API server warned of an address up to 1.32, as far as the usual mistakes go.
pub(crate) fn old_address_warning(text: &str) -> Option<String> {
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
pub(crate) fn old_warning(text: &str) -> Option<String> {
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
    use crate::version::Version;

    fn at(minor: u16) -> Options {
        Options::of(Version::new(minor).expect("it is known"))
    }

    #[test]
    fn ranges_of_old_are_read() {
        for (text, network) in [
            ("10.0.0.0/24", "10.0.0.0/24"),
            ("010.0.0.1/08", "10.0.0.0/8"),
            ("2001:DB8::1/64", "2001:db8::/64"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(
                parse(text).map(Range::network).as_deref(),
                Some(network),
                "{text}"
            );
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "x/8",
            " 10.0.0.0/8",
            "::/129",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn strict_rules_of_ranges_come_with_1_36() {
        let old: [&str; 0] = [];
        assert_eq!(faults("010.0.0.0/8", &at(35)), old);
        assert_eq!(
            faults("010.0.0.0/8", &at(36)),
            ["must not have leading 0s in IP or prefix length"]
        );
        assert_eq!(
            faults("10.0.0.1/8", &at(36)),
            ["must not have bits set beyond the prefix length"]
        );
        assert_eq!(
            warnings("10.0.0.1/8", &at(33)),
            [
                "CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"
            ]
        );
    }

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
