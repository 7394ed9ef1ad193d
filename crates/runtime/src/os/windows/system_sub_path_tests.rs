//! Parts of volumes on the system that the tests run on. Wine makes no links, so there the parts have none.

use std::fs;
use std::io;

use super::super::sub_path;
use super::*;

#[test]
fn a_part_of_a_volume_is_found_or_made_and_stays_while_it_is_held() {
    let place = tempfile::tempdir().unwrap();
    let volume = place.path().join("volume");
    fs::create_dir_all(volume.join("there")).unwrap();
    fs::write(volume.join(r"there\file"), "x").unwrap();
    let volume_text = volume.to_str().unwrap();
    let find = |wanted: &str| sub_path::find(&Win32, volume_text, Path::new(wanted));

    let file = find("there/file").unwrap();
    assert_eq!(fs::read(&file.path).unwrap(), b"x");
    assert_eq!(file.directories.len(), 1);
    let made = find("there/new/deep").unwrap();
    assert!(volume.join(r"there\new\deep").is_dir());
    // Others may read and write in it, and nobody may put something else into its place.
    fs::write(volume.join(r"there\new\deep\more"), "y").unwrap();
    let moved = fs::rename(volume.join("there"), volume.join("elsewhere"));
    assert!(refused(&moved), "{moved:?}");
    let removed = fs::remove_file(volume.join(r"there\file"));
    assert!(refused(&removed), "{removed:?}");
    drop((file, made));
    fs::remove_file(volume.join(r"there\file")).unwrap();
    fs::rename(volume.join("there"), volume.join("elsewhere")).unwrap();

    for (wanted, reason) in [
        (r"..\volume", "subPath"),
        ("elsewhere/new/deep/more/x", "is no directory"),
    ] {
        let error = find(wanted).unwrap_err();
        assert!(error.contains(reason), "{wanted}: {error}");
    }
}

/// `ERROR_SHARING_VIOLATION`, or `ERROR_ACCESS_DENIED` for what lies above.
fn refused(done: &io::Result<()>) -> bool {
    matches!(done, Err(error) if matches!(error.raw_os_error(), Some(5 | 32)))
}

#[test]
fn a_link_in_a_volume_leads_no_further_than_the_volume() {
    let place = tempfile::tempdir().unwrap();
    let volume = place.path().join("volume");
    let generation = volume.join("..2026_11_22_09_00_00.1");
    fs::create_dir_all(&generation).unwrap();
    fs::write(generation.join("app.conf"), "x").unwrap();
    let made = std::os::windows::fs::symlink_dir("..2026_11_22_09_00_00.1", volume.join("..data"));
    if made.is_err() || !volume.join("..data").is_symlink() {
        // Wine, or an account without the privilege: there is no link to follow.
        assert!(!volume.join("..data").exists());
        return;
    }
    std::os::windows::fs::symlink_file(r"..data\app.conf", volume.join("app.conf")).unwrap();
    std::os::windows::fs::symlink_dir(place.path(), volume.join("out")).unwrap();
    let find = |wanted: &str| sub_path::find(&Win32, volume.to_str().unwrap(), Path::new(wanted));
    let part = find("app.conf").unwrap();
    assert_eq!(Path::new(&part.path), generation.join("app.conf"));
    assert!(find("out/volume").is_ok(), "it leads back into the volume");
    let error = find("out").unwrap_err();
    assert!(error.contains("leads out of the volume"), "{error}");
}
