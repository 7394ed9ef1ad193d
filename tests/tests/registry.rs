//! Images from a real registry and to it, as porthole's users and other programs see them.
//! Debian packages: docker-registry, skopeo, containerd.

#![cfg(target_os = "linux")]

#[path = "registry/encrypted.rs"]
mod encrypted;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use porthole_tests::containerd::Containerd;
use porthole_tests::registry::{LOGIN, Registry};
use porthole_tests::session::Session;
use porthole_tests::{program, wait};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

const LIMIT: Duration = Duration::from_mins(1);

/// A directory with an image `app:1` of both platforms in a store, and a registry.
struct Room {
    directory: tempfile::TempDir,
    registry: Registry,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Room {
    fn new(closed: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::start(directory.path(), closed).unwrap();
        Self::with(directory, registry)
    }

    /// With a registry over TLS, for 127.0.0.1 and registry.invalid, whose authority is in `ca.pem`.
    fn encrypted(closed: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1", "registry.invalid"].map(str::to_owned);
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &Issuer::new(authority, authority_key))
            .unwrap();
        for (name, text) in [
            ("ca.pem", ca.pem()),
            ("tls.pem", certificate.pem()),
            ("tls.key", key.serialize_pem()),
        ] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let (certificate, key) = (directory.path().join("tls.pem"), directory.path().join("tls.key"));
        let registry = Registry::start_encrypted(directory.path(), closed, &certificate, &key).unwrap();
        Self::with(directory, registry)
    }

    fn with(directory: tempfile::TempDir, registry: Registry) -> Self {
        let room = Self { directory, registry };
        fs::write(room.path("app"), "#!/bin/sh\necho from the registry\nexit 9\n").unwrap();
        fs::set_permissions(room.path("app"), fs::Permissions::from_mode(0o755)).unwrap();
        room.good(
            "state",
            &[
                "image",
                "build",
                "--platform",
                "windows/amd64,linux/amd64",
                "-t",
                "app:1",
                "--add",
                "app:/bin/",
                "--entrypoint",
                "/bin/app",
            ],
        );
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The name of an image at the registry.
    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    fn command(&self, state: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::host("porthole").unwrap());
        command
            .current_dir(self.directory.path())
            .args(arguments)
            .env("PORTHOLE_STATE", self.path(state))
            .env("HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .env_remove("HTTPS_PROXY")
            .env_remove("https_proxy")
            .env_remove("DOCKER_CONFIG")
            .env_remove("REGISTRY_AUTH_FILE");
        command
    }

    fn porthole(&self, state: &str, arguments: &[&str]) -> Ended {
        let output = self.command(state, arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code(),
            out: text(&output.stdout).trim_end().to_owned(),
            err: text(&output.stderr),
        }
    }

    /// The output of a command that succeeds.
    fn good(&self, state: &str, arguments: &[&str]) -> String {
        let ended = self.porthole(state, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out
    }

    fn skopeo(&self, arguments: &[&str]) -> String {
        let output = Command::new("skopeo")
            .current_dir(self.directory.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// A HostProcess pod of an image, with these lines in its spec and in its container.
    fn pod(&self, image: &str, spec: &str, container: &str) -> String {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  hostNetwork: true\n  \
             securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: SYSTEM}}}}\n{spec}  containers:\n  \
             - name: c\n    image: {image}\n{container}"
        );
        fs::write(self.path("pod.yaml"), text).unwrap();
        "pod.yaml".to_owned()
    }
}

/// The digest by which a layout's index lists its one image.
fn listed(layout: &Path) -> String {
    let text = fs::read_to_string(layout.join("index.json")).unwrap();
    let digest = text.split("\"digest\":\"").nth(1).unwrap();
    digest.split('"').next().unwrap().to_owned()
}

#[test]
#[ignore = "needs root and the Debian packages docker-registry, skopeo and containerd"]
fn what_porthole_pushes_others_pull_with_the_same_digest() {
    let room = Room::new(false);
    let name = room.name("team/app:1");
    let digest = room.good("state", &["image", "push", "app:1", &name]);
    let source = format!("docker://{name}");
    room.skopeo(&["copy", "--all", "--src-tls-verify=false", &source, "oci:pulled:x"]);
    assert_eq!(listed(&room.path("pulled")), digest);
    let containerd = Containerd::start(room.directory.path()).unwrap();
    let mut pull = containerd.ctr(&["content", "fetch", "--plain-http", "--all-platforms", &name]);
    let output = pull.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = containerd.ctr(&["images", "ls"]).output().unwrap();
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listed.contains(&digest), "{listed}");
    // And porthole itself, byte for byte.
    let pulled = room.good("other", &["image", "pull", "--all-platforms", &name]);
    assert_eq!(pulled, digest);
    let inspected = room.good("other", &["image", "inspect", "-o", "json", &name]);
    assert!(inspected.contains(&digest), "{inspected}");
}

#[test]
#[ignore = "needs root and the Debian packages docker-registry and skopeo"]
fn what_skopeo_pushes_porthole_pulls_in_both_formats() {
    let room = Room::new(false);
    room.good(
        "state",
        &[
            "image",
            "build",
            "--platform",
            "linux/amd64",
            "-t",
            "one",
            "--output",
            "one",
            "--add",
            "app:/bin/",
        ],
    );
    for (format, tag) in [("oci", "oci"), ("v2s2", "docker")] {
        let name = room.name(&format!("team/one:{tag}"));
        let target = format!("docker://{name}");
        room.skopeo(&[
            "copy",
            "--format",
            format,
            "--dest-tls-verify=false",
            "oci:one:one",
            &target,
        ]);
        let inspected = room.skopeo(&[
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            &target,
        ]);
        let digest = room.good("other", &["image", "pull", "--platform", "linux/amd64", &name]);
        assert_eq!(digest, inspected);
        let by_digest = format!("{name}@{digest}");
        assert_eq!(room.good("other", &["image", "pull", &by_digest]), digest);
        room.good("other", &["image", "unpack", &name, tag]);
        assert!(room.path(tag).join("bin/app").exists());
    }
}

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn a_closed_registry_opens_to_its_users_alone() {
    let room = Room::new(true);
    let name = room.name("team/app:1");
    let push = ["image", "push", "app:1", &name];
    let refused = room.porthole("state", &push);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused
            .err
            .contains("access denied (401); there are no credentials"),
        "{refused:?}"
    );
    let login = room.registry.write_login(&room.path("login.json")).unwrap();
    let login = login.display().to_string();
    let wrong = room.path("wrong.json");
    fs::write(
        &wrong,
        fs::read_to_string(&login).unwrap().replace(LOGIN.1, "wrong"),
    )
    .unwrap();
    let refused = room.porthole(
        "state",
        &[&push[..], &["--authfile", &wrong.display().to_string()]].concat(),
    );
    assert!(
        refused.err.contains("the credentials do not suffice"),
        "{refused:?}"
    );
    let digest = room.good("state", &[&push[..], &["--authfile", &login]].concat());
    // Where docker keeps it.
    fs::create_dir_all(room.path("home/.docker")).unwrap();
    fs::copy(&login, room.path("home/.docker/config.json")).unwrap();
    let pulled = room.porthole("other", &["-v", "image", "pull", &name]);
    assert_eq!((pulled.code, &pulled.out), (Some(0), &digest), "{pulled:?}");
    assert!(!pulled.err.contains(LOGIN.1), "{pulled:?}");
}

/// Passes connections on to a registry, but of its answers no more than `most` bytes: then it is silent.
fn throttle(target: &str, most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let target = target.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&target).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                // It ends when the client does.
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let mut left = most;
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = server.read(&mut buffer) {
                    let passed = read.min(left);
                    left -= passed;
                    if client.write_all(&buffer[..passed]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    host
}

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn a_killed_pull_is_gone_on_with() {
    let room = Room::new(false);
    // What does not compress.
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let large: Vec<u8> = (0..1 << 20).flat_map(|_| next()).collect();
    fs::write(room.path("large"), &large).unwrap();
    room.good(
        "state",
        &[
            "image",
            "build",
            "--platform",
            "linux/amd64",
            "-t",
            "large",
            "--add",
            "large:/",
        ],
    );
    let name = room.name("team/large:1");
    let digest = room.good("state", &["image", "push", "large", &name]);
    let slow = throttle(room.registry.host(), 1 << 20);
    let pull =
        Session::start(&mut room.command("other", &["image", "pull", &format!("{slow}/team/large:1")]))
            .unwrap();
    let partial = room.path("other/images/partial");
    let kept = || {
        let entries = fs::read_dir(&partial).into_iter().flatten().flatten();
        let sizes = entries
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len());
        sizes.max().unwrap_or(0)
    };
    // Headers are part of what is passed on.
    wait::until("a part of the blob", LIMIT, || {
        Ok((kept() > 1_000_000).then_some(()))
    })
    .unwrap();
    pull.signal("KILL").unwrap();
    pull.end(LIMIT).unwrap();
    let before = kept();
    let pulled = room.porthole("other", &["-v", "image", "pull", &name]);
    assert_eq!((pulled.code, &pulled.out), (Some(0), &digest), "{pulled:?}");
    assert!(
        pulled.err.contains(&format!("goes on at {before} of ")),
        "{pulled:?}"
    );
    assert_eq!(fs::read_dir(&partial).unwrap().count(), 0);
    room.good("other", &["image", "unpack", &name, "out"]);
    assert!(fs::read(room.path("out/large")).unwrap() == large);
}

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn run_pulls_under_the_option_alone() {
    let room = Room::new(true);
    let name = room.name("team/app:1");
    let login = room.registry.write_login(&room.path("login.json")).unwrap();
    let login = login.display().to_string();
    room.good("state", &["image", "push", "app:1", &name, "--authfile", &login]);
    let pod = room.pod(&name, "", "    imagePullPolicy: Always\n");
    let without = room.porthole("other", &["run", &pod]);
    assert_eq!(without.code, Some(125), "{without:?}");
    assert!(
        without.err.contains("no image") && without.err.contains("--pull"),
        "{without:?}"
    );
    let denied = room.porthole("other", &["run", "--pull", &pod]);
    assert_eq!(denied.code, Some(125), "{denied:?}");
    assert!(
        denied.err.contains("ErrImagePull: Failed to pull image") && denied.err.contains("access denied"),
        "{denied:?}"
    );
    let pulled = room.porthole("other", &["run", "--pull", "--authfile", &login, &pod]);
    assert_eq!(
        (pulled.code, pulled.out.as_str()),
        (Some(9), "from the registry"),
        "{pulled:?}"
    );
    // It is there now.
    let pod = room.pod(&name, "", "    imagePullPolicy: Never\n");
    let kept = room.porthole("other", &["run", "--pull=always", &pod]);
    assert_eq!(kept.code, Some(9), "{kept:?}");
    let never = room.porthole("third", &["run", "--pull=always", "--authfile", &login, &pod]);
    assert_eq!(never.code, Some(125), "{never:?}");
    assert!(never.err.contains("ErrImageNeverPull"), "{never:?}");
    let bad = room.pod("Bad/Name", "", "");
    let bad = room.porthole("third", &["run", "--pull", &bad]);
    assert!(bad.err.contains("InvalidImageName"), "{bad:?}");
}

#[test]
#[ignore = "needs root and the Debian package docker-registry"]
fn a_pods_own_pull_secret_opens_a_closed_registry() {
    let room = Room::new(true);
    let name = room.name("team/app:1");
    let login = room.registry.write_login(&room.path("login.json")).unwrap();
    room.good(
        "state",
        &[
            "image",
            "push",
            "app:1",
            &name,
            "--authfile",
            &login.display().to_string(),
        ],
    );
    let pod = room.pod(&name, "  imagePullSecrets: [{name: key}]\n", "");
    let missing = room.porthole("other", &["run", "--pull", &pod]);
    assert!(
        missing
            .err
            .contains("secret \"default/key\" is not among the files"),
        "{missing:?}"
    );
    let secret = |key: &str| {
        let text = fs::read_to_string(&login).unwrap();
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\ntype: kubernetes.io/dockerconfigjson\nstringData:\n  \
             {key}: '{text}'\n"
        );
        fs::write(room.path("secret.yaml"), secret).unwrap();
    };
    secret("other");
    let wrong = room.porthole("other", &["run", "--pull", "secret.yaml", &pod]);
    assert!(wrong.err.contains("it has no key .dockerconfigjson"), "{wrong:?}");
    secret(".dockerconfigjson");
    let pulled = room.porthole("other", &["run", "--pull", "secret.yaml", &pod]);
    assert_eq!(
        (pulled.code, pulled.out.as_str()),
        (Some(9), "from the registry"),
        "{pulled:?}"
    );
}

#[test]
#[ignore = "needs root and the Debian packages docker-registry and skopeo"]
fn layers_that_builders_compress_by_zstd_are_pulled_and_unpacked() {
    let room = Room::new(false);
    let build = "image build --platform linux/amd64 -t one --output one --add app:/bin/";
    room.good("state", &build.split(' ').collect::<Vec<_>>());
    let name = room.name("team/one:zstd");
    room.skopeo(&[
        "copy",
        "--dest-compress-format",
        "zstd",
        "--dest-compress",
        "--dest-tls-verify=false",
        "oci:one:one",
        &format!("docker://{name}"),
    ]);
    let manifest = room.skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{name}"),
    ]);
    assert!(manifest.contains("tar+zstd"), "{manifest}");
    room.good("other", &["image", "pull", &name]);
    room.good("other", &["image", "unpack", &name, "out"]);
    let unpacked = fs::read(room.path("out/bin/app")).unwrap();
    assert_eq!(unpacked, fs::read(room.path("app")).unwrap());
    let pod = room.pod(&name, "", "    command: [/bin/app]\n");
    let ran = room.porthole("other", &["run", &pod]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(9), "from the registry"),
        "{ran:?}"
    );
}
