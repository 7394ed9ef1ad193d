//! The operating system that a pod asks for.

use porthole_manifest::{Node, PodTemplate};

use crate::effective::Origin;

/// The labels by which nodes tell their operating system, the deprecated one last.
pub const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

/// The operating systems that the pod requires of its node, each with the field that does: `spec.os.name`, the
/// nodeSelector, and the required node affinity where all its terms come to one system. More than one entry that
/// differ mean a pod that no node takes.
#[must_use]
pub fn required_os(template: &PodTemplate<'_>) -> Vec<(String, Origin)> {
    let Some(spec) = template.spec else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut require = |node: Node<'_>, field: String| {
        found.extend(node.as_str().map(|os| {
            (
                os.to_owned(),
                Origin {
                    field,
                    span: node.span(),
                },
            )
        }));
    };
    if let Some(name) = spec.field("os").and_then(|os| os.field("name")) {
        require(name, [template.prefix, ".os.name"].concat());
    }
    if let Some(selector) = spec.field("nodeSelector") {
        for label in OS_LABELS {
            if let Some(value) = selector.field(label) {
                require(value, [template.prefix, ".nodeSelector[", label, "]"].concat());
            }
        }
    }
    if let Some((value, field)) = by_affinity(spec) {
        require(value, format!("{}.{TERMS}{field}", template.prefix));
    }
    found
}

const TERMS: &str = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";

/// The one system that every term of the required node affinity comes to, and where the first of them says so. Terms
/// are alternatives: one that does not speak of the system leaves it open.
fn by_affinity(spec: Node<'_>) -> Option<(Node<'_>, String)> {
    let mut found: Option<(Node<'_>, String)> = None;
    for (index, term) in spec
        .field("affinity")
        .and_then(|_| spec.at(TERMS))?
        .items()
        .enumerate()
    {
        let (value, field) = by_term(term)?;
        match &found {
            None => found = Some((value, format!("[{index}]{field}"))),
            Some((earlier, _)) if earlier.as_str() == value.as_str() => {}
            Some(_) => return None,
        }
    }
    found
}

fn by_term(term: Node<'_>) -> Option<(Node<'_>, String)> {
    let expressions = term.field("matchExpressions")?.items().enumerate();
    expressions.into_iter().find_map(|(index, expression)| {
        let key = expression.field("key")?.as_str()?;
        let operator = expression.field("operator")?.as_str()?;
        let mut values = expression.field("values")?.items();
        let value = values.next()?;
        let decides = OS_LABELS.contains(&key) && operator == "In" && values.next().is_none();
        decides.then(|| (value, format!(".matchExpressions[{index}].values[0]")))
    })
}
