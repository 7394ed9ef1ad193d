//! The store as its callers see it.

use std::fs;
use std::io::Write as _;
use std::path::{MAIN_SEPARATOR_STR, Path};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::oci::{CONFIG, Configuration, Container, Descriptor, LAYER_GZIP, MANIFEST, Manifest, RootFs};
use crate::tar::{Facts, Writer};
use crate::{Digest, Error, Platform, Store};

/// A layer of files and directories (which end in a slash), as gzip-compressed tar and its diff ID.
fn layer(entries: &[(&str, &str)]) -> (Vec<u8>, Digest) {
    let mut tar = Writer::new(Vec::new());
    for (path, content) in entries {
        let facts = match path.strip_suffix('/') {
            Some(_) => Facts::directory(0o755),
            None => Facts::file(0o644, content.len() as u64),
        };
        tar.entry(path.trim_end_matches('/'), &facts, content.as_bytes())
            .unwrap();
    }
    let archive = tar.finish().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&archive).unwrap();
    (gzip.finish().unwrap(), Digest::of(&archive))
}

fn put(store: &Store, media_type: &str, bytes: &[u8]) -> Descriptor {
    let mut blob = store.blob_writer().unwrap();
    blob.write_all(bytes).unwrap();
    let (digest, size) = blob.finish().unwrap();
    Descriptor::new(media_type, digest, size)
}

/// An image of those layers in the store.
fn image(store: &Store, name: &str, os: &str, layers: &[(Vec<u8>, Digest)]) -> Descriptor {
    let blobs = layers
        .iter()
        .map(|(blob, _)| put(store, LAYER_GZIP, blob))
        .collect();
    let configuration = Configuration {
        created: None,
        architecture: "amd64".to_owned(),
        os: os.to_owned(),
        config: Some(Container {
            env: Some(vec!["A=b=c".to_owned(), "BARE".to_owned()]),
            ..Container::default()
        }),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|(_, diff_id)| diff_id.clone()).collect(),
        },
    };
    let config = store.put_document(CONFIG, &configuration).unwrap();
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config,
        layers: blobs,
    };
    let target = store.put_document(MANIFEST, &manifest).unwrap();
    store.set_name(name, &target).unwrap();
    target
}

fn files_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn resolves_a_name_for_its_platform_only() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    image(&store, "ping", "linux", &[layer(&[("a", "1")])]);
    let found = store.resolve("ping", &Platform::linux_amd64()).unwrap().unwrap();
    assert_eq!(
        found.config.env,
        [
            ("A".to_owned(), "b=c".to_owned()),
            ("BARE".to_owned(), String::new())
        ]
    );
    assert!(store.resolve("pong", &Platform::linux_amd64()).unwrap().is_none());
    let error = store.resolve("ping", &Platform::windows_amd64()).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"image "ping" is not for windows/amd64; it is for linux/amd64"#
    );
}

#[test]
fn unpacks_each_layer_once_and_removes_it_with_the_image() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let shared = layer(&[("a", "1")]);
    image(&store, "one", "linux", &[shared.clone(), layer(&[("b", "2")])]);
    image(&store, "two", "linux", &[shared]);
    let one = store.resolve("one", &Platform::linux_amd64()).unwrap().unwrap();
    let unpacked = store.unpacked_layers(&one).unwrap();
    assert_eq!(fs::read_to_string(unpacked.paths()[0].join("a")).unwrap(), "1");
    assert_eq!(fs::read_to_string(unpacked.paths()[1].join("b")).unwrap(), "2");

    let held = store.remove("one").unwrap();
    assert_eq!(
        (held.layers, held.layers_in_use),
        (0, 1),
        "a container still uses the layer"
    );
    assert!(unpacked.paths()[1].join("b").exists());
    drop(unpacked);
    let freed = store.collect_garbage().unwrap();
    assert_eq!((freed.layers, freed.layers_in_use), (1, 0));
    let two = store.resolve("two", &Platform::linux_amd64()).unwrap().unwrap();
    assert!(store.unpacked_layers(&two).unwrap().paths()[0].join("a").exists());

    store.remove("two").unwrap();
    assert_eq!(
        files_below(root.path()),
        [root.path().join("lock").display().to_string()]
    );
}

#[test]
fn unpack_applies_whiteouts_of_later_layers() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(&root.path().join("store")).unwrap();
    let layers = [
        layer(&[
            ("d/", ""),
            ("d/old", "1"),
            ("d/kept", "1"),
            ("gone", "1"),
            ("o/", ""),
            ("o/below", "1"),
        ]),
        layer(&[
            ("d/", ""),
            ("d/.wh.old", ""),
            ("d/new", "2"),
            (".wh.gone", ""),
            ("o/.wh..wh..opq", ""),
            ("o/top", "2"),
        ]),
    ];
    image(&store, "i", "linux", &layers);
    let found = store.resolve("i", &Platform::linux_amd64()).unwrap().unwrap();
    let target = root.path().join("target");
    store.unpack(&found, &target).unwrap();
    let mut files = files_below(&target);
    files.sort();
    let expected: Vec<String> = ["d/kept", "d/new", "o/top"]
        .iter()
        .map(|path| {
            target
                .join(path.replace('/', MAIN_SEPARATOR_STR))
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(files, expected);
    assert!(matches!(
        store.unpack(&found, &target),
        Err(Error::NotEmpty { .. })
    ));
}

#[test]
fn corrupt_blobs_are_named_and_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let (blob, diff_id) = layer(&[("a", "1")]);
    let other = Digest::of(b"something else");
    image(&store, "diff", "linux", &[(blob.clone(), other)]);
    let found = store.resolve("diff", &Platform::linux_amd64()).unwrap().unwrap();
    let error = store.unpacked_layers(&found).unwrap_err();
    let Error::Layer { source, .. } = error else {
        panic!("{error}")
    };
    assert!(
        source.to_string().contains(&format!("its diff ID is {diff_id}")),
        "{source}"
    );

    image(&store, "blob", "linux", &[(blob.clone(), diff_id)]);
    let found = store.resolve("blob", &Platform::linux_amd64()).unwrap().unwrap();
    let mut wrong = blob.clone();
    wrong[4] ^= 1; // the gzip header's time, which changes no content
    fs::write(store.blob_path(&Digest::of(&blob)), wrong).unwrap();
    let error = store.unpacked_layers(&found).unwrap_err();
    let Error::Layer { source, .. } = error else {
        panic!("{error}")
    };
    assert!(source.to_string().starts_with("the layer is corrupt"), "{source}");
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(root.path().join("layers")).unwrap().count(), 0);
}

#[test]
fn a_broken_document_is_an_error_and_can_be_removed() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let target = image(&store, "i", "linux", &[layer(&[("a", "1")])]);
    let path = store.blob_path(&target.digest);
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("schemaVersion", "schemaversion");
    fs::write(&path, text).unwrap();
    let error = store.resolve("i", &Platform::linux_amd64()).unwrap_err();
    assert!(matches!(error, Error::CorruptBlob { .. }), "{error}");
    assert_eq!(store.list().unwrap()[0].platforms, []);
    store.remove("i").unwrap();
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn removing_an_unknown_name_says_so() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let error = store.remove("nothing").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no image \"nothing\" in the store at "),
        "{error}"
    );
}

#[test]
fn concurrent_callers_get_the_same_layer() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let content = "x".repeat(100_000);
    image(&store, "i", "linux", &[layer(&[("a", &content)])]);
    let found = store.resolve("i", &Platform::linux_amd64()).unwrap().unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.unpacked_layers(&found).unwrap()))
            .collect();
        for caller in callers {
            let unpacked = caller.join().unwrap();
            assert_eq!(
                fs::read_to_string(unpacked.paths()[0].join("a")).unwrap(),
                content
            );
        }
    });
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn what_a_crash_left_is_swept_by_the_next_who_adds() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    fs::create_dir_all(root.path().join("tmp/left/fs")).unwrap();
    fs::write(root.path().join("tmp/half"), "a blob").unwrap();
    image(&store, "i", "linux", &[layer(&[("a", "1")])]);
    let found = store.resolve("i", &Platform::linux_amd64()).unwrap().unwrap();
    store.unpacked_layers(&found).unwrap();
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
}

/// A layout directory whose index lists `targets`, with those documents as blobs.
fn layout(root: &Path, documents: &[&[u8]], targets: &str) {
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    for document in documents {
        fs::write(blobs.join(Digest::of(document).hex()), document).unwrap();
    }
    fs::write(root.join("oci-layout"), crate::oci::LAYOUT).unwrap();
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{targets}]}}"#);
    fs::write(root.join("index.json"), index).unwrap();
}

fn listed(document: &[u8], times: usize) -> String {
    let descriptor = Descriptor::new(crate::oci::INDEX, Digest::of(document), document.len() as u64);
    vec![serde_json::to_string(&descriptor).unwrap(); times].join(",")
}

#[test]
fn indexes_that_list_one_another_a_thousand_times_are_walked_once() {
    let directory = tempfile::tempdir().unwrap();
    let wrap = |inner: &str| format!(r#"{{"schemaVersion":2,"manifests":[{inner}]}}"#).into_bytes();
    let empty = wrap("");
    let middle = wrap(&listed(&empty, 1000));
    let outer = wrap(&listed(&middle, 1000));
    let source = directory.path().join("layout");
    layout(&source, &[&empty, &middle, &outer], &listed(&outer, 1));
    let store = Store::open(&directory.path().join("store")).unwrap();
    // A thousand million visits would not end within any test's time.
    store.import(&source, Some("bomb")).unwrap();
    assert!(store.inspect("bomb").unwrap().unwrap().1.is_empty());
    assert_eq!(store.remove("bomb").unwrap().blobs, 3);
}

#[test]
fn rejects_layouts_of_more_images_than_anyone_has() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("layout");
    layout(&source, &[b"{}"], &listed(b"{}", 1001));
    let store = Store::open(&directory.path().join("store")).unwrap();
    let error = store.import(&source, None).unwrap_err().to_string();
    assert!(error.contains("lists 1001 images; at most 1000"), "{error}");
}

#[cfg(unix)]
#[test]
fn rejects_what_is_no_file_in_a_layout_instead_of_waiting_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let source = directory.path().join("layout");
    let fifo = |path: &Path| {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
    };
    layout(&source, &[], &listed(b"{}", 1));
    fifo(&source.join("blobs/sha256").join(Digest::of(b"{}").hex())).unwrap();
    let error = store.import(&source, None).unwrap_err().to_string();
    assert!(error.ends_with("is no file"), "{error}");
    fs::remove_file(source.join("index.json")).unwrap();
    fifo(&source.join("index.json")).unwrap();
    let error = store.import(&source, None).unwrap_err().to_string();
    assert!(error.ends_with("index.json is no file"), "{error}");
}

#[test]
fn says_what_is_wrong_with_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let path = directory.path().join("archive.tar");
    let name = format!("blobs/sha256/{}", Digest::of(b"").hex());
    let mut tar = Writer::new(Vec::new());
    tar.entry(&name, &Facts::file(0o644, 4000), &[0; 4000][..])
        .unwrap();
    let whole = tar.finish().unwrap();
    for (content, reason) in [
        (&whole[..2000], "the archive ends in the middle of a file"),
        (&b"\x1f\x8b\x08"[..], "it is compressed; `gunzip` it first"),
    ] {
        fs::write(&path, content).unwrap();
        let error = store.import(&path, None).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{} is not an OCI image layout: {reason}", path.display())
        );
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_a_layer_only_uses_stays_what_the_layers_below_say() {
    use std::os::unix::fs::MetadataExt as _;

    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let described = {
        let mut tar = Writer::new(Vec::new());
        for (path, mode) in [("", 0o700), ("tmp", 0o1777), ("tmp/a", 0o750), ("own", 0o711)] {
            let name = if path.is_empty() { "./" } else { path };
            let mut facts = Facts::directory(mode);
            facts.mtime = 1000;
            tar.entry(name, &facts, &b""[..]).unwrap();
        }
        tar.entry("tmp/gone", &Facts::file(0o644, 0), &b""[..]).unwrap();
        let archive = tar.finish().unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&archive).unwrap();
        (gzip.finish().unwrap(), Digest::of(&archive))
    };
    let uses = layer(&[("tmp/a/file", "x"), ("tmp/.wh.gone", ""), ("own/", "")]);
    image(&store, "a", "linux", &[described, uses]);
    let image = store.resolve("a", &Platform::linux_amd64()).unwrap().unwrap();
    let target = directory.path().join("target");
    store.unpack(&image, &target).unwrap();
    let facts = |path: &str| {
        let there = fs::metadata(target.join(path)).unwrap();
        (there.mode() & 0o7777, there.mtime())
    };
    // Only root keeps all twelve bits.
    let sticky = if rustix::process::geteuid().is_root() {
        0o1777
    } else {
        0o777
    };
    assert_eq!(facts(""), (0o700, 1000));
    assert_eq!(facts("tmp"), (sticky, 1000));
    assert_eq!(facts("tmp/a"), (0o750, 1000));
    assert_eq!(facts("own"), (0o755, 0));
    assert!(!target.join("tmp/gone").exists());
}

#[test]
fn an_image_that_is_removed_while_it_is_looked_for_is_there_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let one = [layer(&[("a", "1")])];
    let platform = Platform::linux_amd64();
    std::thread::scope(|scope| {
        let other = store.clone();
        let remover = scope.spawn(move || {
            for _ in 0..50 {
                let lock = other.adding().unwrap();
                image(&other, "app", "linux", &one);
                drop(lock);
                other.remove("app").unwrap();
            }
        });
        while !remover.is_finished() {
            if let Some((_, layers)) = store.resolve_unpacked("app", &platform).unwrap() {
                assert!(layers.paths()[0].join("a").exists());
            }
        }
        remover.join().unwrap();
    });
}
