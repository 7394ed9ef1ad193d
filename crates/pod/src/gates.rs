//! Feature gates: which there are in which version, whether they are on, and what may be set.
//!
//! The table is data (`schema/gates.txt`), which `cargo xtask schema` writes from the sources of the API
//! server: its own gates and those of the libraries that it takes its `--feature-gates` for.

mod parse;

use std::sync::OnceLock;

use crate::version::Version;

pub use parse::GatesError;

static TEXT: &str = include_str!("schema/gates.txt");

/// Feature gates that are set otherwise than the version has them (`--feature-gates`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    set: Vec<(String, bool)>,
}

/// How far a feature has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Known, and not to be set yet.
    PreAlpha,
    /// Off by default, as a rule.
    Alpha,
    /// On by default, as a rule.
    Beta,
    /// General availability.
    Ga,
    /// On its way out.
    Deprecated,
}

/// A feature gate, as a version has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its name.
    pub name: &'static str,
    /// How far the feature has come.
    pub stage: Stage,
    /// Whether it is on by default.
    pub on: bool,
    /// Whether it cannot be set otherwise.
    pub locked: bool,
    /// The gates that have to be on with it.
    pub needs: Vec<&'static str>,
}

/// The gates of a version.
struct Table {
    /// In the order of their names.
    gates: Vec<Gate>,
    /// Their names in the order of their lengths, then of the names, with their places: lengths are compared at once.
    names: Vec<(&'static str, usize)>,
}

fn table(version: Version) -> &'static Table {
    const VERSIONS: usize = (Version::NEWEST.minor() - Version::OLDEST.minor() + 1) as usize;
    static TABLES: [OnceLock<Table>; VERSIONS] = [const { OnceLock::new() }; VERSIONS];
    let place = usize::from(version.minor() - Version::OLDEST.minor());
    TABLES[place].get_or_init(|| {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        let gates: Vec<Gate> = lines.filter_map(|line| read(line, version)).collect();
        let mut names: Vec<_> = gates
            .iter()
            .enumerate()
            .map(|(place, gate)| (gate.name, place))
            .collect();
        names.sort_unstable_by_key(|(name, _)| (name.len(), *name));
        Table { gates, names }
    })
}

/// The gates of `version`, in the order of their names.
#[must_use]
pub fn all(version: Version) -> &'static [Gate] {
    &table(version).gates
}

/// The gate of that name, where `version` has it.
#[must_use]
pub fn find(name: &str, version: Version) -> Option<&'static Gate> {
    let table = table(version);
    let key = (name.len(), name);
    let found = table
        .names
        .binary_search_by_key(&key, |(name, _)| (name.len(), *name));
    table.gates.get(table.names[found.ok()?].1)
}

fn read(line: &'static str, version: Version) -> Option<Gate> {
    let (name, states) = line.split_once(' ')?;
    let written = states
        .split(' ')
        .filter_map(|state| state.split_once(':'))
        .take_while(|(from, _)| from.parse().is_ok_and(|from| version.at_least(from)))
        .last()?
        .1;
    let (written, needs) = written.split_once('>').unwrap_or((written, ""));
    let (written, locked) = match written.strip_suffix('!') {
        Some(written) => (written, true),
        None => (written, false),
    };
    let on = written.ends_with('+');
    let stage = match written.trim_end_matches(['+', '-']) {
        "prealpha" => Stage::PreAlpha,
        "alpha" => Stage::Alpha,
        "beta" => Stage::Beta,
        "ga" => Stage::Ga,
        "deprecated" => Stage::Deprecated,
        _ => return None,
    };
    let needs = needs.split(',').filter(|name| !name.is_empty()).collect();
    Some(Gate {
        name,
        stage,
        on,
        locked,
        needs,
    })
}

impl Gates {
    /// The same with `gate` on or off, whatever the version has it.
    #[must_use]
    pub fn with(mut self, gate: impl Into<String>, on: bool) -> Self {
        self.set.push((gate.into(), on));
        self
    }

    /// Whether `gate` is on in `version`. One that the version does not have is off.
    #[must_use]
    pub fn enabled(&self, gate: &str, version: Version) -> bool {
        if let Some((_, on)) = self.set.iter().rev().find(|(name, _)| name == gate) {
            return *on;
        }
        find(gate, version).is_some_and(|gate| gate.on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_can_be_read_in_every_version() {
        for version in Version::all() {
            let gates = all(version);
            assert!(gates.len() > 100, "{version} has {}", gates.len());
            assert!(
                gates.is_sorted_by_key(|gate| gate.name),
                "they are listed in an order"
            );
            for gate in gates {
                for needed in &gate.needs {
                    assert!(find(needed, version).is_some(), "{}: {needed}", gate.name);
                }
            }
        }
        let states = TEXT
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split(' ').skip(1));
        for state in states {
            let (_, state) = state.split_once(':').unwrap_or_else(|| panic!("{state}"));
            let known = ["prealpha", "alpha", "beta", "ga", "deprecated"]
                .iter()
                .any(|stage| state.starts_with(stage));
            assert!(known || state == "gone", "{state}");
        }
    }

    #[test]
    fn gates_are_on_from_their_version_on() {
        for (gate, off, on) in [
            ("WindowsHostProcessContainers", 22, 23),
            ("IdentifyPodOS", 23, 24),
            ("UserNamespacesSupport", 32, 33),
            ("ServerSideFieldValidation", 24, 25),
            ("PodLevelResources", 33, 34),
        ] {
            let enabled = |minor| {
                let version = Version::new(minor).expect("it is known");
                Gates::default().enabled(gate, version)
            };
            assert!(!enabled(off) && enabled(on), "{gate}");
        }
        assert!(
            !Gates::default().enabled("WindowsHostProcessContainers", Version::NEWEST),
            "it is gone"
        );
    }
}
