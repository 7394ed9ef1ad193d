//! Programs that tasks run: shown, run, and their failure in words.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use porthole_tests::failure::{Doing, Failure, Result};

/// A command whose program is looked for in `PATH`.
pub(crate) fn command<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The command as it would be typed, without its environment.
pub(crate) fn words(command: &Command) -> String {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(typed)
        .collect();
    words.join(" ")
}

/// One word as it would be typed: below the home directory by `~`, and quoted where a shell asks for that.
fn typed(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_=./:,+%@".contains(c))
    };
    let home = std::env::var("HOME").unwrap_or_default();
    match word.strip_prefix(&home) {
        Some(rest) if home.len() > 1 && rest.starts_with('/') && plain(rest) => format!("~{rest}"),
        _ if !word.is_empty() && plain(&word) => word.into_owned(),
        _ => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Shows and runs a command; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    show(command);
    run_quietly(command)
}

/// Runs a command without showing it.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let status = command.status().doing(format!("run `{}`", words(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("run `{}`", words(command)), status))
    }
}

/// Runs a command and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .doing(format!("run `{}`", words(command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(
            format!("run `{}`", words(command)),
            format!("{}\n{}", output.status, errors.trim_end()),
        ))
    }
}

/// Shows and runs a command, passes its output on as it comes, and calls `line` for each line of standard output.
pub(crate) fn run_watched(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    show(command);
    let what = format!("run `{}`", words(command));
    let mut child = command.stdout(Stdio::piped()).spawn().doing(&what)?;
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, &mut line).doing(&what)?;
    }
    let status = child.wait().doing(&what)?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(what, status))
    }
}

/// Copies lines to standard output, bytes as they are, and shows each to `line`.
pub(crate) fn pass_on(from: impl Read, line: &mut impl FnMut(&str)) -> std::io::Result<()> {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes)? > 0 {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes)?;
        out.flush()?;
        line(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
    }
    Ok(())
}

/// Shows a command, with the variables that were set for it, as a line to type.
pub(crate) fn show(command: &Command) {
    let variables: String = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={} ", name.to_string_lossy(), typed(value?))))
        .collect();
    println!("$ {variables}{}", words(command));
}

/// The program's path, looked for in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    // What root may run and others may not: Debian keeps it out of an ordinary user's PATH.
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned(), Path::new("/sbin").to_owned()])
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    output(&mut command("id", ["-u"])).is_ok_and(|uid| uid.trim() == "0")
}
