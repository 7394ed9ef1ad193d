//! Findings that comments and settings leave out.

use porthole_check::{File, Settings, World, judge, rules};

pub(super) fn holds(text: &str) {
    let settings = Settings::default();
    let file = [File::parse("f", text)];
    let world = World::of(&file, &settings);
    let told: usize = counts(&file[0], &world, &settings).0;
    let none = Settings {
        ignore: rules().map(|rule| rule.name.to_owned()).collect(),
        ..Settings::default()
    };
    let (left, suppressed) = counts(&file[0], &world, &none);
    assert_eq!(left, 0, "every rule is ignored, and something is said");
    assert!(suppressed >= told, "what is left out is counted");

    // Behind a line, a comment leaves out what begins there.
    if file[0].stream.errors.is_empty() && !text.contains(['\'', '"', '|', '>', '\r']) {
        for (at, _) in text.match_indices('\n').take(8) {
            let mut changed = text.to_owned();
            changed.insert_str(at, " # porthole:ignore all");
            let changed = [File::parse("f", changed)];
            let comments = |file: &File| -> usize {
                let documents = file.stream.documents.iter();
                documents.map(|document| document.comments().len()).sum()
            };
            // Behind another comment, or where it opens a document, it speaks of something else.
            if !changed[0].stream.errors.is_empty() || comments(&changed[0]) != comments(&file[0]) + 1 {
                continue;
            }
            let start = text
                .get(..at)
                .and_then(|before| before.rfind('\n'))
                .map_or(0, |end| end + 1);
            let world = World::of(&changed, &settings);
            for finding in judge(&changed[0], &world, &settings)
                .iter()
                .flat_map(|verdict| &verdict.findings)
            {
                let begins = finding.span.map(|span| span.start as usize);
                assert!(
                    begins.is_none_or(|begins| !(start..at).contains(&begins)),
                    "`{finding}` is said in a line that suppresses all"
                );
            }
        }
    }
}

/// How many findings are told, and how many are left out.
fn counts(file: &File, world: &World<'_>, settings: &Settings) -> (usize, usize) {
    let verdicts = judge(file, world, settings);
    (
        verdicts.iter().map(|verdict| verdict.findings.len()).sum(),
        verdicts.iter().map(|verdict| verdict.suppressed).sum(),
    )
}
