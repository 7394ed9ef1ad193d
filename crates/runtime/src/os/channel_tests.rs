//! The way to the holder of a directory, the same on every system.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::{Listener, Stream};

fn answer(listener: &Listener) {
    let mut stream = listener.accept().unwrap();
    stream.set_deadline(Some(Duration::from_mins(1)));
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    write!(stream, "heard {line}").unwrap();
}

fn ask(directory: &Path, question: &str) -> String {
    let mut stream = Stream::connect(directory).unwrap();
    stream.set_deadline(Some(Duration::from_mins(1)));
    writeln!(stream, "{question}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn one_answers_many_at_a_directory_of_any_depth() {
    let root = tempfile::tempdir().unwrap();
    let deep = root.path().join("d".repeat(100)).join("e".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    let listener = Listener::bind(&deep).unwrap();
    let server = std::thread::spawn(move || {
        for _ in 0..8 {
            answer(&listener);
        }
    });
    let asking: Vec<_> = (0..8)
        .map(|number| {
            let deep = deep.clone();
            std::thread::spawn(move || ask(&deep, &format!("question {number}")))
        })
        .collect();
    for (number, asking) in asking.into_iter().enumerate() {
        assert_eq!(asking.join().unwrap(), format!("heard question {number}\n"));
    }
    server.join().unwrap();
    assert!(Stream::connect(&deep).is_err(), "nobody listens any more");
}

#[test]
fn a_second_listener_is_refused_and_a_dead_ones_place_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    assert!(Stream::connect(root.path()).is_err());
    let listener = Listener::bind(root.path()).unwrap();
    let refused = Listener::bind(root.path()).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{refused}");
    drop(Listener::bind(other.path()).unwrap());
    drop(listener);
    // As a process leaves it that is killed.
    #[cfg(unix)]
    drop(std::os::unix::net::UnixListener::bind(root.path().join("control")).unwrap());
    drop(Listener::bind(root.path()).unwrap());
}

#[test]
fn whoever_says_nothing_or_hears_nothing_is_waited_for_until_the_deadline() {
    let root = tempfile::tempdir().unwrap();
    let listener = Listener::bind(root.path()).unwrap();
    let mut silent = Stream::connect(root.path()).unwrap();
    let mut server = listener.accept().unwrap();
    server.set_deadline(Some(Duration::from_millis(20)));
    let error = server.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    server.set_deadline(Some(Duration::from_millis(20)));
    let error = server.write_all(&vec![0; 16 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    // The connection is as good as before.
    silent.write_all(b"x").unwrap();
    server.set_deadline(None);
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
    drop(silent);
    assert!(matches!(server.read(&mut [0; 8]), Ok(0) | Err(_)));
}
