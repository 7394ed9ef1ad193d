//! Who may change a directory that porthole makes or finds.
//!
//! A directory that inherits the rights of `C:\` or of `%ProgramData%` can be changed by every user of the computer, who
//! could then swap the program of a container between its copy and its start. So directories are made with an access list
//! of their own, in the security descriptor definition language, and one that is there already is refused unless nobody
//! but administrators, the system and whoever runs porthole could have changed it.

use std::fmt::Write as _;
use std::io;

use crate::engine::CreateError;

use super::api::{Api, Handle, TOKEN_QUERY};

/// What a container's account may do in its rootfs and its volumes: read, write, execute, delete; not change rights.
pub(super) const MODIFY: u32 = 0x0013_01BF;
/// What it may do in a read-only volume: read and execute.
pub(super) const READ: u32 = 0x0012_00A9;

const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// `NT SERVICE\TrustedInstaller`, which owns what Windows itself installs.
const INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// Every right by which a directory or what is in it could be replaced: write data, append, write extended attributes,
/// delete children, write attributes (a reparse point needs no more), delete, change the list or the owner, and the
/// generic rights that include one of these.
const CHANGES: u32 =
    0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x1_0000 | 0x4_0000 | 0x8_0000 | 0x4000_0000 | 0x1000_0000;

/// The two-letter rights of the language that a file's list can have.
const RIGHTS: [(&str, u32); 20] = [
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
    ("RC", 0x2_0000),
    ("SD", 0x1_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
    ("FA", 0x1F_01FF),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00A0),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
];

/// A SID in its text form, `S-1-…`.
pub(super) fn text(sid: &[u8]) -> String {
    let mut text = "S-1-".to_owned();
    let authority = sid
        .iter()
        .skip(2)
        .take(6)
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let _ = write!(text, "{authority}");
    for part in sid.get(8..).unwrap_or_default().chunks_exact(4) {
        let _ = write!(
            text,
            "-{}",
            u32::from_le_bytes([part[0], part[1], part[2], part[3]])
        );
    }
    text
}

/// The account that porthole runs as.
pub(super) fn own(api: &dyn Api) -> io::Result<String> {
    let token = api.open_own_token(TOKEN_QUERY)?;
    Ok(text(&api.token_user(&token)?))
}

/// The account of a container: of its token, else porthole's own.
pub(super) fn account(api: &dyn Api, token: Option<&Handle>) -> io::Result<Vec<u8>> {
    if let Some(token) = token {
        api.token_user(token)
    } else {
        api.token_user(&api.open_own_token(TOKEN_QUERY)?)
    }
}

/// Whether the lists of this module give an account everything without being told to.
pub(super) fn has_all(sid: &str, own: &str) -> bool {
    sid == SYSTEM || sid == ADMINISTRATORS || sid == own
}

/// A list that inherits nothing: the system, administrators and whoever runs porthole may do everything.
pub(super) fn closed(own: &str) -> String {
    let mut list = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)".to_owned();
    if !has_all(own, SYSTEM) {
        let _ = write!(list, "(A;OICI;FA;;;{own})");
    }
    list
}

/// The same for a pipe, which belongs to whoever runs porthole.
pub(super) fn pipe(own: &str) -> String {
    let mut list = format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    if !has_all(own, SYSTEM) {
        let _ = write!(list, "(A;;GA;;;{own})");
    }
    list
}

/// The same for a directory that several containers have something in, whose names every user may see.
pub(super) fn shared(own: &str) -> String {
    format!("{}(A;;{READ:#x};;;BU)", closed(own))
}

/// The same for a rootfs, which the container's account may change.
pub(super) fn rootfs(own: &str, account: &str) -> String {
    let mut list = closed(own);
    if !has_all(account, own) {
        let _ = write!(list, "(A;OICI;{MODIFY:#x};;;{account})");
    }
    list
}

/// Refuses a directory that is there if it is a link, or if somebody could have changed it who may not.
pub(super) fn check(api: &dyn Api, directory: &str, own: &str) -> Result<(), CreateError> {
    let doing = || format!("use directory `{directory}`");
    let descriptor = api.security_of(directory).map_err(|source| CreateError::Io {
        doing: doing(),
        source,
    })?;
    untrusted(&descriptor, own).map_or(Ok(()), |reason| {
        Err(CreateError::Host {
            doing: doing(),
            reason,
        })
    })
}

/// Makes the state directory if it is missing, and refuses one that others could have changed: it holds the images that
/// containers are made of, and the secrets of their volumes.
pub(super) fn state(api: &dyn Api, directory: &str) -> Result<(), CreateError> {
    let failed = |source| CreateError::Io {
        doing: format!("make state directory `{directory}`"),
        source,
    };
    let own = own(api).map_err(failed)?;
    if !api.is_directory(directory) {
        match api.create_private_directory(directory, &closed(&own)) {
            // Another porthole, or somebody else: the check tells.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(failed)?,
        }
    }
    check(api, directory, &own)
}

/// Why a directory with this security descriptor cannot be trusted.
fn untrusted(descriptor: &str, own: &str) -> Option<String> {
    let trusted = |sid: &str| {
        has_all(sid, own)
            || matches!(
                sid,
                "SY" | "BA" | "LA" | "CO" | "OW" | INSTALLER | "S-1-3-0" | "S-1-3-4"
            )
            || (sid == "LS" && own == "S-1-5-19")
            || (sid == "NS" && own == "S-1-5-20")
    };
    let Some((head, list)) = descriptor.split_once("D:") else {
        return Some("it has no access list, so everybody may change it".to_owned());
    };
    let owner = head.strip_prefix("O:").unwrap_or_default();
    let owner = owner.split_once("G:").map_or(owner, |(owner, _)| owner);
    if !trusted(owner) {
        return Some(format!(
            "it belongs to `{owner}`, who could change what is in it; move it away, or give it to the Administrators with \
             `takeown /A`, if what is in it can be trusted"
        ));
    }
    // Flags come before the first entry; a list that is none at all (`NO_ACCESS_CONTROL`) has no entries to read.
    let (flags, entries) = list.split_at(list.find('(').unwrap_or(list.len()));
    if flags.contains("NO_ACCESS_CONTROL") {
        return Some("it has no access list, so everybody may change it".to_owned());
    }
    for entry in entries.split(['(', ')']).filter(|entry| !entry.is_empty()) {
        let fields: Vec<&str> = entry.split(';').collect();
        let &[kind, flags, rights, _, _, sid] = fields.as_slice() else {
            return Some(format!(
                "the entry `{entry}` of its access list is not understood"
            ));
        };
        let inherit_only = flags.as_bytes().chunks(2).any(|flag| flag == b"IO");
        if kind == "D" || inherit_only || trusted(sid) {
            continue;
        }
        if kind != "A" {
            return Some(format!(
                "the entry `{entry}` of its access list is not understood"
            ));
        }
        if mask(rights).is_none_or(|rights| rights & CHANGES != 0) {
            return Some(format!(
                "`{sid}` may change it (`{entry}`); take that away with `icacls /inheritance:r`, if what is in it can be \
                 trusted, or move it away"
            ));
        }
    }
    None
}

/// Rights of an entry as bits; `None` if they are not understood.
fn mask(rights: &str) -> Option<u32> {
    if let Some(digits) = rights.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok();
    }
    let mut bits = 0;
    let mut rest = rights;
    while !rest.is_empty() {
        let (name, tail) = rest.split_at_checked(2)?;
        bits |= RIGHTS.iter().find(|(other, _)| *other == name)?.1;
        rest = tail;
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Call, Fake};
    use super::*;

    const USER: &str = "S-1-5-21-1-2-3-1001";

    #[test]
    fn sids_are_spelt_as_windows_spells_them() {
        assert_eq!(text(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]), SYSTEM);
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        assert_eq!(text(&sid), ADMINISTRATORS);
    }

    #[test]
    fn lists_inherit_nothing_and_name_everybody_who_is_needed() {
        assert_eq!(closed(SYSTEM), "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
        assert_eq!(
            closed(USER),
            "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;S-1-5-21-1-2-3-1001)"
        );
        assert_eq!(
            shared(SYSTEM),
            "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;0x1200a9;;;BU)"
        );
        assert_eq!(
            rootfs(SYSTEM, "S-1-5-19"),
            "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;S-1-5-19)"
        );
        assert_eq!(rootfs(USER, USER), closed(USER));
        assert_eq!(rootfs(SYSTEM, SYSTEM), closed(SYSTEM));
    }

    #[test]
    fn trusts_what_only_administrators_could_have_changed() {
        for descriptor in [
            format!("O:BA{}", shared(SYSTEM)),
            format!("O:{USER}{}", closed(USER)),
            "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)(A;;FRFX;;;WD)".to_owned(),
            "O:LAD:(D;;FA;;;WD)(A;;0x1200a9;;;AU)".to_owned(),
            // Whoever may change only what is made in it later.
            "O:BAD:AI(A;OICIIO;SDGXGWGR;;;AU)".to_owned(),
            "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:P".to_owned(),
        ] {
            assert_eq!(untrusted(&descriptor, USER), None, "{descriptor}");
        }
    }

    #[test]
    fn refuses_what_somebody_else_could_have_changed() {
        for (descriptor, reason) in [
            (
                "O:S-1-5-21-1-2-3-1002D:P(A;;FA;;;BA)",
                "belongs to `S-1-5-21-1-2-3-1002`",
            ),
            ("O:BUD:P(A;;FA;;;BA)", "belongs to `BU`"),
            ("O:BA", "no access list"),
            ("O:BAD:NO_ACCESS_CONTROL", "no access list"),
            // What a directory below `C:\` and below `%ProgramData%` inherits.
            (
                "O:BAD:AI(A;OICIID;FA;;;SY)(A;ID;0x1301bf;;;AU)",
                "`AU` may change it",
            ),
            ("O:BAD:AI(A;CIID;DCLCRPCR;;;BU)", "`BU` may change it"),
            ("O:BAD:P(A;;LC;;;WD)", "`WD` may change it"),
            ("O:BAD:P(A;;WO;;;S-1-5-21-1-2-3-1002)", "may change it"),
            ("O:BAD:P(A;;GA;;;LS)", "`LS` may change it"),
            ("O:BAD:P(A;;0xzz;;;BU)", "`BU` may change it"),
            ("O:BAD:P(XA;;FR;;;BU;(x))", "not understood"),
            ("O:BAD:P(OA;;FR;;;BU)", "not understood"),
        ] {
            let found = untrusted(descriptor, USER).unwrap_or_default();
            assert!(found.contains(reason), "{descriptor}: {found:?}");
        }
    }

    #[test]
    fn state_is_made_closed_and_refused_where_others_could_write() {
        let fake = Fake::new();
        state(&*fake, r"C:\ProgramData\porthole").unwrap();
        assert_eq!(
            fake.calls(),
            [Call::CreatePrivateDirectory {
                path: r"C:\ProgramData\porthole".to_owned(),
                sddl: "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)".to_owned(),
            }]
        );
        fake.security(r"C:\ProgramData\porthole", "O:BAD:AI(A;CIID;DCLCRPCR;;;BU)");
        let error = state(&*fake, r"C:\ProgramData\porthole").unwrap_err().to_string();
        assert!(
            error.contains(r"use directory `C:\ProgramData\porthole`: `BU` may change it"),
            "{error}"
        );
    }
}
