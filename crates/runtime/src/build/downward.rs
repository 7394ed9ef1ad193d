//! Files of the downward API, as the kubelet writes them.

use porthole_pod::go_quote;

use super::{Making, environment};
use crate::spec::{DownwardFile, EnvValue};
use crate::volumes::ContentFile;

/// The files of a source; `None` when one cannot be had, and was refused.
pub(super) fn files(making: &mut Making<'_>, specs: &[DownwardFile]) -> Option<Vec<ContentFile>> {
    let mut files = Vec::with_capacity(specs.len());
    for spec in specs {
        match content(making, &spec.value) {
            Ok(text) => files.push(ContentFile {
                path: spec.file.clone(),
                content: text.into_bytes(),
                mode: spec.mode,
            }),
            Err(reason) => {
                making.refuse(spec.path.clone(), spec.span, reason, None);
                return None;
            }
        }
    }
    Some(files)
}

fn content(making: &Making<'_>, value: &EnvValue) -> Result<String, String> {
    let spec = making.request.spec;
    match value {
        EnvValue::Field(field) => match field.as_str() {
            "metadata.labels" => Ok(lines(&spec.labels)),
            "metadata.annotations" => Ok(lines(&spec.annotations)),
            _ => environment::field(making, field),
        },
        EnvValue::Resource {
            container,
            resource,
            divisor,
        } => {
            let first = spec.containers.first().ok_or("the pod has no containers")?;
            environment::amount(making, first, container.as_deref(), resource, *divisor)
        }
        EnvValue::Literal(_) | EnvValue::Key(_) => Err("is no field of the pod".to_owned()),
    }
}

/// `key="value"` in the order of the keys, a line each, the last without its end.
fn lines(pairs: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort();
    let lines: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{key}={}", go_quote(value)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, expected) in [
            ("plain", r#""plain""#),
            (r#"a "b" \c"#, r#""a \"b\" \\c""#),
            ("it's", r#""it's""#),
            ("two\nlines\t\r", r#""two\nlines\t\r""#),
            ("\x07\x08\x0b\x0c\x00\x1b\x7f", r#""\a\b\v\f\x00\x1b\x7f""#),
            ("héllo ☺ 𝄞", r#""héllo ☺ 𝄞""#),
            ("e\u{301}", "\"e\u{301}\""),
            ("\u{a0}\u{200b}\u{feff}\u{2028}", r#""\u00a0\u200b\ufeff\u2028""#),
            ("\u{e000}\u{f0000}", r#""\ue000\U000f0000""#),
            ("", r#""""#),
        ] {
            assert_eq!(go_quote(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lists_pairs_in_the_order_of_their_keys() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let pairs = [pair("b", "2\n3"), pair("a/x", "1")];
        assert_eq!(lines(&pairs), "a/x=\"1\"\nb=\"2\\n3\"");
        assert_eq!(lines(&[]), "");
    }
}
