//! Host accounts: which of them a pod asks for, what each is called, and how strict a namespace is about it.
//!
//! A HostProcess container runs on its node as whoever it names. A container that is isolated from the node does so as an
//! account that is its own, unless that is an administrator or one of a domain. For those accounts the pod's service account
//! needs the verb `use` on `hostaccounts.porthole.dev`, a resource that no server serves and that only roles speak of. The
//! object's name is the account's [`name_of`]: of all spellings of an account one.

use std::collections::HashSet;
use std::str::FromStr;

use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::effective::{RunAs, run_as};
use porthole_pod::{Account, ContainerKind, ContainerRef, Rule, WellKnown, containers_of};

pub use check::{check_label, unauthorized};

use crate::level::LISTS;

mod check;

porthole_pod::rules! { Webhook:
    /// In a namespace whose label `porthole.dev/host-accounts` is `enforce`, `warn` or `audit`, or where `--host-accounts` says so for
    /// namespaces without the label, a pod's service account needs the verb `use` on the `hostaccounts.porthole.dev` that are called
    /// after the accounts of the node that the pod asks for: by a Role or ClusterRole with the name in its `resourceNames`, and a
    /// RoleBinding in the pod's namespace. `porthole grant` writes both.
    HOST_ACCOUNT_UNAUTHORIZED = "host-account-unauthorized";
    /// The label `porthole.dev/host-accounts` of a namespace is `enforce`, `warn`, `audit` or `off`. Any other value counts as
    /// `enforce`.
    HOST_ACCOUNTS_LABEL_UNKNOWN = "host-accounts-label-unknown";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The label of a namespace that says how strict it is.
pub const LABEL: &str = "porthole.dev/host-accounts";
/// The group of the resource that roles name.
pub const GROUP: &str = "porthole.dev";
/// Its plural.
pub const RESOURCE: &str = "hostaccounts";

/// With it, a HostProcess container runs as whoever runs containerd, where containerd is set to heed it.
const INHERIT_USER: &str = "microsoft.com/hostprocess-inherit-user";
/// With it, a container is a HostProcess container, where containerd is set to heed it.
const HOST_PROCESS: &str = "microsoft.com/hostprocess-container";
/// The annotations by which a pod asks for accounts.
pub const ANNOTATIONS: [&str; 2] = [INHERIT_USER, HOST_PROCESS];

/// How many accounts are told of where the pod is admitted nevertheless.
pub const MOST_TOLD: usize = 20;

/// What becomes of a pod whose service account may not use an account that the pod asks for. Each does what those before it
/// do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing is asked.
    #[default]
    Off,
    /// The API server's audit log is told.
    Audit,
    /// Whoever creates the pod is told.
    Warn,
    /// The pod is refused.
    Enforce,
}

impl Mode {
    const ALL: [Self; 4] = [Self::Enforce, Self::Audit, Self::Warn, Self::Off];

    /// Its word in labels and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// No mode is called that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is none of enforce, audit, warn and off")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or(UnknownMode)
    }
}

/// How strict a namespace is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What it does.
    pub mode: Mode,
    /// What is wrong with its label.
    pub remark: Option<String>,
}

impl Policy {
    /// That of a namespace with this value of [`LABEL`]. Without one the default counts; one that is no mode is the
    /// strictest.
    #[must_use]
    pub fn of(namespace: &str, label: Option<&str>, default: Mode) -> Self {
        let Some(label) = label else {
            let remark = None;
            return Self {
                mode: default,
                remark,
            };
        };
        match label.parse() {
            Ok(mode) => Self { mode, remark: None },
            Err(error) => Self {
                mode: Mode::Enforce,
                remark: Some(format!(
                    "label {LABEL} of namespace {namespace} has the value {}: {error}, so it counts as enforce",
                    porthole_pod::go_quote(label)
                )),
            },
        }
    }
}

/// An account that a pod asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its name as roles have it.
    pub account: String,
    /// The field that asks.
    pub field: String,
    /// Its value's place in the source.
    pub span: Span,
}

/// The one name of the account that is spelt `text`, in lower case.
///
/// Spellings of a well-known account are one, and so are `NAME`, `.\NAME` and `BUILTIN\NAME`. Blanks around a name and dots
/// at its end, which no account has, do not count. A domain's short name and its long one are two: only the domain knows
/// that they are one. So two names may be one account, which one role may list, but never is one name two accounts.
#[must_use]
pub fn name_of(text: &str) -> String {
    let plain = plain(text);
    let account = Account::parse(&plain).ok();
    let well_known = account.and_then(|account| account.well_known());
    match well_known {
        Some(well_known) => well_known.canonical().to_lowercase(),
        None => plain.to_lowercase(),
    }
}

/// The account without what does not count.
fn plain(text: &str) -> String {
    let trim = |part: &'_ str| part.trim().trim_end_matches(['.', ' ']).to_owned();
    match text.split_once('\\') {
        None => trim(text),
        Some((domain, name)) => {
            let (domain, name) = (trim(domain), trim(name));
            if domain.is_empty() || domain.eq_ignore_ascii_case("builtin") {
                name
            } else {
                format!("{domain}\\{name}")
            }
        }
    }
}

/// Whether a container that is isolated from its node asks for the account that it runs as.
fn is_asked_for(text: &str) -> bool {
    let Ok(account) = Account::parse(&plain(text)) else {
        // No server takes it.
        return true;
    };
    let is_of_domain = account.domain().is_some() && !account.is_of_windows();
    let name = account.name().to_ascii_lowercase();
    let is_number = account.domain().is_none() && name.starts_with("s-1-");
    let is_root = account.domain().is_none() && name == "root";
    account.is_administrator() || is_of_domain || is_number || is_root
}

/// The accounts that a pod asks for, each once a field; where it was `old` before, those that it did not ask for, level by level.
#[must_use]
pub fn asks_beyond(template: &PodTemplate<'_>, old: Option<&PodTemplate<'_>>) -> Vec<Ask> {
    let old = old.map(every).unwrap_or_default();
    let was: HashSet<_> = old.iter().map(|(level, ask)| (*level, &ask.account)).collect();
    let mut seen = HashSet::new();
    let mut new = Vec::new();
    for (level, ask) in every(template) {
        if !was.contains(&(level, &ask.account)) && seen.insert((ask.account.clone(), ask.field.clone())) {
            new.push(ask);
        }
    }
    new
}

/// A level of a pod: itself, or one of its containers.
type LevelKey<'a> = Option<(ContainerKind, &'a str)>;

/// What every level asks for.
fn every<'a>(template: &PodTemplate<'a>) -> Vec<(LevelKey<'a>, Ask)> {
    let mut asks = Vec::new();
    let mut has_host_process = false;
    for kind in LISTS {
        for container in containers_of(template, kind) {
            let found = of_container(template, container);
            has_host_process |= found.is_host_process;
            let level = Some((kind, container.name.unwrap_or_default()));
            asks.extend(found.asks.into_iter().map(|ask| (level, ask)));
        }
    }
    // The sandbox of a pod that is isolated runs as the pod's account; that of HostProcess containers does not run.
    if !has_host_process {
        let account = account(&run_as(template, None)).filter(|ask| is_asked_for(&ask.account));
        asks.splice(0..0, account.map(|ask| (None, ask)));
    }
    asks
}

/// What a container asks for.
struct Found {
    is_host_process: bool,
    asks: Vec<Ask>,
}

fn of_container<'a>(template: &PodTemplate<'a>, container: ContainerRef<'a>) -> Found {
    let run_as = run_as(template, Some(container));
    let host_process = run_as.host_process.filter(|setting| setting.value);
    let marked = annotation(template, HOST_PROCESS);
    let is_host_process = host_process.is_some() || marked.is_some();
    let named = account(&run_as);
    if !is_host_process {
        let asks = named
            .into_iter()
            .filter(|ask| is_asked_for(&ask.account))
            .collect();
        return Found {
            is_host_process,
            asks,
        };
    }
    let everything = |field: String, node: Node<'_>| Ask {
        account: name_of(WellKnown::System.canonical()),
        field,
        span: node.span(),
    };
    // Without an account it runs as the one that its image names, which may be any.
    let of_image = || match host_process {
        Some(setting) => Some(everything(setting.field(), setting.node)),
        None => marked.map(|node| everything(field_of(template, HOST_PROCESS), node)),
    };
    let mut asks: Vec<Ask> = named.or_else(of_image).into_iter().collect();
    let inherited =
        annotation(template, INHERIT_USER).map(|node| everything(field_of(template, INHERIT_USER), node));
    asks.extend(inherited);
    Found {
        is_host_process,
        asks,
    }
}

/// The account that is named, asked for or not.
fn account(run_as: &RunAs<'_>) -> Option<Ask> {
    let setting = run_as.user_name.filter(|setting| !setting.value.is_empty())?;
    Some(Ask {
        account: name_of(setting.value),
        field: setting.field(),
        span: setting.span(),
    })
}

/// The annotation of that key, where it is set to `true`.
fn annotation<'a>(template: &PodTemplate<'a>, key: &str) -> Option<Node<'a>> {
    let annotations = template.metadata?.child("annotations");
    annotations
        .field(key)
        .filter(|node| node.as_str() == Some("true"))
}

/// Where an annotation is: the pod's metadata stands beside its spec.
fn field_of(template: &PodTemplate<'_>, annotation: &str) -> String {
    let beside = template.prefix.strip_suffix("spec").unwrap_or_default();
    format!("{beside}metadata.annotations[{annotation}]")
}

#[cfg(test)]
mod tests;
