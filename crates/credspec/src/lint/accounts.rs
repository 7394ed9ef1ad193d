//! The accounts of a credential spec: its own, those that it may use, and the one that fetches the password.

use porthole_manifest::Node;
use porthole_pod::Severity;

use super::{
    CREDSPEC_ACCOUNT_LENGTH, CREDSPEC_ACCOUNT_MISSING, CREDSPEC_ACCOUNT_NAME, CREDSPEC_HOST_ACCOUNT,
    CREDSPEC_INCOMPLETE, CREDSPEC_SCOPE_MISSING, CREDSPEC_SCOPE_TWICE, CREDSPEC_SECRET, FIELDS, Lint,
    is_guid, replace, text,
};

impl Lint<'_> {
    fn account_name(&mut self, node: Node<'_>, path: &str) {
        let Some(name) = node.as_str() else { return };
        let bare = name.rsplit('\\').next().unwrap_or(name);
        let bare = bare.split('@').next().unwrap_or(bare).trim_end_matches('$');
        if bare != name {
            let text = format!("`{name}` is not the account's plain name");
            let finding = self.say(&CREDSPEC_ACCOUNT_NAME, Severity::Warning, path, text, node);
            if !bare.is_empty() {
                finding.fix = Some(replace(node, bare, format!("write `{bare}`")));
            }
        } else if name.chars().count() > 15 {
            let text = format!("`{name}` has more than the 15 characters of a computer account's name");
            self.say(&CREDSPEC_ACCOUNT_LENGTH, Severity::Advice, path, text, node);
        }
    }

    pub(super) fn accounts(&mut self, credspec: Node<'_>) {
        let domain = credspec.child("DomainJoinConfig");
        let list = credspec
            .child("ActiveDirectoryConfig")
            .child("GroupManagedServiceAccounts");
        let path = "ActiveDirectoryConfig.GroupManagedServiceAccounts";
        let own = domain.child("MachineAccountName");
        self.account_name(own, "DomainJoinConfig.MachineAccountName");
        let mut seen: Vec<(String, String)> = Vec::new();
        for (index, item) in list.items().enumerate() {
            let at = format!("{path}[{index}]");
            self.account_name(item.child("Name"), &format!("{at}.Name"));
            let (Some(name), Some(scope)) = (item.child("Name").as_str(), item.child("Scope").as_str())
            else {
                if item.is_mapping() {
                    let text = "an entry has both `Name` and `Scope`".to_owned();
                    self.say(&CREDSPEC_INCOMPLETE, Severity::Warning, &at, text, item);
                }
                continue;
            };
            let entry = (name.to_ascii_lowercase(), scope.to_ascii_lowercase());
            if seen.contains(&entry) {
                let text = format!("`{name}` with scope `{scope}` is there already");
                self.say(&CREDSPEC_SCOPE_TWICE, Severity::Advice, &at, text, item);
            }
            seen.push(entry);
        }
        let Some(account) = own.as_str() else { return };
        if !list.is_written() || !credspec.child("ActiveDirectoryConfig").is_mapping() {
            return;
        }
        let scopes: Vec<&String> = seen
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(account))
            .map(|(_, scope)| scope)
            .collect();
        if scopes.is_empty() {
            let text = format!("`{account}`, the account of `MachineAccountName`, is not among them");
            self.say(&CREDSPEC_ACCOUNT_MISSING, Severity::Warning, path, text, list);
            return;
        }
        for key in ["DnsName", "NetBiosName"] {
            if let Some(name) = domain.child(key).as_str()
                && !scopes.iter().any(|scope| scope.eq_ignore_ascii_case(name))
            {
                let text = format!("`{account}` has no entry with the scope `{name}` ({key})");
                self.say(&CREDSPEC_SCOPE_MISSING, Severity::Warning, path, text, list);
            }
        }
    }

    pub(super) fn host_account(&mut self, config: Node<'_>) {
        if !config.is_mapping() {
            return;
        }
        let path = "ActiveDirectoryConfig.HostAccountConfig";
        let missing: Vec<&str> = FIELDS[4]
            .1
            .iter()
            .copied()
            .filter(|key| config.field(key).is_none())
            .collect();
        if !missing.is_empty() {
            let text = format!("it does not say {}", missing.join(", "));
            self.say(&CREDSPEC_HOST_ACCOUNT, Severity::Warning, path, text, config);
        }
        if let Some(node) = text(config, "PortableCcgVersion")
            && node.as_str() != Some("1")
        {
            let text = format!("the version is \"1\", and this is {}", node.raw());
            self.say(
                &CREDSPEC_HOST_ACCOUNT,
                Severity::Warning,
                &format!("{path}.PortableCcgVersion"),
                text,
                node,
            );
        }
        if let Some(node) = text(config, "PluginGUID") {
            let value = node.as_str().unwrap_or_default();
            let inner = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            if !inner.is_some_and(is_guid) {
                let text = format!("`{value}` is no class in braces");
                let field = format!("{path}.PluginGUID");
                let finding = self.say(&CREDSPEC_HOST_ACCOUNT, Severity::Warning, &field, text, node);
                if is_guid(value) {
                    finding.fix = Some(replace(
                        node,
                        &format!("\"{{{value}}}\""),
                        "write it in braces".to_owned(),
                    ));
                }
            }
        }
        if let Some(node) = text(config, "PluginInput")
            && holds_password(node.as_str().unwrap_or_default())
        {
            let text = "it seems to hold a password, and a credential spec is no secret".to_owned();
            let field = format!("{path}.PluginInput");
            let finding = self.say(&CREDSPEC_SECRET, Severity::Warning, &field, text, node);
            finding.help = Some("let the plug-in fetch it from a vault, as that of Azure does".to_owned());
        }
    }
}

/// `domain:user:password`, and what names a password.
fn holds_password(input: &str) -> bool {
    let lower = input.to_ascii_lowercase();
    if ["password=", "pwd=", "secret="]
        .iter()
        .any(|word| lower.contains(word))
    {
        return true;
    }
    let parts: Vec<&str> = input.split(':').collect();
    parts.len() == 3 && !lower.contains("//") && parts.iter().all(|part| !part.is_empty())
}
