//! `--apply`: the roles and bindings in a cluster.

use std::process::ExitCode;

use porthole_cluster::Problem;
use porthole_install::{Object, Reference};

use super::{DryRun, Grant};
use crate::applier::{Applier, Choices};
use crate::arguments::Global;
use crate::cluster;
use crate::failure::Failure;

/// Whose fields they are.
const MANAGER: &str = "porthole-grant";

/// Applies them in their order: a binding comes after its role.
pub(super) fn run(grant: &Grant, objects: &[Object], global: &Global) -> Result<ExitCode, Failure> {
    let client = cluster::client(grant.kubeconfig.clone(), grant.context.as_deref())?;
    let choices = Choices {
        force: grant.force_conflicts,
        dry_run: grant.dry_run == DryRun::Server,
        is_quiet: global.quiet,
    };
    let applier = Applier::new(client, MANAGER, choices, help);
    for object in objects {
        applier.apply(object)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What to try against what a grant meets.
fn help(_: &Reference, problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::Forbidden(_) => Some(
            "granting needs the rights to change roles and rolebindings in the namespace, and to have oneself what is granted, or \
             the verbs `escalate` and `bind` on roles; what was applied before this stays",
        ),
        Problem::Status { status: 404, .. } => Some("make the namespace first"),
        _ => None,
    }
}
