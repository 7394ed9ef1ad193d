//! Trust bundles and certificates of pods, by the names of their signers
//! (`ValidateSignerName`, `ValidateClusterTrustBundleName`).

use porthole_manifest::{Node, Span};

use super::files::check_user;
use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, int, place, some_text, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::Pass;

rules! { ApiServer:
    /// A signer has a name like `example.com/signer`: a domain of two labels or more, a slash, and a path.
    SIGNER_NAME = "signer-name";
    /// A trust bundle is meant either by its name, or by its signer and labels.
    TRUST_BUNDLE = "trust-bundle";
    /// A pod's certificate has a key of a type that is known, a lifetime of an hour at least and 91 days at most (one day
    /// from the signers of Kubernetes), and annotations whose keys have a domain.
    POD_CERTIFICATE = "pod-certificate";
}

/// The longest path of a signer: a namespace, a period and a name.
const SIGNER_LIMIT: usize = names::SUBDOMAIN_LIMIT * 2 + names::LABEL_LIMIT + 2;

/// The shortest and longest lifetimes of a certificate in seconds; the signers of Kubernetes have less to give.
const LIFETIMES: (i64, i64, i64) = (3600, 91 * 24 * 3600, 24 * 3600);

/// What selects a trust bundle.
pub(super) fn check_bundle(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>) {
    let name = some_text(node, "name");
    let signer = some_text(node, "signerName");
    match (name, signer) {
        (Some(_), Some(_)) => {
            let detail = "only one of name and signerName may be used";
            let value = Shown::Raw(bundle_value(pass, node));
            pass.invalid(&TRUST_BUNDLE, path, value, detail, node.span());
        }
        (Some(name), None) => check_bundle_name(pass, node, name, path),
        (None, Some(signer)) => {
            let field = path.child("signerName");
            let span = place(node, "signerName");
            if signer.is_empty() {
                pass.required(&SIGNER_NAME, &field, "must be a valid signer name", span);
            }
            check_signer(pass, signer, &field, span);
            if let Some(selector) = node.field("labelSelector") {
                labels::check_selector(pass, selector, &path.child("labelSelector"));
            }
        }
        (None, None) => {
            let detail = "either name or signerName must be specified";
            pass.required(&TRUST_BUNDLE, path, detail, node.span());
        }
    }
}

fn check_bundle_name(pass: &mut Pass<'_>, node: Node<'_>, name: &str, path: &Path<'_>) {
    let field = path.child("name");
    let span = place(node, "name");
    if name.is_empty() {
        pass.required(&TRUST_BUNDLE, &field, "must be a valid object name", span);
    }
    for fault in bundle_name_faults(name) {
        let detail = format!("not a valid clustertrustbundlename: {fault}");
        pass.invalid(&TRUST_BUNDLE, &field, Shown::Str(name), detail, span);
    }
    if let Some(selector) = node.field("labelSelector") {
        let value = labels::shown_selector(pass, selector);
        pass.invalid(
            &TRUST_BUNDLE,
            &path.child("labelSelector"),
            Shown::Raw(value),
            "labelSelector must be unset if name is specified",
            selector.span(),
        );
    }
}

/// A name with colons begins with its signer's, of which each slash is one.
fn bundle_name_faults(name: &str) -> names::Faults {
    let Some((signer, own)) = name.rsplit_once(':') else {
        return names::dns1123_subdomain(name);
    };
    if signer.is_empty() {
        return vec!["ClusterTrustBundle without signer name must not have \":\" in its name".into()];
    }
    if signer.contains('/') {
        let (signer, prefix) = (signer.replace(':', "/"), signer.replace('/', ":"));
        return vec![
            format!("ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}:").into(),
        ];
    }
    names::dns1123_subdomain(own)
}

/// The bundle as the API server shows it.
fn bundle_value(pass: &Pass<'_>, node: Node<'_>) -> String {
    let selector = node.field("labelSelector");
    if !pass.at_least(34) {
        // The addresses differ in each answer.
        return format!(
            "core.ClusterTrustBundleProjection{{Name:(*string)(0xc000000000), SignerName:(*string)(0xc000000000), \
             LabelSelector:(*v1.LabelSelector)({}), Optional:(*bool)({}), Path:{}}}",
            address(selector.is_some()),
            address(node.field("optional").is_some()),
            go_quote(text(node, "path"))
        );
    }
    let optional = node.field("optional").and_then(Node::as_bool);
    let user = match int(node, "user").filter(|_| pass.enabled("AtomicWriteVolumeUserFields")) {
        _ if !pass.at_least(37) => String::new(),
        Some(user) => format!(",\"User\":{user}"),
        None => ",\"User\":null".to_owned(),
    };
    format!(
        "{{\"Name\":{},\"SignerName\":{},\"LabelSelector\":{},\"Optional\":{},\"Path\":{}{user}}}",
        go_json(text(node, "name")),
        go_json(text(node, "signerName")),
        selector.map_or("null".to_owned(), |selector| labels::shown_selector(
            pass, selector
        )),
        optional.map_or("null".to_owned(), |optional| optional.to_string()),
        go_json(text(node, "path"))
    )
}

const fn address(set: bool) -> &'static str {
    if set { "0xc000000000" } else { "nil" }
}

/// What a certificate is asked for.
pub(super) fn check_request(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>) {
    let signer = text(node, "signerName");
    check_signer(pass, signer, &path.child("signerName"), place(node, "signerName"));
    if let Some(annotations) = node.field("userAnnotations").filter(|_| pass.at_least(35)) {
        check_annotations(pass, annotations, &path.child("userAnnotations"));
    }
    check_user(pass, node, path, "user");
    let kinds = [
        "RSA3072",
        "RSA4096",
        "ECDSAP256",
        "ECDSAP384",
        "ECDSAP521",
        "ED25519",
    ];
    let kind = text(node, "keyType");
    if !kinds.contains(&kind) {
        let value = Shown::Str(kind);
        let span = place(node, "keyType");
        pass.not_supported(&POD_CERTIFICATE, &path.child("keyType"), value, &kinds, span);
    }
    let Some(seconds) = int(node, "maxExpirationSeconds") else {
        return;
    };
    let field = path.child("maxExpirationSeconds");
    let span = place(node, "maxExpirationSeconds");
    let host = signer.split('/').next().unwrap_or_default();
    let of_kubernetes = host == "kubernetes.io" || host.ends_with(".kubernetes.io");
    let (least, most, most_of_kubernetes) = LIFETIMES;
    let most = if of_kubernetes { most_of_kubernetes } else { most };
    if seconds < least {
        let detail = format!("if provided, maxExpirationSeconds must be >= {least}");
        pass.invalid(&POD_CERTIFICATE, &field, Shown::Int(seconds), detail, span);
    }
    if seconds > most {
        let detail = format!("if provided, maxExpirationSeconds must be <= {most}");
        pass.invalid(&POD_CERTIFICATE, &field, Shown::Int(seconds), detail, span);
    }
}

/// Annotations of a certificate (`ValidateUserAnnotations`).
fn check_annotations(pass: &mut Pass<'_>, annotations: Node<'_>, path: &Path<'_>) {
    let mut size = 0;
    for entry in annotations.entries() {
        let key = entry.key.key_text().to_lowercase();
        let span = entry.key.span();
        size += key.len() + entry.value.as_str().unwrap_or_default().len();
        if key.is_empty() {
            pass.required(&POD_CERTIFICATE, path, "", span);
            continue;
        }
        let faults = names::qualified_name(&key, pass.options.kubernetes_version);
        let good = faults.is_empty();
        pass.faults(&POD_CERTIFICATE, path, &key, faults, span);
        if good && !key.contains('/') {
            let detail = "must be a domain-prefixed key (such as \"acme.io/foo\")";
            pass.invalid(&POD_CERTIFICATE, path, Shown::Str(&key), detail, span);
        }
    }
    if size > 256 * 1024 {
        pass.too_long(&POD_CERTIFICATE, path, 256 * 1024, annotations.span());
    }
}

/// The name of a signer.
pub(super) fn check_signer(pass: &mut Report<'_>, name: &str, path: &Path<'_>, span: Span) {
    if name.is_empty() {
        pass.required(&SIGNER_NAME, path, "", span);
        return;
    }
    let mut parts = name.split('/');
    let (Some(domain), Some(rest), None) = (parts.next(), parts.next(), parts.next()) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        pass.invalid(&SIGNER_NAME, path, Shown::Str(name), detail, span);
        return;
    };
    if domain.len() > names::SUBDOMAIN_LIMIT {
        pass.too_long(&SIGNER_NAME, path, names::SUBDOMAIN_LIMIT, span);
    }
    let version = pass.options.kubernetes_version;
    let check_labels = |pass: &mut Report<'_>, text: &str, check: &dyn Fn(&str) -> names::Faults| {
        // Only the first bad label is reported.
        let bad = text.split('.').map(|label| (label, check(label)));
        if let Some((label, faults)) = bad.into_iter().find(|(_, faults)| !faults.is_empty()) {
            for fault in faults {
                let detail = format!("validating label {}: {fault}", go_quote(label));
                pass.invalid(&SIGNER_NAME, path, Shown::Str(text), detail, span);
            }
        }
    };
    check_labels(pass, domain, &|label| names::dns1123_label(label, version));
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        pass.invalid(&SIGNER_NAME, path, Shown::Str(domain), detail, span);
    }
    check_labels(pass, rest, &names::dns1123_subdomain);
    if name.len() > SIGNER_LIMIT {
        pass.too_long(&SIGNER_NAME, path, SIGNER_LIMIT, span);
    }
}
