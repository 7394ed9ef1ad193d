use std::cell::RefCell;

use super::*;

fn file(path: &str, content: &str) -> ContentFile {
    ContentFile {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
        mode: 0o640,
    }
}

fn put(volume: &Path, files: &[ContentFile]) -> String {
    let files: Vec<&ContentFile> = files.iter().collect();
    let noted = RefCell::new(String::new());
    write_all(volume, &files, &|generation| {
        generation.clone_into(&mut noted.borrow_mut());
        Ok(())
    })
    .unwrap();
    noted.into_inner()
}

fn names(volume: &Path) -> Vec<String> {
    let entries = fs::read_dir(volume).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn names_a_generation_after_its_moment() {
    // Windows counts in hundreds of nanoseconds.
    for (seconds, expected) in [
        (0, "..1970_01_01_00_00_00.000000700"),
        (951_782_400, "..2000_02_29_00_00_00.000000700"),
        (1_795_341_600, "..2026_11_22_10_00_00.000000700"),
        (4_102_444_799, "..2099_12_31_23_59_59.000000700"),
    ] {
        let moment = SystemTime::UNIX_EPOCH + Duration::new(seconds, 700);
        assert_eq!(stamp(moment), expected);
    }
}

#[cfg(unix)]
#[test]
fn lays_files_out_as_the_kubelet_does() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = tempfile::tempdir().unwrap();
    let volume = place.path();
    let first = put(volume, &[file("a", "1"), file("d/e/f", "2")]);
    assert_eq!(names(volume), [first.as_str(), "..data", "a", "d"]);
    assert_eq!(fs::read_link(volume.join("..data")).unwrap(), Path::new(&first));
    assert_eq!(fs::read_link(volume.join("a")).unwrap(), Path::new("..data/a"));
    assert_eq!(fs::read_link(volume.join("d")).unwrap(), Path::new("..data/d"));
    assert_eq!(fs::read(volume.join("d/e/f")).unwrap(), b"2");
    let mode = |path: &str| fs::metadata(volume.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a"), mode("d/e"), mode("..data")), (0o640, 0o755, 0o755));
    assert_eq!(generation(volume).unwrap(), first);

    // What is open stays what it was, and what is opened is new.
    let held = fs::File::open(volume.join("a")).unwrap();
    let second = put(volume, &[file("a", "new"), file("g", "3")]);
    assert_ne!(first, second);
    assert_eq!(io::read_to_string(held).unwrap(), "1");
    assert_eq!(fs::read(volume.join("a")).unwrap(), b"new");
    let found = names(volume);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        !found.contains(&"d".to_owned()) && found.contains(&"g".to_owned()),
        "{found:?}"
    );
}

#[cfg(unix)]
#[test]
fn what_a_killed_writer_left_is_neither_seen_nor_kept() {
    let place = tempfile::tempdir().unwrap();
    let volume = place.path();
    put(volume, &[file("a", "1")]);
    let half = volume.join("..2001_01_01_00_00_00.1");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("a"), "half").unwrap();
    std::os::unix::fs::symlink("..2001_01_01_00_00_00.1", volume.join(DATA_NEXT)).unwrap();
    assert_eq!(fs::read(volume.join("a")).unwrap(), b"1");
    let now = put(volume, &[file("a", "2")]);
    assert_eq!(fs::read(volume.join("a")).unwrap(), b"2");
    let found = names(volume);
    assert!(found.len() == 3 && found.contains(&now), "{found:?}");
}

#[test]
fn an_index_that_cannot_be_noted_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let volume = place.path();
    put(volume, &[file("a", "1")]);
    let next = file("a", "2");
    let refused = write_all(volume, &[&next], &|_| Err(io::ErrorKind::StorageFull.into()));
    assert_eq!(refused.unwrap_err().1.kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs::read(volume.join("a")).unwrap(), b"1");
}

#[test]
fn without_links_files_are_replaced_one_by_one() {
    let place = tempfile::tempdir().unwrap();
    let volume = place.path();
    let put = |files: &[ContentFile]| {
        let files: Vec<&ContentFile> = files.iter().collect();
        write_plain(volume, &files, &|generation| {
            assert_eq!(generation, PLAIN);
            Ok(())
        })
        .unwrap();
    };
    put(&[file("a", "1"), file("d/e", "2"), file("x/y", "3")]);
    assert_eq!(generation(volume).unwrap(), PLAIN);
    put(&[file("a", "new"), file("x/z", "4")]);
    assert_eq!(names(volume), ["a", "x"]);
    assert_eq!(names(&volume.join("x")), ["z"]);
    assert_eq!(fs::read(volume.join("a")).unwrap(), b"new");
}
