//! A further program in a container that runs on this host, whoever holds it.
//!
//! The container is found by the name of its job. Its account is that of its first process, whose token is taken: nobody
//! but the holder knows the password of a temporary account. The program is born in the container's job and in one of
//! its own within that, so that it dies with the container, and with the process that started it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{CreateError, Entry, ExecError, Running, Stdio};
use crate::environment;
use crate::fault;
use crate::path::MountPoint;
use crate::plan::{CommandLine, Plan, View};
use crate::state::State;

use super::api::{
    Api, ERROR_ACCESS_DENIED, Handle, JOB_OBJECT_ASSIGN_PROCESS, JOB_OBJECT_QUERY, PROCESS_QUERY_INFORMATION,
    SYNCHRONIZE, TOKEN_ASSIGN_PRIMARY, TOKEN_DUPLICATE, TOKEN_QUERY,
};
use super::belongings::First;
use super::container::Container;
use super::job::{self, Job};
use super::launcher::Launcher;
use super::program::{self, Program};
use super::users::{self, Who};

/// See [`Engine::exec`](crate::engine::Engine::exec).
pub(super) fn exec(
    api: &Arc<dyn Api>,
    state: &State,
    launcher: &Launcher,
    plan: &Plan,
    entry: &Entry,
    stdio: Stdio,
) -> Result<Arc<dyn Running>, ExecError> {
    let not_running = || ExecError::NotRunning { id: plan.id.clone() };
    let access = JOB_OBJECT_ASSIGN_PROCESS | JOB_OBJECT_QUERY;
    let container = job::open(&**api, &plan.id, access)
        .map_err(|source| closed(plan, "open the job object", source))?
        .ok_or_else(not_running)?;
    let first = First::read(state, &plan.id).ok_or_else(not_running)?;
    let process = first_process(&**api, plan, &container, first)?.ok_or_else(not_running)?;
    let token = token(&**api, plan, entry, &process)?;

    fault::step("exec-job");
    let own = Job::nested(api.clone())?;
    let mount_point = match plan.view {
        View::Private => MountPoint::silo(),
        View::Links | View::None => MountPoint::host_directory(&plan.id),
    };
    let system_root = program::system_root(&**api);
    let block = program::account_variables(&**api, token.as_ref())?;
    // Of two variables of one name the last counts.
    let specified: Vec<_> = plan
        .environment
        .iter()
        .chain(&entry.environment)
        .cloned()
        .collect();
    let command = CommandLine::Arguments(entry.command.clone());
    fault::step("exec-process");
    let started = Program {
        command: &command,
        working_directory: entry
            .working_directory
            .as_deref()
            .or(plan.working_directory.as_deref()),
        variables: environment::compose_windows(&block, &specified, &mount_point, &system_root),
        system_root,
        mount_point: &mount_point,
        view: plan.view,
        launcher: first.silo.then_some(launcher),
        token: token.as_ref(),
        jobs: &[&container, own.handle()],
        breakaway: true,
        stdio,
        stdin: plan.streams.stdin,
    }
    .start(&**api)?;
    // From here on the holder's death is the container's again.
    drop(container);
    let exec = Container::of(plan.id.clone(), api.clone(), started, own, token, None);
    // A container that ended meanwhile has killed what it knew of, which may not have been this program.
    if api.wait(&process, Some(Duration::ZERO)).unwrap_or(true) {
        return Err(not_running());
    }
    fault::step("exec-started");
    Ok(Arc::new(exec))
}

/// The container's first process, if it is still there: a number alone may have become another's since.
fn first_process(
    api: &dyn Api,
    plan: &Plan,
    container: &Handle,
    first: First,
) -> Result<Option<Handle>, CreateError> {
    let failed = |source| closed(plan, "open the first process", source);
    let access = PROCESS_QUERY_INFORMATION | SYNCHRONIZE;
    let Some(process) = api.open_process(access, first.process).map_err(failed)? else {
        return Ok(None);
    };
    if !api.is_process_in_job(&process, container).map_err(failed)? {
        return Ok(None);
    }
    let ended = api.wait(&process, Some(Duration::ZERO)).map_err(failed)?;
    Ok((!ended).then_some(process))
}

/// Who the program runs as: the container's account, or another that needs no password. `None` is this process's own token.
fn token(api: &dyn Api, plan: &Plan, entry: &Entry, process: &Handle) -> Result<Option<Handle>, CreateError> {
    if let Some(user) = entry.user.as_ref().filter(|user| **user != plan.user) {
        let who = users::find(api, user)?;
        if let Who::Group(group) = &who {
            return Err(CreateError::Account {
                account: group.clone(),
                reason: "a group runs a temporary account, which is made with a container and not for a further program \
                         in one; leave the account out, or name a service account"
                    .to_owned(),
            });
        }
        return users::logon(api, &who, None);
    }
    let failed = |source| closed(plan, "take the account", source);
    let token = api
        .open_process_token(process, TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY)
        .map_err(failed)?;
    // Of the same logon: then this process may start what that one may, without the privileges that a token asks for.
    let own = api.open_own_token(TOKEN_QUERY).map_err(failed)?;
    let same = api.token_logon(&own).map_err(failed)? == api.token_logon(&token).map_err(failed)?;
    Ok((!same).then_some(token))
}

fn closed(plan: &Plan, doing: &str, source: io::Error) -> CreateError {
    let doing = format!("{doing} of container `{}`", plan.id);
    if source.raw_os_error() == Some(ERROR_ACCESS_DENIED) {
        return CreateError::Host {
            doing,
            reason: format!(
                "{source}; run porthole as the account that holds the container, or as an administrator"
            ),
        };
    }
    CreateError::Io { doing, source }
}
