//! Whether `porthole check` over files says of pods what the webhook says of them, asked by a real API server and directly.
//!
//! The files are what the cluster was filled with. A pod goes through three hands there: `/mutate`, the API server's own
//! validation, `/validate`; who refuses it first ends it. `check` tells all of it at once, so that what each of the three would
//! say is taken from what it says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use porthole_tests::fuzz::seed;
use porthole_tests::kubernetes::Answer;
use serde_json::Value;

use super::bed::{Bed, response, review_of};
use super::checked::{Checked, Refusal, check, levels, refused, texts};
use super::generated::{self, SPECS};

/// What the cluster and the files have beside.
pub(super) const MORE: &str = include_str!("answers.yaml");
/// How many pods are asked about.
const PODS_ASKED: u64 = 350;
/// How many beside them that may ask for accounts of their nodes.
const HOST_PODS_ASKED: u64 = 150;
const WEBHOOK: &str = "admission webhook \"admission-webhook.windows-gmsa.sigs.k8s.io\" denied the request: ";

/// The pod after a patch, which only adds.
fn patched(pod: &Value, answer: &Value) -> Value {
    use base64::Engine as _;
    let mut pod = pod.clone();
    let Some(patch) = answer["patch"].as_str() else {
        return pod;
    };
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let operations: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    for operation in operations {
        assert_eq!(operation["op"], "add");
        let (parent, key) = operation["path"].as_str().unwrap().rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[key] = operation["value"].clone();
    }
    pod
}

/// What became of the pods, so that none of it is missing.
#[derive(Debug, Default)]
struct Seen {
    admitted: usize,
    by_mutate: usize,
    by_server: usize,
    by_validate: usize,
    by_host_accounts: usize,
    warned: usize,
    causes: usize,
    unaskable: usize,
}

struct Asker<'a> {
    bed: &'a Bed,
    agent: ureq::Agent,
    seen: Seen,
}

impl Asker<'_> {
    fn create(&self, pod: &Value) -> Answer {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        self.bed.client.post(&path, &pod.to_string()).unwrap()
    }

    fn both(&mut self, checked: &Checked) {
        let unaskable = checked.unaskable();
        if unaskable.is_empty() {
            self.directly(checked);
            self.by_server(checked);
            return;
        }
        // The webhook says in the words of Go's client that it cannot be asked for, and `check` in those of the API server
        // that it is no name.
        self.seen.unaskable += 1;
        assert!(
            unaskable.iter().all(|field| checked.wrong.contains(field)),
            "{unaskable:?}"
        );
        assert!(!checked.passes());
        let answer = self.create(&checked.pod);
        assert!((400..=500).contains(&answer.code), "{}", answer.body);
    }

    /// What the webhook says at one of its paths: a refusal, or the pod.
    fn ask(&self, path: &str, pod: &Value) -> Result<Value, Refusal> {
        let (code, body) = self
            .bed
            .webhook
            .review(&self.agent, path, review_of(pod).as_bytes())
            .unwrap();
        assert_eq!(code, 200);
        let answer = response(&body);
        if answer["allowed"] == true {
            return Ok(patched(pod, &answer));
        }
        let warnings = texts(&answer["warnings"]);
        let status = &answer["status"];
        Err(refused(status, status["message"].as_str().unwrap(), &warnings))
    }

    /// Holds the webhook's own answers against `check`.
    fn directly(&mut self, checked: &Checked) {
        let (mutate, validate) = (checked.mutate(), checked.validate());
        let mutated = match self.ask("/mutate", &checked.pod) {
            Ok(pod) => {
                assert_eq!(mutate, None);
                pod
            }
            Err(refusal) => {
                assert_eq!(Some(refusal), mutate);
                // What cannot be had is not filled in, and the rest is judged nevertheless.
                return;
            }
        };
        filled(&checked.pod, &mutated);
        assert_eq!(self.ask("/validate", &mutated).err(), validate);
    }

    /// Holds the API server's answer against `check`.
    fn by_server(&mut self, checked: &Checked) {
        let answer = self.create(&checked.pod);
        let status = answer.json().unwrap();
        let of_webhook = |answer: &Answer| {
            let message = status["message"].as_str()?.strip_prefix(WEBHOOK)?;
            Some(refused(&status, message, &answer.warnings))
        };
        if let Some(expected) = checked.mutate() {
            self.seen.by_mutate += 1;
            self.seen.causes += expected.causes.len();
            assert_eq!(of_webhook(&answer), Some(expected));
        } else if !checked.passes() {
            self.seen.by_server += 1;
            assert_eq!(u64::from(answer.code), checked.code);
            assert_eq!(status["message"], checked.status["message"]);
        } else if let Some(mut expected) = checked.validate() {
            self.seen.by_validate += 1;
            self.seen.by_host_accounts += usize::from(expected.message.contains("host account"));
            self.seen.causes += expected.causes.len();
            let mut found = of_webhook(&answer).unwrap_or_else(|| panic!("{status}"));
            // The server has warnings of its own.
            found.help.retain(|text| expected.help.contains(text));
            expected.help.dedup();
            assert_eq!(found, expected);
        } else {
            self.seen.admitted += 1;
            assert_eq!(answer.code, 201, "{status}");
            self.seen.warned += usize::from(answer.warnings.iter().any(|text| text.contains("host account")));
            assert_eq!(answer.warnings, checked.warnings);
            filled(&checked.pod, &status);
        }
    }
}

/// Each level that names a credential spec has its contents: letter by letter where it had none, and else as they were.
fn filled(before: &Value, after: &Value) {
    for level in levels(after) {
        let options = |pod: &Value| pod.pointer(&level).cloned().unwrap_or_default();
        let (before, after) = (options(before), options(after));
        let Some(name) = after["gmsaCredentialSpecName"].as_str() else {
            continue;
        };
        let held = after["gmsaCredentialSpec"].as_str();
        let expected = before["gmsaCredentialSpec"].as_str().or_else(|| {
            let known = SPECS.iter().find(|(spec, _)| *spec == name);
            known.and_then(|(_, contents)| *contents)
        });
        assert_eq!(held, expected, "{level} {name}");
    }
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn check_and_the_webhook_say_the_same_of_the_same_pods() {
    let bed = Bed::new(&[]);
    bed.fill(MORE);
    bed.register();
    let from = seed();
    let pods = (0..PODS_ASKED).map(|number| generated::pod(from, number));
    let host_pods = (0..HOST_PODS_ASKED).map(|number| generated::host_pod(from, number));
    let pods: Vec<Value> = pods.chain(host_pods).collect();
    let mut asker = Asker {
        agent: bed.webhook.agent(1).unwrap(),
        bed: &bed,
        seen: Seen::default(),
    };
    for (number, checked) in check(&pods).iter().enumerate() {
        let held = catch_unwind(AssertUnwindSafe(|| asker.both(checked)));
        assert!(
            held.is_ok(),
            "pod {number} of PORTHOLE_FUZZ_SEED={from} is answered otherwise than said above: {}",
            checked.pod
        );
    }
    let seen = asker.seen;
    println!("seed {from}: {seen:?}");
    let many = [
        seen.admitted,
        seen.by_mutate,
        seen.by_server,
        seen.by_validate,
        seen.unaskable,
        seen.by_host_accounts,
        seen.warned,
    ];
    assert!(many.iter().all(|count| *count >= 5), "seed {from}: {seen:?}");
}
