//! What a server answers, and what is different in two answers.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What a client sees of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub code: u16,
    /// The `Status` of a refusal; null where the object is taken.
    pub status: Value,
    /// The texts of the `Warning` headers.
    pub warnings: Vec<String>,
}

impl Answer {
    /// As it is compared: addresses of Go's memory and the UIDs of Jobs, which differ each time, are one, and what only the
    /// server's own types show is left out.
    #[must_use]
    pub fn settled(mut self) -> Self {
        leave_out(&mut self.status);
        settle(&mut self.status);
        for warning in &mut self.warnings {
            *warning = without_addresses(warning);
        }
        self
    }

    /// As JSON, for files.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"code": self.code, "status": self.status, "warnings": self.warnings})
    }

    /// From such JSON.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let warnings = value["warnings"].as_array()?.iter();
        Some(Self {
            code: u16::try_from(value["code"].as_u64()?).ok()?,
            status: value["status"].clone(),
            warnings: warnings
                .map(|text| Some(text.as_str()?.to_owned()))
                .collect::<Option<_>>()?,
        })
    }

    /// The causes of a refusal as text; where it has none, its message. Then the warnings.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let causes = self.status["details"]["causes"].as_array();
        let mut lines: Vec<String> = causes
            .into_iter()
            .flatten()
            .map(|cause| {
                let part = |key| cause[key].as_str().unwrap_or_default();
                format!("{} {}: {}", part("reason"), part("field"), part("message"))
            })
            .collect();
        if lines.is_empty() && !self.status.is_null() {
            lines.push(self.status["message"].as_str().unwrap_or_default().to_owned());
        }
        lines.extend(self.warnings.iter().map(|warning| format!("Warning: {warning}")));
        lines
    }
}

/// Texts of a cause behind which there is a list of differences, which Go makes of its own types.
const DIFFERENCES: &[&str] = &[
    "pod updates may not change fields other than",
    "is immutable after creation",
];
/// Fields whose values are shown as Go's own types.
const TYPES: &[&str] = &[
    "spec.template",
    "spec.template.spec",
    "spec.volumeClaimTemplates",
    "spec.podFailurePolicy",
    "spec.successPolicy",
    "nodeSelectorTerms",
];

/// Leaves out of a `Status` what porthole says in words of its own.
fn leave_out(status: &mut Value) {
    let mut shorter = Vec::new();
    let causes = status["details"]["causes"].as_array_mut();
    for cause in causes.into_iter().flatten() {
        let field = cause["field"].as_str().unwrap_or_default().to_owned();
        let Some(text) = cause["message"].as_str().map(str::to_owned) else {
            continue;
        };
        let of_types = TYPES
            .iter()
            .any(|of| field == *of || field.contains(of) && !of.contains('.'));
        let short = if DIFFERENCES.iter().any(|words| text.contains(words)) {
            text.lines().next().unwrap_or_default().to_owned()
        } else if let Some((_, detail)) = text.rsplit_once(": ").filter(|_| of_types)
            && text.starts_with("Invalid value: ")
        {
            format!("Invalid value: …: {detail}")
        } else {
            continue;
        };
        shorter.push((format!("{field}: {text}"), format!("{field}: {short}")));
        cause["message"] = short.into();
    }
    if let Some(message) = status["message"].as_str().map(str::to_owned) {
        let message = shorter
            .iter()
            .fold(message, |message, (long, short)| message.replace(long, short));
        status["message"] = message.into();
    }
}

fn settle(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_addresses(text),
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(entries) => entries.values_mut().for_each(settle),
        _ => {}
    }
}

/// `(0xc000012345)` becomes `(0x…)`, as does what porthole shows in the place of such an address, and the UID that a Job's
/// selector is made of is one without digits of its own.
fn without_addresses(text: &str) -> String {
    const UID: &str = "00000000-0000-0000-0000-000000000000";
    let uid = |text: &str| {
        let digits = text.get(..UID.len())?.bytes().zip(UID.bytes());
        let mut fits = digits.map(|(byte, form)| byte == form || form == b'0' && byte.is_ascii_hexdigit());
        fits.all(|fits| fits).then_some(UID.len())
    };
    let closed = |text: &str, end: usize| text[end..].starts_with(')').then_some(end);
    let address = |text: &str| {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let end = text.len() - rest.len();
        closed(text, end).filter(|end| *end >= 6)
    };
    // What a pointer points to: a string or a number.
    let pointee = |text: &str| {
        let end = match text.strip_prefix('"') {
            Some(quoted) => end_of_string(quoted)? + 1,
            None => text.find(|c: char| !c.is_ascii_digit() && c != '-')?,
        };
        closed(text, end).filter(|end| *end > 0)
    };
    let text = replaced(text, "controller-uid\":\"", UID, uid);
    let text = replaced(&text, "must be '", UID, uid);
    let text = without_given(&text);
    let text = replaced(&text, "(0x", "…", address);
    let text = replaced(&text, "(*string)(", "0x…", pointee);
    replaced(&text, "(*int32)(", "0x…", pointee)
}

/// Addresses and ports of nodes that a server has given to a service are those that porthole shows in their place. What the
/// generator writes stays.
fn without_given(text: &str) -> String {
    let address = |text: &str, written: &[&str], digits: fn(char) -> bool| {
        let rest = text.trim_start_matches(digits);
        let end = text.len() - rest.len();
        (rest.starts_with('"') && !written.contains(&&text[..end])).then_some(end)
    };
    let text = given(text, "\"10.0.0.", "\"0.0.0.0", |text| {
        address(text, &["0", "5", "6", "300"], |c| c.is_ascii_digit())
    });
    let text = given(&text, "\"fd00::", "\"::", |text| {
        address(text, &["5", "6"], |c| c.is_ascii_hexdigit())
    });
    let protocols = ["TCP", "UDP", "SCTP"].map(|protocol| format!("duplicate nodePort: {{{protocol} "));
    protocols.iter().fold(text, |text, mark| {
        given(&text, mark, &format!("{mark}0"), |text| {
            let end = text.find('}')?;
            let written = ["30080", "30081", "30082"].contains(&&text[..end]);
            (end == 5 && !written && text.starts_with('3')).then_some(end)
        })
    })
}

/// The text with `put` in the place of each `mark` and so many bytes after it as `length` says, where it says some.
fn given(text: &str, mark: &str, put: &str, length: impl Fn(&str) -> Option<usize>) -> String {
    let mut parts = text.split(mark);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let length = length(part);
        kept.push_str(if length.is_some() { put } else { mark });
        kept.push_str(&part[length.unwrap_or_default()..]);
    }
    kept
}

/// The text with `put` behind each `mark` in the place of so many bytes as `length` says, where it says some.
fn replaced(text: &str, mark: &str, put: &str, length: impl Fn(&str) -> Option<usize>) -> String {
    let mut parts = text.split(mark);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(mark);
        match length(part) {
            Some(length) => {
                kept.push_str(put);
                kept.push_str(&part[length..]);
            }
            None => kept.push_str(part),
        }
    }
    kept
}

/// Where a string of JSON goes on behind its quotation mark.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })
        .map(|(at, _)| at + 1)
}

/// What is different, in words that are the same for disagreements of one kind: numbers and quoted texts are left out.
/// `None` where nothing is.
#[must_use]
pub fn difference(theirs: &Answer, ours: &Answer) -> Option<String> {
    if theirs == ours {
        return None;
    }
    let mut text = String::new();
    if theirs.code != ours.code {
        let _ = write!(text, "code {} not {}; ", theirs.code, ours.code);
    }
    let (left, right) = (theirs.lines(), ours.lines());
    let missing = left.iter().find(|line| !right.contains(line));
    let extra = right.iter().find(|line| !left.contains(line));
    if let Some(line) = missing {
        let _ = write!(text, "lacks {}; ", outline(line));
    }
    if let Some(line) = extra {
        let _ = write!(text, "has {}; ", outline(line));
    }
    if missing.is_none() && extra.is_none() {
        text.push_str(if left == right {
            "other words around the same"
        } else {
            "another order or number"
        });
    }
    Some(text.trim_end_matches("; ").to_owned())
}

/// A line without its particulars.
fn outline(line: &str) -> String {
    let mut kept = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                kept.push('"');
            }
            _ if quoted => {}
            '0'..='9' => {
                if !kept.ends_with('#') {
                    kept.push('#');
                }
            }
            _ => kept.push(c),
        }
    }
    for path in ["spec.jobTemplate.spec.template.", "spec.template.", "template."] {
        kept = kept.replace(path, "");
    }
    let most = kept.char_indices().nth(160).map_or(kept.len(), |(at, _)| at);
    kept.truncate(most);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_one() {
        assert_eq!(without_addresses("(*int64)(0xc0004a1b30)"), "(*int64)(0x…)");
        assert_eq!(
            without_addresses(r#"{A:(*string)("x\")y"), B:(*int32)(-5), C:(*int32)(nil)}"#),
            "{A:(*string)(0x…), B:(*int32)(0x…), C:(*int32)(nil)}"
        );
        assert_eq!(without_addresses("(0xac1ca380)"), "(0x…)");
        let zeros = "must be '00000000-0000-0000-0000-000000000000'";
        assert_eq!(
            without_addresses("must be '160d4ffd-52d4-4e71-8b4e-0447e10d0a99'"),
            zeros
        );
        assert_eq!(without_addresses("must be 'x'"), "must be 'x'");
        assert_eq!(without_addresses("(0xc0) and 0xc0ffee"), "(0xc0) and 0xc0ffee");
    }

    #[test]
    fn addresses_that_a_server_gives_are_one_and_written_ones_stay() {
        assert_eq!(
            without_addresses(r#"["10.0.0.217","fd00::3a"]"#),
            r#"["0.0.0.0","::"]"#
        );
        for written in [
            r#"["10.0.0.5","fd00::6"]"#,
            r#""10.0.0.300""#,
            r#""10.0.0.0""#,
            r#""10.0.0.0/8""#,
        ] {
            assert_eq!(without_addresses(written), written);
        }
    }

    #[test]
    fn the_difference_names_what_is_missing_and_what_is_too_much() {
        let refusal = |field: &str| Answer {
            code: 422,
            status: json!({"message": field, "details": {"causes": [{"reason": "R", "field": field, "message": "\"x\" 12"}]}}),
            warnings: Vec::new(),
        };
        assert_eq!(difference(&refusal("a"), &refusal("a")), None);
        assert_eq!(
            difference(&refusal("a[3]"), &refusal("b")).as_deref(),
            Some("lacks R a[#]: \"\" #; has R b: \"\" #")
        );
    }
}
