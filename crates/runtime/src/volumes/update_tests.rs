use std::path::Path;

use super::*;
use crate::spec::Item;
use crate::volumes::{Mounted, ObjectPart, place};

fn object(kind: ObjectKind, name: &str, items: &[(&str, &str)], data: &ObjectData) -> Part {
    let mut part = ObjectPart {
        kind,
        name: name.to_owned(),
        items: items
            .iter()
            .map(|(key, path)| Item {
                key: (*key).to_owned(),
                path: (*path).to_owned(),
                mode: None,
            })
            .collect(),
        mode: 0o644,
        optional: false,
        immutable: false,
    };
    part.immutable = data.immutable;
    let files = part.files(data).unwrap();
    Part {
        source: PartSource::Object(part),
        files,
    }
}

fn data(keys: &[(&str, &str)]) -> ObjectData {
    ObjectData {
        keys: keys
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        immutable: false,
    }
}

/// A pod with a volume projected from a ConfigMap, a Secret and itself, and with one of the ConfigMap alone.
struct Room {
    _place: tempfile::TempDir,
    _mounted: Mounted,
    pod: PathBuf,
    volumes: Vec<Volume>,
}

fn room(map: &ObjectData) -> Room {
    let root = tempfile::tempdir().unwrap();
    let pod = root.path().join("pods/default_p_1");
    let secret = data(&[("password", "hunter2"), ("shared", "of the secret")]);
    let own = Part {
        source: PartSource::Pod,
        files: vec![ContentFile {
            path: "labels".to_owned(),
            content: b"app=\"web\"".to_vec(),
            mode: 0o444,
        }],
    };
    let volume = |name: &str, parts: Vec<Part>| Volume {
        name: name.to_owned(),
        path: place(&pod, name),
        content: Content::Files(parts),
    };
    let kind = ObjectKind::ConfigMap;
    let mut volumes = vec![
        volume(
            "all",
            vec![
                object(kind, "m", &[], map),
                object(ObjectKind::Secret, "s", &[], &secret),
                own,
            ],
        ),
        volume("one", vec![object(kind, "m", &[("a", "deep/a")], map)]),
    ];
    let mounted = Mounted::make(&volumes, &pod).unwrap();
    // What is known of a pod on disk.
    volumes.iter_mut().for_each(Volume::forget_content);
    Room {
        _place: root,
        _mounted: mounted,
        pod,
        volumes,
    }
}

impl Room {
    fn update(&self, objects: &[(ObjectKind, &str, &ObjectData)]) -> Result<Vec<String>, String> {
        let find = |kind: ObjectKind, name: &str| {
            let found = objects.iter().find(|object| (object.0, object.1) == (kind, name));
            found.map(|object| object.2.clone())
        };
        update(&self.pod, &self.volumes, &find).map_err(|error| error.to_string())
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.pod.join("volumes").join(path)).ok()
    }
}

const MAP: ObjectKind = ObjectKind::ConfigMap;

#[test]
fn changes_the_parts_that_are_given_and_keeps_the_others() {
    let room = room(&data(&[("a", "1"), ("gone", "x")]));
    let changed = room.update(&[(MAP, "m", &data(&[("a", "2"), ("new", "y")]))]);
    assert_eq!(changed.unwrap(), ["all", "one"]);
    for (path, expected) in [
        ("all/a", Some("2")),
        ("all/gone", None),
        ("all/new", Some("y")),
        ("all/password", Some("hunter2")),
        ("all/labels", Some("app=\"web\"")),
        ("one/deep/a", Some("2")),
        ("one/new", None),
    ] {
        assert_eq!(room.read(path).as_deref(), expected, "{path}");
    }
    // And once more, on what an update left.
    let changed = room.update(&[(ObjectKind::Secret, "s", &data(&[("password", "other")]))]);
    assert_eq!(changed.unwrap(), ["all"]);
    assert_eq!(room.read("all/password").as_deref(), Some("other"));
    assert_eq!(room.read("all/a").as_deref(), Some("2"));
}

#[test]
fn does_not_touch_what_is_the_same_or_not_named() {
    let map = data(&[("a", "1")]);
    let room = room(&map);
    let before = fs::read_dir(room.pod.join("volumes/all")).unwrap().count();
    let link = || fs::read_link(room.pod.join("volumes/all/..data")).ok();
    let shown = link();
    assert_eq!(room.update(&[(MAP, "m", &map)]).unwrap(), [""; 0]);
    assert_eq!(room.update(&[(MAP, "other", &data(&[]))]).unwrap(), [""; 0]);
    assert_eq!(link(), shown);
    assert_eq!(
        fs::read_dir(room.pod.join("volumes/all")).unwrap().count(),
        before
    );
}

#[test]
fn an_object_that_does_not_fit_changes_nothing() {
    let room = room(&data(&[("a", "1")]));
    // The first volume could have it, the second asks for the key `a`.
    let error = room.update(&[(MAP, "m", &data(&[("b", "2")]))]).unwrap_err();
    assert_eq!(
        error,
        "volume `one`: ConfigMap \"m\" references non-existent config key: a"
    );
    assert_eq!(room.read("all/a").as_deref(), Some("1"));
    assert_eq!(room.read("all/b"), None);
}

#[test]
fn an_immutable_object_stays_what_it_is() {
    let mut map = data(&[("a", "1")]);
    map.immutable = true;
    let fixed = room(&map);
    assert_eq!(fixed.update(&[(MAP, "m", &map)]).unwrap(), [""; 0]);
    let error = fixed.update(&[(MAP, "m", &data(&[("a", "2")]))]).unwrap_err();
    assert!(
        error.contains("field is immutable when `immutable` is set"),
        "{error}"
    );
    assert_eq!(fixed.read("all/a").as_deref(), Some("1"));

    // One that becomes immutable is from then on.
    let room = room(&data(&[("a", "1")]));
    room.update(&[(MAP, "m", &map)]).unwrap();
    assert!(room.update(&[(MAP, "m", &data(&[("a", "2")]))]).is_err());
}

#[test]
fn what_was_hidden_does_not_come_to_light_unseen() {
    let room = room(&data(&[("a", "1"), ("shared", "of the map")]));
    assert_eq!(room.read("all/shared").as_deref(), Some("of the secret"));
    let secret = data(&[("password", "x")]);
    let error = room.update(&[(ObjectKind::Secret, "s", &secret)]).unwrap_err();
    assert!(
        error.contains("`shared` would come from ConfigMap \"m\""),
        "{error}"
    );
    assert_eq!(room.read("all/password").as_deref(), Some("hunter2"));
    let map = data(&[("a", "1"), ("shared", "of the map")]);
    room.update(&[(ObjectKind::Secret, "s", &secret), (MAP, "m", &map)])
        .unwrap();
    assert_eq!(room.read("all/shared").as_deref(), Some("of the map"));
}

#[test]
fn a_pod_that_has_ended_is_told_from_one_that_failed() {
    let mut room = room(&data(&[("a", "1")]));
    crate::volumes::remove(&room.pod).unwrap();
    let map = data(&[("a", "2")]);
    let find = |_: ObjectKind, name: &str| (name == "m").then(|| map.clone());
    assert!(matches!(
        update(&room.pod, &room.volumes, &find),
        Err(UpdateError::Ended)
    ));
    room.volumes.clear();
    assert!(
        update(Path::new("/no/such"), &room.volumes, &find)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn updates_of_one_pod_come_one_after_the_other() {
    let room = room(&data(&[("a", "0"), ("b", "0")]));
    std::thread::scope(|scope| {
        for number in 1..=8 {
            let room = &room;
            scope.spawn(move || {
                let text = number.to_string();
                let map = data(&[("a", &text), ("b", &text)]);
                room.update(&[(MAP, "m", &map)]).unwrap();
            });
        }
        for _ in 0..200 {
            // Through one open directory both files are of one generation.
            if let Ok(generation) = fs::canonicalize(room.pod.join("volumes/all/..data")) {
                let read = |key: &str| fs::read_to_string(generation.join(key));
                if let (Ok(a), Ok(b)) = (read("a"), read("b")) {
                    assert_eq!(a, b);
                }
            }
        }
    });
    let (a, b) = (room.read("all/a").unwrap(), room.read("all/b").unwrap());
    assert!(a == b && a != "0", "{a} {b}");
    let parts = fs::read_dir(room.pod.join("parts")).unwrap().count();
    assert_eq!(parts, 2, "one index a volume");
}
