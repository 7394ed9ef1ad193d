//! The manifests on the command line: files, directories, URLs and `-`, as `kubectl -f` takes them.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use porthole_manifest::{Limits, Node, Object, PodTemplate, Source, Span, Stream, objects, pod_template};

use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::fetch::{self, Address};
use crate::intake;

/// One file, read and parsed.
pub(crate) struct File {
    pub(crate) source: Source,
    pub(crate) stream: Stream,
}

/// A pod, or what makes pods, and the file it is of.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) template: PodTemplate<'a>,
    pub(crate) source: &'a Source,
}

impl Workload<'_> {
    /// `pod.yaml:3:5` of a place in the file.
    pub(crate) fn place(&self, span: Span) -> String {
        self.source.place(span)
    }

    /// Its name. A generated one ends with five characters that differ every time: here they are all the same.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        if let Some(name) = self.template.name.filter(|name| !name.is_empty()) {
            return name.into();
        }
        let prefix = self.template.object.at("metadata.generateName");
        match prefix.and_then(Node::as_str) {
            None | Some("") => "".into(),
            Some(prefix) => format!("{prefix}xxxxx").into(),
        }
    }

    /// `Pod default/hpc`.
    pub(crate) fn title(&self, namespace: &str) -> String {
        let namespace = self.template.namespace.unwrap_or(namespace);
        let name = match self.name() {
            name if name.is_empty() => "(no name)".into(),
            name => name,
        };
        format!("{} {namespace}/{name}", self.template.kind.name())
    }
}

/// Reads and parses every file.
///
/// # Errors
/// A path cannot be read, a URL cannot be fetched, or a file is no YAML or JSON: every syntax error is named.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let bytes =
                intake::standard_input().attempt(exit::UNASKED, || "read standard input".to_owned())?;
            files.push(parse("-", bytes)?);
        } else if let Some(address) = path.to_str().and_then(Address::parse) {
            let address = address?;
            files.push(parse(&address.name(), fetch::fetch(&address)?)?);
        } else if path.is_dir() {
            let listed = list(path)?;
            if listed.is_empty() {
                let failure = Failure::unasked(format!(
                    "read `{}`: no .yaml, .yml or .json file in it",
                    path.display()
                ));
                return Err(failure.help("name the files, or another directory"));
            }
            for file in listed {
                files.push(open(&file)?);
            }
        } else {
            files.push(open(path)?);
        }
    }
    refuse_broken(&files)?;
    Ok(files)
}

/// The manifests of a directory, by name; those of directories in it are left out, as kubectl does.
fn list(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let doing = || format!("read the directory `{}`", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).attempt(exit::UNASKED, doing)? {
        let path = entry.attempt(exit::UNASKED, doing)?.path();
        let known = path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if known && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn open(path: &Path) -> Result<File, Failure> {
    let bytes = intake::file(path).attempt(exit::UNASKED, || format!("read `{}`", path.display()))?;
    parse(&path.display().to_string(), bytes)
}

fn parse(name: &str, bytes: Vec<u8>) -> Result<File, Failure> {
    let source = Source::from_bytes(name, bytes).map_err(Failure::unasked)?;
    let stream = source.parse(&Limits::default());
    Ok(File { source, stream })
}

fn refuse_broken(files: &[File]) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for file in files {
        for error in &file.stream.errors {
            lines.push(format!("{}: {error}", file.source.place(error.span)));
        }
        for document in &file.stream.documents {
            for duplicate in document.duplicate_keys() {
                let (place, first) = (
                    file.source.place(duplicate.again),
                    file.source.position(duplicate.first.start),
                );
                lines.push(format!(
                    "{place}: key {:?} is already set in line {}",
                    duplicate.key, first.line
                ));
            }
        }
    }
    match lines.as_slice() {
        [] => Ok(()),
        [line] => Err(Failure::unasked(line.clone())),
        _ => Err(Failure::unasked(format!(
            "the manifests are broken:\n  {}",
            lines.join("\n  ")
        ))),
    }
}

/// Every object of the files with the file it is of.
pub(crate) fn all_objects(files: &[File]) -> impl Iterator<Item = (Object<'_>, &Source)> {
    files.iter().flat_map(|file| {
        let documents = file.stream.documents.iter().flat_map(objects);
        documents.map(move |object| (object, &file.source))
    })
}

/// The workloads of the files.
///
/// # Errors
/// There is none.
pub(crate) fn workloads(files: &[File]) -> Result<Vec<Workload<'_>>, Failure> {
    let workloads: Vec<Workload<'_>> = all_objects(files)
        .filter_map(|(object, source)| {
            Some(Workload {
                template: pod_template(&object)?,
                source,
            })
        })
        .collect();
    if workloads.is_empty() {
        return Err(without_pods(files));
    }
    Ok(workloads)
}

/// Why there is nothing to run or to explain: what the files hold instead.
fn without_pods(files: &[File]) -> Failure {
    let names: Vec<&str> = files.iter().map(|file| file.source.name()).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for (object, _) in all_objects(files) {
        let kind = object.kind.unwrap_or("an object without kind");
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let found = match kinds.get(..5) {
        _ if kinds.is_empty() => "nothing is written there".to_owned(),
        Some(first) if kinds.len() > 5 => format!("found {}, …", first.join(", ")),
        _ => format!("found {}", kinds.join(", ")),
    };
    let failure = Failure::unasked(format!(
        "no pod in {}: {found}; no Pod and no workload that makes pods",
        names.join(", ")
    ));
    failure.help(if kinds.contains(&"Kustomization") {
        "render it first: kubectl kustomize DIR | porthole run -"
    } else {
        "a pod has apiVersion: v1 and kind: Pod"
    })
}
