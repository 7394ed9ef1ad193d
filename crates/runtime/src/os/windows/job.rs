//! The job object of a container: every process of it is born in there, and none outlives the handle.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{CreateError, Hits, Signal};

use super::api::{
    Api, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_SHUTDOWN_EVENT, Handle, IoAttribution,
    JOBOBJECT_IO_ATTRIBUTION_CONTROL_ENABLE, JobInformation, PROCESS_CREATE_THREAD,
    PROCESS_QUERY_INFORMATION, PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE,
};
use super::limits::{self, JobLimits};
use super::packets::Packets;

/// The exit code of processes that are killed, as job containers have always reported it.
pub(super) const KILLED: u32 = 1;

/// How long one wait for a packet lasts before the count is asked for: packets can be lost (the documentation of
/// `JOBOBJECT_ASSOCIATE_COMPLETION_PORT` says so), the count cannot.
const PACKET: Duration = Duration::from_millis(100);

/// A job without a port is asked at first as often as this, and then less and less.
const ASKED: Duration = Duration::from_millis(1);

/// What the documentation of `CreateRemoteThread` asks for.
const REMOTE_THREAD: u32 = PROCESS_CREATE_THREAD
    | PROCESS_QUERY_INFORMATION
    | PROCESS_VM_OPERATION
    | PROCESS_VM_READ
    | PROCESS_VM_WRITE;

/// The name under which others look a container's job up.
pub(super) fn name(id: &str) -> String {
    format!("JobContainer_{id}")
}

/// The name that the same job has in other sessions, when a service has made it.
fn name_elsewhere(id: &str) -> String {
    format!(r"Global\{}", name(id))
}

/// Opens the job of a container that runs on this host, whoever holds it. `None` if there is none.
///
/// While it is open its holder's death does not end it: it is opened for as long as one question takes.
pub(super) fn open(api: &dyn Api, id: &str, access: u32) -> io::Result<Option<Handle>> {
    match api.open_job(&name(id), access)? {
        None => api.open_job(&name_elsewhere(id), access),
        job => Ok(job),
    }
}

/// The ids of all processes of a job.
pub(super) fn members(api: &dyn Api, job: &Handle) -> io::Result<Vec<u32>> {
    let mut room = 64;
    loop {
        let list = api.query_process_ids(job, room)?;
        if list.ids.len() >= list.assigned {
            return Ok(list.ids);
        }
        // More may come while the list grows.
        room = list.assigned + list.assigned / 2 + 8;
    }
}

/// A job object with kill-on-close, held by its only handle.
pub(super) struct Job {
    api: Arc<dyn Api>,
    /// Not inheritable, and given to nobody: when this process dies the kernel closes it, which kills the job.
    handle: Handle,
    packets: Option<Packets>,
}

impl Job {
    /// Makes the job of a container, with its completion port and its limits.
    pub(super) fn create(api: Arc<dyn Api>, id: &str, limits: &JobLimits) -> Result<Self, CreateError> {
        let name = name(id);
        let failed = |doing: String| move |source| CreateError::Io { doing, source };
        let (handle, existed) = api
            .create_job(Some(&name))
            .map_err(failed(format!("create job object `{name}`")))?;
        if existed {
            return Err(CreateError::Host {
                doing: format!("create job object `{name}`"),
                reason:
                    "another process holds a job object of this name; end it, or use another container id"
                        .to_owned(),
            });
        }
        let port = api.create_completion_port().map_err(failed(format!(
            "create the completion port of job object `{name}`"
        )))?;
        let association = JobInformation::CompletionPort {
            key: handle.raw(),
            port: port.raw(),
        };
        api.set_job_information(&handle, &association)
            .map_err(failed(format!(
                "connect job object `{name}` to its completion port"
            )))?;
        // Without it a container runs as well, and what it reads and writes is not counted.
        let _ = api.set_job_information(
            &handle,
            &JobInformation::IoAttribution(IoAttribution {
                flags: JOBOBJECT_IO_ATTRIBUTION_CONTROL_ENABLE,
                ..IoAttribution::default()
            }),
        );
        limits::apply(&*api, &handle, limits)?;
        let packets =
            Packets::start(api.clone(), port).map_err(failed(format!("watch job object `{name}`")))?;
        Ok(Self {
            api,
            handle,
            packets: Some(packets),
        })
    }

    /// Makes a job without a name or a limit, for one program that is started in a container.
    pub(super) fn nested(api: Arc<dyn Api>) -> Result<Self, CreateError> {
        let (handle, _) = api.create_job(None).map_err(|source| CreateError::Io {
            doing: "create a job object".to_owned(),
            source,
        })?;
        limits::apply(&*api, &handle, &JobLimits::default())?;
        Ok(Self {
            api,
            handle,
            packets: None,
        })
    }

    /// Takes a job over that was opened by its name, to end it.
    pub(super) fn adopt(api: Arc<dyn Api>, handle: Handle) -> Self {
        Self {
            api,
            handle,
            packets: None,
        }
    }

    /// Makes the job a silo, which only an empty job can become.
    pub(super) fn promote_to_silo(&self) -> io::Result<()> {
        self.api
            .set_job_information(&self.handle, &JobInformation::CreateSilo)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Which limits were run into so far.
    pub(super) fn hits(&self) -> Hits {
        self.packets.as_ref().map_or_else(Hits::default, Packets::hits)
    }

    /// Kills every process of the job.
    pub(super) fn kill(&self) -> io::Result<()> {
        self.api.terminate_job(&self.handle, KILLED)
    }

    /// Waits until no process is left; `false` when `limit` has passed before.
    pub(super) fn wait_until_empty(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        let mut pause = ASKED;
        loop {
            let seen = self.packets.as_ref().map(Packets::seen);
            if self.api.query_accounting(&self.handle)?.active_processes == 0 {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Any packet (a process came, a process went) leads to the next question.
            if let (Some(packets), Some(seen)) = (&self.packets, seen) {
                packets.wait(seen, left.min(PACKET));
            } else {
                std::thread::sleep(left.min(pause));
                pause = (pause * 2).min(PACKET);
            }
        }
    }

    /// Kills every process of the job, and waits until none is left.
    pub(super) fn end(&self, limit: Duration) -> io::Result<()> {
        self.kill()?;
        if self.wait_until_empty(limit)? {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "killed processes are still there",
        ))
    }

    /// Raises a console control event in every process of the job but `except`.
    ///
    /// Windows sends such events only to the processes of one console; so a thread is started in each process at
    /// `kernel32!CtrlRoutine`, where the console's own events arrive. Microsoft does not document that, but Windows'
    /// job containers have always been stopped in this way.
    pub(super) fn signal(&self, signal: Signal, except: Option<u32>) -> io::Result<()> {
        let event = match signal {
            Signal::Kill => return self.kill(),
            Signal::Term => CTRL_SHUTDOWN_EVENT,
            Signal::Int => CTRL_C_EVENT,
            Signal::Hup => CTRL_CLOSE_EVENT,
        };
        let routine = self.api.ctrl_routine()?;
        let mut refused = None;
        for id in members(&*self.api, &self.handle)? {
            if except == Some(id) {
                continue;
            }
            if let Err(error) = self.raise(id, routine, event) {
                refused = Some(io::Error::new(error.kind(), format!("process {id}: {error}")));
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn raise(&self, id: u32, routine: usize, event: u32) -> io::Result<()> {
        let Some(process) = self.api.open_process(REMOTE_THREAD, id)? else {
            return Ok(());
        };
        // The process may have ended, and its id gone to another that is none of ours.
        if !self.api.is_process_in_job(&process, &self.handle)? {
            return Ok(());
        }
        // The window of a console is no program of the container's: it ends with the programs that use it.
        if self
            .api
            .image_name(&process)
            .is_ok_and(|name| name.to_ascii_lowercase().ends_with(r"\conhost.exe"))
        {
            return Ok(());
        }
        if self.api.is_wow64(&process)? {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a 32-bit process cannot be sent a console event by a 64-bit one; it is killed when its grace ends",
            ));
        }
        let raised = self.api.create_remote_thread(&process, routine, event);
        // A process that was ending when it was opened takes no threads any more.
        if raised.is_err() && self.api.wait(&process, Some(Duration::ZERO)).unwrap_or(false) {
            return Ok(());
        }
        raised
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Call, Fake};
    use super::*;

    fn job(fake: &Arc<Fake>) -> Job {
        Job::create(fake.clone(), "pod-c", &JobLimits::default()).unwrap()
    }

    #[test]
    fn has_its_name_port_and_kill_on_close_before_any_process() {
        let fake = Fake::new();
        let job = job(&fake);
        let calls = fake.calls();
        assert_eq!(
            calls,
            [
                Call::CreateJob("JobContainer_pod-c".to_owned()),
                Call::CreatePort,
                Call::SetJob {
                    job: 1,
                    information: JobInformation::CompletionPort { key: 1, port: 2 }
                },
                Call::SetJob {
                    job: 1,
                    information: JobInformation::IoAttribution(IoAttribution {
                        flags: 1,
                        ..IoAttribution::default()
                    })
                },
                Call::QueryLimit(1),
                Call::SetJob {
                    job: 1,
                    information: fake.sets()[2].clone()
                },
            ]
        );
        let classes: Vec<_> = fake.sets().iter().map(JobInformation::class).collect();
        assert_eq!(classes, [7, 42, 9]);
        drop(job);
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn refuses_a_job_that_somebody_else_holds() {
        let fake = Fake::new();
        fake.job_exists();
        let error = Job::create(fake.clone(), "x", &JobLimits::default())
            .err()
            .unwrap();
        assert!(error.to_string().contains("another process holds"), "{error}");
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn silo_is_class_35_without_a_structure() {
        let fake = Fake::new();
        job(&fake).promote_to_silo().unwrap();
        assert_eq!(fake.sets().last(), Some(&JobInformation::CreateSilo));
        assert_eq!(JobInformation::CreateSilo.class(), 35);
    }

    #[test]
    fn signals_every_member_but_the_launcher_and_the_console() {
        for (signal, event) in [(Signal::Term, 6), (Signal::Int, 0), (Signal::Hup, 2)] {
            let fake = Fake::new();
            let job = job(&fake);
            fake.members(&[
                (10, r"C:\porthole.exe"),
                (11, r"C:\hpc\app.exe"),
                (12, r"C:\Windows\System32\conhost.exe"),
                (13, r"C:\hpc\child.exe"),
            ]);
            job.signal(signal, Some(10)).unwrap();
            let threads: Vec<_> = fake
                .calls()
                .into_iter()
                .filter_map(|call| match call {
                    Call::RemoteThread {
                        process,
                        start,
                        argument,
                    } => Some((process, start, argument)),
                    _ => None,
                })
                .collect();
            assert_eq!(threads, [(11, 0xC7A1, event), (13, 0xC7A1, event)]);
            assert!(fake.calls().contains(&Call::OpenProcess {
                access: 0x2 | 0x400 | 0x8 | 0x10 | 0x20,
                id: 11
            }));
        }
    }

    #[test]
    fn goes_on_to_the_other_members_when_one_refuses() {
        let fake = Fake::new();
        let job = job(&fake);
        fake.members(&[(11, "a.exe"), (12, "b.exe")]);
        fake.fail(|call| matches!(call, Call::RemoteThread { process: 11, .. }), 5);
        let error = job.signal(Signal::Term, None).unwrap_err();
        assert!(error.to_string().starts_with("process 11: "), "{error}");
        assert!(
            fake.calls()
                .iter()
                .any(|call| matches!(call, Call::RemoteThread { process: 12, .. }))
        );
    }

    #[test]
    fn starts_no_thread_in_a_32_bit_process() {
        let fake = Fake::new();
        let job = job(&fake);
        fake.members(&[(11, r"C:\Program Files (x86)\old.exe")]);
        let error = job.signal(Signal::Term, None).unwrap_err();
        assert!(error.to_string().contains("32-bit"), "{error}");
        assert!(
            !fake
                .calls()
                .iter()
                .any(|call| matches!(call, Call::RemoteThread { .. }))
        );
    }

    #[test]
    fn kill_terminates_the_job_with_code_1() {
        let fake = Fake::new();
        let job = job(&fake);
        job.signal(Signal::Kill, None).unwrap();
        assert_eq!(fake.calls().last(), Some(&Call::TerminateJob { job: 1, code: 1 }));
    }

    #[test]
    fn lists_more_members_than_there_was_room_for() {
        let fake = Fake::new();
        let job = job(&fake);
        let many: Vec<_> = (0..200).map(|id| (id, "x.exe")).collect();
        fake.members(&many);
        assert_eq!(members(&*fake, job.handle()).unwrap().len(), 200);
    }

    #[test]
    fn waits_for_the_last_process_even_when_its_packet_is_lost() {
        let fake = Fake::new();
        let job = job(&fake);
        fake.active(&[2, 1, 0]);
        fake.packets(&[7]);
        assert!(job.wait_until_empty(Duration::from_secs(5)).unwrap());
        fake.active(&[1, 1]);
        assert!(!job.wait_until_empty(Duration::ZERO).unwrap());
        fake.active(&[3, 2, 1, 0]);
        let nested = Job::nested(fake.clone()).unwrap();
        assert!(nested.wait_until_empty(Duration::from_secs(5)).unwrap());
    }

    #[test]
    fn an_end_that_does_not_come_is_an_error() {
        let fake = Fake::new();
        let job = job(&fake);
        fake.active(&[1, 0]);
        job.end(Duration::from_secs(5)).unwrap();
        assert!(fake.calls().contains(&Call::TerminateJob { job: 1, code: 1 }));
        fake.active(&[1, 1]);
        let error = job.end(Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_nested_job_has_no_name_and_dies_with_its_maker() {
        let fake = Fake::new();
        let job = Job::nested(fake.clone()).unwrap();
        assert_eq!(fake.calls()[0], Call::CreateJob(String::new()));
        assert!(matches!(
            &fake.sets()[..],
            [JobInformation::ExtendedLimit(limit)] if limit.flags == 0x2000
        ));
        drop(job);
        assert_eq!(fake.open_handles(), 0);
    }

    #[test]
    fn a_job_is_looked_for_in_this_session_and_then_among_the_services() {
        let fake = Fake::new();
        assert!(open(&*fake, "c", 0x4).unwrap().is_none());
        let opened = [r"JobContainer_c", r"Global\JobContainer_c"].map(|name| Call::OpenJob {
            name: name.to_owned(),
            access: 0x4,
        });
        assert_eq!(fake.calls(), opened);
    }

    #[test]
    fn counts_the_limits_that_were_run_into() {
        let fake = Fake::new();
        let job = job(&fake);
        // Processes that come and go, and what is none of these.
        fake.packets(&[6, 10, 3, 9, 7, 10, 8, 4]);
        let hits = job.hits();
        assert_eq!(
            (hits.memory_refusals, hits.pids_refusals, hits.oom_kills),
            (3, 1, 0)
        );
        drop(job);
        assert_eq!(fake.open_handles(), 0);
    }
}
