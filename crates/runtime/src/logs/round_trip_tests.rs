//! What goes in comes out: any bytes, however they are chunked, rotated and read.

use proptest::prelude::*;

use super::file::LogFile;
use super::follower::{Heard, Writer};
use super::{Line, Place, Query, Reader, Rotation, Stream};

/// Bytes as programs say them: lines, empty ones, long ones, and anything else.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'x')], 0..30),
        (16_300_usize..16_500).prop_map(|length| vec![b'y'; length]),
        (0_usize..40).prop_map(|length| vec![b'\n'; length]),
    ]
}

fn add(said: &mut [Vec<u8>; 2], line: Line) {
    said[usize::from(line.stream == Stream::Stderr)].extend(line.text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_bytes_come_out_in_their_order(
        pieces in proptest::collection::vec((0_usize..2, piece(), any::<bool>()), 0..12),
        max_bytes in prop_oneof![Just(1_u64), 41..500_u64, Just(10_000), Just(1 << 20)],
    ) {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let rotation = Rotation { max_bytes, max_files: u32::MAX };
        let log = LogFile::open(place.clone(), rotation, |_| {});
        let mut writer = Writer::new(log, &[Stream::Stdout, Stream::Stderr]);
        let mut expected: [Vec<u8>; 2] = Default::default();
        // One that reads meanwhile, and one that reads afterwards.
        let mut following = Reader::open(&place, &Query::default()).unwrap();
        let mut said: [Vec<u8>; 2] = Default::default();
        for (stream, bytes, look) in &pieces {
            expected[*stream].extend_from_slice(bytes);
            writer.hear(Heard::Bytes(*stream, bytes));
            if *look {
                while let Some(line) = following.next().unwrap() {
                    add(&mut said, line);
                }
            }
        }
        writer.finish();
        while let Some(line) = following.next().unwrap() {
            add(&mut said, line);
        }
        for line in following.rest() {
            add(&mut said, line);
        }
        prop_assert!(said == expected, "followed");
        let mut reader = Reader::open(&place, &Query::default()).unwrap();
        let mut said: [Vec<u8>; 2] = Default::default();
        while let Some(line) = reader.next().unwrap() {
            add(&mut said, line);
        }
        for line in reader.rest() {
            add(&mut said, line);
        }
        prop_assert!(said == expected, "read afterwards");
        prop_assert_eq!((reader.unreadable(), reader.missed()), (0, 0));
    }

    #[test]
    fn no_file_makes_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), lines in 0_u64..5) {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        std::fs::create_dir_all(place.directory()).unwrap();
        std::fs::write(place.current(), bytes).unwrap();
        let query = Query { tail: Some(lines), since: Some(std::time::UNIX_EPOCH) };
        let mut reader = Reader::open(&place, &query).unwrap();
        while reader.next().unwrap().is_some() {}
        reader.rest();
    }
}

#[test]
fn a_reader_that_is_too_slow_says_how_many_files_it_missed() {
    let pod = tempfile::tempdir().unwrap();
    let place = Place::new(pod.path(), "c", 0);
    let rotation = Rotation {
        max_bytes: 1,
        max_files: 2,
    };
    let log = LogFile::open(place.clone(), rotation, |_| {});
    let mut writer = Writer::new(log, &[Stream::Stdout]);
    writer.hear(Heard::Bytes(0, b"0\n"));
    let mut reader = Reader::open(&place, &Query::default()).unwrap();
    writer.hear(Heard::Bytes(0, b"1\n2\n3\n4\n"));
    let mut said = Vec::new();
    while let Some(line) = reader.next().unwrap() {
        said.extend(line.text);
    }
    assert_eq!((said.as_slice(), reader.missed()), (&b"0\n3\n4\n"[..], 2));
}
