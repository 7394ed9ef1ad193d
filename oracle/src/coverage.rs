//! Whether both sides of every rule were seen: how often it found something, and how often there was its field and it
//! found nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use porthole_pod::{Enforcer, rules};

use crate::porthole::Verdict;
use crate::tree::Tree;

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
                        field.is_empty() || seen.fields.contains(*field) || {
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

    /// The counts as a table, and the rules of which a side was not seen.
    #[must_use]
    pub fn report(&self) -> String {
        let counts = self.counts();
        let mut text = format!("{:<52}{:>9}{:>9}\n", "rule", "found", "silent");
        for (rule, count) in &counts {
            let _ = writeln!(text, "{rule:<52}{:>9}{:>9}", count.fired, count.silent);
        }
        let never: Vec<&str> = counts
            .iter()
            .filter(|(_, count)| count.fired == 0 || count.silent == 0)
            .map(|(rule, _)| *rule)
            .collect();
        let _ = writeln!(
            text,
            "{} rules, both sides seen of {}; not of: {}",
            counts.len(),
            counts.len() - never.len(),
            never.join(", ")
        );
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
