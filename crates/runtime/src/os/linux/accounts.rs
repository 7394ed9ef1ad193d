//! Accounts of Windows as users of Linux.
//!
//! | account | user |
//! |---|---|
//! | `SYSTEM`, `ContainerAdministrator` | root |
//! | `LocalService`, `NetworkService`, `ContainerUser` | an unprivileged uid of its own, see [`uids`] |
//! | the name of a user | that user, with its groups |
//! | the name of a group | an ephemeral uid whose group it is |
//!
//! Users and groups are those of `/etc/passwd` and `/etc/group`: what a name service adds is not asked, because its plugins
//! would have to be loaded into porthole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use porthole_pod::WellKnown;

use super::steps::Credentials;
use crate::engine::CreateError;
use crate::plan::User;

/// The uids that porthole gives out, in the range that systemd's table leaves unassigned ("Users, Groups, UIDs and GIDs
/// on systemd Systems"): base plus the last number of the Windows account's security identifier.
pub(super) mod uids {
    /// S-1-5-19.
    pub(in super::super) const LOCAL_SERVICE: u32 = 0x7000_0000 + 19;
    /// S-1-5-20.
    pub(in super::super) const NETWORK_SERVICE: u32 = 0x7000_0000 + 20;
    /// S-1-5-93-2-2.
    pub(in super::super) const CONTAINER_USER: u32 = 0x7000_0000 + 93;
    /// Ephemeral users in a group. One is claimed while a container uses it.
    pub(in super::super) const EPHEMERAL: std::ops::Range<u32> = 0x7001_0000..0x7002_0000;
}

/// Larger account databases are not read.
const MAX_DATABASE: u64 = 16 * 1024 * 1024;

/// Who a container will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Whoever porthole is.
    Inherited,
    /// This user.
    Fixed {
        credentials: Credentials,
        variables: Vec<(String, String)>,
    },
    /// A user yet to be claimed, in this group.
    Ephemeral {
        gid: u32,
        variables: Vec<(String, String)>,
    },
}

/// The account databases of a host.
#[derive(Default)]
pub(super) struct Database {
    passwd: String,
    group: String,
}

impl Database {
    /// Reads `/etc/passwd` and `/etc/group`. A missing one is empty.
    pub(super) fn of_host() -> Result<Self, CreateError> {
        Ok(Self {
            passwd: read(Path::new("/etc/passwd"))?,
            group: read(Path::new("/etc/group"))?,
        })
    }

    fn users(&self) -> impl Iterator<Item = Entry<'_>> {
        self.passwd.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, _, home, ..] = fields[..] else {
                return None;
            };
            Some(Entry {
                name,
                id: uid.parse().ok()?,
                gid: gid.parse().ok()?,
                home,
            })
        })
    }

    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members, ..] = fields[..] else {
                return None;
            };
            Some((name, gid.parse().ok()?, members))
        })
    }

    fn user(&self, name: &str) -> Option<Entry<'_>> {
        pick(self.users().map(|user| (user.name, user)), name)
    }

    fn group(&self, name: &str) -> Option<(String, u32)> {
        pick(self.groups().map(|group| (group.0, group)), name).map(|(name, gid, _)| (name.to_owned(), gid))
    }

    fn groups_of(&self, user: &Entry<'_>) -> Vec<u32> {
        let mut groups = vec![user.gid];
        for (_, gid, members) in self.groups() {
            if members.split(',').any(|member| member == user.name) && !groups.contains(&gid) {
                groups.push(gid);
            }
        }
        groups
    }
}

struct Entry<'a> {
    name: &'a str,
    id: u32,
    gid: u32,
    home: &'a str,
}

/// The entry of exactly this name; else the only one that differs in case alone, as names of Windows accounts may.
fn pick<'a, T>(entries: impl Iterator<Item = (&'a str, T)>, name: &str) -> Option<T> {
    let mut similar = Vec::new();
    for (entry, value) in entries {
        if entry == name {
            return Some(value);
        }
        if entry.eq_ignore_ascii_case(name) {
            similar.push(value);
        }
    }
    if similar.len() == 1 { similar.pop() } else { None }
}

fn read(path: &Path) -> Result<String, CreateError> {
    let failed = |source| CreateError::Io {
        doing: format!("read {}", path.display()),
        source,
    };
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_DATABASE).read_to_end(&mut bytes).map_err(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(error)),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The user of Linux that an account stands for. `host` is this host's name, which an account's domain may be.
pub(super) fn resolve(user: &User, database: &Database, host: &str) -> Result<Identity, CreateError> {
    let User::Account(account) = user else {
        return Ok(Identity::Inherited);
    };
    let name = account.name();
    let domain = account.domain().unwrap_or_default();
    let refused = |reason: String| {
        Err(CreateError::Account {
            account: account.as_written().to_owned(),
            reason,
        })
    };
    let local = ["", ".", "BUILTIN", host]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(domain));
    if let Some(identity) = account.well_known().and_then(well_known) {
        return Ok(identity);
    }
    if !local {
        return refused(format!(
            "domain accounts cannot log on here; name a local user or group, SYSTEM, LocalService or NetworkService (the domain is `{domain}`)"
        ));
    }
    if let Some(user) = database.user(name) {
        return Ok(Identity::Fixed {
            credentials: Credentials {
                uid: user.id,
                gid: user.gid,
                groups: database.groups_of(&user),
            },
            variables: variables(user.name, user.name, user.home),
        });
    }
    if let Some((group, gid)) = database.group(name) {
        return Ok(Identity::Ephemeral {
            gid,
            variables: variables(&group, &group, "/"),
        });
    }
    refused(format!(
        "neither a user `{name}` in /etc/passwd nor a group `{name}` in /etc/group; create one, or use SYSTEM, LocalService or NetworkService"
    ))
}

/// Administrator and Administrators are accounts of Windows hosts: here they are what the host's databases say.
fn well_known(account: WellKnown) -> Option<Identity> {
    let (id, name) = match account {
        WellKnown::System => (0, "SYSTEM"),
        WellKnown::LocalService => (uids::LOCAL_SERVICE, "LocalService"),
        WellKnown::NetworkService => (uids::NETWORK_SERVICE, "NetworkService"),
        WellKnown::ContainerAdministrator => (0, "ContainerAdministrator"),
        WellKnown::ContainerUser => (uids::CONTAINER_USER, "ContainerUser"),
        WellKnown::Administrator | WellKnown::Administrators => return None,
    };
    Some(Identity::Fixed {
        credentials: Credentials {
            uid: id,
            gid: id,
            groups: vec![id],
        },
        variables: if id == 0 {
            variables("root", name, "/root")
        } else {
            variables(name, name, "/")
        },
    })
}

/// What a login would set, and the Windows name under which manifests know the account.
fn variables(user: &str, account: &str, home: &str) -> Vec<(String, String)> {
    let home = if home.is_empty() { "/" } else { home };
    [
        ("HOME", home),
        ("USER", user),
        ("LOGNAME", user),
        ("USERNAME", account),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[cfg(test)]
mod tests {
    use porthole_pod::Account;

    use super::*;

    fn database() -> Database {
        Database {
            passwd: "root:x:0:0:root:/root:/bin/bash\n# comment\nbroken:x\nalice:x:1000:1000::/home/alice:/bin/sh\n\
                     Bob:x:1001:1001::/home/bob:\nBOB:x:1002:1002::/:\n"
                .to_owned(),
            group: "root:x:0:\naudio:x:29:alice,other\nalice:x:1000:\nvideo:x:44:alice\nops:x:900:\n".to_owned(),
        }
    }

    fn resolved(text: &str) -> Result<Identity, CreateError> {
        let account = Account::parse(text).unwrap();
        resolve(&User::Account(account), &database(), "laptop")
    }

    fn credentials(text: &str) -> (u32, u32, Vec<u32>) {
        match resolved(text) {
            Ok(Identity::Fixed { credentials, .. }) => (credentials.uid, credentials.gid, credentials.groups),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn maps_the_well_known_accounts_in_every_spelling() {
        for name in [
            "SYSTEM",
            "system",
            "LocalSystem",
            r"NT AUTHORITY\SYSTEM",
            r"nt authority\system",
            "ContainerAdministrator",
        ] {
            assert_eq!(credentials(name), (0, 0, vec![0]), "{name}");
        }
        for name in ["LocalService", "LOCAL SERVICE", r"NT AUTHORITY\Local service"] {
            assert_eq!(credentials(name).0, uids::LOCAL_SERVICE, "{name}");
        }
        assert_eq!(credentials("network service").0, uids::NETWORK_SERVICE);
        assert_eq!(credentials(r"User Manager\ContainerUser").0, uids::CONTAINER_USER);
    }

    #[test]
    fn takes_a_user_with_its_groups() {
        assert_eq!(credentials("alice"), (1000, 1000, vec![1000, 29, 44]));
        assert_eq!(credentials(r"LAPTOP\Alice"), (1000, 1000, vec![1000, 29, 44]));
        assert_eq!(credentials("Bob").0, 1001);
    }

    #[test]
    fn takes_a_group_when_no_user_has_the_name() {
        assert_eq!(
            resolved("ops").unwrap(),
            Identity::Ephemeral {
                gid: 900,
                variables: variables("ops", "ops", "/"),
            }
        );
    }

    #[test]
    fn rejects_what_is_nobody_here() {
        for (name, reason) in [
            ("carol", "neither a user `carol` in /etc/passwd nor a group"),
            ("bob", "neither a user `bob`"),
            (r"CONTOSO\alice", "domain accounts cannot log on here"),
        ] {
            let error = resolved(name).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
