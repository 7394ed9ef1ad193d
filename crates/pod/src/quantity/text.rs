//! The text of a quantity: a number and a suffix.

use std::borrow::Cow;

/// How a quantity is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `12e6`.
    Exponent,
    /// `12Mi`.
    Binary,
    /// `12M`.
    Decimal,
}

impl Format {
    /// Its name in Go.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Exponent => "DecimalExponent",
            Self::Binary => "BinarySI",
            Self::Decimal => "DecimalSI",
        }
    }
}

/// Why a text is no quantity; displayed in the API server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a suffix at all.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// A point without digits, where the suffix asks for many.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// A number, and a suffix that is none.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Suffixes by the power of two.
pub(super) const BINARY: [(&str, i32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];
/// Suffixes by the power of ten.
pub(super) const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// The power and the kind of a suffix.
pub(super) fn suffix(text: &str) -> Result<(i32, Format), QuantityError> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == text) {
        return Ok((*power, Format::Decimal));
    }
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == text) {
        return Ok((*power, Format::Binary));
    }
    let exponent = text.strip_prefix(['e', 'E']).filter(|text| !text.is_empty());
    let exponent: i64 = exponent
        .and_then(|text| text.parse().ok())
        .ok_or(QuantityError::Suffix)?;
    // Go cuts it to 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "as Go does")]
    Ok((exponent as i32, Format::Exponent))
}

/// The parts of a quantity's text.
pub(super) struct Parts<'t> {
    pub(super) negative: bool,
    /// The digits before the point, without leading zeros; `0` where there is none.
    pub(super) whole: &'t str,
    pub(super) fraction: &'t str,
    pub(super) suffix: &'t str,
    /// Whether there is not one digit, zeros included.
    pub(super) is_bare_point: bool,
}

impl<'t> Parts<'t> {
    pub(super) fn of(text: &'t str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let rest = unsigned.trim_start_matches('0');
        let split = |text: &'t str, is: fn(u8) -> bool| {
            text.split_at(text.bytes().position(|byte| !is(byte)).unwrap_or(text.len()))
        };
        let (whole, rest) = split(rest, |byte| byte.is_ascii_digit());
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => split(rest, |byte| byte.is_ascii_digit()),
            None => ("", rest),
        };
        let (_, tail) = split(rest, |byte| b"eEinumkKMGTP".contains(&byte));
        let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
        if !tail.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        Ok(Self {
            negative,
            whole: if whole.is_empty() { "0" } else { whole },
            fraction,
            suffix: rest,
            is_bare_point: whole.is_empty() && fraction.is_empty() && !unsigned.starts_with('0'),
        })
    }

    pub(super) fn digits(&self) -> Cow<'t, str> {
        if self.fraction.is_empty() {
            Cow::Borrowed(self.whole)
        } else {
            Cow::Owned(format!("{}{}", self.whole, self.fraction))
        }
    }
}
