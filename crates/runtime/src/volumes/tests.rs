use super::*;

fn host(path: &Path, kind: HostPathType) -> Volume {
    Volume {
        name: "v".to_owned(),
        path: path.to_owned(),
        content: Content::Host(kind),
    }
}

#[test]
fn checks_the_type_of_every_host_path() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "x").unwrap();
    let pod = place.path().join("pods/p");
    for (path, kind, expected) in [
        (place.path(), HostPathType::Unset, None),
        (&file, HostPathType::Unset, None),
        (place.path(), HostPathType::Directory, None),
        (place.path(), HostPathType::DirectoryOrCreate, None),
        (&file, HostPathType::File, None),
        (&file, HostPathType::FileOrCreate, None),
        (
            &file,
            HostPathType::Directory,
            Some("is not a directory, it's a File"),
        ),
        (
            &file,
            HostPathType::DirectoryOrCreate,
            Some("is not a directory, it's a File"),
        ),
        (
            place.path(),
            HostPathType::File,
            Some("is not a file, it's a Directory"),
        ),
        (
            place.path(),
            HostPathType::FileOrCreate,
            Some("is not a file, it's a Directory"),
        ),
        (
            place.path(),
            HostPathType::Socket,
            Some("hostPath type check failed: "),
        ),
        (
            &file,
            HostPathType::Socket,
            Some("is not a socket file, it's a File"),
        ),
        (
            place.path(),
            HostPathType::CharDevice,
            Some("is not a character device, it's a Directory"),
        ),
        (
            &file,
            HostPathType::BlockDevice,
            Some("is not a block device, it's a File"),
        ),
        (
            &place.path().join("gone"),
            HostPathType::Unset,
            Some("doesn't exist"),
        ),
        (
            &place.path().join("gone"),
            HostPathType::Directory,
            Some("doesn't exist"),
        ),
        (&file.join("below"), HostPathType::File, Some("doesn't exist")),
    ] {
        let result = Mounted::make(&[host(path, kind)], &pod);
        match expected {
            None => assert!(result.is_ok(), "{kind:?}: {result:?}"),
            Some(expected) => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(expected), "{kind:?}: {error}");
            }
        }
        assert!(!pod.exists(), "a host path needs no directory of the pod");
    }
}

#[cfg(unix)]
#[test]
fn takes_a_socket_as_one_and_as_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("s");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for kind in [HostPathType::Unset, HostPathType::Socket] {
        Mounted::make(&[host(&socket, kind)], place.path()).unwrap();
    }
    let error = Mounted::make(&[host(&socket, HostPathType::File)], place.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not a file, it's a Socket"), "{error}");
}

#[test]
fn makes_what_or_create_asks_for() {
    let place = tempfile::tempdir().unwrap();
    let (directory, file) = (place.path().join("a/b"), place.path().join("f"));
    let volumes = [
        host(&directory, HostPathType::DirectoryOrCreate),
        host(&file, HostPathType::FileOrCreate),
    ];
    Mounted::make(&volumes, &place.path().join("pods/p"))
        .unwrap()
        .remove()
        .unwrap();
    assert!(directory.is_dir());
    assert_eq!(fs::read(&file).unwrap(), b"");
}

fn own(directory: &Path) -> Vec<Volume> {
    let file = |path: &str, mode| ContentFile {
        path: path.to_owned(),
        content: b"value".to_vec(),
        mode,
    };
    vec![
        Volume {
            name: "empty".to_owned(),
            path: directory.join("volumes/empty"),
            content: Content::Empty(EmptyDir::default()),
        },
        Volume {
            name: "files".to_owned(),
            path: directory.join("volumes/files"),
            content: Content::Files(vec![Part {
                source: PartSource::Pod,
                files: vec![file("key", 0o440), file("deep/er", 0o600)],
            }]),
        },
    ]
}

#[test]
fn makes_and_removes_the_pods_own_volumes() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("pods/default_p_1");
    let mounted = Mounted::make(&own(&directory), &directory).unwrap();
    assert_eq!(
        fs::read(directory.join("volumes/files/deep/er")).unwrap(),
        b"value"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for (path, mode) in [
            ("", 0o700),
            ("volumes/empty", 0o777),
            ("volumes/files/key", 0o440),
            ("volumes/files/deep/er", 0o600),
        ] {
            let found = fs::metadata(directory.join(path)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(found, mode, "{path}");
        }
    }
    mounted.remove().unwrap();
    assert!(!directory.exists());
}

#[test]
fn removes_what_it_made_when_a_volume_fails() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("pods/default_p_1");
    let mut volumes = own(&directory);
    volumes.push(volumes[0].clone());
    assert!(Mounted::make(&volumes, &directory).is_err());
    assert!(!directory.exists());
}

#[test]
fn keeps_contents_out_of_what_is_printed() {
    let directory = Path::new("p");
    let volumes = own(directory);
    assert!(!format!("{volumes:?}").contains("value"));
    // The order to a supervisor has them, the record on disk does not.
    let order = serde_json::to_string(&volumes).unwrap();
    assert!(order.contains("dmFsdWU="), "{order}");
    assert_eq!(serde_json::from_str::<Vec<Volume>>(&order).unwrap(), volumes);
    let mut volumes = volumes;
    volumes.iter_mut().for_each(Volume::forget_content);
    let record = serde_json::to_string(&volumes).unwrap();
    assert!(!record.contains("dmFsdWU="), "{record}");
}

fn text(path: &str, content: &str) -> ContentFile {
    ContentFile {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
        mode: 0o644,
    }
}

#[test]
fn later_parts_lie_over_earlier_ones_and_no_file_is_a_directory() {
    let (one, two) = (
        [text("a", "1"), text("b", "1")],
        [text("b", "2"), text("c/d", "2")],
    );
    let merged = merge([&one[..], &two[..]]).unwrap();
    let found: Vec<(&str, &[u8])> = merged
        .iter()
        .map(|file| (file.path.as_str(), file.content.as_slice()))
        .collect();
    assert_eq!(found, [("a", &b"1"[..]), ("b", b"2"), ("c/d", b"2")]);
    let clash = [text("b/c/d", "")];
    let error = merge([&one[..], &clash[..]]).unwrap_err();
    assert_eq!(error, "`b` would be a file, and the directory of `b/c/d`");
}

#[test]
fn makes_what_is_in_memory_vanish_with_the_pod() {
    if cfg!(target_os = "linux") && !is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("pods/default_p_1");
    let volume = Volume {
        name: "m".to_owned(),
        path: directory.join("volumes/m"),
        content: Content::Empty(EmptyDir {
            memory: true,
            limit: None,
            size: Some(1 << 20),
        }),
    };
    let mounted = Mounted::make(std::slice::from_ref(&volume), &directory).unwrap();
    fs::create_dir(volume.path.join("d")).unwrap();
    fs::write(volume.path.join("d/f"), "x").unwrap();
    if cfg!(target_os = "linux") {
        let full = fs::write(volume.path.join("large"), vec![1; 2 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
    // A holder that was killed: the next command finds the mount, and removes it.
    let mut mounted = std::mem::ManuallyDrop::new(mounted);
    drop(mounted.lock.take());
    remove(&directory).unwrap();
    assert!(!volume.path.exists());
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

#[test]
fn measures_what_is_there_and_names_the_volume_that_has_too_much() {
    let place = tempfile::tempdir().unwrap();
    let limited = |name: &str, bytes, text: &str| Volume {
        name: name.to_owned(),
        path: place.path().join(name),
        content: Content::Empty(EmptyDir {
            memory: false,
            limit: Some(SizeLimit {
                bytes,
                text: text.to_owned(),
            }),
            size: None,
        }),
    };
    let volumes = [limited("one", 1 << 20, "1Mi"), limited("two", 64 << 10, "64Ki")];
    for volume in &volumes {
        fs::create_dir_all(volume.path.join("deep")).unwrap();
    }
    assert_eq!(exceeded(&volumes), None);
    fs::write(volumes[1].path.join("deep/f"), vec![1; 100 << 10]).unwrap();
    #[cfg(unix)]
    {
        // One file of two names is there once.
        let before = used(&volumes[1].path);
        fs::hard_link(volumes[1].path.join("deep/f"), volumes[1].path.join("again")).unwrap();
        assert_eq!(used(&volumes[1].path), before);
    }
    let message = "Usage of EmptyDir volume \"two\" exceeds the limit \"64Ki\". ";
    assert_eq!(exceeded(&volumes).as_deref(), Some(message));
    let (said, heard) = std::sync::mpsc::channel();
    let watch = Watch::start(&volumes, std::time::Duration::from_millis(1), move |message| {
        said.send(message).unwrap();
    });
    let heard = heard.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(heard.as_deref(), Ok(message), "the watch says so");
    drop(watch);
}
