//! What `porthole check` says of pods, as the three hands that they go through would say it: `/mutate`, the API server's own
//! validation, `/validate`.

use std::process::Command;

use porthole_tests::program;
use serde_json::Value;

use super::answers::MORE;
use super::bed::CLUSTER;
use super::generated::UNASKABLE;

/// What is wrong, with the field that it is wrong at.
type Cause = (String, String);

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u64,
    pub(super) message: String,
    pub(super) causes: Vec<Cause>,
    /// What to try, where that is said.
    pub(super) help: Vec<String>,
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
pub(super) struct Checked {
    pub(super) pod: Value,
    pub(super) code: u64,
    pub(super) status: Value,
    pub(super) warnings: Vec<String>,
    findings: Vec<Finding>,
    /// The fields that the API server refuses.
    pub(super) wrong: Vec<String>,
}

impl Checked {
    /// The options of the level of a field, `spec[.containers[1]].securityContext.windowsOptions`.
    fn options(&self, level: &str) -> &Value {
        let path = level.replace(['.', '['], "/").replace(']', "");
        self.pod.pointer(&format!("/{path}")).unwrap_or(&Value::Null)
    }

    /// What `/mutate` refuses: specs that cannot be had, where contents are to be filled in.
    pub(super) fn mutate(&self) -> Option<Refusal> {
        let fills = |finding: &&Finding| {
            let is_spec = matches!(finding.rule.as_str(), "gmsa-spec-unknown" | "gmsa-spec-empty");
            is_spec && self.options(finding.level())["gmsaCredentialSpec"].is_null()
        };
        refusal(&self.findings.iter().filter(fills).collect::<Vec<_>>(), false)
    }

    /// What `/validate` refuses: of each level the first thing that is wrong, since who may not use a spec is told nothing of it;
    /// and then host accounts, where the namespace is strict about them.
    pub(super) fn validate(&self) -> Option<Refusal> {
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
    pub(super) fn passes(&self) -> bool {
        let message = self.status["message"].as_str().unwrap_or_default();
        self.code == 201 || message.starts_with("admission webhook ")
    }

    /// The fields of names that no API server can be asked for.
    pub(super) fn unaskable(&self) -> Vec<String> {
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
pub(super) fn refused(status: &Value, message: &str, warnings: &[String]) -> Refusal {
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

pub(super) fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// `porthole check` over the cluster's files and the pods.
pub(super) fn check(pods: &[Value]) -> Vec<Checked> {
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

/// The pointers to the `windowsOptions` of each level of a pod.
pub(super) fn levels(pod: &Value) -> Vec<String> {
    let mut levels = vec!["/spec".to_owned()];
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let count = pod["spec"][list].as_array().map_or(0, Vec::len);
        levels.extend((0..count).map(|at| format!("/spec/{list}/{at}")));
    }
    let options = |level| format!("{level}/securityContext/windowsOptions");
    levels.into_iter().map(options).collect()
}
