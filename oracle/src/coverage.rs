//! Whether both sides of every rule were seen: how often it found something, and how often there was its field and it
//! found nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use porthole_pod::{Enforcer, rules};

use crate::porthole::Verdict;
use crate::tree::Tree;
use crate::unseen;

/// What was seen of the rules in a run.
#[derive(Debug, Default)]
pub struct Coverage {
    objects: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The object's fields.
    fields: HashSet<String>,
    /// The rules that found something, and in which field.
    fired: HashSet<(&'static str, String)>,
}

/// How often a rule was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In how many objects it found something.
    pub fired: usize,
    /// In how many objects there was a field in which it found something elsewhere, and it found nothing.
    pub silent: usize,
}

impl Coverage {
    /// Takes an object's verdict into account.
    pub fn note(&mut self, object: &Tree, verdict: &Verdict) {
        let mut fields = Vec::new();
        object.paths("", &mut fields);
        self.objects.push(Seen {
            fields: fields.iter().map(|field| general(field)).collect(),
            fired: verdict
                .fired
                .iter()
                .map(|(rule, field)| (*rule, general(field)))
                .collect(),
        });
    }

    /// The counts of the rules that answers can show: those of the API server and of Pod Security.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, Count> {
        let mut places: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for (rule, field) in self.objects.iter().flat_map(|seen| &seen.fired) {
            places.entry(rule).or_default().insert(field);
        }
        let shown = |enforcer| matches!(enforcer, Enforcer::ApiServer | Enforcer::PodSecurity);
        let mut counts = BTreeMap::new();
        for rule in rules::all().filter(|rule| shown(rule.enforcer)) {
            let mut count = Count::default();
            let fields = places.get(rule.name);
            for seen in &self.objects {
                if seen.fired.iter().any(|(name, _)| *name == rule.name) {
                    count.fired += 1;
                } else if fields.is_some_and(|fields| {
                    // What is missing has its place in what would hold it.
                    fields.iter().any(|field| {
                        let holder = field.trim_end_matches("[*]");
                        field.is_empty() || seen.fields.contains(*field) || seen.fields.contains(holder) || {
                            let above = field.rsplit_once('.').map_or("", |(above, _)| above);
                            seen.fields.contains(above.trim_end_matches("[*]"))
                        }
                    })
                }) {
                    count.silent += 1;
                }
            }
            counts.insert(rule.name, count);
        }
        counts
    }
}

/// The counts of several runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, Count>);

impl Counts {
    /// Reads the counts that [`Self::table`] has written.
    #[must_use]
    pub fn read(table: &str) -> Self {
        let counts = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (rule, fired, silent) = (words.next()?, words.next()?, words.next()?);
            let count = Count {
                fired: fired.parse().ok()?,
                silent: silent.parse().ok()?,
            };
            words.next().is_none().then(|| (rule.to_owned(), count))
        });
        Self(counts.collect())
    }

    /// Adds what was seen in a run.
    pub fn add(&mut self, coverage: &Coverage) {
        for (rule, count) in coverage.counts() {
            let sum = self.0.entry(rule.to_owned()).or_default();
            sum.fired += count.fired;
            sum.silent += count.silent;
        }
    }

    /// The counts as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{:<52}{:>9}{:>9}\n", "rule", "found", "silent");
        for (rule, count) in &self.0 {
            let _ = writeln!(text, "{rule:<52}{:>9}{:>9}", count.fired, count.silent);
        }
        text
    }

    /// Of how many rules both sides were seen, and of which not, and why.
    #[must_use]
    pub fn summary(&self) -> String {
        let unseen: Vec<&str> = self
            .0
            .iter()
            .filter(|(_, count)| count.fired == 0 || count.silent == 0)
            .map(|(rule, _)| rule.as_str())
            .collect();
        let both = self.0.len() - unseen.len();
        let mut text = format!("{} rules, both sides seen of {both}\n", self.0.len());
        for rule in unseen {
            let why = unseen::why(rule).unwrap_or("by chance: no object of these runs shows it");
            let _ = writeln!(text, "  {rule}: {why}");
        }
        text
    }
}

/// A field without its indices and without what stands around a pod.
fn general(field: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for c in field.chars() {
        match c {
            '[' => {
                inside = true;
                kept.push_str("[*]");
            }
            ']' => inside = false,
            _ if inside => {}
            _ => kept.push(c),
        }
    }
    for place in ["spec.jobTemplate.spec.template.", "spec.template.", "template."] {
        if let Some(rest) = kept.strip_prefix(place) {
            return rest.to_owned();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_are_written() {
        let counts = Counts(BTreeMap::from([
            ("a".to_owned(), Count { fired: 3, silent: 0 }),
            ("b".to_owned(), Count { fired: 1, silent: 7 }),
        ]));
        assert_eq!(Counts::read(&counts.table()), counts);
        assert_eq!(
            counts.summary(),
            "2 rules, both sides seen of 1\n  a: by chance: no object of these runs shows it\n"
        );
    }
}
