//! `--diff`: what applying would change.

use std::process::ExitCode;

use porthole_install::{Settings, is_installed, leftovers, objects};
use serde_json::Value;
use similar::TextDiff;

use super::apply;
use super::cluster::Cluster;
use crate::applier::kept;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

pub(super) fn run(cluster: &Cluster, settings: &Settings) -> Result<ExitCode, Failure> {
    let mut differs = false;
    let mut show = |name: &str, before: Option<Value>, after: Option<Value>| {
        let (before, after) = (yaml(name, before)?, yaml(name, after)?);
        if before != after {
            differs = true;
            let diff = TextDiff::from_lines(&before, &after);
            let mut diff = diff.unified_diff();
            let diff = diff
                .header(&format!("live/{name}"), &format!("installed/{name}"))
                .to_string();
            print::text(&diff)?;
        }
        Ok::<(), Failure>(())
    };
    let all = objects(settings)
        .into_iter()
        .chain(apply::wanted(cluster, settings)?);
    for object in all {
        let live = cluster.get_if_served(&object.reference)?;
        let after = cluster.rehearse(&object, false)?;
        show(&object.reference.to_string(), live, Some(after))?;
    }
    for reference in leftovers(settings) {
        if let Some(live) = cluster.get_if_served(&reference)?.filter(is_installed) {
            show(&reference.to_string(), Some(live), None)?;
        }
    }
    Ok(if differs {
        exit::NO.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn yaml(name: &str, object: Option<Value>) -> Result<String, Failure> {
    let Some(object) = object else {
        return Ok(String::new());
    };
    serde_saphyr::to_string(&kept(object)).attempt(exit::UNASKED, || format!("print {name}"))
}
