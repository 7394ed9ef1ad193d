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
        (&file, HostPathType::Directory, Some("is a file, not a directory")),
        (
            &file,
            HostPathType::DirectoryOrCreate,
            Some("is a file, not a directory"),
        ),
        (
            place.path(),
            HostPathType::File,
            Some("is a directory, not a file"),
        ),
        (
            place.path(),
            HostPathType::CharDevice,
            Some("is a directory, not a character device"),
        ),
        (
            &file,
            HostPathType::BlockDevice,
            Some("is a file, not a block device"),
        ),
        (
            &place.path().join("gone"),
            HostPathType::Unset,
            Some("the host has no"),
        ),
        (
            &place.path().join("gone"),
            HostPathType::Directory,
            Some("the host has no"),
        ),
        (&file.join("below"), HostPathType::File, Some("the host has no")),
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
fn rejects_sockets_with_the_remedy() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("s");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let error = Mounted::make(&[host(&socket, HostPathType::Unset)], place.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("use the path on the host"), "{error}");
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
            content: Content::Empty,
        },
        Volume {
            name: "files".to_owned(),
            path: directory.join("volumes/files"),
            content: Content::Files(vec![file("key", 0o440), file("deep/er", 0o600)]),
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
fn sweeps_only_the_pods_of_dead_holders() {
    let state = tempfile::tempdir().unwrap();
    let (alive, dead) = (state.path().join("pods/alive"), state.path().join("pods/dead"));
    let _alive = Mounted::make(&own(&alive), &alive).unwrap();
    let mounted = Mounted::make(&own(&dead), &dead).unwrap();
    // A holder that was killed: its lock is gone, its files are not.
    let mut mounted = std::mem::ManuallyDrop::new(mounted);
    drop(mounted.directory.take());
    sweep(state.path()).unwrap();
    assert!(alive.exists());
    assert!(!dead.exists());
}

#[test]
fn keeps_contents_out_of_what_is_printed() {
    let directory = Path::new("p");
    let volumes = own(directory);
    assert!(!format!("{volumes:?}").contains("value"));
    assert!(!serde_json::to_string(&volumes).unwrap().contains("value"));
}
