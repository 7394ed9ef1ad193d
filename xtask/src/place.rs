//! Where things are: the checkout, what is built, and what is kept between checkouts.

use std::path::{Path, PathBuf};

pub(crate) use porthole_tests::program::{checkout as root, target};

use crate::command::{Doing, Result};

/// A path as it is typed in the checkout: without the checkout's own path in front.
pub(crate) fn short(path: &Path) -> PathBuf {
    path.strip_prefix(root()).unwrap_or(path).to_owned()
}

/// A directory for what a task makes, below the target directory. It is made where it is missing.
pub(crate) fn work(name: &str) -> Result<PathBuf> {
    let dir = target()?.join("xtask").join(name);
    std::fs::create_dir_all(&dir).doing(format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// As [`work`], emptied first.
pub(crate) fn fresh(name: &str) -> Result<PathBuf> {
    let dir = target()?.join("xtask").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).doing(format!("empty `{}`", dir.display()))?;
    }
    work(name)
}

/// The seeds' documents: `PORTHOLE_SEEDS`, else `shared/seeds` beside the checkout.
pub(crate) fn seeds() -> Option<PathBuf> {
    let dir = std::env::var_os("PORTHOLE_SEEDS")
        .map_or_else(|| root().join("..").join("shared").join("seeds"), PathBuf::from);
    dir.canonicalize().ok().filter(|dir| dir.is_dir())
}
