//! Base64 as Kubernetes decodes it: the standard alphabet with padding, line breaks skipped.

/// Decodes text.
///
/// # Errors
/// The offset of the first byte that does not belong there.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, usize> {
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
    use super::decode;

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
