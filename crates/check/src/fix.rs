//! Changes that findings propose, applied to the text.

use porthole_pod::{Edit, Finding};

use crate::file::File;
use crate::judge::judge;
use crate::settings::Settings;
use crate::world::World;

/// How often a text is looked at again for changes that others have made possible.
const ROUNDS: usize = 10;

/// A text with changes applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The text afterwards.
    pub text: String,
    /// How many changes were applied. What touches the same place as another one is left out, and can be applied to the new
    /// text.
    pub applied: usize,
    /// Whether [`settle`] has looked as often as it does, and there may be more.
    pub more: bool,
}

/// Applies the changes of the findings to the text that they are about: the safe ones, or all.
#[must_use]
pub fn apply<'f>(text: &str, findings: impl IntoIterator<Item = &'f Finding>, unsafe_too: bool) -> Fixed {
    let mut edits: Vec<Edit> = Vec::new();
    let mut applied = 0;
    let fixes = findings.into_iter().filter_map(|finding| finding.fix.as_ref());
    for fix in fixes.filter(|fix| fix.safe || unsafe_too) {
        if fix.edits.iter().all(|edit| edits.contains(edit)) {
            continue;
        }
        let free = fix
            .edits
            .iter()
            .all(|edit| !edits.iter().any(|other| touch(edit, other)));
        if free && fix.edits.iter().all(|edit| fits(text, edit)) {
            edits.extend(fix.edits.iter().cloned());
            applied += 1;
        }
    }
    edits.sort_by_key(|edit| edit.span);
    let mut changed = String::with_capacity(text.len());
    let mut at = 0;
    for edit in &edits {
        changed.push_str(text.get(at..edit.span.start as usize).unwrap_or_default());
        changed.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    changed.push_str(text.get(at..).unwrap_or_default());
    Fixed {
        text: changed,
        applied,
        more: false,
    }
}

/// Applies the changes of everything that is said of a file, and then those that are proposed of the new text, until there
/// is none or it was looked at ten times: of a misspelt key that is repeated each look mends one.
#[must_use]
pub fn settle(file: &File, world: &World<'_>, settings: &Settings, unsafe_too: bool) -> Fixed {
    let mut settled = Fixed {
        text: file.source.text().to_owned(),
        applied: 0,
        more: false,
    };
    let mut mended: Option<File> = None;
    for round in 1..=ROUNDS {
        let now = mended.as_ref().unwrap_or(file);
        let verdicts = judge(now, world, settings);
        let findings = verdicts.iter().flat_map(|verdict| &verdict.findings);
        let fixed = apply(&settled.text, findings, unsafe_too);
        if fixed.applied == 0 {
            break;
        }
        let next = File::parse(file.source.name(), fixed.text.as_str());
        // A change that makes the file unreadable is none.
        if next.stream.errors.len() > now.stream.errors.len() {
            break;
        }
        settled.applied += fixed.applied;
        settled.text = fixed.text;
        settled.more = round == ROUNDS;
        drop(verdicts);
        mended = Some(next);
    }
    settled
}

/// Whether two edits cannot both be made: they overlap, or insert at one place.
fn touch(one: &Edit, other: &Edit) -> bool {
    one.span.start < other.span.end && other.span.start < one.span.end || one.span.start == other.span.start
}

fn fits(text: &str, edit: &Edit) -> bool {
    text.get(edit.span.start as usize..edit.span.end as usize)
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a credential spec in which a misspelt key is repeated so often.
    fn settled(times: usize) -> Fixed {
        let text = format!(
            "apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\nmetadata: {{name: web}}\ncredspec:\n  CmsPlugins: \
             [ActiveDirectory]\n{}",
            "  ActiveDirectoryCOnfig: {}\n".repeat(times)
        );
        let files = [File::parse("spec.yaml", text)];
        let settings = Settings::default();
        let world = World::of(&files, &settings);
        settle(&files[0], &world, &settings, true)
    }

    #[test]
    fn what_is_left_after_the_last_round_is_said() {
        let wrong = |fixed: &Fixed| fixed.text.matches("COnfig").count();
        let some = settled(5);
        assert!(wrong(&some) == 0 && !some.more, "{some:?}");
        let many = settled(15);
        assert!(wrong(&many) > 0 && many.more, "{many:?}");
    }
}
