//! `porthole image`: HostProcess images without Docker and without Windows.

mod build;
mod inspect;
mod ls;
mod pull;
mod push;
mod rm;
mod unpack;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use porthole_image::Error;
use porthole_runtime::{os, pods};
use serde::Serialize;

use self::build::Build;
use self::inspect::Inspect;
use self::ls::Ls;
use self::pull::Pull;
use self::push::Push;
use self::rm::Rm;
use self::unpack::Unpack;
use crate::arguments::{Format, Global};
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

/// Options of `porthole image`.
#[derive(Debug, Args)]
pub(crate) struct Image {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build an image from a Dockerfile or from flags; nothing is run for it
    ///
    /// Understood are FROM, ADD and COPY of files, ENV, USER, WORKDIR, ENTRYPOINT, CMD, LABEL, EXPOSE and ARG; the
    /// files of a stage with RUN are given with --stage. All that is built now is one layer. Two builds of the same
    /// files are the same bytes, wherever and whenever: owners are root, modes 0755 or 0644, and all times 1970, or
    /// `SOURCE_DATE_EPOCH` (seconds since 1970) where that variable is set.
    ///
    /// Example: porthole image build --platform windows/amd64 --add app.exe:/ --entrypoint app.exe -t app:1
    Build(Box<Build>),
    /// List the images of the store
    Ls(Ls),
    /// Show what an image says of its containers, and its layers
    Inspect(Inspect),
    /// Fetch an image from a registry into the store, and print its digest
    ///
    /// Every blob is verified. What the store has is not fetched, and what an interrupted pull left is gone on with.
    /// Registries of this machine are spoken to in plain http, all others over TLS unless --plain-http is given.
    ///
    /// Example: porthole image pull --platform windows/amd64 example.com/team/app:v1
    Pull(Pull),
    /// Send an image of the store to a registry, and print its digest
    ///
    /// An image for several platforms is sent with all of them. What the registry has is not sent.
    ///
    /// Example: porthole image push app:v1 example.com/team/app:v1
    Push(Push),
    /// Write all files of an image into a directory
    Unpack(Unpack),
    /// Remove images, and what no other image needs
    Rm(Rm),
}

impl Image {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let state = global.state();
        pods::check_version(&state).map_err(Failure::unasked)?;
        os::prepare_state(&state).attempt(exit::OWN_FAILURE, || "prepare the state directory".to_owned())?;
        let root = state.join("images");
        match self.verb {
            Verb::Build(verb) => verb.run(&root, global.quiet),
            Verb::Ls(verb) => verb.run(&root),
            Verb::Inspect(verb) => verb.run(&root),
            Verb::Pull(verb) => verb.run(&root, global),
            Verb::Push(verb) => verb.run(&root, global),
            Verb::Unpack(verb) => verb.run(&root),
            Verb::Rm(verb) => verb.run(&root, global.quiet),
        }
    }
}

/// What was asked for is refused: exit code 1 where the answer is no, else 2.
fn refused(error: Error) -> Failure {
    let code = match error {
        Error::Build(_) | Error::UnknownImage { .. } => exit::NO,
        _ => exit::UNASKED,
    };
    Failure::new(code, error)
}

fn unknown(name: &str, root: &Path) -> Failure {
    refused(Error::UnknownImage {
        name: name.to_owned(),
        store: root.to_owned(),
    })
}

fn usage(error: &str, help: &str) -> Failure {
    Failure::unasked(error.to_owned()).help(help)
}

fn print(format: Format, data: &impl Serialize) -> Result<ExitCode, Failure> {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(data).map_err(|error| Failure::unasked(error.to_string()))?,
        _ => serde_json::to_string_pretty(data).map_err(|error| Failure::unasked(error.to_string()))? + "\n",
    };
    print::text(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(
            [0, 1023, 1024, 1536, 5 << 30].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]
        );
    }
}
