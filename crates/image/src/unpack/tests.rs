//! Hostile layers: each one clear error, and nothing outside the target.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Form, Hidden, LayerError, Limits, write};

/// One member as the `tar` crate writes it, unchecked names included.
fn member(name: &[u8], kind: u8, link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &str) -> Vec<u8> {
    member(name.as_bytes(), b'0', b"", content.as_bytes())
}

fn unpack(archive: &[u8], form: Form) -> (tempfile::TempDir, Result<Hidden, LayerError>) {
    let directory = tempfile::tempdir().unwrap();
    let result = write(archive, form, &directory.path().join("root"), &Limits::default());
    (directory, result)
}

fn refused(archive: &[u8], windows: bool) -> String {
    let (directory, result) = unpack(archive, Form::plain(windows));
    let outside: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(outside, ["root"], "something was written outside the target");
    result.unwrap_err().to_string()
}

#[test]
fn rejects_paths_that_lead_out_of_the_layer() {
    for (name, message) in [
        ("/etc/passwd", "entry \"/etc/passwd\" is an absolute path"),
        ("../up", "entry \"../up\" leaves the layer by a .. component"),
        (
            "a/../../up",
            "entry \"a/../../up\" leaves the layer by a .. component",
        ),
        // On Windows a name that ends in a dot is refused before it is looked at as a whiteout.
        #[cfg(unix)]
        (
            ".wh...",
            "entry \".wh...\" is a whiteout of \"..\", which is no name",
        ),
        (".wh.a/b", "entry \".wh.a/b\" is below a whiteout"),
    ] {
        assert_eq!(refused(&file(name, "x"), false), message);
    }
}

#[cfg(unix)]
#[test]
fn rejects_ways_through_symbolic_links() {
    for target in ["..", "/tmp", "d"] {
        let link = member(b"link", b'2', target.as_bytes(), b"");
        let through = "entry \"link\" passes through \"link\", which is no directory";
        assert_eq!(
            refused(&[link.clone(), file("link/up", "x")].concat(), false),
            through
        );
        assert_eq!(
            refused(
                &[link.clone(), member(b"link/up/", b'5', b"", b"")].concat(),
                false
            ),
            through
        );
        let hard = member(b"hard", b'1', b"link/passwd", b"");
        assert_eq!(
            refused(&[link, hard].concat(), false),
            "entry \"hard\" is a hard link to \"link/passwd\", which is not in a directory of this layer"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_file_replaces_a_link_and_does_not_write_through_it() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let link = member(b"a", b'2', outside.path().to_str().unwrap().as_bytes(), b"");
    let (directory, result) = unpack(&[link, file("a", "content")].concat(), Form::plain(false));
    result.unwrap();
    assert_eq!(fs::read_to_string(outside.path()).unwrap(), "");
    assert_eq!(
        fs::read_to_string(directory.path().join("root/a")).unwrap(),
        "content"
    );
}

#[test]
fn rejects_devices_hard_links_to_nothing_and_unknown_kinds() {
    for (kind, link, message) in [
        (
            b'3',
            &b""[..],
            "entry \"x\" is a character device, which no container gets from an image",
        ),
        (
            b'4',
            b"",
            "entry \"x\" is a block device, which no container gets from an image",
        ),
        (
            b'6',
            b"",
            "entry \"x\" is a FIFO, which no container gets from an image",
        ),
        (
            b'1',
            b"missing",
            "entry \"x\" is a hard link to \"missing\", which is not in this layer before it",
        ),
        (
            b'1',
            b"x",
            "entry \"x\" is a hard link to \"x\", which is no other file of the layer",
        ),
        (
            b'1',
            b"../x",
            "entry \"x\" is a hard link to \"../x\", which leaves the layer by a .. component",
        ),
        (
            b'1',
            b"/etc/passwd",
            "entry \"x\" is a hard link to \"/etc/passwd\", which is an absolute path",
        ),
        (
            b'S',
            b"",
            "entry \"x\" is of type 'S', a sparse file, which porthole does not read",
        ),
        (b'Z', b"", "entry \"x\" is of type 'Z', which is not known"),
    ] {
        let message = if cfg!(windows) {
            message.replace("which is not in a directory", "which is not")
        } else {
            message.to_owned()
        };
        assert_eq!(refused(&member(b"x", kind, link, b""), false), message);
    }
}

#[test]
fn rejects_hostile_sizes_and_truncated_archives() {
    let mut huge = member(b"x", b'0', b"", b"");
    huge[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    seal(&mut huge);
    assert!(
        refused(&huge, false).starts_with("the size of a file is "),
        "{}",
        refused(&huge, false)
    );
    let mut header = member(b"x", b'x', b"", b"");
    header[124..136].copy_from_slice(b"77777777777\0");
    seal(&mut header);
    assert!(refused(&header, false).starts_with("the size of a member's headers is "));
    let whole = file("x", &"y".repeat(2000));
    let message = refused(&whole[..1500], false);
    assert_eq!(message, "read and decompress the layer");
    assert_eq!(
        refused(&whole[..100], false),
        "the archive ends in the middle of a header"
    );
    let mut corrupt = whole;
    corrupt[0] = b'z';
    assert_eq!(
        refused(&corrupt, false),
        "header number 1 is corrupt: its checksum is wrong"
    );
}

fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn rejects_names_that_windows_would_change() {
    for (name, reason) in [
        (
            "Files/nul.txt",
            "contains \"nul.txt\", which is a device on Windows",
        ),
        ("Files/a:b", "names an alternate stream or a drive with a colon"),
        (
            "Files/a\\b",
            "contains a backslash, which separates directories on Windows",
        ),
        (
            "Files/a.",
            "has a component that ends in a dot or a blank, which Windows removes",
        ),
        (
            "etc/a",
            "is below \"etc\", but a layer for Windows has only Files, Hives and UtilityVM at its top",
        ),
    ] {
        assert_eq!(refused(&file(name, ""), true), format!("entry {name:?} {reason}"));
    }
    let both = [file("Files/A/x", ""), file("Files/a/y", "")].concat();
    assert_eq!(
        refused(&both, true),
        "entry \"Files/a/y\" collides: \"a\" is also there in another case"
    );
}

#[test]
fn takes_the_files_of_a_windows_layer_without_hives() {
    let archive = [
        member(b"Files/", b'5', b"", b""),
        member(b"Hives/", b'5', b"", b""),
        file("Hives/System_Delta", "x"),
        file("UtilityVM/Files/x", "x"),
        file("Files/Windows/System32/config/SAM", "x"),
        file("Files/app.exe", "MZ"),
        member(b"Files/again.exe", b'1', b"Files/app.exe", b""),
    ]
    .concat();
    let (directory, result) = unpack(&archive, Form::plain(true));
    result.unwrap();
    let root = directory.path().join("root");
    assert_eq!(fs::read_to_string(root.join("again.exe")).unwrap(), "MZ");
    assert!(!root.join("Hives").exists());
    assert!(!root.join("Windows/System32/config/SAM").exists());
}

#[test]
fn limits_hold() {
    let archive: Vec<u8> = (0..20)
        .flat_map(|number| file(&format!(".wh.{number}"), ""))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let few = Limits {
        hidden: 10,
        ..Limits::default()
    };
    let error = write(
        &archive[..],
        Form::plain(false),
        &directory.path().join("a"),
        &few,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the layer has more than 10 whiteouts");
    let mut few = Limits::default();
    few.tar.entries = 10;
    let error = write(
        &archive[..],
        Form::plain(false),
        &directory.path().join("b"),
        &few,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the number of entries is 11, at most 10 is read"
    );
}

/// What a model says of a layer: paths to contents, `None` a directory.
type Model = std::collections::BTreeMap<String, Option<String>>;

fn listing(root: &Path, prefix: &str, model: &mut Model) {
    for entry in fs::read_dir(root.join(prefix)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        if entry.file_type().unwrap().is_dir() {
            model.insert(path.clone(), None);
            listing(root, &path, model);
        } else {
            model.insert(path, Some(fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

/// Puts an entry into the model as a layer does: parents appear, other things of that name go.
fn put(model: &mut Model, path: &str, content: Option<&str>) -> bool {
    for (index, _) in path.match_indices('/') {
        if matches!(model.get(&path[..index]), Some(Some(_))) {
            return false;
        }
        model.entry(path[..index].to_owned()).or_insert(None);
    }
    if content.is_some() {
        model.retain(|known, _| known != path && !known.starts_with(&format!("{path}/")));
    }
    model.insert(path.to_owned(), content.map(str::to_owned));
    true
}

#[derive(Clone, Debug)]
enum Step {
    File(String, String),
    Directory(String),
    Whiteout(String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let path = proptest::collection::vec("[ab]", 1..4).prop_map(|parts| parts.join("/"));
    let step = prop_oneof![
        (path.clone(), "[xy]{0,3}").prop_map(|(path, content)| Step::File(path, content)),
        path.clone().prop_map(Step::Directory),
        path.prop_map(Step::Whiteout),
    ];
    proptest::collection::vec(step, 0..8)
}

proptest! {
    #[test]
    fn layers_merge_as_a_model_says(layers in proptest::collection::vec(steps(), 1..4)) {
        let directory = tempfile::tempdir().unwrap();
        let mut expected = Model::new();
        let mut merged = directory.path().join("empty");
        fs::create_dir(&merged).unwrap();
        for (number, layer) in layers.iter().enumerate() {
            let mut own = Model::new();
            let mut archive = Vec::new();
            let mut whiteouts = Vec::new();
            for step in layer {
                match step {
                    Step::File(path, content) if put(&mut own, path, Some(content)) => archive.extend(file(path, content)),
                    Step::Directory(path) if put(&mut own, path, None) => {
                        archive.extend(member(format!("{path}/").as_bytes(), b'5', b"", b""));
                    }
                    Step::Whiteout(path) => {
                        let (parent, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(p, n)| (p, n));
                        let slash = if parent.is_empty() { "" } else { "/" };
                        archive.extend(file(&format!("{parent}{slash}.wh.{name}"), ""));
                        whiteouts.push(path.clone());
                    }
                    _ => {}
                }
            }
            for path in whiteouts {
                expected.retain(|known, _| *known != path && !known.starts_with(&format!("{path}/")));
            }
            for (path, content) in &own {
                if content.is_some() {
                    put(&mut expected, path, content.as_deref());
                } else {
                    // A directory over a file replaces it.
                    if matches!(expected.get(path), Some(Some(_))) {
                        expected.remove(path);
                    }
                    expected.entry(path.clone()).or_insert(None);
                }
            }
            let upper = directory.path().join(number.to_string());
            let hidden = write(&archive[..], Form::plain(false), &upper, &Limits::default()).unwrap();
            super::merge(&merged, &upper, &hidden).unwrap();
            merged = upper;
        }
        let mut found = Model::new();
        listing(&merged, "", &mut found);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn never_panics_and_never_leaves_the_target(mut archive in proptest::collection::vec(any::<u8>(), 0..2048), fix in any::<bool>()) {
        if fix && archive.len() >= 512 {
            archive[257..265].copy_from_slice(b"ustar\x0000");
            seal(&mut archive);
        }
        let (directory, _) = unpack(&archive, Form::plain(false));
        prop_assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

/// A pax header with one record.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length.to_string().len() + rest.len() != length {
        length = length.to_string().len() + rest.len();
    }
    member(b"pax", b'x', b"", format!("{length}{rest}").as_bytes())
}

#[test]
fn rejects_the_owner_that_the_system_takes_for_no_change() {
    for key in ["uid", "gid"] {
        let archive = [pax(key, "4294967295"), file("setuid", "x")].concat();
        assert_eq!(
            refused(&archive, false),
            "header number 2 is corrupt: the owner is none"
        );
    }
    let mut header = file("setuid", "");
    header[108..116].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(
        refused(&header, false),
        "header number 1 is corrupt: the owner is none"
    );
}

#[test]
fn bounds_all_headers_of_a_member_together() {
    let value = "v".repeat(500_000);
    let mut archive = Vec::new();
    for number in 0..3 {
        archive.extend(pax(&format!("SCHILY.xattr.user.{number}"), &value));
    }
    archive.extend(file("f", "x"));
    let error = refused(&archive, false);
    assert!(
        error.starts_with("the size of a member's headers is 15000"),
        "{error}"
    );
    let names = member(b"name", b'L', b"", b"f").repeat(3000);
    let error = refused(&[names, file("f", "x")].concat(), false);
    assert!(error.starts_with("the size of a member's headers is"), "{error}");
}

#[test]
fn rejects_attributes_that_no_file_can_have() {
    let many: Vec<u8> = (0..300)
        .flat_map(|number| pax(&format!("SCHILY.xattr.user.{number}"), ""))
        .collect();
    let error = refused(&[many, file("f", "x")].concat(), false);
    assert!(
        error.ends_with("more extended attributes than a file can have"),
        "{error}"
    );
    for name in ["", "user.a\0b", &"n".repeat(256)] {
        let error = refused(
            &[pax(&format!("SCHILY.xattr.{name}"), ""), file("f", "x")].concat(),
            false,
        );
        assert!(error.ends_with("a name that none can have"), "{error}");
    }
}

#[test]
fn errors_show_the_start_of_an_endless_name() {
    let error = refused(
        &[pax("path", &"n".repeat(900_000)), file("f", "x")].concat(),
        false,
    );
    assert!(
        error.len() < 700 && error.contains("is longer than 4095 bytes"),
        "{error}"
    );
}
