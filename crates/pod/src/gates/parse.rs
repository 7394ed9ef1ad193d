//! `--feature-gates`, as the components of Kubernetes read it.

use super::{Gate, Gates, Stage, all, find};
use crate::version::Version;

/// Why `--feature-gates` is not taken: the component's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GatesError(String);

/// The gates that set all of a stage.
const ALL: [(&str, Stage); 2] = [("AllAlpha", Stage::Alpha), ("AllBeta", Stage::Beta)];

impl Gates {
    /// Reads `NAME=true,OTHER=false`, for a server of `version`. `AllAlpha` and `AllBeta` set what is not set by name.
    ///
    /// # Errors
    ///
    /// In the component's words, where an entry is no assignment, or names a gate that the version does not have, that is
    /// locked or that needs others. The component goes through its gates in no order and names another of several
    /// mistakes each time; here it is the order of the text.
    pub fn parse(text: &str, version: Version) -> Result<Self, GatesError> {
        let wanted = read(text)?;
        let mut gates = Self::default();
        let mut errors = Vec::new();
        for (name, on) in &wanted {
            if ALL.iter().any(|(all, _)| all == name) {
                gates.set.push((name.clone(), *on));
                continue;
            }
            let Some(gate) = find(name, version) else {
                errors.push(format!("unrecognized feature gate: {name}"));
                break;
            };
            match refuse(gate, *on, version) {
                Some(error) => errors.push(error),
                None => gates.set.push((name.clone(), *on)),
            }
        }
        if errors.is_empty() {
            for (all_of, stage) in ALL {
                if let Some((_, on)) = wanted.iter().find(|(name, _)| name == all_of) {
                    gates.set_unset(stage, *on, version);
                }
            }
            errors = gates.missing(version);
        }
        if !version.at_least(31) {
            errors.truncate(1);
        }
        match errors.as_slice() {
            [] => Ok(gates),
            [error] => Err(GatesError(error.clone())),
            errors => Err(GatesError(format!("[{}]", errors.join(", ")))),
        }
    }

    fn set_unset(&mut self, stage: Stage, on: bool, version: Version) {
        let known = self.set.len();
        for gate in all(version).iter().filter(|gate| gate.stage == stage) {
            if !self.set[..known].iter().any(|(name, _)| name == gate.name) {
                self.set.push((gate.name.to_owned(), on));
            }
        }
    }

    /// What is on without the gates that it needs.
    fn missing(&self, version: Version) -> Vec<String> {
        let enabled = |name: &str| self.enabled(name, version);
        let mut errors = Vec::new();
        for gate in all(version).iter().filter(|gate| enabled(gate.name)) {
            let off: Vec<&str> = gate
                .needs
                .iter()
                .copied()
                .filter(|needed| !enabled(needed))
                .collect();
            if !off.is_empty() {
                errors.push(format!(
                    "{} is enabled, but depends on features that are disabled: [{}]",
                    gate.name,
                    off.join(" ")
                ));
            }
        }
        errors
    }
}

/// The assignments, the last of each name at the place of its first.
fn read(text: &str) -> Result<Vec<(String, bool)>, GatesError> {
    let mut wanted: Vec<(String, bool)> = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(GatesError(format!("missing bool value for {}", part.trim())));
        };
        let (name, value) = (name.trim(), value.trim());
        let on = match value {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => {
                let quoted = crate::render::go_quote(value);
                return Err(GatesError(format!(
                    "invalid value of {name}={value}, err: strconv.ParseBool: parsing {quoted}: invalid syntax"
                )));
            }
        };
        match wanted.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = on,
            None => wanted.push((name.to_owned(), on)),
        }
    }
    Ok(wanted)
}

fn refuse(gate: &Gate, on: bool, version: Version) -> Option<String> {
    let name = gate.name;
    if gate.locked && gate.on != on {
        return Some(format!(
            "cannot set feature gate {name} to {on}, feature is locked to {}",
            gate.on
        ));
    }
    if gate.stage != Stage::PreAlpha {
        return None;
    }
    let compatible = if version.at_least(35) {
        format!(", min compatibility version 1.{}", version.minor() - 1)
    } else {
        String::new()
    };
    Some(format!(
        "cannot set feature gate {name} to {on}, feature is PreAlpha at emulated version {version}{compatible}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(minor: u16) -> Version {
        Version::new(minor).expect("it is known")
    }

    #[test]
    fn gates_are_set_as_the_components_set_them() {
        let parse = |text, minor| {
            Gates::parse(text, version(minor)).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        assert_eq!(parse("", 37), Gates::default());
        let gates = parse(" WindowsHostProcessContainers = T ,,IdentifyPodOS=0", 24);
        assert!(gates.enabled("WindowsHostProcessContainers", version(24)));
        assert!(!gates.enabled("IdentifyPodOS", version(24)));
        let gates = parse("AllAlpha=true", 22);
        assert!(gates.enabled("WindowsHostProcessContainers", version(22)));
        let gates = parse("AllAlpha=true,WindowsHostProcessContainers=false", 22);
        assert!(!gates.enabled("WindowsHostProcessContainers", version(22)));
        let gates = parse("AllBeta=false", 24);
        assert!(!gates.enabled("IdentifyPodOS", version(24)));
        let gates = parse("IdentifyPodOS=true,IdentifyPodOS=false", 24);
        assert!(!gates.enabled("IdentifyPodOS", version(24)), "the last counts");
        parse("IdentifyPodOS=true", 25);
    }

    #[test]
    fn what_cannot_be_set_is_refused_in_the_components_words() {
        for (text, minor, expected) in [
            ("Nonsense=true", 37, "unrecognized feature gate: Nonsense"),
            (
                "WindowsHostProcessContainers=true",
                28,
                "unrecognized feature gate: WindowsHostProcessContainers",
            ),
            (
                "IdentifyPodOS=false",
                25,
                "cannot set feature gate IdentifyPodOS to false, feature is locked to true",
            ),
            ("IdentifyPodOS", 24, "missing bool value for IdentifyPodOS"),
            (
                "IdentifyPodOS=yes",
                24,
                "invalid value of IdentifyPodOS=yes, err: strconv.ParseBool: parsing \"yes\": invalid syntax",
            ),
            (
                "ProcMountType=true,UserNamespacesSupport=false",
                35,
                "ProcMountType is enabled, but depends on features that are disabled: [UserNamespacesSupport]",
            ),
            (
                "ProcMountType=false,UserNamespacesSupport=false",
                36,
                "[cannot set feature gate ProcMountType to false, feature is locked to true, \
                 cannot set feature gate UserNamespacesSupport to false, feature is locked to true]",
            ),
            ("A=true,B=true", 24, "unrecognized feature gate: A"),
        ] {
            let error = Gates::parse(text, version(minor)).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }
}
