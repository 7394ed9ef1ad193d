//! Each life, as the kubelet tells it and as porthole does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use serde_json::Value;

use crate::cases::CASES;
use crate::status::shown;
use crate::twins::{Porthole, create, host_process, list, node, ordinary, pod};

/// All lives together, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(5);

/// What somebody says of each pod at its moment, by the pod's name.
fn look(who: &str, read: impl Fn() -> Vec<Value>) -> BTreeMap<String, Value> {
    let mut seen = BTreeMap::new();
    let mut last = String::new();
    let all = wait::until(&format!("the lives by {who}"), LIMIT, || {
        for pod in read() {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let case = CASES.iter().find(|case| case.name == name);
            if case.is_some_and(|case| !seen.contains_key(case.name) && (case.moment)(&pod)) {
                seen.insert(name, pod);
            } else if case.is_some_and(|case| !seen.contains_key(case.name)) {
                last = format!("{name}\n{}", shown(&pod));
            }
        }
        Ok::<_, Failure>((seen.len() == CASES.len()).then_some(()))
    });
    if let Err(failure) = all {
        let missing: Vec<&str> = CASES
            .iter()
            .map(|case| case.name)
            .filter(|name| !seen.contains_key(*name))
            .collect();
        panic!("{failure}: missing {missing:?}, of which the last is at\n{last}");
    }
    seen
}

#[test]
#[ignore = "needs root and a kubelet"]
fn a_pod_lives_as_the_kubelet_lets_it_live() {
    let porthole = Porthole::new();
    let all: Vec<String> = CASES
        .iter()
        .map(|case| pod(case.name, &ordinary(case.spec)))
        .collect();
    create(&all.join("\n---\n"), &porthole);
    let theirs = look("the kubelet", || list("pods"));
    node().check().unwrap();

    for case in CASES {
        porthole.start(case.name, &pod(case.name, &host_process(case.spec)));
    }
    let ours = look("porthole", || {
        CASES.iter().map(|case| porthole.inspect(case.name)).collect()
    });
    let mut different = String::new();
    for case in CASES {
        let (theirs, ours) = (shown(&theirs[case.name]), shown(&ours[case.name]));
        if theirs != ours {
            let _ = writeln!(different, "== {}", case.name);
            for line in theirs
                .lines()
                .filter(|line| !ours.lines().any(|own| own == *line))
            {
                let _ = writeln!(different, "- {line}");
            }
            for line in ours
                .lines()
                .filter(|line| !theirs.lines().any(|own| own == *line))
            {
                let _ = writeln!(different, "+ {line}");
            }
        }
    }
    assert!(different.is_empty(), "(-) the kubelet, (+) porthole\n{different}");
}
