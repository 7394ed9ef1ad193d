//! Starting a process in a job: its streams, its environment block, its flags.

use std::io;

use crate::engine::{Output, Stdio};

use super::api::{
    Api, Attribute, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, EXTENDED_STARTUPINFO_PRESENT, Handle,
    Process, ProcessSpec, STARTF_USESTDHANDLES, STD_ERROR_HANDLE, STD_OUTPUT_HANDLE,
};
use super::relay::Relay;

/// The standard streams of a process that is yet to be started.
pub(super) struct Streams {
    /// The process's ends, inheritable: closed here as soon as it has them, so that the other ends see the end.
    theirs: [Handle; 3],
    /// The read ends of output and error.
    ours: Option<(Handle, Handle)>,
    /// Read ends of output that goes to this process's own console, and which of its streams that is.
    relayed: Vec<(Handle, u32)>,
    /// Whether the process has this process's own console.
    shares_console: bool,
}

impl Streams {
    /// Opens the streams of a process that has a console of its own, without a window: porthole's Ctrl-C is not the
    /// container's. Standard input is empty.
    pub(super) fn open(api: &dyn Api, stdio: Stdio) -> io::Result<Self> {
        let mut relayed = Vec::new();
        let mut inherited = |which| {
            if api.is_console(which) {
                let (read, write) = api.create_pipe()?;
                relayed.push((read, which));
                Ok(write)
            } else {
                standard_or_nul(api, which)
            }
        };
        let (output, error, ours) = match stdio {
            Stdio::Piped => {
                let (output, their_output) = api.create_pipe()?;
                let (error, their_error) = api.create_pipe()?;
                (their_output, their_error, Some((output, error)))
            }
            Stdio::Null | Stdio::Terminal(_) => (api.open_nul()?, api.open_nul()?, None),
            Stdio::Inherit | Stdio::Attached => {
                (inherited(STD_OUTPUT_HANDLE)?, inherited(STD_ERROR_HANDLE)?, None)
            }
        };
        Self::of(api, [api.open_nul()?, output, error], ours, relayed, false)
    }

    /// This process's own streams and console, for what a launcher starts.
    pub(super) fn own(api: &dyn Api) -> io::Result<Self> {
        let output = standard_or_nul(api, STD_OUTPUT_HANDLE)?;
        let error = standard_or_nul(api, STD_ERROR_HANDLE)?;
        Self::of(api, [api.open_nul()?, output, error], None, Vec::new(), true)
    }

    fn of(
        api: &dyn Api,
        theirs: [Handle; 3],
        ours: Option<(Handle, Handle)>,
        relayed: Vec<(Handle, u32)>,
        shares_console: bool,
    ) -> io::Result<Self> {
        for handle in &theirs {
            api.make_inheritable(handle)?;
        }
        Ok(Self {
            theirs,
            ours,
            relayed,
            shares_console,
        })
    }
}

fn standard_or_nul(api: &dyn Api, which: u32) -> io::Result<Handle> {
    match api.standard_handle(which)? {
        Some(handle) => Ok(handle),
        None => api.open_nul(),
    }
}

/// What is started, and how.
pub(super) struct Start<'a> {
    /// `None` starts the process as whoever runs porthole.
    pub(super) token: Option<&'a Handle>,
    /// The job that the process is born in; `None` leaves it in the job of this process.
    pub(super) job: Option<&'a Handle>,
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

/// What stays here of the streams of a process that was started.
pub(super) struct Kept {
    /// The read ends of output and error, where they were asked for.
    pub(super) output: Option<Output>,
    /// What brings its output to the console.
    pub(super) relays: Vec<Relay>,
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
    let stdio = streams.theirs.each_ref().map(Handle::raw);
    let mut handles = stdio.to_vec();
    handles.extend(start.inherits.iter().map(|handle| handle.raw()));
    let mut attributes = vec![Attribute::Handles(handles)];
    attributes.extend(start.job.map(|job| Attribute::Jobs(vec![job.raw()])));
    // An inherited environment is of this kind as well, and the documentation wants the flag for it.
    let mut creation_flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT;
    if !streams.shares_console {
        creation_flags |= CREATE_NO_WINDOW;
    }
    let process = api.create_process(&ProcessSpec {
        token: start.token.map(Handle::raw),
        application: start.application,
        command_line: start.command_line,
        creation_flags,
        environment: start.environment,
        current_directory: start.directory,
        startup_flags: STARTF_USESTDHANDLES,
        stdio,
        attributes,
    })?;
    drop(streams.theirs);
    let relays = streams
        .relayed
        .into_iter()
        .map(|(read, which)| Relay::start(api, read, which))
        .collect::<io::Result<_>>()?;
    let output = streams.ours.map(|(stdout, stderr)| Output {
        stdin: None,
        stdout: api.file_of(stdout),
        stderr: api.file_of(stderr),
    });
    Ok((process, Kept { output, relays }))
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
    use super::super::api::{Jobs as _, Processes as _};
    use super::super::fake::{Call, Fake};
    use super::*;

    fn started(stdio: Stdio, environment: bool) -> (ProcessSpec, std::sync::Arc<Fake>) {
        let fake = Fake::new();
        let (job, _) = fake.create_job("j").unwrap();
        let token = fake.open_nul().unwrap();
        let streams = Streams::open(&*fake, stdio).unwrap();
        let what = Start {
            token: environment.then_some(&token),
            job: Some(&job),
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
            job: None,
            application: "a".to_owned(),
            command_line,
            environment: None,
            directory: Some(directory),
            inherits: &[],
        };
        let started = start(&*fake, what, Streams::open(&*fake, Stdio::Null).unwrap());
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
    fn output_goes_to_porthole_s_console_through_a_pipe() {
        let fake = Fake::new();
        fake.console();
        fake.contents(&["hello", ""]);
        let streams = Streams::open(&*fake, Stdio::Inherit).unwrap();
        let pipes = fake.calls().into_iter().filter(|call| *call == Call::CreatePipe);
        assert_eq!(pipes.count(), 2);
        let what = Start {
            token: None,
            job: None,
            application: "a".to_owned(),
            command_line: "a".to_owned(),
            environment: None,
            directory: None,
            inherits: &[],
        };
        let (_process, kept) = start(&*fake, what, streams).unwrap();
        for relay in &kept.relays {
            relay.finish(std::time::Duration::from_mins(1));
        }
        assert_eq!(fake.shown(), "hello");
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
