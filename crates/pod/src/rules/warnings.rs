//! What the API server says beside its answer to a pod that it takes (`warningsForPodSpecAndMeta`).
//!
//! Warnings come in three parts: those before, of and after the containers.

pub(crate) mod claim;
mod overlaps;
mod volumes;

use porthole_manifest::{Node, Span};

use crate::container::containers;
use crate::ip;
use crate::names;
use crate::path::Path;
use crate::quantity::Quantity;
use crate::render::go_quote;
use crate::report::{Report, int, items, place, text};
use crate::rule::{Rule, rules};
use crate::rules::annotations;
use crate::rules::metadata::created_name;
use crate::rules::volumes::VOLUME_NAME;
use crate::seen::Seen;
use crate::validate::Pass;

rules! { ApiServer:
    /// A label of nodes has a newer name. Nodes lose the old one at some time: `kubernetes.io/os` and `kubernetes.io/arch`
    /// without `beta.`, `topology.kubernetes.io/zone` and `/region`, `node.kubernetes.io/instance-type`.
    DEPRECATED_NODE_LABEL = "deprecated-node-label";
    /// A preference whose value no label can have never comes true.
    IMPOSSIBLE_LABEL_VALUE = "impossible-label-value";
    /// Without a `labelSelector` no pod is meant. Write `labelSelector: {}` for all pods.
    MISSING_LABEL_SELECTOR = "missing-label-selector";
    /// An annotation has no effect any more; a field has taken its place.
    DEPRECATED_ANNOTATION = "deprecated-annotation";
    /// A type of volume is not supported any more, or will not be for long.
    DEPRECATED_VOLUME = "deprecated-volume";
    /// Two files of a volume have the same path, or one is a directory of the other's: one of them is not there.
    OVERLAPPING_PATHS = "overlapping-paths";
    /// One address has two host aliases. Give all its names in one.
    DUPLICATE_HOST_ALIAS = "duplicate-host-alias";
    /// A pull secret is named once, and by a name.
    IMAGE_PULL_SECRET_NAME = "image-pull-secret-name";
    /// An amount of bytes is a whole number: `m` stands for thousandths, `M` for millions.
    FRACTIONAL_BYTES = "fractional-volume-bytes";
    /// A pod has no less than 0 seconds to end.
    NEGATIVE_GRACE_PERIOD = "negative-grace-period";
    /// An IP address is written in an unusual form, which programs read in different ways.
    UNUSUAL_IP_ADDRESS = "unusual-ip-address";
    /// A pod's name becomes its host name, and names with periods or of more than 63 bytes make no good ones.
    POD_NAME_AS_HOSTNAME = "pod-name-as-hostname";
}

/// The rules of all warnings.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied()
}

/// Labels of nodes that have newer names, and what is said of them.
const NODE_LABELS: [(&str, &str); 8] = [
    (
        "beta.kubernetes.io/arch",
        "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
    ),
    (
        "beta.kubernetes.io/os",
        "deprecated since v1.14; use \"kubernetes.io/os\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
    (
        "node-role.kubernetes.io/master",
        "use \"node-role.kubernetes.io/control-plane\" instead",
    ),
];

/// Annotations without effect, and what is said of them.
const ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    (
        "security.alpha.kubernetes.io/sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// How many of the labels were known before 1.31.
const OLD_NODE_LABELS: usize = 5;

fn node_label(pass: &Pass<'_>, key: &str) -> Option<&'static str> {
    let known = if pass.at_least(31) {
        &NODE_LABELS[..]
    } else {
        &NODE_LABELS[..OLD_NODE_LABELS]
    };
    let label = known.iter().find(|(label, _)| *label == key);
    label.map(|(_, message)| *message)
}

/// A warning about a field.
fn warn(pass: &mut Pass<'_>, rule: &'static Rule, field: &Path<'_>, message: &str, span: Span) {
    let text = format!("{field}: {message}");
    pass.warn(rule, field, text, span);
}

/// A warning about the annotation `key` of the pod.
fn warn_of_annotation(pass: &mut Pass<'_>, key: &str, message: &str, span: Span) {
    let spec = pass.template.prefix;
    let root = Path::root(spec.strip_suffix(".spec").unwrap_or_default());
    let of_template = root.child("metadata");
    let metadata = if pass.is_pod() {
        Path::root("metadata")
    } else {
        of_template
    };
    let list = metadata.child("annotations");
    warn(pass, &DEPRECATED_ANNOTATION, &list.key(key), message, span);
}

/// What is said before the pod is validated, be it taken or not: annotations of `AppArmor` become fields.
pub(crate) fn check_made_fields(pass: &mut Pass<'_>) {
    let template = pass.template;
    let given = template
        .metadata
        .and_then(|metadata| metadata.field("annotations"));
    for container in containers(&template) {
        let skew = given.and_then(|given| annotations::app_armor_skew(pass, given, &container));
        let skew = skew.map(|(key, annotation)| (key, annotation.span()));
        let of_namesake = || {
            Some((
                annotations::namesake_skew(pass, &container)?,
                container.node.span(),
            ))
        };
        if let Some((key, span)) = skew.or_else(of_namesake) {
            let message = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
            warn_of_annotation(pass, &key, message, span);
        }
    }
}

/// The warnings before those of the containers.
pub(crate) fn check_before_containers(pass: &mut Pass<'_>) {
    check_pod_name(pass);
    check_node_labels(pass);
    check_annotations(pass);
    volumes::check(pass);
    overlaps::check(pass);
    check_host_aliases(pass);
    check_pull_secrets(pass);
    check_volume_names(pass);
    check_overhead(pass);
    check_seccomp(pass);
}

/// The warnings after those of the containers.
pub(crate) fn check_after_containers(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    // In Pods the number is mended before anybody looks.
    let looked_at = pass.at_least(27) && !pass.is_pod();
    if looked_at && int(pass.spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        let message = "must be >= 0; negative values are invalid and will be treated as 1";
        let field = spec.child("terminationGracePeriodSeconds");
        let span = place(pass.spec, "terminationGracePeriodSeconds");
        warn(pass, &NEGATIVE_GRACE_PERIOD, &field, message, span);
    }
    if pass.at_least(28) {
        check_pod_affinity(pass);
    }
    if pass.at_least(33) {
        check_addresses(pass);
    }
}

fn check_pod_name(pass: &mut Pass<'_>) {
    if !pass.at_least(27) || !pass.is_pod() {
        return;
    }
    let metadata = pass.template.object.child("metadata");
    let name = created_name(metadata);
    let key = if text(metadata, "name").is_empty() {
        "generateName"
    } else {
        "name"
    };
    let faults = names::dns1123_label(&name, pass.options.kubernetes_version);
    if !faults.is_empty() {
        let message = format!(
            "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: \
             [{}]",
            faults.join(" ")
        );
        let path = Path::root("metadata");
        warn(
            pass,
            &POD_NAME_AS_HOSTNAME,
            &path.child("name"),
            &message,
            place(metadata, key),
        );
    }
}

fn check_node_labels(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let selector = spec.child("nodeSelector");
    for entry in pass.spec.child("nodeSelector").entries() {
        let key = entry.key.key_text();
        if let Some(message) = node_label(pass, &key) {
            let field = selector.key(&key);
            warn(pass, &DEPRECATED_NODE_LABEL, &field, message, entry.key.span());
        }
    }
    let affinity = pass.spec.child("affinity").child("nodeAffinity");
    let path = spec.child("affinity");
    let path = path.child("nodeAffinity");
    let required = path.child(REQUIRED);
    let list = required.child("nodeSelectorTerms");
    for (index, term) in items(affinity.child(REQUIRED), "nodeSelectorTerms").enumerate() {
        check_term(pass, term, &list.index(index), false);
    }
    let list = path.child(PREFERRED);
    for (index, term) in items(affinity, PREFERRED).enumerate() {
        let at = list.index(index);
        check_term(pass, term.child("preference"), &at.child("preference"), true);
    }
    let list = spec.child("topologySpreadConstraints");
    for (index, constraint) in items(pass.spec, "topologySpreadConstraints").enumerate() {
        let path = list.index(index);
        let key = text(constraint, "topologyKey");
        if let Some(message) = node_label(pass, key) {
            let message = format!("{key} is {message}");
            let span = place(constraint, "topologyKey");
            warn(
                pass,
                &DEPRECATED_NODE_LABEL,
                &path.child("topologyKey"),
                &message,
                span,
            );
        }
        if pass.at_least(28) {
            check_selector(pass, constraint, &path);
        }
    }
}

fn check_term(pass: &mut Pass<'_>, term: Node<'_>, path: &Path<'_>, preferred: bool) {
    let list = path.child("matchExpressions");
    for (index, requirement) in items(term, "matchExpressions").enumerate() {
        let path = list.index(index);
        let key = text(requirement, "key");
        if let Some(message) = node_label(pass, key) {
            let message = format!("{key} is {message}");
            let span = place(requirement, "key");
            warn(pass, &DEPRECATED_NODE_LABEL, &path.child("key"), &message, span);
        }
        if !preferred || !pass.at_least(33) {
            continue;
        }
        let values = path.child("values");
        for (index, item) in items(requirement, "values").enumerate() {
            let value = item.as_str().unwrap_or_default();
            for fault in names::label_value(value, pass.options.kubernetes_version) {
                let message = format!("{value} is invalid, {fault}");
                warn(
                    pass,
                    &IMPOSSIBLE_LABEL_VALUE,
                    &values.index(index),
                    &message,
                    item.span(),
                );
            }
        }
    }
}

fn check_selector(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>) {
    if node.field("labelSelector").is_none() {
        let field = path.child("labelSelector");
        let message = "a null labelSelector results in matching no pod";
        warn(pass, &MISSING_LABEL_SELECTOR, &field, message, node.span());
    }
}

fn check_pod_affinity(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let path = spec.child("affinity");
    for key in ["podAffinity", "podAntiAffinity"] {
        let affinity = pass.spec.child("affinity").child(key);
        let path = path.child(key);
        let list = path.child(REQUIRED);
        for (index, term) in items(affinity, REQUIRED).enumerate() {
            check_selector(pass, term, &list.index(index));
        }
        let list = path.child(PREFERRED);
        for (index, weighted) in items(affinity, PREFERRED).enumerate() {
            let at = list.index(index);
            check_selector(
                pass,
                weighted.child("podAffinityTerm"),
                &at.child("podAffinityTerm"),
            );
        }
    }
}

fn check_annotations(pass: &mut Pass<'_>) {
    let Some(given) = pass
        .template
        .metadata
        .and_then(|metadata| metadata.field("annotations"))
    else {
        return;
    };
    for (key, message) in ANNOTATIONS {
        if let Some(node) = given.get(key) {
            warn_of_annotation(pass, key, message, node.span());
        }
    }
}

fn check_host_aliases(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("hostAliases");
    let mut seen = Seen::new();
    for (index, alias) in items(pass.spec, "hostAliases").enumerate() {
        let address = text(alias, "ip");
        if !seen.insert(address) {
            let at = list.index(index);
            let message = format!("duplicate ip {}", go_quote(address));
            warn(
                pass,
                &DUPLICATE_HOST_ALIAS,
                &at.child("ip"),
                &message,
                place(alias, "ip"),
            );
        }
    }
}

fn check_pull_secrets(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("imagePullSecrets");
    let mut seen = Seen::new();
    for (index, secret) in items(pass.spec, "imagePullSecrets").enumerate() {
        let name = text(secret, "name");
        if !seen.insert(name) {
            let at = list.index(index);
            let message = format!("duplicate name {}", go_quote(name));
            let span = place(secret, "name");
            warn(pass, &IMAGE_PULL_SECRET_NAME, &at.child("name"), &message, span);
        }
    }
    for (index, secret) in items(pass.spec, "imagePullSecrets").enumerate() {
        if text(secret, "name").is_empty() {
            let at = list.index(index);
            let span = place(secret, "name");
            warn(
                pass,
                &IMAGE_PULL_SECRET_NAME,
                &at.child("name"),
                "invalid empty name \"\"",
                span,
            );
        }
    }
}

/// Up to 1.27. Where volumes are validated, two of one name are refused; those of a `StatefulSet` are not.
fn check_volume_names(pass: &mut Pass<'_>) {
    if pass.at_least(28) {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    let mut seen = Seen::new();
    for (index, volume) in items(pass.spec, "volumes").enumerate() {
        let name = text(volume, "name");
        if !seen.insert(name) {
            let at = list.index(index);
            let message = format!("duplicate name {}", go_quote(name));
            let span = place(volume, "name");
            warn(pass, &VOLUME_NAME, &at.child("name"), &message, span);
        }
    }
}

/// An amount of bytes at `path`, where it is given.
fn check_bytes(report: &mut Report<'_>, amounts: Node<'_>, key: &str, path: &Path<'_>) {
    let node = amounts.get(key);
    if let Some(node) = node
        && let Some(Ok(amount)) = Quantity::of(node)
        && !amount.is_whole()
    {
        let amount = go_quote(&amount.to_string());
        let field = path.key(key);
        let text = format!("{field}: fractional byte value {amount} is invalid, must be an integer");
        report.warn(&FRACTIONAL_BYTES, &field, text, node.span());
    }
}

fn check_overhead(pass: &mut Pass<'_>) {
    if !pass.feature("PodOverhead", 24) {
        return;
    }
    let spec = pass.spec_path();
    let overhead = pass.spec.child("overhead");
    for key in ["memory", "ephemeral-storage"] {
        check_bytes(pass, overhead, key, &spec.child("overhead"));
    }
}

/// What is said of a seccomp annotation without its field.
pub(crate) fn seccomp_message(pass: &Pass<'_>) -> &'static str {
    if pass.at_least(27) {
        "non-functional in v1.27+; use the \"seccompProfile\" field instead"
    } else if pass.at_least(25) {
        "deprecated since v1.19, non-functional in a future release; use the \"seccompProfile\" field instead"
    } else if pass.at_least(23) {
        "deprecated since v1.19, non-functional in v1.25+; use the \"seccompProfile\" field instead"
    } else {
        "deprecated since v1.19; use the \"seccompProfile\" field instead"
    }
}

fn check_seccomp(pass: &mut Pass<'_>) {
    let context = pass.spec.child("securityContext");
    let given = pass
        .template
        .metadata
        .and_then(|metadata| metadata.field("annotations"));
    let annotation = given.and_then(|given| given.get(annotations::SECCOMP_POD));
    if let Some(node) = annotation
        && context.field("seccompProfile").is_none()
        && annotations::seccomp_field(pass, None).is_none()
    {
        let message = seccomp_message(pass);
        warn_of_annotation(pass, annotations::SECCOMP_POD, message, node.span());
    }
}

fn check_addresses(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let config = spec.child("dnsConfig");
    let list = config.child("nameservers");
    for (index, item) in items(pass.spec.child("dnsConfig"), "nameservers").enumerate() {
        if let Some(message) = item.as_str().and_then(|text| ip::warning(text, pass.options)) {
            warn(
                pass,
                &UNUSUAL_IP_ADDRESS,
                &list.index(index),
                &message,
                item.span(),
            );
        }
    }
    let list = spec.child("hostAliases");
    for (index, alias) in items(pass.spec, "hostAliases").enumerate() {
        if let Some(message) = ip::warning(text(alias, "ip"), pass.options) {
            let at = list.index(index);
            warn(
                pass,
                &UNUSUAL_IP_ADDRESS,
                &at.child("ip"),
                &message,
                place(alias, "ip"),
            );
        }
    }
}
