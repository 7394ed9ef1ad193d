//! The user's cache: what takes minutes to make outlives a checkout.

use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure, Result};

/// The directory `name` of the project's part of the cache. It is made where it is missing.
///
/// # Errors
/// There is no cache directory, or it cannot be written to.
pub fn directory(name: &str) -> Result<PathBuf> {
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
