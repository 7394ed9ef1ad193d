//! What a process of a container is started with: its command, its environment, and both as the kernel takes them.

use std::ffi::CString;
use std::path::Path;

use super::steps::Program;
use crate::engine::{CreateError, Os};
use crate::path::MountPoint;
use crate::plan::{CommandLine, Plan};
use crate::{command, environment};

/// The name under which errors know the plan's command.
pub(super) fn arguments(plan: &Plan) -> &[String] {
    match &plan.command {
        CommandLine::Arguments(arguments) => arguments,
        // Refused before.
        CommandLine::Windows(_) => &[],
    }
}

/// A program as a container has it: `account` is what its account brings into the environment, `specified` what plan and
/// caller add, and `directory` the working directory as the container sees it.
pub(super) fn program(
    command: &[String],
    account: &[(String, String)],
    specified: &[(String, String)],
    directory: &str,
    mount_point: &MountPoint,
) -> Result<Program, CreateError> {
    let variables = environment::compose_linux(account, specified, mount_point);
    let search = environment::value(Os::Linux, &variables, "PATH").unwrap_or_default();
    let arguments: Vec<String> = command
        .iter()
        .map(|argument| mount_point.substitute(argument).into_owned())
        .collect();
    let name = arguments.first().map_or("", String::as_str);
    let candidates = command::candidates(name, directory, search, mount_point);
    let all = |texts: &[String], what: &str| {
        texts
            .iter()
            .map(|text| c_string(text, what))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Program {
        candidates: all(&candidates, "command")?,
        arguments: all(&arguments, "argument")?,
        environment: variables
            .iter()
            .map(|(name, value)| c_string(&format!("{name}={value}"), "environment variable"))
            .collect::<Result<_, _>>()?,
    })
}

/// What says who porthole is; nothing else of its environment is the container's business.
pub(super) fn inherited() -> Vec<(String, String)> {
    ["HOME", "USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

pub(super) fn c_string(text: &str, what: &str) -> Result<CString, CreateError> {
    CString::new(text).map_err(|_| CreateError::Host {
        doing: format!("pass on the {what} `{}`", text.escape_debug()),
        reason: "it contains a NUL character".to_owned(),
    })
}

pub(super) fn c_path(path: &Path) -> Result<CString, CreateError> {
    use std::os::unix::ffi::OsStrExt as _;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| CreateError::Host {
        doing: format!("mount at {}", path.display()),
        reason: "it contains a NUL character".to_owned(),
    })
}
