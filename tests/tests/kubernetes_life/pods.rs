//! Each life, as the kubelet tells it and as porthole does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use serde_json::Value;

use crate::cases::{CASES, Case};
use crate::meant;
use crate::status::shown;
use crate::twins::{Porthole, create, host_process, list, node, ordinary, pod};

/// All lives together, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(5);

/// What somebody says of each pod at its moment, by the pod's name. `read` is asked for those that are not there yet.
fn look(who: &str, read: impl Fn(&[&Case]) -> Vec<Value>) -> BTreeMap<String, Value> {
    let mut seen = BTreeMap::new();
    let mut missing: Vec<&Case> = CASES.iter().collect();
    let mut last = String::new();
    let all = wait::until(&format!("the lives by {who}"), LIMIT, || {
        let pods = read(&missing);
        missing.retain(|case| {
            let Some(pod) = pods.iter().find(|pod| pod["metadata"]["name"] == case.name) else {
                return true;
            };
            if (case.moment)(pod) {
                seen.insert(case.name.to_owned(), pod.clone());
                return false;
            }
            last = format!("{}\n{}", case.name, shown(pod));
            true
        });
        Ok::<_, Failure>(missing.is_empty().then_some(()))
    });
    if let Err(failure) = all {
        let names: Vec<&str> = missing.iter().map(|case| case.name).collect();
        panic!("{failure}: missing {names:?}, of which the last is at\n{last}");
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
            let _ = writeln!(text, "{sign} {}", line.trim_start());
        }
    }
    text
}

#[test]
#[ignore = "needs root and a kubelet"]
fn a_pod_lives_as_the_kubelet_lets_it_live() {
    let node = node();
    let porthole = Porthole::new();
    let all: Vec<String> = CASES
        .iter()
        .map(|case| pod(case.name, &ordinary(case.spec)))
        .collect();
    create(&node, &all.join("\n---\n"), &porthole);
    for case in CASES {
        porthole.start(case.name, &pod(case.name, &host_process(case.spec)));
    }
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| look("the kubelet", |_| list(&node, "pods")));
        let ours = look("porthole", |missing| {
            missing.iter().map(|case| porthole.inspect(case.name)).collect()
        });
        (theirs.join().unwrap(), ours)
    });
    node.check().unwrap();

    let mut different = String::new();
    for case in CASES {
        let found = difference(&shown(&theirs[case.name]), &shown(&ours[case.name]));
        if found != meant::of(case.name) {
            let _ = writeln!(different, "== {}\n{found}", case.name);
        }
    }
    assert!(different.is_empty(), "(-) the kubelet, (+) porthole\n{different}");
}
