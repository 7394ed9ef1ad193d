//! What this host is: its name and its address.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use super::rootless;
use crate::engine::{HostFacts, Os};
use crate::plan::View;

/// The facts of this host. Nothing here fails: a host without a network is at the loopback address.
pub(super) fn host_facts() -> HostFacts {
    let name = rustix::system::uname();
    HostFacts {
        os: Os::Linux,
        // As the kubelet makes a node's name of a host's.
        hostname: name.nodename().to_string_lossy().trim().to_lowercase(),
        address: address().to_string(),
        views: vec![View::Private],
        lacks: rootless::lacks(),
    }
}

fn address() -> IpAddr {
    let route = fs::read_to_string("/proc/net/route").unwrap_or_default();
    gateway(&route)
        .and_then(towards)
        .or_else(|| first_local(&fs::read_to_string("/proc/net/fib_trie").unwrap_or_default()))
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4)
}

/// The gateway of the default route with the least metric.
fn gateway(route: &str) -> Option<Ipv4Addr> {
    route
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, "00000000", gateway, _, _, _, metric, "00000000", ..] = fields[..] else {
                return None;
            };
            // The kernel prints the address as one number in the machine's byte order.
            let gateway = Ipv4Addr::from(u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes());
            (!gateway.is_unspecified()).then_some((metric.parse::<u32>().ok()?, gateway))
        })
        .min()
        .map(|(_, gateway)| gateway)
}

/// The address from which the host would speak to a neighbour. Connecting a datagram socket sends nothing.
fn towards(neighbour: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((neighbour, 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if is_useful(address) => Some(address),
        _ => None,
    }
}

/// The first address of the host in the kernel's routing table that is not its own only.
fn first_local(trie: &str) -> Option<Ipv4Addr> {
    let mut last = None;
    for line in trie.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last.filter(|address| is_useful(*address))
        {
            return Some(address);
        }
    }
    None
}

fn is_useful(address: Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && !address.is_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn takes_the_default_route_of_the_least_metric() {
        let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            eth1\t00000000\t0100A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
            eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n";
        assert_eq!(gateway(route), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(gateway("Iface\n"), None);
    }

    #[test]
    fn passes_over_loopback_and_broadcast() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.1.2.0\n        \
            /24 link UNICAST\n     |-- 10.1.2.3\n        /32 host LOCAL\n";
        assert_eq!(first_local(trie), Some(Ipv4Addr::new(10, 1, 2, 3)));
        assert_eq!(first_local(""), None);
    }

    #[test]
    fn finds_an_address_without_failing() {
        assert!(!address().is_unspecified());
        assert!(!host_facts().hostname.is_empty());
    }
}
