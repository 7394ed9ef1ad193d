use super::super::api::Host as _;
use super::super::fake::Fake;
use super::*;

#[test]
fn a_sub_path_is_found_or_made_and_follows_no_link() {
    let fake = Fake::new();
    fake.directory(r"C:\data");
    fake.directory(r"C:\data\there");
    fake.file(r"C:\data\there\file");
    fake.link(r"C:\data\link");
    for (part, expected) in [
        (r"there\file", r"C:\data\there\file"),
        ("there/new/deep", r"C:\data\there\new\deep"),
    ] {
        let found = sub_path(&*fake, r"C:\data\", Path::new(part));
        assert_eq!(found.as_deref(), Ok(expected), "{part}");
    }
    assert!(fake.is_directory(r"C:\data\there\new\deep"));
    for (part, reason) in [
        (r"link\x", "follows none on Windows"),
        (r"there\file\x", "is no directory"),
        (r"..\x", "subPath"),
        ("there:stream", "subPath"),
        (r"\x", "subPath"),
    ] {
        let error = sub_path(&*fake, r"C:\data", Path::new(part)).unwrap_err();
        assert!(error.contains(reason), "{part}: {error}");
    }
}
