//! From a plan to a container that lacks only its process.

use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::accounts::{self, Database, Identity};
use super::cgroup::{CgroupError, Group, Wanted};
use super::herd::Crook;
use super::journal::{self, Journal};
use super::mounts::{self, Volume};
use super::places::{self, HeldPlace, Place};
use super::program::{self, c_path, c_string};
use super::rootfs::{self, Rootfs};
use super::started::{self, Started};
use super::steps::{Attachment, Credentials, Launch, Mounts};
use super::streams::{self, Ours};
use super::{Host, limits, privileges, rootless, running};
use crate::engine::{CreateError, Created, DeleteError, Running, StartError, Stdio};
use crate::path::MountPoint;
use crate::plan::{CommandLine, Plan, View};
use crate::state::{ClaimError, Held};
use crate::{command, fault};

/// What was made for a container. Dropping it removes it all.
#[derive(Debug)]
pub(super) struct Resources {
    /// `None` when everything has been removed: then nothing needs guarding any more.
    host: Option<Arc<Host>>,
    held: Held,
    journal: Option<Journal>,
    /// `None` once they have been let go.
    places: Option<Vec<HeldPlace>>,
}

impl Resources {
    pub(super) fn id(&self) -> &str {
        self.held.id()
    }

    /// Where the container's records are.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Removes everything. May be tried again when it fails.
    pub(super) fn remove(&mut self) -> Result<(), DeleteError> {
        let Some(host) = &self.host else {
            return Ok(());
        };
        if let Some(places) = self.places.take()
            && let Some(journal) = &mut self.journal
        {
            // The locks go only after the processes: until then the mounts are in use.
            let _ = journal.group.kill_and_wait(journal::PATIENCE);
            // What was planned and not reached is not ours, whatever is there by now.
            journal.places = places.into_iter().filter_map(HeldPlace::release).collect();
        }
        journal::remove(&host.state, &self.held, self.journal.as_ref())?;
        // Cannot fail: the file is in memory, and its text gets shorter. If it did, a guardian would look in vain.
        let _ = host.guardian.ledger().note(self.held.id(), None);
        self.host = None;
        Ok(())
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        // What fails here is found by the next sweep: the lock is given up with this value.
        let _ = self.remove();
    }
}

/// A container without its process.
pub(super) struct Prepared {
    pub(super) host: Arc<Host>,
    /// What `launch` names by number. Before `resources`, so that mounts are gone before what they are made of.
    pub(super) descriptors: Vec<OwnedFd>,
    pub(super) resources: Resources,
    pub(super) group: Group,
    pub(super) command: String,
    pub(super) launch: Launch,
    /// Where no cgroup holds the container together.
    pub(super) crook: Option<Crook>,
    pub(super) streams: Ours,
    pub(super) started: Started,
}

pub(super) fn create(host: &Arc<Host>, plan: &Plan, stdio: Stdio) -> Result<Box<dyn Created>, CreateError> {
    // First everything that can be refused without having touched anything.
    privileges::check(&plan.user)?;
    check(plan)?;
    let mount_point = MountPoint::linux();
    let identity = accounts::resolve(&plan.user, &Database::of_host()?, &host.facts.hostname)?;
    let volumes = mounts::check(&plan.mounts, &mount_point)?;
    let wanted = limits::want(host, &plan.id, &plan.limits)?;
    let mut planned =
        places::plan(Path::new(mount_point.path()), false).map_err(|reason| CreateError::Host {
            doing: format!("plan the mount point {}", mount_point.path()),
            reason,
        })?;
    for place in volumes.iter().flat_map(|volume| &volume.places) {
        if !planned.iter().any(|other| other.path == place.path) {
            planned.push(place.clone());
        }
    }
    let planned = settle(planned, &volumes)?;

    // From here on things are made: the guardian first, then the journal. Whether there is a guardian is asked again
    // before a process starts.
    let _ = host.guardian.ensure();
    let held = host.state.claim(&plan.id).map_err(claim_error)?;
    let mut resources = Resources {
        host: Some(Arc::clone(host)),
        held,
        journal: None,
        places: Some(Vec::new()),
    };
    clear_remains(host, &mut resources.held)?;
    fault::step("container-directory");
    // Not noted yet: what is of another state directory must not be undone here.
    if wanted.group.exists() {
        return Err(CreateError::Host {
            doing: format!("make the cgroup of container `{}`", plan.id),
            reason: "there is one already, of a porthole with another state directory; use another id"
                .to_owned(),
        });
    }
    let credentials = credentials(host, &plan.id, &identity)?;
    fault::step("account");
    let journal = Journal::new(host.guardian.holder(), wanted.group.clone(), planned.clone());
    note(host, &mut resources, journal)?;
    fault::step("journal");
    wanted.make().map_err(cgroup_error)?;
    fault::step("cgroup");
    let rootfs = rootfs::make(&plan.rootfs, resources.held.directory())?;
    fault::step("rootfs");
    for place in &planned {
        let held = hold(place, &volumes)?;
        resources.places.get_or_insert_default().push(held);
    }

    fault::step("places");
    let (attachments, mut descriptors) = attach(&rootfs, &volumes, &mount_point)?;
    let directory = working_directory(plan, &rootfs, &volumes, &mount_point)?;
    let variables = match identity {
        Identity::Inherited => program::inherited(),
        Identity::Fixed { variables, .. } | Identity::Ephemeral { variables, .. } => variables,
    };
    let program = program::program(
        program::arguments(plan),
        &variables,
        &plan.environment,
        &directory,
        &mount_point,
    )?;
    let streams = streams::open(stdio, plan.streams.stdin, credentials.as_ref(), &mut descriptors)?;
    fault::step("streams");
    let mut cgroups: Vec<RawFd> = Vec::new();
    for entry in wanted.group.entries().map_err(cgroup_error)? {
        cgroups.push(entry.as_raw_fd());
        descriptors.push(entry.into());
    }
    descriptors.push(rootfs.into());
    let crook = crook(&wanted)?;
    Ok(Box::new(Prepared {
        host: Arc::clone(host),
        resources,
        group: wanted.group,
        command: program::arguments(plan).first().cloned().unwrap_or_default(),
        launch: Launch {
            cgroups,
            streams: streams.process,
            terminal: streams.terminal,
            mounts: Mounts::New(attachments),
            working_directory: c_string(&directory, "working directory")?,
            credentials: credentials.clone(),
            parent: rustix::process::getpid().as_raw_nonzero().get(),
            shepherd: crook.as_ref().map(Crook::step),
            program,
        },
        crook,
        streams: streams.ours,
        descriptors,
        started: Started {
            pid: 0,
            since: 0,
            working_directory: directory,
            credentials,
            variables,
        },
    }))
}

/// The places on the host. An ordinary user's private ones are made here, and are nobody else's to hold or remove.
fn settle(planned: Vec<Place>, volumes: &[Volume]) -> Result<Vec<Place>, CreateError> {
    rootless::settle(planned).map_err(|(place, reason)| {
        match volumes.iter().find(|volume| volume.places.contains(&place)) {
            Some(volume) => volume.error(reason),
            None => CreateError::Host {
                doing: format!("mount at {}", place.path.display()),
                reason,
            },
        }
    })
}

/// What a shepherd is made with, where no cgroup holds the container together.
fn crook(wanted: &Wanted) -> Result<Option<Crook>, CreateError> {
    if wanted.group.herd.is_none() {
        return Ok(None);
    }
    Crook::new(None).map(Some).map_err(|source| CreateError::Io {
        doing: "prepare a parent for what the container leaves behind".to_owned(),
        source,
    })
}

/// Who the container is. A user id of its own is claimed, which is given back whatever comes next.
fn credentials(host: &Host, id: &str, identity: &Identity) -> Result<Option<Credentials>, CreateError> {
    Ok(match identity {
        Identity::Inherited => None,
        Identity::Fixed { credentials, .. } => Some(credentials.clone()),
        Identity::Ephemeral { gid, .. } => Some(Credentials {
            uid: journal::claim_uid(&host.state, id)?,
            gid: *gid,
            groups: vec![*gid],
        }),
    })
}

/// Writes the journal, before anything that it names is made.
fn note(host: &Host, resources: &mut Resources, journal: Journal) -> Result<(), CreateError> {
    resources.held.write(&journal).map_err(|source| CreateError::Io {
        doing: format!("write the journal in {}", resources.held.directory().display()),
        source,
    })?;
    host.guardian
        .ledger()
        .note(resources.held.id(), Some(&journal))
        .map_err(|source| CreateError::Io {
            doing: "tell the guardian of the container".to_owned(),
            source,
        })?;
    resources.journal = Some(journal);
    Ok(())
}

impl Created for Prepared {
    fn start(self: Box<Self>) -> Result<Arc<dyn Running>, StartError> {
        running::start(*self)
    }
}

fn check(plan: &Plan) -> Result<(), CreateError> {
    let refused = |doing: &str, reason: &str| {
        Err(CreateError::Host {
            doing: doing.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if !started::is_id(&plan.id) {
        return refused(
            &format!("use `{}` as the container's id", plan.id),
            "ids are 1 to 127 lower-case letters, digits and dashes, and begin with a letter or digit",
        );
    }
    if plan.view != View::Private {
        return refused(
            "give the container its view",
            "on Linux a container has a mount namespace of its own; other views are of Windows",
        );
    }
    if plan.credential_spec.is_some() {
        return refused(
            "use the credential spec",
            "this host is not a member of a domain; remove gmsaCredentialSpec, or run the pod on a member",
        );
    }
    match &plan.command {
        CommandLine::Windows(_) => refused(
            "use a Windows command line",
            "give program and arguments as a list",
        ),
        CommandLine::Arguments(arguments) if arguments.first().is_none_or(String::is_empty) => refused(
            "find the command",
            "neither the container nor its image names one; set `command`",
        ),
        CommandLine::Arguments(_) => Ok(()),
    }
}

fn claim_error(error: ClaimError) -> CreateError {
    match error {
        ClaimError::InUse { id } => CreateError::Host {
            doing: format!("create container `{id}`"),
            reason: "another porthole process runs a container of this id; stop it first".to_owned(),
        },
        ClaimError::Io { path, source } => CreateError::Io {
            doing: format!(
                "write state directory {} (--state DIR or PORTHOLE_STATE choose another)",
                path.display()
            ),
            source,
        },
    }
}

fn cgroup_error(error: CgroupError) -> CreateError {
    CreateError::Io {
        doing: error.doing,
        source: error.source,
    }
}

/// Removes what a dead holder left of a container of the same id.
fn clear_remains(host: &Host, held: &mut Held) -> Result<(), CreateError> {
    let id = held.id().to_owned();
    let failed = |source| CreateError::Io {
        doing: format!("remove what is left of an earlier container `{id}`"),
        source,
    };
    if let Some(left) = journal::read(held).map_err(failed)? {
        journal::remove(&host.state, held, Some(&left)).map_err(|error| failed(error.source))?;
        *held = host.state.claim(&id).map_err(claim_error)?;
    } else {
        held.empty().map_err(failed)?;
    }
    Ok(())
}

fn hold(place: &Place, volumes: &[Volume]) -> Result<HeldPlace, CreateError> {
    places::hold(place).map_err(
        |source| match volumes.iter().find(|volume| volume.places.contains(place)) {
            Some(volume) => volume.error(format!("make the mount point {}: {source}", place.path.display())),
            None => CreateError::Io {
                doing: format!("make the mount point {}", place.path.display()),
                source,
            },
        },
    )
}

/// The rootfs, then each volume at its place on the host and in the rootfs.
fn attach(
    rootfs: &Rootfs,
    volumes: &[Volume],
    mount_point: &MountPoint,
) -> Result<(Vec<Attachment>, Vec<OwnedFd>), CreateError> {
    let root = Path::new(mount_point.path());
    let mut attachments = vec![Attachment {
        mount: rootfs.mount().as_raw_fd(),
        target: c_path(root)?,
        then_read_only: false,
    }];
    let mut descriptors = Vec::new();
    // Where each volume really is in the rootfs, once the image's symbolic links are followed.
    let mut inside: Vec<PathBuf> = Vec::with_capacity(volumes.len());
    for volume in volumes {
        let place = match &volume.below {
            Some((outer, rest)) => inside[*outer].join(rest),
            None => rootfs.make(&volume.inside, volume.file).map_err(|error| {
                volume.error(format!(
                    "make `{}` in the rootfs: {error}",
                    volume.inside.display()
                ))
            })?,
        };
        if volume.file && volume.below.is_none() && rootfs.has_directory(&place) {
            return Err(volume.error(format!(
                "`{}` is a directory in the image, and the volume is a file",
                volume.inside.display()
            )));
        }
        for target in volume.host.iter().cloned().chain([root.join(&place)]) {
            let (mount, then_read_only) = mounts::detach(volume)?;
            attachments.push(Attachment {
                mount: mount.as_raw_fd(),
                target: c_path(&target)?,
                then_read_only,
            });
            descriptors.push(mount);
        }
        inside.push(place);
    }
    Ok((attachments, descriptors))
}

/// The first candidate that is a directory as the container will see it; else the first one, made in the rootfs.
fn working_directory(
    plan: &Plan,
    rootfs: &Rootfs,
    volumes: &[Volume],
    mount_point: &MountPoint,
) -> Result<String, CreateError> {
    let candidates = command::working_directories(plan.working_directory.as_deref(), mount_point);
    let root = Path::new(mount_point.path());
    for candidate in &candidates {
        let path = Path::new(candidate);
        let in_volume = volumes.iter().rev().find_map(|volume| {
            let rest = path.strip_prefix(root.join(&volume.inside)).ok();
            let rest = rest.or_else(|| {
                volume
                    .host
                    .as_deref()
                    .and_then(|host| path.strip_prefix(host).ok())
            });
            rest.map(|rest| volume.source.join(rest))
        });
        let there = match (in_volume, path.strip_prefix(root)) {
            (Some(source), _) => source.is_dir(),
            (None, Ok(inside)) => rootfs.has_directory(inside),
            (None, Err(_)) => path.is_dir(),
        };
        if there {
            return Ok(candidate.clone());
        }
    }
    let first = candidates
        .into_iter()
        .next()
        .unwrap_or_else(|| mount_point.path().to_owned());
    let made = match Path::new(&first).strip_prefix(root) {
        Ok(inside) => rootfs.make(inside, false).map(drop),
        Err(error) => Err(std::io::Error::other(error)),
    };
    made.map(|()| first.clone()).map_err(|source| CreateError::Io {
        doing: format!("make the working directory `{first}`"),
        source,
    })
}
