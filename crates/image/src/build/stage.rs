//! One stage of a build: what its instructions do to its files and its configuration.

use std::collections::BTreeMap;
use std::path::Path;

use super::copy::{self, Failed, Transfer};
use super::dockerfile::Instruction;
use super::tree::{Node, Tree};
use super::view::{Root, View};
use super::words;
use crate::oci::{Container, Descriptor};
use crate::{Digest, Platform};

/// A stage being built.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) escape: char,
    /// Layers of the base image.
    pub(super) layers: Vec<(Descriptor, Digest)>,
    /// What lies below the tree: the base image's files, or a supplied directory.
    pub(super) root: Option<Root>,
    pub(super) tree: Tree,
    pub(super) config: Container,
    /// Build arguments declared so far.
    pub(super) args: BTreeMap<String, String>,
    /// Its files were supplied, so that instructions that make files are passed over.
    pub(super) supplied: bool,
    /// The working directory, relative to the root and with slashes.
    pub(super) directory: String,
    pub(super) cmd_given: bool,
}

impl Stage {
    /// The stage as something to copy from.
    pub(super) fn view<'a>(&'a self, root: Option<&'a std::path::Path>) -> View<'a> {
        View {
            tree: Some(&self.tree),
            directory: root,
            ignore: None,
            image: matches!(self.root, Some(Root::Unpacked(_))),
        }
    }

    /// A variable as instructions of this stage see it: the environment before build arguments.
    pub(super) fn lookup(&self, name: &str) -> Option<String> {
        let set = self.config.env.iter().flatten().find_map(|variable| {
            let (known, value) = variable.split_once('=')?;
            (known == name).then(|| value.to_owned())
        });
        set.or_else(|| self.args.get(name).cloned())
    }

    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        words::expand(text, self.escape, &|name| self.lookup(name))
    }

    pub(super) fn split(&self, text: &str) -> Result<Vec<String>, String> {
        words::split(text, self.escape, &|name| self.lookup(name))
    }

    /// Obeys an instruction that only configures.
    pub(super) fn configure(&mut self, instruction: &Instruction) -> Result<(), String> {
        let rest = instruction.rest.as_str();
        if rest.is_empty() {
            return Err(format!("{} needs an argument", instruction.keyword));
        }
        match instruction.keyword.as_str() {
            "ENV" => {
                for (name, value) in self.pairs(rest)? {
                    self.set_env(&name, &value);
                }
            }
            "LABEL" => {
                let pairs = self.pairs(rest)?;
                self.config.labels.get_or_insert_default().extend(pairs);
            }
            "USER" => self.config.user = Some(self.expand(rest)?),
            "EXPOSE" => {
                for port in self.split(rest)? {
                    self.expose(&port)?;
                }
            }
            "ENTRYPOINT" => {
                let (words, escaped) = self.command(rest)?;
                self.config.entrypoint = Some(words);
                self.config.args_escaped = escaped;
                // A base image's arguments are not for this stage's program.
                if !self.cmd_given {
                    self.config.cmd = None;
                }
            }
            "CMD" => {
                let (words, escaped) = self.command(rest)?;
                self.config.cmd = Some(words);
                if self.config.entrypoint.as_ref().is_none_or(Vec::is_empty) {
                    self.config.args_escaped = escaped;
                }
                self.cmd_given = true;
            }
            keyword => return Err(unsupported(keyword)),
        }
        Ok(())
    }

    /// Sets a variable in its place, or adds it.
    pub(super) fn set_env(&mut self, name: &str, value: &str) {
        let windows = self.platform.is_windows();
        let variables = self.config.env.get_or_insert_default();
        let same = |known: &str| {
            if windows {
                known.eq_ignore_ascii_case(name)
            } else {
                known == name
            }
        };
        let variable = format!("{name}={value}");
        match variables
            .iter_mut()
            .find(|each| each.split('=').next().is_some_and(same))
        {
            Some(known) => *known = variable,
            None => variables.push(variable),
        }
    }

    /// Enters a directory, and makes it unless the stage's files are supplied.
    pub(super) fn enter(&mut self, path: &str) -> Result<(), Failed> {
        let (path, _) = self.resolve(path)?;
        let root = self.root.as_ref().map(Root::path);
        if !self.supplied && !path.is_empty() {
            let mut tree = std::mem::take(&mut self.tree);
            let directory = Node::Directory {
                mode: 0o755,
                owner: (0, 0),
            };
            let placed = copy::place(&mut tree, below(self, root.as_deref()), &path, directory, true);
            self.tree = tree;
            placed?;
        }
        self.config.working_dir = Some(if self.platform.is_windows() {
            format!("C:\\{}", path.replace('/', "\\"))
        } else {
            format!("/{path}")
        });
        self.directory = path;
        Ok(())
    }

    /// A path as an instruction writes it → relative to the root, and whether it was written as a directory.
    pub(super) fn resolve(&self, written: &str) -> Result<(String, bool), String> {
        let mut path = written.to_owned();
        if self.platform.is_windows() {
            path = path.replace('\\', "/");
            if path.as_bytes().get(1) == Some(&b':') {
                if !path.starts_with(['c', 'C']) {
                    return Err(format!(
                        "{written:?} is on another drive than C:, and images have only that one"
                    ));
                }
                path.replace_range(..2, "/");
            }
        }
        let directory = path.ends_with('/') || matches!(path.rsplit('/').next(), Some("." | ".."));
        let joined = if path.starts_with('/') {
            path
        } else {
            format!("{}/{path}", self.directory)
        };
        let mut components: Vec<&str> = Vec::new();
        for component in joined.split('/') {
            match component {
                "" | "." => {}
                ".." => drop(components.pop()),
                _ => components.push(component),
            }
        }
        Ok((components.join("/"), directory))
    }

    /// Copies files into the stage.
    pub(super) fn copy(&mut self, instruction: &Instruction, from: View<'_>) -> Result<(), Failed> {
        let mut arguments = match json(&instruction.rest)? {
            Some(words) => words
                .iter()
                .map(|word| self.expand(word))
                .collect::<Result<Vec<_>, _>>()?,
            None => self.split(&instruction.rest)?,
        };
        let destination = arguments.pop().filter(|_| !arguments.is_empty());
        let Some(destination) = destination else {
            return Err(format!(
                "{} needs at least one source and a destination",
                instruction.keyword
            )
            .into());
        };
        let add = instruction.keyword == "ADD";
        if add && let Some(remote) = arguments.iter().find(|source| is_remote(source)) {
            return Err(
                format!("ADD of {remote:?} is not supported: fetch it before the build and COPY it").into(),
            );
        }
        if self.platform.is_windows() && self.escape == '`' {
            for source in &mut arguments {
                *source = source.replace('\\', "/");
            }
        }
        let (mode, owner) = self.dress(instruction)?;
        let copy = Transfer {
            sources: &arguments,
            destination: &destination,
            into_directory: false,
            mode,
            owner,
            add,
        };
        self.copy_into(copy, from)
    }

    /// Copies all of a directory to the root.
    pub(super) fn take_in(&mut self, directory: &Path) -> Result<(), Failed> {
        let sources = [".".to_owned()];
        let copy = Transfer {
            sources: &sources,
            destination: "/",
            into_directory: true,
            mode: None,
            owner: None,
            add: false,
        };
        let from = View {
            tree: None,
            directory: Some(directory),
            ignore: None,
            image: false,
        };
        self.copy_into(copy, from)
    }

    /// Copies to a destination as it is written.
    pub(super) fn copy_into(&mut self, copy: Transfer<'_>, from: View<'_>) -> Result<(), Failed> {
        let (path, written) = self.resolve(copy.destination)?;
        let root = self.root.as_ref().map(Root::path);
        let here = self.view(root.as_deref());
        let Some(path) = here.real(&path)? else {
            return Err(format!("{:?} is a circle of symbolic links", copy.destination).into());
        };
        let directory = matches!(here.node(&path)?, Some(Node::Directory { .. }));
        let copy = Transfer {
            destination: &path,
            into_directory: written || directory,
            ..copy
        };
        let mut tree = std::mem::take(&mut self.tree);
        let done = copy::copy(&copy, from, &mut tree, below(self, root.as_deref()));
        self.tree = tree;
        done
    }

    /// Reads `--chmod` and `--chown`.
    fn dress(&self, instruction: &Instruction) -> Result<Dress, String> {
        let (mut mode, mut owner) = (None, None);
        for (name, value) in &instruction.flags {
            let value = self.expand(value)?;
            match name.as_str() {
                "from" | "link" => {}
                "chmod" => {
                    let octal = u32::from_str_radix(&value, 8).ok().filter(|mode| *mode <= 0o7777);
                    mode =
                        Some(octal.ok_or_else(|| format!("--chmod={value} is no octal mode such as 755"))?);
                }
                "chown" if self.platform.is_windows() => {
                    return Err(
                        "--chown is not supported for windows: files belong to Administrators".to_owned(),
                    );
                }
                "chown" => {
                    let (user, group) = value.split_once(':').unwrap_or((&value, &value));
                    owner = match (user.parse(), group.parse()) {
                        (Ok(user), Ok(group)) => Some((user, group)),
                        _ => {
                            return Err(format!(
                                "--chown={value} is not supported; give numbers, such as 1000:1000"
                            ));
                        }
                    };
                }
                _ => return Err(format!("{} --{name} is not supported", instruction.keyword)),
            }
        }
        Ok((mode, owner))
    }

    /// `NAME=VALUE …`, or the old `NAME rest of the line`.
    fn pairs(&self, rest: &str) -> Result<Vec<(String, String)>, String> {
        let first = rest.split_whitespace().next().unwrap_or_default();
        if !first.contains('=') {
            let (name, value) = rest
                .split_once(char::is_whitespace)
                .ok_or_else(|| format!("{rest:?} has no value; write NAME=VALUE"))?;
            return Ok(vec![(self.expand(name)?, self.expand(value.trim_start())?)]);
        }
        self.split(rest)?
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
                _ => Err(format!("{word:?} is not NAME=VALUE")),
            })
            .collect()
    }

    fn expose(&mut self, port: &str) -> Result<(), String> {
        let refused = || format!("{port:?} is no port such as 8080, 8080/udp or 8080-8090");
        let (numbers, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let protocol = protocol.to_lowercase();
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (first, last): (u16, u16) = (
            first.parse().map_err(|_| refused())?,
            last.parse().map_err(|_| refused())?,
        );
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") || first > last {
            return Err(refused());
        }
        let ports = self.config.exposed_ports.get_or_insert_default();
        ports.extend((first..=last).map(|number| (format!("{number}/{protocol}"), serde_json::json!({}))));
        Ok(())
    }

    /// The exec form as it stands, or the shell form through the system's shell. Also says whether that is a line of
    /// Windows, whose quotes are its own: it is one text, and the image says so, as Docker on Windows writes it.
    fn command(&self, rest: &str) -> Result<(Vec<String>, bool), String> {
        Ok(match json(rest)? {
            Some(words) => (words, false),
            None if self.platform.is_windows() => (vec![format!("cmd /S /C {rest}")], true),
            None => (["/bin/sh", "-c", rest].map(str::to_owned).into(), false),
        })
    }
}

/// Mode and owner that an instruction gives to what it copies.
type Dress = (Option<u32>, Option<(u32, u32)>);

/// The base image below the tree.
fn below<'a>(stage: &Stage, root: Option<&'a std::path::Path>) -> View<'a> {
    View {
        tree: None,
        directory: root,
        ignore: None,
        image: matches!(stage.root, Some(Root::Unpacked(_))),
    }
}

/// The exec form: a JSON array of strings; `None` if the text is no array at all.
pub(super) fn json(text: &str) -> Result<Option<Vec<String>>, String> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|_| {
        format!("{text} looks like the exec form but is no JSON array of strings; use double quotes")
    })
}

fn is_remote(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// Says of an instruction that it is refused, and what to do instead.
pub(super) fn unsupported(keyword: &str) -> String {
    let remedy = match keyword {
        "MAINTAINER" => "write LABEL maintainer=…",
        "VOLUME" => "name volumes in the pod",
        "HEALTHCHECK" => "name probes in the pod",
        "STOPSIGNAL" => "leave it out: a pod decides how its containers stop",
        "SHELL" => "write ENTRYPOINT and CMD in the exec form, with the shell as their first words",
        _ => "leave it out",
    };
    format!("{keyword} is not supported; {remedy}")
}
