//! What Windows says of a job over its completion port.
//!
//! A thread takes every packet, for as long as the job is held: packets that nobody takes would pile up in the kernel's
//! memory, two for every process that comes and goes. It sleeps until there is one.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::Hits;

use super::api::{
    Api, Handle, JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT,
    JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT,
};

/// Packets of porthole's own, whose numbers no job uses.
const MARK: u32 = 0xFFFF_0001;
const END: u32 = 0xFFFF_0002;

/// The thread's stack: it calls one function in a loop.
const STACK: usize = 64 * 1024;

/// How long the thread may take to come to a mark.
const SOON: Duration = Duration::from_secs(1);

/// The thread, and what it has heard.
pub(super) struct Packets {
    api: Arc<dyn Api>,
    port: Arc<Handle>,
    heard: Arc<Heard>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    packets: u64,
    /// Marks that were posted, and those that the thread has come to.
    marks: u64,
    reached: u64,
    hits: Hits,
}

impl Heard {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packets {
    pub(super) fn start(api: Arc<dyn Api>, port: Handle) -> io::Result<Self> {
        let (port, heard) = (Arc::new(port), Arc::new(Heard::default()));
        let thread = thread::Builder::new()
            .name("job".to_owned())
            .stack_size(STACK)
            .spawn({
                let (api, port, heard) = (api.clone(), port.clone(), heard.clone());
                move || listen(&*api, &port, &heard)
            })?;
        Ok(Self {
            api,
            port,
            heard,
            thread: Some(thread),
        })
    }

    /// How many packets have come.
    pub(super) fn seen(&self) -> u64 {
        self.heard.counts().packets
    }

    /// Waits until more packets than these have come, for at most `limit`.
    pub(super) fn wait(&self, seen: u64, limit: Duration) {
        let counts = self.heard.counts();
        let waited = self
            .heard
            .changed
            .wait_timeout_while(counts, limit, |counts| counts.packets == seen);
        drop(waited);
    }

    /// The limits that were run into, by every packet that is there when this is asked.
    pub(super) fn hits(&self) -> Hits {
        let wanted = {
            let mut counts = self.heard.counts();
            counts.marks += 1;
            counts.marks
        };
        if self.api.post_completion_port(&self.port, MARK).is_ok() {
            let deadline = Instant::now() + SOON;
            let mut counts = self.heard.counts();
            while counts.reached < wanted {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                counts = self
                    .heard
                    .changed
                    .wait_timeout(counts, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        }
        self.heard.counts().hits
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        // Without this packet the thread would wait for ever.
        if self.api.post_completion_port(&self.port, END).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn listen(api: &dyn Api, port: &Handle, heard: &Heard) {
    loop {
        let Ok(message) = api.wait_completion_port(port) else {
            return;
        };
        let mut counts = heard.counts();
        match message {
            END => return,
            MARK => counts.reached += 1,
            JOB_OBJECT_MSG_JOB_MEMORY_LIMIT | JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT => {
                counts.hits.memory_refusals += 1;
            }
            JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT => counts.hits.pids_refusals += 1,
            _ => {}
        }
        counts.packets += 1;
        drop(counts);
        heard.changed.notify_all();
    }
}
