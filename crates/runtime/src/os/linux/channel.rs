//! A socket in a directory: whoever may enter the directory reaches whoever listens there.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode, OFlags};

/// What the socket is called in its directory.
const NAME: &str = "control";

/// The place of a directory's socket by a short name: an address has room for 107 characters (unix(7)).
struct Place {
    directory: OwnedFd,
}

impl Place {
    fn of(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(directory, flags, Mode::empty())?;
        Ok(Self { directory })
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}/{NAME}", self.directory.as_raw_fd()).into()
    }

    fn remove(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.directory, NAME, AtFlags::empty())?)
    }
}

/// Takes connections from this host. The directory's mode says who can make them. Dropping it removes the socket.
pub struct Listener {
    place: Place,
    socket: UnixListener,
}

impl Listener {
    /// Listens in a directory. What a dead listener left there is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if somebody listens there; else what the system answered.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        let place = Place::of(directory)?;
        let path = place.path();
        let socket = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                match UnixStream::connect(&path) {
                    Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {}
                    _ => return Err(error),
                }
                place.remove()?;
                UnixListener::bind(&path)?
            }
            bound => bound?,
        };
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { place, socket })
    }

    /// Waits for the next connection, without waking up before there is one.
    ///
    /// # Errors
    /// The system refused, for example because too many files are open.
    pub fn accept(&self) -> io::Result<Stream> {
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => return Ok(Stream::of(socket)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.place.remove();
    }
}

/// A connection between two processes of this host.
pub struct Stream {
    socket: UnixStream,
    deadline: Cell<Option<Instant>>,
}

impl Stream {
    fn of(socket: UnixStream) -> Self {
        Self {
            socket,
            deadline: Cell::new(None),
        }
    }

    /// Connects to whoever listens in a directory.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if nobody does; else what the system answered.
    pub fn connect(directory: &Path) -> io::Result<Self> {
        let place = Place::of(directory)?;
        UnixStream::connect(place.path()).map(Self::of)
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

/// A socket's own word for a deadline that has passed is "would block".
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        io::ErrorKind::TimedOut.into()
    } else {
        error
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
