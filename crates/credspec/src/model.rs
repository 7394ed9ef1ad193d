//! The document as a type, its fields in the order in which PowerShell's `New-CredentialSpec` writes them.

use serde::{Deserialize, Serialize};

/// A credential spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CredentialSpec {
    /// What handles the document: `ActiveDirectory`.
    #[serde(default)]
    pub cms_plugins: Vec<String>,
    /// The domain, and the account that the container has in it.
    #[serde(default)]
    pub domain_join_config: DomainJoinConfig,
    /// The accounts that the container may use.
    #[serde(default)]
    pub active_directory_config: ActiveDirectoryConfig,
}

/// The domain, and the account that the container has in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DomainJoinConfig {
    /// The domain's security identifier, without an account's number at its end.
    pub sid: String,
    /// The gMSA's name, without domain and `$`.
    pub machine_account_name: String,
    /// The domain's GUID, in lower case without braces.
    pub guid: String,
    /// The DNS name of the forest's root domain.
    pub dns_tree_name: String,
    /// The domain's DNS name.
    pub dns_name: String,
    /// The domain's NetBIOS name.
    pub net_bios_name: String,
}

/// The accounts that the container may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ActiveDirectoryConfig {
    /// The gMSAs: the primary one once a scope, additional ones once each.
    pub group_managed_service_accounts: Vec<GroupManagedServiceAccount>,
    /// For hosts outside the domain: who fetches the password, and with which account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_account_config: Option<HostAccountConfig>,
}

/// A gMSA in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupManagedServiceAccount {
    /// The account's name.
    pub name: String,
    /// The domain, by its DNS or its NetBIOS name.
    pub scope: String,
}

/// Who fetches the password where the host is not in the domain: a plug-in of Windows' Container Credential Guard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostAccountConfig {
    /// `1`, as text.
    pub portable_ccg_version: String,
    /// The plug-in's class, in braces.
    #[serde(rename = "PluginGUID")]
    pub plugin_guid: String,
    /// What the plug-in is told, in a form of its own.
    pub plugin_input: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_form_reads_back_as_itself() {
        let text = r#"{"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"Sid":"S-1-5-21-1-2-3","MachineAccountName":"WebApp1","Guid":"06763e1e-0000-0000-0000-000000000000","DnsTreeName":"contoso.com","DnsName":"contoso.com","NetBiosName":"CONTOSO"},"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp1","Scope":"contoso.com"}],"HostAccountConfig":{"PortableCcgVersion":"1","PluginGUID":"{CCC2A336-D7F3-4818-A213-272B7924213E}","PluginInput":"x"}}}"#;
        let spec: CredentialSpec = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
    }
}
