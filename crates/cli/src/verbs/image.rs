//! `porthole image`: HostProcess images without Docker and without Windows.

mod build;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use porthole_image::{Descriptor, Error, Image as OneImage, Platform, Store};
use serde::Serialize;

use crate::arguments::{Format, Global};
use crate::exit;
use crate::failure::Failure;

/// Options of `porthole image`.
#[derive(Debug, Args)]
pub(crate) struct Image {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build an image from a Dockerfile or from flags; nothing is run for it
    Build(Box<build::Build>),
    /// List the images of the store
    Ls(Ls),
    /// Show what an image says of its containers, and its layers
    Inspect(Inspect),
    /// Write all files of an image into a directory
    Unpack(Unpack),
    /// Remove images, and what no other image needs
    Rm(Rm),
}

#[derive(Debug, Args)]
struct Ls {
    /// How the list is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Args)]
struct Inspect {
    /// The image's name
    name: String,
    /// How the image is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Debug, Args)]
struct Unpack {
    /// The image's name, or a layout directory or archive
    image: String,
    /// A new or empty directory
    directory: PathBuf,
    /// Which of the image's platforms [default: this machine's, or the only one]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
}

#[derive(Debug, Args)]
struct Rm {
    /// The images' names
    #[arg(required = true)]
    names: Vec<String>,
}

impl Image {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let root = global.state().join("images");
        match self.verb {
            Verb::Build(verb) => verb.run(&root, global.quiet),
            Verb::Ls(verb) => verb.run(&root),
            Verb::Inspect(verb) => verb.run(&root),
            Verb::Unpack(verb) => verb.run(&root),
            Verb::Rm(verb) => verb.run(&root, global.quiet),
        }
    }
}

impl Ls {
    fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
        let images = Store::open(root)
            .and_then(|store| store.list())
            .map_err(Failure::unasked)?;
        if self.output != Format::Human {
            return print(self.output, &images);
        }
        let width = images
            .iter()
            .map(|image| image.name.len())
            .chain([4])
            .max()
            .unwrap_or(4);
        anstream::println!("{:width$}  {:12}  {:>10}  PLATFORMS", "NAME", "DIGEST", "SIZE");
        for image in images {
            let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
            let digest = &image.digest.hex()[..12];
            anstream::println!(
                "{:width$}  {digest}  {:>10}  {}",
                image.name,
                size(image.size),
                platforms.join(",")
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inspected<'a> {
    name: &'a str,
    target: &'a Descriptor,
    images: &'a [OneImage],
}

impl Inspect {
    fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
        let store = Store::open(root).map_err(Failure::unasked)?;
        let Some((target, images)) = store.inspect(&self.name).map_err(Failure::unasked)? else {
            return Err(unknown(&self.name, root));
        };
        if self.output != Format::Human {
            return print(
                self.output,
                &Inspected {
                    name: &self.name,
                    target: &target,
                    images: &images,
                },
            );
        }
        anstream::println!("{}  {}", self.name, target.digest);
        for image in &images {
            let config = &image.config;
            anstream::println!("\n{}  {}", image.platform, image.digest);
            let line = |what: &str, value: String| {
                if !value.is_empty() {
                    anstream::println!("  {what:12} {value}");
                }
            };
            line("entrypoint", words(&config.entrypoint));
            line("cmd", words(&config.cmd));
            line("user", config.user.clone().unwrap_or_default());
            line("workdir", config.working_dir.clone().unwrap_or_default());
            for (name, value) in &config.env {
                line("env", format!("{name}={value}"));
            }
            for (name, value) in &config.labels {
                line("label", format!("{name}={value}"));
            }
            line("ports", config.exposed_ports.join(" "));
            for layer in &image.layers {
                line("layer", format!("{}  {}", layer.diff_id, size(layer.blob.size)));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Unpack {
    fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
        let store = Store::open(root).map_err(Failure::unasked)?;
        let wanted = self
            .platform
            .as_deref()
            .map(str::parse::<Platform>)
            .transpose()
            .map_err(Failure::unasked)?;
        let path = Path::new(&self.image);
        if store.inspect(&self.image).map_err(Failure::unasked)?.is_none() && path.exists() {
            let platform = wanted.unwrap_or_else(Platform::host);
            let loaded = store.load(path, &platform).map_err(Failure::unasked)?;
            store
                .unpack(&loaded.image, &self.directory)
                .map_err(Failure::unasked)?;
            return Ok(ExitCode::SUCCESS);
        }
        let image = match wanted {
            Some(platform) => store.resolve(&self.image, &platform).map_err(Failure::unasked)?,
            None => store
                .inspect(&self.image)
                .map_err(Failure::unasked)?
                .and_then(|(_, images)| {
                    let host = images.iter().position(|image| image.platform == Platform::host());
                    images.into_iter().nth(host.unwrap_or(0))
                }),
        };
        let Some(image) = image else {
            return Err(unknown(&self.image, root));
        };
        store.unpack(&image, &self.directory).map_err(Failure::unasked)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Rm {
    fn run(&self, root: &Path, quiet: bool) -> Result<ExitCode, Failure> {
        let store = Store::open(root).map_err(Failure::unasked)?;
        for name in &self.names {
            let removed = store.remove(name).map_err(refused)?;
            if !quiet {
                let used = match removed.layers_in_use {
                    0 => String::new(),
                    count => format!("; unpacked layers still in use: {count}"),
                };
                anstream::eprintln!("removed {name}, freed {}{used}", size(removed.bytes));
            }
        }
        Ok(ExitCode::SUCCESS)
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
    anstream::print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn words(command: &[String]) -> String {
    if command.is_empty() {
        String::new()
    } else {
        serde_json::to_string(command).unwrap_or_default()
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
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
