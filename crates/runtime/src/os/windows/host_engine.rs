//! The engine of Windows.

use std::io;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{
    CreateError, Created, DeleteError, Engine, Entry, ExecError, HostFacts, Os, Running, Stats, StatsError,
    Stdio, UpdateError,
};
use crate::fault;
use crate::path::MountPoint;
use crate::plan::{Limits, Plan, View};
use crate::state::State;

use super::api::{Api, Handle, JOB_OBJECT_QUERY, JOB_OBJECT_SET_ATTRIBUTES, JOB_OBJECT_TERMINATE};
use super::belongings::{Belongings, First};
use super::container::Prepared;
use super::directories;
use super::job::{self, Job};
use super::launcher::Launcher;
use super::limits::{LimitError, Processors, Refusal};
use super::mounts::Volume;
use super::program::system_root;
use super::users::Who;
use super::{exec, limits, mounts, rootfs, security, stats, users};

/// How long the job of a dead holder may take to go, once it was told to.
const GONE: Duration = Duration::from_secs(10);

/// Makes containers on a Windows host.
pub(super) struct WindowsEngine {
    api: Arc<dyn Api>,
    state: State,
    facts: HostFacts,
    /// What is started in silos.
    executable: String,
}

impl WindowsEngine {
    pub(super) fn new(api: Arc<dyn Api>, state: State, executable: String) -> Self {
        let facts = facts(&*api);
        Self {
            api,
            state,
            facts,
            executable,
        }
    }
}

/// What plans depend on of this host.
fn facts(host: &dyn Api) -> HostFacts {
    let hostname = host
        .host_name()
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
        // The names of Kubernetes nodes have no capitals.
        .to_lowercase();
    let mut views = vec![View::Links, View::None];
    if host.is_file(&format!(r"{}\System32\bindfltapi.dll", system_root(host))) {
        views.insert(0, View::Private);
    }
    HostFacts {
        os: Os::Windows,
        hostname,
        address: address(),
        views,
        lacks: Vec::new(),
    }
}

/// The address that this host would use towards others. Connecting a UDP socket sends nothing; the address is one of those
/// that RFC 5737 keeps for documentation.
fn address() -> String {
    let find = || {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(("192.0.2.1", 9))?;
        socket.local_addr()
    };
    find()
        .map(|address| address.ip())
        .ok()
        .filter(|address| !address.is_unspecified())
        .map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string())
}

impl Engine for WindowsEngine {
    fn facts(&self) -> &HostFacts {
        &self.facts
    }

    fn create(&self, plan: &Plan, stdio: Stdio) -> Result<Box<dyn Created>, CreateError> {
        let api = &*self.api;
        // First everything is checked …
        check(&self.facts, plan)?;
        let mount_point = match plan.view {
            View::Private => MountPoint::silo(),
            View::Links | View::None => MountPoint::host_directory(&plan.id),
        };
        let volumes = mounts::check(api, plan, &mount_point)?;
        let layers = layers(api, plan)?;
        let helpers = u32::from(plan.view == View::Private);
        let limits = limits::convert(&plan.limits, &Processors::of(api), helpers)?;
        let who = users::find(api, &plan.user)?;

        // … then made. Whatever follows is undone when `belongings` and `job` are dropped.
        fault::step("journal");
        let mut belongings = Belongings::claim(self.api.clone(), &self.state, &plan.id)?;
        fault::step("job");
        let job = Job::create(self.api.clone(), &plan.id, &limits)?;
        if plan.view == View::Private {
            job.promote_to_silo().map_err(|source| CreateError::Io {
                doing: format!("make job object `{}` a silo", job::name(&plan.id)),
                source,
            })?;
        }
        let temporary = if matches!(who, Who::Group(_)) {
            let name = users::temporary_name(api, &plan.id).map_err(|source| CreateError::Io {
                doing: "name a temporary account".to_owned(),
                source,
            })?;
            belongings.expect_account(&name)?;
            fault::step("account");
            Some(name)
        } else {
            None
        };
        let token = users::logon(api, &who, temporary.as_deref())?;
        let asking = |source| CreateError::Io {
            doing: "ask who the container runs as".to_owned(),
            source,
        };
        let own = security::own(api).map_err(asking)?;
        let sid = security::account(api, token.as_ref()).map_err(asking)?;
        let account = security::text(&sid);
        let rights = security::rootfs(&own, &account);
        let root = if plan.view == View::Private {
            let root = format!(r"{}\rootfs", belongings.directory()?);
            fault::step("rootfs");
            belongings.make_tree(&root, &rights)?;
            root
        } else {
            belongings.make_tree_of_host(mount_point.path(), &own, &rights)?;
            mount_point.path().to_owned()
        };
        for layer in &layers {
            api.copy_tree(layer, &root).map_err(|source| CreateError::Io {
                doing: format!("copy `{layer}` into the rootfs `{root}`"),
                source,
            })?;
        }
        if !security::has_all(&account, &own) {
            mounts::open_own(api, self.state.root(), &volumes, &sid)?;
        }
        fault::step("places");
        match plan.view {
            View::Private => {
                for volume in &volumes {
                    // The bind filter asks for the parent of a place to be there.
                    if let Some(directory) = directories::parent(&volume.destination)
                        && !mount_point.contains(directory)
                    {
                        belongings.need_directory(directory, &own)?;
                    }
                }
                mounts::bind(api, &job, &root, &mount_point, &volumes)?;
            }
            View::Links => mounts::link(api, &mount_point, &volumes)?,
            View::None => {}
        }
        belongings.keep_open(volumes.into_iter().flat_map(Volume::into_held));
        Ok(Box::new(Prepared {
            job,
            token,
            belongings,
            api: self.api.clone(),
            plan: plan.clone(),
            stdio,
            mount_point,
            launcher: (plan.view == View::Private).then(|| self.launcher()),
        }))
    }

    fn exec(&self, plan: &Plan, entry: &Entry, stdio: Stdio) -> Result<Arc<dyn Running>, ExecError> {
        check_id(&plan.id)?;
        exec::exec(&self.api, &self.state, &self.launcher(), plan, entry, stdio)
    }

    fn stats(&self, id: &str) -> Result<Stats, StatsError> {
        let failed = |doing: &str| {
            let (id, doing) = (id.to_owned(), doing.to_owned());
            move |source| StatsError { id, doing, source }
        };
        let (job, helpers) = self
            .running(id, JOB_OBJECT_QUERY)
            .map_err(failed("open its job object"))?
            .ok_or_else(|| failed("find its job object")(io::ErrorKind::NotFound.into()))?;
        stats::of(&*self.api, &job, helpers).map_err(failed("ask its job object"))
    }

    fn places(&self, id: &str) -> Vec<PathBuf> {
        // In a silo the rootfs lies in the container's directory, else in one that everybody sees.
        vec![
            self.state.directory(id),
            PathBuf::from(MountPoint::host_directory(id).path()),
        ]
    }

    fn update(&self, id: &str, limits: &Limits) -> Result<Limits, UpdateError> {
        let api = &*self.api;
        let failed = |what: &str, source| UpdateError::Io {
            id: id.to_owned(),
            what: what.to_owned(),
            source,
        };
        let refused = |refusal: Refusal| UpdateError::Refused {
            id: id.to_owned(),
            what: format!("{} to {}", refusal.name, refusal.value),
            reason: refusal.reason,
        };
        let (job, helpers) = self
            .running(id, JOB_OBJECT_QUERY | JOB_OBJECT_SET_ATTRIBUTES)
            .map_err(|source| failed("the job object", source))?
            .ok_or_else(|| UpdateError::NotRunning { id: id.to_owned() })?;
        let processors = Processors::of(api);
        let wanted = limits::convert(limits, &processors, helpers).map_err(refused)?;
        fault::step("limits");
        limits::change(api, &job, &wanted, &processors).map_err(|error| match error {
            LimitError::NotKept(refusal) => refused(refusal),
            LimitError::Call { doing, source } => failed(
                "resources",
                io::Error::new(source.kind(), format!("{doing}: {source}")),
            ),
        })?;
        Ok(limits::rounded(&wanted, &processors, helpers))
    }

    fn sweep_but(&self, held: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError> {
        let mut swept = Vec::new();
        let mut first = None;
        let ids = self.state.ids().map_err(|source| DeleteError {
            id: "*".to_owned(),
            what: "list".to_owned(),
            source,
        })?;
        for id in ids.into_iter().filter(|id| !held(id)) {
            match self.sweep_one(&id) {
                Ok(true) => swept.push(id),
                Ok(false) => {}
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(swept), Err)
    }
}

impl WindowsEngine {
    fn launcher(&self) -> Launcher {
        Launcher {
            executable: self.executable.clone(),
        }
    }

    /// The job of a container that runs, and how many of its processes are porthole's own.
    fn running(&self, id: &str, access: u32) -> io::Result<Option<(Handle, u32)>> {
        // An id becomes part of paths.
        if check_id(id).is_err() {
            return Ok(None);
        }
        let Some(job) = job::open(&*self.api, id, access)? else {
            return Ok(None);
        };
        Ok(First::read(&self.state, id).map(|first| (job, u32::from(first.silo))))
    }

    /// Removes what is left of one container; `false` if somebody holds it.
    fn sweep_one(&self, id: &str) -> Result<bool, DeleteError> {
        let failed = |what: &str| {
            let (id, what) = (id.to_owned(), what.to_owned());
            move |source| DeleteError { id, what, source }
        };
        let Some(mut belongings) =
            Belongings::take_over(self.api.clone(), &self.state, id).map_err(failed("journal"))?
        else {
            return Ok(false);
        };
        // The holder's death has closed its handle, which kills the job; but a watcher may hold the job open.
        let what = format!("job object `{}`", job::name(id));
        let access = JOB_OBJECT_QUERY | JOB_OBJECT_TERMINATE;
        if let Some(job) = job::open(&*self.api, id, access).map_err(failed(&what))? {
            let job = Job::adopt(self.api.clone(), job);
            job.end(GONE).map_err(failed(&what))?;
        }
        belongings.remove()?;
        Ok(true)
    }
}

/// An id becomes part of paths and of the job's name.
fn check_id(id: &str) -> Result<(), CreateError> {
    let name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    if id.len() > 127
        || !id.starts_with(name)
        || !id.chars().all(|character| name(character) || character == '-')
    {
        return Err(CreateError::Host {
            doing: format!("use container id {id:?}"),
            reason: "an id has lower-case letters, digits and `-`, at most 127 of them".to_owned(),
        });
    }
    Ok(())
}

/// What needs no question to the host.
fn check(facts: &HostFacts, plan: &Plan) -> Result<(), CreateError> {
    let refuse = |doing: String, reason: &str| {
        Err(CreateError::Host {
            doing,
            reason: reason.to_owned(),
        })
    };
    check_id(&plan.id)?;
    if !facts.views.contains(&plan.view) {
        return refuse(
            format!("give container `{}` a view of its own", plan.container),
            r"this host has no %SystemRoot%\System32\bindfltapi.dll; use links, or no view at all",
        );
    }
    if plan.credential_spec.is_some() {
        return refuse(
            format!("honour the credential spec of container `{}`", plan.container),
            "job containers run with a token that porthole makes, and it cannot make one of a gMSA; remove the credential \
             spec, or run the container as an account of this host",
        );
    }
    Ok(())
}

/// The directories that the rootfs is copied from, each of which must be there.
fn layers(api: &dyn Api, plan: &Plan) -> Result<Vec<String>, CreateError> {
    rootfs::sources(&plan.rootfs)
        .into_iter()
        .map(|path| {
            let doing = || format!("read the image of container `{}`", plan.container);
            let text = directories::text(&path).map_err(|source| CreateError::Io {
                doing: doing(),
                source,
            })?;
            if api.is_directory(&text) {
                Ok(text)
            } else {
                Err(CreateError::Host {
                    doing: doing(),
                    reason: format!("there is no directory `{text}`"),
                })
            }
        })
        .collect()
}
