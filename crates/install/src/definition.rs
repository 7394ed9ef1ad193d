//! The definition of credential specs.
//!
//! It takes every object that that of kubernetes-sigs/windows-gmsa takes, in both versions, and keeps of it what that one
//! keeps. Patterns are only asked of clusters that do not ask them of what is there already and stays as it is (CRD ratcheting,
//! which can no longer be turned off from 1.33 on); nothing is required anywhere.

use serde_json::{Map, Value, json};

use crate::object::{Kind, Object};
use crate::settings::Settings;

const NAME: &str = "gmsacredentialspecs.windows.k8s.io";
/// Where the API was approved of, without which a group of `k8s.io` is refused.
const APPROVED: &str =
    "https://github.com/kubernetes/enhancements/tree/master/keps/sig-windows/689-windows-gmsa";
/// A domain's SID has three numbers; an account's has a fourth.
const SID: &str = r"^(S-1-5-21-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10})?$";
const GUID: &str = r"^(\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?)?$";

/// The definition.
#[must_use]
pub fn definition(settings: &Settings) -> Object {
    let mut annotations = Map::new();
    annotations.insert("api-approved.kubernetes.io".to_owned(), json!(APPROVED));
    let schema = schema(settings.kubernetes.at_least(33));
    let version = |name: &str, is_stored: bool| {
        json!({
            "name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": schema},
            "additionalPrinterColumns": columns(),
        })
    };
    let mut old = version("v1alpha1", false);
    old["deprecated"] = json!(true);
    let body = json!({"spec": {
        "group": "windows.k8s.io",
        "scope": "Cluster",
        "names": {
            "kind": "GMSACredentialSpec", "listKind": "GMSACredentialSpecList",
            "plural": "gmsacredentialspecs", "singular": "gmsacredentialspec",
            "shortNames": ["gmsa"],
        },
        "conversion": {"strategy": "None"},
        "versions": [version("v1", true), old],
    }});
    Object::annotated(Kind::DEFINITION, NAME, settings, annotations, body)
}

/// What `kubectl get gmsa` shows.
fn columns() -> Value {
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    json!([
        column("Account", ".credspec.DomainJoinConfig.MachineAccountName"),
        column("Domain", ".credspec.DomainJoinConfig.DnsName"),
        column("NetBIOS", ".credspec.DomainJoinConfig.NetBiosName"),
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ])
}

fn schema(has_patterns: bool) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let matching = |description: &str, pattern: &str| {
        let mut text = text(description);
        if has_patterns {
            text["pattern"] = json!(pattern);
        }
        text
    };
    let account = json!({
        "type": "object",
        "description": "A gMSA in a scope.",
        "properties": {
            "Name": text("The gMSA's name, without domain and without `$`."),
            "Scope": text("The domain: its DNS name or its NetBIOS name."),
        },
    });
    let host_account = json!({
        "type": "object",
        "description": "For nodes outside the domain: the plug-in of Container Credential Guard that fetches the gMSA's password.",
        "properties": {
            "PluginGUID": text("The plug-in's class, in braces."),
            "PluginInput": text("What the plug-in is told, in a form of its own."),
            "PortableCcgVersion": text("The version of the plug-in's interface: `1`."),
        },
    });
    let directory = json!({
        "type": "object",
        "description": "The accounts that the container may use.",
        "properties": {
            "GroupManagedServiceAccounts": {
                "type": "array",
                "description": "The gMSAs: the first one once by each name of its domain.",
                "items": account,
            },
            "HostAccountConfig": host_account,
        },
    });
    let domain = json!({
        "type": "object",
        "description": "The domain, and the account that the container has in it.",
        "properties": {
            "DnsName": text("The domain's DNS name."),
            "DnsTreeName": text("The DNS name of the root domain of the forest."),
            "Guid": matching("The domain's GUID, and not the gMSA's.", GUID),
            "MachineAccountName": text("The gMSA's name, without domain and without `$`."),
            "NetBiosName": text("The domain's NetBIOS name."),
            "Sid": matching("The domain's SID, S-1-5-21-…, and not the gMSA's, which has one more number.", SID),
        },
    });
    json!({
        "type": "object",
        "description": "A credential spec: by which gMSA a Windows container is known in its domain.",
        "properties": {
            "apiVersion": text("The version of this object's form: windows.k8s.io/v1."),
            "kind": text("GMSACredentialSpec."),
            "metadata": {"type": "object"},
            "credspec": {
                "type": "object",
                "description": "The document that Windows reads, as `New-CredentialSpec` writes it.",
                "properties": {
                    "ActiveDirectoryConfig": directory,
                    "CmsPlugins": {
                        "type": "array",
                        "description": "What reads the document: `ActiveDirectory`.",
                        "items": {"type": "string"},
                    },
                    "DomainJoinConfig": domain,
                },
            },
        },
    })
}
