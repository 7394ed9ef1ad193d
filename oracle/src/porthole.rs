//! What porthole answers.

use std::collections::BTreeSet;

use porthole_check::{File, Settings, World, judge};
use porthole_pod::Options;
use porthole_tests::failure::{Failure, Result};
use serde_json::Value;

use crate::answer::Answer;
use crate::namespaces;

/// The answer, and the rules that it is by.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The answer.
    pub answer: Answer,
    /// The rules that found something, with the fields where.
    pub fired: BTreeSet<(&'static str, String)>,
}

/// The answer to the creation of the object that `text` holds, in a namespace of [`namespaces`].
///
/// # Errors
/// The text is no YAML, or holds no object.
pub fn answer(text: &str, namespace: &str, options: &Options) -> Result<Verdict> {
    let what = "read the object as porthole does";
    let settings = Settings {
        options: options.clone(),
        namespace: namespace.to_owned(),
        ..Settings::default()
    };
    let around = namespaces::object(namespace).map_or_else(String::new, |object| object.to_string());
    let files = [
        File::parse("object.yaml", text),
        File::parse("namespace.json", around),
    ];
    if let Some(error) = files[0].stream.errors.first() {
        return Err(Failure::new(what, format!("{error:?}")));
    }
    let world = World::of(&files, &settings);
    let verdict = judge(&files[0], &world, &settings).into_iter().next();
    let verdict = verdict.ok_or_else(|| Failure::new(what, "it holds none"))?;
    let status = match &verdict.answer.status {
        Some(status) => serde_json::to_value(status)
            .map_err(|error| Failure::new("write porthole's answer as JSON", error))?,
        None => Value::Null,
    };
    let fired = verdict
        .findings
        .iter()
        .map(|finding| (finding.rule.name, finding.field.clone()));
    Ok(Verdict {
        answer: Answer {
            code: verdict.answer.code.unwrap_or_default(),
            status,
            warnings: verdict.answer.warnings.clone(),
        }
        .settled(),
        fired: fired.collect(),
    })
}
