//! `ReplicationControllers` (`ValidateReplicationControllerSpec`), which have fields filled in from their template.

use porthole_manifest::Node;

use super::selector::{self, Labels, labels_of, refuse_labels, template_labels};
use super::{NEGATIVE_NUMBER, default_labels, spec_of, template};
use crate::path::Path;
use crate::report::{int, is_removed, place};
use crate::rules::metadata::{self, Demands, check_not_negative};
use crate::validate::{Pass, check_template};

pub(super) fn check(pass: &mut Pass<'_>, demands: Demands, path: &Path<'_>) {
    let labels = default_labels(pass);
    let object = pass.template.object;
    metadata::check(pass, object, demands, labels);
    check_spec(pass, path);
}

pub(super) fn check_spec<'a>(pass: &mut Pass<'a>, path: &Path<'_>) {
    let spec = spec_of(pass);
    let labels = template_labels(pass);
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "minReadySeconds", path);
    let own = |spec: Node<'a>| {
        let labels = spec.field("selector").map(labels_of);
        labels.filter(|own| !own.is_empty())
    };
    let given = labels.map(labels_of);
    // The one that was filled in when it was made stays, but where it or all around it is taken away.
    let stays =
        |old: &Node<'a>| spec.is_mapping() && own(*old).is_none() && !is_removed(*old, spec, "selector");
    let filled = match pass.old_workload_spec().filter(stays) {
        Some(old) => old.at("template.metadata.labels").map(labels_of),
        None => given.clone(),
    };
    let asked = own(spec).or(filled).unwrap_or_default();
    if asked.is_empty() {
        let span = place(spec, "selector");
        pass.required(&selector::WORKLOAD_SELECTOR, &path.child("selector"), "", span);
    }
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "replicas", path);
    let Some(_) = spec.field("template") else {
        let span = place(spec, "template");
        pass.required(&selector::WORKLOAD_TEMPLATE, &path.child("template"), "", span);
        if pass.at_least(37) {
            move_declared(pass);
        }
        return;
    };
    let nothing = Labels::new();
    let found = given.as_ref().unwrap_or(&nothing);
    if !asked.iter().all(|(key, value)| found.get(key) == Some(value)) {
        refuse_labels(pass, given.as_ref());
    }
    check_template(pass);
    if int(spec, "replicas").unwrap_or(1) > 1 {
        template::check_disks(pass);
    }
    template::check_restart_policy(pass);
    template::check_no_deadline(pass, "ReplicationController");
    if pass.at_least(37) {
        move_declared(pass);
    }
}

/// Since 1.37 what the types themselves declare comes last.
fn move_declared(pass: &mut Pass<'_>) {
    let declared = ["metadata.name", "spec.replicas", "spec.minReadySeconds"];
    // That of the name has a gate.
    let first = usize::from(!pass.declares());
    pass.move_last(&declared[first..]);
}
