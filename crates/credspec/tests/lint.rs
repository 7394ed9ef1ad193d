//! Mistakes in credential specs that people have made.

use porthole_credspec::{contents, lint};
use porthole_manifest::{Limits, parse};
use porthole_pod::CREDENTIAL_SPEC_LIMIT;

const GOOD: &str = r#"
CmsPlugins: [ActiveDirectory]
DomainJoinConfig:
  Sid: S-1-5-21-2126449477-2524075714-3094792973
  MachineAccountName: WebApp1
  Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
  DnsTreeName: contoso.com
  DnsName: contoso.com
  NetBiosName: CONTOSO
ActiveDirectoryConfig:
  GroupManagedServiceAccounts:
  - {Name: WebApp1, Scope: CONTOSO}
  - {Name: WebApp1, Scope: contoso.com}
  HostAccountConfig:
    PortableCcgVersion: "1"
    PluginGUID: "{CCC2A336-D7F3-4818-A213-272B7924213E}"
    PluginInput: "ObjectId=1;SecretUri=https://vault.example.com/secrets/x"
"#;

/// Rule, field and text of what is found after `from` became `to`; and what its fix writes.
fn found(from: &str, to: &str) -> Vec<(&'static str, String, String, Option<String>)> {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let stream = parse(&text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    lint(stream.documents[0].root(), "credspec")
        .into_iter()
        .map(|finding| {
            let fix = finding.fix.map(|fix| fix.edits[0].text.clone());
            (finding.rule.name, finding.field, finding.detail, fix)
        })
        .collect()
}

#[test]
fn a_good_one_is_good() {
    assert_eq!(found("WebApp1", "WebApp1"), []);
    assert_eq!(
        found("DnsName: contoso.com", "DnsName: Contoso.com"),
        [],
        "names have no case"
    );
}

/// What is changed, into what, the rule, the field and what the fix writes.
type Mistake = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const MISTAKES: &[Mistake] = &[
    (
        "094792973\n",
        "094792973-1104\n",
        "credspec-sid-of-account",
        "DomainJoinConfig.Sid",
        Some("S-1-5-21-2126449477-2524075714-3094792973"),
    ),
    (
        "S-1-5-21-2126449477-2524075714-3094792973",
        "S-1-5-18",
        "credspec-sid",
        "DomainJoinConfig.Sid",
        None,
    ),
    (
        "S-1-5-21-2126449477-2524075714-3094792973",
        "contoso",
        "credspec-sid",
        "DomainJoinConfig.Sid",
        None,
    ),
    (
        "Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a",
        "Guid: '{244818ae-87ac-4fcd-92ec-e79e5252348a}'",
        "credspec-guid",
        "DomainJoinConfig.Guid",
        Some("'244818ae-87ac-4fcd-92ec-e79e5252348a'"),
    ),
    (
        "MachineAccountName: WebApp1",
        "MachineAccountName: WebApp1$",
        "credspec-account-name",
        "DomainJoinConfig.MachineAccountName",
        Some("WebApp1"),
    ),
    (
        "DnsTreeName: contoso.com",
        "DnsTreeName: CONTOSO",
        "credspec-dns-name",
        "DomainJoinConfig.DnsTreeName",
        None,
    ),
    (
        "DnsTreeName: contoso.com",
        "DnsTreeName: child.contoso.com",
        "credspec-forest",
        "DomainJoinConfig.DnsTreeName",
        None,
    ),
    (
        "NetBiosName: CONTOSO",
        "NetBiosName: contoso.com",
        "credspec-netbios-name",
        "DomainJoinConfig.NetBiosName",
        None,
    ),
    (
        "Scope: CONTOSO",
        "Scope: OTHER",
        "credspec-scope-missing",
        "ActiveDirectoryConfig.GroupManagedServiceAccounts",
        None,
    ),
    (
        "Scope: CONTOSO",
        "Scope: contoso.com",
        "credspec-scope-twice",
        "ActiveDirectoryConfig.GroupManagedServiceAccounts[1]",
        None,
    ),
    (
        "[ActiveDirectory]",
        "[Other]",
        "credspec-plugin",
        "CmsPlugins",
        None,
    ),
    (
        "PortableCcgVersion: \"1\"",
        "PortableCcgVersion: 1",
        "credspec-not-text",
        "ActiveDirectoryConfig.HostAccountConfig.PortableCcgVersion",
        Some("\"1\""),
    ),
    (
        "\"{CCC2A336-D7F3-4818-A213-272B7924213E}\"",
        "CCC2A336-D7F3-4818-A213-272B7924213E",
        "credspec-host-account",
        "ActiveDirectoryConfig.HostAccountConfig.PluginGUID",
        Some("\"{CCC2A336-D7F3-4818-A213-272B7924213E}\""),
    ),
    (
        "\"{CCC2A336-D7F3-4818-A213-272B7924213E}\"",
        "{CCC2A336: x}",
        "credspec-not-text",
        "ActiveDirectoryConfig.HostAccountConfig.PluginGUID",
        None,
    ),
    (
        "\"ObjectId=1;SecretUri=https://vault.example.com/secrets/x\"",
        "contoso.com:user:hunter2",
        "credspec-secret",
        "ActiveDirectoryConfig.HostAccountConfig.PluginInput",
        None,
    ),
    (
        "  Sid:",
        "  sid:",
        "credspec-unknown-field",
        "DomainJoinConfig.sid",
        Some("Sid"),
    ),
    (
        "    PluginInput",
        "    PluginInputs",
        "credspec-unknown-field",
        "ActiveDirectoryConfig.HostAccountConfig.PluginInputs",
        None,
    ),
    (
        "CmsPlugins: [ActiveDirectory]\n",
        "\n",
        "credspec-incomplete",
        "",
        None,
    ),
    (
        "  NetBiosName: CONTOSO\n",
        "",
        "credspec-incomplete",
        "DomainJoinConfig",
        None,
    ),
];

#[test]
fn each_mistake_is_named_with_its_place() {
    for (from, to, rule, field, fix) in MISTAKES {
        let findings = found(from, to);
        let field = if field.is_empty() {
            "credspec".to_owned()
        } else {
            format!("credspec.{field}")
        };
        let hit = findings
            .iter()
            .find(|(name, at, ..)| name == rule && *at == field);
        let hit = hit.unwrap_or_else(|| panic!("{rule} at {field} after {to:?}: {findings:?}"));
        assert_eq!(hit.3.as_deref(), *fix, "{to}");
    }
}

#[test]
fn the_account_is_one_of_those_that_are_listed() {
    let findings = found("MachineAccountName: WebApp1", "MachineAccountName: WebApp2");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].0, "credspec-account-missing");
    assert_eq!(
        findings[0].2,
        "`WebApp2`, the account of `MachineAccountName`, is not among them"
    );
}

#[test]
fn an_empty_one_lacks_everything_and_nothing_panics() {
    for text in [
        "{}",
        "[]",
        "x",
        "null",
        "{DomainJoinConfig: [], ActiveDirectoryConfig: 1, CmsPlugins: {}}",
    ] {
        let stream = parse(text, &Limits::default());
        for document in &stream.documents {
            let _ = lint(document.root(), "");
        }
    }
    let stream = parse("{}", &Limits::default());
    assert_eq!(lint(stream.documents[0].root(), "").len(), 3);
}

#[test]
fn what_does_not_fit_a_pod_is_too_long() {
    // What the webhook writes counts: without white space, with `<` as six bytes.
    let around = contents(parse("{CmsPlugins: ['']}", &Limits::default()).documents[0].root()).len();
    let most = CREDENTIAL_SPEC_LIMIT - around;
    for (plugin, is_too_long) in [
        ("x".repeat(most), false),
        ("x".repeat(most + 1), true),
        ("<".repeat(most / 6), false),
        ("<".repeat(most / 6 + 1), true),
    ] {
        let text = format!("{{CmsPlugins:   ['{plugin}']}}");
        let stream = parse(&text, &Limits::default());
        let findings = lint(stream.documents[0].root(), "credspec");
        let found = findings
            .iter()
            .any(|finding| finding.rule.name == "credspec-too-long");
        assert_eq!(found, is_too_long, "{} bytes", plugin.len());
    }
}
