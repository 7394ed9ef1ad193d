//! Ranges of IP addresses as Kubernetes reads them, and what it warns of in them (`k8s.io/apimachinery/pkg/util/validation/ip.go`).

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

/// Whether Go's strict parser does not take a length.
pub(super) fn has_bad_bits(length: &str) -> bool {
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
}
