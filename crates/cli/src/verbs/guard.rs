//! `porthole guard`: how an engine starts its own executable again. Hidden, and before anything is parsed: a container's
//! start waits for it.

use std::ffi::OsString;
use std::process::ExitCode;

use porthole_runtime::os;

use crate::exit;

/// The answer of the guard, where this process was started as one.
pub(crate) fn asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != os::GUARD_VERB {
        return None;
    }
    let rest: Vec<OsString> = arguments.collect();
    Some(exit::code(os::guard(&rest)))
}
