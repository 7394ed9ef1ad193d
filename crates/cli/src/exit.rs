//! Exit codes: 0 good, 1 the answer is no, 2 the question could not be asked; `run` answers with the container's own
//! code and with these three of its own, as users of `docker run` know them.

/// The answer is no: findings, refused, the container failed.
pub(crate) const NO: u8 = 1;
/// The question could not be asked: usage, an unreadable file.
pub(crate) const UNASKED: u8 = 2;
/// `run`: porthole itself failed.
pub(crate) const OWN_FAILURE: u8 = 125;
/// `run`: the command was found and cannot be started.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// `run`: the command was not found.
pub(crate) const NOT_FOUND: u8 = 127;

/// The exit code of a container's program, passed on whole: on Windows it has 32 bits. Nothing is left to do by now.
pub(crate) fn code(code: i32) -> std::process::ExitCode {
    match u8::try_from(code) {
        Ok(code) => code.into(),
        Err(_) => std::process::exit(code),
    }
}
