//! Several blobs at once, in both directions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::error::Result;
use crate::oci::Descriptor;

/// How many blobs are on their way at once.
const AT_ONCE: usize = 3;

/// Carries every blob by `carry`, which returns how many bytes went over the wire, and is told by its second argument
/// whether to give up. The first that fails ends the others; its error is the answer.
pub(super) fn carry_all(
    blobs: Vec<Descriptor>,
    carry: impl Fn(&Descriptor, &(dyn Fn() -> bool + Sync)) -> Result<u64> + Sync,
) -> Result<u64> {
    let workers = AT_ONCE.min(blobs.len());
    let queue = Mutex::new(VecDeque::from(blobs));
    let failed = AtomicBool::new(false);
    let stop = || failed.load(Ordering::Relaxed);
    let work = || -> Result<u64> {
        let mut transferred = 0;
        while !stop() {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(blob) = next else { break };
            match carry(&blob, &stop) {
                Ok(bytes) => transferred += bytes,
                // The first failure is the one that counts.
                Err(_) if failed.swap(true, Ordering::Relaxed) => return Ok(transferred),
                Err(error) => return Err(error),
            }
        }
        Ok(transferred)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut transferred = 0;
        let mut first = None;
        for thread in threads {
            match thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            {
                Ok(bytes) => transferred += bytes,
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(transferred), Err)
    })
}
