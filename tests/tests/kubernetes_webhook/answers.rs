//! Whether `porthole check` over files says of pods what the webhook says of them, asked by a real API server and directly.
//!
//! The files are what the cluster was filled with. A pod goes through three hands there: `/mutate`, the API server's own
//! validation, `/validate`; who refuses it first ends it. `check` tells all of it at once, so that what each of the three would
//! say is taken from what it says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use porthole_tests::fuzz::seed;
use porthole_tests::kubernetes::Answer;
use porthole_tests::program;
use serde_json::{Value, json};

use super::bed::{Bed, CLUSTER, response};
use super::generated::{self, SPECS, UNASKABLE};

const MORE: &str = include_str!("answers.yaml");
/// How many pods are asked about.
const PODS_ASKED: u64 = 350;
/// How many beside them that may ask for accounts of their nodes.
const HOST_PODS_ASKED: u64 = 150;
const WEBHOOK: &str = "admission webhook \"admission-webhook.windows-gmsa.sigs.k8s.io\" denied the request: ";

/// What is wrong, with the field that it is wrong at.
type Cause = (String, String);

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: u64,
    message: String,
    causes: Vec<Cause>,
    /// What to try, where that is said.
    help: Vec<String>,
}

/// A finding of `check` that is the webhook's.
struct Finding {
    rule: String,
    field: String,
    message: String,
    /// What to try, in the webhook's words.
    help: Option<String>,
    is_error: bool,
}

impl Finding {
    fn read(finding: &Value) -> Option<Self> {
        let text = |key: &str| finding[key].as_str().map(str::to_owned);
        let rule = text("rule")?;
        // What older webhooks do is no answer of this one.
        (finding["enforcer"] == "webhook" && rule != "gmsa-not-looked-at").then_some(())?;
        let help = text("help");
        Some(Self {
            rule,
            field: text("field")?,
            message: text("message")?,
            // Behind it `check` says how strict the namespace is.
            help: help.map(|help| {
                help.split("; the namespace ")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }),
            is_error: finding["severity"] == "error",
        })
    }

    fn code(&self) -> u64 {
        match self.rule.as_str() {
            "gmsa-unauthorized" | "host-account-unauthorized" => 403,
            "gmsa-spec-unknown" => 404,
            "gmsa-spec-empty" => 417,
            "gmsa-contents-differ" | "gmsa-name-missing" => 422,
            other => panic!("{other} is no rule of the webhook"),
        }
    }

    /// The level that it is wrong at: the field without its last name.
    fn level(&self) -> &str {
        self.field.rsplit_once('.').unwrap().0
    }

    fn is_of_host_account(&self) -> bool {
        self.rule == "host-account-unauthorized"
    }

    /// Whether the existing webhook refuses it, too.
    fn is_known(&self) -> bool {
        !self.is_of_host_account() && !self.field.starts_with("spec.ephemeralContainers")
    }
}

/// What `check` says of a pod.
struct Checked {
    pod: Value,
    code: u64,
    status: Value,
    warnings: Vec<String>,
    findings: Vec<Finding>,
    /// The fields that the API server refuses.
    wrong: Vec<String>,
}

impl Checked {
    /// The options of the level of a field, `spec[.containers[1]].securityContext.windowsOptions`.
    fn options(&self, level: &str) -> &Value {
        let path = level.replace(['.', '['], "/").replace(']', "");
        self.pod.pointer(&format!("/{path}")).unwrap_or(&Value::Null)
    }

    /// What `/mutate` refuses: specs that cannot be had, where contents are to be filled in.
    fn mutate(&self) -> Option<Refusal> {
        let fills = |finding: &&Finding| {
            let is_spec = matches!(finding.rule.as_str(), "gmsa-spec-unknown" | "gmsa-spec-empty");
            is_spec && self.options(finding.level())["gmsaCredentialSpec"].is_null()
        };
        refusal(&self.findings.iter().filter(fills).collect::<Vec<_>>(), false)
    }

    /// What `/validate` refuses: of each level the first thing that is wrong, since who may not use a spec is told nothing of it;
    /// and then host accounts, where the namespace is strict about them.
    fn validate(&self) -> Option<Refusal> {
        let (of_host, of_specs): (Vec<&Finding>, Vec<&Finding>) = self
            .findings
            .iter()
            .partition(|finding| finding.is_of_host_account());
        let mut told: Vec<&Finding> = Vec::new();
        for finding in of_specs {
            if told.iter().all(|other| other.level() != finding.level()) {
                told.push(finding);
            }
        }
        let (refused, warned): (Vec<&Finding>, Vec<&Finding>) =
            of_host.into_iter().partition(|finding| finding.is_error);
        told.extend(refused);
        let mut refusal = refusal(&told, true)?;
        // Where the namespace only warns, that is told beside.
        for finding in warned {
            if !refusal.help.contains(&finding.message) {
                refusal.help.push(finding.message.clone());
            }
        }
        Some(refusal)
    }

    /// Whether the API server itself lets it pass: a refusal for host accounts is part of what `check` says of the whole.
    fn passes(&self) -> bool {
        let message = self.status["message"].as_str().unwrap_or_default();
        self.code == 201 || message.starts_with("admission webhook ")
    }

    /// The fields of names that no API server can be asked for.
    fn unaskable(&self) -> Vec<String> {
        let named = levels(&self.pod).into_iter().filter(|level| {
            let name = self
                .pod
                .pointer(level)
                .map(|options| &options["gmsaCredentialSpecName"]);
            name.and_then(Value::as_str)
                .is_some_and(|name| UNASKABLE.contains(&name))
        });
        // `/spec/containers/0/…` is `spec.containers[0].…`.
        let field = |level: String| {
            let parts = level[1..].split('/').map(|part| match part.parse::<usize>() {
                Ok(at) => format!("[{at}]"),
                Err(_) => format!(".{part}"),
            });
            format!(
                "{}.gmsaCredentialSpecName",
                parts.collect::<String>().trim_start_matches('.')
            )
        };
        named.map(field).collect()
    }
}

/// The answer that is made of findings: that of the existing webhook, which knows no ephemeral containers, where it has one.
fn refusal(findings: &[&Finding], with_help: bool) -> Option<Refusal> {
    let known = findings.iter().find(|finding| finding.is_known());
    let first = known.or(findings.first())?;
    let mut help: Vec<String> = Vec::new();
    for finding in findings.iter().filter(|_| with_help) {
        // Of a spec that is not among the files, `check` says that the cluster may have it.
        let of_spec = matches!(finding.rule.as_str(), "gmsa-spec-unknown" | "gmsa-spec-empty");
        if let Some(text) = finding
            .help
            .as_ref()
            .filter(|text| !of_spec && !help.contains(text))
        {
            help.push(text.clone());
        }
    }
    Some(Refusal {
        code: first.code(),
        message: first.message.clone(),
        causes: findings
            .iter()
            .map(|finding| (finding.field.clone(), finding.message.clone()))
            .collect(),
        help,
    })
}

/// The refusal that a `Status` tells of.
fn refused(status: &Value, message: &str, warnings: &[String]) -> Refusal {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    Refusal {
        code: status["code"].as_u64().unwrap_or_default(),
        message: message.to_owned(),
        causes: causes
            .map(|cause| (text(&cause["field"]), text(&cause["message"])))
            .collect(),
        help: warnings.to_vec(),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// `porthole check` over the cluster's files and the pods.
fn check(pods: &[Value]) -> Vec<Checked> {
    let directory = tempfile::tempdir().unwrap();
    let text: Vec<String> = pods.iter().map(Value::to_string).collect();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("cluster.yaml", CLUSTER);
    write("more.yaml", MORE);
    write("pods.yaml", &text.join("\n---\n"));
    let output = Command::new(program::host("porthole").unwrap())
        .args(["check", "-o", "json", "--kubernetes-version", "1.37"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    let is_pods = |file: &&Value| file["file"].as_str().unwrap().ends_with("pods.yaml");
    let file = files.iter().find(is_pods).unwrap();
    let objects = file["objects"].as_array().unwrap();
    assert_eq!(objects.len(), pods.len(), "{}", file["errors"]);
    let checked = objects.iter().zip(pods).map(|(object, pod)| {
        let findings = object["findings"].as_array().unwrap();
        let refused = findings
            .iter()
            .filter(|finding| finding["enforcer"] == "api-server");
        Checked {
            pod: pod.clone(),
            code: object["answer"]["code"].as_u64().unwrap(),
            status: object["answer"]["status"].clone(),
            warnings: texts(&object["answer"]["warnings"]),
            findings: findings.iter().filter_map(Finding::read).collect(),
            wrong: refused
                .filter_map(|finding| Some(finding["field"].as_str()?.to_owned()))
                .collect(),
        }
    });
    checked.collect()
}

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

/// The review that an API server would send of a new pod.
fn review_of(pod: &Value) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": pod["metadata"]["namespace"], "object": pod,
        },
    })
    .to_string()
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
            .review(&self.agent, path, &review_of(pod))
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

/// The pointers to the `windowsOptions` of each level of a pod.
fn levels(pod: &Value) -> Vec<String> {
    let mut levels = vec!["/spec".to_owned()];
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let count = pod["spec"][list].as_array().map_or(0, Vec::len);
        levels.extend((0..count).map(|at| format!("/spec/{list}/{at}")));
    }
    let options = |level| format!("{level}/securityContext/windowsOptions");
    levels.into_iter().map(options).collect()
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn check_and_the_webhook_say_the_same_of_the_same_pods() {
    let bed = Bed::new(&[]);
    bed.fill(MORE);
    bed.register();
    let seed = seed();
    let pods = (0..PODS_ASKED).map(|number| generated::pod(seed, number));
    let host_pods = (0..HOST_PODS_ASKED).map(|number| generated::host_pod(seed, number));
    let pods: Vec<Value> = pods.chain(host_pods).collect();
    let mut asker = Asker {
        agent: bed.webhook.agent(1).unwrap(),
        bed: &bed,
        seen: Seen::default(),
    };
    for (number, checked) in check(&pods).iter().enumerate() {
        let asked = catch_unwind(AssertUnwindSafe(|| asker.both(checked)));
        assert!(
            asked.is_ok(),
            "pod {number} of PORTHOLE_FUZZ_SEED={seed} is answered otherwise than said above: {}",
            checked.pod
        );
    }
    let seen = asker.seen;
    println!("seed {seed}: {seen:?}");
    let many = [
        seen.admitted,
        seen.by_mutate,
        seen.by_server,
        seen.by_validate,
        seen.unaskable,
        seen.by_host_accounts,
        seen.warned,
    ];
    assert!(many.iter().all(|count| *count >= 5), "seed {seed}: {seen:?}");
}
