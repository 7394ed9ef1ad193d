//! The changes that findings propose.

use porthole_check::{File, Settings, World, fix, judge};
use porthole_pod::Severity;

pub(super) fn holds(text: &str) {
    let settings = Settings::default();
    let file = [File::parse("f", text)];
    let world = World::of(&file, &settings);
    for unsafe_too in [false, true] {
        let fixed = fix::settle(&file[0], &world, &settings, unsafe_too);
        if fixed.applied == 0 {
            assert_eq!(fixed.text, text, "no change is made, and the text differs");
            continue;
        }
        let after = [File::parse("f", fixed.text.as_str())];
        assert!(
            after[0].stream.errors.len() <= file[0].stream.errors.len(),
            "a text that can be read no longer can: {:?}",
            after[0].stream.errors
        );
        assert_eq!(
            after[0].stream.documents.len(),
            file[0].stream.documents.len(),
            "the number of documents changes"
        );
        let world_after = World::of(&after, &settings);
        let again = fix::settle(&after[0], &world_after, &settings, unsafe_too);
        if !fixed.more {
            assert_eq!(again.text, fixed.text, "fixing twice differs from fixing once");
        }
        if !unsafe_too {
            assert!(
                accepted(&after[0], &world_after, &settings) >= accepted(&file[0], &world, &settings),
                "a safe change makes the API server refuse what it took"
            );
        }
    }
}

/// How many objects have no error.
fn accepted(file: &File, world: &World<'_>, settings: &Settings) -> usize {
    let verdicts = judge(file, world, settings);
    verdicts
        .iter()
        .filter(|verdict| verdict.severity() != Some(Severity::Error))
        .count()
}
