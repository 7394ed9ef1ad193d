//! One blob from a registry: streamed to disk, resumed where it broke off, verified before it gets its name.

use std::io::Read as _;
use std::time::Instant;

use ureq::http::header::{CONTENT_RANGE, RANGE};

use super::documents::is_foreign;
use super::error::{Error, Problem, Result, passing};
use super::progress::Event;
use super::session::{Session, Tries, codes, expect, retry_after};
use super::transport::{Answer, Call, problem};
use crate::Store;
use crate::oci::Descriptor;
use crate::store::Partial;

/// How much is read at once.
const PIECE: usize = 128 << 10;

/// Fetches a blob that the store does not have. `stop` says that another blob has failed. Answers with the bytes that
/// were transferred.
pub(super) fn fetch(
    session: &Session<'_>,
    store: &Store,
    descriptor: &Descriptor,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<u64> {
    let digest = &descriptor.digest;
    let doing = || format!("fetch blob {digest} of {}", session.registry());
    if descriptor.size > session.bounds().blob {
        return Err(session.wrong(doing(), Problem::TooLong(session.bounds().blob)));
    }
    let there = || {
        session.progress.event(&Event::There {
            digest,
            size: descriptor.size,
        });
    };
    if store.has_blob(descriptor) {
        there();
        return Ok(0);
    }
    let Some(mut partial) = store.partial(descriptor)? else {
        there();
        return Ok(0);
    };
    session.progress.event(&Event::Begin {
        digest,
        size: descriptor.size,
        from: partial.count(),
    });
    let mut tries = Tries::default();
    let mut transferred = 0;
    // What another process left may be wrong, as after a crash of the machine: then all of it is fetched, once.
    let mut inherited = partial.count() > 0;
    loop {
        let before = partial.count();
        let result = if before == descriptor.size {
            Ok(())
        } else {
            stream(
                session,
                descriptor,
                &mut partial,
                &mut transferred,
                &mut inherited,
                stop,
            )
        };
        match result {
            Ok(()) => match partial.finish(descriptor) {
                Ok(()) => break,
                Err(crate::Error::CorruptBlob { .. }) if inherited => inherited = false,
                Err(crate::Error::CorruptBlob { expected, actual }) => {
                    return Err(session.wrong(doing(), Problem::Digest { expected, actual }));
                }
                Err(error) => return Err(error.into()),
            },
            Err((error, asked)) => {
                if stop() {
                    return Err(error);
                }
                if partial.count() >= before.saturating_add(session.bounds().further) {
                    tries.got_further();
                }
                tries.failed(session, error, asked)?;
            }
        }
    }
    session.progress.event(&Event::End {
        digest,
        size: descriptor.size,
    });
    Ok(transferred)
}

/// Why a try failed, and the seconds that the registry asks to wait.
type Failed = (Error, Option<u64>);

/// Asks once for what is missing, and appends what comes.
fn stream(
    session: &Session<'_>,
    descriptor: &Descriptor,
    partial: &mut Partial,
    transferred: &mut u64,
    inherited: &mut bool,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), Failed> {
    let address = session.address(&format!("blobs/{}", descriptor.digest));
    let mut call = Call::get(address);
    call.hurried = false;
    if partial.count() > 0 {
        call = call.header(RANGE, format!("bytes={}-", partial.count()));
    }
    let doing = call.doing();
    let wrong = |problem| (session.wrong(doing.clone(), problem), None);
    let answer = session.send(&call).map_err(|error| (error, None))?;
    if passing(answer.status()) {
        let asked = retry_after(&answer);
        let status = answer.status();
        let codes = codes(answer);
        return Err((session.wrong(doing, Problem::Status { status, codes }), asked));
    }
    let answer = match answer.status() {
        // The registry does not have that range, or no ranges at all: from the beginning.
        416 if partial.count() > 0 => {
            partial.restart().map_err(|error| (error.into(), None))?;
            *inherited = false;
            return Err(wrong(Problem::Broken(
                "the registry cannot go on where it broke off".to_owned(),
            )));
        }
        404 if is_foreign(&descriptor.media_type) => {
            return Err(wrong(Problem::Refused(format!(
                "layer {} is not given out by this registry but by its maker (media type {:?}), where porthole does \
                 not fetch from",
                descriptor.digest, descriptor.media_type
            ))));
        }
        _ => expect(session, &doing, answer, &[200, 206]).map_err(|error| (error, None))?,
    };
    if answer.status() == 206 {
        range_fits(&answer, partial.count(), descriptor.size).map_err(wrong)?;
    } else if partial.count() > 0 {
        partial.restart().map_err(|error| (error.into(), None))?;
        *inherited = false;
    }
    let left = descriptor.size - partial.count();
    let length = answer.response.body().content_length();
    if let Some(length) = length.filter(|length| *length != left) {
        return Err(wrong(Problem::Size {
            expected: descriptor.size,
            actual: partial.count().saturating_add(length),
        }));
    }
    receive(session, descriptor, answer, partial, transferred, stop).map_err(|problem| match problem {
        Ok(problem) => wrong(problem),
        Err(error) => (error, None),
    })
}

/// Appends a body, up to the blob's size and at no slower a pace than the bounds allow.
fn receive(
    session: &Session<'_>,
    descriptor: &Descriptor,
    answer: Answer,
    partial: &mut Partial,
    transferred: &mut u64,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), std::result::Result<Problem, Error>> {
    let bounds = session.bounds();
    let mut body = answer
        .response
        .into_body()
        .into_with_config()
        .limit(u64::MAX)
        .reader();
    let mut buffer = vec![0; PIECE];
    let mut since = (Instant::now(), *transferred);
    loop {
        let read = match body.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Ok(problem(error.into()))),
        };
        if read == 0 {
            break;
        }
        if read as u64 > descriptor.size - partial.count() {
            partial.restart().map_err(|error| Err(error.into()))?;
            return Err(Ok(Problem::TooLong(descriptor.size)));
        }
        partial
            .append(&buffer[..read])
            .map_err(|error| Err(error.into()))?;
        *transferred += read as u64;
        session.progress.event(&Event::At {
            digest: &descriptor.digest,
            bytes: partial.count(),
        });
        if stop() {
            return Err(Ok(Problem::Refused("another blob failed".to_owned())));
        }
        let (begun, at) = since;
        if begun.elapsed() >= bounds.pace_time {
            if *transferred - at < bounds.pace_bytes {
                let seconds = bounds.pace_time.as_secs();
                let said = format!("less than {} bytes in {seconds} s", bounds.pace_bytes);
                return Err(Ok(Problem::Slow(said)));
            }
            since = (Instant::now(), *transferred);
        }
    }
    if partial.count() < descriptor.size {
        return Err(Ok(Problem::Short {
            expected: descriptor.size,
            actual: partial.count(),
        }));
    }
    Ok(())
}

/// Whether a 206 holds the range that was asked for.
fn range_fits(answer: &Answer, from: u64, size: u64) -> Result<(), Problem> {
    let range = answer.header(&CONTENT_RANGE).unwrap_or_default();
    let said = range.strip_prefix("bytes ").and_then(|range| {
        let (span, total) = range.split_once('/')?;
        let (first, last) = span.split_once('-')?;
        Some((
            first.parse::<u64>().ok()?,
            last.parse::<u64>().ok()?,
            total.to_owned(),
        ))
    });
    match said {
        Some((first, last, total))
            if first == from
                && last.checked_add(1) == Some(size)
                && (total == "*" || total == size.to_string()) =>
        {
            Ok(())
        }
        _ => Err(Problem::Refused(
            "the registry answers with another range than was asked for".to_owned(),
        )),
    }
}
