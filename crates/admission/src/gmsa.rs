//! The GMSA webhook's view of a pod.
//!
//! The webhook of kubernetes-sigs/windows-gmsa asks, level by level (the pod, then each container): may the service
//! account `use` the credential spec that is named; is it there; are the contents in the pod those of the resource? What it
//! refuses is said here in its words. Where only files are known and not the cluster, a spec or a role that is not among
//! them may still be there: then this is a warning, and only where the files define such things at all.

use porthole_access::{Access, Request, User};
use porthole_credspec::{GROUP, RESOURCE, contents, same};
use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{ContainerKind, Finding, Fix, Rule, Severity, containers};

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
    /// How much these are of all that there is.
    pub knowledge: Knowledge,
}

/// Names and contents at one level of a pod.
struct Level<'a> {
    /// `pod`, `container` or `initContainer`, as the webhook's messages have it.
    word: &'static str,
    name: &'a str,
    path: String,
    options: Node<'a>,
    looked_at: bool,
}

/// What the webhook would say of a pod in `namespace`.
#[must_use]
pub fn check(template: &PodTemplate<'_>, namespace: &str, around: &Surroundings<'_>) -> Vec<Finding> {
    let spec = template.prefix.split('.').fold(template.object, Node::child);
    let account = spec
        .field("serviceAccountName")
        .or_else(|| spec.field("serviceAccount"))
        .and_then(Node::as_str)
        .filter(|name| !name.is_empty())
        .unwrap_or("default");
    let mut findings = Vec::new();
    for level in levels(template, spec) {
        check_level(&level, namespace, account, around, &mut findings);
    }
    findings
}

fn levels<'a>(template: &PodTemplate<'a>, spec: Node<'a>) -> Vec<Level<'a>> {
    let options = |node: Node<'a>| node.child("securityContext").child("windowsOptions");
    let is_set = |node: Node<'_>| {
        node.field("gmsaCredentialSpecName").is_some() || node.field("gmsaCredentialSpec").is_some()
    };
    let mut levels = Vec::new();
    let of_pod = options(spec);
    if is_set(of_pod) {
        levels.push(Level {
            word: "pod",
            name: template.name.unwrap_or_default(),
            path: format!("{}.securityContext.windowsOptions", template.prefix),
            options: of_pod,
            looked_at: true,
        });
    }
    for container in containers(template) {
        let of_container = options(container.node);
        if is_set(of_container) {
            levels.push(Level {
                word: match container.kind {
                    ContainerKind::Init => "initContainer",
                    ContainerKind::Main | ContainerKind::Ephemeral => "container",
                },
                name: container.name.unwrap_or_default(),
                path: format!("{}.securityContext.windowsOptions", container.path()),
                options: of_container,
                looked_at: container.kind == ContainerKind::Main,
            });
        }
    }
    levels
}

fn check_level(
    level: &Level<'_>,
    namespace: &str,
    account: &str,
    around: &Surroundings<'_>,
    findings: &mut Vec<Finding>,
) {
    let named = level.options.field("gmsaCredentialSpecName");
    let held = level.options.field("gmsaCredentialSpec");
    let field = |key: &str| format!("{}.{key}", level.path);
    let Some(node) = named else {
        if let Some(held) = held {
            let text = format!(
                "{} \"{}\" has a GMSA cred spec set, but does not define the name of the corresponding resource",
                level.word, level.name
            );
            let place = field("gmsaCredentialSpecName");
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
    let place = field("gmsaCredentialSpecName");
    if !level.looked_at {
        let text = format!(
            "the credential spec of {} \"{}\" is not filled in by releases of the GMSA webhook up to 0.13",
            level.word, level.name
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
        let text = format!("cred spec {name} does not have a credspec key");
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
        differing(
            level,
            name,
            held,
            credspec,
            &field("gmsaCredentialSpec"),
            findings,
        );
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
    if around.knowledge == Knowledge::Files && !around.knows_access {
        return;
    }
    let request = Request::new("use", GROUP, RESOURCE)
        .named(name)
        .in_namespace(namespace);
    let verdict = around
        .access
        .authorize(&User::service_account(namespace, account), &request);
    if verdict.allowed {
        return;
    }
    let mut text =
        format!("service account \"{account}\" is not authorized to `use` GMSA cred spec \"{name}\"");
    if !verdict.reason.is_empty() {
        text.push_str(", reason: ");
        text.push_str(&porthole_pod::go_quote(&verdict.reason));
    }
    let help = format!(
        "bind a ClusterRole with the verb `use` on `{RESOURCE}.{GROUP}` named `{name}` to service account \
         `{account}` in namespace `{namespace}`"
    );
    let severity = severity(around);
    findings.push(Finding::remark(&GMSA_UNAUTHORIZED, severity, place, text, span).with_help(help));
}

/// A spec that is not known.
fn unknown(name: &str, node: Node<'_>, place: &str, around: &Surroundings<'_>, findings: &mut Vec<Finding>) {
    if around.knowledge == Knowledge::Files && around.specs.is_empty() {
        return;
    }
    let near = around
        .specs
        .iter()
        .find(|spec| spec.name.eq_ignore_ascii_case(name));
    let text = format!("cred spec {name} does not exist");
    let mut finding = Finding::remark(&GMSA_SPEC_UNKNOWN, severity(around), place, text, node.span());
    if let Some(near) = near {
        finding.help = Some(format!("did you mean `{}`?", near.name));
        finding.fix = porthole_pod::edit::replace(node, near.name).map(|edit| Fix {
            title: format!("name `{}`", near.name),
            safe: false,
            edits: vec![edit],
        });
    } else if around.knowledge == Knowledge::Files {
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
    let mut message = format!(
        "the GMSA cred spec contents for {} \"{}\" does not match the contents of GMSA resource \"{name}\"",
        level.word, level.name
    );
    match same(text, &contents(credspec)) {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => message = format!("{message}: {error}"),
    }
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
fn severity(around: &Surroundings<'_>) -> Severity {
    match around.knowledge {
        Knowledge::Cluster => Severity::Error,
        Knowledge::Files => Severity::Warning,
    }
}
