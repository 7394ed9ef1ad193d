//! Images that are sent.

use super::*;

/// A store with one image, and its fake.
fn filled() -> (Bench, Fake) {
    let image = Fake::new(b"layer", "linux");
    let server = Server::registry(image.clone(), |_, _| false);
    let bench = Bench::new();
    bench.pull(&server).unwrap();
    (bench, image)
}

fn push(bench: &Bench, server: &Server) -> super::super::Result<super::super::Pushed> {
    bench
        .client
        .push(&bench.store, "app", &server.reference(), &Silent)
}

/// A registry that has nothing and takes everything; uploads go to `place`, or to where it is.
fn taking(
    place: Option<String>,
    odd: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
) -> Server {
    Server::start(move |request, stream| {
        if odd(request, stream) {
        } else if request.line.starts_with("HEAD ") {
            reply(stream, "404 Not Found", &[], b"");
        } else if request.is("POST", "/blobs/uploads/") {
            let relative = "/v2/team/app/blobs/uploads/1?state=x".to_owned();
            let location = place.clone().unwrap_or(relative);
            reply(stream, "202 Accepted", &[("Location", &location)], b"");
        } else {
            reply(stream, "201 Created", &[], b"");
        }
    })
}

#[test]
fn the_manifest_comes_last() {
    let (bench, image) = filled();
    let server = taking(None, |_, _| false);
    let pushed = push(&bench, &server).unwrap();
    assert_eq!(pushed.digest, image.digest());
    assert_eq!(
        pushed.transferred,
        (image.config.len() + image.layer.len()) as u64
    );
    let all = server.all();
    let last = all.last().unwrap();
    assert_eq!(last.line, "PUT /v2/team/app/manifests/1");
    assert_eq!(
        (last.header("content-type"), &last.body),
        (Some(MANIFEST), &image.manifest)
    );
    let puts: Vec<&Seen> = all
        .iter()
        .filter(|seen| seen.line.contains("/uploads/1?state=x&digest="))
        .collect();
    assert_eq!(puts.len(), 2);
    for put in puts {
        let digest = Digest::of(&put.body).to_string().replace(':', "%3A");
        assert!(put.line.ends_with(&digest), "{}", put.line);
    }
}

#[test]
fn what_is_there_is_not_sent() {
    let (bench, _) = filled();
    let server = taking(None, |request, stream| {
        let head = request.line.starts_with("HEAD ");
        if head {
            reply(stream, "200 OK", &[], b"");
        }
        head
    });
    assert_eq!(push(&bench, &server).unwrap().transferred, 0);
    assert!(server.lines().iter().all(|line| !line.starts_with("POST ")));
}

#[test]
fn where_uploads_go_is_told_no_password() {
    let (bench, _) = filled();
    let other = Server::start(|_, stream| reply(stream, "201 Created", &[], b""));
    let server = taking(
        Some(format!("http://{}/up?sig=x", other.host)),
        |request, stream| {
            let known = request.header("authorization").is_some();
            if !known {
                reply(stream, "401 Unauthorized", &[("WWW-Authenticate", "Basic")], b"");
            }
            !known
        },
    );
    let bench = bench.with_login(&server);
    push(&bench, &server).unwrap();
    let all = other.all();
    assert_eq!(all.len(), 2);
    assert!(
        all.iter().all(|seen| seen.header("authorization").is_none()),
        "{all:?}"
    );
}

#[test]
fn uploads_go_to_no_plain_http_elsewhere() {
    let (bench, _) = filled();
    let server = taking(Some("http://192.0.2.1/up".to_owned()), |_, _| false);
    let said = push(&bench, &server).unwrap_err().to_string();
    assert!(
        said.contains("it leads to http://192.0.2.1/up, which is not encrypted"),
        "{said}"
    );
}

#[test]
fn an_upload_that_breaks_off_is_begun_anew() {
    let (bench, image) = filled();
    let broken = Mutex::new(0);
    let server = taking(None, move |request, _| {
        let mut broken = broken.lock().unwrap();
        let odd = request.line.starts_with("PUT /v2/team/app/blobs") && *broken < 2;
        *broken += usize::from(odd);
        odd
    });
    assert_eq!(push(&bench, &server).unwrap().digest, image.digest());
    let posts = server
        .lines()
        .iter()
        .filter(|line| line.starts_with("POST "))
        .count();
    assert_eq!(posts, 4);
}

/// A registry that takes half of the layer and breaks off; asked for its upload, it says so with that range.
fn halving(
    range: &'static str,
    odd: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
) -> Server {
    let broken = Mutex::new(false);
    taking(None, move |request, stream| {
        let layer = request.line.starts_with("PUT ") && request.body == b"layer";
        if odd(request, stream) {
            true
        } else if layer && !*broken.lock().unwrap() {
            *broken.lock().unwrap() = true;
            true
        } else if request.is("GET", "/blobs/uploads/1") {
            let location = ("Location", "/v2/team/app/blobs/uploads/1?state=y");
            reply(stream, "204 No Content", &[location, ("Range", range)], b"");
            true
        } else {
            false
        }
    })
}

/// What was sent of the layer: content range and bytes.
fn sent(server: &Server) -> Vec<(Option<String>, Vec<u8>)> {
    let all = server.all().into_iter();
    all.filter(|seen| seen.line.starts_with("PUT ") && b"layer".ends_with(&seen.body))
        .map(|seen| (seen.header("content-range").map(str::to_owned), seen.body))
        .collect()
}

#[test]
fn an_upload_that_broke_off_goes_on_with_what_is_there() {
    let (bench, _) = filled();
    let server = halving("0-2", |_, _| false);
    push(&bench, &server).unwrap();
    let rest = (Some("3-4".to_owned()), b"er".to_vec());
    assert_eq!(sent(&server), [(None, b"layer".to_vec()), rest]);
    let last = server.all().into_iter().rfind(|seen| seen.body == b"er").unwrap();
    assert!(last.line.contains("/uploads/1?state=y&digest="), "{}", last.line);
    // What is no part from the beginning is not gone on with.
    for range in ["1-2", "0-0", "0-4", "0-99999999999999999999", "x", "bytes=0-2"] {
        let (bench, _) = filled();
        let server = halving(range, |_, _| false);
        push(&bench, &server).unwrap();
        assert_eq!(
            sent(&server),
            [(None, b"layer".to_vec()), (None, b"layer".to_vec())],
            "{range}"
        );
    }
}

#[test]
fn a_registry_that_does_not_go_on_is_sent_everything() {
    let (bench, _) = filled();
    let server = halving("0-2", |request, stream| {
        let odd = request.header("content-range").is_some();
        if odd {
            reply(stream, "416 Range Not Satisfiable", &[], b"");
        }
        odd
    });
    push(&bench, &server).unwrap();
    let bodies: Vec<Vec<u8>> = sent(&server).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [b"layer".to_vec(), b"er".to_vec(), b"layer".to_vec()]);
}

#[test]
fn a_blob_whose_answer_was_lost_is_not_sent_again() {
    let (bench, _) = filled();
    let there = Mutex::new(false);
    let server = taking(None, move |request, stream| {
        let mut there = there.lock().unwrap();
        if request.line.starts_with("PUT ") && request.body == b"layer" {
            *there = true;
            return true;
        }
        let digest = Digest::of(b"layer").to_string();
        let asked = *there && request.line.starts_with("HEAD ") && request.line.contains(&digest);
        if asked {
            reply(stream, "200 OK", &[], b"");
        }
        asked
    });
    push(&bench, &server).unwrap();
    assert_eq!(sent(&server).len(), 1);
}

#[test]
fn a_registry_that_keeps_something_else_is_named() {
    let (bench, _) = filled();
    let server = taking(None, |request, stream| {
        let odd = request.line.contains("/manifests/");
        if odd {
            let other = Digest::of(b"other").to_string();
            reply(
                stream,
                "201 Created",
                &[("Docker-Content-Digest", other.as_str())],
                b"",
            );
        }
        odd
    });
    let said = push(&bench, &server).unwrap_err().to_string();
    assert!(
        said.contains(&format!("what came is {}", Digest::of(b"other"))),
        "{said}"
    );
}

#[test]
fn a_corrupt_blob_is_not_sent() {
    let (bench, image) = filled();
    std::fs::write(bench.store.blob_path(&Digest::of(&image.layer)), b"lAyer").unwrap();
    let server = taking(None, |_, _| false);
    let said = push(&bench, &server).unwrap_err().to_string();
    assert!(said.contains("is corrupt"), "{said}");
    assert!(server.lines().iter().all(|line| !line.contains("/manifests/")));
}

#[test]
fn a_name_that_is_not_there_is_said() {
    let bench = Bench::new();
    let server = taking(None, |_, _| false);
    let said = push(&bench, &server).unwrap_err().to_string();
    assert!(said.contains("no image \"app\" in the store"), "{said}");
    assert!(server.lines().is_empty());
}
