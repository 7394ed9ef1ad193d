//! A process that has nothing of its maker's but two pipes, and outlives it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::pipe::{PipeFlags, pipe_with};

use super::raw::{self, SpawnError};
use super::steps::{self, Program};
use crate::os::Detached;

/// Starts a program in a session of its own, without a terminal, in `/`, with no open file of this process's but the pipes
/// of [`Detached`], and with its environment. It lives on when this process ends.
///
/// # Errors
/// The system refused, or there is no such program.
pub fn spawn_detached(executable: &Path, arguments: &[OsString]) -> io::Result<Detached> {
    let (their_order, order) = pipe_with(PipeFlags::CLOEXEC)?;
    let (answer, their_answer) = pipe_with(PipeFlags::CLOEXEC)?;
    let null = File::options().write(true).open("/dev/null")?;
    let executable = c_string(executable.as_os_str())?;
    let mut words = vec![executable.clone()];
    for argument in arguments {
        words.push(c_string(argument)?);
    }
    let environment = std::env::vars_os()
        .map(|(name, value)| {
            let mut variable = name.into_vec();
            variable.push(b'=');
            variable.extend_from_slice(value.as_bytes());
            CString::new(variable).map_err(io::Error::other)
        })
        .collect::<io::Result<_>>()?;
    let program = Program {
        candidates: vec![executable],
        arguments: words,
        environment,
    };
    let streams = [
        their_order.as_raw_fd(),
        their_answer.as_raw_fd(),
        null.as_raw_fd(),
    ];
    match raw::spawn(|report| steps::detached(streams, report, program), None) {
        Ok((spawned, _)) => Ok(Detached {
            pid: spawned.pid.as_raw_nonzero().get().unsigned_abs(),
            order: order.into(),
            answer: answer.into(),
        }),
        Err((SpawnError::Clone(error) | SpawnError::Step { source: error, .. }, _)) => Err(error),
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn has_a_session_two_pipes_and_nothing_else() {
        let leak = File::open("/dev/null").unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let script = format!(
            "read word; echo $word $$ $(cut -d' ' -f6,7 /proc/$$/stat) $(readlink /proc/$$/cwd); \
             test -e /proc/$$/fd/{} && echo leak",
            leak.as_raw_fd()
        );
        let mut detached = spawn_detached(Path::new("/bin/sh"), &["-c".into(), script.into()]).unwrap();
        detached.order.write_all(b"hello\n").unwrap();
        let mut said = String::new();
        detached.answer.read_to_string(&mut said).unwrap();
        let pid = detached.pid;
        assert_eq!(said, format!("hello {pid} {pid} 0 /\n"));
    }

    #[test]
    fn says_that_there_is_no_such_program() {
        let error = spawn_detached(Path::new("/no/such/program"), &[]).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
