//! What an entry of a layer may be called. Pure rules of both systems.
//!
//! Source of the Windows rules: "Naming Files, Paths, and Namespaces" of the Windows documentation.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// Longest path, as Linux has it (`PATH_MAX` with its NUL).
const PATH: usize = 4095;
/// Longest component on all common file systems, in bytes.
const COMPONENT: usize = 255;
/// Most components: a directory is open for each.
const DEPTH: usize = 128;

/// Cuts a path of an archive into components, refusing what could lead out of the layer or be changed by the system.
/// The root itself has none.
pub(crate) fn components(path: &str, windows: bool) -> Result<Vec<&str>, String> {
    if path.is_empty() {
        return Err("has no name".to_owned());
    }
    if path.starts_with('/') {
        return Err("is an absolute path".to_owned());
    }
    if path.len() > PATH {
        return Err(format!("is longer than {PATH} bytes"));
    }
    let components: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if components.len() > DEPTH {
        return Err(format!("is more than {DEPTH} directories deep"));
    }
    for component in &components {
        if *component == ".." {
            return Err("leaves the layer by a .. component".to_owned());
        }
        if component.len() > COMPONENT {
            return Err(format!("has a component of more than {COMPONENT} bytes"));
        }
        if component.contains('\0') {
            return Err("contains a NUL".to_owned());
        }
        if windows {
            windows_component(component)?;
        }
    }
    Ok(components)
}

/// Refuses what Windows would take for something else than a plain name.
///
/// # Errors
/// Why the name is none, as in "contains a backslash": alternate streams, devices, characters that names cannot have.
pub fn windows_component(name: &str) -> Result<(), String> {
    if name.contains(':') {
        return Err("names an alternate stream or a drive with a colon".to_owned());
    }
    if name.contains('\\') {
        return Err("contains a backslash, which separates directories on Windows".to_owned());
    }
    if let Some(character) = name
        .chars()
        .find(|character| *character < ' ' || "<>\"|?*".contains(*character))
    {
        return Err(format!(
            "contains {character:?}, which Windows does not allow in names"
        ));
    }
    if name.ends_with(['.', ' ']) {
        return Err("has a component that ends in a dot or a blank, which Windows removes".to_owned());
    }
    if is_device(name) {
        return Err(format!("contains {name:?}, which is a device on Windows"));
    }
    Ok(())
}

/// Whether Windows takes a name for a device, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches(' ')
        .to_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    ["COM", "LPT"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|digit| {
            matches!(
                digit,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        })
    })
}

/// What an entry's last component says beyond its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// Nothing: an ordinary entry.
    Ordinary,
    /// `.wh.NAME`: NAME of the lower layers is gone.
    Whiteout(&'a str),
    /// `.wh..wh..opq`: all of the lower layers' directory is gone.
    Opaque,
    /// Other `.wh..wh.` names are notes of the aufs file system and mean nothing here.
    Note,
}

/// Reads the marks of the OCI image specification ("Representing Changes", Whiteouts).
pub(super) fn mark(name: &str) -> Result<Mark<'_>, String> {
    let Some(hidden) = name.strip_prefix(".wh.") else {
        return Ok(Mark::Ordinary);
    };
    if name == ".wh..wh..opq" {
        Ok(Mark::Opaque)
    } else if hidden.starts_with(".wh.") {
        Ok(Mark::Note)
    } else if matches!(hidden, "" | "." | "..") {
        Err(format!("is a whiteout of {hidden:?}, which is no name"))
    } else {
        Ok(Mark::Whiteout(hidden))
    }
}

/// Where an entry of a layer for Windows belongs.
pub(super) fn windows_place<'a>(components: &[&'a str]) -> Result<Option<Vec<&'a str>>, String> {
    match components.split_first() {
        None | Some((&("Hives" | "UtilityVM"), _)) => Ok(None),
        Some((&"Files", rest)) => Ok(Some(rest.to_vec())),
        Some((top, _)) => Err(format!(
            "is below {top:?}, but a layer for Windows has only Files, Hives and UtilityVM at its top"
        )),
    }
}

/// Whether a file is one of the registry hives that Windows wants in every base layer.
pub(super) fn is_hive(components: &[&str]) -> bool {
    let [directories @ .., name] = components else {
        return false;
    };
    let equal = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    directories.len() == 3
        && ["Windows", "System32", "config"]
            .iter()
            .zip(directories)
            .all(|(one, other)| equal(one, other))
        && crate::build::HIVES.iter().any(|hive| equal(hive, name))
}

/// Finds names that differ only in case. Remembers 16 bytes a path, not the path.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    state: RandomState,
    seen: HashMap<u64, u64>,
}

impl Cases {
    /// Refuses a path of which some component was seen in another case.
    pub(crate) fn check(&mut self, components: &[&str]) -> Result<(), String> {
        for end in 1..=components.len() {
            let prefix = components[..end].join("/");
            let folded = self.state.hash_one(fold(&prefix));
            let exact = self.state.hash_one(&prefix);
            if *self.seen.entry(folded).or_insert(exact) != exact {
                return Err(format!("collides: {prefix:?} is also there in another case"));
            }
        }
        Ok(())
    }
}

/// Upper case one character to one, as NTFS compares.
fn fold(text: &str) -> String {
    text.chars()
        .map(|character| {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                _ => character,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Cases, Mark, components, is_hive, mark, windows_place};

    #[test]
    fn cuts_paths_and_drops_dots() {
        for (path, expected) in [
            ("a/b/c", &["a", "b", "c"][..]),
            ("./a//b/", &["a", "b"]),
            ("./", &[]),
            (".", &[]),
            ("...", &["..."]),
            ("a..b", &["a..b"]),
        ] {
            assert_eq!(components(path, false).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn rejects_paths_that_lead_out() {
        for (path, reason) in [
            ("", "has no name"),
            ("/etc/passwd", "is an absolute path"),
            ("//a", "is an absolute path"),
            ("../a", "leaves the layer by a .. component"),
            ("a/../../b", "leaves the layer by a .. component"),
            ("a/..", "leaves the layer by a .. component"),
            ("a\0b", "contains a NUL"),
        ] {
            assert_eq!(components(path, false), Err(reason.to_owned()), "{path}");
        }
        assert!(components(&"a/".repeat(200), false).is_err());
        assert!(components(&"a".repeat(256), false).is_err());
        assert!(components(&"a/b".repeat(2000), false).is_err());
    }

    #[test]
    fn rejects_what_windows_takes_for_something_else() {
        for name in [
            "NUL",
            "nul.txt",
            "Com1",
            "lpt9.tar.gz",
            "COM¹",
            "con .txt",
            "CONIN$",
            "aux",
            "a:b",
            "C:",
            "file.txt::$DATA",
            "a\\b",
            "trailing.",
            "trailing ",
            "a?b",
            "a*",
            "tab\tname",
            "quo\"te",
            "a<b",
        ] {
            assert!(components(name, true).is_err(), "{name}");
            assert!(components(&format!("dir/{name}/x"), true).is_err(), "{name}");
            assert!(components(name, false).is_ok(), "{name}");
        }
        for name in [
            "NULL", "COM", "COM10", "console", "a.b.c", ".hidden", "CON-1", "lpt",
        ] {
            assert!(components(name, true).is_ok(), "{name}");
        }
    }

    #[test]
    fn reads_whiteouts() {
        assert_eq!(mark("a"), Ok(Mark::Ordinary));
        assert_eq!(mark(".wh.a"), Ok(Mark::Whiteout("a")));
        assert_eq!(mark(".wh..wh..opq"), Ok(Mark::Opaque));
        assert_eq!(mark(".wh..wh.plnk"), Ok(Mark::Note));
        for name in [".wh.", ".wh..", ".wh..."] {
            assert!(mark(name).is_err(), "{name}");
        }
    }

    #[test]
    fn takes_only_files_of_a_windows_layer() {
        assert_eq!(windows_place(&["Files", "a"]), Ok(Some(vec!["a"])));
        assert_eq!(windows_place(&["Files"]), Ok(Some(vec![])));
        assert_eq!(windows_place(&["Hives", "a"]), Ok(None));
        assert_eq!(windows_place(&["UtilityVM", "Files", "a"]), Ok(None));
        assert!(windows_place(&["etc", "a"]).is_err());
        assert!(is_hive(&["windows", "System32", "CONFIG", "sam"]));
        assert!(!is_hive(&["Windows", "System32", "config", "OTHER"]));
        assert!(!is_hive(&["Windows", "System32", "config"]));
    }

    #[test]
    fn finds_names_that_differ_only_in_case() {
        let mut cases = Cases::default();
        assert!(cases.check(&["Program", "a"]).is_ok());
        assert!(cases.check(&["Program", "b"]).is_ok());
        assert!(cases.check(&["Program", "a"]).is_ok());
        assert!(cases.check(&["program", "c"]).is_err());
        assert!(cases.check(&["Program", "A"]).is_err());
        assert!(cases.check(&["Größe"]).is_ok());
        assert!(cases.check(&["GRÖßE"]).is_err());
    }
}
