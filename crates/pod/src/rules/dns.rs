//! `spec.dnsConfig` and `spec.hostAliases`.

use porthole_manifest::Node;

use crate::ip;
use crate::names;
use crate::path::Path;
use crate::report::{Shown, has_items, items, place, text, texts};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod with `dnsPolicy: None` says in `dnsConfig` whom it asks: at least one name server.
    DNS_CONFIG_REQUIRED = "dns-config-required";
    /// A pod has at most 3 name servers and 32 search paths of 2048 characters in all (before 1.26, 6 of 256), as many as
    /// the resolvers of its containers take.
    DNS_CONFIG_LIMITS = "dns-config-limits";
    /// A search path is a DNS name. Since 1.33 it may have underscores, and be a period alone.
    DNS_SEARCH_PATH = "dns-search-path";
    /// An option of the resolver has a name.
    DNS_OPTION_NAME = "dns-option-name";
    /// Name servers and host aliases have IP addresses. Since 1.36 octets have no leading zeros, and IPv4 addresses are not
    /// written as IPv6.
    IP_ADDRESS = "ip-address";
    /// A host alias gives an address names: lower-case DNS names.
    HOST_ALIAS_NAME = "host-alias-name";
}

/// The most name servers that resolvers ask.
const SERVERS_LIMIT: usize = 3;

/// `spec.dnsConfig`.
pub(crate) fn check_config(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let path = spec.child("dnsConfig");
    let config = pass.spec.field("dnsConfig");
    if text(pass.spec, "dnsPolicy") == "None" {
        let span = place(pass.spec, "dnsPolicy");
        let Some(config) = config else {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            pass.required(&DNS_CONFIG_REQUIRED, &path, detail, span);
            return;
        };
        if !has_items(config, "nameservers") {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            let span = place(config, "nameservers");
            pass.required(&DNS_CONFIG_REQUIRED, &path.child("nameservers"), detail, span);
            return;
        }
    }
    let Some(config) = config else { return };
    check_servers(pass, config, &path.child("nameservers"));
    check_searches(pass, config, &path.child("searches"));
    let list = path.child("options");
    for (index, option) in items(config, "options").enumerate() {
        if text(option, "name").is_empty() {
            let span = place(option, "name");
            pass.required(&DNS_OPTION_NAME, &list.index(index), "must not be empty", span);
        }
    }
}

fn check_servers(pass: &mut Pass<'_>, config: Node<'_>, path: &Path<'_>) {
    if items(config, "nameservers").count() > SERVERS_LIMIT {
        let servers = texts(config, "nameservers");
        let detail = format!("must not have more than {SERVERS_LIMIT} nameservers");
        let span = place(config, "nameservers");
        pass.invalid(&DNS_CONFIG_LIMITS, path, Shown::Strings(&servers), detail, span);
    }
    for (index, server) in items(config, "nameservers").enumerate() {
        check_address(pass, server, &path.index(index));
    }
}

fn check_address(pass: &mut Pass<'_>, address: Node<'_>, path: &Path<'_>) {
    let text = address.as_str().unwrap_or_default();
    let faults = ip::faults(text, pass.options);
    pass.faults(&IP_ADDRESS, path, text, faults, address.span());
}

fn check_searches(pass: &mut Pass<'_>, config: Node<'_>, path: &Path<'_>) {
    let (most, most_characters) = if pass.feature("ExpandedDNSConfig", 28) {
        (32, 2048)
    } else {
        (6, 256)
    };
    let count = items(config, "searches").count();
    let characters: usize = items(config, "searches")
        .map(|item| item.as_str().unwrap_or_default().len() + 1)
        .sum();
    let too_many = (count > most).then(|| format!("must not have more than {most} search paths"));
    let too_long = (characters > most_characters + 1).then(|| {
        format!("must not have more than {most_characters} characters (including spaces) in the search list")
    });
    for detail in too_many.into_iter().chain(too_long) {
        let searches = texts(config, "searches");
        let span = place(config, "searches");
        pass.invalid(&DNS_CONFIG_LIMITS, path, Shown::Strings(&searches), detail, span);
    }
    let relaxed = pass.at_least(32) && pass.feature("RelaxedDNSSearchValidation", 37);
    let version = pass.options.kubernetes_version;
    for (index, item) in items(config, "searches").enumerate() {
        let search = item.as_str().unwrap_or_default();
        if relaxed && search == "." {
            continue;
        }
        let search = search.strip_suffix('.').unwrap_or(search);
        let faults = if relaxed {
            names::dns1123_subdomain_with_underscore(search, version)
        } else {
            names::dns1123_subdomain(search)
        };
        pass.faults(&DNS_SEARCH_PATH, &path.index(index), search, faults, item.span());
    }
}

/// `spec.hostAliases`.
pub(crate) fn check_host_aliases(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("hostAliases");
    for (index, alias) in items(pass.spec, "hostAliases").enumerate() {
        // Up to 1.29 the API server did not say which one it meant.
        let indexed = list.index(index);
        let path = if pass.at_least(30) { &indexed } else { &list };
        let address = text(alias, "ip");
        let faults = ip::faults(address, pass.options);
        pass.faults(
            &IP_ADDRESS,
            &path.child("ip"),
            address,
            faults,
            place(alias, "ip"),
        );
        let names = path.child("hostnames");
        for (index, item) in items(alias, "hostnames").enumerate() {
            let name = item.as_str().unwrap_or_default();
            let indexed = names.index(index);
            let field = if pass.at_least(30) { &indexed } else { &names };
            let faults = names::dns1123_subdomain(name);
            pass.faults(&HOST_ALIAS_NAME, field, name, faults, item.span());
        }
    }
}
