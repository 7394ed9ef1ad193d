//! The answer, as the API server reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

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
        let mut response = json!({"uid": self.uid, "allowed": self.denial().is_none()});
        match &self.verdict {
            Verdict::Denied(denial) => response["status"] = denial.to_json(),
            Verdict::Allowed(patch) if !patch.is_empty() => {
                response["patch"] = json!(STANDARD.encode(patch.to_json()));
                response["patchType"] = json!("JSONPatch");
            }
            Verdict::Allowed(_) => {}
        }
        if !self.audit_annotations.is_empty() {
            let entries = self.audit_annotations.iter();
            response["auditAnnotations"] = entries
                .map(|(key, value)| ((*key).to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
        if !self.warnings.is_empty() {
            response["warnings"] = json!(self.warnings);
        }
        let review: Value =
            json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response});
        review.to_string()
    }
}
