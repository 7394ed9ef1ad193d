//! Builds as their callers see them.

use std::fs;
use std::path::{MAIN_SEPARATOR, Path};

use super::{Built, Destination, Options, build, publish};
use crate::{Image, Platform, Store};

const TUTORIAL: &str = r#"# Use golang image to build binary
FROM golang:1.17 AS builder

# Make a working directory
WORKDIR /usr/local/app

# Copy the source code into the container
COPY src/ .

# Build the app
RUN go build app.go

# Copy the app binary into the final container image
FROM mcr.microsoft.com/windows/nanoserver:1809
COPY --from=builder /usr/local/app/app.exe \
    /usr/local/bin/app.exe

ENTRYPOINT ["/usr/local/bin/app.exe"]
"#;

struct Bench {
    directory: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let store = Store::open(&directory.path().join(".store")).unwrap();
        Self { directory, store }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    fn options(&self, platform: Platform, dockerfile: &str) -> Options {
        fs::write(self.path("Dockerfile"), dockerfile).unwrap();
        Options {
            dockerfile: Some(self.path("Dockerfile")),
            context: self.directory.path().to_owned(),
            ..Options::new(platform)
        }
    }

    fn built(&self, options: &Options) -> Built {
        build(&self.store, Some(&self.store), options).unwrap_or_else(|error| panic!("{error}"))
    }

    fn named(&self, name: &str, options: &Options) -> Image {
        let built = self.built(options);
        let to = Destination {
            name: Some(name),
            store: Some(&self.store),
            layout: None,
        };
        publish(&self.store, &[built.manifest], &to).unwrap();
        self.store.resolve(name, &options.platform).unwrap().unwrap()
    }

    /// The files of an image and their content.
    fn files(&self, image: &Image) -> Vec<(String, String)> {
        let target = tempfile::tempdir_in(self.directory.path()).unwrap();
        let root = target.path().join("root");
        self.store.unpack(image, &root).unwrap();
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        found.sort();
        found
    }

    fn refused(&self, dockerfile: &str) -> String {
        let options = self.options(Platform::linux_amd64(), dockerfile);
        let error = build(&self.store, Some(&self.store), &options).unwrap_err();
        error.to_string().replace(
            &format!("{}{MAIN_SEPARATOR}", self.directory.path().display()),
            "",
        )
    }
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else {
            found.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
        .collect()
}

#[test]
fn the_tutorials_dockerfile_builds_as_it_stands_with_its_stage_supplied() {
    let bench = Bench::new(&[("stage/usr/local/app/app.exe", "MZ")]);
    let mut options = bench.options(Platform::windows_amd64(), TUTORIAL);
    options.stages.insert("builder".to_owned(), bench.path("stage"));
    let image = bench.named("windowspodfilemount:v1.0.0", &options);
    assert_eq!(image.config.entrypoint, ["/usr/local/bin/app.exe"]);
    assert_eq!(bench.files(&image), pairs(&[("usr/local/bin/app.exe", "MZ")]));
    assert_eq!(image.layers.len(), 2, "a base layer with the hives, and the app");
    let notes = bench.built(&options).notes;
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].contains("mcr.microsoft.com/windows/nanoserver:1809 is not in the store"),
        "{notes:?}"
    );
}

#[test]
fn a_stage_with_run_says_what_to_do() {
    let bench = Bench::new(&[]);
    assert_eq!(
        bench.refused(TUTORIAL.split("FROM mcr").next().unwrap()),
        "Dockerfile:11: RUN is not supported: porthole runs nothing to build an image; make the stage's files \
         yourself and give the directory that stands for its root with --stage builder=DIR"
    );
    let options = bench.options(Platform::windows_amd64(), TUTORIAL);
    let error = build(&bench.store, None, &options).unwrap_err().to_string();
    assert!(error.ends_with("--stage builder=DIR"), "{error}");
}

#[test]
fn the_same_files_are_the_same_bytes() {
    let files = [("src/b", "2"), ("src/a", "1"), ("src/d/c", "3")];
    let dockerfile =
        "FROM scratch\nCOPY src /app/\nENV A=1\nLABEL x=1 y=2 z=3\nEXPOSE 80 443\nCMD [\"/app/a\"]\n";
    for platform in [Platform::linux_amd64(), Platform::windows_amd64()] {
        let mut outputs = Vec::new();
        for _ in 0..2 {
            let bench = Bench::new(&files);
            let built = bench.built(&bench.options(platform.clone(), dockerfile));
            let tar = bench.path("out.tar");
            let to = Destination {
                name: Some("app"),
                store: None,
                layout: Some(&tar),
            };
            publish(&bench.store, &[built.manifest], &to).unwrap();
            outputs.push(fs::read(&tar).unwrap());
        }
        assert!(outputs[0] == outputs[1], "{platform}");
    }
}

#[test]
fn copies_as_the_reference_says() {
    let bench = Bench::new(&[
        ("a.txt", "a"),
        ("b.txt", "b"),
        ("d/x", "x"),
        ("d/e/y", "y"),
        ("skip/me", "no"),
        (".dockerignore", "skip\n"),
    ]);
    for (instructions, expected) in [
        ("COPY a.txt /f", &[("f", "a")][..]),
        ("COPY a.txt /f/", &[("f/a.txt", "a")]),
        ("COPY *.txt /t/", &[("t/a.txt", "a"), ("t/b.txt", "b")]),
        ("COPY d /t", &[("t/e/y", "y"), ("t/x", "x")]),
        ("COPY d /t/", &[("t/e/y", "y"), ("t/x", "x")]),
        ("COPY [\"a.txt\", \"/with space\"]", &[("with space", "a")]),
        ("WORKDIR /w\nWORKDIR v\nCOPY a.txt .", &[("w/v/a.txt", "a")]),
        (
            "COPY d /t\nCOPY a.txt /t",
            &[("t/a.txt", "a"), ("t/e/y", "y"), ("t/x", "x")],
        ),
        ("COPY a.txt /f\nCOPY b.txt /f", &[("f", "b")]),
        ("ARG N=a\nADD ${N}.txt /f", &[("f", "a")]),
        (
            "COPY . /all/\n",
            &[
                ("all/.dockerignore", "skip\n"),
                ("all/Dockerfile", "…"),
                ("all/a.txt", "a"),
                ("all/b.txt", "b"),
                ("all/d/e/y", "y"),
                ("all/d/x", "x"),
            ],
        ),
    ] {
        // The store lies in the directory, which no context would.
        fs::write(
            bench.path("Dockerfile.dockerignore"),
            "skip\n.store\nDockerfile.*\n.tmp*\n",
        )
        .unwrap();
        let options = bench.options(Platform::linux_amd64(), &format!("FROM scratch\n{instructions}"));
        let mut files = bench.files(&bench.named("i", &options));
        for (path, content) in &mut files {
            if path.ends_with("Dockerfile") {
                "…".clone_into(content);
            }
        }
        assert_eq!(files, pairs(expected), "{instructions}");
    }
}

#[test]
fn an_image_made_in_its_own_context_is_not_in_itself() {
    let bench = Bench::new(&[("src/a", "1")]);
    let _work = crate::Scratch::beside(&bench.path("src")).unwrap();
    let image = bench.named(
        "i",
        &bench.options(Platform::linux_amd64(), "FROM scratch\nCOPY src /\n"),
    );
    assert_eq!(bench.files(&image), pairs(&[("a", "1")]));
}

#[test]
fn configures_as_the_reference_says() {
    let bench = Bench::new(&[]);
    let dockerfile = "ARG V=0\nARG W=2\nFROM scratch\nARG V=1\nARG W\nARG TARGETOS\nENV A=$V B=\"b b\" W=$W OS=$TARGETOS\nENV C the rest\n\
                      USER 1000\nWORKDIR /w\nLABEL k=v\nEXPOSE 80 90-91/udp\nENTRYPOINT [\"/e\", \"x\"]\nCMD run it";
    let config = bench
        .named("i", &bench.options(Platform::linux_amd64(), dockerfile))
        .config;
    assert_eq!(
        config.env,
        pairs(&[
            ("A", "1"),
            ("B", "b b"),
            ("W", "2"),
            ("OS", "linux"),
            ("C", "the rest")
        ])
    );
    assert_eq!(config.user.as_deref(), Some("1000"));
    assert_eq!(config.working_dir.as_deref(), Some("/w"));
    assert_eq!(config.labels.get("k").map(String::as_str), Some("v"));
    assert_eq!(config.exposed_ports, ["80/tcp", "90/udp", "91/udp"]);
    assert_eq!(config.entrypoint, ["/e", "x"]);
    assert_eq!(config.cmd, ["/bin/sh", "-c", "run it"]);

    let dockerfile = "# escape=`\nFROM scratch\nWORKDIR C:\\app\\bin\nCMD \"a b.exe\" -x";
    let config = bench
        .named("w", &bench.options(Platform::windows_amd64(), dockerfile))
        .config;
    assert_eq!(config.working_dir.as_deref(), Some("C:\\app\\bin"));
    assert_eq!(config.cmd, ["cmd /S /C \"a b.exe\" -x"]);
    assert!(config.args_escaped, "the line's quotes are its own");
    let dockerfile = "FROM scratch\nCMD [\"-x\"]\nENTRYPOINT [\"a b.exe\"]";
    let exec = bench.named("x", &bench.options(Platform::windows_amd64(), dockerfile));
    assert!(!exec.config.args_escaped);
}

#[test]
fn builds_on_images_and_stages() {
    let bench = Bench::new(&[("a", "a"), ("b", "b")]);
    bench.named(
        "base:1",
        &bench.options(
            Platform::linux_amd64(),
            "FROM scratch\nCOPY a /d/a\nENV X=1\nENTRYPOINT [\"/e\"]\nCMD [\"c\"]",
        ),
    );
    let dockerfile = "FROM scratch AS one\nCOPY b /b\nFROM base:1\nCOPY --from=one /b /d/\nCOPY --from=base:1 /d/a /again\nENTRYPOINT [\"/f\"]";
    let image = bench.named("top", &bench.options(Platform::linux_amd64(), dockerfile));
    assert_eq!(
        bench.files(&image),
        pairs(&[("again", "a"), ("d/a", "a"), ("d/b", "b")])
    );
    assert_eq!(image.layers.len(), 2);
    assert_eq!(image.config.env, pairs(&[("X", "1")]));
    assert_eq!(
        (image.config.entrypoint, image.config.cmd),
        (vec!["/f".to_owned()], vec![])
    );
}

#[test]
fn platforms_of_one_name_are_one_index() {
    let bench = Bench::new(&[("a", "a")]);
    for platform in [Platform::windows_amd64(), Platform::linux_amd64()] {
        bench.named("app", &bench.options(platform, "FROM scratch\nCOPY a /"));
    }
    let listed = bench.store.list().unwrap();
    assert_eq!(
        listed[0].platforms,
        [Platform::linux_amd64(), Platform::windows_amd64()]
    );
    let rebuilt = bench.named(
        "app",
        &bench.options(Platform::linux_amd64(), "FROM scratch\nCOPY a /b"),
    );
    assert_eq!(bench.files(&rebuilt), pairs(&[("b", "a")]));
    assert_eq!(bench.store.list().unwrap()[0].platforms.len(), 2);
}

#[test]
fn a_layout_keeps_the_platforms_that_were_not_built_and_can_be_imported() {
    for output in ["out", "out.tar"] {
        let bench = Bench::new(&[("a", "a")]);
        let layout = bench.path(output);
        for platform in [Platform::windows_amd64(), Platform::linux_amd64()] {
            let built = bench.built(&bench.options(platform, "FROM scratch\nCOPY a /"));
            let to = Destination {
                name: Some("app"),
                store: None,
                layout: Some(&layout),
            };
            publish(&bench.store, &[built.manifest], &to).unwrap();
        }
        let other = Store::open(&bench.path("other")).unwrap();
        let imported = other.import(&layout, None).unwrap();
        assert_eq!(imported[0].name.as_deref(), Some("app"));
        for platform in [Platform::windows_amd64(), Platform::linux_amd64()] {
            let image = other.resolve("app", &platform).unwrap().unwrap();
            let root = bench.path(&format!("{output}-{}", platform.os));
            other.unpack(&image, &root).unwrap();
            assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "a");
        }
    }
}

#[test]
fn flags_alone_make_an_image() {
    let bench = Bench::new(&[("bin/app.exe", "MZ")]);
    let options = Options {
        add: vec![
            (bench.path("bin/app.exe"), "/app/".to_owned()),
            (bench.path("bin"), "C:\\tools".to_owned()),
        ],
        entrypoint: Some(vec!["/app/app.exe".to_owned()]),
        workdir: Some("/app".to_owned()),
        env: vec![("A".to_owned(), "1".to_owned())],
        ..Options::new(Platform::windows_amd64())
    };
    let image = bench.named("app", &options);
    assert_eq!(
        bench.files(&image),
        pairs(&[("app/app.exe", "MZ"), ("tools/app.exe", "MZ")])
    );
    assert_eq!(image.config.working_dir.as_deref(), Some("C:\\app"));
}

#[test]
fn refuses_what_it_does_not_do_by_name() {
    let bench = Bench::new(&[("a", "a"), ("t.gz", "\u{1f}")]);
    fs::write(bench.path("t.gz"), [0x1f, 0x8b, 8]).unwrap();
    for (dockerfile, message) in [
        ("CMD x", "Dockerfile:1: CMD stands before the first FROM"),
        ("", "Dockerfile:1: there is no FROM"),
        (
            "FROM scratch\nVOLUME /x",
            "Dockerfile:2: VOLUME is not supported; name volumes in the pod",
        ),
        (
            "FROM scratch\nHEALTHCHECK CMD x",
            "Dockerfile:2: HEALTHCHECK is not supported; name probes in the pod",
        ),
        (
            "FROM scratch\nCOPY missing /",
            "Dockerfile:2: \"missing\" does not exist in",
        ),
        (
            "FROM scratch\nCOPY ../a /",
            "Dockerfile:2: \"../a\" leads out of the directory it is relative to",
        ),
        (
            "FROM scratch\nCOPY a",
            "Dockerfile:2: COPY needs at least one source and a destination",
        ),
        (
            "FROM scratch\nCOPY a t.gz /x",
            "Dockerfile:2: several files are copied to something that is no directory",
        ),
        (
            "FROM scratch\nCOPY --parents a /",
            "Dockerfile:2: COPY --parents is not supported",
        ),
        (
            "FROM scratch\nCOPY --chmod=u+x a /",
            "Dockerfile:2: --chmod=u+x is no octal mode such as 755",
        ),
        (
            "FROM scratch\nCOPY --from=nobody a /",
            "Dockerfile:2: \"nobody\" is no earlier stage and no image in the store",
        ),
        (
            "FROM scratch\nADD https://example.com/x /",
            "Dockerfile:2: ADD of \"https://example.com/x\" is not supported",
        ),
        (
            "FROM scratch\nADD t.gz /",
            "Dockerfile:2: ADD would unpack the archive \"t.gz\"",
        ),
        (
            "FROM scratch\nCOPY <<EOF /x\nhi\nEOF",
            "Dockerfile:2: COPY of a here-document is not supported",
        ),
        (
            "FROM scratch\nCMD ['x']",
            "Dockerfile:2: ['x'] looks like the exec form but is no JSON array",
        ),
        ("FROM scratch\nEXPOSE x", "Dockerfile:2: \"x\" is no port"),
        (
            "FROM scratch\nENV ${A#b}=1",
            "Dockerfile:2: ${A#…} is not supported",
        ),
        (
            "FROM debian:12\nCMD x",
            "Dockerfile:1: base image debian:12 for linux/amd64 is not in the store",
        ),
        (
            "FROM a b c d",
            "Dockerfile:1: FROM is written FROM NAME [AS STAGE]",
        ),
    ] {
        let error = bench.refused(dockerfile);
        assert!(error.starts_with(message), "{dockerfile:?} gave {error:?}");
    }
}

#[test]
fn a_supplied_stage_that_nothing_asks_for_is_refused() {
    let bench = Bench::new(&[("stage/x", "")]);
    let mut options = bench.options(Platform::linux_amd64(), "FROM scratch AS builder\nCMD x");
    options.stages.insert("bulider".to_owned(), bench.path("stage"));
    let error = build(&bench.store, None, &options).unwrap_err().to_string();
    assert!(
        error.ends_with("the Dockerfile has no stage and names no image of that name"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn links_in_the_context_never_lead_out_of_it() {
    let bench = Bench::new(&[("in/real", "inside")]);
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "secret").unwrap();
    std::os::unix::fs::symlink(outside.path(), bench.path("leak")).unwrap();
    std::os::unix::fs::symlink("in", bench.path("way")).unwrap();
    assert!(
        bench
            .refused("FROM scratch\nCOPY leak /x")
            .starts_with("Dockerfile:2: \"leak\" does not exist")
    );
    let image = bench.named(
        "i",
        &bench.options(Platform::linux_amd64(), "FROM scratch\nCOPY way/real /x"),
    );
    assert_eq!(bench.files(&image), pairs(&[("x", "inside")]));
}

#[cfg(unix)] // Windows itself cannot have such files.
#[test]
fn windows_names_are_checked_when_an_image_is_built() {
    let bench = Bench::new(&[("d/nul.txt", ""), ("e/A", ""), ("f/a", "")]);
    let options = bench.options(Platform::windows_amd64(), "FROM scratch\nCOPY d /d");
    let error = build(&bench.store, None, &options).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"d/nul.txt\" cannot be in an image for windows/amd64: it contains \"nul.txt\", which is a device on Windows"
    );
    let options = bench.options(Platform::windows_amd64(), "FROM scratch\nCOPY e /x\nCOPY f /x");
    let error = build(&bench.store, None, &options).unwrap_err().to_string();
    assert!(error.contains("is also there in another case"), "{error}");
}
