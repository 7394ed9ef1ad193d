//! Which file a Windows command means, without `cmd /c` and without asking the host but through a [`FileView`].

use crate::engine::Os;
use crate::environment::windows_path_entries;
use crate::path::{self, MountPoint};
use crate::plan::CommandLine;

use super::quote::join;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Something that can be opened as a file.
    File,
    /// A directory.
    Directory,
}

/// The files that a container sees. The engine looks at the host or into the silo; tests bring a list.
pub trait FileView {
    /// What is at an absolute path, if anything is.
    fn kind(&self, path: &str) -> Option<FileKind>;
}

/// Where commands are looked for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The working directory, absolute.
    pub cwd: &'a str,
    /// The composed `PATH`.
    pub path: &'a str,
    /// The Windows directory (`%SystemRoot%`).
    pub system_root: &'a str,
    /// The rootfs.
    pub mount_point: &'a MountPoint,
}

/// A command that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The file, absolute (`lpApplicationName`).
    pub application: String,
    /// The command line as the program gets it (`lpCommandLine`).
    pub command_line: String,
    /// Every path that was tried, the found one last.
    pub tried: Vec<String>,
}

/// Why a command was not found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No program at all, or one of blanks.
    #[error("the command is empty")]
    Empty,
    /// A quoted program whose quote is never closed, or a program with a quote in its name.
    #[error("no ending quotation mark found in command {0:?}")]
    Quote(String),
    /// The name means a directory.
    #[error("found directory instead of executable {path:?}")]
    Directory {
        /// The directory.
        path: String,
    },
    /// Nothing of that name.
    #[error("failed to find executable {command:?}")]
    NotFound {
        /// The command as given, the mount point put in.
        command: String,
        /// Every path that was tried, in order.
        tried: Vec<String>,
    },
    /// `cmd.exe` would read arguments of a batch file as commands of its own.
    #[error("an argument of the batch file {path:?} contains {character:?}, which cmd.exe would interpret")]
    BatchArgument {
        /// The batch file.
        path: String,
        /// What cannot be passed on exactly.
        character: char,
    },
}

/// Finds the program of a command.
///
/// Arguments name their program exactly. A line in Windows' own form is read as `CreateProcess` reads it: a quoted
/// beginning is the program; else words are added until they name a file (`exe with space.exe`), and the line is then
/// quoted accordingly.
///
/// # Errors
/// See [`ResolveError`].
pub fn resolve(
    command: &CommandLine,
    search: &Search<'_>,
    view: &dyn FileView,
) -> Result<Resolved, ResolveError> {
    let mut tried = Vec::new();
    let resolved = match command {
        CommandLine::Arguments(arguments) => {
            let Some((program, rest)) = arguments.split_first() else {
                return Err(ResolveError::Empty);
            };
            let program = search.mount_point.substitute_program(program);
            if program.trim().is_empty() {
                return Err(ResolveError::Empty);
            }
            if program.contains('"') {
                return Err(ResolveError::Quote(program));
            }
            let rest: Vec<String> = rest
                .iter()
                .map(|argument| search.mount_point.substitute(argument).into_owned())
                .collect();
            let Some(application) = find(&program, search, view, &mut tried)? else {
                return Err(ResolveError::NotFound {
                    command: program,
                    tried,
                });
            };
            reject_batch_arguments(&application, &rest)?;
            let all: Vec<String> = std::iter::once(program).chain(rest).collect();
            Resolved {
                application,
                command_line: join(&all),
                tried,
            }
        }
        CommandLine::Windows(line) => {
            let line = search.mount_point.substitute(line).into_owned();
            resolve_line(line, search, view, tried)?
        }
    };
    Ok(resolved)
}

fn resolve_line(
    line: String,
    search: &Search<'_>,
    view: &dyn FileView,
    mut tried: Vec<String>,
) -> Result<Resolved, ResolveError> {
    let trimmed = line.trim_start();
    if trimmed.is_empty() {
        return Err(ResolveError::Empty);
    }
    if let Some(rest) = trimmed.strip_prefix('"') {
        let Some((program, _)) = rest.split_once('"') else {
            return Err(ResolveError::Quote(line));
        };
        if program.is_empty() {
            return Err(ResolveError::Empty);
        }
        return match find(program, search, view, &mut tried)? {
            Some(application) => Ok(Resolved {
                application,
                command_line: line,
                tried,
            }),
            None => Err(ResolveError::NotFound {
                command: program.to_owned(),
                tried,
            }),
        };
    }
    let words = words(trimmed);
    let mut program = String::new();
    for (index, (word, end)) in words.iter().enumerate() {
        if index > 0 {
            program.push(' ');
        }
        program.push_str(word);
        match find(&program, search, view, &mut tried) {
            Ok(Some(application)) => {
                let command_line = if index == 0 {
                    line.clone()
                } else {
                    format!("\"{program}\"{}", &trimmed[*end..])
                };
                return Ok(Resolved {
                    application,
                    command_line,
                    tried,
                });
            }
            // `my tools\x.exe` must be found although there is a directory `my`.
            Err(error) if index + 1 == words.len() => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    Err(ResolveError::NotFound { command: line, tried })
}

/// The words of a line with the offsets of their ends: runs without blanks or quotes, or what stands between quotes.
fn words(line: &str) -> Vec<(&str, usize)> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let start = line.len() - rest.len();
        if rest.is_empty() {
            return words;
        }
        let end = if let Some(quoted) = rest.strip_prefix('"') {
            let Some(length) = quoted.find('"') else {
                return words;
            };
            words.push((&quoted[..length], start + length + 2));
            start + length + 2
        } else {
            let length = rest
                .find(|character: char| character.is_whitespace() || character == '"')
                .unwrap_or(rest.len());
            words.push((&rest[..length], start + length));
            start + length
        };
        rest = &line[end..];
    }
}

/// Tries a program at each place it may be.
fn find(
    program: &str,
    search: &Search<'_>,
    view: &dyn FileView,
    tried: &mut Vec<String>,
) -> Result<Option<String>, ResolveError> {
    let program = path::with_backslashes(program);
    let mut directory = None;
    for place in places(&program, search) {
        for candidate in spellings(&place) {
            if tried
                .iter()
                .any(|earlier| earlier.eq_ignore_ascii_case(&candidate))
            {
                continue;
            }
            let kind = view.kind(&candidate);
            tried.push(candidate.clone());
            match kind {
                Some(FileKind::File) => return Ok(Some(candidate)),
                Some(FileKind::Directory) if directory.is_none() => directory = Some(candidate),
                _ => {}
            }
        }
    }
    directory.map_or(Ok(None), |path| Err(ResolveError::Directory { path }))
}

/// The absolute paths that a program may mean, the image's before the system's.
fn places(program: &str, search: &Search<'_>) -> Vec<String> {
    let root = search.mount_point;
    if path::is_absolute(Os::Windows, program) {
        return if program.starts_with(r"\\") {
            vec![program.to_owned()]
        } else {
            vec![root.join(program), program.to_owned()]
        };
    }
    if program.starts_with('\\') {
        let drive = path::drive(search.cwd).unwrap_or("C:");
        return vec![root.join(program), format!("{drive}{program}")];
    }
    let entries: Vec<String> = windows_path_entries(search.path).collect();
    let image = entries
        .iter()
        .filter(|entry| path::is_absolute(Os::Windows, entry))
        .map(|entry| root.join(entry));
    let system = [
        format!(r"{}\System32", search.system_root),
        format!(r"{}\System", search.system_root),
    ]
    .into_iter()
    .chain([search.system_root.to_owned()]);
    std::iter::once(search.cwd.to_owned())
        .chain(image)
        .chain([root.path().to_owned()])
        .chain(entries.iter().map(|entry| {
            if path::is_absolute(Os::Windows, entry) {
                entry.clone()
            } else {
                path::append(Os::Windows, search.cwd, entry)
            }
        }))
        .chain(system)
        .map(|directory| path::append(Os::Windows, &directory, program))
        .collect()
}

/// A name without extension means the `.exe` first, then the file of exactly that name.
fn spellings(place: &str) -> Vec<String> {
    let name = place.rsplit('\\').next().unwrap_or(place);
    if name.contains('.') {
        vec![place.to_owned()]
    } else {
        vec![format!("{place}.exe"), place.to_owned()]
    }
}

fn reject_batch_arguments(application: &str, arguments: &[String]) -> Result<(), ResolveError> {
    let extension = application
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    if !extension.eq_ignore_ascii_case("bat") && !extension.eq_ignore_ascii_case("cmd") {
        return Ok(());
    }
    match arguments
        .iter()
        .flat_map(|argument| argument.chars())
        .find(|character| "\"%!&|<>^\r\n".contains(*character))
    {
        Some(character) => Err(ResolveError::BatchArgument {
            path: application.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
