//! The type of a scalar, as the cluster's decoder sees it.
//!
//! kubectl and the API server read YAML by sigs.k8s.io/yaml, whose parser resolves plain scalars by the rules of
//! YAML 1.1 with its own amendments: `on` and `y` are booleans, `0777` is octal, `1_000` and `1e3` are numbers, there
//! are no base-60 numbers, and what looks like a date stays a string.

/// The key whose value is merged into the mapping that it stands in.
pub(crate) const MERGE_KEY: &str = "<<";

/// What a plain scalar stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the largest `i64`.
    Unsigned(u64),
    Float(f64),
    String,
}

/// What decides the type of a scalar: an explicit tag of YAML's core schema, or its text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// The text.
    None = 0,
    /// It is a string.
    Str,
    Int,
    Float,
    Bool,
    Null,
}

impl Tag {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Str => "!!str",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Bool => "!!bool",
            Self::Null => "!!null",
        }
    }
}

/// The type of `text` under `tag`, or `None` where the text is not what the tag says.
pub(crate) fn resolve_tagged(text: &str, tag: Tag) -> Option<Resolved> {
    let resolved = resolve(text);
    match (tag, resolved) {
        (Tag::None, _)
        | (Tag::Int, Resolved::Int(_) | Resolved::Unsigned(_))
        | (Tag::Bool, Resolved::Bool(_))
        | (Tag::Null, Resolved::Null)
        | (Tag::Float, Resolved::Float(_)) => Some(resolved),
        #[expect(clippy::cast_precision_loss, reason = "the decoder loses the same precision")]
        (Tag::Float, Resolved::Int(value)) => Some(Resolved::Float(value as f64)),
        (Tag::Str, _) => Some(Resolved::String),
        _ => None,
    }
}

/// Whether the text of a plain scalar still decides what it is: it is no string, or the merge key.
pub(crate) fn is_open(text: &str) -> bool {
    text == MERGE_KEY || resolve(text) != Resolved::String
}

/// Whether the plain scalar `text` is null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether the plain scalar `text` is infinite, or no number.
pub(crate) fn is_endless(text: &str) -> bool {
    text.ends_with(['n', 'N', 'f', 'F']) && matches!(resolve(text), Resolved::Float(_))
}

/// The type of the plain scalar `text`.
pub(crate) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
            _ => float(text),
        },
        b'0'..=b'9' | b'+' | b'-' => number(text),
        _ => Resolved::String,
    }
}

fn word(text: &str) -> Resolved {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        _ if is_null(text) => Resolved::Null,
        _ => Resolved::String,
    }
}

fn number(text: &str) -> Resolved {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let joined;
    let plain = if text.contains('_') {
        joined = text.replace('_', "");
        joined.as_str()
    } else {
        text
    };
    let (negative, signed, digits) = match plain.as_bytes() {
        [b'-', ..] => (true, true, &plain[1..]),
        [b'+', ..] => (false, true, &plain[1..]),
        _ => (false, false, plain),
    };
    if let Some(magnitude) = magnitude(digits) {
        if negative {
            // The largest magnitude is that of i64::MIN; beyond it only a decimal is still a (floating) number.
            if magnitude <= i64::MIN.unsigned_abs() {
                return Resolved::Int(0_i64.wrapping_sub_unsigned(magnitude));
            }
        } else if let Ok(value) = i64::try_from(magnitude) {
            return Resolved::Int(value);
        } else if !signed {
            return Resolved::Unsigned(magnitude);
        }
    }
    float(plain)
}

/// An unsigned integer with the base that its prefix names; a leading zero is octal.
fn magnitude(digits: &str) -> Option<u64> {
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own, which may not stand here.
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; what is too large to be a number is a string.
fn float(text: &str) -> Resolved {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = &unsigned[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        fraction = after.bytes().take_while(u8::is_ascii_digit).count();
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return Resolved::String;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Resolved::String;
        }
    } else if !rest.is_empty() {
        return Resolved::String;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Resolved::Float(value),
        _ => Resolved::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_scalars_as_the_cluster_does() {
        let cases: &[(&str, Resolved)] = &[
            ("", Resolved::Null),
            ("~", Resolved::Null),
            ("Null", Resolved::Null),
            ("nULL", Resolved::String),
            ("on", Resolved::Bool(true)),
            ("y", Resolved::Bool(true)),
            ("Yes", Resolved::Bool(true)),
            ("TRUE", Resolved::Bool(true)),
            ("tRUE", Resolved::String),
            ("Off", Resolved::Bool(false)),
            ("n", Resolved::Bool(false)),
            ("no", Resolved::Bool(false)),
            ("0", Resolved::Int(0)),
            ("-0", Resolved::Int(0)),
            ("0777", Resolved::Int(511)),
            ("-0777", Resolved::Int(-511)),
            ("0o17", Resolved::Int(15)),
            ("0O17", Resolved::Int(15)),
            ("08", Resolved::Float(8.0)),
            ("0x1F", Resolved::Int(31)),
            ("-0x1f", Resolved::Int(-31)),
            ("0b101", Resolved::Int(5)),
            ("0b102", Resolved::String),
            ("0x", Resolved::String),
            ("0x+1", Resolved::String),
            ("--1", Resolved::String),
            ("-", Resolved::String),
            ("+", Resolved::String),
            ("+12", Resolved::Int(12)),
            ("1_000", Resolved::Int(1000)),
            ("_1", Resolved::String),
            ("1e3", Resolved::Float(1000.0)),
            ("1.", Resolved::Float(1.0)),
            (".5", Resolved::Float(0.5)),
            (".5e1", Resolved::Float(5.0)),
            (".", Resolved::String),
            (".e1", Resolved::String),
            ("1e", Resolved::String),
            ("1e999", Resolved::String),
            ("1.2.3", Resolved::String),
            ("127.0.0.1", Resolved::String),
            ("10M", Resolved::String),
            ("1:30", Resolved::String),
            ("2001-01-01", Resolved::String),
            ("9223372036854775807", Resolved::Int(i64::MAX)),
            ("9223372036854775808", Resolved::Unsigned(1 << 63)),
            ("-9223372036854775808", Resolved::Int(i64::MIN)),
            (
                "18446744073709551616",
                Resolved::Float(18_446_744_073_709_551_616.0),
            ),
            (".inf", Resolved::Float(f64::INFINITY)),
            ("-.INF", Resolved::Float(f64::NEG_INFINITY)),
            ("windows", Resolved::String),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), *expected, "{text:?}");
        }
        assert!(matches!(resolve(".NaN"), Resolved::Float(value) if value.is_nan()));
    }

    #[test]
    fn a_tag_must_fit_its_text() {
        assert_eq!(resolve_tagged("5", Tag::Str), Some(Resolved::String));
        assert_eq!(resolve_tagged("5", Tag::Float), Some(Resolved::Float(5.0)));
        assert_eq!(resolve_tagged("yes", Tag::Bool), Some(Resolved::Bool(true)));
        assert_eq!(resolve_tagged("five", Tag::Int), None);
    }
}
