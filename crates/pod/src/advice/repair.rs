//! Changes that mend what the API server refuses, where the source shows what was meant.

use porthole_manifest::{Node, PodTemplate};

use crate::account_grammar;
use crate::edit::{self, Insert};
use crate::finding::{Edit, Finding, Fix};
use crate::names;

/// A change with its title, and whether it is evident.
type Proposal = (String, bool, Option<Edit>);

/// Gives findings of the API server the changes and the words of help that their values suggest. Those that have some
/// keep theirs.
pub fn repair(template: &PodTemplate<'_>, findings: &mut [Finding]) {
    for finding in findings {
        if finding.fix.is_some() {
            continue;
        }
        let Some((title, safe, edit)) = propose(template, finding) else {
            continue;
        };
        match edit {
            Some(edit) => {
                finding.fix = Some(Fix {
                    title,
                    safe,
                    edits: vec![edit],
                });
            }
            None => finding.help = finding.help.take().or(Some(title)),
        }
    }
}

fn propose(template: &PodTemplate<'_>, finding: &Finding) -> Option<Proposal> {
    let node = template.object.at(&finding.field);
    match finding.rule.name {
        "host-network-required" => {
            let title = "set `hostNetwork: true`".to_owned();
            let edit = match template.spec?.get("hostNetwork") {
                Some(node) => edit::replace_bool(node, true),
                None => edit::insert(template.spec?, "hostNetwork", Insert::Bool(true)),
            };
            Some((title, true, edit))
        }
        "credential-spec-name-format" => {
            let node = node?;
            let lower = node.as_str()?.to_lowercase();
            names::dns1123_subdomain(&lower)
                .is_empty()
                .then(|| written(node, &lower, true))
        }
        "os-name-unknown" => {
            let node = template.spec?.at("os.name")?;
            let lower = node.as_str()?.trim().to_lowercase();
            ["windows", "linux"]
                .contains(&lower.as_str())
                .then(|| written(node, &lower, true))
        }
        "account-control-character"
        | "account-backslashes"
        | "account-user-characters"
        | "account-domain-format" => account(node?),
        _ => None,
    }
}

/// The account that a spelling of other systems means.
fn account(node: Node<'_>) -> Option<Proposal> {
    let value = node.as_str()?;
    // What double quotes made of `"CORP\new"` stands unchanged in the source.
    let raw = node.raw();
    let unescaped = raw
        .strip_prefix('"')
        .and_then(|raw| raw.strip_suffix('"'))
        .filter(|_| value.contains(|c: char| c.is_ascii_control()))
        .filter(|inside| !inside.contains(r"\\"));
    if let Some(inside) = unescaped {
        return fits(inside).then(|| {
            let edit = Edit {
                span: node.span(),
                text: format!("'{}'", inside.replace('\'', "''")),
            };
            (format!("write '{inside}' in single quotes"), true, Some(edit))
        });
    }
    if value.contains(r"\\") {
        let single = value.replace(r"\\", r"\");
        return fits(&single).then(|| written(node, &single, true));
    }
    if let Some(name) = value.strip_prefix(r".\") {
        // Whether an account of the container or of the host is meant it says itself.
        return fits(name).then(|| written(node, name, false));
    }
    if let Some((domain, name)) = value.split_once('/') {
        let backslash = format!(r"{domain}\{name}");
        return fits(&backslash).then(|| written(node, &backslash, true));
    }
    let (name, domain) = value.split_once('@')?;
    let down_level = format!(r"{domain}\{name}");
    fits(&down_level).then(|| written(node, &down_level, false))
}

fn fits(account: &str) -> bool {
    account_grammar::check(account).is_empty()
}

fn written(node: Node<'_>, text: &str, safe: bool) -> Proposal {
    (format!("write `{text}`"), safe, edit::replace(node, text))
}
