//! The user's cache: what takes minutes to make outlives a checkout.

use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure, Result};

/// The project's part of the cache, whether or not it is there.
///
/// # Errors
/// There is no cache directory.
pub fn base() -> Result<PathBuf> {
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
    Ok(base.join("porthole"))
}

/// The directory `name` of the project's part of the cache. It is made where it is missing.
///
/// # Errors
/// There is no cache directory, or it cannot be written to.
pub fn directory(name: &str) -> Result<PathBuf> {
    let dir = base()?.join(name);
    std::fs::create_dir_all(&dir).doing(format!("make `{}`", dir.display()))?;
    Ok(dir)
}

/// Fills a directory of the cache at once: `make` is given a directory beside it, which takes its name when it is
/// complete. What another program has put there in the meantime stays.
///
/// # Errors
/// `make` failed, of which nothing is left; or the cache cannot be written to.
pub fn fill(to: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let new = to.with_file_name(format!(".{name}.{}", std::process::id()));
    let what = format!("fill `{}`", to.display());
    std::fs::create_dir_all(&new).doing(&what)?;
    let filled = make(&new).and_then(|()| match std::fs::rename(&new, to) {
        Err(_) if to.is_dir() => Ok(()),
        renamed => renamed.doing(&what),
    });
    if new.exists() {
        std::fs::remove_dir_all(&new).doing(what)?;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_the_cache_is_there_when_it_is_complete() {
        let cache = tempfile::tempdir().unwrap();
        let to = cache.path().join("program-1.0");
        let failed = fill(&to, |new| {
            std::fs::write(new.join("program"), "half").unwrap();
            assert!(!to.exists(), "it has no name yet");
            Err(Failure::new("build", "no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "build: no");
        assert_eq!(
            std::fs::read_dir(cache.path()).unwrap().count(),
            0,
            "nothing is left"
        );

        for text in ["first", "second"] {
            fill(&to, |new| {
                std::fs::write(new.join("program"), text).doing("write")
            })
            .unwrap();
        }
        assert_eq!(std::fs::read_to_string(to.join("program")).unwrap(), "first");
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);
    }
}
