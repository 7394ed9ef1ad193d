//! `--fix` and `--diff`: the changes that findings propose, made or shown.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use porthole_check::fix::{self, Fixed};
use porthole_check::{File, Settings, World};
use similar::TextDiff;

use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

/// A file whose text changes.
struct Changed<'a> {
    file: &'a File,
    text: String,
    applied: usize,
    /// Whether there may be more to change in the new text.
    more: bool,
}

/// Makes the changes of all files: nothing is written before every change is known.
///
/// # Errors
/// A file is none on this disk, has changed meanwhile, or cannot be written.
pub(super) fn write(
    files: &[File],
    world: &World<'_>,
    settings: &dyn Fn(&str) -> Settings,
    unsafe_too: bool,
) -> Result<usize, Failure> {
    let changed = changed(files, world, settings, unsafe_too);
    for change in &changed {
        let name = change.file.source.name();
        let doing = || format!("fix `{name}`");
        if !Path::new(name).is_file() {
            let failure = Failure::unasked(format!("fix `{name}`: it is no file of this machine"));
            return Err(failure.help("--diff shows the changes"));
        }
        let now = fs::read(name).attempt(exit::UNASKED, doing)?;
        if now != change.file.source.text().as_bytes() {
            return Err(Failure::unasked(format!(
                "fix `{name}`: the file has changed while it was checked"
            )));
        }
        replace(Path::new(name), &change.text).attempt(exit::UNASKED, doing)?;
        let more = if change.more {
            "; there may be more: run it again"
        } else {
            ""
        };
        crate::note(&format!("{name}: {} made{more}", number(change.applied)));
    }
    Ok(changed.iter().map(|change| change.applied).sum())
}

/// Prints the changes of all files as a unified diff.
pub(super) fn show(
    files: &[File],
    world: &World<'_>,
    settings: &dyn Fn(&str) -> Settings,
    unsafe_too: bool,
) -> Result<usize, Failure> {
    let changed = changed(files, world, settings, unsafe_too);
    print::plain(|out| {
        for change in &changed {
            let source = &change.file.source;
            let diff = TextDiff::from_lines(source.text(), change.text.as_str());
            let name = source.name().trim_start_matches('/');
            write!(
                out,
                "{}",
                diff.unified_diff()
                    .header(&format!("a/{name}"), &format!("b/{name}"))
            )?;
        }
        Ok(())
    })?;
    Ok(changed.iter().map(|change| change.applied).sum())
}

fn changed<'a>(
    files: &'a [File],
    world: &World<'_>,
    settings: &dyn Fn(&str) -> Settings,
    unsafe_too: bool,
) -> Vec<Changed<'a>> {
    files
        .iter()
        .filter_map(|file| {
            let settings = settings(file.source.name());
            let Fixed { text, applied, more } = fix::settle(file, world, &settings, unsafe_too);
            (applied > 0).then_some(Changed {
                file,
                text,
                applied,
                more,
            })
        })
        .collect()
}

/// Replaces a file by one of other contents and the same mode, at once.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Links stay links: what they name is replaced.
    let path = fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = directory.join(format!(".{name}.porthole-{}", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn number(changes: usize) -> String {
    if changes == 1 {
        "1 change".to_owned()
    } else {
        format!("{changes} changes")
    }
}
