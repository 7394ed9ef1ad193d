//! The 512 bytes before each member.

use super::BLOCK;

/// Where a field of the header lies.
#[derive(Clone, Copy)]
pub(super) struct Field(pub(super) usize, pub(super) usize);

pub(super) const NAME: Field = Field(0, 100);
pub(super) const MODE: Field = Field(100, 8);
pub(super) const UID: Field = Field(108, 8);
pub(super) const GID: Field = Field(116, 8);
pub(super) const SIZE: Field = Field(124, 12);
pub(super) const MTIME: Field = Field(136, 12);
pub(super) const CHECKSUM: Field = Field(148, 8);
pub(super) const FLAG: usize = 156;
pub(super) const LINK: Field = Field(157, 100);
pub(super) const MAGIC: Field = Field(257, 8);
pub(super) const PREFIX: Field = Field(345, 155);

pub(super) const USTAR: &[u8] = b"ustar\x0000";
pub(super) const GNU: &[u8] = b"ustar  \0";

/// A header's bytes.
pub(super) struct Header(pub(super) [u8; BLOCK]);

impl Header {
    pub(super) fn bytes(&self, Field(start, length): Field) -> &[u8] {
        &self.0[start..start + length]
    }

    /// A field's text: up to the first NUL.
    pub(super) fn text(&self, field: Field) -> &[u8] {
        let bytes = self.bytes(field);
        &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
    }

    /// A field's number: octal digits among blanks and NULs, or base 256 if the first bit is set.
    pub(super) fn number(&self, field: Field) -> Option<i64> {
        let bytes = self.bytes(field);
        if bytes[0] & 0x80 != 0 {
            return base_256(bytes);
        }
        let digits = bytes
            .iter()
            .copied()
            .skip_while(|byte| *byte == b' ')
            .take_while(|byte| !matches!(byte, b' ' | 0))
            .try_fold(0_i64, |number, byte| match byte {
                b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
                _ => None,
            })?;
        Some(digits)
    }

    /// Whether the checksum is right, summed over unsigned or, as old programs did, signed bytes.
    pub(super) fn checksum_holds(&self) -> bool {
        let Some(expected) = self.number(CHECKSUM) else {
            return false;
        };
        let within = CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1;
        let value = |(index, byte): (usize, &u8)| if within.contains(&index) { b' ' } else { *byte };
        let unsigned: i64 = self.0.iter().enumerate().map(|pair| i64::from(value(pair))).sum();
        let signed: i64 = self
            .0
            .iter()
            .enumerate()
            .map(|pair| i64::from(value(pair).cast_signed()))
            .sum();
        expected == unsigned || expected == signed
    }

    /// Puts the checksum in.
    pub(super) fn seal(&mut self) {
        self.0[CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        let text = format!("{sum:06o}\0 ");
        self.0[CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1].copy_from_slice(text.as_bytes());
    }

    /// Puts octal digits in; `false` if they do not fit.
    pub(super) fn set_number(&mut self, Field(start, length): Field, number: u64) -> bool {
        let text = format!("{number:0width$o}\0", width = length - 1);
        let fits = text.len() == length;
        if fits {
            self.0[start..start + length].copy_from_slice(text.as_bytes());
        }
        fits
    }

    /// Puts text in; `false` if it does not fit.
    pub(super) fn set_text(&mut self, Field(start, length): Field, text: &[u8]) -> bool {
        let fits = text.len() <= length;
        if fits {
            self.0[start..start + text.len()].copy_from_slice(text);
        }
        fits
    }
}

/// Big-endian two's complement whose topmost bit is only a mark.
fn base_256(bytes: &[u8]) -> Option<i64> {
    let negative = bytes[0] & 0x40 != 0;
    let first = if negative { bytes[0] } else { bytes[0] & 0x7f };
    let mut number: i128 = if negative { -1 } else { 0 };
    for byte in std::iter::once(&first).chain(&bytes[1..]) {
        number = (number << 8) | i128::from(*byte);
    }
    i64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Header, SIZE};

    #[test]
    fn reads_octal_and_base_256_numbers() {
        let mut header = Header([0; BLOCK]);
        for (bytes, expected) in [
            (&b"00000000017\0"[..], Some(15)),
            (b"        17 \0", Some(15)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0)),
            (b"0000000001x\0", None),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            header.0[SIZE.0..SIZE.0 + SIZE.1].copy_from_slice(bytes);
            assert_eq!(header.number(SIZE), expected, "{bytes:?}");
        }
    }
}
