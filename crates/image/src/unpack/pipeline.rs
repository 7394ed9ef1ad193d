//! Reading a layer on three threads: blob → (hash, inflate) → (hash) → whoever takes the archive.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use flate2::bufread::MultiGzDecoder;

use super::zstd::Frames;
use super::{Compression, LayerError};
use crate::Digest;
use crate::digest::{Hasher, Hashing};

/// Bytes of one buffer, and how many go round: 2 MiB in all.
const CHUNK: usize = 256 << 10;
const CHUNKS: usize = 8;

struct Chunk {
    bytes: Vec<u8>,
    filled: usize,
}

/// The archive, as it comes out of the hashing thread.
pub(super) struct Archive {
    incoming: Receiver<Chunk>,
    empties: Sender<Chunk>,
    current: Option<Chunk>,
    position: usize,
    left: u64,
    limit: u64,
}

/// The digests of a layer that was read to its end.
pub(super) struct Digests {
    pub(super) blob: Digest,
    pub(super) archive: Digest,
}

/// Hands the archive in a blob to `take`, which must read it to its end or fail.
pub(super) fn run<T>(
    blob: File,
    compression: Compression,
    limit: u64,
    take: impl FnOnce(Archive) -> Result<T, LayerError>,
) -> Result<(T, Digests), LayerError> {
    let (to_hasher, from_reader) = sync_channel(CHUNKS);
    let (to_taker, incoming) = sync_channel(CHUNKS);
    let (empties, from_taker) = channel();
    for _ in 0..CHUNKS {
        // The buffers are made where they are first filled.
        let _ = empties.send(Chunk {
            bytes: Vec::new(),
            filled: 0,
        });
    }
    thread::scope(|scope| {
        let reader = scope.spawn(move || read(blob, compression, &from_taker, &to_hasher));
        let hasher = scope.spawn(move || hash(&from_reader, &to_taker));
        let taken = take(Archive {
            incoming,
            empties,
            current: None,
            position: 0,
            left: limit,
            limit,
        });
        // A failed reader makes the archive look short; its own error says more.
        let blob = reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(LayerError::Read)?;
        let archive = hasher
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let taken = taken?;
        Ok((taken, Digests { blob, archive }))
    })
}

/// Reads to the end, or until nobody takes any more. The digest covers all of the blob in the first case only.
fn read(
    blob: File,
    compression: Compression,
    empties: &Receiver<Chunk>,
    full: &SyncSender<Chunk>,
) -> io::Result<Digest> {
    let hashing = Hashing::new(blob);
    let Hashing { hasher, .. } = match compression {
        Compression::None => {
            let mut reader = hashing;
            pump(&mut reader, empties, full)?;
            reader
        }
        Compression::Gzip => {
            let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(CHUNK / 2, hashing));
            pump(&mut decoder, empties, full)?;
            let mut rest = decoder.into_inner();
            while !rest.fill_buf()?.is_empty() {
                rest.consume(rest.buffer().len());
            }
            rest.into_inner()
        }
        Compression::Zstd => {
            let mut frames = Frames::new(BufReader::with_capacity(CHUNK / 2, hashing));
            pump(&mut frames, empties, full)?;
            let Some(mut rest) = frames.into_inner() else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            while !rest.fill_buf()?.is_empty() {
                rest.consume(rest.buffer().len());
            }
            rest.into_inner()
        }
    };
    Ok(hasher.finish())
}

fn pump(reader: &mut impl Read, empties: &Receiver<Chunk>, full: &SyncSender<Chunk>) -> io::Result<()> {
    while let Ok(mut chunk) = empties.recv() {
        chunk.bytes.resize(CHUNK, 0);
        chunk.filled = 0;
        let mut ended = false;
        while chunk.filled < CHUNK && !ended {
            match reader.read(&mut chunk.bytes[chunk.filled..]) {
                Ok(0) => ended = true,
                Ok(read) => chunk.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if full.send(chunk).is_err() || ended {
            return Ok(());
        }
    }
    Ok(())
}

fn hash(incoming: &Receiver<Chunk>, outgoing: &SyncSender<Chunk>) -> Digest {
    let mut hasher = Hasher::new();
    while let Ok(chunk) = incoming.recv() {
        hasher.update(&chunk.bytes[..chunk.filled]);
        if outgoing.send(chunk).is_err() {
            break;
        }
    }
    hasher.finish()
}

impl BufRead for Archive {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self
            .current
            .as_ref()
            .is_none_or(|chunk| self.position == chunk.filled)
        {
            if let Some(empty) = self.current.take() {
                // The reader may have ended; then nobody needs the buffer.
                let _ = self.empties.send(empty);
            }
            self.position = 0;
            let Ok(chunk) = self.incoming.recv() else {
                return Ok(&[]);
            };
            self.left = self.left.checked_sub(chunk.filled as u64).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it holds more than {} bytes", self.limit),
                )
            })?;
            self.current = Some(chunk);
        }
        Ok(self
            .current
            .as_ref()
            .map_or(&[], |chunk| &chunk.bytes[self.position..chunk.filled]))
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let step = available.len().min(buffer.len());
        buffer[..step].copy_from_slice(&available[..step]);
        self.consume(step);
        Ok(step)
    }
}
