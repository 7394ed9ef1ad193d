//! Whether a text is a quantity (`resource.ParseQuantity`).

use super::number;
use porthole_manifest::Value;

const FORMAT: &str = "quantities must match the regular expression \
                      '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";
const NUMERIC: &str = "unable to parse numeric part of quantity";

/// Why a value is no quantity. Go's decoder looks at the JSON itself: numbers are taken as they are written, and an
/// escape in a string is no character of a quantity.
pub(super) fn refuse(value: &Value<'_>) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::String(text) if text.contains(|c: char| c < ' ' || matches!(c, '"' | '\\')) => Some(FORMAT),
        Value::String(text) => parse(text.trim()).err(),
        value => number::json(value).map_or(Some(FORMAT), |number| parse(&number).err()),
    }
}

fn parse(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err(FORMAT);
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(unsigned);
    let after = &unsigned[whole..];
    let (fraction, suffix) = match after.strip_prefix('.') {
        Some(rest) => (digits(rest), &rest[digits(rest)..]),
        None => (0, after),
    };
    if suffix.is_empty() {
        return Ok(());
    }
    let letters = suffix
        .bytes()
        .take_while(|byte| b"eEinumkKMGTP".contains(byte))
        .count();
    let exponent = suffix[letters..]
        .strip_prefix(['+', '-'])
        .unwrap_or(&suffix[letters..]);
    if digits(exponent) < exponent.len() {
        return Err(FORMAT);
    }
    let binary = matches!(suffix, "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei");
    let decimal = matches!(suffix, "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E");
    if !binary && !decimal {
        let power = suffix.strip_prefix(['e', 'E']).unwrap_or_default();
        if power.parse::<i64>().is_err() {
            return Err(SUFFIX);
        }
    }
    // Without any digit only the way of the small numbers takes it for nought.
    if whole + fraction == 0 && !after.is_empty() && is_slow(suffix, binary) {
        return Err(NUMERIC);
    }
    Ok(())
}

/// Whether a number without digits goes to the decimal library: one too small for nanos, or too large for the
/// shortcut of the binary suffixes.
fn is_slow(suffix: &str, binary: bool) -> bool {
    if binary {
        // 15 digits, less one for the nought, less what the suffix has itself, less one.
        return matches!(suffix, "Ei" | "Pi");
    }
    suffix
        .strip_prefix(['e', 'E'])
        .and_then(|power| power.parse::<i64>().ok())
        .is_some_and(|power| power < -9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_refused_in_the_servers_words() {
        for text in [
            "0",
            "1",
            "+1",
            "-1",
            "1.5",
            ".5",
            "1.",
            "100m",
            "1Ki",
            "1.5Gi",
            "2E",
            "1e3",
            "1E-3",
            "12e+6",
            "007",
            " 1 ",
            "1Ei",
            "99999999999999999999999999",
        ] {
            assert_eq!(refuse(&Value::String(text)), None, "{text:?}");
        }
        for (text, expected) in [
            ("", FORMAT),
            (" ", FORMAT),
            ("1 Gi", FORMAT),
            ("1GB", FORMAT),
            ("1,5", FORMAT),
            ("lots", FORMAT),
            ("1Gi\n", FORMAT),
            ("1.2.3", FORMAT),
            ("1gi", FORMAT),
            ("1mm", SUFFIX),
            ("1K", SUFFIX),
            ("1MI", FORMAT),
            ("1ki", SUFFIX),
            ("1Mi5", SUFFIX),
            ("1e", SUFFIX),
            ("1e3.5", FORMAT),
            (".Ei", NUMERIC),
        ] {
            assert_eq!(refuse(&Value::String(text)), Some(expected), "{text:?}");
        }
        assert_eq!(refuse(&Value::Float(0.5)), None);
        assert_eq!(refuse(&Value::Bool(true)), Some(FORMAT));
    }
}
