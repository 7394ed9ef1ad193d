//! Where things are: the checkout, what is built, and what is kept between checkouts.

use std::path::{Path, PathBuf};

use crate::command::{Doing, Failure, Result};

/// The checkout that this program was built from.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A path as it is typed in the checkout: without the checkout's own path in front.
pub(crate) fn short(path: &Path) -> PathBuf {
    path.strip_prefix(root()).unwrap_or(path).to_owned()
}

/// A directory for what a task makes, below the target directory. It is made where it is missing.
pub(crate) fn work(name: &str) -> Result<PathBuf> {
    let dir = target().join("xtask").join(name);
    std::fs::create_dir_all(&dir).doing(format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// As [`work`], emptied first.
pub(crate) fn fresh(name: &str) -> Result<PathBuf> {
    let dir = target().join("xtask").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).doing(format!("empty `{}`", dir.display()))?;
    }
    work(name)
}

/// A directory of the user's cache: tools that take minutes to build outlive a checkout.
pub(crate) fn cache(name: &str) -> Result<PathBuf> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => {
            return Err(Failure::new(
                "find the user's cache",
                "neither XDG_CACHE_HOME nor HOME is set",
            ));
        }
    };
    let dir = base.join("porthole").join(name);
    std::fs::create_dir_all(&dir).doing(format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// The seeds' documents: `PORTHOLE_SEEDS`, else `shared/seeds` beside the checkout.
pub(crate) fn seeds() -> Option<PathBuf> {
    let dir = std::env::var_os("PORTHOLE_SEEDS")
        .map_or_else(|| root().join("..").join("shared").join("seeds"), PathBuf::from);
    dir.canonicalize().ok().filter(|dir| dir.is_dir())
}
