//! The `porthole` command: parse, call the verb, answer with its exit code.

mod applier;
mod arguments;
mod cluster;
mod exit;
mod failure;
mod fetch;
mod intake;
mod limits;
mod manifests;
mod parallel;
mod pods;
mod print;
mod registry;
mod verbs;
mod verdict;

use std::process::ExitCode;

use clap::Parser as _;

/// musl's own takes one lock for all threads: a webhook's answers would wait for it (`docs/decisions/0055`).
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A line of porthole's own on standard error.
fn note(text: &str) {
    const STYLE: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();
    anstream::eprintln!("{STYLE}note{STYLE:#}: {text}");
}

fn main() -> ExitCode {
    if let Some(code) = verbs::guard::asked().or_else(verbs::supervise::asked) {
        return code;
    }
    let porthole = arguments::Porthole::parse();
    porthole.global.color.choose();
    match verbs::run(porthole) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
