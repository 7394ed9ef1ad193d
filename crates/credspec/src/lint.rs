//! Mistakes in a credential spec that can be seen without a domain.
//!
//! Each was made by somebody: in questions about `nltest` failing, in documentation that says "SID of the GMSA", in
//! hand-written YAML. What only a domain can tell (whether the account exists, whether the host may have its password) is
//! not asked here.

mod accounts;
mod domain;

use porthole_manifest::{Kind, Node};
use porthole_pod::{CREDENTIAL_SPEC_LIMIT, Edit, Finding, Fix, Rule, Severity};

use crate::contents::contents;

porthole_pod::rules! { Advice:
    /// A credential spec has the three parts `CmsPlugins`, `DomainJoinConfig` and `ActiveDirectoryConfig`. Without one of
    /// them Windows does not take it, and the container starts as nobody of the domain.
    CREDSPEC_INCOMPLETE = "credspec-incomplete";
    /// The definition of GMSACredentialSpec names the fields of a credential spec, and names are case-sensitive. What it does
    /// not name a server refuses that is asked to be strict; others drop it without a word.
    CREDSPEC_UNKNOWN_FIELD = "credspec-unknown-field";
    /// Every value of a credential spec is a string, `PortableCcgVersion: "1"` too: the cluster refuses numbers, and a
    /// GUID in braces without quotes is a mapping to YAML.
    CREDSPEC_NOT_TEXT = "credspec-not-text";
    /// `DomainJoinConfig.Sid` is the SID of the domain, `S-1-5-21-A-B-C`. The SID of the gMSA, which has one number more
    /// and which some documentation asks for, makes every logon fail.
    CREDSPEC_SID_OF_ACCOUNT = "credspec-sid-of-account";
    /// `DomainJoinConfig.Sid` is a security identifier of a domain, `S-1-5-21-A-B-C`.
    CREDSPEC_SID = "credspec-sid";
    /// `DomainJoinConfig.Guid` is the GUID of the domain: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, without braces.
    CREDSPEC_GUID = "credspec-guid";
    /// The account is written by its plain name: without `$` at its end, without `DOMAIN\` before it or `@domain` behind it.
    CREDSPEC_ACCOUNT_NAME = "credspec-account-name";
    /// The name of a computer account has at most 15 characters, and a gMSA is one: domain controllers and older
    /// services cut longer names.
    CREDSPEC_ACCOUNT_LENGTH = "credspec-account-length";
    /// The account that the container is (`MachineAccountName`) is also one of those that it may use
    /// (`GroupManagedServiceAccounts`).
    CREDSPEC_ACCOUNT_MISSING = "credspec-account-missing";
    /// The primary account has an entry for the DNS name of its domain and one for the NetBIOS name: programs ask by
    /// either, and where one is missing they fall back to NTLM or fail.
    CREDSPEC_SCOPE_MISSING = "credspec-scope-missing";
    /// The same account stands twice with the same scope.
    CREDSPEC_SCOPE_TWICE = "credspec-scope-twice";
    /// `DnsName` and `DnsTreeName` are DNS names. A NetBIOS name there makes Kerberos fall back to NTLM.
    CREDSPEC_DNS_NAME = "credspec-dns-name";
    /// `DnsTreeName` is the root of the forest: `DnsName` itself, or what it ends with, unless the forest has several trees.
    CREDSPEC_FOREST = "credspec-forest";
    /// `NetBiosName` is the domain's short name: at most 15 characters, and no DNS name.
    CREDSPEC_NETBIOS_NAME = "credspec-netbios-name";
    /// `CmsPlugins` names `ActiveDirectory`: without it nothing reads the rest.
    CREDSPEC_PLUGIN = "credspec-plugin";
    /// `HostAccountConfig` is whole: `PortableCcgVersion` is `"1"`, `PluginGUID` is a class in braces, `PluginInput` is
    /// what that plug-in takes. A host outside the domain gets no password otherwise.
    CREDSPEC_HOST_ACCOUNT = "credspec-host-account";
    /// A credential spec has at most 64 KiB as the text that the webhook writes into pods: the cluster takes a longer one, and
    /// the API server refuses every pod that it is written into.
    CREDSPEC_TOO_LONG = "credspec-too-long";
    /// `PluginInput` seems to hold a password. A credential spec is no secret: whoever may read it, or a pod that uses it,
    /// reads the password.
    CREDSPEC_SECRET = "credspec-secret";
}

/// The rules of credential specs.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The fields of each object, by its path.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["CmsPlugins", "DomainJoinConfig", "ActiveDirectoryConfig"]),
    (
        "DomainJoinConfig",
        &[
            "Sid",
            "MachineAccountName",
            "Guid",
            "DnsTreeName",
            "DnsName",
            "NetBiosName",
        ],
    ),
    (
        "ActiveDirectoryConfig",
        &["GroupManagedServiceAccounts", "HostAccountConfig"],
    ),
    (
        "ActiveDirectoryConfig.GroupManagedServiceAccounts[]",
        &["Name", "Scope"],
    ),
    (
        "ActiveDirectoryConfig.HostAccountConfig",
        &["PortableCcgVersion", "PluginGUID", "PluginInput"],
    ),
];

/// What is wrong with a credential spec. `field` is where it stands: `credspec` in a `GMSACredentialSpec`, nothing in a
/// file of its own.
#[must_use]
pub fn lint(credspec: Node<'_>, field: &str) -> Vec<Finding> {
    let mut lint = Lint {
        prefix: field,
        findings: Vec::new(),
    };
    lint.fields(credspec, "", "");
    lint.length(credspec);
    lint.parts(credspec);
    lint.domain(credspec.child("DomainJoinConfig"));
    lint.accounts(credspec);
    lint.host_account(credspec.child("ActiveDirectoryConfig").child("HostAccountConfig"));
    lint.findings
}

struct Lint<'a> {
    prefix: &'a str,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn say(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        path: &str,
        text: String,
        node: Node<'_>,
    ) -> &mut Finding {
        let field = match (self.prefix, path) {
            (prefix, "") => prefix.to_owned(),
            ("", path) => path.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        let place = self.findings.len();
        self.findings
            .push(Finding::remark(rule, severity, field, text, node.span()));
        &mut self.findings[place]
    }

    /// Fields that nobody knows, and values that are no text.
    fn fields(&mut self, node: Node<'_>, path: &str, shape: &str) {
        let Some((_, known)) = FIELDS.iter().find(|(of, _)| *of == shape) else {
            return;
        };
        for entry in node.entries() {
            let key = entry.key.key_text();
            let join = |path: &str| {
                if path.is_empty() {
                    key.to_string()
                } else {
                    format!("{path}.{key}")
                }
            };
            let (at, of) = (join(path), join(shape));
            if !known.contains(&key.as_ref()) {
                let near = known.iter().find(|name| name.eq_ignore_ascii_case(&key));
                let text = format!("the cluster drops `{key}`, which is no field of a credential spec");
                let finding = self.say(&CREDSPEC_UNKNOWN_FIELD, Severity::Warning, &at, text, entry.key);
                if let Some(near) = near {
                    finding.help = Some(format!("it is spelt `{near}`"));
                    finding.fix = Some(replace(entry.key, near, format!("spell it `{near}`")));
                }
            } else if FIELDS.iter().any(|(path, _)| *path == of) {
                self.fields(entry.value, &at, &of);
            } else if entry.value.is_sequence() {
                for (index, item) in entry.value.items().enumerate() {
                    let (at, of) = (format!("{at}[{index}]"), format!("{of}[]"));
                    if item.is_mapping() {
                        self.fields(item, &at, &of);
                    } else {
                        self.text(item, &at);
                    }
                }
            } else {
                self.text(entry.value, &at);
            }
        }
    }

    fn text(&mut self, value: Node<'_>, path: &str) {
        let what = match value.kind() {
            Kind::String | Kind::Null => return,
            Kind::Bool => "a boolean",
            Kind::Int | Kind::Float => "a number",
            Kind::Sequence => "a list",
            Kind::Mapping => "a mapping",
        };
        let text = format!("this is {what}, and every value of a credential spec is text");
        let finding = self.say(&CREDSPEC_NOT_TEXT, Severity::Error, path, text, value);
        if matches!(value.kind(), Kind::Bool | Kind::Int | Kind::Float) {
            finding.fix = Some(replace(
                value,
                &format!("\"{}\"", value.raw()),
                "quote it".to_owned(),
            ));
        } else if value.kind() == Kind::Mapping {
            finding.help = Some("quote what begins with a brace".to_owned());
        }
    }

    fn length(&mut self, credspec: Node<'_>) {
        let length = contents(credspec).len();
        if length > CREDENTIAL_SPEC_LIMIT {
            let text = format!(
                "it has {length} bytes in a pod, and the API server takes at most {CREDENTIAL_SPEC_LIMIT} there: it refuses \
                 every pod that names this credential spec"
            );
            self.say(&CREDSPEC_TOO_LONG, Severity::Error, "", text, credspec);
        }
    }

    fn parts(&mut self, credspec: Node<'_>) {
        for part in ["CmsPlugins", "DomainJoinConfig", "ActiveDirectoryConfig"] {
            if credspec.field(part).is_none() {
                let text =
                    format!("there is no `{part}`, without which Windows does not take a credential spec");
                self.say(&CREDSPEC_INCOMPLETE, Severity::Warning, "", text, credspec);
            }
        }
        let plugins = credspec.child("CmsPlugins");
        let named = |node: Node<'_>| node.as_str().is_some_and(|text| text == "ActiveDirectory");
        if plugins.is_sequence() && !plugins.items().any(named) {
            let text = "it does not name the plug-in `ActiveDirectory`".to_owned();
            self.say(&CREDSPEC_PLUGIN, Severity::Warning, "CmsPlugins", text, plugins);
        }
    }
}

/// The text of `key`, where it is set to one.
fn text<'a>(node: Node<'a>, key: &str) -> Option<Node<'a>> {
    node.field(key)
        .filter(|node| node.as_str().is_some_and(|text| !text.is_empty()))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A replacement of what is written, which keeps a scalar's quotes.
fn replace(node: Node<'_>, text: &str, title: String) -> Fix {
    let quote = node
        .raw()
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''));
    let text = match quote {
        Some(quote) if !text.starts_with(quote) => format!("{quote}{text}{quote}"),
        _ => text.to_owned(),
    };
    Fix {
        title,
        safe: !node.is_alias(),
        edits: vec![Edit {
            span: node.span(),
            text,
        }],
    }
}
