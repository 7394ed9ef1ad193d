//! A run of changes: objects created, changed without doing it, compared, and deleted.

use porthole_tests::failure::Result;
use serde_json::Value;

use crate::answer::{Answer, difference};
use crate::change::{change, keeps_what_stays, patch};
use crate::generator::{Generator, Sample};
use crate::namespaces;
use crate::porthole;
use crate::record::Recorded;
use crate::run::{Disagreement, Kinds, Outcome, Pair, SHRINKING, ask_again, is_still, most_frequent};
use crate::server;
use crate::shrink::shrink;
use crate::tree::Tree;

/// How often a server is asked again that says things in an order of chance.
const REPEATS: usize = 6;

/// What comes of a creation.
enum Creation {
    /// It is there.
    Live(Live),
    /// The server does not take it, or it would change what becomes of others.
    None,
    /// The server panics.
    Panic,
}

/// An object that is on the server, and its name there.
struct Live {
    object: Tree,
    name: String,
}

impl Live {
    /// Creates an object under a name that begins so: claims stay for a while under theirs.
    fn create(pair: &Pair<'_>, sample: &Sample, name: &str) -> Result<Creation> {
        let mut object = sample.object.clone();
        let kind = object
            .get("kind")
            .and_then(Tree::text)
            .unwrap_or_default()
            .to_owned();
        let name = format!("{name}-{}", kind.to_lowercase());
        let others = kind == "Namespace" || object.get("globalDefault") == Some(&true.into());
        let Some(metadata @ Tree::Map(_)) = object.at_mut("metadata").filter(|_| !others) else {
            return Ok(Creation::None);
        };
        // It may be there more than once.
        metadata.remove("name");
        metadata.set("name", name.as_str());
        metadata.remove("namespace");
        // A patch is warned of owners in other cases than a whole object, and changes the records of who wrote what.
        metadata.remove("ownerReferences");
        metadata.remove("managedFields");
        // What stays for others to finish keeps its ports.
        if kind == "Service" {
            metadata.remove("finalizers");
        }
        let taken = server::create(pair.client, &object, namespaces::DEFAULT)?;
        Ok(match taken {
            server::Created::As(uid) => {
                if let Some(metadata) = object.at_mut("metadata") {
                    metadata.set("uid", uid.as_str());
                }
                Creation::Live(Self { object, name })
            }
            server::Created::Refused => Creation::None,
            server::Created::Panic => Creation::Panic,
        })
    }

    /// Both answers to its change; None where the server panics.
    fn both(&self, pair: &Pair<'_>, changed: &Tree) -> Result<Option<(Answer, porthole::Verdict)>> {
        let (old, new) = (self.object.to_json(), changed.to_json());
        let ours = porthole::answer_to_change(&old, &new, namespaces::DEFAULT, &pair.options)?;
        let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let patch = patch(&read(&old), &read(&new));
        let ask =
            || server::ask_to_change(pair.client, &self.object, &self.name, namespaces::DEFAULT, &patch);
        let theirs = ask_again(ask, &ours.answer, REPEATS)?;
        Ok(theirs.map(|theirs| (theirs, ours)))
    }

    fn delete(&self, pair: &Pair<'_>) -> Result<()> {
        server::delete(pair.client, &self.object, &self.name, namespaces::DEFAULT)
    }
}

impl Pair<'_> {
    /// Asks about the changes of the objects of these numbers that the server takes.
    ///
    /// # Errors
    /// There is no answer.
    pub fn run_changes(&self, generator: &Generator, numbers: std::ops::Range<u64>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut kinds = Kinds::new();
        for index in numbers {
            let mut sample = generator.sample(index);
            let live = match Live::create(self, &sample, &format!("u-{index}"))? {
                Creation::Live(live) => live,
                Creation::None => continue,
                Creation::Panic => {
                    outcome.panics.push(index);
                    continue;
                }
            };
            sample.object = live.object.clone();
            let changed = change(generator, &sample, index);
            let both = live.both(self, &changed)?;
            live.delete(self)?;
            let Some((theirs, ours)) = both else {
                outcome.panics.push(index);
                continue;
            };
            // Patches are read by other code, which says in other words what it cannot read.
            if theirs.code == 400 || ours.answer.code == 400 {
                continue;
            }
            outcome.objects += 1;
            outcome.taken += usize::from(theirs.code < 300);
            outcome.coverage.note(&changed, &ours);
            if let Some(what) = difference(&theirs, &ours.answer) {
                outcome.different += 1;
                kinds.entry(what).or_insert((0, index)).0 += 1;
            }
            outcome.recorded.push(Recorded {
                object: changed.to_json(),
                old: Some(live.object.to_json()),
                namespace: namespaces::DEFAULT.to_owned(),
                answer: theirs,
            });
        }
        outcome.kinds = kinds.len();
        for (what, (count, index)) in most_frequent(kinds) {
            let least = self.least_change(generator, what, count, index)?;
            outcome.disagreements.extend(least);
        }
        Ok(outcome)
    }

    fn least_change(
        &self,
        generator: &Generator,
        what: String,
        count: usize,
        index: u64,
    ) -> Result<Option<Disagreement>> {
        let mut sample = generator.sample(index);
        let Creation::Live(live) = Live::create(self, &sample, &format!("v-{index}"))? else {
            return Ok(None);
        };
        sample.object = live.object.clone();
        let changed = change(generator, &sample, index);
        let least = shrink(&changed, SHRINKING, |changed| {
            changed.at("metadata.name").is_some()
                && keeps_what_stays(&live.object, changed)
                && is_still(live.both(self, changed), &what)
        });
        let both = live.both(self, &least)?;
        live.delete(self)?;
        let Some((theirs, ours)) = both else {
            return Ok(None);
        };
        Ok(Some(Disagreement {
            what,
            count,
            index,
            least: Recorded {
                object: least.to_json(),
                old: Some(live.object.to_json()),
                namespace: namespaces::DEFAULT.to_owned(),
                answer: theirs,
            },
            ours: ours.answer,
        }))
    }
}
