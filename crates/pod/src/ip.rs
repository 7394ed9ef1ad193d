//! IP addresses as Kubernetes reads them (`k8s.io/apimachinery/pkg/util/validation/ip.go`).
//!
//! Fields older than the strict rules take octets with leading zeros, as Go did up to 1.16: `010.0.0.1` is `10.0.0.1`.

pub(crate) mod before_1_33;
pub(crate) mod cidr;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::names::Faults;
use crate::options::Options;

/// The largest number that the parser looks at.
const BIG: u32 = 0x00FF_FFFF;

/// What is wrong with the IP address of a resolver or an alias, in the words of the version.
pub(crate) fn faults(text: &str, options: &Options) -> Faults {
    if !options.at_least(30) && parse(text).is_none() {
        return vec!["must be valid IP address".into()];
    }
    legacy_faults(text, options)
}

/// What is wrong with an IP address in a field of old (`IsValidIPForLegacyField`).
pub(crate) fn legacy_faults(text: &str, options: &Options) -> Faults {
    let mut faults = Faults::new();
    let Some(address) = parse(text) else {
        faults.push("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".into());
        return faults;
    };
    if options.enabled("StrictIPCIDRValidation") {
        if text.parse::<IpAddr>().is_err() {
            faults.push("must not have leading 0s".into());
        } else if is_mapped(address) {
            faults.push("must not be an IPv4-mapped IPv6 address".into());
        }
    }
    faults
}

/// What is wrong with an address that traffic is sent to from elsewhere (`ValidateNonSpecialIP`, now `ValidateEndpointIP`).
pub(crate) fn special(text: &str) -> Faults {
    let Some(address) = parse(text).map(|address| address.to_canonical()) else {
        return Faults::new();
    };
    let (link, group) = match address {
        IpAddr::V4(address) => (address.is_link_local(), address.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            (first & 0xFFC0 == 0xFE80, first & 0xFF0F == 0xFF02)
        }
    };
    let mut faults = Faults::new();
    if address.is_unspecified() {
        faults.push(format!("may not be unspecified ({text})").into());
    }
    if address.is_loopback() {
        faults.push("may not be in the loopback range (127.0.0.0/8, ::1/128)".into());
    }
    if link {
        faults.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)".into());
    }
    if group {
        faults.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".into());
    }
    faults
}

/// The family of an address, as services name it.
pub(crate) fn family(text: &str) -> &'static str {
    match parse(text).map(|address| address.to_canonical()) {
        Some(IpAddr::V4(_)) => "IPv4",
        Some(IpAddr::V6(_)) => "IPv6",
        None => "unknown",
    }
}

/// What the API server warns of an address in a field of old (`GetWarningsForIP`, since 1.33), in the words of the version.
pub(crate) fn warning(text: &str, options: &Options) -> Option<String> {
    let address = parse(text)?;
    let quoted = crate::render::go_quote(text);
    if text.parse::<IpAddr>().is_err() || is_mapped(address) {
        let standard = address.to_canonical();
        let said = if options.at_least(36) {
            "is invalid"
        } else {
            "will be considered invalid in a future Kubernetes release"
        };
        return Some(format!(
            "non-standard IP address {quoted} {said}: use \"{standard}\""
        ));
    }
    let canonical = address.to_string();
    (address.is_ipv6() && canonical != text)
        .then(|| format!("IPv6 address {quoted} should be in RFC 5952 canonical format (\"{canonical}\")"))
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// Go's `ParseIP` of old (`netutils.ParseIPSloppy`).
fn parse(text: &str) -> Option<IpAddr> {
    match text.bytes().find(|byte| matches!(byte, b'.' | b':'))? {
        b'.' => parse_v4(text).map(IpAddr::V4),
        _ => parse_v6(text).map(IpAddr::V6),
    }
}

/// The number at the start of a text, and what comes after it.
fn number(text: &str, radix: u32, most: u32) -> Option<(u32, &str)> {
    let mut value = 0;
    let mut end = 0;
    for digit in text.chars().map_while(|c| c.to_digit(radix)) {
        value = value * radix + digit;
        if value >= BIG {
            return None;
        }
        end += 1;
    }
    (end > 0 && value <= most).then(|| (value, &text[end..]))
}

fn parse_v4(mut text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            text = text.strip_prefix('.')?;
        }
        let (value, rest) = number(text, 10, 0xFF)?;
        *octet = u8::try_from(value).ok()?;
        text = rest;
    }
    text.is_empty().then(|| Ipv4Addr::from(octets))
}

fn parse_v6(mut text: &str) -> Option<Ipv6Addr> {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    // Where the groups of zeros are that `::` stands for.
    let mut gap = None;
    if let Some(rest) = text.strip_prefix("::") {
        gap = Some(0);
        text = rest;
    }
    while filled < 16 && !text.is_empty() {
        let (value, rest) = number(text, 16, 0xFFFF)?;
        if rest.starts_with('.') {
            if (gap.is_none() && filled != 12) || filled > 12 {
                return None;
            }
            bytes[filled..filled + 4].copy_from_slice(&parse_v4(text)?.octets());
            filled += 4;
            text = "";
            break;
        }
        bytes[filled..filled + 2].copy_from_slice(&u16::try_from(value).ok()?.to_be_bytes());
        filled += 2;
        text = rest;
        if text.is_empty() {
            break;
        }
        text = text.strip_prefix(':').filter(|rest| !rest.is_empty())?;
        if let Some(rest) = text.strip_prefix(':') {
            if gap.is_some() {
                return None;
            }
            gap = Some(filled);
            text = rest;
        }
    }
    if !text.is_empty() {
        return None;
    }
    match gap {
        Some(gap) if filled < 16 => {
            bytes.copy_within(gap..filled, 16 - (filled - gap));
            bytes[gap..16 - (filled - gap)].fill(0);
        }
        None if filled == 16 => {}
        // `::` stands for one group at least.
        _ => return None,
    }
    Some(Ipv6Addr::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    #[test]
    fn old_fields_take_leading_zeros() {
        for (text, expected) in [
            ("10.9.8.7", "10.9.8.7"),
            ("010.002.003.0004", "10.2.3.4"),
            ("::", "::"),
            ("2001:db8::ffff", "2001:db8::ffff"),
            ("FE80:0:0:0:0:0:0:0abc", "fe80::abc"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"),
            ("1::8", "1::8"),
            ("00001::", "1::"),
        ] {
            assert_eq!(
                parse(text).map(|address| address.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4.5",
            "1.2.3.4 ",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::",
            ":1",
            "1:",
            "g::",
            "::1%eth0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn strict_rules_come_with_1_36() {
        let at = |text, minor| faults(text, &Options::of(Version::new(minor).expect("it is known")));
        assert_eq!(at("x", 29), ["must be valid IP address"]);
        assert_eq!(
            at("x", 30),
            ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
        );
        assert_eq!(at("010.0.0.1", 35), [""; 0]);
        assert_eq!(at("010.0.0.1", 36), ["must not have leading 0s"]);
        assert_eq!(
            at("::ffff:1.2.3.4", 36),
            ["must not be an IPv4-mapped IPv6 address"]
        );
    }

    #[test]
    fn forms_that_are_not_canonical_are_warned_of() {
        let warning = |text, minor| warning(text, &Options::of(Version::new(minor).expect("it is known")));
        assert_eq!(warning("10.0.0.1", 37), None);
        assert_eq!(
            warning("010.0.0.1", 37).as_deref(),
            Some("non-standard IP address \"010.0.0.1\" is invalid: use \"10.0.0.1\"")
        );
        assert_eq!(
            warning("010.0.0.1", 35).as_deref(),
            Some(
                "non-standard IP address \"010.0.0.1\" will be considered invalid in a future Kubernetes release: use \
                 \"10.0.0.1\""
            )
        );
        assert_eq!(
            warning("::ffff:1.2.3.4", 37).as_deref(),
            Some("non-standard IP address \"::ffff:1.2.3.4\" is invalid: use \"1.2.3.4\"")
        );
        assert_eq!(
            warning("FE80::1", 37).as_deref(),
            Some("IPv6 address \"FE80::1\" should be in RFC 5952 canonical format (\"fe80::1\")")
        );
    }
}
