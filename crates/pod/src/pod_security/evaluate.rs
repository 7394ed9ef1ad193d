//! The checks of the Pod Security Standards: which there are at which level and version, and in which order.

use porthole_manifest::PodTemplate;

use super::checks::{
    app_armor, capabilities, host, host_process, privilege, probes, proc_mount, run_as, se_linux, seccomp,
    sysctls, volumes,
};
use super::level::{Level, LevelVersion, PolicyVersion};
use super::subject::Subject;
use super::violation::Violation;
use crate::options::Options;

/// A check, as one of a level.
struct Check {
    level: Level,
    /// The first version of the standards that has it.
    since: u64,
    /// The first version in which the level `restricted` has a stricter one in its place.
    replaced: Option<u64>,
    run: for<'a> fn(&Subject<'a>) -> Option<Violation>,
}

const fn baseline(since: u64, run: for<'a> fn(&Subject<'a>) -> Option<Violation>) -> Check {
    Check {
        level: Level::Baseline,
        since,
        replaced: None,
        run,
    }
}

const fn restricted(since: u64, run: for<'a> fn(&Subject<'a>) -> Option<Violation>) -> Check {
    Check {
        level: Level::Restricted,
        since,
        replaced: None,
        run,
    }
}

impl Check {
    const fn replaced(self, since: u64) -> Self {
        Self {
            replaced: Some(since),
            ..self
        }
    }

    fn is_asked(&self, level: Level, policy: u64, overrides: bool) -> bool {
        let replaced =
            overrides && level == Level::Restricted && self.replaced.is_some_and(|since| policy >= since);
        self.level <= level && policy >= self.since && !replaced
    }
}

/// In the API server's order: by level, then by what Kubernetes calls them.
static CHECKS: &[Check] = &[
    baseline(0, app_armor::check),
    baseline(0, capabilities::check_baseline).replaced(22),
    baseline(0, host::check_namespaces),
    baseline(0, volumes::check_host_path).replaced(0),
    baseline(0, host::check_ports),
    baseline(34, probes::check),
    baseline(0, privilege::check_privileged),
    baseline(0, proc_mount::check_baseline).replaced(35),
    baseline(0, se_linux::check),
    baseline(0, seccomp::check_baseline).replaced(19),
    baseline(0, sysctls::check),
    baseline(0, host_process::check),
    restricted(8, privilege::check_escalation),
    restricted(22, capabilities::check_restricted),
    restricted(35, proc_mount::check_restricted),
    restricted(0, volumes::check_types),
    restricted(0, run_as::check_non_root),
    restricted(23, run_as::check_user),
    restricted(19, seccomp::check_restricted),
];

/// What the pod breaks of a level of the standards, in the API server's order. The version of the cluster decides too: it
/// knows no newer standards than its own, and words change.
#[must_use]
pub fn evaluate(
    template: &PodTemplate<'_>,
    level_version: LevelVersion,
    options: &Options,
) -> Vec<Violation> {
    if level_version.level == Level::Privileged {
        return Vec::new();
    }
    let newest = u64::from(options.kubernetes_version.minor());
    let policy = match level_version.version {
        PolicyVersion::Latest => newest,
        PolicyVersion::Minor(minor) => minor.min(newest),
    };
    // Up to 1.23 the level `restricted` asks both.
    let overrides = options.at_least(24);
    let subject = Subject::new(template, options, policy);
    CHECKS
        .iter()
        .filter(|check| check.is_asked(level_version.level, policy, overrides))
        .filter_map(|check| (check.run)(&subject))
        .collect()
}
