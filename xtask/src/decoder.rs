//! The cluster's decoder of YAML, which porthole's is compared with.

use porthole_tests::cache;
use porthole_tests::kubernetes::decoder;

use crate::command::{self, Result};
use crate::go;

/// Builds the program where it is missing; the user's cache keeps it.
pub(crate) fn provide() -> Result<()> {
    let program = decoder::cached()?;
    if program.is_file() {
        return Ok(());
    }
    let directory = program.parent().unwrap_or(&program);
    println!("building the decoder once, for `{}`", directory.display());
    cache::fill(directory, |directory| {
        let go = go::program()?;
        let out = directory.join("decoder").to_string_lossy().into_owned();
        let build = ["build", "-trimpath", "-o", &out, "."];
        command::run(&mut go::go(&go, &decoder::sources(), &build))
    })
}
