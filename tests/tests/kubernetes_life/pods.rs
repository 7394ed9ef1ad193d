//! Each life, as the kubelet tells it and as porthole does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::kubernetes::Node;
use porthole_tests::wait;
use serde_json::Value;

use crate::cases::CASES;
use crate::meant;
use crate::status::shown;
use crate::twins::{Porthole, create, follow, host_process, node, ordinary, pod};

/// All lives together, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(5);

/// Pods at their moments, by name.
#[derive(Default)]
struct Seen(BTreeMap<String, Value>);

impl Seen {
    /// Keeps a pod that is at its moment for the first time.
    fn look(&mut self, pod: Value) {
        let case = CASES.iter().find(|case| pod["metadata"]["name"] == case.name);
        if let Some(case) = case.filter(|case| !self.0.contains_key(case.name) && (case.moment)(&pod)) {
            self.0.insert(case.name.to_owned(), pod);
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        let names = CASES.iter().map(|case| case.name);
        names.filter(|name| !self.0.contains_key(*name)).collect()
    }
}

fn theirs(node: &Node) -> Seen {
    let mut seen = Seen::default();
    let all = follow(node, "pods", LIMIT, |pod| {
        seen.look(pod);
        seen.missing().is_empty()
    });
    if let Err(error) = all {
        panic!(
            "{error}: the kubelet's lives {:?}\n{}",
            seen.missing(),
            node.said()
        );
    }
    seen
}

fn ours(porthole: &Porthole) -> Seen {
    let mut seen = Seen::default();
    let all = wait::until("porthole's lives", LIMIT, || {
        let missing = seen.missing();
        for pod in porthole.inspect(&missing) {
            seen.look(pod);
        }
        Ok::<_, Failure>(seen.missing().is_empty().then_some(()))
    });
    if let Err(failure) = all {
        panic!("{failure}: {:?}", seen.missing());
    }
    seen
}

/// The lines that are only in one of two texts: `-` those of the first, `+` those of the second.
fn difference(theirs: &str, ours: &str) -> String {
    let mut text = String::new();
    for (sign, these, those) in [('-', theirs, ours), ('+', ours, theirs)] {
        for line in these
            .lines()
            .filter(|line| !those.lines().any(|own| own == *line))
        {
            let _ = writeln!(text, "{sign} {line}");
        }
    }
    text
}

#[test]
#[ignore = "needs root and a kubelet"]
fn a_pod_lives_as_the_kubelet_lets_it_live() {
    let porthole = Porthole::new();
    let (theirs, ours) = thread::scope(|scope| {
        // The cluster takes its time to be there.
        let ours = scope.spawn(|| {
            for case in CASES {
                porthole.start(case.name, &pod(case.name, &host_process(case.spec)));
            }
            ours(&porthole).0
        });
        let node = node();
        let all: Vec<String> = CASES
            .iter()
            .map(|case| pod(case.name, &ordinary(case.spec)))
            .collect();
        create(&node, &all.join("\n---\n"), &porthole);
        let theirs = theirs(&node).0;
        node.check().unwrap();
        (theirs, ours.join().unwrap())
    });

    let mut different = String::new();
    for case in CASES {
        let found = difference(&shown(&theirs[case.name]), &shown(&ours[case.name]));
        if found != meant::of(case.name) {
            let _ = writeln!(different, "== {}\n{found}", case.name);
        }
    }
    assert!(different.is_empty(), "(-) the kubelet, (+) porthole\n{different}");
}
