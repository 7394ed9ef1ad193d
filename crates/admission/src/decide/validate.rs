//! Whether a pod may have what it has: the service account may use the credential specs, and the contents are theirs.

use porthole_pod::go_quote;

use super::denial::{Problem, Problems};
use super::lookup::{Specs, Usable, Uses};
use super::pod::Pod;
use super::{Around, annotation};
use crate::gmsa::{GMSA_CONTENTS_DIFFER, GMSA_NAME_MISSING};
use crate::level::{CONTENTS, Level, NAME};
use crate::words;

/// What the credential specs of new levels are held against.
pub(super) struct Judge<'a, 's> {
    pub(super) specs: &'s mut Specs<'a>,
    pub(super) uses: Uses<'a>,
}

/// A new pod.
pub(super) fn create<'a>(
    pod: &Pod<'a>,
    around: &Around<'_>,
    judge: &mut Judge<'a, '_>,
    problems: &mut Problems,
) {
    for level in &pod.levels {
        if problems.are_enough() {
            return;
        }
        problems.extend(judge.check(level));
    }
    annotation::check(pod, None, around.runtime_classes, true, problems);
}

/// A pod that changes: nothing of its GMSA settings may, in neither direction. Ephemeral containers that come, where they
/// are what is changed, are as good as new.
pub(super) fn update<'a>(
    pod: &Pod<'a>,
    old: &Pod<'_>,
    is_ephemeral: bool,
    around: &Around<'_>,
    judge: &mut Judge<'a, '_>,
    problems: &mut Problems,
) {
    let (was, is) = (old.by_key(), pod.by_key());
    for level in &pod.levels {
        if problems.are_enough() {
            return;
        }
        let before = was.get(&level.key()).copied();
        if is_ephemeral && level.is_ephemeral() && before.is_none() {
            problems.extend(judge.check(level));
            annotation::check_ephemeral(pod, level, around.runtime_classes, problems);
        } else {
            // The existing webhook looks at what the new pod has.
            let is_own = level.is_ephemeral() || level.options.is_none();
            problems.extend(changed(before, Some(level)).map(|problem| problem.own_if(is_own)));
        }
    }
    let gone = old.levels.iter().filter(|level| !is.contains_key(&level.key()));
    problems.extend(
        gone.filter_map(|level| changed(Some(level), None))
            .map(|problem| problem.own_if(true)),
    );
    annotation::check(pod, Some(old), around.runtime_classes, true, problems);
}

impl<'a> Judge<'a, '_> {
    /// What is wrong with a level that is new.
    fn check(&mut self, level: &Level<'a>) -> Option<Problem> {
        let problem = match level.named() {
            Some(name) => self.check_named(level, name.as_str().unwrap_or_default()),
            None => level.held().map(|_| {
                let text = words::nameless(level.word(), level.name);
                Problem::new(GMSA_NAME_MISSING.name, 422, level.field(NAME), text)
            }),
        };
        problem.map(|problem| problem.own_if(level.is_ephemeral()))
    }

    /// A level that names a spec. What is in the spec is nobody's business who may not use it.
    fn check_named(&mut self, level: &Level<'a>, spec: &'a str) -> Option<Problem> {
        let field = || level.field(NAME);
        let unused = self.uses.problem(Usable::CredentialSpec, spec.into(), field);
        if unused.is_some() {
            return unused;
        }
        let held = level.held();
        let contents = match self.specs.contents(spec) {
            Ok(contents) => contents,
            Err(error) => {
                let (code, text) = error.describe(spec);
                // Without contents of its own the existing webhook does not look.
                return Some(Problem::new(error.id(), code, field(), text).own_if(held.is_none()));
            }
        };
        let Some(held) = held else {
            let text = format!(
                "the GMSA cred spec contents for {} {} are missing: nobody has filled in those of GMSA resource {}",
                level.word(),
                go_quote(level.name),
                go_quote(spec)
            );
            let remedy = "the mutating webhook has to see the pod: is it registered?".to_owned();
            let problem = Problem::new("gmsa-contents-missing", 422, level.field(CONTENTS), text);
            return Some(problem.own_if(true).with_help(remedy));
        };
        let reason = match contents.is_same(held) {
            Ok(true) => return None,
            Ok(false) => None,
            Err(error) => Some(error.to_string()),
        };
        let text = words::differs(level.word(), level.name, spec, reason.as_deref());
        let remedy = "leave the contents out: the webhook fills them in".to_owned();
        Some(Problem::new(GMSA_CONTENTS_DIFFER.name, 422, level.field(CONTENTS), text).with_help(remedy))
    }
}

/// What an update changes of a level that is in the old pod, the new one, or both.
fn changed(old: Option<&Level<'_>>, new: Option<&Level<'_>>) -> Option<Problem> {
    let level = new.or(old)?;
    let differs = |key: &str| {
        let text = |level: Option<&Level<'_>>| {
            level.and_then(|level| level.options?.field(key)?.as_str().map(str::to_owned))
        };
        text(old) != text(new)
    };
    let (fields, key) = match (differs(NAME), differs(CONTENTS)) {
        (false, false) => return None,
        (true, false) => ("name", NAME),
        (false, true) => ("contents", CONTENTS),
        (true, true) => ("name and contents", NAME),
    };
    let text = words::changed(fields, level.word(), level.name);
    Some(Problem::new("gmsa-changed", 403, level.field(key), text))
}
