//! The standard streams of a process that is yet to be started, and what stays here of them.

use std::fs::File;
use std::io;

use crate::engine::{Output, Stdio, Terminal, TerminalSize};

use super::api::{
    Api, CREATE_NO_WINDOW, Handle, STARTF_USESTDHANDLES, STD_ERROR_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE,
};
use super::relay::{self, Relay};

/// The streams of a process, both ends.
pub(super) struct Streams {
    console: Console,
    /// The process's ends, inheritable: closed here as soon as it has them, so that the other ends see the end. None where
    /// they are its console's.
    theirs: Option<[Handle; 3]>,
    /// The write end of its input.
    input: Option<Handle>,
    /// The read ends of output and error.
    output: Option<(Handle, Handle)>,
    /// Read ends of output that goes to this process's own console, and which of its streams that is.
    relayed: Vec<(Handle, u32)>,
    /// The write end of input that comes from this process's own console.
    fed: Option<Handle>,
}

/// Which console a process has.
enum Console {
    /// One of its own, without a window: porthole's Ctrl-C is not the container's.
    Own,
    /// This process's.
    Shared,
    /// A terminal: the write end of what is typed, the read end of what is shown, the pseudo-console's own ends, and itself.
    /// It is closed last: before Windows 11 24H2 its closing waits until what is shown was read, or can be no more.
    Pseudo {
        typed: Handle,
        shown: Handle,
        ends: [Handle; 2],
        console: Handle,
    },
}

/// What stays here of the streams of a process that was started.
pub(super) struct Kept {
    /// The ends that were asked for.
    pub(super) output: Option<Output>,
    /// What brings its output to the console.
    pub(super) relays: Vec<Relay>,
    /// Both ends of its terminal.
    pub(super) terminal: Option<Terminal>,
    /// The terminal itself. Closing it ends what is shown, waits until that was read, and tells whatever is still
    /// attached to it to end.
    pub(super) pseudo_console: Option<Handle>,
}

impl Streams {
    /// Opens the streams of a process that does not share this process's console. `typed` is whether standard input stays
    /// open where it is a pipe; else it is empty.
    pub(super) fn open(api: &dyn Api, stdio: Stdio, typed: bool) -> io::Result<Self> {
        let mut streams = Self::none(Console::Own);
        let theirs = match stdio {
            Stdio::Terminal(size) => {
                let (typed_end, typing) = api.create_pipe()?;
                let (shown, shown_end) = api.create_pipe()?;
                let (columns, rows) = coordinates(size);
                streams.console = Console::Pseudo {
                    console: api.create_pseudo_console(columns, rows, &typed_end, &shown_end)?,
                    typed: typing,
                    shown,
                    ends: [typed_end, shown_end],
                };
                return Ok(streams);
            }
            Stdio::Piped => {
                let input = if typed {
                    let (their_input, input) = api.create_pipe()?;
                    streams.input = Some(input);
                    their_input
                } else {
                    api.open_nul()?
                };
                let (output, their_output) = api.create_pipe()?;
                let (error, their_error) = api.create_pipe()?;
                streams.output = Some((output, error));
                [input, their_output, their_error]
            }
            Stdio::Null => [api.open_nul()?, api.open_nul()?, api.open_nul()?],
            Stdio::Inherit | Stdio::Attached => {
                let input = if stdio == Stdio::Inherit {
                    api.open_nul()?
                } else if api.is_console(STD_INPUT_HANDLE) {
                    let (their_input, fed) = api.create_pipe()?;
                    streams.fed = Some(fed);
                    their_input
                } else {
                    standard_or_nul(api, STD_INPUT_HANDLE)?
                };
                let mut inherited = |which| {
                    if api.is_console(which) {
                        let (read, write) = api.create_pipe()?;
                        streams.relayed.push((read, which));
                        Ok(write)
                    } else {
                        standard_or_nul(api, which)
                    }
                };
                [input, inherited(STD_OUTPUT_HANDLE)?, inherited(STD_ERROR_HANDLE)?]
            }
        };
        streams.with(api, theirs)
    }

    /// This process's own streams and console, for what a launcher starts.
    pub(super) fn own(api: &dyn Api) -> io::Result<Self> {
        let theirs = [
            standard_or_nul(api, STD_INPUT_HANDLE)?,
            standard_or_nul(api, STD_OUTPUT_HANDLE)?,
            standard_or_nul(api, STD_ERROR_HANDLE)?,
        ];
        Self::none(Console::Shared).with(api, theirs)
    }

    /// This process's own console, which is the terminal of what a launcher starts.
    pub(super) fn own_terminal() -> Self {
        Self::none(Console::Shared)
    }

    fn none(console: Console) -> Self {
        Self {
            console,
            theirs: None,
            input: None,
            output: None,
            relayed: Vec::new(),
            fed: None,
        }
    }

    fn with(mut self, api: &dyn Api, theirs: [Handle; 3]) -> io::Result<Self> {
        for handle in &theirs {
            api.make_inheritable(handle)?;
        }
        self.theirs = Some(theirs);
        Ok(self)
    }

    /// What the process inherits of them.
    pub(super) fn handles(&self) -> Vec<usize> {
        self.theirs
            .as_ref()
            .map_or_else(Vec::new, |theirs| theirs.iter().map(Handle::raw).collect())
    }

    /// What `STARTUPINFO` says of them.
    pub(super) fn stdio(&self) -> [usize; 3] {
        self.theirs
            .as_ref()
            .map_or([0; 3], |theirs| theirs.each_ref().map(Handle::raw))
    }

    /// The pseudo-console that the process is attached to.
    pub(super) fn pseudo_console(&self) -> Option<usize> {
        match &self.console {
            Console::Pseudo { console, .. } => Some(console.raw()),
            Console::Own | Console::Shared => None,
        }
    }

    pub(super) fn creation_flags(&self) -> u32 {
        match self.console {
            Console::Own => CREATE_NO_WINDOW,
            Console::Shared | Console::Pseudo { .. } => 0,
        }
    }

    /// Without this flag a process may get this process's own streams instead of those of its pseudo-console; with it and
    /// null handles it never does. Under Wine it would get none at all.
    pub(super) fn startup_flags(&self, api: &dyn Api) -> u32 {
        match self.console {
            _ if self.theirs.is_some() => STARTF_USESTDHANDLES,
            Console::Pseudo { .. } if api.wine_version().is_none() => STARTF_USESTDHANDLES,
            _ => 0,
        }
    }

    /// The process has been started: closes its ends, and brings the others to where they are read and written.
    pub(super) fn keep(self, api: &dyn Api) -> io::Result<Kept> {
        drop(self.theirs);
        let relays = self
            .relayed
            .into_iter()
            .map(|(read, which)| Relay::start(api, read, which))
            .collect::<io::Result<_>>()?;
        if let Some(fed) = self.fed {
            relay::feed(api, fed)?;
        }
        let file = |handle: Handle| -> File { api.file_of(handle) };
        let output = match self.output {
            Some((stdout, stderr)) => Some(Output {
                stdin: self.input.map(file),
                stdout: file(stdout),
                stderr: file(stderr),
            }),
            None => None,
        };
        let (terminal, pseudo_console) = match self.console {
            Console::Pseudo {
                console,
                typed,
                shown,
                ends,
            } => {
                // The pseudo-console has copies of its own.
                drop(ends);
                let terminal = Terminal {
                    input: file(typed),
                    output: file(shown),
                };
                (Some(terminal), Some(console))
            }
            Console::Own | Console::Shared => (None, None),
        };
        Ok(Kept {
            output,
            relays,
            terminal,
            pseudo_console,
        })
    }
}

/// A size as `COORD` has it: from 1 to 32767.
pub(super) fn coordinates(size: TerminalSize) -> (i16, i16) {
    let coordinate = |count: u16| i16::try_from(count.max(1)).unwrap_or(i16::MAX);
    (coordinate(size.columns), coordinate(size.rows))
}

fn standard_or_nul(api: &dyn Api, which: u32) -> io::Result<Handle> {
    match api.standard_handle(which)? {
        Some(handle) => Ok(handle),
        None => api.open_nul(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::api::{Attribute, Process, ProcessSpec};
    use super::super::fake::{Call, Fake};
    use super::super::process::{self, Start};
    use super::*;

    const SIZE: TerminalSize = TerminalSize {
        columns: 132,
        rows: 50,
    };

    fn started(fake: &Arc<Fake>, streams: Streams) -> (ProcessSpec, Process, Kept) {
        let what = Start {
            token: None,
            jobs: &[],
            breakaway: false,
            application: "a".to_owned(),
            command_line: "a".to_owned(),
            environment: None,
            directory: None,
            inherits: &[],
        };
        let (process, kept) = process::start(&**fake, what, streams).unwrap();
        let spec = fake.calls().into_iter().rev().find_map(|call| match call {
            Call::CreateProcess(spec) => Some(spec),
            _ => None,
        });
        (spec.unwrap(), process, kept)
    }

    #[test]
    fn a_terminal_is_a_pseudo_console_and_no_stream_of_porthole_s() {
        let fake = Fake::new();
        let streams = Streams::open(&*fake, Stdio::Terminal(SIZE), true).unwrap();
        assert!(fake.calls().contains(&Call::PseudoConsole {
            columns: 132,
            rows: 50,
            input: 1,
            output: 4
        }));
        let (spec, _process, kept) = started(&fake, streams);
        assert_eq!(spec.attributes, [Attribute::PseudoConsole(5)]);
        assert_eq!(spec.attributes[0].number(), 0x2_0016);
        assert_eq!((spec.startup_flags, spec.stdio), (0x100, [0; 3]));
        assert_eq!(spec.creation_flags, 0x8_0000 | 0x400, "no console of its own");
        assert!(kept.terminal.is_some() && kept.output.is_none());
        assert!(!fake.is_open(1) && !fake.is_open(4), "its own ends are closed");
        assert!(fake.is_open(5));
        drop(kept);
        assert!(!fake.is_open(5));
    }

    #[test]
    fn a_terminal_that_nobody_gets_is_closed_after_its_pipes() {
        let fake = Fake::new();
        drop(Streams::open(&*fake, Stdio::Terminal(SIZE), true).unwrap());
        // Ends 1 to 4 are the two pipes', 5 is the pseudo-console.
        assert_eq!(fake.closed().last(), Some(&5), "{:?}", fake.closed());
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn under_wine_a_terminal_is_named_by_its_attribute_alone() {
        let fake = Fake::new();
        fake.wine("8.0");
        let streams = Streams::open(&*fake, Stdio::Terminal(SIZE), true).unwrap();
        assert_eq!(started(&fake, streams).0.startup_flags, 0);
    }

    #[test]
    fn sizes_fit_into_a_coord() {
        let size = |columns, rows| TerminalSize { columns, rows };
        assert_eq!(coordinates(size(80, 24)), (80, 24));
        assert_eq!(coordinates(size(0, u16::MAX)), (1, i16::MAX));
    }

    #[test]
    fn input_is_a_pipe_where_it_was_asked_for() {
        let fake = Fake::new();
        let streams = Streams::open(&*fake, Stdio::Piped, true).unwrap();
        let (spec, _process, kept) = started(&fake, streams);
        assert_eq!(spec.stdio[0], 1);
        assert!(kept.output.unwrap().stdin.is_some());
        let streams = Streams::open(&*fake, Stdio::Piped, false).unwrap();
        assert!(started(&fake, streams).2.output.unwrap().stdin.is_none());
    }

    #[test]
    fn output_goes_to_porthole_s_console_through_a_pipe() {
        let fake = Fake::new();
        fake.console();
        fake.contents(&["hello", ""]);
        let streams = Streams::open(&*fake, Stdio::Inherit, false).unwrap();
        let pipes = fake.calls().into_iter().filter(|call| *call == Call::CreatePipe);
        assert_eq!(pipes.count(), 2);
        let (_spec, _process, kept) = started(&fake, streams);
        for relay in &kept.relays {
            relay.finish(Duration::from_mins(1));
        }
        assert_eq!(fake.shown(), "hello");
    }

    #[test]
    fn what_is_typed_on_porthole_s_console_comes_through_a_pipe() {
        let fake = Fake::new();
        fake.console();
        let streams = Streams::open(&*fake, Stdio::Attached, false).unwrap();
        let pipes = fake.calls().into_iter().filter(|call| *call == Call::CreatePipe);
        assert_eq!(pipes.count(), 3);
        let (spec, _process, _kept) = started(&fake, streams);
        // The write end was opened just after the read end.
        let fed = spec.stdio[0] + 1;
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        while fake.written(fed) != "typed" {
            assert!(std::time::Instant::now() < deadline, "nothing was typed");
            std::thread::yield_now();
        }
        let fake = Fake::new();
        let streams = Streams::open(&*fake, Stdio::Attached, false).unwrap();
        assert_eq!(streams.handles(), [1, 2, 3]);
        assert!(!fake.calls().contains(&Call::CreatePipe), "its own as it is");
    }
}
