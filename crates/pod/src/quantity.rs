//! Quantities of resources, as Kubernetes reads, rounds, compares and prints them (`apimachinery/pkg/api/resource`).
//!
//! A quantity of up to eighteen digits is a whole number and a power of ten; a longer one, and a fraction with a binary
//! suffix, is a decimal of any length. Which of the two it is shows in how it is printed: the first keeps the text that it
//! was written as, where that is nearly canonical.

mod decimal;
mod text;

use std::borrow::Cow;
use std::cmp::Ordering;

use porthole_manifest::{Node, Value};

use decimal::Decimal;
use text::{BINARY, DECIMAL, Format, Parts, suffix};

use crate::render::go_float;

pub use text::QuantityError;

/// A quantity, such as `1500m` or `64Mi`.
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    amount: Amount,
    format: Format,
    /// The text that is printed, where it is not made of the amount.
    written: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug)]
enum Amount {
    /// `value` × 10^`scale`.
    Whole {
        value: i64,
        scale: i32,
    },
    Decimal(Decimal),
}

/// The digits that fit a [`Amount::Whole`].
const DIGITS: usize = 18;
/// The finest quantity, 10^-9.
const NANO: i32 = -9;
/// What the API server rounds quantities to before it looks at them, 10^-3.
const MILLI: i32 = -3;

impl<'a> Quantity<'a> {
    /// The quantity that `text` says.
    ///
    /// # Errors
    /// Where it is none, for the API server's reason.
    pub fn parse(text: &'a str) -> Result<Self, QuantityError> {
        Self::read(Cow::Borrowed(text))
    }

    /// The quantity of a manifest's field: a text, blanks around it cut off, or a number. Nothing where it is neither.
    #[must_use]
    pub fn of(node: Node<'a>) -> Option<Result<Self, QuantityError>> {
        let text = match node.value() {
            Value::String(text) => Cow::Borrowed(text.trim()),
            Value::Int(number) => Cow::Owned(number.to_string()),
            Value::Unsigned(number) => Cow::Owned(number.to_string()),
            Value::Float(number) => Cow::Owned(go_float(number)),
            _ => return None,
        };
        Some(Self::read(text))
    }

    fn read(text: Cow<'a, str>) -> Result<Self, QuantityError> {
        let parts = Parts::of(&text)?;
        let (exponent, format) = suffix(parts.suffix)?;
        let precision = match format {
            Format::Binary if parts.fraction.is_empty() => {
                15 - signed(parts.whole.len()) - (exponent * 3 / 10) - 1
            }
            Format::Binary => -1,
            _ => signed(DIGITS) - signed(parts.whole.len() + parts.fraction.len()),
        };
        let scale =
            if format == Format::Binary { 0 } else { exponent }.saturating_sub(signed(parts.fraction.len()));
        if precision >= 0 && scale >= NANO {
            let digits = parts.digits();
            let number: i64 = digits.parse().map_err(|_| QuantityError::Format)?;
            let factor = if format == Format::Binary {
                1_i64 << exponent
            } else {
                1
            };
            if let Some(value) = number.checked_mul(factor) {
                let keeps = if format == Format::Binary {
                    number & 7 != 0
                } else {
                    scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0')
                };
                let keeps = keeps || &*text == "0";
                let value = if parts.negative { -value } else { value };
                return Ok(Self {
                    amount: Amount::Whole { value, scale },
                    format,
                    written: keeps.then_some(text),
                });
            }
        }
        if parts.is_bare_point {
            return Err(QuantityError::Number);
        }
        let mut amount = Decimal::new(parts.negative, &parts.digits(), signed(parts.fraction.len()));
        let mut format = format;
        if format == Format::Binary {
            amount.shift_left(exponent.unsigned_abs());
        } else {
            amount.move_point(exponent);
        }
        amount.round_up(-NANO);
        if format == Format::Binary {
            amount.cap_at(i64::MAX);
            if amount.is_below_one() && !amount.is_zero() {
                format = Format::Decimal;
            }
        }
        Ok(Self {
            amount: Amount::Decimal(amount),
            format,
            written: None,
        })
    }

    /// `value` × 10^`scale`, which is printed as a decimal (`NewScaledQuantity`).
    #[must_use]
    pub const fn decimal_of(value: i64, scale: i32) -> Self {
        Self {
            amount: Amount::Whole { value, scale },
            format: Format::Decimal,
            written: None,
        }
    }

    /// The quantity as the API server has it after defaulting: rounded up to thousandths.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        match &mut self.amount {
            Amount::Whole { scale, .. } if *scale >= MILLI => return self,
            Amount::Whole { value, scale } => {
                (*value, *scale) = (divided(*value, scale.abs_diff(MILLI)), MILLI);
            }
            Amount::Decimal(amount) => amount.round_up(-MILLI),
        }
        self.written = None;
        self
    }

    /// The sum of both, in the way of writing of the first one that is not zero.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        let amount = match (&self.amount, &other.amount) {
            (
                Amount::Whole { value, scale },
                Amount::Whole {
                    value: more,
                    scale: of,
                },
            ) => add_whole((*value, *scale), (*more, *of)),
            _ => None,
        };
        Self {
            amount: amount.unwrap_or_else(|| Amount::Decimal(self.decimal().plus(&other.decimal()))),
            format,
            written: None,
        }
    }

    /// What is left of this one without the other, as [`plus`](Self::plus) writes it.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut other = other.clone();
        match &mut other.amount {
            Amount::Whole { value, .. } => *value = value.wrapping_neg(),
            Amount::Decimal(amount) => amount.negate(),
        }
        self.plus(&other)
    }

    /// The same text for the same amount, however it is written.
    pub(crate) fn amount(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let (digits, exponent) = self.decimal().engineering();
        format!("{digits}e{exponent}")
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.amount {
            Amount::Whole { value, .. } => *value < 0,
            Amount::Decimal(amount) => amount.is_negative(),
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match &self.amount {
            Amount::Whole { value, .. } => *value == 0,
            Amount::Decimal(amount) => amount.is_zero(),
        }
    }

    /// Whether it is a whole number, as the API server finds out: by thousandths in 64 bits, which the hugest overflow.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.scaled(MILLI) % 1000 == 0
    }

    /// The quantity in units of 10^`scale`, rounded up; what does not fit 64 bits is what Go makes of it.
    #[must_use]
    pub fn scaled(&self, scale: i32) -> i64 {
        match &self.amount {
            Amount::Whole { value, scale: own } => {
                let apart = own.abs_diff(scale);
                if *own < scale {
                    divided(*value, apart)
                } else {
                    let factor = 10_i64.checked_pow(apart);
                    let exact = factor.and_then(|factor| value.checked_mul(factor));
                    exact.unwrap_or_else(|| match apart {
                        1 | 2 | 3 | 6 | 9 => value.wrapping_mul(factor.unwrap_or_default()),
                        _ => 0,
                    })
                }
            }
            Amount::Decimal(amount) => amount.scaled(scale),
        }
    }

    /// The quantity's fields as Go's `%#v` prints them, which the API server did up to 1.33.
    #[must_use]
    pub fn go_struct(&self) -> String {
        let (value, scale, decimal) = match &self.amount {
            Amount::Whole { value, scale } => (*value, *scale, "(*inf.Dec)(nil)"),
            Amount::Decimal(_) => (0, 0, "(*inf.Dec)(0xc000000000)"),
        };
        format!(
            "resource.Quantity{{i:resource.int64Amount{{value:{value}, scale:{scale}}}, \
             d:resource.infDecAmount{{Dec:{decimal}}}, s:\"{}\", Format:\"{}\"}}",
            self.written.as_deref().unwrap_or_default(),
            self.format.name()
        )
    }

    fn decimal(&self) -> Cow<'_, Decimal> {
        match &self.amount {
            Amount::Whole { value, scale } => Cow::Owned(Decimal::new(
                *value < 0,
                &value.unsigned_abs().to_string(),
                -*scale,
            )),
            Amount::Decimal(amount) => Cow::Borrowed(amount),
        }
    }

    fn canonical(&self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let amount = self.decimal();
        let mut format = self.format;
        if format == Format::Binary && (amount.is_below(1024) || !amount.is_whole()) {
            format = Format::Decimal;
        }
        if format == Format::Binary {
            let mut value = self.scaled(0);
            let mut times = 0;
            while value % 1024 == 0 && value.unsigned_abs() >= 1024 {
                value /= 1024;
                times += 1;
            }
            let suffix = BINARY.iter().find(|(_, power)| *power == times * 10);
            return format!("{value}{}", suffix.map_or("", |(name, _)| name));
        }
        let (digits, exponent) = amount.engineering();
        match format {
            Format::Exponent if exponent == 0 => digits,
            Format::Exponent => format!("{digits}e{exponent}"),
            _ => {
                // A power that no suffix stands for is lost: so it is in Go.
                let suffix = DECIMAL.iter().find(|(_, power)| *power == exponent);
                format!("{digits}{}", suffix.map_or("", |(name, _)| name))
            }
        }
    }
}

/// A number without its last `digits`, away from zero where one of them is none.
fn divided(value: i64, digits: u32) -> i64 {
    match 10_i64.checked_pow(digits) {
        Some(divisor) => value / divisor + (value % divisor).signum(),
        None => value.signum(),
    }
}

/// The sum of two whole numbers and their powers of ten, where 64 bits hold it.
fn add_whole((value, scale): (i64, i32), (more, of): (i64, i32)) -> Option<Amount> {
    if more == 0 {
        return Some(Amount::Whole { value, scale });
    }
    if value == 0 {
        return Some(Amount::Whole {
            value: more,
            scale: of,
        });
    }
    let finer = scale.min(of);
    let scaled = |value: i64, scale: i32| {
        let factor = 10_i64.checked_pow(scale.abs_diff(finer))?;
        value.checked_mul(factor)
    };
    let value = scaled(value, scale)?.checked_add(scaled(more, of)?)?;
    Some(Amount::Whole { value, scale: finer })
}

fn signed(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

impl std::fmt::Display for Quantity<'_> {
    /// As the API server prints it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.written {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.canonical()),
        }
    }
}

impl PartialEq for Quantity<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity<'_> {}

impl PartialOrd for Quantity<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity<'_> {
    /// By the amount, however it is written.
    fn cmp(&self, other: &Self) -> Ordering {
        if let (
            Amount::Whole { value, scale },
            Amount::Whole {
                value: other,
                scale: of,
            },
        ) = (&self.amount, &other.amount)
            && scale == of
        {
            return value.cmp(other);
        }
        self.decimal().compare(&other.decimal())
    }
}

#[cfg(test)]
mod tests;
