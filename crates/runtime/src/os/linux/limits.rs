//! Limits and statistics of containers, whoever holds them: from the plan's words to cgroups, and back.

use std::fs;

use super::Host;
use super::cgroup::{Unchanged, Wanted, check_limits, resolve_devices, update as change};
use super::herd::Herd;
use super::rootless;
use super::started::{NotFound, Target};
use crate::engine::{CreateError, Stats, StatsError, UpdateError};
use crate::plan::Limits;

/// The processors that this host has switched on.
const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The cgroups of a container that is to be made.
pub(super) fn want(host: &Host, id: &str, limits: &Limits) -> Result<Wanted, CreateError> {
    let refused = |what: &str, reason: String| CreateError::Host {
        doing: format!("limit {what} of container `{id}`"),
        reason,
    };
    check(limits).map_err(|(what, reason)| refused(what, reason))?;
    let devices = resolve_devices(&limits.devices).map_err(|(what, reason)| refused(&what, reason))?;
    let layout = host.layout()?;
    let mut wanted = layout
        .want(id, limits, &devices)
        .map_err(|error| CreateError::Host {
            doing: "plan the container's cgroup".to_owned(),
            reason: error.to_string(),
        })?;
    if !layout.has_cgroups() {
        wanted.group.herd = Some(Herd::of(&host.state.directory(id)));
    }
    Ok(wanted)
}

fn check(limits: &Limits) -> Result<(), (&'static str, String)> {
    let online = if limits.processors.is_empty() {
        String::new()
    } else {
        fs::read_to_string(ONLINE).unwrap_or_default()
    };
    check_limits(limits, &online)
}

/// What a container uses.
pub(super) fn stats(host: &Host, id: &str) -> Result<Stats, StatsError> {
    let failed = |doing: &str, source| StatsError {
        id: id.to_owned(),
        doing: doing.to_owned(),
        source,
    };
    match Target::find(&host.state, id) {
        Ok(target) => Ok(target.group.stats()),
        Err(NotFound::NotRunning) => Err(failed("find its process", std::io::ErrorKind::NotFound.into())),
        Err(NotFound::Newer) => Err(failed(
            "read its journal",
            std::io::Error::other("it was written by a newer porthole; use that one"),
        )),
        Err(NotFound::Io(source)) => Err(failed("find its process", source)),
    }
}

/// Puts a container under other limits.
pub(super) fn update(host: &Host, id: &str, limits: &Limits) -> Result<Limits, UpdateError> {
    let refused = |what: &str, reason: String| UpdateError::Refused {
        id: id.to_owned(),
        what: what.to_owned(),
        reason,
    };
    let failed = |what: &str, source| UpdateError::Io {
        id: id.to_owned(),
        what: what.to_owned(),
        source,
    };
    let target = Target::find(&host.state, id).map_err(|error| match error {
        NotFound::NotRunning => UpdateError::NotRunning { id: id.to_owned() },
        NotFound::Newer => refused(
            "it",
            "its journal was written by a newer porthole; use that one".to_owned(),
        ),
        NotFound::Io(source) => failed("it", source),
    })?;
    check(limits).map_err(|(what, reason)| refused(what, reason))?;
    let devices = resolve_devices(&limits.devices).map_err(|(what, reason)| refused(&what, reason))?;
    let layout = host.layout().map_err(|error| refused("it", error.to_string()))?;
    if let Some(limit) = layout.denied(limits, &devices) {
        return Err(refused(
            limit,
            format!("nothing enforces it without root here; {}", rootless::REMEDY),
        ));
    }
    // One change after the other, and no program is started in between.
    target
        .lock(true)
        .map_err(|source| failed("it (wait for others who do, or start something in it)", source))?;
    change(layout, &target.group, id, limits, &devices).map_err(|error| {
        if target.verify().is_err() {
            return UpdateError::NotRunning { id: id.to_owned() };
        }
        match error {
            Unchanged::Refused { what, reason } => refused(&what, reason),
            Unchanged::Io { what, source } => failed(&what, source),
        }
    })
}
