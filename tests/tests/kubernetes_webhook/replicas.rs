//! Replicas that end, and some that are killed, while pods are created.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use porthole_tests::kubernetes::{Balancer, Webhook};
use porthole_tests::wait;
use serde_json::{Value, json};

use super::bed::{Bed, CONTENTS, PODS, SEEN, contents, message, pod, response, review};
use super::load::Load;

/// How often a kubelet would ask whether a server is ready.
const LOOK: Duration = Duration::from_millis(100);
/// As long as a request takes at most here.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
const CALLED: &str = "failed calling webhook \"admission-webhook.windows-gmsa.sigs.k8s.io\"";

/// The address of a webhook without its scheme.
fn address(webhook: &Webhook) -> &str {
    webhook.address().strip_prefix("https://").unwrap()
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn no_request_fails_while_one_replica_after_the_other_is_replaced() {
    let bed = Bed::new(&["--drain-delay=2"]);
    let balancer = Balancer::new().unwrap();
    let start = || bed.start(&["--drain-delay=2"]);
    let others = [start(), start(), start()];
    // Two of them are there from the beginning, each of which is replaced by one of the two that come.
    let all = [&bed.webhook, &others[0], &others[1], &others[2]];
    let began = Mutex::new(2);
    let look = |agent: &ureq::Agent| {
        let known = &all[..*began.lock().unwrap()];
        let is_ready = |webhook: &&&Webhook| matches!(webhook.get(agent, "/readyz"), Ok((200, _)));
        let ready: Vec<&str> = known
            .iter()
            .filter(is_ready)
            .map(|webhook| address(webhook))
            .collect();
        balancer.lead_to(&ready);
        ready.len()
    };
    let agent = bed.webhook.agent(0).unwrap();
    assert_eq!(look(&agent), 2);
    let url = format!("https://{}", balancer.address());
    bed.register_at(&url);
    let (load, looked) = (Load::new(), AtomicBool::new(false));
    // A client that keeps its connection as long as the server lets it.
    let keeps = bed.webhook.agent(1).unwrap();
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            while !looked.load(Ordering::SeqCst) {
                look(&agent);
                thread::sleep(LOOK);
            }
        });
        let pods: Vec<_> = (0..2)
            .map(|_| {
                load.spawn(scope, || {
                    let (code, pod) = bed.create("web", "webapp1");
                    assert_eq!((code, contents(&pod)), (201, Some(CONTENTS)), "{pod}");
                })
            })
            .collect();
        let direct = load.spawn(scope, || {
            let review = review("web", "webapp1", None);
            let request = keeps
                .post(format!("{url}/mutate"))
                .header("Content-Type", "application/json");
            let mut answer = request.send(&review).unwrap();
            let body = answer.body_mut().read_to_string().unwrap();
            assert_eq!(
                (answer.status().as_u16(), &response(&body)["allowed"]),
                (200, &json!(true))
            );
        });
        load.during(|| {
            load.goes_on(50);
            for (at, webhook) in all[..2].iter().enumerate() {
                *began.lock().unwrap() = at + 3;
                load.goes_on(20);
                webhook.terminate().unwrap();
                assert_eq!(webhook.ended().unwrap(), 0, "{}", webhook.said());
                load.goes_on(50);
            }
        });
        for thread in pods.into_iter().chain([direct]) {
            thread.join().unwrap();
        }
        looked.store(true, Ordering::SeqCst);
        looking.join().unwrap();
    });
    // Both may be kept to one of those that came: that is the balancer's choice.
    let came = all[2..].iter();
    let asked: f64 = came.map(|webhook| reviewed(webhook, &agent)).sum();
    assert!(asked >= 50.0, "those that came were asked: {asked}");
}

/// How many pods it has been asked about, and has let in.
fn reviewed(webhook: &Webhook, agent: &ureq::Agent) -> f64 {
    let outcomes = ["patched", "allowed"]
        .map(|outcome| format!("porthole_webhook_requests_total{{path=\"/mutate\",outcome=\"{outcome}\"}}"));
    // What was never counted is not told.
    let counts = outcomes.iter().map(|name| webhook.metric(agent, name).unwrap());
    counts.map(Option::unwrap_or_default).sum()
}

/// What the API server says of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// Admitted, with contents.
    Filled,
    /// Admitted by nobody's judgement.
    Unchecked,
    /// The webhook cannot be called.
    Failed,
    /// Not filled in by one that could not be called, and refused for that by one that can again.
    Unfilled,
    /// Anything else.
    Other(u16, String),
}

fn create(bed: &Bed) -> Said {
    let answer = bed.client.post(PODS, &pod("web", "webapp1").to_string()).unwrap();
    let said: Value = answer.json().unwrap();
    match answer.code {
        201 if contents(&said) == Some(CONTENTS) => Said::Filled,
        201 if contents(&said).is_none() => Said::Unchecked,
        500 if message(&said).contains(CALLED) => Said::Failed,
        422 if message(&said).contains("are missing: nobody has filled in") => Said::Unfilled,
        code => Said::Other(code, said.to_string()),
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn one_that_is_killed_fails_pods_as_the_policy_says_and_is_back_at_once() {
    let bed = Bed::new(&[]);
    let balancer = Balancer::new().unwrap();
    let mut webhook = bed.start(&[]);
    balancer.lead_to(&[address(&webhook)]);
    bed.register_at(&format!("https://{}", balancer.address()));
    for (policy, without) in [("Fail", Said::Failed), ("Ignore", Said::Unchecked)] {
        bed.set_policy(policy);
        let load = Load::new();
        // What is said, with the time at which it was asked.
        let said = Mutex::new(Vec::new());
        let (mut killed, mut restarted) = (Instant::now(), Instant::now());
        thread::scope(|scope| {
            let asking = load.spawn(scope, || {
                let asked = Instant::now();
                let answer = create(&bed);
                said.lock().unwrap().push((asked, answer));
            });
            load.during(|| {
                load.goes_on(20);
                webhook.kill().unwrap();
                killed = Instant::now();
                wait::until("pods to be answered as the policy says", SEEN, || {
                    let said = said.lock().unwrap();
                    let after = said.iter().filter(|(asked, _)| *asked > killed);
                    Ok((after.filter(|(_, answer)| *answer == without).count() >= 10).then_some(()))
                })
                .unwrap_or_else(|failure| panic!("{failure}: {:?}", said.lock().unwrap().last()));
                webhook = bed.start(&[]);
                balancer.lead_to(&[address(&webhook)]);
                restarted = Instant::now();
                load.goes_on(30);
            });
            asking.join().unwrap();
        });
        for (asked, answer) in &said.into_inner().unwrap() {
            // One that was on its way when the server was killed fails too.
            if *asked + ON_ITS_WAY < killed || *asked > restarted {
                assert_eq!(*answer, Said::Filled, "{policy}");
            } else {
                // Until the new policy has come round, the old one holds.
                let is_meant = matches!(answer, Said::Filled | Said::Failed) || *answer == without;
                let may_be = is_meant || (policy == "Ignore" && *answer == Said::Unfilled);
                assert!(may_be, "{policy}: {answer:?}");
            }
        }
    }
}
