//! Who a container runs as: the account of a plan becomes a token.
//!
//! A group comes before a user of the same name, as job containers have always had it; a group runs a temporary
//! account that is its only member, journalled before it is made and removed with the container.

use std::fmt::Write as _;
use std::io;

use porthole_pod::Account;
use porthole_pod::account::WellKnown;
use zeroize::Zeroizing;

use crate::engine::CreateError;
use crate::plan::User;

use super::api::{
    AccountInformation, Api, ERROR_ACCESS_DENIED, ERROR_NO_SUCH_ALIAS, ERROR_PRIVILEGE_NOT_HELD, Handle,
    LOGON32_LOGON_INTERACTIVE, LOGON32_LOGON_SERVICE, Logon, NERR_GROUP_NOT_FOUND, NERR_SUCCESS,
    NERR_USER_NOT_FOUND, SID_TYPE_USER, SID_TYPE_WELL_KNOWN_GROUP, Secret, UF_DONT_EXPIRE_PASSWD,
    UF_NORMAL_ACCOUNT, UF_SCRIPT,
};

/// The longest name of a local account.
const NAME_LIMIT: usize = 20;

const AUTHORITY: &str = "NT AUTHORITY";
const BUILTIN: &str = "BUILTIN";

/// S-1-5-32-544.
const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
/// S-1-5-32-545.
const USERS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];

/// An account of this host, found and not yet logged on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever runs porthole.
    Inherit,
    /// One of the service accounts that need no password.
    Service(&'static str),
    /// A local group.
    Group(String),
    /// A local user, who must have no password.
    User(String),
}

/// Finds a plan's user on this host and makes nothing.
pub(super) fn find(api: &dyn Api, user: &User) -> Result<Who, CreateError> {
    let User::Account(account) = user else {
        return Ok(Who::Inherit);
    };
    let refuse = |reason: String| CreateError::Account {
        account: account.as_written().to_owned(),
        reason,
    };
    if api.wine_version().is_some() {
        return Err(refuse(
            "Wine cannot log any account on; --inherit-user runs the container as whoever runs porthole"
                .to_owned(),
        ));
    }
    if let Some(service) = service(account) {
        return Ok(Who::Service(service));
    }
    // The accounts of isolated containers are none of the host's; these have the same rights.
    let same_rights = match account.well_known() {
        Some(WellKnown::ContainerAdministrator) => Some(ADMINISTRATORS),
        Some(WellKnown::ContainerUser) => Some(USERS),
        _ => None,
    };
    if let Some(sid) = same_rights {
        // Systems of other languages have names of their own.
        let group = api
            .lookup_sid(sid)
            .map_err(|error| refuse(format!("asking for the group of the same rights failed: {error}")))?;
        return Ok(Who::Group(group));
    }
    let asking = |source| CreateError::Io {
        doing: "ask for the name of this computer".to_owned(),
        source,
    };
    // Accounts are named by the first, which a long name is cut for.
    let computer = api.computer_name().map_err(asking)?;
    let whole = api.host_name().map_err(asking)?;
    let domain = account
        .domain()
        .filter(|domain| !matches!(*domain, "" | "."))
        .map(|domain| {
            if domain.eq_ignore_ascii_case(&whole) {
                computer.as_str()
            } else {
                domain
            }
        });
    let here = domain
        .is_none_or(|domain| domain.eq_ignore_ascii_case(&computer) || domain.eq_ignore_ascii_case(BUILTIN));
    if here {
        match api.local_group_information(account.name()) {
            NERR_SUCCESS => return Ok(Who::Group(account.name().to_owned())),
            NERR_GROUP_NOT_FOUND | ERROR_NO_SUCH_ALIAS => {}
            status => {
                let answer = io::Error::from_raw_os_error(status.cast_signed());
                return Err(refuse(format!("asking for the group failed: {answer}")));
            }
        }
    }
    let full = domain.map_or_else(
        || account.name().to_owned(),
        |domain| format!(r"{domain}\{}", account.name()),
    );
    let found = api
        .lookup_account(&full)
        .map_err(|error| refuse(format!("asking for the user failed: {error}")))?;
    let Some(found) = found else {
        if let Some(domain) = domain.filter(|_| !here) {
            return Err(refuse(format!(
                "{computer} is in no domain `{domain}`, or that has no such account; use an account of {computer}, or a \
                 local group, which runs a temporary account in that group"
            )));
        }
        return Err(refuse(format!(
            "there is neither a group nor a user of this name on {computer}; service accounts are \
             `NT AUTHORITY\\SYSTEM`, `NT AUTHORITY\\Local service` and `NT AUTHORITY\\NetworkService`"
        )));
    };
    if let Some(service) = service_of(&found) {
        return Ok(Who::Service(service));
    }
    if !found.domain.eq_ignore_ascii_case(&computer) && !found.domain.eq_ignore_ascii_case(BUILTIN) {
        return Err(refuse(format!(
            "it is an account of `{}`, and porthole has no password to log it on with; use an account of {computer}, \
             or a local group, which runs a temporary account in that group",
            found.domain
        )));
    }
    if found.kind != SID_TYPE_USER {
        return Err(refuse("it is neither a local group nor a user".to_owned()));
    }
    Ok(Who::User(account.name().to_owned()))
}

/// The service account that an account means, by its names.
fn service(account: &Account) -> Option<&'static str> {
    match account.well_known()? {
        WellKnown::System => Some("SYSTEM"),
        WellKnown::LocalService => Some("LOCAL SERVICE"),
        WellKnown::NetworkService => Some("NETWORK SERVICE"),
        _ => None,
    }
}

/// The same by what a name was resolved to: systems of other languages have names of their own.
fn service_of(found: &AccountInformation) -> Option<&'static str> {
    // S-1-5-<one sub-authority>.
    let [1, 1, 0, 0, 0, 0, 0, 5, id, 0, 0, 0] = found.sid.as_slice() else {
        return None;
    };
    match (found.kind, id) {
        (SID_TYPE_WELL_KNOWN_GROUP | SID_TYPE_USER, 18) => Some("SYSTEM"),
        (SID_TYPE_WELL_KNOWN_GROUP | SID_TYPE_USER, 19) => Some("LOCAL SERVICE"),
        (SID_TYPE_WELL_KNOWN_GROUP | SID_TYPE_USER, 20) => Some("NETWORK SERVICE"),
        _ => None,
    }
}

/// A name for a group's temporary account: told apart by eye by the container's id, unique by chance.
pub(super) fn temporary_name(api: &dyn Api, id: &str) -> io::Result<String> {
    let mut chance = [0; 4];
    api.random(&mut chance)?;
    let mut name: String = id.chars().take(NAME_LIMIT - 9).collect();
    name.push('-');
    for byte in chance {
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}

/// Logs an account on. `temporary` is the journalled name for the account of a group; on an error that account is
/// gone again. `None` is the token of porthole's own process.
pub(super) fn logon(
    api: &dyn Api,
    who: &Who,
    temporary: Option<&str>,
) -> Result<Option<Handle>, CreateError> {
    let logon = match who {
        Who::Inherit => return Ok(None),
        Who::Service(name) => Logon {
            name: (*name).to_owned(),
            domain: Some(AUTHORITY.to_owned()),
            password: None,
            kind: LOGON32_LOGON_SERVICE,
        },
        Who::User(name) => Logon {
            name: name.clone(),
            domain: Some(".".to_owned()),
            password: None,
            kind: LOGON32_LOGON_INTERACTIVE,
        },
        Who::Group(group) => {
            let Some(name) = temporary else {
                return Err(CreateError::Host {
                    doing: format!("make an account in group `{group}`"),
                    reason: "it was not journalled".to_owned(),
                });
            };
            return in_group(api, group, name).map(Some);
        }
    };
    let doing = format!("log on `{}`", logon.name);
    api.logon_user(&logon)
        .map(Some)
        .map_err(|source| refused_logon(&doing, source, matches!(who, Who::User(_))))
}

fn refused_logon(doing: &str, source: io::Error, user: bool) -> CreateError {
    if matches!(
        source.raw_os_error(),
        Some(ERROR_ACCESS_DENIED | ERROR_PRIVILEGE_NOT_HELD)
    ) {
        return CreateError::Host {
            doing: doing.to_owned(),
            reason: format!(
                "{source}; run porthole as `NT AUTHORITY\\SYSTEM` (a service, or `psexec -s`), or use --inherit-user"
            ),
        };
    }
    if user {
        return CreateError::Host {
            doing: doing.to_owned(),
            reason: format!(
                "{source}; a user is logged on without a password, which Windows refuses for most: use a local group"
            ),
        };
    }
    CreateError::Io {
        doing: doing.to_owned(),
        source,
    }
}

fn in_group(api: &dyn Api, group: &str, name: &str) -> Result<Handle, CreateError> {
    let password = password(api).map_err(|source| CreateError::Io {
        doing: "make a password".to_owned(),
        source,
    })?;
    let status_error = |doing: String, status: u32| CreateError::Io {
        doing,
        source: io::Error::from_raw_os_error(status.cast_signed()),
    };
    let flags = UF_SCRIPT | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD;
    let status = api.user_add(
        name,
        &password,
        "temporary account of a porthole container",
        flags,
    );
    if status != NERR_SUCCESS {
        return Err(status_error(format!("failed to create user {name}"), status));
    }
    let made = (|| {
        let found = api
            .lookup_account(name)
            .and_then(|found| found.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|source| CreateError::Io {
                doing: format!("look up the new user `{name}`"),
                source,
            })?;
        let status = api.local_group_add_member(group, &found.sid);
        if status != NERR_SUCCESS {
            return Err(status_error(
                format!("failed to add user {name:?} to the {group:?} group"),
                status,
            ));
        }
        let logon = Logon {
            name: name.to_owned(),
            domain: Some(".".to_owned()),
            password: Some(password),
            kind: LOGON32_LOGON_INTERACTIVE,
        };
        api.logon_user(&logon)
            .map_err(|source| refused_logon(&format!("log on `{name}` of group `{group}`"), source, false))
    })();
    if made.is_err() {
        // What could not be removed stays in the journal, and is removed by the next sweep.
        let _ = remove(api, name);
    }
    made
}

/// 128 bits of chance, with a character of every class that a password policy may ask for.
fn password(api: &dyn Api) -> io::Result<Secret> {
    let mut chance = Zeroizing::new([0; 16]);
    api.random(&mut *chance)?;
    let mut text = Zeroizing::new(String::with_capacity(4 + 32));
    text.push_str("aA1-");
    for byte in chance.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    Ok(Secret(text))
}

/// Removes a temporary account; one that is gone is no error.
pub(super) fn remove(api: &dyn Api, name: &str) -> io::Result<()> {
    match api.user_delete(name) {
        NERR_SUCCESS | NERR_USER_NOT_FOUND => Ok(()),
        status => Err(io::Error::from_raw_os_error(status.cast_signed())),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
