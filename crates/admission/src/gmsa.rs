//! The GMSA webhook's view of a pod.
//!
//! The webhook of kubernetes-sigs/windows-gmsa asks, level by level (the pod, then each container): may the service
//! account `use` the credential spec that is named; is it there; are the contents in the pod those of the resource? What it
//! refuses is said here in its words. Where only files are known and not the cluster, a spec or a role that is not among
//! them may still be there: then this is a warning, and only where the files define such things at all.

use porthole_access::Access;
use porthole_credspec::{contents, same};
use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{CREDENTIAL_SPEC_LIMIT, ContainerKind, Finding, Fix, Rule, Severity};

use crate::decide::Usable;
use crate::level::{CONTENTS, Level, NAME, levels};
use crate::words;

use crate::service_account;

porthole_pod::rules! { Webhook:
    /// A service account may use a credential spec only where RBAC gives it the verb `use` on that
    /// `gmsacredentialspecs.windows.k8s.io`: by a ClusterRole with the spec in its `resourceNames`, and a RoleBinding in the
    /// pod's namespace.
    GMSA_UNAUTHORIZED = "gmsa-unauthorized";
    /// `gmsaCredentialSpecName` names a GMSACredentialSpec that there is. Its name is in lower case.
    GMSA_SPEC_UNKNOWN = "gmsa-spec-unknown";
    /// Where a pod brings the contents of its credential spec itself, they are those of the resource that it names.
    GMSA_CONTENTS_DIFFER = "gmsa-contents-differ";
    /// Where a pod brings the contents of a credential spec it also names the resource: the webhook takes none without.
    GMSA_NAME_MISSING = "gmsa-name-missing";
    /// Releases of the GMSA webhook up to 0.13 look at the pod and at `containers`: a credential spec that an init or an
    /// ephemeral container names is neither filled in nor authorised by them. Name it at the pod.
    GMSA_NOT_LOOKED_AT = "gmsa-not-looked-at";
    /// A credential spec without contents reaches no container: `credspec` is missing.
    GMSA_SPEC_EMPTY = "gmsa-spec-empty";
    /// The webhook writes the contents of a credential spec into the pod, and the API server takes no more than 64 KiB of it there.
    GMSA_SPEC_TOO_LONG = "gmsa-spec-too-long";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// How much is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// What some files hold: the cluster may hold more.
    Files,
    /// All that the cluster holds.
    Cluster,
}

/// A credential spec that is known.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// The name of the resource.
    pub name: &'a str,
    /// Its `credspec`, where it has one.
    pub credspec: Option<Node<'a>>,
}

/// What a pod's references are held against.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The credential specs.
    pub specs: &'a [Spec<'a>],
    /// Roles and bindings.
    pub access: &'a Access,
    /// Whether roles for credential specs are known at all.
    pub knows_access: bool,
    /// How much of all credential specs these are.
    pub of_specs: Knowledge,
    /// How much of all roles and bindings these are.
    pub of_access: Knowledge,
}

/// What the webhook would say of a pod in `namespace`.
#[must_use]
pub fn check(template: &PodTemplate<'_>, namespace: &str, around: &Surroundings<'_>) -> Vec<Finding> {
    let account = service_account::name(template);
    let mut findings = Vec::new();
    for level in levels(template) {
        check_level(&level, namespace, account, around, &mut findings);
    }
    findings
}

/// The names of the credential specs that a pod asks for.
pub fn names<'a>(template: &PodTemplate<'a>) -> impl Iterator<Item = &'a str> {
    let names = levels(template)
        .into_iter()
        .filter_map(|level| level.named()?.as_str());
    names.filter(|name| !name.is_empty())
}

fn check_level(
    level: &Level<'_>,
    namespace: &str,
    account: &str,
    around: &Surroundings<'_>,
    findings: &mut Vec<Finding>,
) {
    let held = level.held();
    let Some(node) = level.named() else {
        if let Some(held) = held {
            let place = level.field(NAME);
            let text = words::nameless(level.word(), level.name);
            findings.push(Finding::remark(
                &GMSA_NAME_MISSING,
                Severity::Error,
                place,
                text,
                held.span(),
            ));
        }
        return;
    };
    let Some(name) = node.as_str().filter(|name| !name.is_empty()) else {
        return;
    };
    let place = level.field(NAME);
    if !matches!(level.kind(), None | Some(ContainerKind::Main)) {
        let text = format!(
            "the credential spec of {} \"{}\" is not filled in by releases of the GMSA webhook up to 0.13",
            level.word(),
            level.name
        );
        findings.push(
            Finding::remark(
                &GMSA_NOT_LOOKED_AT,
                Severity::Warning,
                place.clone(),
                text,
                node.span(),
            )
            .with_help("name it at the pod, in spec.securityContext.windowsOptions"),
        );
    }
    unauthorized(name, node.span(), &place, namespace, account, around, findings);
    let Some(spec) = around.specs.iter().find(|spec| spec.name == name) else {
        unknown(name, node, &place, around, findings);
        return;
    };
    let Some(credspec) = spec.credspec else {
        let text = words::empty(name);
        findings.push(Finding::remark(
            &GMSA_SPEC_EMPTY,
            Severity::Error,
            place,
            text,
            node.span(),
        ));
        return;
    };
    if let Some(held) = held {
        differing(level, name, held, credspec, &level.field(CONTENTS), findings);
        return;
    }
    let length = contents(credspec).len();
    if length > CREDENTIAL_SPEC_LIMIT {
        let text = format!(
            "the webhook writes the {length} bytes of cred spec {name} into the pod, which the API server then refuses: \
             gmsaCredentialSpec size must be under 64 KiB"
        );
        findings.push(Finding::remark(
            &GMSA_SPEC_TOO_LONG,
            Severity::Error,
            place,
            text,
            node.span(),
        ));
    }
}

/// Whether the service account may use the spec, as far as that is known.
fn unauthorized(
    name: &str,
    span: Span,
    place: &str,
    namespace: &str,
    account: &str,
    around: &Surroundings<'_>,
    findings: &mut Vec<Finding>,
) {
    if around.of_access == Knowledge::Files && !around.knows_access {
        return;
    }
    let refusal = Usable::CredentialSpec.refusal(around.access, namespace, account, name);
    if let Some((text, help)) = refusal {
        let severity = severity(around.of_access);
        findings.push(Finding::remark(&GMSA_UNAUTHORIZED, severity, place, text, span).with_help(help));
    }
}

/// A spec that is not known.
fn unknown(name: &str, node: Node<'_>, place: &str, around: &Surroundings<'_>, findings: &mut Vec<Finding>) {
    if around.of_specs == Knowledge::Files && around.specs.is_empty() {
        return;
    }
    let near = around
        .specs
        .iter()
        .find(|spec| spec.name.eq_ignore_ascii_case(name));
    let text = words::unknown(name);
    let mut finding = Finding::remark(
        &GMSA_SPEC_UNKNOWN,
        severity(around.of_specs),
        place,
        text,
        node.span(),
    );
    if let Some(near) = near {
        finding.help = Some(format!("did you mean `{}`?", near.name));
        finding.fix = porthole_pod::edit::replace(node, near.name).map(|edit| Fix {
            title: format!("name `{}`", near.name),
            safe: false,
            edits: vec![edit],
        });
    } else if around.of_specs == Knowledge::Files {
        finding.help = Some("it is not among the files; the cluster may have it".to_owned());
    }
    findings.push(finding);
}

fn differing(
    level: &Level<'_>,
    name: &str,
    held: Node<'_>,
    credspec: Node<'_>,
    place: &str,
    findings: &mut Vec<Finding>,
) {
    let Some(text) = held.as_str() else { return };
    let reason = match same(text, &contents(credspec)) {
        Ok(true) => return,
        Ok(false) => None,
        Err(error) => Some(error.to_string()),
    };
    let message = words::differs(level.word(), level.name, name, reason.as_deref());
    findings.push(
        Finding::remark(
            &GMSA_CONTENTS_DIFFER,
            Severity::Error,
            place,
            message,
            held.span(),
        )
        .with_help("leave the contents out: the webhook fills them in"),
    );
}

/// What the cluster is known to lack is an error; what files lack may be in the cluster.
const fn severity(known: Knowledge) -> Severity {
    match known {
        Knowledge::Cluster => Severity::Error,
        Knowledge::Files => Severity::Warning,
    }
}
