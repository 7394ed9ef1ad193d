//! Base64 as Go's decoder takes it: where the first byte stands that it refuses.

/// The place of the first byte that is not base64 (RFC 4648, with padding), as Go's `CorruptInputError` counts it. Line
/// breaks are passed over.
pub(super) fn corrupt_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut next = 0;
    let skip_breaks = |next: &mut usize| {
        while bytes.get(*next).is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            *next += 1;
        }
    };
    loop {
        let mut digits = 0;
        while digits < 4 {
            skip_breaks(&mut next);
            let Some(byte) = bytes.get(next) else {
                return (digits > 0).then_some(next - digits);
            };
            next += 1;
            if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
                digits += 1;
                continue;
            }
            if *byte != b'=' || digits < 2 {
                return Some(next - 1);
            }
            if digits == 2 {
                skip_breaks(&mut next);
                match bytes.get(next) {
                    None => return Some(bytes.len()),
                    Some(b'=') => next += 1,
                    Some(_) => return Some(next - 1),
                }
            }
            skip_breaks(&mut next);
            return (next < bytes.len()).then_some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_byte_that_go_names() {
        for (text, expected) in [
            ("", None),
            ("YQ==", None),
            ("YWI=", None),
            ("YW\nJj\r\n", None),
            ("plain text", Some(5)),
            ("YQ", Some(0)),
            ("YWJjYQ", Some(4)),
            ("YQ=", Some(3)),
            ("YQ=x", Some(2)),
            ("YQ==YQ==", Some(4)),
            ("Y===", Some(1)),
            ("=", Some(0)),
            ("é", Some(0)),
        ] {
            assert_eq!(corrupt_at(text), expected, "{text:?}");
        }
    }
}
