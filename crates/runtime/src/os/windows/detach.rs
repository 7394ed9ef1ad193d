//! A process that has nothing of its maker's but two pipes, and outlives it.

use std::io;

use crate::command::quote;
use crate::os::Detached;

use super::api::{
    Api, Attribute, CREATE_BREAKAWAY_FROM_JOB, CREATE_UNICODE_ENVIRONMENT, DETACHED_PROCESS,
    ERROR_ACCESS_DENIED, EXTENDED_STARTUPINFO_PRESENT, Handle, ProcessSpec, STARTF_USESTDHANDLES,
};

/// See [`crate::os::spawn_detached`].
///
/// A process without a console hears no Ctrl-C and no closing of a window. It is in no process group of its own:
/// that would disable Ctrl-C for good in it and in all that it starts, and so in its containers.
pub(super) fn spawn(api: &dyn Api, executable: String, arguments: &[String]) -> io::Result<Detached> {
    let (their_order, order) = api.create_pipe()?;
    let (answer, their_answer) = api.create_pipe()?;
    let null = api.open_nul()?;
    let theirs = [their_order, their_answer, null];
    for handle in &theirs {
        api.make_inheritable(handle)?;
    }
    let mut command_line = quote(&executable);
    for argument in arguments {
        command_line.push(' ');
        command_line.push_str(&quote(argument));
    }
    let stdio = theirs.each_ref().map(Handle::raw);
    let mut spec = ProcessSpec {
        token: None,
        application: executable,
        command_line,
        creation_flags: EXTENDED_STARTUPINFO_PRESENT
            | CREATE_UNICODE_ENVIRONMENT
            | DETACHED_PROCESS
            | CREATE_BREAKAWAY_FROM_JOB,
        environment: None,
        // The maker's own may be on a drive that is to go.
        current_directory: Some(format!(r"{}\", super::program::system_root(api))),
        startup_flags: STARTF_USESTDHANDLES,
        stdio,
        attributes: vec![Attribute::Handles(stdio.to_vec())],
    };
    let made = match api.create_process(&spec) {
        // The job that this process is in lets nobody out (Process Creation Flags): its end is then the end of both.
        Err(error) if error.raw_os_error() == Some(ERROR_ACCESS_DENIED) => {
            spec.creation_flags &= !CREATE_BREAKAWAY_FROM_JOB;
            api.create_process(&spec)
        }
        made => made,
    }?;
    Ok(Detached {
        pid: made.id,
        order: api.file_of(order),
        answer: api.file_of(answer),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fake::{Call, Fake};
    use super::*;

    fn specs(fake: &Arc<Fake>) -> Vec<ProcessSpec> {
        let calls = fake.calls().into_iter();
        calls
            .filter_map(|call| match call {
                Call::CreateProcess(spec) => Some(spec),
                _ => None,
            })
            .collect()
    }

    fn spawned(fake: &Arc<Fake>) -> io::Result<Detached> {
        let arguments = ["supervise", r"C:\a b"].map(str::to_owned);
        spawn(&**fake, r"C:\p q\porthole.exe".to_owned(), &arguments)
    }

    #[test]
    fn has_no_console_two_pipes_and_leaves_the_job() {
        let fake = Fake::new();
        let detached = spawned(&fake).unwrap();
        assert_eq!(detached.pid, 4711);
        let [spec] = specs(&fake).try_into().unwrap();
        assert_eq!(spec.creation_flags, 0x8_0000 | 0x400 | 0x8 | 0x100_0000);
        assert_eq!(spec.command_line, r#""C:\p q\porthole.exe" supervise "C:\a b""#);
        assert_eq!(spec.current_directory.as_deref(), Some(r"C:\Windows\"));
        assert_eq!(spec.startup_flags, 0x100);
        assert_eq!(spec.attributes, [Attribute::Handles(spec.stdio.to_vec())]);
        assert!(spec.stdio.iter().all(|raw| !fake.is_open(*raw)));
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn stays_in_a_job_that_lets_nobody_out() {
        let fake = Fake::new();
        fake.fail(
            |call| matches!(call, Call::CreateProcess(spec) if spec.creation_flags & 0x100_0000 != 0),
            5,
        );
        spawned(&fake).unwrap();
        let [first, second] = specs(&fake).try_into().unwrap();
        assert_eq!(first.creation_flags & !0x100_0000, second.creation_flags);
        fake.fail(|call| matches!(call, Call::CreateProcess(_)), 2);
        assert_eq!(spawned(&fake).err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(fake.open_handles(), 0);
    }
}
