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
const SHRINKING: usize = 250;
/// How many kinds of disagreements are made small; those beyond are counted.
const SHOWN: usize = 10;

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
    /// How many objects were asked about.
    pub objects: usize,
    /// How many of them the server took.
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

impl Pair<'_> {
    /// Both answers to an object. The server is asked again where they differ in what may be chance.
    fn both(&self, sample: &Sample) -> Result<(Answer, porthole::Verdict)> {
        let ours = porthole::answer(&sample.text(), sample.namespace, &self.options)?;
        let mut theirs = server::ask(self.client, &sample.object, sample.namespace)?;
        let sorted = |answer: &Answer| {
            let mut lines = answer.lines();
            lines.sort();
            lines
        };
        for _ in 0..REPEATS {
            if theirs == ours.answer || theirs.code != ours.answer.code || sorted(&theirs).len() < 2 {
                break;
            }
            theirs = server::ask(self.client, &sample.object, sample.namespace)?;
        }
        Ok((theirs, ours))
    }

    /// Asks about the objects of these numbers.
    ///
    /// # Errors
    /// There is no answer.
    pub fn run(&self, generator: &Generator, numbers: std::ops::Range<u64>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut kinds: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for index in numbers {
            let sample = generator.sample(index);
            let (theirs, ours) = self.both(&sample)?;
            outcome.objects += 1;
            outcome.taken += usize::from(theirs.code < 300);
            outcome.coverage.note(&sample.object, &ours);
            if let Some(what) = difference(&theirs, &ours.answer) {
                outcome.different += 1;
                kinds.entry(what).or_insert((0, index)).0 += 1;
            }
            outcome.recorded.push(Recorded {
                object: sample.object.to_json(),
                namespace: sample.namespace.to_owned(),
                answer: theirs,
            });
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, (count, _))| usize::MAX - count);
        outcome.kinds = kinds.len();
        for (what, (count, index)) in kinds.into_iter().take(SHOWN) {
            outcome
                .disagreements
                .push(self.shrunk(generator, what, count, index)?);
        }
        Ok(outcome)
    }

    fn shrunk(&self, generator: &Generator, what: String, count: usize, index: u64) -> Result<Disagreement> {
        let mut sample = generator.sample(index);
        let with = |object: &Tree| Sample {
            object: object.clone(),
            ..sample.clone()
        };
        let least = shrink(&sample.object, SHRINKING, |object| {
            self.both(&with(object))
                .is_ok_and(|(theirs, ours)| difference(&theirs, &ours.answer).as_ref() == Some(&what))
        });
        sample.object = least;
        let (theirs, ours) = self.both(&sample)?;
        Ok(Disagreement {
            what,
            count,
            index,
            least: Recorded {
                object: sample.object.to_json(),
                namespace: sample.namespace.to_owned(),
                answer: theirs,
            },
            ours: ours.answer,
        })
    }
}
