//! The answer, as the API server reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::denial::Denial;
use super::host_accounts::{Outcome, Remarks};
use super::patch::Patch;

/// Yes, with what is to be added, or no.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The object is admitted once the patch is applied, which may be empty.
    Allowed(Patch),
    /// The object is refused.
    Denied(Denial),
}

/// The answer to a review.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// That of the request; empty where there was none to be read.
    pub uid: String,
    /// Yes or no.
    pub verdict: Verdict,
    /// What the author is told beside the answer: what to try, and what is wrong with a pod that is admitted.
    pub warnings: Vec<String>,
    /// What the API server's audit log is told: `credential-specs`, the names of those whose contents were used;
    /// `host-accounts`, the names of those that the service account may use; `host-accounts-problems`, what is wrong with
    /// the others where the pod is admitted; and `problems`, the kinds of what is wrong where it is not.
    pub audit_annotations: Vec<(&'static str, String)>,
    /// What came of the host accounts that the pod asks for, where somebody was to be asked.
    pub host_accounts: Option<Outcome>,
    /// What the server's log is to say.
    pub notes: Vec<&'static str>,
}

impl Decision {
    pub(super) fn of(uid: &str, verdict: Verdict) -> Self {
        let mut decision = Self {
            uid: uid.to_owned(),
            verdict,
            warnings: Vec::new(),
            audit_annotations: Vec::new(),
            host_accounts: None,
            notes: Vec::new(),
        };
        if let Verdict::Denied(denial) = &decision.verdict {
            let mut ids = Vec::new();
            for problem in denial.problems() {
                if let Some(help) = problem
                    .help
                    .as_ref()
                    .filter(|help| !decision.warnings.contains(help))
                {
                    decision.warnings.push(help.clone());
                }
                if !ids.contains(&problem.id) {
                    ids.push(problem.id);
                }
            }
            decision.audit_annotations.push(("problems", ids.join(",")));
        }
        decision
    }

    /// Adds what is to be told of host accounts.
    pub(super) fn remark(&mut self, remarks: Remarks) {
        self.host_accounts = remarks.outcome;
        self.audit_annotations.extend(remarks.audit);
        for warning in remarks.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The refusal, where it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        match &self.verdict {
            Verdict::Allowed(_) => None,
            Verdict::Denied(denial) => Some(denial),
        }
    }

    /// What is to be added, where the object is admitted.
    #[must_use]
    pub fn patch(&self) -> Option<&Patch> {
        match &self.verdict {
            Verdict::Allowed(patch) => Some(patch),
            Verdict::Denied(_) => None,
        }
    }

    /// The `AdmissionReview` that answers, always of version `v1`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let patch = self.patch().filter(|patch| !patch.is_empty());
        let answer = Answer {
            kind: "AdmissionReview",
            api_version: "admission.k8s.io/v1",
            response: Response {
                uid: &self.uid,
                allowed: self.denial().is_none(),
                status: self.denial().map(Denial::to_json),
                patch: patch.map(|patch| STANDARD.encode(patch.to_json())),
                patch_type: patch.map(|_| "JSONPatch"),
                audit_annotations: Annotations(&self.audit_annotations),
                warnings: &self.warnings,
            },
        };
        let length = ANSWER + answer.response.patch.as_ref().map_or(0, String::len);
        to_string(&answer, length)
    }
}

/// How many bytes an answer has without its patch, mostly.
const ANSWER: usize = 384;

/// An `AdmissionReview` of the API `admission.k8s.io/v1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    kind: &'static str,
    api_version: &'static str,
    response: Response<'a>,
}

/// An `AdmissionResponse`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    audit_annotations: Annotations<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// Keys and values, each key once.
struct Annotations<'a>(&'a [(&'static str, String)]);

impl Annotations<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The JSON of texts, numbers and what is made of them, whose keys are texts: nothing in it can fail. It will have about so
/// many bytes.
pub(super) fn to_string(value: &impl Serialize, length: usize) -> String {
    let mut text = Vec::with_capacity(length);
    match serde_json::to_writer(&mut text, value) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}
