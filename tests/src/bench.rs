//! What comparisons of whole processes share.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};

/// Runs a program that must succeed, without input, and returns what it wrote to standard output.
///
/// # Errors
/// It cannot be started, or fails; with what it wrote to standard error.
pub fn finish(command: &mut Command) -> Result<String> {
    let what = format!("run `{}`", command.get_program().display());
    let output = command.stdin(Stdio::null()).output().doing(&what)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(
        what,
        format!("{}\n{}", output.status, errors.trim_end()),
    ))
}

/// Compiles a C program that needs no library of a rootfs.
///
/// # Errors
/// There is no compiler, or the source is wrong.
pub fn compile(text: &str, to: &Path) -> Result<()> {
    let source = to.with_extension("c");
    std::fs::write(&source, text).doing(format!("write `{}`", source.display()))?;
    let mut compile = Command::new("gcc");
    finish(compile.args(["-static", "-O1", "-o"]).arg(to).arg(&source))?;
    std::fs::remove_file(&source).doing(format!("remove `{}`", source.display()))
}

/// An empty directory of a name in Cargo's target directory.
///
/// # Errors
/// It cannot be made, or what was there cannot be removed.
pub fn work(name: &str) -> Result<std::path::PathBuf> {
    let work = crate::program::target()?.join("xtask").join(name);
    if work.exists() {
        std::fs::remove_dir_all(&work).doing(format!("empty `{}`", work.display()))?;
    }
    std::fs::create_dir_all(&work).doing(format!("make `{}`", work.display()))?;
    Ok(work)
}

/// The processor time of all processes that this one has waited for, and of those that they waited for: in hundredths of a
/// second, the kernel's ticks (`USER_HZ`).
///
/// # Errors
/// `/proc` cannot be read.
pub fn processor_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").doing("read `/proc/self/stat`")?;
    // Fields 16 and 17, counted after the name, which may contain anything (proc_pid_stat(5)).
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let fields = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The median of the ratios of pairs, each of which ran in one and the same moment of a machine that may be busy.
#[must_use]
pub fn ratio(one: &[Duration], other: &[Duration]) -> f64 {
    let pairs = one.iter().zip(other);
    median_of(
        pairs
            .map(|(one, other)| one.as_secs_f64() / other.as_secs_f64())
            .collect(),
    )
}

/// The median of figures; none of none.
#[must_use]
pub fn median_of(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of times, in milliseconds.
#[must_use]
pub fn median(times: &[Duration]) -> f64 {
    median_of(times.iter().map(|time| time.as_secs_f64() * 1000.0).collect())
}
