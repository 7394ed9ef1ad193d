//! The answer, as the API server reads it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::PAD;

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
    /// It is put together here: most of it is a patch in base64, in which nobody has to look for what is escaped.
    #[must_use]
    pub fn to_json(&self) -> String {
        let patch = self.patch().filter(|patch| !patch.is_empty());
        let patch = patch.map(Patch::json);
        let length = ANSWER + patch.as_ref().map_or(0, |patch| patch.len() / 3 * 4);
        let mut json = Vec::with_capacity(length);
        json.extend_from_slice(
            br#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"#,
        );
        push_text(&mut json, &self.uid);
        let denial = self.denial();
        let allowed: &[u8] = if denial.is_none() { b"true" } else { b"false" };
        json.extend_from_slice(br#","allowed":"#);
        json.extend_from_slice(allowed);
        if let Some(denial) = denial {
            json.extend_from_slice(br#","status":"#);
            json.extend_from_slice(denial.to_json().to_string().as_bytes());
        }
        if let Some(patch) = patch {
            json.extend_from_slice(br#","patch":""#);
            push_base64(&mut json, &patch);
            json.extend_from_slice(br#"","patchType":"JSONPatch""#);
        }
        if !self.audit_annotations.is_empty() {
            json.extend_from_slice(br#","auditAnnotations":{"#);
            push_list(&mut json, &self.audit_annotations, |json, (key, value)| {
                push_text(json, key);
                json.push(b':');
                push_text(json, value);
            });
            json.push(b'}');
        }
        if !self.warnings.is_empty() {
            json.extend_from_slice(br#","warnings":["#);
            push_list(&mut json, &self.warnings, |json, warning| {
                push_text(json, warning);
            });
            json.push(b']');
        }
        json.extend_from_slice(b"}}");
        string(json)
    }
}

/// How many bytes an answer has without its patch, mostly.
const ANSWER: usize = 384;

/// Base64 by what the processor has for it, where it is one of which that is known.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::standard(PAD));
/// Base64.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, PAD));

/// Writes bytes in Base64.
fn push_base64(json: &mut Vec<u8>, bytes: &[u8]) {
    let begin = json.len();
    json.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    // There is room for all of it.
    let _ = BASE64.encode_slice(bytes, &mut json[begin..]);
}

/// JSON that was put together of texts.
pub(super) fn string(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}

/// Writes what stands in an array or an object, with commas between.
pub(super) fn push_list<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push(json, item);
    }
}

/// What stands in no text of JSON as it is: quotes, backslashes and control characters.
const IS_ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        escaped[control] = true;
        control += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// Writes a text with its quotes.
pub(super) fn push_text(json: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    json.push(b'"');
    // What is neither written nor escaped yet.
    let mut begin = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !IS_ESCAPED[usize::from(*byte)] {
            continue;
        }
        json.extend_from_slice(&bytes[begin..at]);
        json.push(b'\\');
        begin = at + 1;
        match byte {
            // They stand for themselves: what follows begins with them.
            b'"' | b'\\' => begin = at,
            8 => json.push(b'b'),
            0xc => json.push(b'f'),
            b'\n' => json.push(b'n'),
            b'\r' => json.push(b'r'),
            b'\t' => json.push(b't'),
            control => json.extend_from_slice(format!("u{control:04x}").as_bytes()),
        }
    }
    json.extend_from_slice(&bytes[begin..]);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn texts_are_written_as_others_write_them() {
        let controls: String = (0..0x20_u8).map(char::from).collect();
        for text in ["", "plain", "\"", "a\\\"b", "\u{7f}ä\u{2028}😀\"", &controls] {
            let text = text.repeat(9);
            let mut json = Vec::new();
            push_text(&mut json, &text);
            assert_eq!(string(json), Value::from(text).to_string());
        }
    }

    #[test]
    fn base64_is_what_everybody_else_makes() {
        for length in 0..600 {
            let bytes: Vec<u8> = (0..length)
                .map(|at| u8::try_from(at * at % 251).unwrap())
                .collect();
            let mut json = b"x".to_vec();
            push_base64(&mut json, &bytes);
            assert_eq!(string(json), format!("x{}", STANDARD.encode(&bytes)));
        }
    }

    #[test]
    fn an_answer_is_one_as_the_api_has_it() {
        let mut patch = Patch::default();
        patch.put("/spec/hostname".to_owned(), r#""a\"b""#.into());
        patch.put("/metadata/annotations".to_owned(), r#"{"a":[1,null]}"#.into());
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
