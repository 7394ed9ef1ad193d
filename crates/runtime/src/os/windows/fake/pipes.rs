//! Named pipes of the recorded Windows: every client comes at once, and nobody says anything.

use std::io;
use std::time::Duration;

use super::super::api::{Handle, PipeSpec, Pipes};
use super::{Call, Fake};

impl Fake {
    /// Whose the pipes are that are opened; the system's without.
    pub(in super::super) fn pipe_owner(&self, sid: &[u8]) {
        self.memory().pipe_owner = Some(sid.to_vec());
    }
}

impl Pipes for Fake {
    fn create_named_pipe(&self, spec: &PipeSpec) -> io::Result<Handle> {
        self.call(Call::NamedPipe(spec.clone()))?;
        Ok(self.open())
    }

    fn connect_named_pipe(&self, pipe: &Handle) -> io::Result<bool> {
        assert!(self.is_open(pipe.raw()));
        Ok(true)
    }

    fn open_named_pipe(&self, name: &str, access: u32, flags: u32) -> io::Result<Option<Handle>> {
        self.call(Call::OpenPipe {
            name: name.to_owned(),
            access,
            flags,
        })?;
        Ok(Some(self.open()))
    }

    fn wait_named_pipe(&self, _: &str, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn pipe_owner(&self, _: &Handle) -> io::Result<Vec<u8>> {
        let system = vec![1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        Ok(self.memory().pipe_owner.clone().unwrap_or(system))
    }

    fn read_pipe(&self, _: &Handle, _: &mut [u8], _: Option<Duration>) -> io::Result<usize> {
        Ok(0)
    }

    fn write_pipe(&self, _: &Handle, bytes: &[u8], _: Option<Duration>) -> io::Result<usize> {
        Ok(bytes.len())
    }
}
