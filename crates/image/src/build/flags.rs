//! What the command line adds to the last stage.

use super::copy::{Failed, Transfer};
use super::stage::Stage;
use super::view::{Root, View};
use super::{Error, Options};
use crate::Result;
use crate::error::During as _;

/// Applies the options to the last stage.
pub(super) fn apply(stage: &mut Stage, options: &Options) -> Result<()> {
    // What a supplied last stage consists of is what the image consists of.
    if stage.supplied
        && let Some(Root::Given(directory)) = stage.root.take()
    {
        stage.supplied = false;
        stage
            .take_in(&directory)
            .map_err(|failed| flag("--stage", failed))?;
    }
    if let Some(path) = &options.workdir {
        stage.enter(path).map_err(|failed| flag("--workdir", failed))?;
    }
    for (source, destination) in &options.add {
        let shown = format!("--add {}:{destination}", source.display());
        let absolute = source.canonicalize().during("find", source)?;
        let (directory, name) = match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(name)) if !absolute.is_dir() => (parent, name.to_string_lossy().into_owned()),
            _ => (absolute.as_path(), ".".to_owned()),
        };
        let sources = [name];
        let from = View {
            tree: None,
            directory: Some(directory),
            ignore: None,
            image: false,
        };
        let copy = Transfer {
            sources: &sources,
            destination,
            into_directory: false,
            mode: None,
            owner: None,
            add: false,
        };
        stage
            .copy_into(copy, from)
            .map_err(|failed| flag(&shown, failed))?;
    }
    for (name, value) in &options.env {
        stage.set_env(name, value);
    }
    if !options.labels.is_empty() {
        stage
            .config
            .labels
            .get_or_insert_default()
            .extend(options.labels.iter().cloned());
    }
    if let Some(entrypoint) = &options.entrypoint {
        stage.config.entrypoint = Some(entrypoint.clone());
        stage.config.args_escaped = false;
        stage.config.cmd = None;
    }
    if let Some(cmd) = &options.cmd {
        stage.config.cmd = Some(cmd.clone());
        if stage.config.entrypoint.as_ref().is_none_or(Vec::is_empty) {
            stage.config.args_escaped = false;
        }
    }
    if let Some(user) = &options.user {
        stage.config.user = Some(user.clone());
    }
    Ok(())
}

fn flag(flag: &str, failed: Failed) -> crate::Error {
    match failed {
        Failed::Refused(reason) => Error::Flag {
            flag: flag.to_owned(),
            reason,
        }
        .into(),
        Failed::Error(error) => error,
    }
}
