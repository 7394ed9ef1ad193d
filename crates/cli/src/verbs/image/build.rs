//! `porthole image build`: an image from a Dockerfile or from flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use porthole_image::build::{Destination, Options, build, publish};
use porthole_image::{Descriptor, Platform, Scratch, Store};

use super::{refused, usage};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The Dockerfile [default: CONTEXT/Dockerfile, if it is there; --add needs none]
    #[arg(short, long, value_name = "DOCKERFILE")]
    file: Option<PathBuf>,
    /// Put a file, or a directory's content, into the image
    #[arg(long, value_name = "SRC:DST")]
    add: Vec<String>,
    /// The program: a JSON array, or words in a shell's quotes
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Its arguments: a JSON array, or words in a shell's quotes
    #[arg(long, value_name = "COMMAND")]
    cmd: Option<String>,
    /// Set a variable
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The account that containers run as
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<String>,
    /// The working directory
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// Set a label
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// Set an ARG of the Dockerfile
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    args: Vec<String>,
    /// What the image is for; several make one index [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    platform: Vec<String>,
    /// Keep the image under a name in the store; other platforms of that name stay
    #[arg(short, long, value_name = "NAME")]
    tag: Option<String>,
    /// Write a layout: a tar archive if PATH ends in .tar, else a directory; other images and platforms in it stay
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// The files of a stage that runs commands, or of a base image that is not in the store
    #[arg(long, value_name = "NAME=DIR")]
    stage: Vec<String>,
    /// Where ADD and COPY find their files [default: .]
    context: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(self, root: &Path, quiet: bool) -> Result<ExitCode, Failure> {
        if self.tag.is_none() && self.output.is_none() {
            return Err(usage(
                "an image that is built must go somewhere",
                "give a name with -t, or a path with --output",
            ));
        }
        let store = match &self.tag {
            Some(_) => Some(Store::open(root).map_err(Failure::unasked)?),
            // Base images may be there; a build that leaves nothing in the store does not make one.
            None if root.join("lock").exists() => Store::open(root).ok(),
            None => None,
        };
        // A base image that is found stays until it is read. What is made in the store holds the lock itself.
        let bases = store.as_ref().filter(|_| self.tag.is_none());
        let _lock = bases.map(Store::reading).transpose().map_err(Failure::unasked)?;
        let scratch = match (&store, &self.tag) {
            (Some(store), Some(_)) => Scratch::within(store),
            _ => Scratch::beside(&self.beside()),
        }
        .map_err(Failure::unasked)?;
        let work = scratch.store();
        let mut platforms = Vec::new();
        for text in &self.platform {
            let platform: Platform = text.parse().map_err(Failure::unasked)?;
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        if platforms.is_empty() {
            platforms.push(Platform::host());
        }
        let mut manifests: Vec<Descriptor> = Vec::new();
        for platform in platforms {
            let options = self.options(platform)?;
            let built = build(work, store.as_ref(), &options).map_err(refused)?;
            if !quiet {
                built
                    .notes
                    .iter()
                    .for_each(|note| anstream::eprintln!("note: {note}"));
            }
            manifests.push(built.manifest);
        }
        let to = Destination {
            name: self.tag.as_deref(),
            store: store.as_ref(),
            layout: self.output.as_deref(),
        };
        let target = publish(work, &manifests, &to).map_err(Failure::unasked)?;
        if !quiet {
            anstream::println!("{}", target.digest);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Where the work is done: where its result goes.
    fn beside(&self) -> PathBuf {
        let parent = self.output.as_deref().and_then(Path::parent).map(|parent| {
            if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            }
        });
        parent
            .filter(|parent| parent.is_dir())
            .map_or_else(std::env::temp_dir, Path::to_owned)
    }

    /// Which Dockerfile is obeyed. Flags that put files into the image do without one.
    fn dockerfile(&self) -> Result<Option<PathBuf>, Failure> {
        if self.file.is_some() {
            return Ok(self.file.clone());
        }
        let there = self.context.as_ref().map(|context| context.join("Dockerfile"));
        match there {
            // Anything of that name counts, so that one that cannot be read is an error and not passed over.
            Some(path) if path.symlink_metadata().is_ok() => Ok(Some(path)),
            _ if !self.add.is_empty() => Ok(None),
            Some(path) => Err(usage(
                &format!("build an image: there is no {}", path.display()),
                "write one, name it with -f, or give files with --add SRC:DST",
            )),
            None => Err(usage(
                "build an image: there is nothing to build it from",
                "give a CONTEXT with a Dockerfile, -f, or --add SRC:DST",
            )),
        }
    }

    fn options(&self, platform: Platform) -> Result<Options, Failure> {
        let dockerfile = self.dockerfile()?;
        Ok(Options {
            dockerfile,
            context: self.context.clone().unwrap_or_else(|| PathBuf::from(".")),
            add: self
                .add
                .iter()
                .map(|text| addition(text))
                .collect::<Result<_, _>>()?,
            entrypoint: self
                .entrypoint
                .as_deref()
                .map(|text| command("--entrypoint", text))
                .transpose()?,
            cmd: self
                .cmd
                .as_deref()
                .map(|text| command("--cmd", text))
                .transpose()?,
            env: pairs("--env", &self.env)?,
            user: self.user.clone(),
            workdir: self.workdir.clone(),
            labels: pairs("--label", &self.label)?,
            build_args: pairs("--build-arg", &self.args)?.into_iter().collect(),
            stages: pairs("--stage", &self.stage)?
                .into_iter()
                .map(|(name, directory)| (name, PathBuf::from(directory)))
                .collect::<BTreeMap<_, _>>(),
            created: created()?,
            ..Options::new(platform)
        })
    }
}

/// `SRC:DST`, where SRC may begin with a drive.
fn addition(text: &str) -> Result<(PathBuf, String), Failure> {
    let drive =
        text.len() > 2 && text.as_bytes()[0].is_ascii_alphabetic() && matches!(&text[1..3], ":\\" | ":/");
    let from = if drive && text[2..].contains(':') { 2 } else { 0 };
    match text[from..].split_once(':') {
        Some((source, destination)) if !source.is_empty() && !destination.is_empty() => Ok((
            PathBuf::from(&text[..from + source.len()]),
            destination.to_owned(),
        )),
        _ => Err(usage(
            &format!("--add {text}: a file and its place are needed"),
            "write --add SRC:DST",
        )),
    }
}

fn pairs(flag: &str, texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(usage(
                &format!("{flag} {text}: there is no name with a value"),
                &format!("write {flag} NAME=VALUE"),
            )),
        })
        .collect()
}

/// A JSON array, or words that blanks separate outside quotes.
fn command(flag: &str, text: &str) -> Result<Vec<String>, Failure> {
    let refused = |reason: String| {
        usage(
            &format!("{flag} {text}: {reason}"),
            "give a JSON array of strings",
        )
    };
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|error| refused(error.to_string()));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(refused("a quote is not closed".to_owned()));
    }
    words.extend(word);
    Ok(words)
}

/// The time of everything in the image.
fn created() -> Result<u64, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            usage(
                &format!("SOURCE_DATE_EPOCH={text} is no number"),
                "give seconds since 1970",
            )
        }),
        Err(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Build, addition, command};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        build: Build,
    }

    fn dockerfile(words: &[&str]) -> Result<Option<std::path::PathBuf>, String> {
        let line = ["build"].iter().chain(words);
        let build = Line::try_parse_from(line).unwrap().build;
        build.dockerfile().map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_context_without_a_dockerfile_does_if_flags_give_files() {
        let context = tempfile::tempdir().unwrap();
        let path = context.path().to_str().unwrap();
        assert_eq!(dockerfile(&["--add", "a:/b", path]), Ok(None));
        assert!(dockerfile(&[path]).unwrap_err().contains("there is no"));
        assert!(dockerfile(&[]).unwrap_err().contains("nothing to build"));
        let there = context.path().join("Dockerfile");
        std::fs::write(&there, "FROM scratch\n").unwrap();
        assert_eq!(dockerfile(&["--add", "a:/b", path]), Ok(Some(there.clone())));
        assert_eq!(dockerfile(&[path]), Ok(Some(there)));
        assert_eq!(dockerfile(&["--add", "a:/b"]), Ok(None));
    }

    #[test]
    fn cuts_additions_beside_drives() {
        for (text, source, destination) in [
            ("a:/b", "a", "/b"),
            ("a:C:\\b", "a", "C:\\b"),
            ("C:\\a:/b", "C:\\a", "/b"),
            ("C:\\a:C:\\b", "C:\\a", "C:\\b"),
            ("./x/y:z/", "./x/y", "z/"),
        ] {
            let (found, place) = addition(text).unwrap();
            assert_eq!(
                (found.to_str(), place.as_str()),
                (Some(source), destination),
                "{text}"
            );
        }
        for text in ["a", "a:", ":b", ""] {
            assert!(addition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_commands_as_json_or_as_words() {
        assert_eq!(command("--cmd", r#"["a", "b c"]"#).unwrap(), ["a", "b c"]);
        assert_eq!(
            command("--cmd", r#"a 'b c' "" d"e f""#).unwrap(),
            ["a", "b c", "", "de f"]
        );
        assert!(command("--cmd", "[a]").is_err());
        assert!(command("--cmd", "'a").is_err());
    }
}
