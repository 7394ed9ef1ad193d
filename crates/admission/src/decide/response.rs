//! The answer, as the API server reads it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    ///
    /// It is put together here: most of it is a patch in base64, in which there is nothing to escape, and its one copy is the answer's.
    #[must_use]
    pub fn to_json(&self) -> String {
        let patch = self.patch().filter(|patch| !patch.is_empty());
        let patch = patch.map(Patch::to_json);
        let length = ANSWER + patch.as_ref().map_or(0, |patch| patch.len() / 3 * 4);
        let mut json = String::with_capacity(length);
        json.push_str(r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"#);
        push_text(&mut json, &self.uid);
        json.push_str(r#","allowed":"#);
        json.push_str(if self.denial().is_none() { "true" } else { "false" });
        if let Some(denial) = self.denial() {
            json.push_str(r#","status":"#);
            json.push_str(&denial.to_json().to_string());
        }
        if let Some(patch) = patch {
            json.push_str(r#","patch":""#);
            STANDARD.encode_string(patch, &mut json);
            json.push_str(r#"","patchType":"JSONPatch""#);
        }
        if !self.audit_annotations.is_empty() {
            json.push_str(r#","auditAnnotations":{"#);
            let annotations = self.audit_annotations.iter();
            push_list(&mut json, annotations, |json, (key, value)| {
                push_text(json, key);
                json.push(':');
                push_text(json, value);
            });
            json.push('}');
        }
        if !self.warnings.is_empty() {
            json.push_str(r#","warnings":["#);
            push_list(&mut json, &self.warnings, |json, warning| {
                push_text(json, warning);
            });
            json.push(']');
        }
        json.push_str("}}");
        json
    }
}

/// How many bytes an answer has without its patch, mostly.
const ANSWER: usize = 384;

/// Writes what stands in an array or an object, with commas between.
pub(super) fn push_list<T>(
    json: &mut String,
    items: impl IntoIterator<Item = T>,
    push: impl Fn(&mut String, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push(json, item);
    }
}

/// Writes a text with its quotes.
pub(super) fn push_text(json: &mut String, text: &str) {
    json.push('"');
    // What is neither written nor escaped yet. What is escaped is ASCII, so it may be cut out anywhere.
    let mut begin = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !is_escaped(byte) {
            continue;
        }
        json.push_str(&text[begin..at]);
        json.push('\\');
        begin = at + 1;
        match byte {
            // They stand for themselves: what follows begins with them.
            b'"' | b'\\' => begin = at,
            8 => json.push('b'),
            0xc => json.push('f'),
            b'\n' => json.push('n'),
            b'\r' => json.push('r'),
            b'\t' => json.push('t'),
            control => {
                // Writing to a string cannot fail.
                let _ = write!(json, "u{control:04x}");
            }
        }
    }
    json.push_str(&text[begin..]);
    json.push('"');
}

/// What stands in no text of JSON as it is.
const fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn texts_are_written_as_others_write_them() {
        let controls: String = (0..0x20_u8).map(char::from).collect();
        for text in ["", "plain", "\"", "a\\\"b", "\u{7f}ä\u{2028}😀\"", &controls] {
            let mut json = String::new();
            push_text(&mut json, text);
            assert_eq!(json, Value::from(text).to_string());
        }
    }

    #[test]
    fn an_answer_is_one_as_the_api_has_it() {
        let mut patch = Patch::default();
        patch.put("/spec/hostname".to_owned(), "a\"b".into());
        patch.put("/metadata/annotations".to_owned(), json!({"a": [1, null]}));
        let encoded = STANDARD.encode(
            json!([
                {"op": "add", "path": "/spec/hostname", "value": "a\"b"},
                {"op": "add", "path": "/metadata/annotations", "value": {"a": [1, null]}},
            ])
            .to_string(),
        );
        let whole = Decision {
            warnings: vec!["one".to_owned(), "t\two".to_owned()],
            audit_annotations: vec![("problems", "a,b".to_owned()), ("host-accounts", "\\".to_owned())],
            ..Decision::of("u\n1", Verdict::Allowed(patch))
        };
        let plain = Decision::of("u", Verdict::Allowed(Patch::default()));
        for (decision, response) in [
            (
                whole,
                json!({"uid": "u\n1", "allowed": true, "patch": encoded, "patchType": "JSONPatch",
                    "auditAnnotations": {"problems": "a,b", "host-accounts": "\\"}, "warnings": ["one", "t\two"]}),
            ),
            (plain, json!({"uid": "u", "allowed": true})),
        ] {
            let expected =
                json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response});
            assert_eq!(decision.to_json(), expected.to_string());
        }
    }
}
