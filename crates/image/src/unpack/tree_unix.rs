//! Files below one directory, made relative to open directories. No link is followed, whoever made it.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::LayerError;
use crate::tar::Entry;

/// What an entry's file gets beside its content.
#[derive(Debug)]
pub(super) struct Attributes {
    mode: Mode,
    owner: Option<(Uid, Gid)>,
    mtime: Timespec,
    xattrs: Vec<(String, Vec<u8>)>,
}

impl Attributes {
    /// Takes over what the rules of [`super`] let through.
    pub(super) fn of(entry: &Entry, windows: bool) -> Result<Self, LayerError> {
        if let Some((name, _)) = entry
            .xattrs
            .iter()
            .find(|(name, _)| name.starts_with("trusted.") || name.starts_with("user.overlay."))
        {
            let reason = format!("has the extended attribute {name:?}, which overlayfs would obey");
            return Err(LayerError::entry(&entry.path, reason));
        }
        let root = rustix::process::geteuid().is_root() && !windows;
        let bits = if root { entry.mode } else { entry.mode & 0o777 };
        Ok(Self {
            mode: Mode::from_raw_mode(bits),
            owner: root.then(|| (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid))),
            mtime: Timespec {
                tv_sec: entry.mtime.0,
                tv_nsec: entry.mtime.1.into(),
            },
            xattrs: entry
                .xattrs
                .iter()
                .filter(|(name, _)| name.starts_with("user.") || (root && name == "security.capability"))
                .cloned()
                .collect(),
        })
    }
}

/// A directory tree being written.
pub(super) struct Tree {
    /// The open directories from the root to where the last entry went.
    frames: Vec<Frame>,
    root: bool,
    /// Directories that no entry described.
    implied: BTreeSet<String>,
}

struct Frame {
    name: String,
    fd: OwnedFd,
    /// What the directory's time shall be when we leave it.
    mtime: Timespec,
    changed: bool,
    /// New files take the directory's group instead of ours.
    grouped: bool,
}

impl Tree {
    /// Makes the root.
    pub(super) fn create(path: &Path) -> Result<Self, LayerError> {
        let failed = |error: Errno| LayerError::Write {
            action: "create directory",
            path: path.display().to_string(),
            source: error.into(),
        };
        rustix::fs::mkdir(path, Mode::from_raw_mode(0o700)).map_err(failed)?;
        let fd = open_directory(CWD, path).map_err(failed)?;
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o755)).map_err(failed)?;
        let frame = Frame {
            name: String::new(),
            fd,
            mtime: EPOCH,
            changed: true,
            grouped: false,
        };
        Ok(Self {
            frames: vec![frame],
            root: rustix::process::geteuid().is_root(),
            implied: BTreeSet::from([String::new()]),
        })
    }

    /// How many directories are there that no entry described.
    pub(super) fn implied(&self) -> usize {
        self.implied.len()
    }

    /// Makes a directory, or gives one that is there its attributes.
    pub(super) fn directory(
        &mut self,
        components: &[&str],
        attributes: &Attributes,
    ) -> Result<(), LayerError> {
        let failed = |action| during(action, components);
        if let Some((name, parents)) = components.split_last() {
            self.enter(parents)?;
            let parent = self.here();
            match rustix::fs::mkdirat(parent, *name, Mode::from_raw_mode(0o700)) {
                Ok(()) => self.changed(),
                Err(Errno::EXIST) => {
                    let there = rustix::fs::statat(parent, *name, AtFlags::SYMLINK_NOFOLLOW)
                        .map_err(failed("inspect"))?;
                    if FileType::from_raw_mode(there.st_mode) != FileType::Directory {
                        rustix::fs::unlinkat(parent, *name, AtFlags::empty()).map_err(failed("replace"))?;
                        rustix::fs::mkdirat(parent, *name, Mode::from_raw_mode(0o700))
                            .map_err(failed("create directory"))?;
                        self.changed();
                    }
                }
                Err(error) => return Err(failed("create directory")(error)),
            }
            let fd = open_directory(self.here(), *name).map_err(failed("open directory"))?;
            self.push((*name).to_owned(), fd, attributes.mtime);
        } else {
            self.enter(&[])?;
        }
        if !self.implied.is_empty() {
            self.implied.remove(&components.join("/"));
        }
        // Without root, what its owner could not enter could not be filled or removed either.
        let mode = if self.root {
            attributes.mode
        } else {
            attributes.mode | Mode::RWXU
        };
        let frame = self.frame();
        if let Some((uid, gid)) = attributes.owner {
            rustix::fs::fchown(&frame.fd, Some(uid), Some(gid)).map_err(failed("set the owner of"))?;
        }
        rustix::fs::fchmod(&frame.fd, mode).map_err(failed("set the mode of"))?;
        set_xattrs(frame.fd.as_fd(), &attributes.xattrs).map_err(failed("set an attribute of"))?;
        frame.grouped = mode.contains(Mode::SGID);
        frame.mtime = attributes.mtime;
        frame.changed = true;
        Ok(())
    }

    /// Makes a file, in place of whatever is there.
    pub(super) fn file(
        &mut self,
        components: &[&str],
        attributes: &Attributes,
        content: &mut impl BufRead,
    ) -> Result<(), LayerError> {
        let failed = |action| during(action, components);
        let Some((name, parents)) = components.split_last() else {
            return Ok(());
        };
        self.enter(parents)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = match rustix::fs::openat(self.here(), *name, flags, mode) {
            Err(Errno::EXIST) => {
                self.remove(name).map_err(failed("replace"))?;
                rustix::fs::openat(self.here(), *name, flags, mode)
            }
            other => other,
        }
        .map_err(failed("create file"))?;
        self.changed();
        loop {
            let buffer = content.fill_buf().map_err(LayerError::Read)?;
            if buffer.is_empty() {
                break;
            }
            let written = match rustix::io::write(&fd, buffer) {
                Ok(written) => written,
                Err(Errno::INTR) => 0,
                Err(error) => return Err(failed("write")(error)),
            };
            content.consume(written);
        }
        if let Some((uid, gid)) = attributes.owner
            && (!uid.is_root() || !gid.is_root() || self.frame().grouped)
        {
            rustix::fs::fchown(&fd, Some(uid), Some(gid)).map_err(failed("set the owner of"))?;
        }
        rustix::fs::fchmod(&fd, attributes.mode).map_err(failed("set the mode of"))?;
        set_xattrs(fd.as_fd(), &attributes.xattrs).map_err(failed("set an attribute of"))?;
        set_time(fd.as_fd(), attributes.mtime).map_err(failed("set the time of"))
    }

    /// Makes a symbolic link, in place of whatever is there. Where it leads does not matter: nothing follows it here.
    pub(super) fn symlink(
        &mut self,
        components: &[&str],
        attributes: &Attributes,
        target: &str,
    ) -> Result<(), LayerError> {
        let failed = |action| during(action, components);
        let Some((name, parents)) = components.split_last() else {
            return Ok(());
        };
        self.enter(parents)?;
        if let Err(error) = rustix::fs::symlinkat(target, self.here(), *name) {
            if error != Errno::EXIST {
                return Err(failed("create symbolic link")(error));
            }
            self.remove(name).map_err(failed("replace"))?;
            rustix::fs::symlinkat(target, self.here(), *name).map_err(failed("create symbolic link"))?;
        }
        self.changed();
        if let Some((uid, gid)) = attributes.owner {
            rustix::fs::chownat(
                self.here(),
                *name,
                Some(uid),
                Some(gid),
                AtFlags::SYMLINK_NOFOLLOW,
            )
            .map_err(failed("set the owner of"))?;
        }
        rustix::fs::utimensat(
            self.here(),
            *name,
            &times(attributes.mtime),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(failed("set the time of"))
    }

    /// Gives a file of the layer another name.
    pub(super) fn hard_link(
        &mut self,
        components: &[&str],
        target: &[&str],
        entry: &Entry,
    ) -> Result<(), LayerError> {
        let failed = |action| during(action, components);
        let outside = |reason: &str| {
            LayerError::entry(
                &entry.path,
                format!("is a hard link to {:?}, which {reason}", entry.link),
            )
        };
        let (Some((name, parents)), Some((target_name, target_parents))) =
            (components.split_last(), target.split_last())
        else {
            return Ok(());
        };
        let root = self.frames[0].fd.as_fd();
        let mut holder: Option<OwnedFd> = None;
        for component in target_parents {
            let from = holder.as_ref().map_or(root, |fd| fd.as_fd());
            let next = open_directory(from, *component)
                .map_err(|_| outside("is not in a directory of this layer"))?;
            holder = Some(next);
        }
        let from = holder.as_ref().map_or(root, |fd| fd.as_fd());
        let there = rustix::fs::statat(from, *target_name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|_| outside("is not in this layer before it"))?;
        if !matches!(
            FileType::from_raw_mode(there.st_mode),
            FileType::RegularFile | FileType::Symlink
        ) {
            return Err(outside("is no file"));
        }
        // `from` may borrow the root, which `enter` needs to itself.
        let from = rustix::io::fcntl_dupfd_cloexec(from, 0)
            .map_err(failed("open the directory of the target of"))?;
        self.enter(parents)?;
        match rustix::fs::linkat(&from, *target_name, self.here(), *name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                self.remove(name).map_err(failed("replace"))?;
                rustix::fs::linkat(&from, *target_name, self.here(), *name, AtFlags::empty())
                    .map_err(failed("create hard link"))?;
            }
            Err(error) => return Err(failed("create hard link")(error)),
        }
        self.changed();
        Ok(())
    }

    /// Says in overlayfs' form that a name of the layers below is gone, or all below it if this layer has a directory
    /// of that name.
    pub(super) fn hide(&mut self, components: &[&str]) -> Result<(), LayerError> {
        let failed = |action| during(action, components);
        let Some((name, parents)) = components.split_last() else {
            return Ok(());
        };
        self.enter(parents)?;
        match rustix::fs::statat(self.here(), *name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if FileType::from_raw_mode(there.st_mode) == FileType::Directory => {
                self.hide_below(components)
            }
            Ok(_) => Ok(()),
            Err(Errno::NOENT) => {
                match rustix::fs::mknodat(self.here(), *name, FileType::CharacterDevice, Mode::empty(), 0) {
                    Ok(()) => self.changed(),
                    // Old kernels want root for it; `Hidden` says it too.
                    Err(Errno::PERM) if !self.root => {}
                    Err(error) => return Err(failed("create the whiteout of")(error)),
                }
                Ok(())
            }
            Err(error) => Err(failed("inspect")(error)),
        }
    }

    /// Says in overlayfs' form that only this layer's entries of a directory remain.
    pub(super) fn hide_below(&mut self, components: &[&str]) -> Result<(), LayerError> {
        self.enter(components)?;
        let name = if self.root {
            "trusted.overlay.opaque"
        } else {
            "user.overlay.opaque"
        };
        let result = rustix::fs::fsetxattr(self.here(), name, b"y", XattrFlags::empty());
        match result {
            // A file system without attributes; `Hidden` says it too.
            Err(Errno::OPNOTSUPP | Errno::PERM) if !self.root => Ok(()),
            other => other.map_err(during("make opaque", components)),
        }
    }

    /// Gives all directories their times, and says which of them no entry described.
    pub(super) fn finish(mut self) -> Result<BTreeSet<String>, LayerError> {
        self.leave_to(0)?;
        Ok(self.implied)
    }

    /// Opens the way to a directory, making what is missing.
    fn enter(&mut self, components: &[&str]) -> Result<(), LayerError> {
        let same = self.frames[1..]
            .iter()
            .zip(components)
            .take_while(|(frame, name)| frame.name == **name)
            .count();
        self.leave_to(same + 1)?;
        for (index, name) in components.iter().enumerate().skip(same) {
            let way = &components[..=index];
            let mut opened = open_directory(self.here(), *name);
            let made = matches!(opened, Err(Errno::NOENT));
            if made {
                rustix::fs::mkdirat(self.here(), *name, Mode::from_raw_mode(0o755))
                    .map_err(during("create directory", way))?;
                self.changed();
                opened = open_directory(self.here(), *name);
            }
            let fd = opened.map_err(|error| match error {
                Errno::LOOP | Errno::NOTDIR => LayerError::entry(
                    &components.join("/"),
                    format!("passes through {:?}, which is no directory", way.join("/")),
                ),
                error => during("open directory", way)(error),
            })?;
            if made {
                self.implied.insert(way.join("/"));
                rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o755))
                    .map_err(during("set the mode of", way))?;
            }
            let there: Stat = rustix::fs::fstat(&fd).map_err(during("inspect", way))?;
            let mtime = if made {
                EPOCH
            } else {
                Timespec {
                    tv_sec: there.st_mtime,
                    tv_nsec: nanoseconds(&there),
                }
            };
            self.push((*name).to_owned(), fd, mtime);
            let frame = self.frame();
            frame.grouped = Mode::from_raw_mode(there.st_mode).contains(Mode::SGID);
            frame.changed = made;
        }
        Ok(())
    }

    /// Closes directories until so many are left, giving each its time.
    fn leave_to(&mut self, depth: usize) -> Result<(), LayerError> {
        while self.frames.len() > depth {
            let Some(frame) = self.frames.pop() else { break };
            if frame.changed {
                set_time(frame.fd.as_fd(), frame.mtime).map_err(during("set the time of", &[&frame.name]))?;
            }
        }
        Ok(())
    }

    fn push(&mut self, name: String, fd: OwnedFd, mtime: Timespec) {
        self.frames.push(Frame {
            name,
            fd,
            mtime,
            changed: false,
            grouped: false,
        });
    }

    fn frame(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.frames[self.frames.len() - 1].fd.as_fd()
    }

    fn changed(&mut self) {
        self.frame().changed = true;
    }

    /// Removes a name of the current directory, with all below it.
    fn remove(&mut self, name: &str) -> Result<(), Errno> {
        self.changed();
        remove(self.here(), name)
    }
}

const EPOCH: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

fn remove(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let fd = open_directory(parent, name)?;
    for entry in Dir::read_from(&fd)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(child) => remove(fd.as_fd(), child)?,
            Err(_) => return Err(Errno::ILSEQ),
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

fn open_directory(parent: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

fn set_xattrs(fd: BorrowedFd<'_>, xattrs: &[(String, Vec<u8>)]) -> Result<(), Errno> {
    xattrs
        .iter()
        .try_for_each(|(name, value)| rustix::fs::fsetxattr(fd, name.as_str(), value, XattrFlags::empty()))
}

fn set_time(fd: BorrowedFd<'_>, time: Timespec) -> Result<(), Errno> {
    rustix::fs::futimens(fd, &times(time))
}

fn times(time: Timespec) -> Timestamps {
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn nanoseconds(stat: &Stat) -> i64 {
    i64::try_from(stat.st_mtime_nsec).unwrap_or(0)
}

fn during<'a>(action: &'static str, components: &'a [&'a str]) -> impl FnOnce(Errno) -> LayerError + 'a {
    move |error| LayerError::Write {
        action,
        path: components.join("/"),
        source: io::Error::from(error),
    }
}
