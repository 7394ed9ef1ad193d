//! Windows security descriptors in self-relative form, as far as images need them.
//!
//! Source: [MS-DTYP] 2.4.6 (`SECURITY_DESCRIPTOR`), 2.4.5 (`ACL`), 2.4.4 (`ACE`), 2.4.2 (`SID`).

const SYSTEM: &[u32] = &[18];
const ADMINISTRATORS: &[u32] = &[32, 544];
const USERS: &[u32] = &[32, 545];
const CREATOR_OWNER: (u8, &[u32]) = (3, &[0]);
const NT_AUTHORITY: u8 = 5;

const OBJECT_INHERIT: u8 = 1;
const CONTAINER_INHERIT: u8 = 2;
const INHERIT_ONLY: u8 = 8;

const FILE_ALL: u32 = 0x001f_01ff;
const FILE_READ_EXECUTE: u32 = 0x0012_00a9;
const GENERIC_ALL: u32 = 0x1000_0000;
const KEY_ALL: u32 = 0x000f_003f;
const KEY_READ: u32 = 0x0002_0019;

/// Administrators own the file; they and SYSTEM may do everything, users read and execute.
pub(super) fn of_file() -> Vec<u8> {
    descriptor(&[
        ace(0, FILE_ALL, NT_AUTHORITY, SYSTEM),
        ace(0, FILE_ALL, NT_AUTHORITY, ADMINISTRATORS),
        ace(0, FILE_READ_EXECUTE, NT_AUTHORITY, USERS),
    ])
}

/// As [`of_file`], handed down to what is made inside.
pub(super) fn of_directory() -> Vec<u8> {
    let down = OBJECT_INHERIT | CONTAINER_INHERIT;
    descriptor(&[
        ace(down, FILE_ALL, NT_AUTHORITY, SYSTEM),
        ace(down, FILE_ALL, NT_AUTHORITY, ADMINISTRATORS),
        ace(down | INHERIT_ONLY, GENERIC_ALL, CREATOR_OWNER.0, CREATOR_OWNER.1),
        ace(down, FILE_READ_EXECUTE, NT_AUTHORITY, USERS),
    ])
}

/// For the root key of a hive.
pub(super) fn of_key() -> Vec<u8> {
    descriptor(&[
        ace(CONTAINER_INHERIT, KEY_ALL, NT_AUTHORITY, SYSTEM),
        ace(CONTAINER_INHERIT, KEY_ALL, NT_AUTHORITY, ADMINISTRATORS),
        ace(CONTAINER_INHERIT, KEY_READ, NT_AUTHORITY, USERS),
    ])
}

/// Owner Administrators, group SYSTEM, those entries.
fn descriptor(entries: &[Vec<u8>]) -> Vec<u8> {
    let (owner, group) = (sid(NT_AUTHORITY, ADMINISTRATORS), sid(NT_AUTHORITY, SYSTEM));
    let list = entries.concat();
    let list_size = 8 + list.len();
    let at_list = 20;
    let at_owner = at_list + list_size;
    let at_group = at_owner + owner.len();
    let mut bytes = vec![1, 0];
    // SE_SELF_RELATIVE and SE_DACL_PRESENT.
    bytes.extend(0x8004_u16.to_le_bytes());
    for offset in [at_owner, at_group, 0, at_list] {
        bytes.extend(small(offset).to_le_bytes());
    }
    bytes.extend([2, 0]);
    bytes.extend(short(list_size).to_le_bytes());
    bytes.extend(short(entries.len()).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(list);
    bytes.extend(owner);
    bytes.extend(group);
    bytes
}

/// An `ACCESS_ALLOWED_ACE`.
fn ace(flags: u8, mask: u32, authority: u8, subauthorities: &[u32]) -> Vec<u8> {
    let sid = sid(authority, subauthorities);
    let mut bytes = vec![0, flags];
    bytes.extend(short(8 + sid.len()).to_le_bytes());
    bytes.extend(mask.to_le_bytes());
    bytes.extend(sid);
    bytes
}

fn sid(authority: u8, subauthorities: &[u32]) -> Vec<u8> {
    let mut bytes = vec![
        1,
        u8::try_from(subauthorities.len()).unwrap_or(u8::MAX),
        0,
        0,
        0,
        0,
        0,
        authority,
    ];
    for subauthority in subauthorities {
        bytes.extend(subauthority.to_le_bytes());
    }
    bytes
}

fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Base 64 with padding, as the pax record `MSWINDOWS.rawsd` wants it.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = 0_u32;
        for index in 0..3 {
            word = (word << 8) | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            let digit = (word >> (18 - 6 * index)) & 63;
            text.push(if index <= group.len() {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{base64, of_file};

    #[test]
    fn encodes_base_64_as_its_rfc_shows() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_descriptor_is_laid_out_as_documented() {
        let bytes = of_file();
        let at = |offset: usize| u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap()) as usize;
        assert_eq!(&bytes[..4], [1, 0, 4, 0x80]);
        assert_eq!(at(12), 0, "no SACL");
        assert_eq!(at(16), 20, "the DACL follows the header");
        assert_eq!(
            &bytes[at(4)..at(8)],
            [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0],
            "S-1-5-32-544"
        );
        assert_eq!(&bytes[at(8)..], [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], "S-1-5-18");
        let size = usize::from(u16::from_le_bytes([bytes[22], bytes[23]]));
        assert_eq!(20 + size, at(4), "the DACL ends where the owner begins");
        assert_eq!(&bytes[24..26], [3, 0], "three entries");
    }
}
