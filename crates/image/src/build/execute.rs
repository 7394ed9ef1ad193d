//! A build from its first line to its last stage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use super::copy::Failed;
use super::dockerfile::{self, Instruction};
use super::glob::Ignore;
use super::stage::{Stage, json, unsupported};
use super::tree::Tree;
use super::view::{Root, View};
use super::{Error, Options, words};
use crate::error::During as _;
use crate::oci::Container;
use crate::{Platform, Result, Store};

/// A stage as it stands in the Dockerfile.
struct Segment {
    from: Instruction,
    image: String,
    name: Option<String>,
    body: Vec<Instruction>,
}

/// A Dockerfile being obeyed.
pub(super) struct Builder<'a> {
    target: &'a Store,
    bases: Option<&'a Store>,
    options: &'a Options,
    file: String,
    escape: char,
    segments: Vec<Segment>,
    globals: BTreeMap<String, String>,
    ignore: Ignore,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// Stages that are done.
    done: BTreeMap<usize, Stage>,
    /// Unpacked images, of which files are still to be read.
    unpacked: Vec<Rc<TempDir>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(target: &'a Store, bases: Option<&'a Store>, options: &'a Options) -> Result<Self> {
        let mut builder = Self {
            target,
            bases,
            options,
            file: String::new(),
            escape: '\\',
            segments: Vec::new(),
            globals: platform_args(&options.platform),
            ignore: Ignore::default(),
            notes: Vec::new(),
            done: BTreeMap::new(),
            unpacked: Vec::new(),
        };
        if let Some(path) = &options.dockerfile {
            builder.file = path.display().to_string();
            let text = fs::read_to_string(path).during("read the Dockerfile", path)?;
            let parsed =
                dockerfile::parse(&text).map_err(|error| builder.line(error.line, error.reason.clone()))?;
            builder.escape = parsed.escape;
            builder.cut(parsed.instructions)?;
            builder.ignore = read_ignore(path, &options.context)?;
        }
        builder.check_stages()?;
        Ok(builder)
    }

    /// Cuts the instructions into stages.
    fn cut(&mut self, instructions: Vec<Instruction>) -> Result<()> {
        let mut segments: Vec<Segment> = Vec::new();
        let mut globals = self.globals.clone();
        for instruction in instructions {
            let refused = |reason: String| self.line(instruction.line, reason);
            match (instruction.keyword.as_str(), segments.last_mut()) {
                ("FROM", _) => {
                    let lookup = |name: &str| globals.get(name).cloned();
                    let words = words::split(&instruction.rest, self.escape, &lookup).map_err(refused)?;
                    let (image, name) = match words.as_slice() {
                        [image] => (image.clone(), None),
                        [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
                            (image.clone(), Some(name.to_lowercase()))
                        }
                        _ => return Err(refused("FROM is written FROM NAME [AS STAGE]".to_owned())),
                    };
                    if image.is_empty() {
                        return Err(refused(format!(
                            "{:?} names no image: a variable is unset",
                            instruction.rest
                        )));
                    }
                    if let Some((flag, _)) = instruction.flags.iter().find(|(flag, _)| flag != "platform") {
                        return Err(refused(format!("FROM --{flag} is not supported")));
                    }
                    segments.push(Segment {
                        from: instruction,
                        image,
                        name,
                        body: Vec::new(),
                    });
                }
                (_, Some(segment)) => segment.body.push(instruction),
                ("ARG", None) => {
                    let lookup = |name: &str| globals.get(name).cloned();
                    let args = arguments(&instruction.rest, self.escape, &lookup).map_err(refused)?;
                    for (name, default) in args {
                        let value = self.options.build_args.get(&name).cloned().or(default);
                        if let Some(value) = value {
                            globals.insert(name, value);
                        }
                    }
                }
                (keyword, None) => return Err(refused(format!("{keyword} stands before the first FROM"))),
            }
        }
        if segments.is_empty() {
            return Err(self.line(1, "there is no FROM".to_owned()));
        }
        self.segments = segments;
        self.globals = globals;
        Ok(())
    }

    /// Refuses supplied stages that nothing asks for: most likely a name is misspelt.
    fn check_stages(&self) -> Result<()> {
        for (name, directory) in &self.options.stages {
            let flag = format!("--stage {name}={}", directory.display());
            let known = self.segments.iter().enumerate().any(|(index, segment)| {
                self.is_stage(index, name)
                    || segment.image == *name
                    || segment
                        .body
                        .iter()
                        .any(|each| each.flags.iter().any(|(_, value)| value == name))
            });
            if !known {
                let reason = "the Dockerfile has no stage and names no image of that name".to_owned();
                return Err(Error::Flag { flag, reason }.into());
            }
            if !directory.is_dir() {
                return Err(Error::Flag {
                    flag,
                    reason: "it is no directory".to_owned(),
                }
                .into());
            }
        }
        Ok(())
    }

    pub(super) fn last_stage(&mut self) -> Result<Stage> {
        match self.segments.len() {
            0 => Ok(self.empty_stage()),
            count => self.stage(count - 1),
        }
    }

    /// Builds a stage, and those that it needs.
    fn stage(&mut self, index: usize) -> Result<Stage> {
        if let Some(done) = self.done.get(&index) {
            return Ok(done.clone());
        }
        let from = self.segments[index].from.clone();
        let image = self.segments[index].image.clone();
        let mut stage = if let Some(directory) = self.supplied(index) {
            Stage {
                root: Some(Root::Given(directory)),
                supplied: true,
                ..self.empty_stage()
            }
        } else {
            self.check_obeyed(index)?;
            self.base(index, &image, from.line)?
        };
        let body = self.segments[index].body.clone();
        for instruction in &body {
            let done = self.obey(&mut stage, index, instruction);
            done.map_err(|failed| match failed {
                Failed::Refused(reason) => self.line(instruction.line, reason),
                Failed::Error(error) => error,
            })?;
        }
        self.done.insert(index, stage.clone());
        Ok(stage)
    }

    /// Refuses what makes files by running something, before anything else is asked of the stage.
    fn check_obeyed(&self, index: usize) -> Result<()> {
        let name = self.segments[index]
            .name
            .clone()
            .unwrap_or_else(|| index.to_string());
        match self.segments[index].body.iter().find(|instruction| instruction.keyword == "RUN") {
            None => Ok(()),
            Some(run) => Err(self.line(
                run.line,
                format!(
                    "RUN is not supported: porthole runs nothing to build an image; make the stage's files yourself \
                     and give the directory that stands for its root with --stage {name}=DIR"
                ),
            )),
        }
    }

    /// What a stage begins with.
    fn base(&mut self, index: usize, image: &str, line: usize) -> Result<Stage> {
        if let Some(earlier) = (0..index).rev().find(|earlier| self.is_stage(*earlier, image)) {
            let mut stage = self.stage(earlier)?;
            if stage.supplied {
                self.adopt(&mut stage, line)?;
            }
            return Ok(Stage {
                args: BTreeMap::new(),
                cmd_given: false,
                supplied: false,
                ..stage
            });
        }
        let mut stage = self.empty_stage();
        if image == "scratch" {
            return Ok(stage);
        }
        if let Some(directory) = self.options.stages.get(image) {
            stage.root = Some(Root::Given(directory.clone()));
            self.adopt(&mut stage, line)?;
            return Ok(stage);
        }
        let platform = &self.options.platform;
        if let Some(bases) = self.bases
            && let Some(found) = bases.resolve(image, platform)?
        {
            for layer in &found.layers {
                self.target.copy_blob(bases, &layer.blob)?;
                stage.layers.push((layer.blob.bare(), layer.diff_id.clone()));
            }
            stage.config = bases.container(&found)?;
            if let Some(directory) = stage.config.working_dir.clone() {
                stage.directory = stage
                    .resolve(&directory)
                    .map_err(|reason| self.line(line, reason))?
                    .0;
            }
            // Windows' own base images are not looked into but where a stage copies from them.
            if !platform.is_windows() || index + 1 < self.segments.len() {
                stage.root = Some(self.unpack(bases, &found)?);
            }
            return Ok(stage);
        }
        if platform.is_windows() {
            self.notes.push(format!(
                "{}:{line}: base image {image} is not in the store; the image starts from an empty base, of which a \
                 HostProcess container takes nothing anyhow",
                self.file
            ));
            return Ok(stage);
        }
        Err(self.line(
            line,
            format!(
                "base image {image} for {platform} is not in the store: import it, or give its files with \
                 --stage {image}=DIR, or start FROM scratch; --platform windows/amd64 needs no base"
            ),
        ))
    }

    /// Turns a directory that stands for a base image into files that the image gets.
    fn adopt(&self, stage: &mut Stage, line: usize) -> Result<()> {
        let Some(Root::Given(directory)) = stage.root.take() else {
            return Ok(());
        };
        let (working, supplied) = (
            std::mem::take(&mut stage.directory),
            std::mem::take(&mut stage.supplied),
        );
        let done = stage.take_in(&directory);
        (stage.directory, stage.supplied) = (working, supplied);
        done.map_err(|failed| match failed {
            Failed::Refused(reason) => self.line(line, reason),
            Failed::Error(error) => error,
        })
    }

    fn obey(&mut self, stage: &mut Stage, index: usize, instruction: &Instruction) -> Result<(), Failed> {
        match instruction.keyword.as_str() {
            "ARG" => {
                let args = arguments(&instruction.rest, self.escape, &|name| stage.lookup(name))?;
                for (name, default) in args {
                    // A default of the stage's own comes before one from above the first FROM.
                    let given = self.options.build_args.get(&name).cloned();
                    let value = given.or(default).or_else(|| self.globals.get(&name).cloned());
                    if let Some(value) = value {
                        stage.args.insert(name, value);
                    }
                }
                Ok(())
            }
            "WORKDIR" => {
                let path = stage.expand(&instruction.rest)?;
                if path.is_empty() {
                    return Err("WORKDIR needs a directory".to_owned().into());
                }
                stage.enter(&path)
            }
            "COPY" | "ADD" | "RUN" if stage.supplied => Ok(()),
            "COPY" | "ADD" if instruction.here_document => Err(format!(
                "{} of a here-document is not supported; COPY a file",
                instruction.keyword
            )
            .into()),
            "COPY" | "ADD" => {
                let from = instruction
                    .flags
                    .iter()
                    .find(|(name, _)| name == "from")
                    .map(|(_, value)| value.clone());
                match from {
                    None => {
                        let context = self.options.context.clone();
                        let ignore = self.ignore.clone();
                        let view = View {
                            tree: None,
                            directory: Some(&context),
                            ignore: Some(&ignore),
                            image: false,
                        };
                        stage.copy(instruction, view)
                    }
                    Some(_) if instruction.keyword == "ADD" => {
                        Err("ADD --from is not supported; COPY --from is".to_owned().into())
                    }
                    Some(name) => {
                        let source = self.source(index, &stage.expand(&name)?)?;
                        let root = source.root.as_ref().map(Root::path);
                        stage.copy(instruction, source.view(root.as_deref()))
                    }
                }
            }
            "HEALTHCHECK" | "MAINTAINER" | "ONBUILD" | "SHELL" | "STOPSIGNAL" | "VOLUME"
                if !stage.supplied =>
            {
                Err(unsupported(&instruction.keyword).into())
            }
            "HEALTHCHECK" | "MAINTAINER" | "ONBUILD" | "SHELL" | "STOPSIGNAL" | "VOLUME" => Ok(()),
            _ => Ok(stage.configure(instruction)?),
        }
    }

    /// The stage or image that `COPY --from` names.
    fn source(&mut self, index: usize, name: &str) -> Result<Stage, Failed> {
        if let Some(earlier) = (0..index).rev().find(|earlier| self.is_stage(*earlier, name)) {
            return Ok(self.stage(earlier)?);
        }
        let mut stage = self.empty_stage();
        if let Some(directory) = self.options.stages.get(name) {
            stage.root = Some(Root::Given(directory.clone()));
            return Ok(stage);
        }
        if let Some(bases) = self.bases
            && let Some(found) = bases.resolve(name, &self.options.platform)?
        {
            stage.root = Some(self.unpack(bases, &found)?);
            return Ok(stage);
        }
        Err(format!(
            "{name:?} is no earlier stage and no image in the store; give its files with --stage {name}=DIR"
        )
        .into())
    }

    fn unpack(&mut self, bases: &Store, image: &crate::Image) -> Result<Root> {
        let directory = Rc::new(self.target.temporary_directory()?);
        self.unpacked.push(Rc::clone(&directory));
        bases.unpack(image, &directory.path().join("root"))?;
        Ok(Root::Unpacked(directory))
    }

    fn empty_stage(&self) -> Stage {
        Stage {
            platform: self.options.platform.clone(),
            escape: self.escape,
            layers: Vec::new(),
            root: None,
            tree: Tree::default(),
            config: Container::default(),
            args: BTreeMap::new(),
            supplied: false,
            directory: String::new(),
            cmd_given: false,
        }
    }

    fn supplied(&self, index: usize) -> Option<PathBuf> {
        let stages = self.options.stages.iter();
        stages
            .filter(|(name, _)| self.is_stage(index, name))
            .map(|(_, directory)| directory.clone())
            .next()
    }

    /// Whether a stage goes by that name or number.
    fn is_stage(&self, index: usize, name: &str) -> bool {
        self.segments[index]
            .name
            .as_deref()
            .is_some_and(|known| known.eq_ignore_ascii_case(name))
            || name.parse() == Ok(index)
    }

    fn line(&self, line: usize, reason: String) -> crate::Error {
        Error::Line {
            file: self.file.clone(),
            line,
            reason,
        }
        .into()
    }
}

/// `NAME[=DEFAULT] …`
fn arguments(
    rest: &str,
    escape: char,
    lookup: words::Lookup<'_>,
) -> Result<Vec<(String, Option<String>)>, String> {
    if rest.is_empty() || json(rest).is_ok_and(|array| array.is_some()) {
        return Err("ARG is written ARG NAME[=DEFAULT]".to_owned());
    }
    let words = words::split(rest, escape, lookup)?;
    Ok(words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        })
        .collect())
}

/// The arguments that every Dockerfile has.
fn platform_args(platform: &Platform) -> BTreeMap<String, String> {
    let host = Platform::host();
    [
        ("TARGETPLATFORM", platform.to_string()),
        ("TARGETOS", platform.os.clone()),
        ("TARGETARCH", platform.architecture.clone()),
        ("TARGETVARIANT", String::new()),
        ("BUILDPLATFORM", host.to_string()),
        ("BUILDOS", host.os),
        ("BUILDARCH", host.architecture),
        ("BUILDVARIANT", String::new()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// `DOCKERFILE.dockerignore`, else the context's `.dockerignore`.
fn read_ignore(dockerfile: &Path, context: &Path) -> Result<Ignore> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), context.join(".dockerignore")] {
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(Ignore::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).during("read", &path),
        }
    }
    Ok(Ignore::default())
}
