//! A named pipe that belongs to a directory, for the system, administrators and whoever listens.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::api::{
    Api, ERROR_ACCESS_DENIED, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, GENERIC_READ,
    GENERIC_WRITE, Handle, PIPE_ACCESS_DUPLEX, PIPE_REJECT_REMOTE_CLIENTS, PIPE_UNLIMITED_INSTANCES,
    PipeSpec, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use super::security;

/// What is said over it are short lines.
const BUFFER: u32 = 16 * 1024;

/// How long a client waits for an instance that nobody uses.
const BUSY: Duration = Duration::from_secs(30);

/// The pipe of a directory. Names of pipes have no directories of their own: the whole path becomes a number (FNV-1a with
/// 128 bits), for which upper and lower case are the same.
fn name(directory: &Path) -> io::Result<String> {
    let directory = std::fs::canonicalize(directory)?;
    Ok(name_of(&directory.to_string_lossy()))
}

fn name_of(directory: &str) -> String {
    let hash = directory
        .to_lowercase()
        .bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    format!(r"\\.\pipe\porthole-{hash:032x}")
}

/// Takes connections from this host. Dropping it frees the name.
pub struct Listener {
    api: Arc<dyn Api>,
    spec: PipeSpec,
    /// The instance that the next client gets.
    next: Mutex<Option<Handle>>,
}

impl Listener {
    /// Listens for a directory. A dead listener's name is free by itself.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if somebody listens there; else what the system answered.
    #[cfg(windows)]
    pub fn bind(directory: &Path) -> io::Result<Self> {
        Self::bind_with(Arc::new(super::win32::Win32), directory)
    }

    fn bind_with(api: Arc<dyn Api>, directory: &Path) -> io::Result<Self> {
        let own = security::own(&*api)?;
        let mut spec = PipeSpec {
            name: name(directory)?,
            open_mode: PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
            pipe_mode: PIPE_REJECT_REMOTE_CLIENTS,
            instances: PIPE_UNLIMITED_INSTANCES,
            buffer: BUFFER,
            sddl: security::pipe(&own),
        };
        let taken = || {
            io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another process has the pipe `{}`", spec.name),
            )
        };
        // Wine does not look at FILE_FLAG_FIRST_PIPE_INSTANCE.
        if api.wine_version().is_some()
            && api
                .open_named_pipe(&spec.name, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED)
                .is_ok()
        {
            return Err(taken());
        }
        let first = api.create_named_pipe(&spec).map_err(|error| {
            // What the documentation of FILE_FLAG_FIRST_PIPE_INSTANCE says of a name that is there.
            if error.raw_os_error() == Some(ERROR_ACCESS_DENIED) {
                taken()
            } else {
                error
            }
        })?;
        spec.open_mode &= !FILE_FLAG_FIRST_PIPE_INSTANCE;
        Ok(Self {
            api,
            spec,
            next: Mutex::new(Some(first)),
        })
    }

    /// Waits for the next connection, without waking up before there is one.
    ///
    /// # Errors
    /// The system refused, for example because it has no room for a further instance.
    pub fn accept(&self) -> io::Result<Stream> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let pipe = match next.take() {
                Some(pipe) => pipe,
                None => self.api.create_named_pipe(&self.spec)?,
            };
            let connected = self.api.connect_named_pipe(&pipe);
            // The next client finds an instance from here on. Where there is no room for one now, there may be later.
            *next = self.api.create_named_pipe(&self.spec).ok();
            if connected? {
                return Ok(Stream::of(self.api.clone(), pipe));
            }
        }
    }
}

/// A connection between two processes of this host.
pub struct Stream {
    api: Arc<dyn Api>,
    pipe: Handle,
    deadline: Cell<Option<Instant>>,
}

impl Stream {
    fn of(api: Arc<dyn Api>, pipe: Handle) -> Self {
        Self {
            api,
            pipe,
            deadline: Cell::new(None),
        }
    }

    /// Connects to whoever listens for a directory.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if nobody does; else what the system answered.
    #[cfg(windows)]
    pub fn connect(directory: &Path) -> io::Result<Self> {
        Self::connect_with(Arc::new(super::win32::Win32), directory)
    }

    fn connect_with(api: Arc<dyn Api>, directory: &Path) -> io::Result<Self> {
        let name = name(directory)?;
        let deadline = Instant::now() + BUSY;
        // Whoever listens may ask who connects, and may not act in that name.
        let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
        let pipe = loop {
            if let Some(pipe) = api.open_named_pipe(&name, GENERIC_READ | GENERIC_WRITE, flags)? {
                break pipe;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("every instance of the pipe `{name}` is in use"),
                ));
            }
            api.wait_named_pipe(&name, left)?;
        };
        // Anybody can make a pipe of a name that is free.
        let owner = security::text(&api.pipe_owner(&pipe)?);
        if !security::has_all(&owner, &security::own(&*api)?) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("the pipe `{name}` is of account {owner}, which is none of an administrator"),
            ));
        }
        Ok(Self::of(api, pipe))
    }

    /// All that is read and written from now on must be done within so long; what is not fails with
    /// [`io::ErrorKind::TimedOut`]. `None` waits for ever, as at the beginning.
    pub fn set_deadline(&self, limit: Option<Duration>) {
        self.deadline
            .set(limit.and_then(|limit| Instant::now().checked_add(limit)));
    }

    /// What is left until the deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline.get() else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.api.read_pipe(&self.pipe, buffer, self.left()?)
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A part at a time: what is taken back when time is up may have been written all the same.
        let part = &bytes[..bytes.len().min(BUFFER as usize)];
        self.api.write_pipe(&self.pipe, part, self.left()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Call, Fake};
    use super::*;

    #[test]
    fn names_are_of_the_whole_path_in_any_case() {
        let name = name_of(r"\\?\C:\ProgramData\porthole\pods\default_p_1");
        assert_eq!(name, name_of(r"\\?\c:\programdata\PORTHOLE\pods\default_p_1"));
        assert_ne!(name, name_of(r"\\?\C:\ProgramData\porthole\pods\default_p_2"));
        assert_eq!(name.len(), r"\\.\pipe\porthole-".len() + 32);
        // The published value of FNV-1a for "a".
        assert_eq!(
            name_of("a"),
            r"\\.\pipe\porthole-d228cb696f1a8caf78912b704e4a8964"
        );
    }

    #[test]
    fn the_pipe_is_the_first_of_its_name_local_and_closed_to_others() {
        let fake = Fake::new();
        let directory = tempfile::tempdir().unwrap();
        let listener = Listener::bind_with(fake.clone(), directory.path()).unwrap();
        drop(listener.accept().unwrap());
        let made: Vec<_> = fake
            .calls()
            .into_iter()
            .filter_map(|call| match call {
                Call::NamedPipe(spec) => Some(spec),
                _ => None,
            })
            .collect();
        let [first, second] = &made[..] else {
            panic!("{made:?}")
        };
        assert_eq!(first.open_mode, 0x3 | 0x4000_0000 | 0x8_0000);
        assert_eq!(second.open_mode, 0x3 | 0x4000_0000);
        assert_eq!((first.pipe_mode, first.instances), (0x8, 255));
        assert_eq!(first.sddl, "O:S-1-5-18D:P(A;;GA;;;SY)(A;;GA;;;BA)");
        assert_eq!((&first.name, &first.sddl), (&second.name, &second.sddl));
        drop(listener);
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn a_name_that_is_taken_is_in_use() {
        let fake = Fake::new();
        fake.fail(|call| matches!(call, Call::NamedPipe(_)), 5);
        let directory = tempfile::tempdir().unwrap();
        let error = Listener::bind_with(fake, directory.path()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_client_lets_nobody_act_in_its_name_and_trusts_administrators_alone() {
        let fake = Fake::new();
        let directory = tempfile::tempdir().unwrap();
        let stream = Stream::connect_with(fake.clone(), directory.path()).unwrap();
        stream.set_deadline(Some(Duration::ZERO));
        assert_eq!(stream.left().unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(stream);
        assert!(fake.calls().iter().any(|call| matches!(
            call,
            Call::OpenPipe {
                access: 0xC000_0000,
                flags: 0x4011_0000,
                ..
            }
        )));
        fake.pipe_owner(&[1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0]);
        let error = Stream::connect_with(fake.clone(), directory.path())
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("S-1-5-19"), "{error}");
        assert_eq!(fake.open_handles(), 0);
    }
}
