//! The pods of a job: one pod, each time under a name, a uid and an index of its own.
//!
//! What a pod knows of itself is all over its plan: in variables and arguments (the downward API, `$(VAR)`), in files, in the
//! paths of its volumes. So the plan is made once, of a pod that has marks for name, uid and index, which are random and as
//! harmless in paths as what they stand for; where a mark comes out, the pod's own is put in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::JobPlan;
use crate::PodPlan;
use crate::build::{container_id, fresh_suffix, fresh_uid};
use crate::conduct::{ContainerPlan, Handler, Probe};
use crate::plan::{CommandLine, PodIdentity};
use crate::volumes::{Content, PartSource, Volume};

/// What stands in a job's template for what each pod has of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marks {
    /// For its name.
    pub name: String,
    /// For its uid.
    pub uid: String,
    /// For its completion index.
    pub index: String,
}

impl Marks {
    /// Marks that stand in no manifest.
    #[must_use]
    pub fn fresh() -> Self {
        let word = |letter: char| format!("{letter}{}", fresh_uid().replace('-', ""));
        Self {
            name: word('n'),
            uid: fresh_uid(),
            index: word('i'),
        }
    }
}

/// The longest beginning of a generated name, before its five random characters.
const LONGEST_PREFIX: usize = 58;

/// The name of a pod of a job: `JOB-xxxxx`, or `JOB-INDEX-xxxxx` where it has an index. A name that would be too long is cut.
#[must_use]
pub fn fresh_name(job: &str, index: Option<u32>) -> String {
    let prefix = match index {
        None => format!("{job}-"),
        // The index is never cut.
        Some(index) => {
            let index = format!("-{index}-");
            let room = LONGEST_PREFIX.saturating_sub(index.len());
            format!("{}{index}", cut(job, room))
        }
    };
    format!("{}{}", cut(&prefix, LONGEST_PREFIX), fresh_suffix())
}

fn cut(text: &str, longest: usize) -> &str {
    // Names are checked to be ASCII.
    text.get(..longest).unwrap_or(text)
}

impl JobPlan {
    /// Which job.
    #[must_use]
    pub fn identity(&self) -> PodIdentity {
        PodIdentity {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }

    /// A further pod of the job, with a name and a uid that no other has. `index` is its completion index.
    #[must_use]
    pub fn pod(&self, index: Option<u32>) -> PodPlan {
        let identity = PodIdentity {
            namespace: self.namespace.clone(),
            name: fresh_name(&self.name, index),
            uid: fresh_uid(),
        };
        self.named(&identity, index)
    }

    /// The job's pod under that identity.
    #[must_use]
    pub fn named(&self, identity: &PodIdentity, index: Option<u32>) -> PodPlan {
        let index = index.map(|index| index.to_string()).unwrap_or_default();
        let naming = Naming {
            marks: [
                (&self.marks.name, &identity.name),
                (&self.marks.uid, &identity.uid),
                (&self.marks.index, &index),
            ],
            identity,
        };
        let mut pod = self.template.clone();
        naming.pod(&mut pod);
        pod
    }
}

struct Naming<'a> {
    marks: [(&'a String, &'a String); 3],
    identity: &'a PodIdentity,
}

impl Naming<'_> {
    fn text(&self, text: &mut String) {
        for (mark, own) in self.marks {
            if text.contains(mark.as_str()) {
                *text = text.replace(mark.as_str(), own);
            }
        }
    }

    /// Paths below the pod's directory, and others with a mark. One that is no text has none: marks come by way of texts.
    fn path(&self, path: &mut PathBuf, from: &Path, to: &Path) {
        if let Ok(rest) = path.strip_prefix(from) {
            *path = if rest.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(rest)
            };
        }
        if let Some(text) = path.to_str() {
            let mut text = text.to_owned();
            self.text(&mut text);
            *path = PathBuf::from(text);
        }
    }

    fn pod(&self, pod: &mut PodPlan) {
        let from = pod.directory.clone();
        let name = format!(
            "{}_{}_{}",
            self.identity.namespace, self.identity.name, self.identity.uid
        );
        let to = from.with_file_name(name);
        pod.identity = self.identity.clone();
        pod.directory.clone_from(&to);
        for volume in &mut pod.volumes {
            self.volume(volume, &from, &to);
        }
        for container in pod.init_containers.iter_mut().chain(&mut pod.containers) {
            self.container(container, &from, &to);
        }
    }

    fn volume(&self, volume: &mut Volume, from: &Path, to: &Path) {
        self.path(&mut volume.path, from, to);
        match &mut volume.content {
            Content::Host(_) | Content::Empty(_) => {}
            Content::Files(parts) => {
                for part in parts {
                    match part.source {
                        // What a ConfigMap or Secret holds is not made of the pod.
                        PartSource::Object(_) => {}
                        PartSource::Pod => {
                            for file in &mut part.files {
                                self.bytes(&mut file.content);
                            }
                        }
                    }
                }
            }
        }
    }

    /// A file of the downward API is text.
    fn bytes(&self, content: &mut Vec<u8>) {
        if let Ok(text) = std::str::from_utf8(content) {
            let mut text = text.to_owned();
            self.text(&mut text);
            *content = text.into_bytes();
        }
    }

    fn container(&self, container: &mut ContainerPlan, from: &Path, to: &Path) {
        let plan = &mut container.plan;
        plan.id = container_id(self.identity, &plan.container);
        plan.pod = self.identity.clone();
        match &mut plan.command {
            CommandLine::Arguments(arguments) => {
                for text in arguments {
                    self.text(text);
                }
            }
            CommandLine::Windows(line) => self.text(line),
        }
        for (_, value) in &mut plan.environment {
            self.text(value);
        }
        for mount in &mut plan.mounts {
            self.path(&mut mount.source, from, to);
            self.text(&mut mount.destination);
            if let Some(sub_path) = &mut mount.sub_path {
                self.path(sub_path, from, to);
            }
        }
        if let Some(file) = &mut container.termination_message.file {
            self.path(file, from, to);
        }
        let probes = &mut container.probes;
        let probes = [&mut probes.startup, &mut probes.readiness, &mut probes.liveness];
        for Probe { handler, .. } in probes.into_iter().flatten() {
            self.handler(handler);
        }
    }

    fn handler(&self, handler: &mut Handler) {
        if let Handler::Exec(command) = handler {
            for text in command {
                self.text(text);
            }
        }
    }
}
