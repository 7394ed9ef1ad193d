//! Base64 as Kubernetes decodes it: the standard alphabet with padding, line breaks skipped.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes bytes, in one line.
#[must_use]
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for digit in 0..4 {
            if digit > group.len() {
                encoded.push('=');
            } else {
                let value = (bits >> (18 - 6 * digit)) & 63;
                encoded.push(char::from(ALPHABET[value as usize]));
            }
        }
    }
    encoded
}

/// Decodes text.
///
/// # Errors
/// The offset of the first byte that does not belong there.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, 0_u32);
    for (offset, byte) in text.bytes().enumerate() {
        let value = match byte {
            b'\r' | b'\n' => continue,
            b'=' if count % 4 >= 2 && padding < 2 => {
                padding += 1;
                count += 1;
                bits <<= 6;
                if count.is_multiple_of(4) {
                    let whole = bits.to_be_bytes();
                    decoded.extend_from_slice(&whole[1..4 - padding as usize]);
                }
                continue;
            }
            _ if padding > 0 => return Err(offset),
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(offset),
        };
        bits = (bits << 6) | u32::from(value);
        count += 1;
        if count.is_multiple_of(4) {
            decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
            bits = 0;
        }
    }
    if count.is_multiple_of(4) {
        Ok(decoded)
    } else {
        Err(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn encodes_what_it_decodes() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xff\xef", "/+8="),
        ] {
            assert_eq!(encode(bytes), expected);
        }
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn decodes_what_kubernetes_decodes() {
        for (text, expected) in [
            ("", Ok(&b""[..])),
            ("Zg==", Ok(b"f")),
            ("Zm8=", Ok(b"fo")),
            ("Zm9v", Ok(b"foo")),
            ("Zm9v\nYmFy\r\n", Ok(b"foobar")),
            ("/+8=", Ok(b"\xff\xef")),
            ("Zg", Err(2)),
            ("Zg=", Err(3)),
            ("Zg===", Err(4)),
            ("Z===", Err(1)),
            ("=", Err(0)),
            ("Zm9v=", Err(4)),
            ("Zm9 v", Err(3)),
            ("Zm_v", Err(2)),
            ("Zg==Zg==", Err(4)),
        ] {
            assert_eq!(decode(text), expected.map(<[u8]>::to_vec), "{text:?}");
        }
    }
}
