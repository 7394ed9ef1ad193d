//! Time zones by name.

/// The names of the IANA time zone database, sorted. An API server knows those of the database that it was built with.
static NAMES: &str = include_str!("time_zones.txt");

/// What is wrong with a name, in the words of Go's `time.LoadLocation`.
pub(super) fn load(name: &str) -> Result<(), String> {
    if matches!(name, "" | "UTC" | "Local") {
        return Ok(());
    }
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return Err("time: invalid location name".to_owned());
    }
    if NAMES.lines().any(|known| known == name) {
        return Ok(());
    }
    // The database is a directory, and so are the continents in it.
    let is_directory = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    if NAMES.lines().any(is_directory) {
        return Err("is a directory".to_owned());
    }
    Err(format!("unknown time zone {name}"))
}

/// Whether a part of a name is one that a time zone can have.
pub(super) fn is_part(part: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    (1..=14).contains(&part.len())
        && !matches!(part, "." | "..")
        && !part.starts_with('-')
        && part.bytes().all(known)
}
