//! What is added to a pod: the contents of the credential specs that it names, a hostname, and porthole's annotation.

use porthole_pod::decode::REQUEST_LIMIT;

use super::denial::{Problem, Problems};
use super::lookup::Specs;
use super::patch::Patch;
use super::pod::Pod;
use super::{Around, annotation, hostname};
use crate::level::{CONTENTS, Level, NAME};

/// How many bytes are added to a pod: the API server takes no larger one.
const MOST: usize = REQUEST_LIMIT as usize;

/// What is added, and what is to be logged of it.
#[derive(Default)]
pub(super) struct Mutation {
    pub(super) patch: Patch,
    pub(super) notes: Vec<&'static str>,
}

/// A new pod.
pub(super) fn create<'a>(
    pod: &Pod<'a>,
    around: &Around<'_>,
    specs: &mut Specs<'a>,
    problems: &mut Problems,
) -> Mutation {
    let mut mutation = Mutation::default();
    for level in &pod.levels {
        fill(level, specs, &mut mutation.patch, problems);
    }
    let names_one = pod.levels.iter().any(|level| level.named().is_some());
    if let Some(random) = around.hostname.filter(|_| names_one) {
        if pod.text("hostname").is_empty() {
            let value = hostname::of(random);
            mutation
                .patch
                .add(pod.object(), &["spec", "hostname"], value.into());
        } else {
            mutation.notes.push(hostname::KEPT);
        }
    }
    annotation::write(pod, None, around.runtime_classes, &mut mutation.patch);
    annotation::check(pod, None, around.runtime_classes, false, problems);
    mutation
}

/// A pod that changes. Only what is new of it is filled in: ephemeral containers, where they are what is changed.
pub(super) fn update<'a>(
    pod: &Pod<'a>,
    old: &Pod<'_>,
    is_ephemeral: bool,
    around: &Around<'_>,
    specs: &mut Specs<'a>,
    problems: &mut Problems,
) -> Mutation {
    let mut mutation = Mutation::default();
    let was = old.by_key();
    let levels = pod
        .levels
        .iter()
        .filter(|level| is_ephemeral && level.is_ephemeral());
    for level in levels.filter(|level| !was.contains_key(&level.key())) {
        fill(level, specs, &mut mutation.patch, problems);
    }
    annotation::write(pod, Some(old), around.runtime_classes, &mut mutation.patch);
    annotation::check(pod, Some(old), around.runtime_classes, false, problems);
    mutation
}

/// Adds the contents of the credential spec that a level names and does not hold.
fn fill<'a>(level: &Level<'a>, specs: &mut Specs<'a>, patch: &mut Patch, problems: &mut Problems) {
    let Some(name) = level.named().filter(|_| level.held().is_none()) else {
        return;
    };
    if problems.are_enough() {
        return;
    }
    let name = name.as_str().unwrap_or_default();
    match specs.contents(name) {
        Ok(contents) if patch.length() + contents.as_json().len() > MOST => {
            let text =
                format!("the contents of its credential specs make the pod larger than {MOST} bytes of JSON");
            problems.push(Problem::new("pod-too-large", 413, level.field(NAME), text).own_if(true));
        }
        Ok(contents) => patch.put(level.pointer(CONTENTS), contents.into_json()),
        Err(error) => {
            let (code, text) = error.describe(name);
            problems
                .push(Problem::new(error.id(), code, level.field(NAME), text).own_if(level.is_ephemeral()));
        }
    }
}
