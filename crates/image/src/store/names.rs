//! Names: one file each, under the hash of the name, so that any name fits any file system.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Store;
use super::blobs::{parse, persist};
use crate::error::During as _;
use crate::oci::Descriptor;
use crate::{Digest, Error, Result};

#[derive(Serialize, Deserialize)]
struct NameFile {
    name: String,
    target: Descriptor,
}

/// Refuses what no image can be called; names are otherwise taken literally.
pub(crate) fn check(name: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > 1024 {
        "is longer than 1024 bytes"
    } else if name
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        "contains a blank or a control character"
    } else if name.starts_with('-') {
        "begins with a dash"
    } else {
        return Ok(());
    };
    Err(Error::Name {
        name: name.to_owned(),
        reason,
    })
}

impl Store {
    /// What a name stands for.
    pub(crate) fn target(&self, name: &str) -> Result<Option<Descriptor>> {
        match read(&self.name_path(name))? {
            Some(file) if file.name == name => Ok(Some(file.target)),
            _ => Ok(None),
        }
    }

    /// All names and what they stand for, in no order.
    pub(crate) fn all_names(&self) -> Result<Vec<(String, Descriptor)>> {
        let directory = self.root.join("names");
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory).during("read directory", &directory)? {
            let entry = entry.during("read directory", &directory)?;
            if let Some(file) = read(&entry.path())? {
                names.push((file.name, file.target));
            }
        }
        Ok(names)
    }

    /// Gives a name to an index or manifest that the store already holds.
    pub(crate) fn set_name(&self, name: &str, target: &Descriptor) -> Result<()> {
        check(name)?;
        let path = self.name_path(name);
        let file = NameFile {
            name: name.to_owned(),
            target: target.bare(),
        };
        let text = serde_json::to_vec(&file).map_err(|source| Error::Document {
            what: format!("the name {name:?}"),
            source,
        })?;
        let mut temporary = self.temporary_file()?;
        temporary.write_all(&text).during("write", &path)?;
        persist(temporary, &path)
    }

    /// Forgets a name; says whether it was known.
    pub(super) fn remove_name(&self, name: &str) -> Result<bool> {
        if self.target(name)?.is_none() {
            return Ok(false);
        }
        let path = self.name_path(name);
        fs::remove_file(&path).during("remove", &path)?;
        Ok(true)
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.root
            .join("names")
            .join(format!("{}.json", Digest::of(name.as_bytes()).hex()))
    }
}

fn read(path: &Path) -> Result<Option<NameFile>> {
    match fs::read(path) {
        Ok(text) => parse(&text, || path.display().to_string()).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).during("read", path),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn takes_names_literally_but_for_blanks_and_dashes() {
        for name in [
            "ping",
            "windowspodfilemount:v1.0.0",
            "example.com:5000/a/b@sha256:00",
            "Größe",
        ] {
            assert!(check(name).is_ok(), "{name}");
        }
        for (name, reason) in [
            ("", "image name \"\" is empty"),
            (
                "a b",
                "image name \"a b\" contains a blank or a control character",
            ),
            ("-a", "image name \"-a\" begins with a dash"),
        ] {
            assert_eq!(
                check(name).err().map(|error| error.to_string()).as_deref(),
                Some(reason)
            );
        }
    }
}
