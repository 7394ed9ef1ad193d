//! Base64 (RFC 4648, with padding) of values that can be decoded.

/// How many bytes the text stands for.
pub(crate) fn decoded_len(text: &str) -> usize {
    digits(text).count() * 3 / 4
}

/// The bytes that the text stands for.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(decoded_len(text));
    let (mut held, mut bits) = (0_u32, 0);
    for digit in digits(text) {
        held = held << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.extend(u8::try_from(held >> bits & 0xff));
        }
    }
    bytes
}

/// The values of the digits; padding and line breaks have none.
fn digits(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_was_encoded() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("YQ==", b"a"),
            ("YWI=", b"ab"),
            ("YWJj\nZA==\n", b"abcd"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(text), bytes, "{text:?}");
            assert_eq!(decoded_len(text), bytes.len(), "{text:?}");
        }
    }
}
