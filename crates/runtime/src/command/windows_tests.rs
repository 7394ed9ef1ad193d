use super::*;

struct Files(&'static [&'static str]);

impl FileView for Files {
    fn kind(&self, path: &str) -> Option<FileKind> {
        let path = path.to_lowercase();
        if self.0.iter().any(|file| file.to_lowercase() == path) {
            Some(FileKind::File)
        } else if self.0.iter().any(|file| {
            file.to_lowercase()
                .starts_with(&format!(r"{}\", path.trim_end_matches('\\')))
        }) {
            Some(FileKind::Directory)
        } else {
            None
        }
    }
}

const SYSTEM: Files = Files(&[
    r"C:\windows\System32\ping.exe",
    r"C:\windows\System32\cmd.exe",
    r"C:\tmp\test.exe",
    r"C:\tmp\test 2.exe",
    r"C:\tmp\exe with space.exe",
    r"C:\tmp\noextension",
    r"C:\tmp\start.cmd",
]);

const IMAGE: Files = Files(&[
    r"C:\hpc\usr\local\bin\app.exe",
    r"C:\hpc\bin\ping.exe",
    r"C:\hpc\tool.exe",
    r"C:\windows\System32\ping.exe",
    r"C:\windows\System32\tool.exe",
]);

fn line(text: &str) -> CommandLine {
    CommandLine::Windows(text.to_owned())
}

fn arguments(list: &[&str]) -> CommandLine {
    CommandLine::Arguments(list.iter().map(|argument| (*argument).to_owned()).collect())
}

fn run(command: &CommandLine, cwd: &str, path: &str, files: &Files) -> Result<Resolved, ResolveError> {
    let mount_point = MountPoint::silo();
    resolve(
        command,
        &Search {
            cwd,
            path,
            system_root: r"C:\windows",
            mount_point: &mount_point,
        },
        files,
    )
}

#[test]
fn finds_the_application_of_a_line() {
    for (text, cwd, path, application, rewritten) in [
        (
            "ping",
            r"C:\",
            r"C:\windows\system32",
            r"C:\windows\system32\ping.exe",
            None,
        ),
        (
            "system32/ping",
            r"C:\windows\",
            "",
            r"C:\windows\system32\ping.exe",
            None,
        ),
        (
            r"system32\ping",
            r"C:\windows",
            "",
            r"C:\windows\system32\ping.exe",
            None,
        ),
        (
            r"system32\ping",
            r"C:\Windows",
            "",
            r"C:\Windows\system32\ping.exe",
            None,
        ),
        (
            r"windows\system32\ping",
            r"C:\",
            "",
            r"C:\windows\system32\ping.exe",
            None,
        ),
        (
            "cmd /c ping 127.0.0.1",
            r"C:\windows\",
            "",
            r"C:\windows\System32\cmd.exe",
            None,
        ),
        (
            r"system32\cmd /c ping 127.0.0.1",
            r"C:\windows\",
            "",
            r"C:\windows\system32\cmd.exe",
            None,
        ),
        ("ping test", r"C:\", "", r"C:\windows\System32\ping.exe", None),
        (
            r#""ping" 127.0.0.1"#,
            r"C:\",
            "",
            r"C:\windows\System32\ping.exe",
            None,
        ),
        (
            "exe with space.exe",
            r"C:\tmp",
            "",
            r"C:\tmp\exe with space.exe",
            Some(r#""exe with space.exe""#),
        ),
        (
            r"exe with space.exe  a  b",
            r"C:\tmp",
            "",
            r"C:\tmp\exe with space.exe",
            Some(r#""exe with space.exe"  a  b"#),
        ),
        (
            r#""exe with space.exe""#,
            r"C:\tmp",
            "",
            r"C:\tmp\exe with space.exe",
            None,
        ),
        (r#""test 2.exe""#, r"C:\tmp", "", r"C:\tmp\test 2.exe", None),
        ("test 2", r"C:\tmp", "", r"C:\tmp\test.exe", None),
        (r"C:\tmp\test", r"C:\", "", r"C:\tmp\test.exe", None),
        ("test", r"C:\", r"C:\tmp", r"C:\tmp\test.exe", None),
        ("noextension", r"C:\tmp", "", r"C:\tmp\noextension", None),
    ] {
        let resolved = run(&line(text), cwd, path, &SYSTEM).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(resolved.application, application, "{text}");
        assert_eq!(resolved.command_line, rewritten.unwrap_or(text), "{text}");
        assert_eq!(resolved.tried.last(), Some(&resolved.application), "{text}");
    }
}

#[test]
fn keeps_the_first_path_entry_in_any_spelling() {
    // The original cut `PATH=` off as a set of letters and lost an entry that began with one of them.
    let resolved = run(
        &arguments(&["test"]),
        r"C:\",
        r#"\\pathserver\x;"C:\tmp""#,
        &SYSTEM,
    )
    .unwrap();
    assert_eq!(resolved.application, r"C:\tmp\test.exe");
}

#[test]
fn looks_in_the_image_before_the_system() {
    for (command, application, text) in [
        (
            arguments(&[
                "%CONTAINER_SANDBOX_MOUNT_POINT%/usr/local/bin/app.exe",
                r"C:\users\x y\f.txt",
            ]),
            r"C:\hpc\usr\local\bin\app.exe",
            r#"C:\hpc\usr\local\bin\app.exe "C:\users\x y\f.txt""#,
        ),
        (
            arguments(&["/usr/local/bin/app.exe"]),
            r"C:\hpc\usr\local\bin\app.exe",
            r"\usr\local\bin\app.exe",
        ),
        (
            arguments(&[r"C:\usr\local\bin\app"]),
            r"C:\hpc\usr\local\bin\app.exe",
            r"C:\usr\local\bin\app",
        ),
        (arguments(&["ping", "-t"]), r"C:\hpc\bin\ping.exe", "ping -t"),
        (arguments(&["tool"]), r"C:\hpc\tool.exe", "tool"),
        (
            arguments(&["$env:CONTAINER_SANDBOX_MOUNT_POINT/tool.exe"]),
            r"C:\hpc\tool.exe",
            r"C:\hpc\tool.exe",
        ),
    ] {
        let resolved = run(&command, r"C:\work", r"C:\bin;C:\windows\system32", &IMAGE).unwrap();
        assert_eq!(resolved.application, application);
        assert_eq!(resolved.command_line, text);
    }
}

#[test]
fn says_every_place_it_looked() {
    let error = run(&arguments(&["gone"]), r"C:\work", r"C:\bin", &SYSTEM).unwrap_err();
    let ResolveError::NotFound { command, tried } = error else {
        panic!("{error}")
    };
    assert_eq!(command, "gone");
    assert_eq!(
        tried,
        [
            r"C:\work\gone.exe",
            r"C:\work\gone",
            r"C:\hpc\bin\gone.exe",
            r"C:\hpc\bin\gone",
            r"C:\hpc\gone.exe",
            r"C:\hpc\gone",
            r"C:\bin\gone.exe",
            r"C:\bin\gone",
            r"C:\windows\System32\gone.exe",
            r"C:\windows\System32\gone",
            r"C:\windows\System\gone.exe",
            r"C:\windows\System\gone",
            r"C:\windows\gone.exe",
            r"C:\windows\gone",
        ]
    );
}

#[test]
fn rejects_what_names_no_program() {
    for (command, expected) in [
        (
            line(r#""ping 127.0.0.1"#),
            ResolveError::Quote(r#""ping 127.0.0.1"#.to_owned()),
        ),
        (line("   "), ResolveError::Empty),
        (line(""), ResolveError::Empty),
        (line(r#""" x"#), ResolveError::Empty),
        (arguments(&[]), ResolveError::Empty),
        (arguments(&[""]), ResolveError::Empty),
        (arguments(&["a\"b"]), ResolveError::Quote("a\"b".to_owned())),
        (
            arguments(&[r"C:\windows\System32"]),
            ResolveError::Directory {
                path: r"C:\windows\System32".to_owned(),
            },
        ),
    ] {
        assert_eq!(run(&command, r"C:\", "", &SYSTEM).unwrap_err(), expected);
    }
}

#[test]
fn rejects_batch_arguments_that_cmd_would_interpret() {
    assert!(run(&arguments(&["start.cmd", "plain"]), r"C:\tmp", "", &SYSTEM).is_ok());
    assert_eq!(
        run(&arguments(&["start.cmd", "a&b"]), r"C:\tmp", "", &SYSTEM).unwrap_err(),
        ResolveError::BatchArgument {
            path: r"C:\tmp\start.cmd".to_owned(),
            character: '&'
        }
    );
}
