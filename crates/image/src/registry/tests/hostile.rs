//! Registries that give out what they should not.

use super::*;

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

fn image() -> Fake {
    Fake::new(&[7; 1000], "linux")
}

/// A registry that answers the layer in that way.
fn odd_layer(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Server {
    let image = image();
    let path = image.layer_path();
    Server::registry(image, move |request, stream| {
        let odd = request.line.ends_with(&path);
        if odd {
            answer(request, stream);
        }
        odd
    })
}

/// A registry that answers the manifest in that way.
fn odd_manifest(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Server {
    Server::registry(image(), move |request, stream| {
        let odd = request.line.contains("/manifests/");
        if odd {
            answer(stream);
        }
        odd
    })
}

#[test]
fn a_blob_of_another_content_gets_no_name() {
    let server = odd_layer(|_, stream| reply(stream, "200 OK", &[], &[8; 1000]));
    let bench = Bench::new();
    let said = bench.refusal(&server);
    let (right, wrong) = (Digest::of(&[7; 1000]), Digest::of(&[8; 1000]));
    assert!(
        said.contains(&format!("what came is {wrong}, not {right}")),
        "{said}"
    );
    assert!(!bench.store.blob_path(&wrong).exists() && !bench.store.blob_path(&right).exists());
}

#[test]
fn a_blob_without_end_is_cut_at_its_size() {
    let server = odd_layer(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[7; 4096]).is_ok() {}
    });
    let said = Bench::new().refusal(&server);
    assert!(said.contains("longer than 1000 bytes"), "{said}");
}

#[test]
fn a_blob_of_another_size_is_refused_at_once() {
    let server = odd_layer(|_, stream| reply(stream, "200 OK", &[], &[7; 999]));
    let bench = Bench::new();
    let said = bench.refusal(&server);
    assert!(
        said.contains("999 bytes came where the descriptor says 1000"),
        "{said}"
    );
    assert!(bench.waits.0.lock().unwrap().is_empty());
}

#[test]
fn a_manifest_beyond_the_limit_is_not_read() {
    let bench = Bench::new();
    let said = bench.refusal(&odd_manifest(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n");
    }));
    assert!(said.contains("longer than 4194304 bytes"), "{said}");
    let said = bench.refusal(&odd_manifest(|stream| {
        let _ = stream.write_all(CHUNKED);
        let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
        while stream.write_all(piece.as_bytes()).is_ok() {}
    }));
    assert!(said.contains("longer than 4194304 bytes"), "{said}");
}

#[test]
fn a_manifest_that_its_header_belies_is_refused() {
    let other = Digest::of(b"other").to_string();
    let manifest = image().manifest;
    let server = odd_manifest(move |stream| {
        let headers = [
            ("Content-Type", MANIFEST),
            ("Docker-Content-Digest", other.as_str()),
        ];
        reply(stream, "200 OK", &headers, &manifest);
    });
    let said = Bench::new().refusal(&server);
    assert!(said.contains(&format!("not {}", Digest::of(b"other"))), "{said}");
}

#[test]
fn a_digest_in_the_reference_is_verified() {
    let server = Server::registry(image(), |_, _| false);
    let bench = Bench::new();
    let other = Digest::of(b"other");
    let reference = Reference::parse(&format!("{}/team/app@{other}", server.host)).unwrap();
    let wanted = Platforms::These(vec!["linux/amd64".parse().unwrap()]);
    let pulled = bench
        .client
        .pull(&bench.store, &reference, "app", &wanted, &Silent);
    let said = pulled.unwrap_err().to_string();
    assert!(said.contains(&format!("not {other}")), "{said}");
}

#[test]
fn pages_are_no_manifests() {
    let server = odd_manifest(|stream| reply(stream, "200 OK", &[("Content-Type", "text/html")], b"<html>"));
    let said = Bench::new().refusal(&server);
    assert!(said.contains("\"text/html\""), "{said}");
}

#[test]
fn garbage_on_the_wire_is_an_error() {
    let bench = Bench::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nwhat\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 999999 \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "",
    ] {
        let server = odd_layer(move |_, stream| stream.write_all(answer.as_bytes()).unwrap());
        let said = bench.refusal(&server);
        assert!(said.starts_with("fetch http://127.0.0.1"), "{answer:?}: {said}");
        let server = odd_manifest(move |stream| stream.write_all(answer.as_bytes()).unwrap());
        let said = bench.refusal(&server);
        assert!(said.starts_with("fetch http://127.0.0.1"), "{answer:?}: {said}");
    }
}

#[test]
fn headers_have_a_limit() {
    let server = odd_manifest(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream
            .write_all(format!("X: {}\r\n", "x".repeat(4000)).as_bytes())
            .is_ok()
        {}
    });
    let said = Bench::new().refusal(&server);
    assert!(said.contains("headers") && said.contains("65536"), "{said}");
}

#[test]
fn redirects_are_counted() {
    let server = odd_layer(|request, stream| {
        let path = request.line.split(' ').nth(1).unwrap();
        reply(stream, "307 Temporary Redirect", &[("Location", path)], b"");
    });
    let said = Bench::new().refusal(&server);
    assert!(said.contains("redirects more than 5 times"), "{said}");
    let blobs = server
        .lines()
        .iter()
        .filter(|line| line.ends_with(&image().layer_path()))
        .count();
    assert_eq!(blobs, 6);
}

#[test]
fn redirects_lead_to_no_plain_http_elsewhere() {
    for (to, shown) in [
        ("http://192.0.2.1/x?sig=hunter2", "http://192.0.2.1/x?…"),
        ("ftp://192.0.2.1/x", "a place that is no URL"),
        ("http://me:hunter2@127.0.0.1/x", "a place that is no URL"),
    ] {
        let server = odd_layer(move |_, stream| reply(stream, "302 Found", &[("Location", to)], b""));
        let said = Bench::new().refusal(&server);
        assert!(said.contains(&format!("it leads to {shown}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_silent_registry_is_given_up() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let server = odd_layer(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n1");
        let _ = ended.lock().unwrap().recv();
    });
    let mut bench = Bench::new();
    bench.client.bounds.idle = Duration::from_millis(100);
    bench.client.bounds.attempts = 1;
    let said = bench.refusal(&server);
    drop(end);
    assert!(said.contains("too slow: nothing in time"), "{said}");
}

#[test]
fn a_trickle_is_given_up() {
    let server = odd_layer(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        // Never silent, and never done.
        while stream.write_all(&[7]).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let mut bench = Bench::new();
    bench.client.bounds.pace_time = Duration::from_millis(50);
    bench.client.bounds.pace_bytes = 1000;
    bench.client.bounds.attempts = 1;
    let said = bench.refusal(&server);
    assert!(said.contains("too slow: less than 1000 bytes"), "{said}");
}

#[test]
fn a_busy_registry_is_asked_again_when_it_says() {
    let asked = Mutex::new(0);
    let server = odd_manifest(move |stream| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => reply(stream, "429 Too Many Requests", &[("Retry-After", "7")], b""),
            2 => reply(stream, "503 Service Unavailable", &[], b""),
            _ => reply(stream, "200 OK", &[("Content-Type", MANIFEST)], &image().manifest),
        }
    });
    let bench = Bench::new();
    bench.pull(&server).unwrap();
    assert_eq!(
        *bench.waits.0.lock().unwrap(),
        [Duration::from_secs(7), Duration::from_secs(2)]
    );
}

#[test]
fn patience_ends() {
    let bench = Bench::new();
    let said = bench.refusal(&odd_manifest(|stream| {
        reply(stream, "429 Too Many Requests", &[("Retry-After", "3600")], b"");
    }));
    assert!(said.contains("asks to wait 3600 s"), "{said}");
    let said = bench.refusal(&odd_manifest(|stream| {
        reply(
            stream,
            "502 Bad Gateway",
            &[],
            br#"{"errors":[{"code":"UNAVAILABLE","message":"x"}]}"#,
        );
    }));
    assert!(said.contains("the registry answers 502 (UNAVAILABLE)"), "{said}");
    let waits: Vec<u64> = bench
        .waits
        .0
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn an_index_that_belies_its_images_is_refused() {
    let linux = image();
    let list = index(&[(&linux, "windows")]);
    let server = Server::registry(linux, move |request, stream| {
        let odd = request.is("GET", "/manifests/1");
        if odd {
            reply(stream, "200 OK", &[("Content-Type", INDEX)], &list);
        }
        odd
    });
    let bench = Bench::new();
    let said = bench.pull_for(&server, "windows/amd64").unwrap_err().to_string();
    assert!(
        said.contains("the index says windows/amd64, but the image is for linux/amd64"),
        "{said}"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let server = odd_manifest(|stream| {
        reply(
            stream,
            "404 Not Found",
            &[],
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"hunter2"}]}"#,
        );
    });
    let said = Bench::new().refusal(&server);
    assert!(said.ends_with("not found (MANIFEST_UNKNOWN)"), "{said}");
}
