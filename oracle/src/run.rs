//! A run: objects made, asked about twice, compared, shrunk and kept.

use std::collections::BTreeMap;

use porthole_pod::Options;
use porthole_tests::failure::Result;
use porthole_tests::kubernetes::Client;

use crate::answer::{Answer, difference};
use crate::coverage::Coverage;
use crate::generator::{Generator, Sample};
use crate::porthole;
use crate::record::Recorded;
use crate::server;
use crate::shrink::shrink;
use crate::tree::Tree;

/// How often a server is asked again that says things in an order of chance.
const REPEATS: usize = 12;
/// How often a server is asked to make a disagreement small.
pub(crate) const SHRINKING: usize = 250;
/// How many kinds of disagreements are made small; those beyond are counted.
const SHOWN: usize = 10;

/// What was different, how often and where first.
pub(crate) type Kinds = BTreeMap<String, (usize, u64)>;

/// A server, and porthole's options for the same.
#[derive(Debug)]
pub struct Pair<'c> {
    /// The server.
    pub client: &'c Client,
    /// What porthole takes it for.
    pub options: Options,
}

/// A disagreement of one kind.
#[derive(Debug)]
pub struct Disagreement {
    /// What is different.
    pub what: String,
    /// In how many objects.
    pub count: usize,
    /// The number of the first one.
    pub index: u64,
    /// What is left of it, with the server's answer.
    pub least: Recorded,
    /// porthole's answer to that.
    pub ours: Answer,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// About how many objects there were two answers.
    pub objects: usize,
    /// The numbers of those over which the server panicked, which count nowhere else.
    pub panics: Vec<u64>,
    /// How many of the others the server took.
    pub taken: usize,
    /// In how many the answers differ.
    pub different: usize,
    /// Of how many kinds those are.
    pub kinds: usize,
    /// The most frequent kinds of disagreements.
    pub disagreements: Vec<Disagreement>,
    /// What was seen of the rules.
    pub coverage: Coverage,
    /// The server's answers.
    pub recorded: Vec<Recorded>,
}

/// The most frequent kinds of disagreements, each with how often it was seen and where first.
pub(crate) fn most_frequent(kinds: Kinds) -> impl Iterator<Item = (String, (usize, u64))> {
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (count, _))| usize::MAX - count);
    kinds.into_iter().take(SHOWN)
}

/// What a server answers. It is asked again, at most so often, where it differs from our answer in what may be chance. None where it
/// panics.
pub(crate) fn ask_again(
    ask: impl Fn() -> Result<Option<Answer>>,
    ours: &Answer,
    repeats: usize,
) -> Result<Option<Answer>> {
    let mut theirs = ask()?;
    for _ in 0..repeats {
        let may_be_chance =
            |theirs: &Answer| theirs != ours && theirs.code == ours.code && theirs.lines().len() >= 2;
        if !theirs.as_ref().is_some_and(may_be_chance) {
            break;
        }
        theirs = ask()?;
    }
    Ok(theirs)
}

/// Whether both answers differ in just that.
pub(crate) fn is_still(both: Result<Option<(Answer, porthole::Verdict)>>, what: &str) -> bool {
    let Ok(Some((theirs, ours))) = both else {
        return false;
    };
    difference(&theirs, &ours.answer).as_deref() == Some(what)
}

impl Pair<'_> {
    /// Both answers to an object. The server is asked again where they differ in what may be chance. None where it panics.
    fn both(&self, sample: &Sample) -> Result<Option<(Answer, porthole::Verdict)>> {
        let ours = porthole::answer(&sample.text(), sample.namespace, &self.options)?;
        let ask = || server::ask(self.client, &sample.object, sample.namespace);
        let theirs = ask_again(ask, &ours.answer, REPEATS)?;
        Ok(theirs.map(|theirs| (theirs, ours)))
    }

    /// Asks about the objects of these numbers.
    ///
    /// # Errors
    /// There is no answer.
    pub fn run(&self, generator: &Generator, numbers: std::ops::Range<u64>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut kinds = Kinds::new();
        for index in numbers {
            let sample = generator.sample(index);
            let Some((theirs, ours)) = self.both(&sample)? else {
                outcome.panics.push(index);
                continue;
            };
            outcome.objects += 1;
            outcome.taken += usize::from(theirs.code < 300);
            outcome.coverage.note(&sample.object, &ours);
            if let Some(what) = difference(&theirs, &ours.answer) {
                outcome.different += 1;
                kinds.entry(what).or_insert((0, index)).0 += 1;
            }
            outcome.recorded.push(Recorded {
                object: sample.object.to_json(),
                old: None,
                namespace: sample.namespace.to_owned(),
                answer: theirs,
            });
        }
        outcome.kinds = kinds.len();
        for (what, (count, index)) in most_frequent(kinds) {
            let least = self.shrunk(generator, what, count, index)?;
            outcome.disagreements.extend(least);
        }
        Ok(outcome)
    }

    fn shrunk(
        &self,
        generator: &Generator,
        what: String,
        count: usize,
        index: u64,
    ) -> Result<Option<Disagreement>> {
        let mut sample = generator.sample(index);
        let with = |object: &Tree| Sample {
            object: object.clone(),
            ..sample.clone()
        };
        let least = shrink(&sample.object, SHRINKING, |object| {
            is_still(self.both(&with(object)), &what)
        });
        sample.object = least;
        let Some((theirs, ours)) = self.both(&sample)? else {
            return Ok(None);
        };
        Ok(Some(Disagreement {
            what,
            count,
            index,
            least: Recorded {
                object: sample.object.to_json(),
                old: None,
                namespace: sample.namespace.to_owned(),
                answer: theirs,
            },
            ours: ours.answer,
        }))
    }
}
