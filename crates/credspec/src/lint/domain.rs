//! The domain of a credential spec (`DomainJoinConfig`).

use porthole_manifest::Node;
use porthole_pod::Severity;

use super::{
    CREDSPEC_DNS_NAME, CREDSPEC_FOREST, CREDSPEC_GUID, CREDSPEC_INCOMPLETE, CREDSPEC_NETBIOS_NAME,
    CREDSPEC_SID, CREDSPEC_SID_OF_ACCOUNT, FIELDS, Lint, is_guid, replace, text,
};
use crate::sid::Sid;

impl Lint<'_> {
    pub(super) fn domain(&mut self, domain: Node<'_>) {
        if !domain.is_mapping() {
            return;
        }
        let missing: Vec<&str> = FIELDS[1]
            .1
            .iter()
            .copied()
            .filter(|key| text(domain, key).is_none())
            .collect();
        if !missing.is_empty() {
            let text = format!("it does not say {}", missing.join(", "));
            self.say(
                &CREDSPEC_INCOMPLETE,
                Severity::Warning,
                "DomainJoinConfig",
                text,
                domain,
            );
        }
        self.sid(domain.child("Sid"));
        if let Some(node) = text(domain, "Guid") {
            let guid = node.as_str().unwrap_or_default();
            if !is_guid(guid) {
                let bare = guid.trim_matches(['{', '}']);
                let text = format!("`{guid}` is no GUID as a credential spec has it");
                let finding = self.say(
                    &CREDSPEC_GUID,
                    Severity::Warning,
                    "DomainJoinConfig.Guid",
                    text,
                    node,
                );
                if is_guid(bare) {
                    finding.fix = Some(replace(node, bare, "write it without braces".to_owned()));
                }
            }
        }
        for key in ["DnsName", "DnsTreeName"] {
            if let Some(node) = text(domain, key)
                && let Some(name) = node.as_str()
                && !name.contains('.')
            {
                let path = format!("DomainJoinConfig.{key}");
                let text =
                    format!("`{name}` is no DNS name; with a NetBIOS name here Kerberos falls back to NTLM");
                self.say(&CREDSPEC_DNS_NAME, Severity::Warning, &path, text, node);
            }
        }
        self.forest(domain);
        if let Some(node) = text(domain, "NetBiosName") {
            let name = node.as_str().unwrap_or_default();
            let wrong = if name.contains('.') {
                Some("is a DNS name")
            } else if name.chars().count() > 15 {
                Some("has more than the 15 characters of a NetBIOS name")
            } else {
                None
            };
            if let Some(wrong) = wrong {
                let text = format!("`{name}` {wrong}");
                self.say(
                    &CREDSPEC_NETBIOS_NAME,
                    Severity::Warning,
                    "DomainJoinConfig.NetBiosName",
                    text,
                    node,
                );
            }
        }
    }

    fn forest(&mut self, domain: Node<'_>) {
        let (Some(tree), Some(name)) = (text(domain, "DnsTreeName"), text(domain, "DnsName")) else {
            return;
        };
        let lower = |node: Node<'_>| node.as_str().unwrap_or_default().to_ascii_lowercase();
        let (root, own) = (lower(tree), lower(name));
        if root != own && !own.ends_with(&format!(".{root}")) && root.contains('.') {
            let text = if root.ends_with(&format!(".{own}")) {
                format!("`{root}` lies below the domain `{own}`: it is the forest's root that is asked for")
            } else {
                format!(
                    "`{root}` is not what the domain `{own}` ends with; that is right only in another tree of one forest"
                )
            };
            self.say(
                &CREDSPEC_FOREST,
                Severity::Advice,
                "DomainJoinConfig.DnsTreeName",
                text,
                tree,
            );
        }
    }

    fn sid(&mut self, node: Node<'_>) {
        let Some(value) = node.as_str() else { return };
        let path = "DomainJoinConfig.Sid";
        match value.parse::<Sid>() {
            Ok(sid) if sid.is_domain() => {}
            Ok(sid) => {
                if let Some(domain) = sid.domain_of_account() {
                    let text = format!("`{value}` is the SID of an account; that of its domain is asked for");
                    let finding = self.say(&CREDSPEC_SID_OF_ACCOUNT, Severity::Warning, path, text, node);
                    finding.fix = Some(replace(
                        node,
                        &domain.to_string(),
                        format!("write the domain's SID, {domain}"),
                    ));
                } else {
                    let text = format!("`{value}` is not the SID of a domain, which is S-1-5-21-A-B-C");
                    self.say(&CREDSPEC_SID, Severity::Warning, path, text, node);
                }
            }
            Err(error) => {
                let text = format!("`{value}` is no SID of a domain: {error}");
                self.say(&CREDSPEC_SID, Severity::Warning, path, text, node);
            }
        }
    }
}
