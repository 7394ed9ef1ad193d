//! `porthole image inspect`: what an image says of its containers.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use porthole_image::{Descriptor, Image as OneImage, Store};
use serde::Serialize;

use super::{print, size, unknown};
use crate::arguments::Format;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The image's name
    name: String,
    /// How the image is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inspected<'a> {
    name: &'a str,
    target: &'a Descriptor,
    images: &'a [OneImage],
}

impl Inspect {
    pub(super) fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
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

fn words(command: &[String]) -> String {
    if command.is_empty() {
        String::new()
    } else {
        serde_json::to_string(command).unwrap_or_default()
    }
}
