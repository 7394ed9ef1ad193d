use std::sync::Arc;

use super::super::api::Host as _;
use super::super::fake::{Call, Fake};
use super::*;

/// A volume `C:\v` with a directory and a file in it, and a directory of the host beside it.
fn host() -> Arc<Fake> {
    let fake = Fake::new();
    for directory in [r"C:\v", r"C:\v\there", r"C:\outside", r"C:\outside\file"] {
        fake.directory(directory);
    }
    fake.file(r"C:\v\there\file");
    fake
}

fn found(fake: &Fake, wanted: &str) -> Result<String, String> {
    find(fake, r"C:\v\", Path::new(wanted)).map(|part| part.path)
}

#[test]
fn is_found_or_made_and_held() {
    let fake = host();
    for (wanted, expected) in [
        (r"there\file", r"C:\v\there\file"),
        ("there", r"C:\v\there"),
        ("there/new/deep", r"C:\v\there\new\deep"),
    ] {
        assert_eq!(found(&fake, wanted).as_deref(), Ok(expected), "{wanted}");
    }
    assert!(fake.is_directory(r"C:\v\there\new\deep"));
    let part = find(&*fake, r"C:\v", Path::new("there/new/deep")).unwrap();
    assert_eq!(part.directories.len(), 3, "each directory on the way, and itself");
    assert_eq!(fake.open_handles(), 3);
    drop(part);
    assert_eq!(fake.open_handles(), 0);
}

#[test]
fn what_is_held_can_be_read_and_written_and_not_renamed_or_removed() {
    let fake = host();
    find(&*fake, r"C:\v", Path::new("there/file")).unwrap();
    let held = [r"C:\v\there", r"C:\v\there\file"].map(|path| Call::OpenFile {
        path: path.to_owned(),
        access: 0x1 | 0x80 | 0x10_0000,
        share: 0x1 | 0x2,
        flags: 0x200_0000 | 0x20_0000,
    });
    let calls = fake.calls();
    assert_eq!(calls[calls.len() - 2..], held);
}

#[test]
fn a_key_of_a_config_map_is_the_file_that_its_links_lead_to() {
    let fake = host();
    fake.directory(r"C:\v\..2026_11_22_09_00_00.1");
    fake.file(r"C:\v\..2026_11_22_09_00_00.1\app.conf");
    fake.link_to(r"C:\v\..data", r"C:\v\..2026_11_22_09_00_00.1");
    fake.link_to(r"C:\v\app.conf", r"C:\v\..data\app.conf");
    let part = find(&*fake, r"C:\v", Path::new("app.conf")).unwrap();
    assert_eq!(part.path, r"C:\v\..2026_11_22_09_00_00.1\app.conf");
    assert_eq!(part.directories.len(), 1, "the directory of its generation");
}

#[test]
fn the_volume_s_own_path_may_have_links() {
    let fake = host();
    fake.link_to(r"C:\linked", r"C:\v");
    let part = find(&*fake, r"C:\linked", Path::new("there/file")).unwrap();
    assert_eq!(part.path, r"C:\linked\there\file");
}

#[test]
fn is_never_led_out_of_the_volume() {
    for (wanted, reason) in [
        ("out", "leads out of the volume"),
        (r"out\file", "leads out of the volume"),
        ("out/new", "leads out of the volume"),
        ("dangling", "is a link that leads nowhere"),
        ("dangling/x", "is a link that leads nowhere"),
        (r"there\file\x", "is no directory"),
        ("loop", "resolve subPath"),
        (r"..\x", "subPath"),
        ("there:stream", "subPath"),
        (r"\x", "is no path in the volume"),
    ] {
        let fake = host();
        fake.link_to(r"C:\v\out", r"C:\outside");
        fake.link_to(r"C:\v\dangling", r"C:\none");
        fake.link_to(r"C:\v\loop", r"C:\v\loop");
        let error = found(&fake, wanted).unwrap_err();
        assert!(error.contains(reason), "{wanted}: {error}");
        assert_eq!(fake.open_handles(), 0, "{wanted}");
        assert!(!fake.is_directory(r"C:\none") && !fake.is_directory(r"C:\outside\new"));
    }
}

#[test]
fn a_directory_that_is_made_a_link_meanwhile_is_an_error() {
    // The volume and the part are resolved, then each of its names is opened.
    for (moment, path) in [(2, r"C:\v\there"), (3, r"C:\v\there"), (3, r"C:\v\there\file")] {
        let fake = host();
        fake.link_at_open(moment, path, r"C:\outside");
        let error = found(&fake, "there/file").unwrap_err();
        assert!(
            error.contains("was made one just now"),
            "{moment} {path}: {error}"
        );
        assert_eq!(fake.open_handles(), 0);
    }
}
