//! Kubernetes quantities: `500m`, `10Mi`, `1.5`, `1e3`.

use std::fmt;

use porthole_manifest::{Node, Value};

/// An amount, exact: `digits × 10^decimal × 2^binary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    digits: u128,
    decimal: i32,
    binary: u32,
}

/// Text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityError(String);

impl fmt::Display for QuantityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is no quantity; write one like 500m, 2, 10M or 10Mi",
            self.0
        )
    }
}

impl std::error::Error for QuantityError {}

impl Quantity {
    /// The quantity that a node holds. A number counts as the cluster's decoder reads it: a plain `010` is eight.
    ///
    /// # Errors
    /// As [`Quantity::parse`].
    pub fn read(node: Node<'_>) -> Result<Self, QuantityError> {
        match node.value() {
            Value::String(text) => Self::parse(text),
            Value::Int(number) => Self::parse(&number.to_string()),
            Value::Unsigned(number) => Self::parse(&number.to_string()),
            // Go prints it as JSON has it, and a quantity has the same exponents.
            Value::Float(_) => Self::parse(&node.to_json().to_string()),
            _ => Err(QuantityError(node.raw().to_owned())),
        }
    }

    /// Parses the text of a quantity that is not negative.
    ///
    /// # Errors
    /// The text is no quantity, is negative, or has more digits than make sense.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        Self::parts(text).ok_or_else(|| QuantityError(text.to_owned()))
    }

    fn parts(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let end = text
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 30 {
            return None;
        }
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let (decimal, binary) = match suffix {
            "" => (0, 0),
            "n" => (-9, 0),
            "u" => (-6, 0),
            "m" => (-3, 0),
            "k" => (3, 0),
            "M" => (6, 0),
            "G" => (9, 0),
            "T" => (12, 0),
            "P" => (15, 0),
            "E" => (18, 0),
            "Ki" => (0, 10),
            "Mi" => (0, 20),
            "Gi" => (0, 30),
            "Ti" => (0, 40),
            "Pi" => (0, 50),
            "Ei" => (0, 60),
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E'])?;
                (
                    exponent
                        .parse::<i32>()
                        .ok()
                        .filter(|exponent| exponent.abs() <= 30)?,
                    0,
                )
            }
        };
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Self {
            digits,
            decimal: decimal - places,
            binary,
        })
    }

    /// The amount in whole units, rounded up, as Kubernetes rounds.
    #[must_use]
    pub fn units(self) -> Option<u64> {
        self.scaled(0)
    }

    /// The amount in thousandths, rounded up.
    #[must_use]
    pub fn milli(self) -> Option<u64> {
        self.scaled(3)
    }

    /// The amount divided by another, rounded up: the downward API's `divisor`.
    #[must_use]
    pub fn divided(amount_milli: u128, divisor: Self) -> Option<u64> {
        let divisor = u128::from(divisor.milli().filter(|divisor| *divisor > 0)?);
        u64::try_from(amount_milli.div_ceil(divisor)).ok()
    }

    fn scaled(self, shift: i32) -> Option<u64> {
        let exponent = self.decimal + shift;
        let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
        let digits = self.digits.checked_mul(1_u128.checked_shl(self.binary)?)?;
        let scaled = if exponent >= 0 {
            digits.checked_mul(power)?
        } else {
            digits.div_ceil(power)
        };
        // Kubernetes keeps quantities in 63 bits.
        u64::try_from(scaled)
            .ok()
            .filter(|scaled| i64::try_from(*scaled).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubernetes_reads() {
        for (text, units, milli) in [
            ("10M", 10_000_000, 10_000_000_000),
            ("10Mi", 10_485_760, 10_485_760_000),
            ("500m", 1, 500),
            ("1.5", 2, 1500),
            ("0.5Gi", 536_870_912, 536_870_912_000),
            ("1e3", 1000, 1_000_000),
            ("2E2", 200, 200_000),
            ("1E", 1_000_000_000_000_000_000, 0),
            ("100u", 1, 1),
            ("0", 0, 0),
            (".5", 1, 500),
            ("5.", 5, 5000),
            ("+1", 1, 1000),
        ] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!(quantity.units(), Some(units), "{text}");
            assert_eq!(
                quantity.milli(),
                if milli == 0 && text != "0" {
                    None
                } else {
                    Some(milli)
                },
                "{text}"
            );
        }
    }

    #[test]
    fn rejects_what_is_no_quantity() {
        for text in [
            "", "-1", "1x", "1mi", "1KI", "1 Mi", "Mi", "1..2", "1e", "abc", ".",
        ] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn divides_rounding_up() {
        let divided = |amount, divisor| Quantity::divided(amount, Quantity::parse(divisor).unwrap());
        assert_eq!(divided(10_485_760_000, "1Mi"), Some(10));
        assert_eq!(divided(10_485_761_000, "1Mi"), Some(11));
        assert_eq!(divided(250, "1"), Some(1));
        assert_eq!(divided(250, "1m"), Some(250));
        assert_eq!(divided(250, "0"), None);
    }
}
