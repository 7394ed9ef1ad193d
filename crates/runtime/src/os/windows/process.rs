//! Starting a process in a job: its flags, its attributes, its environment block.

use std::io;

use super::api::{
    Api, Attribute, CREATE_BREAKAWAY_FROM_JOB, CREATE_UNICODE_ENVIRONMENT, ERROR_ACCESS_DENIED,
    EXTENDED_STARTUPINFO_PRESENT, Handle, Process, ProcessSpec,
};
use super::streams::{Kept, Streams};

/// What is started, and how.
pub(super) struct Start<'a> {
    /// `None` starts the process as whoever runs porthole.
    pub(super) token: Option<&'a Handle>,
    /// The jobs that the process is born in, each within the one before it; none leaves it in the job of this process.
    pub(super) jobs: &'a [&'a Handle],
    /// Leaves the job that this process is in, where that lets anybody out. A job whose processes others have started
    /// takes no process that is in one of this process's as well.
    pub(super) breakaway: bool,
    /// The file, absolute.
    pub(super) application: String,
    /// The command line, the program's name first.
    pub(super) command_line: String,
    /// A block of [`environment_block`]; `None` is this process's own environment.
    pub(super) environment: Option<Vec<u16>>,
    /// The working directory.
    pub(super) directory: Option<String>,
    /// Inheritable handles beside the standard streams.
    pub(super) inherits: &'a [&'a Handle],
}

/// Starts a process and closes its ends of the streams.
pub(super) fn start(api: &dyn Api, start: Start<'_>, streams: Streams) -> io::Result<(Process, Kept)> {
    // CreateProcess has these limits, and answers with texts about file names.
    let length = start.command_line.encode_utf16().count();
    if length > COMMAND_LINE {
        return Err(too_long("command line", length, COMMAND_LINE));
    }
    if let Some(directory) = &start.directory {
        let length = directory.encode_utf16().count();
        if length > DIRECTORY {
            return Err(too_long("working directory", length, DIRECTORY));
        }
    }
    let mut handles = streams.handles();
    let stdio = streams.stdio();
    handles.extend(start.inherits.iter().map(|handle| handle.raw()));
    let mut attributes = Vec::new();
    if !handles.is_empty() {
        attributes.push(Attribute::Handles(handles));
    }
    if !start.jobs.is_empty() {
        let jobs = start.jobs.iter().map(|job| job.raw()).collect();
        attributes.push(Attribute::Jobs(jobs));
    }
    attributes.extend(streams.pseudo_console().map(Attribute::PseudoConsole));
    // An inherited environment is of this kind as well, and the documentation wants the flag for it.
    let mut spec = ProcessSpec {
        token: start.token.map(Handle::raw),
        application: start.application,
        command_line: start.command_line,
        creation_flags: EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT | streams.creation_flags(),
        environment: start.environment,
        current_directory: start.directory,
        startup_flags: streams.startup_flags(api),
        stdio,
        attributes,
    };
    if start.breakaway {
        spec.creation_flags |= CREATE_BREAKAWAY_FROM_JOB;
    }
    let process = match api.create_process(&spec) {
        Err(error) if start.breakaway && error.raw_os_error() == Some(ERROR_ACCESS_DENIED) => {
            spec.creation_flags &= !CREATE_BREAKAWAY_FROM_JOB;
            api.create_process(&spec)
        }
        made => made,
    }?;
    let kept = streams.keep(api)?;
    Ok((process, kept))
}

/// The longest command line, without its terminator.
const COMMAND_LINE: usize = 32_766;

/// The longest working directory: `MAX_PATH` with a backslash and a terminator.
const DIRECTORY: usize = 258;

fn too_long(what: &str, length: usize, limit: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the {what} has {length} characters, and Windows takes {limit} at most"),
    )
}

/// A name's place in an environment block: without regard to case, in the order of UTF-16. Windows' capitals are one character each.
fn sort_key(name: &str) -> Vec<u16> {
    let capital = |character: char| {
        let mut capitals = character.to_uppercase();
        match (capitals.next(), capitals.next()) {
            (Some(capital), None) => capital,
            _ => character,
        }
    };
    name.chars()
        .map(capital)
        .collect::<String>()
        .encode_utf16()
        .collect()
}

/// Variables as `CreateProcess` wants them: `name=value` in UTF-16, sorted by name without regard to case, each
/// terminated, and one more terminator at the end.
pub(super) fn environment_block(variables: &[(String, String)]) -> io::Result<Vec<u16>> {
    let mut sorted: Vec<_> = variables.iter().collect();
    sorted.sort_by_cached_key(|(name, _)| sort_key(name));
    let mut block = Vec::new();
    for (name, value) in sorted {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "environment variable {name:?}: a name has no `=`, and neither name nor value has a NUL"
                ),
            ));
        }
        block.extend(name.encode_utf16());
        block.push(u16::from(b'='));
        block.extend(value.encode_utf16());
        block.push(0);
    }
    if block.is_empty() {
        block.push(0);
    }
    block.push(0);
    Ok(block)
}

#[cfg(test)]
mod tests {
    use crate::engine::Stdio;

    use super::super::api::{Jobs as _, Processes as _};
    use super::super::fake::{Call, Fake};
    use super::*;

    fn started(stdio: Stdio, environment: bool) -> (ProcessSpec, std::sync::Arc<Fake>) {
        let fake = Fake::new();
        let (job, _) = fake.create_job(None).unwrap();
        let token = fake.open_nul().unwrap();
        let streams = Streams::open(&*fake, stdio, false).unwrap();
        let what = Start {
            token: environment.then_some(&token),
            jobs: &[&job],
            breakaway: false,
            application: r"C:\hpc\a b.exe".to_owned(),
            command_line: r#""a b.exe" x"#.to_owned(),
            environment: environment.then(|| vec![0, 0]),
            directory: Some(r"C:\hpc".to_owned()),
            inherits: &[],
        };
        let (_process, ours) = start(&*fake, what, streams).unwrap();
        assert_eq!(ours.output.is_some(), stdio == Stdio::Piped);
        let spec = fake.calls().into_iter().find_map(|call| match call {
            Call::CreateProcess(spec) => Some(spec),
            _ => None,
        });
        let spec = spec.unwrap();
        for raw in spec.stdio {
            assert!(!fake.is_open(raw), "the parent still holds end {raw}");
        }
        (spec, fake)
    }

    #[test]
    fn is_born_in_the_job_with_its_streams_and_nothing_else() {
        for stdio in [Stdio::Piped, Stdio::Null, Stdio::Inherit] {
            let (spec, fake) = started(stdio, true);
            assert_eq!(
                spec.attributes,
                [Attribute::Handles(spec.stdio.to_vec()), Attribute::Jobs(vec![1])]
            );
            assert_eq!(
                spec.attributes.iter().map(Attribute::number).collect::<Vec<_>>(),
                [0x2_0002, 0x2_000D]
            );
            assert_eq!(spec.attributes[1].values(), [1]);
            assert_eq!(spec.startup_flags, 0x100);
            let inheritable: Vec<_> = fake
                .calls()
                .into_iter()
                .filter_map(|call| match call {
                    Call::Inheritable(raw) => Some(raw),
                    _ => None,
                })
                .collect();
            assert_eq!(inheritable, spec.stdio);
            // One handle twice in a list is an error of its own.
            assert!(spec.stdio[0] != spec.stdio[1] && spec.stdio[1] != spec.stdio[2]);
            assert_eq!(spec.token, Some(2));
        }
    }

    #[test]
    fn flags_say_what_was_given() {
        assert_eq!(
            started(Stdio::Piped, true).0.creation_flags,
            0x8_0000 | 0x400 | 0x800_0000
        );
        // Never porthole's console, whose Ctrl-C would reach the container at once; an inherited environment is Unicode too.
        for (stdio, environment) in [(Stdio::Inherit, true), (Stdio::Null, false)] {
            assert_eq!(
                started(stdio, environment).0.creation_flags,
                0x8_0000 | 0x400 | 0x800_0000
            );
        }
    }

    fn starting(command_line: String, directory: String) -> io::Error {
        let fake = Fake::new();
        let what = Start {
            token: None,
            jobs: &[],
            breakaway: false,
            application: "a".to_owned(),
            command_line,
            environment: None,
            directory: Some(directory),
            inherits: &[],
        };
        let started = start(&*fake, what, Streams::open(&*fake, Stdio::Null, false).unwrap());
        assert_eq!(fake.open_handles(), 0);
        started.err().unwrap()
    }

    #[test]
    fn says_what_is_too_long_for_windows() {
        let error = starting("a".repeat(32_767), String::new()).to_string();
        assert_eq!(
            error,
            "the command line has 32767 characters, and Windows takes 32766 at most"
        );
        let error = starting(String::new(), "a".repeat(259)).to_string();
        assert!(error.starts_with("the working directory has 259"), "{error}");
    }

    #[test]
    fn leaves_a_job_that_lets_it_and_stays_in_one_that_does_not() {
        let fake = Fake::new();
        let (outer, _) = fake.create_job(None).unwrap();
        let (inner, _) = fake.create_job(None).unwrap();
        fake.fail(
            |call| matches!(call, Call::CreateProcess(spec) if spec.creation_flags & 0x100_0000 != 0),
            5,
        );
        let what = Start {
            token: None,
            jobs: &[&outer, &inner],
            breakaway: true,
            application: "a".to_owned(),
            command_line: "a".to_owned(),
            environment: None,
            directory: None,
            inherits: &[],
        };
        start(&*fake, what, Streams::open(&*fake, Stdio::Null, false).unwrap()).unwrap();
        let calls = fake.calls();
        let specs: Vec<_> = calls
            .iter()
            .filter_map(|call| match call {
                Call::CreateProcess(spec) => Some(spec),
                _ => None,
            })
            .collect();
        let flags: Vec<_> = specs
            .iter()
            .map(|spec| spec.creation_flags & 0x100_0000)
            .collect();
        assert_eq!(flags, [0x100_0000, 0]);
        assert_eq!(specs[1].attributes[1], Attribute::Jobs(vec![1, 2]));
    }

    #[test]
    fn environment_is_sorted_and_terminated_twice() {
        let pairs = [("b", "2"), ("A_", "3"), ("A", ""), ("C", "x=y"), ("Ab", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected: Vec<u16> = "A=\0Ab=1\0A_=3\0b=2\0C=x=y\0\0".encode_utf16().collect();
        assert_eq!(environment_block(&pairs).unwrap(), expected);
        assert_eq!(environment_block(&[]).unwrap(), [0, 0]);
    }

    #[test]
    fn refuses_variables_that_would_become_others() {
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0b", "x"), ("a", "x\0PATH=evil")] {
            assert!(
                environment_block(&[(name.to_owned(), value.to_owned())]).is_err(),
                "{name:?}"
            );
        }
    }
}
