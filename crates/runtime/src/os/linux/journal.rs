//! What was made for a container, and how it is removed: by its holder, by the guardian, or by a later sweep.

use std::fs;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::uids;
use super::cgroup::Group;
use super::places::{self, Place};
use crate::engine::{CreateError, DeleteError};
use crate::fault;
use crate::state::{Held, State};

/// How long processes that were killed may take to end, and cgroups to be removable.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const VERSION: u32 = 1;
const UIDS: &str = "uids";

/// Everything outside the container's directory that is made for it. Written before any of it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Journal {
    pub(super) version: u32,
    /// The process that holds the container.
    pub(super) holder: String,
    pub(super) group: Group,
    /// Outermost first.
    #[serde(default)]
    pub(super) places: Vec<Place>,
}

impl Journal {
    pub(super) fn new(holder: &str, group: Group, places: Vec<Place>) -> Self {
        Self {
            version: VERSION,
            holder: holder.to_owned(),
            group,
            places,
        }
    }
}

/// What every version of a journal has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Reads a container's journal. `None` where it was never written in full; one that is whole and cannot be understood is an
/// error, because what it names must not be forgotten.
pub(super) fn read(held: &mut Held) -> io::Result<Option<Journal>> {
    if let Some(journal) = held.read::<Journal>()? {
        return Ok(Some(journal));
    }
    match held.read::<Version>()? {
        None => Ok(None),
        Some(found) if found.version > VERSION => Err(newer()),
        Some(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "its journal cannot be understood; remove by hand what it names, and then its directory",
        )),
    }
}

/// Whether a container's journal is one of a newer porthole.
pub(super) fn is_newer(state: &State, id: &str) -> bool {
    state
        .peek::<Version>(id)
        .is_some_and(|found| found.version > VERSION)
}

fn newer() -> io::Error {
    io::Error::other("it was written by a newer porthole; use that one")
}

/// Removes everything of a container, the journal last. What cannot be removed keeps the journal, for the next attempt.
pub(super) fn remove(state: &State, held: &Held, journal: Option<&Journal>) -> Result<(), DeleteError> {
    let failed = |what: String, source: io::Error| DeleteError {
        id: held.id().to_owned(),
        what,
        source,
    };
    let mut first = Ok(());
    if let Some(journal) = journal {
        if journal.version > VERSION {
            return Err(failed("the journal".to_owned(), newer()));
        }
        match journal.group.kill_and_wait(PATIENCE) {
            Ok(true) => {}
            Ok(false) => {
                return Err(failed(
                    "the processes".to_owned(),
                    io::Error::new(io::ErrorKind::TimedOut, "killed, and still there"),
                ));
            }
            Err(source) => return Err(failed("the processes".to_owned(), source)),
        }
        fault::step("remove-processes");
        first = journal.group.remove(PATIENCE).map_err(|error| {
            failed(
                "the cgroup".to_owned(),
                io::Error::other(format!("{}: {}", error.doing, error.source)),
            )
        });
        fault::step("remove-cgroup");
        for place in journal.places.iter().rev() {
            let removed = places::remove(place)
                .map_err(|source| failed(format!("mount point {}", place.path.display()), source));
            first = first.and(removed);
        }
    }
    fault::step("remove-places");
    let emptied = held
        .empty()
        .map_err(|source| failed("the files".to_owned(), source));
    fault::step("remove-container-files");
    let released = release_uids(state, held.id()).map_err(|source| failed("the account".to_owned(), source));
    fault::step("remove-account");
    first.and(emptied).and(released)?;
    fault::step("remove-journal");
    held.remove()
        .map_err(|source| failed("the directory".to_owned(), source))
}

/// Ends and removes what journals name without their directories. All is tried; the answer is the first failure.
pub(super) fn release(journals: &[Journal]) -> io::Result<()> {
    let mut first = Ok(());
    for journal in journals {
        let released = match journal.group.kill_and_wait(PATIENCE) {
            // The places are in use.
            Ok(false) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) => Err(error),
            Ok(true) => journal
                .group
                .remove(PATIENCE)
                .map_err(|error| error.source)
                .and(journal.places.iter().rev().try_for_each(places::remove)),
        };
        first = first.and(released);
    }
    first
}

/// Claims a user id that no other container of this state directory uses.
pub(super) fn claim_uid(state: &State, id: &str) -> Result<u32, CreateError> {
    let claims = state.claims(UIDS);
    let failed = |source| CreateError::Io {
        doing: format!("claim a user id in {}", claims.display()),
        source,
    };
    fs::create_dir_all(&claims).map_err(failed)?;
    // State directories do not know of each other: each begins elsewhere in the range.
    let range = uids::EPHEMERAL;
    let length = range.end - range.start;
    let start = seed(state) % length;
    for offset in 0..length {
        let uid = range.start + (start + offset) % length;
        // A symbolic link to nothing: it has its content from the moment it is there.
        match std::os::unix::fs::symlink(id, claims.join(uid.to_string())) {
            Ok(()) => return Ok(uid),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(CreateError::Host {
        doing: "claim a user id".to_owned(),
        reason: "all are in use; stop containers that run as a group".to_owned(),
    })
}

fn seed(state: &State) -> u32 {
    // FNV-1a.
    state
        .root()
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
}

/// Gives back one user id of a container, before that ends. One that has been given back with the container may be
/// another's by now.
pub(super) fn release_uid(state: &State, id: &str, uid: u32) {
    let claim = state.claims(UIDS).join(uid.to_string());
    if fs::read_link(&claim).is_ok_and(|owner| owner.as_os_str() == id) {
        // One that stays is given back with the container.
        let _ = fs::remove_file(claim);
    }
}

fn release_uids(state: &State, id: &str) -> io::Result<()> {
    let entries = match fs::read_dir(state.claims(UIDS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if fs::read_link(&path).is_ok_and(|owner| owner.as_os_str() == id) {
            fs::remove_file(path)?;
        }
    }
    // Fails while other claims are in it.
    let _ = fs::remove_dir(state.claims(UIDS));
    Ok(())
}

/// Removes what dead holders left, without a look at what is known to be held. Returns the ids of what was removed, and the
/// first failure.
pub(super) fn sweep(state: &State, held: &dyn Fn(&str) -> bool) -> (Vec<String>, Result<(), DeleteError>) {
    let mut swept = Vec::new();
    let mut first = Ok(());
    let failed = |id: &str, source| DeleteError {
        id: id.to_owned(),
        what: "the directory".to_owned(),
        source,
    };
    let ids = match state.ids() {
        Ok(ids) => ids,
        Err(source) => return (swept, Err(failed("*", source))),
    };
    for id in ids.into_iter().filter(|id| !held(id)) {
        let removed = match state.take_over(&id) {
            Ok(None) => continue,
            Ok(Some(mut held)) => match read(&mut held) {
                Ok(journal) => remove(state, &held, journal.as_ref()),
                Err(source) => Err(failed(&id, source)),
            },
            Err(source) => Err(failed(&id, source)),
        };
        match removed {
            Ok(()) => swept.push(id),
            Err(error) => first = first.and(Err(error)),
        }
    }
    release_lost_uids(state);
    (swept, first)
}

/// Gives back user ids of containers that are not there any more: of a process that was killed while it started a program
/// in a container that was just being removed.
fn release_lost_uids(state: &State) {
    let claims = fs::read_dir(state.claims(UIDS));
    for claim in claims.into_iter().flatten().flatten() {
        let owner = fs::read_link(claim.path());
        let lost = owner.is_ok_and(|owner| owner.to_str().is_some_and(|id| !state.directory(id).exists()));
        if lost {
            let _ = fs::remove_file(claim.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_each_uid_once_and_gives_it_back() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let one = claim_uid(&state, "one").unwrap();
        let two = claim_uid(&state, "two").unwrap();
        assert_ne!(one, two);
        assert!(uids::EPHEMERAL.contains(&one) && uids::EPHEMERAL.contains(&two));
        release_uids(&state, "one").unwrap();
        assert_eq!(claim_uid(&state, "three").unwrap(), one);
        release_uids(&state, "two").unwrap();
        release_uids(&state, "three").unwrap();
        assert!(!state.claims(UIDS).exists());
    }

    #[test]
    fn sweeps_the_dead_and_leaves_the_living() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let mut dead = state.claim("dead").unwrap();
        let point = root.path().join("point");
        let place = Place {
            path: point.clone(),
            file: false,
            missing: true,
        };
        dead.write(&Journal::new("1-1", Group::default(), vec![place]))
            .unwrap();
        fs::create_dir(&point).unwrap();
        fs::create_dir(dead.directory().join("upper")).unwrap();
        drop(dead);
        let living = state.claim("living").unwrap();
        let (swept, result) = sweep(&state, &|_| false);
        result.unwrap();
        assert_eq!(swept, ["dead"]);
        assert!(!point.exists());
        assert_eq!(state.ids().unwrap(), [living.id()]);
    }

    #[test]
    fn leaves_what_a_newer_version_made_and_sweeps_the_others() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let mut held = state.claim("newer").unwrap();
        let mut journal = Journal::new("1-1", Group::default(), Vec::new());
        journal.version += 1;
        held.write(&journal).unwrap();
        drop(held);
        // Of a shape that this porthole does not know.
        let mut held = state.claim("other").unwrap();
        let unknown = serde_json::json!({"version": VERSION + 1, "group": "elsewhere"});
        held.write(&unknown).unwrap();
        drop(held);
        drop(state.claim("zombie").unwrap());
        let (swept, result) = sweep(&state, &|_| false);
        assert_eq!(swept, ["zombie"]);
        let error = result.unwrap_err();
        assert_eq!(error.id, "newer");
        assert!(error.source.to_string().contains("newer porthole"));
        assert_eq!(state.ids().unwrap(), ["newer", "other"]);
        assert!(is_newer(&state, "other") && !is_newer(&state, "zombie"));
    }

    #[test]
    fn a_uid_that_is_another_container_s_by_now_is_not_given_back() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let uid = claim_uid(&state, "ended").unwrap();
        release_uids(&state, "ended").unwrap();
        assert_eq!(claim_uid(&state, "next").unwrap(), uid);
        release_uid(&state, "ended", uid);
        assert_ne!(
            claim_uid(&state, "third").unwrap(),
            uid,
            "it is still the next one's"
        );
        release_uid(&state, "next", uid);
        assert_eq!(claim_uid(&state, "fourth").unwrap(), uid);
    }

    #[test]
    fn gives_back_a_uid_whose_container_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let kept = state.claim("kept").unwrap();
        let uid = claim_uid(&state, "kept").unwrap();
        claim_uid(&state, "gone").unwrap();
        let (_, result) = sweep(&state, &|_| false);
        result.unwrap();
        let left: Vec<_> = fs::read_dir(state.claims(UIDS)).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file_name().to_str(), Some(uid.to_string().as_str()));
        drop(kept);
    }
}
