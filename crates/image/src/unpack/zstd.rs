//! Layers that are compressed by zstd: frames one after the other, as RFC 8878 has them.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The most that a frame may make its reader keep: what the `zstd` program reads without being told otherwise. Builders of
/// images need 8 MiB.
const WINDOW: u64 = 128 << 20;

/// Reads what frames hold, and passes over those that hold nothing for a reader.
pub(super) struct Frames<R: BufRead> {
    state: State<R>,
}

enum State<R: BufRead> {
    Between(R),
    Within(R, Box<FrameDecoder>),
    /// A frame could not be begun.
    Broken,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            state: State::Between(source),
        }
    }

    /// What was read from; nothing after an error.
    pub(super) fn into_inner(self) -> Option<R> {
        match self.state {
            State::Between(source) | State::Within(source, _) => Some(source),
            State::Broken => None,
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Broken) {
                State::Broken => return Err(io::Error::other("it was broken off")),
                State::Within(mut source, mut decoder) => {
                    while decoder.can_collect() == 0 && !decoder.is_finished() {
                        decoder
                            .decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1))
                            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                    }
                    match decoder.read(buffer)? {
                        0 => State::Between(source),
                        read => {
                            self.state = State::Within(source, decoder);
                            return Ok(read);
                        }
                    }
                }
                State::Between(mut source) => {
                    if source.fill_buf()?.is_empty() {
                        self.state = State::Between(source);
                        return Ok(0);
                    }
                    begin(source)?
                }
            };
        }
    }
}

/// Begins the next frame, or passes over it.
fn begin<R: BufRead>(mut source: R) -> io::Result<State<R>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    match decoder.init(&mut source) {
        Ok(()) => {}
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let length = u64::from(length);
            let passed = io::copy(&mut source.by_ref().take(length), &mut io::sink())?;
            if passed < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(State::Between(source));
        }
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
    Ok(State::Within(source, Box::new(decoder)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    /// What `printf hello | zstd -19 --no-check` writes.
    const HELLO: &[u8] = &[
        0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x29, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
    ];

    /// A frame that holds nothing for a reader, with these bytes in it.
    fn skippable(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [&[0x50, 0x2a, 0x4d, 0x18][..], &length, bytes].concat()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Frames::new(bytes).read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn frames_are_read_one_after_the_other() {
        let long: Vec<u8> = (0..300_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect();
        let all = [
            HELLO,
            &skippable(b"a note"),
            &compress_to_vec(long.as_slice(), CompressionLevel::Fastest),
            &skippable(b""),
        ]
        .concat();
        assert!(read(&all).unwrap() == [b"hello".as_slice(), &long].concat());
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn half_a_frame_and_what_is_none_are_errors() {
        for cut in 1..HELLO.len() {
            assert!(read(&HELLO[..cut]).is_err(), "{cut}");
        }
        assert!(read(&[HELLO, b"garbage after it"].concat()).is_err());
        let note = skippable(b"a note");
        assert!(read(&note[..note.len() - 1]).is_err());
        // Magic, descriptor without a content size, and a window of 2^41 bytes.
        assert!(read(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0, 0, 0, 0]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), cut in 0..200_usize) {
            let _ = read(&bytes);
            let mut odd = compress_to_vec(&[7_u8; 500][..], CompressionLevel::Fastest);
            let length = odd.len();
            for (place, byte) in bytes.iter().take(3).enumerate() {
                odd[(cut + place) % length] ^= byte;
            }
            let _ = read(&odd);
        }
    }
}
