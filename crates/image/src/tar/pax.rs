//! The records of a pax extended header: `LENGTH KEY=VALUE\n`.

/// Longest name of an attribute on Linux.
const XATTR_NAME: usize = 255;
/// Most attributes of a member: Linux lists at most 64 KiB of names, and real layers have a handful.
const XATTRS: usize = 256;

/// What pax headers said of the next member; the later record wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<String>,
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
}

/// Reads the records of one header into `records`.
pub(super) fn read(mut text: &[u8], records: &mut Records) -> Result<(), &'static str> {
    while !text.is_empty() {
        let blank = text
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or("a record has no length")?;
        let length: usize = number(&text[..blank]).ok_or("a record's length is no number")?;
        if length <= blank + 1 || length > text.len() || text[length - 1] != b'\n' {
            return Err("a record's length is wrong");
        }
        let record = &text[blank + 1..length - 1];
        text = &text[length..];
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or("a record has no =")?;
        let key = std::str::from_utf8(&record[..equals]).map_err(|_| "a key is not UTF-8")?;
        apply(key, &record[equals + 1..], records)?;
    }
    Ok(())
}

fn apply(key: &str, value: &[u8], records: &mut Records) -> Result<(), &'static str> {
    let text = || match std::str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        Ok(_) => Err("a name contains a NUL"),
        Err(_) => Err("a name is not UTF-8"),
    };
    match key {
        "path" => records.path = Some(text()?),
        "linkpath" => records.link = Some(text()?),
        "size" => records.size = Some(number(value).ok_or("the size is no number")?),
        "uid" => records.uid = Some(number(value).ok_or("the owner is no number")?),
        "gid" => records.gid = Some(number(value).ok_or("the group is no number")?),
        "mtime" => records.mtime = Some(time(&text()?).ok_or("the time is no number")?),
        _ if key.starts_with("GNU.sparse.") => {
            return Err("it describes a sparse file, which porthole does not read");
        }
        _ => {
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                if name.is_empty() || name.len() > XATTR_NAME || name.contains('\0') {
                    return Err("an extended attribute has a name that none can have");
                }
                if records.xattrs.len() == XATTRS {
                    return Err("it has more extended attributes than a file can have");
                }
                records.xattrs.retain(|(known, _)| known != name);
                records.xattrs.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(())
}

/// Decimal digits only; unlike `parse`, no sign.
fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if plain {
        std::str::from_utf8(digits).ok()?.parse().ok()
    } else {
        None
    }
}

/// Seconds with an optional fraction, cut after nanoseconds.
fn time(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if negative && nanoseconds > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::{Records, read, time};

    fn of(text: &[u8]) -> Result<Records, &'static str> {
        let mut records = Records::default();
        read(text, &mut records).map(|()| records)
    }

    #[test]
    fn reads_records_and_the_later_wins() {
        let records = of(b"9 path=a\n9 path=b\n12 size=123\n28 SCHILY.xattr.user.x=a=b\n\n").unwrap();
        assert_eq!(records.path.as_deref(), Some("b"));
        assert_eq!(records.size, Some(123));
        assert_eq!(records.xattrs, [("user.x".to_owned(), b"a=b\n".to_vec())]);
    }

    #[test]
    fn rejects_malformed_records() {
        for (text, reason) in [
            (&b"path=a\n"[..], "a record has no length"),
            (b"x path=a\n", "a record's length is no number"),
            (b"99 path=a\n", "a record's length is wrong"),
            (b"8 path=a\n", "a record's length is wrong"),
            (b"2 \n", "a record's length is wrong"),
            (b"8 patha\n", "a record has no ="),
            (b"9 size=-\n", "the size is no number"),
            (b"11 size=-1\n", "the size is no number"),
            (b"12 path=a\0b\n", "a name contains a NUL"),
            (b"9 path=\xff\n", "a name is not UTF-8"),
            (
                b"22 GNU.sparse.major=1\n",
                "it describes a sparse file, which porthole does not read",
            ),
        ] {
            assert_eq!(of(text).err(), Some(reason), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn reads_times_with_fractions_before_and_after_1970() {
        assert_eq!(time("1.5"), Some((1, 500_000_000)));
        assert_eq!(time("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time("-0.25"), Some((-1, 750_000_000)));
        assert_eq!(time("12"), Some((12, 0)));
        assert_eq!(time("1.x"), None);
        assert_eq!(time(""), None);
    }
}
