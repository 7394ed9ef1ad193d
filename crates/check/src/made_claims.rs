//! The claims that an object makes once it is there: nobody asks of them before.

use porthole_manifest::{Node, Object, PodTemplate};

/// A claim that is made of a template.
pub(crate) struct MadeClaim<'a> {
    /// The template.
    pub(crate) node: Node<'a>,
    /// Its path.
    pub(crate) field: String,
    /// Who makes it.
    pub(crate) by: Maker,
}

/// Who makes claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// A `StatefulSet`, of `volumeClaimTemplates`.
    StatefulSet,
    /// A pod, of an `ephemeral` volume.
    Pod,
}

/// Those of an object and of its pods, in their order.
pub(crate) fn made_claims<'a>(object: &Object<'a>, template: Option<&PodTemplate<'a>>) -> Vec<MadeClaim<'a>> {
    let mut claims = Vec::new();
    if (object.group(), object.kind) == ("apps", Some("StatefulSet")) {
        let templates = object.node.child("spec").child("volumeClaimTemplates");
        claims.extend(templates.items().enumerate().map(|(index, node)| MadeClaim {
            node,
            field: format!("spec.volumeClaimTemplates[{index}]"),
            by: Maker::StatefulSet,
        }));
    }
    if let Some((prefix, spec)) = template.and_then(|pod| Some((pod.prefix, pod.spec?))) {
        let volumes = spec.child("volumes").items().enumerate();
        claims.extend(volumes.filter_map(|(index, volume)| {
            Some(MadeClaim {
                node: volume.child("ephemeral").field("volumeClaimTemplate")?,
                field: format!("{prefix}.volumes[{index}].ephemeral.volumeClaimTemplate"),
                by: Maker::Pod,
            })
        }));
    }
    claims
}
