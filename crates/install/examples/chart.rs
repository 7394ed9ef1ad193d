//! Writes those files of the Helm chart that are made of the objects of an installation, into the directory that is named.

use std::path::PathBuf;
use std::process::ExitCode;

use porthole_install::chart;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the chart's directory");
        return ExitCode::FAILURE;
    };
    let written = chart::files()
        .map_err(|error| error.to_string())
        .and_then(|files| {
            files.into_iter().try_for_each(|file| {
                let path = directory.join(file.path);
                std::fs::write(&path, file.text)
                    .map_err(|error| format!("write `{}`: {error}", path.display()))
            })
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
