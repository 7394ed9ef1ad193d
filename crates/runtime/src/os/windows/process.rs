//! Starting a process in a job: its streams, its environment block, its flags.

use std::io;

use crate::engine::Stdio;

use super::api::{
    Api, Attribute, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, EXTENDED_STARTUPINFO_PRESENT, Handle,
    Process, ProcessSpec, STARTF_USESTDHANDLES, STD_ERROR_HANDLE, STD_OUTPUT_HANDLE,
};

/// The standard streams of a process that is yet to be started.
pub(super) struct Streams {
    /// The process's ends, inheritable: closed here as soon as it has them, so that the other ends see the end.
    theirs: [Handle; 3],
    /// The read ends of output and error.
    ours: Option<(Handle, Handle)>,
    /// Whether the process writes to this process's own console.
    shares_console: bool,
}

impl Streams {
    /// Opens the streams. Standard input is empty.
    pub(super) fn open(api: &dyn Api, stdio: Stdio) -> io::Result<Self> {
        let (output, error, ours) = match stdio {
            Stdio::Piped => {
                let (output, their_output) = api.create_pipe()?;
                let (error, their_error) = api.create_pipe()?;
                (their_output, their_error, Some((output, error)))
            }
            Stdio::Null => (api.open_nul()?, api.open_nul()?, None),
            Stdio::Inherit => (
                standard_or_nul(api, STD_OUTPUT_HANDLE)?,
                standard_or_nul(api, STD_ERROR_HANDLE)?,
                None,
            ),
        };
        let theirs = [api.open_nul()?, output, error];
        for handle in &theirs {
            api.make_inheritable(handle)?;
        }
        Ok(Self {
            theirs,
            ours,
            shares_console: stdio == Stdio::Inherit,
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

/// Starts a process and closes its ends of the streams. Gives the read ends of its output, if there are any.
pub(super) fn start(
    api: &dyn Api,
    start: Start<'_>,
    streams: Streams,
) -> io::Result<(Process, Option<(Handle, Handle)>)> {
    let stdio = streams.theirs.each_ref().map(Handle::raw);
    let mut handles = stdio.to_vec();
    handles.extend(start.inherits.iter().map(|handle| handle.raw()));
    let mut attributes = vec![Attribute::Handles(handles)];
    attributes.extend(start.job.map(|job| Attribute::Jobs(vec![job.raw()])));
    let mut creation_flags = EXTENDED_STARTUPINFO_PRESENT;
    if start.environment.is_some() {
        creation_flags |= CREATE_UNICODE_ENVIRONMENT;
    }
    if !streams.shares_console {
        // A console of its own, without a window: porthole's Ctrl-C is not the container's.
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
    Ok((process, streams.ours))
}

/// Variables as `CreateProcess` wants them: `name=value` in UTF-16, sorted by name without regard to case, each
/// terminated, and one more terminator at the end.
pub(super) fn environment_block(variables: &[(String, String)]) -> io::Result<Vec<u16>> {
    let mut sorted: Vec<_> = variables.iter().collect();
    sorted.sort_by_cached_key(|(name, _)| name.to_uppercase());
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
        assert_eq!(ours.is_some(), stdio == Stdio::Piped);
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
        assert_eq!(started(Stdio::Inherit, true).0.creation_flags, 0x8_0000 | 0x400);
        assert_eq!(
            started(Stdio::Null, false).0.creation_flags,
            0x8_0000 | 0x800_0000
        );
    }

    #[test]
    fn environment_is_sorted_and_terminated_twice() {
        let pairs =
            [("b", "2"), ("A", ""), ("C", "x=y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected: Vec<u16> = "A=\0b=2\0C=x=y\0\0".encode_utf16().collect();
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
