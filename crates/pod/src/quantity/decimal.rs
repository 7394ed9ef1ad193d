//! Decimal numbers of any length, as far as quantities need them (Go's `inf.Dec`).

use std::cmp::Ordering;

/// `±digits` × 10^-`scale`.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    negative: bool,
    /// The digits, the highest first, without leading zeros; none is zero.
    digits: Vec<u8>,
    scale: i32,
}

impl Decimal {
    /// The number of the decimal digits `digits`, the last `scale` of which stand behind the point.
    pub(crate) fn new(negative: bool, digits: &str, scale: i32) -> Self {
        let digits = digits.bytes().map(|digit| digit - b'0');
        Self {
            negative,
            digits: digits.skip_while(|digit| *digit == 0).collect(),
            scale,
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.negative && !self.is_zero()
    }

    /// Turns its sign.
    pub(crate) const fn negate(&mut self) {
        self.negative = !self.negative;
    }

    /// Multiplies by 10^`by`.
    pub(crate) fn move_point(&mut self, by: i32) {
        self.scale = self.scale.saturating_sub(by);
    }

    /// Multiplies by 2^`by`.
    pub(crate) fn shift_left(&mut self, by: u32) {
        for _ in 0..by {
            let mut carry = 0;
            for digit in self.digits.iter_mut().rev() {
                let doubled = *digit * 2 + carry;
                *digit = doubled % 10;
                carry = doubled / 10;
            }
            if carry > 0 {
                self.digits.insert(0, carry);
            }
        }
    }

    /// The sum of both, exactly; but where they are so far apart that nobody could write it down, the greater of them.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        /// So many digits stand between the two.
        const APART: usize = 1000;
        let scale = self.scale.max(other.scale);
        let (more, less) = match self.compare_amount(other) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        let written = u64::try_from(self.digits.len() + other.digits.len() + APART).unwrap_or(u64::MAX);
        if i64::from(self.scale).abs_diff(other.scale.into()) > written {
            return more.clone();
        }
        // The digits of both from the last one on, in units of 10^-`scale`.
        let aligned = |number: &Self| -> Vec<u8> {
            let zeros = usize::try_from(scale - number.scale).unwrap_or_default();
            std::iter::repeat_n(0, zeros)
                .chain(number.digits.iter().rev().copied())
                .collect()
        };
        let (more_digits, less_digits) = (aligned(more), aligned(less));
        let adds = more.negative == less.negative;
        let mut digits = Vec::with_capacity(more_digits.len() + 1);
        let mut carry = 0_i8;
        for at in 0..more_digits.len().max(less_digits.len()) {
            let digit = |digits: &[u8]| digits.get(at).copied().unwrap_or_default().cast_signed();
            let change = digit(&less_digits);
            let sum = digit(&more_digits) + carry + if adds { change } else { -change };
            carry = sum.div_euclid(10);
            digits.push(sum.rem_euclid(10).cast_unsigned());
        }
        digits.push(carry.max(0).cast_unsigned());
        let digits = digits.into_iter().rev();
        Self {
            negative: more.negative,
            digits: digits.skip_while(|digit| *digit == 0).collect(),
            scale,
        }
    }

    /// The place of the highest digit: the number is below 10^`magnitude`.
    fn magnitude(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX) - i64::from(self.scale)
    }

    /// Rounds to `scale` digits behind the point, away from zero. What is coarser stays as it is.
    pub(crate) fn round_up(&mut self, scale: i32) {
        if self.scale <= scale {
            return;
        }
        let cut = usize::try_from(self.scale - scale).unwrap_or(usize::MAX);
        let kept = self.digits.len().saturating_sub(cut);
        let inexact = self.digits[kept..].iter().any(|digit| *digit != 0);
        self.digits.truncate(kept);
        self.scale = scale;
        if !inexact {
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            *digit = (*digit + 1) % 10;
            if *digit != 0 {
                return;
            }
        }
        self.digits.insert(0, 1);
    }

    /// Cuts the amount down to `most`, whatever its sign.
    pub(crate) fn cap_at(&mut self, most: i64) {
        let most = Self::new(self.negative, &most.unsigned_abs().to_string(), 0);
        if self.compare_amount(&most) == Ordering::Greater {
            *self = most;
        }
    }

    /// Whether the amount, without its sign, is below one.
    pub(crate) fn is_below_one(&self) -> bool {
        self.is_below(1)
    }

    /// Whether the amount, without its sign, is below `limit`.
    pub(crate) fn is_below(&self, limit: u32) -> bool {
        self.compare_amount(&Self::new(false, &limit.to_string(), 0)) == Ordering::Less
    }

    /// Whether there is nothing behind the point.
    pub(crate) fn is_whole(&self) -> bool {
        let behind = usize::try_from(self.scale).unwrap_or_default();
        let start = self.digits.len().saturating_sub(behind);
        self.digits[start..].iter().all(|digit| *digit == 0)
    }

    /// The digits without the zeros at their end, and the power of ten by which they are multiplied: a multiple of three,
    /// for which zeros are put back.
    pub(crate) fn engineering(&self) -> (String, i32) {
        let end = self
            .digits
            .iter()
            .rposition(|digit| *digit != 0)
            .map_or(0, |last| last + 1);
        let mut exponent = signed(self.digits.len() - end).saturating_sub(self.scale);
        let mut text = String::with_capacity(end + 3);
        if self.negative {
            text.push('-');
        }
        text.extend(self.digits[..end].iter().map(|digit| char::from(b'0' + digit)));
        while exponent % 3 != 0 {
            text.push('0');
            exponent -= 1;
        }
        (text, exponent)
    }

    /// The number in units of 10^`unit`, in 64 bits that wrap around. What is cut off counts as one more, below zero as
    /// well: so Go has it.
    pub(crate) fn scaled(&self, unit: i32) -> i64 {
        let cut = usize::try_from(self.scale.saturating_add(unit)).unwrap_or_default();
        let kept = self.digits.len().saturating_sub(cut);
        let inexact = self.digits[kept..].iter().any(|digit| *digit != 0);
        // More zeros than this make a multiple of 2^64.
        let zeros = (-unit).saturating_sub(self.scale).clamp(0, 64);
        let zeros = std::iter::repeat_n(&0, usize::try_from(zeros).unwrap_or_default());
        let amount = self.digits[..kept].iter().chain(zeros);
        let amount = amount.fold(0_u64, |sum, digit| {
            sum.wrapping_mul(10).wrapping_add(u64::from(*digit))
        });
        let amount = amount.cast_signed();
        let amount = if self.negative {
            amount.wrapping_neg()
        } else {
            amount
        };
        amount.wrapping_add(i64::from(inexact))
    }

    fn compare_amount(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let by_magnitude = self.magnitude().cmp(&other.magnitude());
        by_magnitude.then_with(|| {
            let length = self.digits.len().max(other.digits.len());
            let padded = |digits: &[u8], at: usize| digits.get(at).copied().unwrap_or_default();
            (0..length)
                .map(|at| padded(&self.digits, at).cmp(&padded(&other.digits, at)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        })
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_negative(), other.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_amount(other),
            (true, true) => other.compare_amount(self),
        }
    }
}

fn signed(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
