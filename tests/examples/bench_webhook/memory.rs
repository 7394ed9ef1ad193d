//! What a process has for itself.

use porthole_tests::failure::{Doing, Failure, Result};

/// MiB of memory that are a process's own and nobody else's (`Private_Clean` and `Private_Dirty` of `smaps_rollup`,
/// `proc_pid_smaps(5)`).
pub(crate) fn private(process: u32) -> Result<f64> {
    let file = format!("/proc/{process}/smaps_rollup");
    let what = format!("read `{file}`");
    let text = std::fs::read_to_string(&file).doing(&what)?;
    let parts: Vec<f64> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("Private_Clean:")
                .or_else(|| line.strip_prefix("Private_Dirty:"))
        })
        .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .collect();
    match parts.as_slice() {
        [clean, dirty] => Ok((clean + dirty) / 1024.0),
        _ => Err(Failure::new(what, "it does not say what is private")),
    }
}
