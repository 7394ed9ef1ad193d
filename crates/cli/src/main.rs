//! The `porthole` command: parse, call the verb, answer with its exit code.

mod arguments;
mod exit;
mod failure;
mod fetch;
mod manifests;
mod verbs;
mod verdict;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if let Some(code) = verbs::guard::asked() {
        return code;
    }
    let porthole = arguments::Porthole::parse();
    porthole.global.color.choose();
    match verbs::run(porthole) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
